"""How much faster level 2 is on two workers: the same processes one after another, then side by side.

Rows for ``make bench-level2`` (alone with JOBS=scale): `rows()`. Each run has its own folder, so that nothing
is reused. A process is to take 20 s at least, so that the start of the workers does not count. One worker is
given one core, as each of two is; a further row has the one that may use both cores, as it does outside of
this race. On a busy machine the ratio is that of what is left of two cores: rows say how many the runs had.
"""

import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from threadpoolctl import threadpool_limits

from hcvo.model.product import ProductKind
from hcvo.report import Row, publish_report
from hcvo.store import sha256_of
from reduce.associate import Plan, Task
from reduce.engine import run_plan
from reduce.file_recorder import FileRecorder
from reduce.kernels.threads import limited
from reduce.recipe import SourceFile
from reduce.recipes import REGISTRY, external_cube
from reduce.recipes.external_cube import ExternalCubeParameters
from tests.reduce.kernels.planted import FWHM, airy, speckle_sequence
from tests.reduce.recipes.folder_job import run

__all__ = ["rows"]

_CUBES, _GOAL, _LEAST_S = 4, 1.7, 20.0
_SIZE, _FRAMES = 401, 256
_ALGORITHMS = ("pca",)


@dataclass(frozen=True, slots=True)
class _Timed:
    """Seconds of a run, and cores that it had."""

    seconds: float
    cores: float


def _cube(folder: Path, number: int) -> SourceFile:
    y, x = np.mgrid[-12:13, -12:13]
    arrays = {
        "cube": speckle_sequence(np.random.default_rng(number), _FRAMES, _SIZE),
        "angles": np.linspace(0.0, 50.0, _FRAMES),
        "psf": airy(x, y),
    }
    for role, array in arrays.items():
        fits.writeto(folder / f"{role}.fits", np.asarray(array, np.float32))
    given = ExternalCubeParameters(
        pixel_scale_mas=12.25,
        fwhm_px=(FWHM,),
        star_flux=(2e6,),
        wavelength_um=(1.6,),
        filter="H",
        instrument="SPHERE",
        date=f"2018-04-2{number}",
        target="A star",
        ra_deg=10.0,
        dec_deg=-20.0,
    )
    files = {role: folder / f"{role}.fits" for role in arrays}
    path = run(external_cube.RECIPE, files, given, folder).made[ProductKind.CUBE].path
    return SourceFile(path, sha256_of(path), path.name)


def _timed(cubes: list[SourceFile], out: Path, workers: int) -> _Timed:
    recorder = FileRecorder(out)
    tasks = tuple(
        Task(f"{name} of {cube.name}", name, {"cube": (cube,)}) for cube in cubes for name in _ALGORITHMS
    )
    begin, before = time.perf_counter(), os.times()
    where = (recorder, recorder.staging, out / "logs")
    summary = run_plan(Plan(tasks, ()), REGISTRY, *where, workers=workers)
    assert summary.done == len(tasks), summary.refusals
    seconds, after = time.perf_counter() - begin, os.times()
    used = sum(after[:4]) - sum(before[:4])
    return _Timed(seconds, used / seconds)


def rows() -> list[Row]:
    """Time the processes on one and two workers.

    Returns
    -------
    list[Row]
        The ratio against its goal, the length of a process, and the cores that each run had.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cubes = []
        for number in range(_CUBES):
            (folder / f"cube{number}").mkdir()
            cubes.append(_cube(folder / f"cube{number}", number))
        _timed(cubes[:1], folder / "warm", 1)  # compiles
        with limited(1), threadpool_limits(1):
            one = _timed(cubes, folder / "one", 1)
        two = _timed(cubes, folder / "two", 2)
        both = _timed(cubes, folder / "both", 1)
    ratio, beside = one.seconds / two.seconds, both.seconds / two.seconds
    case = f"{_CUBES} cubes x {' and '.join(_ALGORITHMS)}, two workers"
    each = one.seconds / (_CUBES * len(_ALGORITHMS))
    return [
        Row(case, "times faster than one on one core", round(ratio, 2), "", f">= {_GOAL:g}", ratio >= _GOAL),
        Row(case, "times faster than one that uses both cores", round(beside, 2), "", "", ok=True),
        Row(case, "a process on one core", round(each, 1), "s", f">= {_LEAST_S:g}", each >= _LEAST_S),
        Row(case, "cores that one had", round(one.cores, 2), "", "", ok=True),
        Row(case, "cores that two had", round(two.cores, 2), "", "", ok=True),
        Row(case, "cores that one for both had", round(both.cores, 2), "", "", ok=True),
    ]


if __name__ == "__main__":
    sys.exit(0 if publish_report("scale-level2", rows()) else 1)
