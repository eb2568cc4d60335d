"""No product is more public than the raw frames it goes back to."""

from pathlib import Path

import pytest
from django.db import connection

from hcvo.catalogue.models import Observation, Process, ProcessInput, Product, RawFrame
from hcvo.catalogue.rights import set_rights
from hcvo.centre.catalogue_recorder import CatalogueRecorder
from hcvo.config import Settings
from hcvo.model.frame import RawFrame as Frame
from hcvo.model.release import DataKind, ReleasePolicy, from_mjd, release_time
from ingest.raw import ingest_raw
from reduce.classify import read_raw_frame
from reduce.recipe import SourceFile
from tests.hcvo.centre import toy
from tests.ingest import frames

SKY = ("SCIENCE", "SKY", "IMAGE", "IRDIS")


def _ingested(catalogue: Settings, folder: Path, dpr: tuple[str, str, str, str], minute: float) -> Frame:
    path = frames.write_frame(folder, frames.header(dpr, minute))
    ingest_raw([path], read_raw_frame, catalogue)
    return read_raw_frame(path)


def _source(frame: Frame) -> SourceFile:
    return SourceFile(frame.path, frame.sha256, frame.dp_id)


def _shown(view: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM hci.{view}")
        return int(cursor.fetchone()[0])


def test_a_background_made_of_anothers_skies_waits_for_them(catalogue: Settings, tmp_path: Path) -> None:
    sky = _ingested(catalogue, tmp_path, SKY, 0)
    dark = _ingested(catalogue, tmp_path, frames.DARK, 1)
    RawFrame.objects.update(release_time=release_time(DataKind.RAW, from_mjd(70000), ReleasePolicy.DEFAULT))
    RawFrame.objects.filter(dp_id=dark.dp_id).update(release_time=from_mjd(dark.mjd_obs))
    toy.run_dark(catalogue, CatalogueRecorder(catalogue), _source(dark), _source(sky))
    row = RawFrame.objects.get(dp_id=sky.dp_id)
    for guarded in (Product.objects.get(), Process.objects.get(), *ProcessInput.objects.all()):
        assert guarded.release_time == row.release_time
    assert [_shown(view) for view in ("product", "process", "process_input")] == [0, 0, 0]


@pytest.mark.parametrize("change", [{"withdrawn": True}, {"validated": False}, {"release_time": None}])
def test_what_closes_a_frame_closes_what_is_made_of_it(
    catalogue: Settings, tmp_path: Path, change: dict[str, object]
) -> None:
    sky = _ingested(catalogue, tmp_path, SKY, 0)
    RawFrame.objects.update(**change)
    recorder = CatalogueRecorder(catalogue)
    (output,) = toy.run_dark(catalogue, recorder, _source(sky)).outputs
    toy.run_dark(catalogue, recorder, SourceFile(output.path, output.sha256, output.path.name))
    for product in Product.objects.order_by("pk"):  # the second goes back to the frame through the first
        assert {name: getattr(product, name) for name in change} == change
    assert (Product.objects.count(), _shown("product")) == (2, 0)


def test_a_calibration_of_calibrations_is_public_at_once(catalogue: Settings, tmp_path: Path) -> None:
    dark = _ingested(catalogue, tmp_path, frames.DARK, 0)
    toy.run_dark(catalogue, CatalogueRecorder(catalogue), _source(dark))
    assert [_shown(view) for view in ("product", "process", "process_input")] == [1, 1, 1]


def test_opening_an_observation_does_not_open_anothers_skies(catalogue: Settings, tmp_path: Path) -> None:
    sky = _ingested(catalogue, tmp_path, SKY, 0)
    RawFrame.objects.update(release_time=None)
    recorder = CatalogueRecorder(catalogue, ReleasePolicy.NOW)
    (output,) = toy.run_dark(catalogue, recorder, _source(sky)).outputs
    source = output.path
    toy.run_toy(catalogue, recorder, source)
    observation = Observation.objects.get(obs_id=toy.OBS_ID)
    set_rights(observation, release_time=from_mjd(57056.0))
    assert set(Product.objects.values_list("release_time", flat=True)) == {None}
    assert [_shown(view) for view in ("product", "detection", "process")] == [0, 0, 0]
