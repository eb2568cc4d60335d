"""Missing calibrations as rows: entered with a plan, replaced with the next, published with care."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits
from click.testing import CliRunner
from django.db import connection
from django.test.utils import CaptureQueriesContext

from hcvo.catalogue.frames import frames_for
from hcvo.catalogue.models import MissingCalibration, Observation
from hcvo.catalogue.publish import apply_views
from hcvo.centre.reduce_command import reduce
from hcvo.config import Settings
from ingest.raw import ingest_raw
from reduce.associate import plan
from reduce.classify import read_raw_frame
from tests.ingest import frames

_FLAT = ("CALIB", "FLAT,LAMP", "IMAGE", "IRDIS")


@pytest.fixture
def site(catalogue: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The catalogue, where commands find it."""
    monkeypatch.setenv("HCVO_STATE", str(catalogue.state))
    monkeypatch.setenv("HCVO_DATABASE__PORT", str(catalogue.database.port))
    monkeypatch.setenv("HCVO_DACHS__AUTHORITY", catalogue.dachs.authority)
    monkeypatch.setenv("HCVO_RESOLVER__ONLINE", "false")
    return catalogue


def _sequence() -> list[fits.Header]:
    """A block: flux, centre, three science files, and a science file of another DIT."""
    return [
        frames.header(frames.FLUX, -2.0),
        frames.header(frames.CENTER, -1.0),
        *(frames.header(minute=float(number)) for number in range(3)),
        frames.header(minute=4.0, dit=64.0),
    ]


def _dark(minute: float, dit: float) -> fits.Header:
    return frames.header(frames.DARK, minute, ob_id=None, target="DARK", dit=dit)


def _flats() -> list[fits.Header]:
    return [frames.header(_FLAT, 300.0 + n, ob_id=None, target="FLAT,LAMP", dit=1.0 + n) for n in range(3)]


def _ingest(site: Settings, folder: Path, headers: Sequence[fits.Header]) -> None:
    paths = [frames.write_frame(folder, header) for header in headers]
    assert ingest_raw(paths, read_raw_frame, site).usable


def _rows() -> set[tuple[int, str, int | None]]:
    return set(MissingCalibration.objects.values_list("sequence", "role", "level"))


def _plan(*words: str) -> int:
    return CliRunner().invoke(reduce, ["--target", "beta Pic", "--plan", *words]).exit_code


def test_a_plan_enters_what_is_missing_and_the_next_replaces_it(site: Settings, tmp_path: Path) -> None:
    _ingest(site, tmp_path, [*_sequence(), _dark(310.0, 4.0)])
    assert _plan("--dry-run") == 1
    assert _rows() == set()
    assert _plan() == 1
    nothing = {(1, "flat", None), (2, "flat", None), (2, "background", None)}
    assert _rows() == nothing
    assert _plan() == 1
    assert (_rows(), MissingCalibration.objects.count()) == (nothing, 3)
    _ingest(site, tmp_path, _flats())
    assert _plan() == 1
    first = {(1, "flat dark", 1), (1, "sparta", 0)}
    assert _rows() == first | {(2, "background", None)}
    wrong = MissingCalibration.objects.get(sequence=2)
    assert (wrong.dit, wrong.differs, wrong.candidates, wrong.n_files) == (64.0, "dit_s", 1, 1)
    assert wrong.wanted.split() == ["IRD_SKY_BG_RAW", "IRD_INS_BG_RAW", "IRD_DARK_RAW"]
    assert "DIT 4 s instead of 64 s" in wrong.reason
    _ingest(site, tmp_path, [_dark(311.0, 64.0)])
    assert _plan() == 0
    assert {row for row in _rows() if row[0] == 1} == first
    assert (2, "background", None) not in _rows()


def test_other_observations_keep_their_rows(site: Settings, tmp_path: Path) -> None:
    _ingest(site, tmp_path, _sequence())
    _plan()
    before = MissingCalibration.objects.count()
    other = [frames.header(minute=100.0, target="HD_95086", pointing=(164.3, -68.7), ob_id=77)]
    _ingest(site, tmp_path, other)
    assert CliRunner().invoke(reduce, ["--target", "HD 95086", "--plan"]).exit_code == 1
    assert MissingCalibration.objects.count() == before + 2  # a flat and a background


def _published() -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT obs_id, sequence, role, match_level, wanted FROM hci.missing_calibration"
            " ORDER BY obs_id, sequence, number"
        )
        return list(cursor.fetchall())


def test_rows_are_published_with_their_observation_and_name_no_frame(site: Settings, tmp_path: Path) -> None:
    apply_views(site)
    _ingest(site, tmp_path, _sequence())
    _plan()
    observation = Observation.objects.get()
    Observation.objects.update(release_time=None)
    assert _published() == []
    Observation.objects.update(release_time="2020-01-01T00:00:00Z")
    assert _published() == [
        (observation.obs_id, sequence, *wanted)
        for sequence in (1, 2)
        for wanted in (
            ("flat", None, "IRD_FLAT_FIELD_RAW"),
            ("background", None, "IRD_SKY_BG_RAW IRD_INS_BG_RAW IRD_DARK_RAW"),
        )
    ]
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(to_jsonb(m)::text, ' ') FROM hci.missing_calibration m")
        assert "SPHER." not in str(cursor.fetchone()[0])


def test_a_reduction_enters_them_too(site: Settings, tmp_path: Path) -> None:
    _ingest(site, tmp_path, _sequence())
    result = CliRunner().invoke(reduce, ["--target", "beta Pic"])
    assert (result.exit_code, "no flat for" in result.stdout) == (1, True)
    assert _rows() == {(number, role, None) for number in (1, 2) for role in ("flat", "background")}


def test_telemetry_of_the_time_comes_with_the_frames_and_a_plan_needs_few_queries(
    site: Settings, tmp_path: Path
) -> None:
    _ingest(site, tmp_path, [*_sequence(), *_flats(), _dark(310.0, 4.0), _dark(311.0, 64.0)])
    for minute in (-200.0, -30.0, 2.5, 200.0):
        path = frames.write_telemetry(tmp_path, minute, [0.1, 0.12], [5.0, 6.0])
        assert ingest_raw([path], read_raw_frame, site).usable
    with CaptureQueriesContext(connection) as queries:
        found = frames_for(list(Observation.objects.select_related("target")))
        made = plan(found)
    telemetry = [one.dp_id for one in found if one.frame_class == "SPH_SPARTA_RAW"]
    assert telemetry == [frames.dp_id(-30.0), frames.dp_id(2.5)]
    cubes = [task for task in made.tasks if task.recipe == "ird_level1"]
    assert [len(task.inputs["sparta"]) for task in cubes] == [1, 2]  # the first ended at 2.2 minutes
    assert len(queries) <= 2 + 2 * len(made.groups)  # observations, frames, and the cards of last frames
