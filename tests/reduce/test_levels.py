"""Match levels from the tables to the headers, masters made once: plans run, recipes only write."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hcvo.headers.product import read_product_facts
from hcvo.model.frame import RawFrame
from hcvo.model.product import ProductFacts
from reduce.associate import plan
from reduce.engine import Summary, run_plan
from reduce.file_recorder import FileRecorder
from reduce.product_file import write_product
from reduce.recipe import Job, Parameters, Recipe, SourceFile
from reduce.recipes import REGISTRY
from reduce.recipes.calibration import origin_of
from tests.reduce.planned_frames import CALIBRATION, frame, night
from tests.reduce.test_engine import facts

_KINDS = frozenset({"dark", "flat", "centres", "psf", "cube"})
_CENTER, _FLUX, _SKY = "IRD_STAR_CENTER_WAFFLE_RAW", "IRD_FLUX_RAW", "IRD_SKY_BG_RAW"


def _only_writing(recipe: Recipe) -> Recipe:
    """The recipe as declared, with a product that holds nothing but its level."""
    (kind,) = recipe.makes & _KINDS

    def run(files: Mapping[str, Sequence[SourceFile]], parameters: Parameters, job: Job) -> None:
        del parameters
        origin = origin_of(files)
        made = replace(facts(job, kind, recipe.name), match_level=origin.match_level)
        path = job.path_for(made)
        write_product(path, made, np.zeros((2, 2), np.float32))
        job.done(made, path)

    return replace(recipe, run=run)


_RECIPES = [_only_writing(recipe) for recipe in REGISTRY if recipe.name.startswith("ird_")]


def _run(frames: Sequence[RawFrame], out: Path, target: str | None = None) -> Summary:
    recorder = FileRecorder(out)
    return run_plan(plan(frames, target), _RECIPES, recorder, recorder.staging, out / "logs")


def _products(summary: Summary) -> dict[str, list[ProductFacts]]:
    found: dict[str, list[ProductFacts]] = {}
    for path in summary.products:
        one = read_product_facts(fits.getheader(path))
        found.setdefault(str(one.kind), []).append(one)
    return found


def _cube(summary: Summary) -> ProductFacts:
    (cube,) = _products(summary)["cube"]
    return cube


_ALL_DARKS = [frame("IRD_DARK_RAW", 9 + dit / 8, dit_s=dit, **CALIBRATION) for dit in (1.0, 3.0, 4.0, 5.0)]


def _complete(**changes: object) -> list[RawFrame]:
    return [*night(**changes), *_ALL_DARKS]


@pytest.mark.parametrize(
    ("lost", "level"),
    [((), 0), ((_SKY,), 1), ((_CENTER,), 3), ((_FLUX,), 3), ((_CENTER, _FLUX), 3), (("SPH_SPARTA_RAW",), 0)],
)
def test_the_cube_says_the_level_that_the_plan_says(
    tmp_path: Path, lost: tuple[str, ...], level: int
) -> None:
    frames = [one for one in _complete() if one.frame_class not in lost]
    (group,) = plan(frames).groups
    summary = _run(frames, tmp_path)
    assert summary.refusals == ()
    assert (_cube(summary).match_level, group.level) == (level, level)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_level_of_plan_and_cube_agree_whatever_is_lost_or_old(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Each frame of the night may be lost, or be of another night."""
    frames = []
    for one in _complete(filter=data.draw(st.sampled_from(["DB_H23", "DB_K12"]))):
        fate = data.draw(st.sampled_from(["kept", "kept", "kept", "lost", "old"]))
        if "SCIENCE" in one.frame_class or fate == "kept":
            frames.append(one)
        elif fate == "old" and one.ob_id == 9:
            days = data.draw(st.sampled_from([2.0, 15.0]))
            night_of = date.fromordinal(one.night.toordinal() - int(days))
            frames.append(
                replace(one, mjd_obs=one.mjd_obs - days, mjd_end=one.mjd_end - days, night=night_of)
            )
    (group,) = plan(frames).groups
    summary = _run(frames, tmp_path_factory.mktemp("out"))
    if group.level is None:
        assert summary.products == ()
        assert summary.refusals == (group.refusal,)
    else:
        assert _cube(summary).match_level == group.level


def _next_star(number: int, days: float) -> list[RawFrame]:
    """The same sequence of another star, some days later, without sky or calibrations of its own."""
    night_of = date.fromordinal(date(2018, 4, 20).toordinal() + int(days))
    return [
        replace(
            one, mjd_obs=one.mjd_obs + days, mjd_end=one.mjd_end + days, night=night_of, ob_id=number,
            dp_id=f"{one.dp_id}.{number}", sha256=f"{one.sha256}.{number}", target_name=f"HD {number}",
            cards={"OBJECT": f"HD {number}"},
        )
        for one in night() if one.ob_id == 1 and one.frame_class != _SKY
    ]  # fmt: skip


def test_masters_are_made_once_over_targets_and_nights_and_their_level_is_nobodys(tmp_path: Path) -> None:
    """Whoever is reduced first: a dark that is far from one star is as good for the other."""
    frames = [
        one for one in [*_complete(), *_next_star(2, 0.1), *_next_star(3, 5.0)] if one.frame_class != _SKY
    ]
    counts, cubes = set(), set()
    for number, order in enumerate([("HD 1", "HD 2", "HD 3"), ("HD 3", "HD 1", "HD 2")]):
        out = tmp_path / str(number)
        done = [_run(frames, out, target) for target in order]
        assert all(one.refusals == () for one in done)
        counts.add(tuple((one.done, one.reused) for one in done))
        cubes.add(
            tuple(sorted((target, _cube(one).match_level) for target, one in zip(order, done, strict=True)))
        )
        assert {one.match_level for each in done for one in _products(each)["dark"]} == {0}
        assert {one.match_level for each in done for one in _products(each)["flat"]} == {0}
    masters = 6 + 1  # darks of 1, 2, 3, 4, 5 and 16 s, the flat
    assert counts == {((masters + 3, 0), (3, masters), (3, masters))}
    assert cubes == {(("HD 1", 1), ("HD 2", 1), ("HD 3", 2))}


def test_the_order_of_the_files_changes_no_key(tmp_path: Path) -> None:
    frames = [*_complete(), *_next_star(2, 0.1)]
    first = _run(frames, tmp_path)
    random.Random(3).shuffle(frames)
    again = _run(frames, tmp_path)
    assert (again.done, again.reused) == (0, first.done)
