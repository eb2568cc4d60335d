import os
import platform
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from astropy.io import fits
from django.db import connection

from hcvo.catalogue.models import Detection, Observation, Process, ProcessInput, Product, Target
from hcvo.centre.catalogue_recorder import CatalogueRecorder
from hcvo.centre.recovery import recover
from hcvo.centre.store_check import check_store, clean_store
from hcvo.centre.worker import Worker, machine
from hcvo.config import Settings
from hcvo.errors import CatalogueError, ReductionError, StoreError
from hcvo.model.provenance import ProcessKey
from hcvo.model.release import ReleasePolicy
from hcvo.site.database import connect
from hcvo.store import sha256_of
from ingest.raw import ingest_raw
from reduce.classify import read_raw_frame
from reduce.environment import code_version
from reduce.process import run_recipe
from reduce.recipe import Job, Parameters, SourceFile
from tests.hcvo.centre import toy
from tests.hcvo.centre.crash import POINTS
from tests.ingest import frames


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "raw.fits"
    path.write_bytes(b"input")
    return path


def test_a_process_leaves_files_rows_and_rights(catalogue: Settings, source: Path) -> None:
    run = toy.run_toy(catalogue, CatalogueRecorder(catalogue, ReleasePolicy.NOW), source)
    assert {output.path.is_relative_to(catalogue.store) for output in run.outputs} == {True}
    assert all(output.path.is_file() for output in run.outputs)
    process = Process.objects.get()
    assert (process.state, process.recipe, process.intended) == ("done", "external_cube", [])
    assert process.parameters == {"level": 1.0, "fail": False}
    assert "numpy" in process.libraries
    image = Product.objects.get(kind="image")
    table = Product.objects.get(kind="candidates")
    assert image.dataproduct_type == "image"
    assert (table.dataproduct_type, table.s_xel1) == ("measurements", -1)
    assert table.s_region == image.s_region
    assert image.s_fov == pytest.approx(5 * 2**0.5 * 12.25 / 3.6e6, rel=1e-3)
    assert image.em_min == pytest.approx(1.5e-6)
    assert image.preview == image.accref.replace(".fits", ".png")
    assert (catalogue.store / image.preview).is_file()
    detection = Detection.objects.get()
    assert detection.em_mid == pytest.approx(1.6e-6)
    assert detection.contrast_err is None
    observation = Observation.objects.get(obs_id=toy.OBS_ID)
    assert {row.release_time for row in (process, image, table, detection, ProcessInput.objects.get())} == {
        observation.release_time
    }
    assert check_store(catalogue, checksums=True).sound
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM hci.product WHERE s_region && scircle '<(120d,-30d),0.0003d>'")
        assert cursor.fetchone() == (2,)


def test_places_of_products_are_the_files_and_of_observations_the_catalogues(
    catalogue: Settings, source: Path
) -> None:
    star = Target.objects.create(
        main_name="HD 1", names=["star"], ra=toy.RA, dec=toy.DEC + 3 / 3600, pm_dec=100.0, pm_ra=0.0,
        source="simbad",
    )  # fmt: skip
    toy.run_toy(catalogue, CatalogueRecorder(catalogue), source)
    observation = Observation.objects.get()
    assert observation.target_id == star.pk
    years = (57056.2 - 51544.5) / 365.25
    assert observation.s_ra == pytest.approx(toy.RA)
    assert observation.s_dec == pytest.approx(star.dec + 0.1 * years / 3600, abs=1e-8)
    image = Product.objects.get(kind="image")
    header = fits.getheader(catalogue.store / image.accref)
    assert (image.s_ra, image.s_dec) == (header["CRVAL1"], header["CRVAL2"]) == (toy.RA, toy.DEC)
    assert image.s_region is not None
    middle = [sum(values) / len(values) for values in zip(*image.s_region.vertices, strict=True)]
    assert middle == pytest.approx([toy.RA, toy.DEC], abs=1e-9)
    assert set(Product.objects.values_list("target_name", flat=True)) == {"HD 1"}


def test_the_same_key_is_not_run_again_unless_its_file_is_gone(catalogue: Settings, source: Path) -> None:
    recorder = CatalogueRecorder(catalogue)
    first = toy.run_toy(catalogue, recorder, source)
    again = toy.run_toy(catalogue, recorder, source)
    assert (first.reused, again.reused) == (False, True)
    assert {output.path for output in again.outputs} == {output.path for output in first.outputs}
    assert not toy.run_toy(catalogue, recorder, source, level=2.0).reused
    first.outputs[0].path.unlink()
    assert not toy.run_toy(catalogue, recorder, source).reused


def test_a_failed_process_is_recorded_and_leaves_nothing(catalogue: Settings, source: Path) -> None:
    with pytest.raises(ReductionError, match=r"fault of the program \(ValueError: asked to fail\)"):
        toy.run_toy(catalogue, CatalogueRecorder(catalogue), source, fail=True)
    process = Process.objects.get()
    assert process.state == "failed"
    assert "ValueError: asked to fail" in process.error
    assert process.release_time is None
    assert Product.objects.count() == 0
    assert not [path for path in catalogue.store.rglob("*") if path.is_file()]
    assert check_store(catalogue).sound


def test_a_file_of_another_process_is_refused(catalogue: Settings, source: Path) -> None:
    recorder = CatalogueRecorder(catalogue)
    (output,) = (o for o in toy.run_toy(catalogue, recorder, source).outputs if o.kind == "image")
    stray = catalogue.staging / output.path.name
    stray.write_bytes(output.path.read_bytes())
    number = recorder.begin(ProcessKey("toy", "1", {}, ()), None)
    with pytest.raises(StoreError, match=f"wanted {number}"):
        recorder.finish(number, [replace(output, path=stray, preview=None)])
    recorder.fail(number, "refused")
    with pytest.raises(CatalogueError, match="is failed, wanted running"):
        recorder.finish(number, [])


def test_inputs_point_to_frames_and_products(catalogue: Settings, tmp_path: Path) -> None:
    path = frames.write_frame(tmp_path, frames.header())
    ingest_raw([path], read_raw_frame, catalogue)
    frame = read_raw_frame(path)
    recorder = CatalogueRecorder(catalogue)
    renamed = path.rename(path.with_name(frame.dp_id))
    image = next(o for o in toy.run_toy(catalogue, recorder, renamed).outputs if o.kind == "image")
    toy.run_toy(catalogue, recorder, image.path, level=3.0)
    first, second = ProcessInput.objects.order_by("process_id")
    assert first.raw_frame is not None
    assert first.raw_frame.dp_id == frame.dp_id
    assert second.product is not None
    assert second.product.sha256 == image.sha256


def test_an_observation_with_products_keeps_its_name(catalogue: Settings, tmp_path: Path) -> None:
    late = frames.write_frame(tmp_path, frames.header(minute=5))
    ingest_raw([late], read_raw_frame, catalogue)
    observation = Observation.objects.get()
    toy.run_toy(catalogue, CatalogueRecorder(catalogue), late)
    Product.objects.update(observation=observation)
    early = frames.write_frame(tmp_path, frames.header(minute=0))
    ingest_raw([early], read_raw_frame, catalogue)
    again = Observation.objects.get(pk=observation.pk)
    assert (again.obs_id, again.n_frames) == (observation.obs_id, 2)
    assert again.t_min < observation.t_min


@pytest.mark.parametrize("point", POINTS)
def test_kill_at_any_point_then_the_same_again(catalogue: Settings, source: Path, point: str) -> None:
    environment = os.environ | {
        "HCVO_STATE": str(catalogue.state),
        "HCVO_DATABASE__PORT": str(catalogue.database.port),
        "HCVO_RESOLVER__ONLINE": "false",
        "OPENBLAS_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "tests.hcvo.centre.crash", point, str(source)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr

    committed = point == "after rows"
    left = {"first file": 1, "last file": 3, "before rows": 3, "among rows": 3, "after rows": 0}[point]
    state = check_store(catalogue)
    assert (len(state.orphans), len(state.missing)) == (left, 0)
    assert bool(state.dead) is not committed
    assert Product.objects.count() == (2 if committed else 0)

    assert len(recover(catalogue)) == (0 if committed else 1)
    code_version.cache_clear()  # the sources may have been edited since this test run began
    run = toy.run_toy(catalogue, CatalogueRecorder(catalogue), source)
    assert run.reused is committed
    assert sorted(Process.objects.values_list("state", flat=True)) == (
        ["done"] if committed else ["done", "failed"]
    )
    assert (Product.objects.count(), Observation.objects.count(), Target.objects.count()) == (2, 1, 1)
    clean_store(catalogue, check_store(catalogue))
    assert check_store(catalogue, checksums=True).sound


def test_what_a_killed_program_left_is_found_under_another_host_name(
    catalogue: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not Path("/etc/machine-id").is_file():
        pytest.skip("this machine has no /etc/machine-id")
    recorder = CatalogueRecorder(catalogue)
    number = recorder.begin(ProcessKey("toy", "1", {}, ()), None)
    Process.objects.update(worker=str(replace(Worker.current(), started="1")))
    monkeypatch.setattr(platform, "node", lambda: "renamed")
    assert recover(catalogue) == [number]


def test_a_machine_is_known_by_its_number_else_by_its_name(tmp_path: Path) -> None:
    identity = tmp_path / "machine-id"
    assert machine(identity) == platform.node()
    identity.write_text("uninitialized\n")
    assert machine(identity) == platform.node()
    identity.write_text("0123456789abcdef0123456789abcdef\n")
    assert machine(identity) == "0123456789abcdef0123456789abcdef"


def test_two_programs_at_once_make_it_once(catalogue: Settings, source: Path) -> None:
    def work() -> None:
        try:
            runs.append(toy.run_toy(catalogue, CatalogueRecorder(catalogue), source).reused)
        finally:
            connection.close()

    runs: list[bool] = []
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(runs) == [False, True, True]
    assert Process.objects.count() == 1


def test_a_database_that_hangs_up_fails_the_process_and_leaves_nothing(
    catalogue: Settings, source: Path
) -> None:
    def hang_up(files: Mapping[str, Sequence[SourceFile]], parameters: Parameters, job: Job) -> None:
        toy.TOY.run(files, parameters, job)
        with connect(catalogue) as session, session.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'hcvo'")
        session.close()

    recorder = CatalogueRecorder(catalogue)
    inputs = {"raw": [SourceFile(source, sha256_of(source), source.name)]}
    with pytest.raises(ReductionError, match="OperationalError"):
        run_recipe(
            replace(toy.TOY, run=hang_up), inputs, None, recorder=recorder, staging=catalogue.staging,
            logs=catalogue.logs / "toy",
        )  # fmt: skip
    assert Process.objects.get().state == "failed"
    assert check_store(catalogue).sound
    assert not toy.run_toy(catalogue, recorder, source).reused


def test_store_check_names_each_kind_of_trouble(catalogue: Settings, source: Path) -> None:
    run = toy.run_toy(catalogue, CatalogueRecorder(catalogue), source)
    image, table = (output.path for output in run.outputs)
    orphan = image.with_name("orphan.fits")
    orphan.write_bytes(b"x")
    table.unlink()
    data = bytearray(image.read_bytes())
    data[-1] ^= 1
    image.chmod(0o644)
    image.write_bytes(data)
    (catalogue.staging / "999").mkdir()
    assert not check_store(catalogue).changed
    state = check_store(catalogue, checksums=True)
    assert state.orphans == (orphan,)
    assert state.missing == (str(table.relative_to(catalogue.store)),)
    assert state.changed == (str(image.relative_to(catalogue.store)),)
    assert state.leftovers == (catalogue.staging / "999",)
    clean_store(catalogue, state)
    assert not orphan.exists()
    assert Product.objects.count() == 2


def test_a_live_worker_is_alive_and_a_reused_pid_is_not() -> None:
    here = Worker.current()
    assert here.alive
    assert Worker.parse(str(here)) == here
    assert not replace(here, started="1").alive
    assert not replace(here, boot="another").alive
    assert Worker.parse("") is None


def test_products_of_the_store_pass_their_checksums(catalogue: Settings, source: Path) -> None:
    for output in toy.run_toy(catalogue, CatalogueRecorder(catalogue), source).outputs:
        with fits.open(output.path, checksum=True) as units:
            assert all("CHECKSUM" in unit.header for unit in units)
