"""Catalogue and association say alike which frames are one observation and what it is called."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hcvo.catalogue.frames import frames_for, observations_of
from hcvo.catalogue.models import Observation
from hcvo.config import Settings
from hcvo.model.observation import observation_id
from ingest.raw import ingest_raw
from reduce.associate import Made, Raw, plan
from reduce.classify import read_raw_frame
from reduce.recipe import SourceFile
from tests.ingest import frames

FLAT = ("CALIB", "FLAT,LAMP", "IMAGE", "IRDIS")
POLARIMETRY = ("SCIENCE", "OBJECT", "POLARIMETRY", "IRDIS")
FIRST, AGAIN = 0.0, 90.0
"""Minutes after which the block is executed, and executed again."""


def _execution(folder: Path, begin: float, *extra: tuple[str, str, str, str]) -> list[Path]:
    """One run through the block: centre, flux, two science files, centre."""
    sequence = [*extra, frames.CENTER, frames.FLUX, frames.SCIENCE, frames.SCIENCE, frames.CENTER]
    started = (datetime(2015, 2, 3, 4, 50, 11, tzinfo=UTC) + timedelta(minutes=begin)).strftime("%FT%T")
    paths = []
    for number, dpr in enumerate(sequence):
        cards = frames.header(dpr, begin + number)
        cards["HIERARCH ESO OBS START"] = started
        paths.append(frames.write_frame(folder, cards))
    return paths


def _calibrations(folder: Path) -> list[Path]:
    flats = [frames.header(FLAT, 300 + n, ob_id=None, target="FLAT,LAMP", dit=1.0 + n) for n in range(3)]
    dark = frames.header(frames.DARK, 310, ob_id=None, target="DARK")
    return [frames.write_frame(folder, cards) for cards in (*flats, dark)]


def _science(task_inputs: tuple[Raw | Made | SourceFile, ...]) -> set[str]:
    return {one.frame.dp_id for one in task_inputs if isinstance(one, Raw)}


@pytest.mark.parametrize("extra", [(), (POLARIMETRY,)])
def test_a_block_executed_twice_in_a_night_is_two_observations_in_both(
    catalogue: Settings, tmp_path: Path, extra: tuple[tuple[str, str, str, str], ...]
) -> None:
    runs = [_execution(tmp_path, FIRST, *extra), _execution(tmp_path, AGAIN)]
    paths = [*runs[0], *runs[1], *_calibrations(tmp_path)]
    random.Random(5).shuffle(paths)
    assert ingest_raw(paths, read_raw_frame, catalogue).usable
    known = {one.obs_id: one for one in Observation.objects.all()}
    assert len(known) == 2

    for given in (
        [read_raw_frame(path) for path in paths],
        frames_for(observations_of(None, "beta Pic")),
    ):
        made = plan(given)
        assert made.refusals == ()
        cubes = [task for task in made.tasks if task.recipe == "ird_level1"]
        named = {}
        for cube in cubes:
            (namer,) = cube.inputs["observation"]
            assert isinstance(namer, Raw)
            frame = namer.frame
            name = observation_id(frame.instrument, frame.arm, frame.ob_id, frame.mjd_obs)
            named[name] = _science(cube.inputs["science"])
        assert named.keys() == known.keys()
        for name, science in named.items():
            rows = known[name].frames.filter(frame_class="IRD_SCIENCE_DBI_RAW")
            assert science == set(rows.values_list("dp_id", flat=True))


def test_each_execution_is_centred_by_its_own_frames(tmp_path: Path) -> None:
    """Though the closing centre of the first is nearer to the science of the second."""
    first, again = _execution(tmp_path, 0.0), _execution(tmp_path, 5.0)
    made = plan([read_raw_frame(path) for path in (*first, *again, *_calibrations(tmp_path))])
    assert made.refusals == ()
    centres = {
        frozenset(_science(task.inputs["center"])) for task in made.tasks if task.recipe == "ird_star_centre"
    }
    own = [frozenset(read_raw_frame(run[at]).dp_id for at in (0, 4)) for run in (first, again)]
    assert centres == set(own)


def test_without_a_centre_of_its_own_another_execution_serves(tmp_path: Path) -> None:
    first, again = _execution(tmp_path, FIRST), _execution(tmp_path, AGAIN)
    left = [path for at, path in enumerate(again) if at not in (0, 4)]
    made = plan([read_raw_frame(path) for path in (*first, *left, *_calibrations(tmp_path))])
    assert made.refusals == ()
    levels = sorted(
        one.level
        for task in made.tasks
        if task.recipe == "ird_level1"
        for one in task.inputs["centres"]
        if isinstance(one, Made)
    )
    assert levels == [0, 1]
