"""Level 2 on workers: the same products as without, failures told as ever, nothing left running."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from distributed import LocalCluster

from hcvo.errors import ReductionError
from hcvo.model.product import ProductKind
from hcvo.store import sha256_of
from reduce import side_by_side
from reduce.associate import Plan, Task
from reduce.engine import Summary, run_plan
from reduce.environment import code_version
from reduce.file_recorder import FileRecorder
from reduce.process import Begun
from reduce.recipe import SourceFile
from reduce.recipes import REGISTRY, external_cube
from reduce.recipes.external_cube import ExternalCubeParameters
from tests.reduce.kernels.planted import FWHM, airy, speckle_sequence
from tests.reduce.recipes.folder_job import run

pytestmark = pytest.mark.filterwarnings("default")  # Dask's own are not ours to mend
_QUICK: dict[str, object] = {"max_candidates": 0, "step_fwhm": 4.0, "branches": 1}
_PARAMETERS = dict.fromkeys(("noadi", "radial", "cadi"), _QUICK) | {"pca": {"components": 99}}
_NAMES = ("noadi", "radial", "cadi", "pca")


@pytest.fixture(scope="module")
def cube(tmp_path_factory: pytest.TempPathFactory) -> SourceFile:
    folder = tmp_path_factory.mktemp("cube")
    y, x = np.mgrid[-12:13, -12:13]
    arrays = {
        "cube": speckle_sequence(np.random.default_rng(5), 8, 51),
        "angles": np.linspace(0.0, 70.0, 8),
        "psf": airy(x, y),
    }
    for role, array in arrays.items():
        fits.writeto(folder / f"{role}.fits", np.asarray(array, np.float32))
    given = ExternalCubeParameters(
        pixel_scale_mas=10.0,
        fwhm_px=(FWHM,),
        star_flux=(1e6,),
        wavelength_um=(1.6,),
        filter="H",
        instrument="NACO",
        date="2013-02-01",
        target="A star",
        ra_deg=10.0,
        dec_deg=-20.0,
    )
    files = {role: folder / f"{role}.fits" for role in arrays}
    path = run(external_cube.RECIPE, files, given, folder).made[ProductKind.CUBE].path
    return SourceFile(path, sha256_of(path), path.name)


def _content(path: Path) -> list[object]:
    """Bytes of every array and the cards, but for the time at which the checksums were made."""
    if path.suffix != ".fits":
        return [path.read_bytes()]
    with fits.open(path) as hdus:
        arrays = [None if hdu.data is None else np.asarray(hdu.data).tobytes() for hdu in hdus]
        cards = [(card.keyword, card.value) for hdu in hdus for card in hdu.header.cards]
        return [*arrays, *(card for card in cards if card[0] != "CHECKSUM")]


def _reduce(cube: SourceFile, out: Path, workers: int = 1, address: str = "") -> Summary:
    recorder = FileRecorder(out)
    tasks = tuple(Task(f"{name} of it", name, {"cube": (cube,)}) for name in _NAMES)
    where = (recorder, recorder.staging, out / "logs")
    return run_plan(
        Plan(tasks, ()), REGISTRY, *where, parameters=_PARAMETERS, workers=workers, cluster=address
    )


def test_products_and_records_are_those_of_one_process(cube: SourceFile, tmp_path: Path) -> None:
    alone, two = (_reduce(cube, tmp_path / str(n), n) for n in (1, 2))
    assert (two.done, two.reused, two.failed) == (alone.done, alone.reused, alone.failed) == (3, 0, 1)
    assert two.refusals == alone.refusals
    assert "99 components of 8 frames" in two.refusals[0]
    names = {path.relative_to(tmp_path / "1") for path in alone.products}
    assert names == {path.relative_to(tmp_path / "2") for path in two.products}
    for name in names:
        one, other = tmp_path / "1" / name, tmp_path / "2" / name
        assert _content(one) == _content(other), name
    states = [
        json.loads(p.read_text())["state"] for p in sorted((tmp_path / "2" / "processes").glob("*.json"))
    ]
    assert states == ["done", "done", "done", "failed"]
    assert list((tmp_path / "2" / ".staging").iterdir()) == []
    again = _reduce(cube, tmp_path / "2", 2)
    assert (again.done, again.reused, again.failed) == (0, 3, 1)


def test_a_cluster_elsewhere_is_used_by_its_address(cube: SourceFile, tmp_path: Path) -> None:
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as there:
        summary = _reduce(cube, tmp_path, 1, there.scheduler_address)
    assert (summary.done, summary.failed) == (3, 1)


def test_a_cluster_that_does_not_answer_is_told_and_leaves_nothing_running(
    cube: SourceFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_by_side, "_PATIENCE", "1s")
    with pytest.raises(ReductionError, match=r"cluster tcp://127.0.0.1:9: no answer"):
        _reduce(cube, tmp_path, 1, "tcp://127.0.0.1:9")
    records = [json.loads(path.read_text()) for path in (tmp_path / "processes").glob("*.json")]
    assert {record["state"] for record in records} == {"failed"}
    assert {record["error"] for record in records} == {"stopped before it ended"}


def test_workers_with_other_code_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as there:
        ours = code_version()
        monkeypatch.setattr(side_by_side, "code_version", _Other(ours))
        with (
            pytest.raises(ReductionError, match=r"its workers run .*, wanted another as here"),
            side_by_side.cluster(1, there.scheduler_address),
        ):
            pass


class _Other:
    """Goes to the workers as it is, and there tells the truth."""

    def __init__(self, version: str) -> None:
        self.version: str | None = version

    def __call__(self) -> str:
        return "another" if self.version is None else self.version

    def __reduce__(self) -> tuple[type, tuple[str]]:
        told, self.version = self.version, None
        return _Other, (told or "",)


def test_nothing_to_do_is_done(tmp_path: Path) -> None:
    nothing: Sequence[Begun] = []
    with side_by_side.cluster(1) as workers:
        assert list(workers.each(nothing)) == []
    assert list(tmp_path.iterdir()) == []


def test_workers_keep_freed_memory_and_leave_no_trace_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("OMP_NUM_THREADS", "MALLOC_TRIM_THRESHOLD_"):
        monkeypatch.delenv(name, raising=False)
    before = dict(os.environ)
    with side_by_side.cluster(1) as workers:
        (there,) = workers._client.run(_environment).values()
    assert (there.get("OMP_NUM_THREADS"), there.get("MALLOC_TRIM_THRESHOLD_")) == ("1", None)
    assert dict(os.environ) == before


def _environment() -> dict[str, str]:
    return dict(os.environ)
