"""``make bench-level1``: time and memory a raw frame, beside vlt-sphere's array steps on the same frames.

The peer lives in an environment of its own below build/. It does background, flat, bad pixels, shift, scale
and mean; ours does these, and reading, cosmic rays, variance and quality through the resampling, and packing.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hcvo.config import CHECKOUT
from hcvo.report import Row, publish_report
from reduce.exposure import read_planes
from reduce.folder import reduce_folder
from reduce.instruments import sphere_irdis as irdis
from reduce.kernels.airy import FWHM, airy
from reduce.kernels.recentre import recentred
from reduce.recipe import SourceFile
from reduce.recipes import ird_level1
from reduce.recipes.calibrated import windows
from reduce.recipes.level1_planes import PieceWork
from reduce.recipes.level1_star import star_of
from reduce.selection import Choice
from tests.bench.plan import plan_rows
from tests.bench.recipe_run import recipe_inputs
from tests.reduce.planted_night import PlantedNight

_SIZE = 401
_PEER = CHECKOUT / "build" / "bench-venv"
_PEER_PACKAGE = "vlt-sphere==1.8"
_SHIFTS = ((0.5, 0.5), (0.3, -0.4), (0.25, 0.75))
_FWHM_PX = (3.3, 2.1)
_FRAMES = 8  # given to both
_SMALL = {"ird_level1": {"size_px": 101}}  # its cube is not looked at
_FEW, _MANY = 32, 512
_GOAL_RATIO, _GOAL_ERROR, _GOAL_MIB, _GOAL_FLAT = 5.0, 1e-3, 4096.0, 1.25

_Figures = dict[str, float]


def main() -> None:
    """Simulate, reduce, compare, report."""
    with tempfile.TemporaryDirectory(prefix="hcvo-bench-") as folder:
        night = Path(folder)
        (night / "raw").mkdir()
        PlantedNight(night / "raw", science_ndit=_FEW).write()
        reduce_folder(
            night / "raw", night / "out", until="level1", progress=False, choice=Choice(parameters=_SMALL)
        )
        files = recipe_inputs(night, _FRAMES)
        peer = _peer(night, files)
        rows = _array_rows(_array_seconds(files), peer)
        rows += _error_rows(peer)
        rows += _recipe_rows(*(_recipe(night, planes) for planes in (_FEW, _MANY)))
        rows += plan_rows()
    sys.exit(0 if publish_report("bench-level1", rows) else 1)


def _array_seconds(files: dict[str, list[SourceFile]]) -> float:
    """A raw frame through `PieceWork`, both fields, the best of three rounds."""
    sequence = ird_level1._sequence(files)
    star = star_of(files.get("psf", ()), sequence.first, sequence.astrometry.scale_mas)
    setup = ird_level1._setup(files, sequence, star, ird_level1.Level1Parameters(size_px=_SIZE))
    piece = setup.pieces[0]
    some = piece._replace(planes=range(_FRAMES), places=piece.places[:, :_FRAMES])
    work = PieceWork(replace(setup, pieces=(some,)))
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        np.mean(work(0).cube.image, axis=1)
        seconds.append((time.perf_counter() - begin) / _FRAMES)
    return min(seconds)


def _peer(night: Path, files: dict[str, list[SourceFile]]) -> _Figures:
    """Hand the same frames to the peer; windows of an even side, as its FFT wants."""
    if not _PEER.exists():
        subprocess.run([sys.executable, "-m", "venv", _PEER], check=True)
        subprocess.run([_PEER / "bin" / "pip", "install", "--quiet", _PEER_PACKAGE], check=True)
    stars = ird_level1._sequence(files).places.mean(axis=1)
    half = _SIZE // 2 + 20
    parts = [(int(y) - half, int(y) + half, int(x) - half, int(x) + half) for x, y in stars]
    shifted = [
        (*part[:2], part[2] + n * irdis.FIELD_PX, part[3] + n * irdis.FIELD_PX)
        for n, part in enumerate(parts)
    ]
    views = windows(files["background"][0], files["flat"][0], ((511.5, 511.5), (511.5, 511.5)), 600.0)
    np.savez(
        night / "peer.npz",
        planes=read_planes(files["science"][0].path)[:_FRAMES],
        background=np.concatenate([view.background for view in views], axis=1),
        flat=np.concatenate([view.flat for view in views], axis=1),
        bad=np.concatenate([view.bad for view in views], axis=1),
        stars=stars,
        windows=np.array(shifted),
        size=_SIZE + 1,
        disc=np.stack([_disc(_FWHM_PX[0], *shift, 160) for shift in _SHIFTS]),
        truth=_truth(_FWHM_PX[0], 100),
    )
    script = Path(__file__).with_name("peer_level1.py")
    return _answer([_PEER / "bin" / "python", script, night / "peer.npz"])


def _recipe(night: Path, planes: int) -> _Figures:
    return _answer([sys.executable, "-m", "tests.bench.recipe_run", night, str(planes), str(_SIZE)])


def _answer(command: list[Any]) -> _Figures:
    one = {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL", "NUMBA")}
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT, env=os.environ | one
    )
    figures: _Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def _disc(fwhm: float, dx: float, dy: float, size: int) -> NDArray[np.float64]:
    """An obscured Airy disc off the pixel size // 2."""
    y, x = np.mgrid[:size, :size] - size // 2
    return airy(np.hypot(x - dx, y - dy), fwhm / FWHM, 0.14)


def _truth(fwhm: float, size: int) -> NDArray[np.float64]:
    """The same on a pixel, stretched in y."""
    y, x = np.mgrid[:size, :size] - size // 2
    return airy(np.hypot(x, y / irdis.ANAMORPHISM_Y), fwhm / FWHM, 0.14)


def _our_error(fwhm: float) -> float:
    worst = 0.0
    for dx, dy in _SHIFTS:
        made = recentred(_disc(fwhm, dx, dy, 160), (80 + dx, 80 + dy), 99, (1.0, irdis.ANAMORPHISM_Y))
        off = made * irdis.ANAMORPHISM_Y - _truth(fwhm, 99)
        worst = max(worst, float(np.abs(off).max()))
    return worst


def _array_rows(ours: float, peer: _Figures) -> list[Row]:
    case = "array steps a raw frame, two fields"
    rows = [
        Row(case, "ours, with reading and variance", 1e3 * ours, "ms", "", ok=True),
        Row(case, "vlt-sphere, whole fields as in its pipeline", 1e3 * peer["whole_s"], "ms", "", ok=True),
        Row(case, "vlt-sphere, on our window", 1e3 * peer["window_s"], "ms", "", ok=True),
        Row(case, "vlt-sphere, peak memory", peer["peak_mib"], "MiB", "", ok=True),
    ]
    for name in ("whole", "window"):
        ratio = peer[f"{name}_s"] / ours
        rows.append(
            Row(case, f"times faster ({name})", ratio, "", f">= {_GOAL_RATIO:g}", ok=ratio >= _GOAL_RATIO)
        )
    return rows


def _error_rows(peer: _Figures) -> list[Row]:
    rows = []
    for fwhm in _FWHM_PX:
        error = _our_error(fwhm)
        goal = f"<= {_GOAL_ERROR:g}"
        rows.append(
            Row(
                f"resampling, FWHM {fwhm} px",
                "largest error",
                error,
                "of the peak",
                goal,
                ok=error <= _GOAL_ERROR,
            )
        )
    case = f"resampling, FWHM {_FWHM_PX[0]} px"
    rows.append(Row(case, "largest error, vlt-sphere", peer["error"], "of the peak", "", ok=True))
    return rows


def _recipe_rows(few: _Figures, many: _Figures) -> list[Row]:
    rows = []
    for figures in (few, many):
        case = f"ird_level1, {figures['planes']:.0f} planes of {_SIZE} px"
        peak = figures["peak_mib"]
        rows.append(Row(case, "wall time a raw frame", 1e3 * figures["seconds"], "ms", "", ok=True))
        rows.append(Row(case, "peak memory", peak, "MiB", f"< {_GOAL_MIB:g}", ok=peak < _GOAL_MIB))
    flat = many["seconds"] / few["seconds"]
    case = f"ird_level1, {_MANY} against {_FEW} planes"
    rows.append(Row(case, "time a frame", flat, "", f"<= {_GOAL_FLAT:g}", ok=flat <= _GOAL_FLAT))
    return rows


if __name__ == "__main__":
    main()
