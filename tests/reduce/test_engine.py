"""The engine with planted recipes: order, reuse, one failure, and nothing left by a crash."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from pydantic import Field
from threadpoolctl import threadpool_info

from hcvo.errors import ConfigError, ReductionError
from hcvo.model.product import ProductFacts, ProductKind
from reduce import engine
from reduce.associate import Made, Plan, Task
from reduce.file_recorder import FileRecorder, only_one
from reduce.process import run_recipe
from reduce.product_file import write_product
from reduce.recipe import Consume, Job, Parameters, Recipe, SourceFile
from reduce.recipes import REGISTRY
from reduce.selection import Choice

_Inputs = Mapping[str, Sequence[SourceFile]]


class Factor(Parameters):
    """Of the planted recipes."""

    factor: float = Field(default=2.0, gt=0, description="times")


def facts(job: Job, kind: str, recipe: str) -> ProductFacts:
    return ProductFacts(
        kind=ProductKind(kind),
        level=1,
        instrument="SPHERE",
        telescope="",
        arm="IRDIS",
        algorithm="calib",
        filter="DB_H23",
        obs_id="SPHERE.IRDIS.1.2018-04-21T03:26:29",
        target_name="",
        ra_deg=None,
        dec_deg=None,
        programme="",
        ob_id=None,
        night="2018-04-20",
        mjd_start=1.0,
        mjd_end=2.0,
        exptime_s=1.0,
        dit_s=1.0,
        ncombine=1,
        wavelength_min_nm=None,
        wavelength_max_nm=None,
        pixel_scale_mas=None,
        fwhm_mas=None,
        coronagraph="",
        derotator_mode="",
        technique="",
        field_rotation_deg=None,
        match_level=0,
        process_id=job.process_id,
        recipe=recipe,
        recipe_version=job.version,
        provenance=(),
        axes="y,x",
        unit="",
    )


def planted(
    kind: str,
    eats: str | None = None,
    body: Callable[[_Inputs, Factor, Job], None] = lambda *_: None,
) -> Recipe:
    """A recipe `make_<kind>` that writes its factor, after doing `body`."""

    def run(files: _Inputs, parameters: Parameters, job: Job) -> None:
        assert isinstance(parameters, Factor)
        made = facts(job, kind, f"make_{kind}")
        path = job.path_for(made)
        write_product(path, made, np.full((2, 2), parameters.factor, np.float32))
        body(files, parameters, job)
        job.done(made, path)

    consumes = (Consume("main", frozenset({eats})),) if eats else ()
    return Recipe(f"make_{kind}", consumes, frozenset({kind}), Factor, run)


def task(recipe: Recipe, *after: str) -> Task:
    kinds = sorted(recipe.consumes[0].classes) if recipe.consumes else []
    return Task(
        recipe.name, recipe.name, {"main": tuple(Made(a, k) for a in after for k in kinds)} if after else {}
    )


def run_all(out: Path, recipes: Sequence[Recipe], tasks: Sequence[Task]) -> engine.Summary:
    recorder = FileRecorder(out)
    return engine.run_plan(Plan(tuple(tasks), ()), recipes, recorder, recorder.staging, out / "logs")


def boom(*_: object) -> None:
    raise ZeroDivisionError("planted")


def test_recipes_are_ordered_by_what_they_consume() -> None:
    cube, flat, dark = planted("cube", "flat"), planted("flat", "dark"), planted("dark")
    assert [recipe.name for recipe in engine.in_order([cube, flat, dark])] == [
        "make_dark",
        "make_flat",
        "make_cube",
    ]


def test_a_circle_of_recipes_is_refused() -> None:
    with pytest.raises(ReductionError, match="make_dark, make_flat wait for each other"):
        engine.in_order([planted("dark", "flat"), planted("flat", "dark")])


def test_the_registry_can_be_ordered() -> None:
    names = [recipe.name for recipe in engine.in_order(REGISTRY)]
    assert names.index("ird_master_dark") < names.index("ird_master_flat") < names.index("ird_level1")
    assert names.index("ird_level1") < min(names.index("cadi"), names.index("pca"))


def test_each_process_is_recorded_with_inputs_parameters_libraries_and_log(tmp_path: Path) -> None:
    dark, flat = planted("dark"), planted("flat", "dark")
    summary = run_all(tmp_path, [flat, dark], [task(flat, "make_dark"), task(dark)])
    assert (summary.done, summary.reused, summary.failed) == (2, 0, 0)
    record = json.loads((tmp_path / "processes" / "2.json").read_text())
    assert (record["state"], record["recipe"], record["parameters"]) == ("done", "make_flat", {"factor": 2.0})
    assert {"python", "numpy", "scipy", "astropy", "numba"} <= set(record["libraries"])
    (read,) = record["inputs"]
    (made,) = json.loads((tmp_path / "processes" / "1.json").read_text())["outputs"]
    assert read["sha256"] == made["sha256"]
    lines = [json.loads(line) for line in (tmp_path / record["log"]).read_text().splitlines()]
    assert [line["event"] for line in lines] == ["begin", "input", "product", "end"]
    assert record["host"]


def test_what_was_done_is_not_done_again(tmp_path: Path) -> None:
    dark, flat = planted("dark"), planted("flat", "dark")
    tasks = [task(dark), task(flat, "make_dark")]
    first = run_all(tmp_path, [dark, flat], tasks)
    again = run_all(tmp_path, [planted("dark", body=boom), planted("flat", "dark", body=boom)], tasks)
    assert (again.done, again.reused, again.products) == (0, 2, first.products)
    recorder = FileRecorder(tmp_path)
    where = {"recorder": recorder, "staging": recorder.staging, "logs": tmp_path / "logs"}
    assert run_recipe(dark, {}, Factor(factor=2.0), **where).reused  # type: ignore[arg-type]
    assert not run_recipe(dark, {}, {"factor": 3.0}, **where).reused  # type: ignore[arg-type]


def test_a_missing_or_cut_product_is_made_again(tmp_path: Path) -> None:
    dark = planted("dark")
    (product,) = run_all(tmp_path, [dark], [task(dark)]).products
    product.unlink()
    assert run_all(tmp_path, [dark], [task(dark)]).done == 1


def test_a_failure_stops_only_what_depends_on_it(tmp_path: Path) -> None:
    dark, flat, psf = planted("dark", body=boom), planted("flat", "dark"), planted("psf")
    summary = run_all(tmp_path, [dark, flat, psf], [task(dark), task(flat, "make_dark"), task(psf)])
    assert (summary.done, summary.failed) == (1, 1)
    assert [product.name.split("_")[-2] for product in summary.products] == ["psf"]
    failed, skipped = summary.refusals
    told = "stopped by a fault of the program (ZeroDivisionError: planted)"
    assert failed.startswith(f"make_dark: {told}; {tmp_path / 'logs' / 'make_dark-'}")
    assert failed.endswith("tells where, please report it")
    assert skipped == "make_flat: not run, because this failed: make_dark"
    record = json.loads((tmp_path / "processes" / "1.json").read_text())
    assert (record["state"], record["outputs"]) == ("failed", [])
    assert record["error"].startswith(f"ReductionError: {told}")
    assert "ZeroDivisionError" in (tmp_path / record["log"]).read_text()
    assert list((tmp_path / ".staging").iterdir()) == []


def test_wrong_parameters_and_inputs_are_refused_before_anything_is_recorded(tmp_path: Path) -> None:
    recorder = FileRecorder(tmp_path)
    where = {"recorder": recorder, "staging": recorder.staging, "logs": tmp_path / "logs"}
    with pytest.raises(ConfigError, match=r"make_dark, parameter factor = -1.*factor"):
        run_recipe(planted("dark"), {}, {"factor": -1}, **where)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="parameter size"):
        run_recipe(planted("dark"), {}, {"size": 1}, **where)  # type: ignore[arg-type]
    with pytest.raises(ReductionError, match="input main: 0 files, wanted 1"):
        run_recipe(planted("flat", "dark"), {}, None, **where)  # type: ignore[arg-type]
    with pytest.raises(ReductionError, match="no input other"):
        run_recipe(planted("dark"), {"other": []}, None, **where)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="parameters for make_coffee: no such recipe"):
        engine.reduce_frames([], **where, choice=Choice(parameters={"make_coffee": {}}))  # type: ignore[arg-type]
    assert list((tmp_path / "processes").iterdir()) == []


def test_a_recipe_that_makes_what_it_does_not_declare_fails(tmp_path: Path) -> None:
    liar = Recipe("liar", (), frozenset({"flat"}), Factor, planted("dark").run)
    summary = run_all(tmp_path, [liar], [task(liar)])
    assert summary.failed == 1
    assert "liar made dark, declares flat" in summary.refusals[0]
    assert list(tmp_path.rglob("*.fits")) == []


def test_blas_runs_on_one_thread_in_a_process(tmp_path: Path) -> None:
    seen: list[int] = []

    def look(*_: object) -> None:
        seen.extend(pool["num_threads"] for pool in threadpool_info())

    run_all(tmp_path, [planted("dark", body=look)], [task(planted("dark"))])
    assert set(seen) == {1}


def test_two_programs_do_not_write_into_one_folder(tmp_path: Path) -> None:
    with only_one(tmp_path), pytest.raises(ReductionError, match="another hcvo"), only_one(tmp_path):
        pass
    with only_one(tmp_path):
        pass


_KILLED = """
import os, signal, sys
from pathlib import Path
from reduce.file_recorder import FileRecorder
from tests.reduce import test_engine as t
import hcvo.store, reduce.file_recorder as r

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

where = sys.argv[2]
if where == "placing":
    place = r.place
    r.place = lambda source, target: (place(source, target), die())
dark = t.planted("dark", body=die if where == "running" else lambda *_: None)
if where == "before":
    FileRecorder.finish = die
t.run_all(Path(sys.argv[1]), [dark], [t.task(dark)])
"""


@pytest.mark.parametrize("moment", ["running", "before", "placing"])
def test_kill_9_leaves_nothing_and_the_next_run_is_whole(tmp_path: Path, moment: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_KILLED), str(tmp_path), moment],
        check=False,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )
    assert ended.returncode == -signal.SIGKILL
    recorder = FileRecorder(tmp_path)
    assert json.loads((tmp_path / "processes" / "1.json").read_text())["state"] == "running"
    assert recorder.recover() == [1]
    assert [p for p in tmp_path.rglob("*") if p.suffix in (".fits", ".png")] == []
    assert not recorder.staging.exists()
    record = json.loads((tmp_path / "processes" / "1.json").read_text())
    assert (record["state"], "killed" in record["error"]) == ("failed", True)
    dark = planted("dark")
    summary = run_all(tmp_path, [dark], [task(dark)])
    assert (summary.done, len(summary.products)) == (1, 1)
    assert json.loads((tmp_path / "processes" / "2.json").read_text())["state"] == "done"
    assert recorder.recover() == []
