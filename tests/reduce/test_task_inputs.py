"""Inputs that fail: others go on without them, and their products say so."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from hcvo.errors import InputError
from hcvo.headers.product import read_product_facts
from hcvo.model.product import ProductKind
from reduce import engine
from reduce.associate import Made, Raw, Task
from reduce.product_file import write_product
from reduce.recipe import Consume, Job, Parameters, Recipe, SourceFile
from tests.reduce.planned_frames import frame
from tests.reduce.test_engine import Factor, facts, run_all


def _hungry(kind: str, *needs: Consume, bad: Sequence[str] = ()) -> Recipe:
    """A recipe of raw files 'main' and products; it cannot read files called so."""

    def run(files: Mapping[str, Sequence[SourceFile]], _: Parameters, job: Job) -> None:
        for source in files["main"]:
            if source.name in bad:
                raise InputError(f"{source.path}: planted", source.path)
        names = tuple(source.name for role in files.values() for source in role)
        level = max(source.match_level for role in files.values() for source in role)
        made = replace(facts(job, kind, f"make_{kind}"), provenance=names, match_level=level)
        write_product(job.path_for(made), made, np.ones((2, 2), np.float32))
        job.done(made, job.path_for(made))

    return Recipe(
        f"make_{kind}", (Consume("main", frozenset({"RAW"})), *needs), frozenset({kind}), Factor, run
    )


def _raws(*names: str, level: int = 0) -> tuple[Raw, ...]:
    frames = [frame("RAW", 0.0, path=Path("/raw") / name, sha256=name, dp_id=name) for name in names]
    return tuple(Raw(one, level) for one in frames)


def _made_of(summary: engine.Summary, kind: str) -> list[tuple[tuple[str, ...], int]]:
    found = [read_product_facts(fits.getheader(path)) for path in summary.products]
    return [(one.provenance, one.match_level) for one in found if one.kind == ProductKind(kind)]


def test_a_raw_file_that_cannot_be_read_is_left_out_by_name_and_known_from_then_on(tmp_path: Path) -> None:
    recipes = [_hungry("dark", bad=["b", "d"]), _hungry("flat", bad=["b"])]
    tasks = [
        Task("dark", "make_dark", {"main": _raws("a", "b", "c", "d")}),
        Task("flat", "make_flat", {"main": _raws("b", "c")}),
    ]
    summary = run_all(tmp_path, recipes, tasks)
    assert _made_of(summary, "dark") == [(("a", "c"), 0)]
    assert _made_of(summary, "flat") == [(("c",), 0)]
    assert summary.refusals == ("/raw/b: planted; left out", "/raw/d: planted; left out")


def test_the_last_file_of_a_role_is_not_left_out(tmp_path: Path) -> None:
    summary = run_all(
        tmp_path, [_hungry("dark", bad=["a", "b"])], [Task("dark", "make_dark", {"main": _raws("a", "b")})]
    )
    assert summary.products == ()
    assert summary.refusals == ("/raw/a: planted; left out", "dark: /raw/b: planted")


@pytest.mark.parametrize(("without", "made"), [(3, [(("s",), 3)]), (None, [])])
def test_a_product_that_can_be_done_without_is_and_the_level_says_so(
    tmp_path: Path, without: int | None, made: list[tuple[tuple[str, ...], int]]
) -> None:
    psf = Consume("psf", frozenset({"psf"}), minimum=0)
    recipes = [_hungry("psf", bad=["f"]), _hungry("cube", psf)]
    cube: dict[str, tuple[Raw | Made, ...]] = {"main": _raws("s"), "psf": (Made("psf", "psf", 0, without),)}
    tasks = [Task("psf", "make_psf", {"main": _raws("f")}), Task("cube", "make_cube", cube)]
    summary = run_all(tmp_path, recipes, tasks)
    assert _made_of(summary, "cube") == made
    assert (summary.refusals[0], summary.failed) == ("psf: /raw/f: planted", 1)
    assert len(summary.refusals) == (1 if made else 2)


def test_what_is_planned_instead_runs_when_a_task_fails_and_others_wait_for_it(tmp_path: Path) -> None:
    centres = Consume("centres", frozenset({"centres"}))
    recipes = [_hungry("centres", bad=["c"]), _hungry("cube", centres)]
    alone = Task("centres", "make_centres", {"main": _raws("s", level=3)})
    tasks = [
        Task("centres", "make_centres", {"main": _raws("c")}, alone),
        Task("cube", "make_cube", {"main": _raws("s"), "centres": (Made("centres", "centres"),)}),
    ]
    summary = run_all(tmp_path, recipes, tasks)
    assert _made_of(summary, "centres") == [(("s",), 3)]
    assert len(_made_of(summary, "cube")) == 1
    assert summary.refusals == ("centres: /raw/c: planted",)
