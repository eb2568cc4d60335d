"""Peak memory of every algorithm of level 2 on 2 x 256 x 801 x 801, each recipe in a process of its own.

Rows for ``make bench-level2 JOBS=memory``: `rows()`. Alone, and with another side and number of frames:
``python -m tests.bench.memory_level2 401 128``. The cube comes through `external_cube`, is read, reduced,
searched, characterised and written as by ``hcvo reduce``, with two candidates at most. It takes hours.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from scipy import ndimage

from hcvo.config import CHECKOUT
from hcvo.model.product import ProductKind
from hcvo.report import Row, publish_report
from reduce.recipes import REGISTRY, external_cube
from reduce.recipes.external_cube import ExternalCubeParameters
from reduce.recipes.level2_recipe import Level2Recipe
from tests.bench.peak import peak_mib
from tests.reduce.kernels.planted import FWHM, airy, track
from tests.reduce.recipes.folder_job import FolderJob, run, source

__all__ = ["rows"]

_SIZE, _FRAMES, _CHANNELS = 801, 256, 2
_MOST_MIB = 8192.0
_LIMIT_S = 7200.0
_CANDIDATES = 2  # more take time, not memory
_BLOCK = 16  # frames made at a time
_TURN_DEG = 50.0
_PLANET = (60.0, 40.0, 30.0)  # separation in pixels, position angle, peak


def _sequence(rng: np.random.Generator, size: int, frames: int) -> NDArray[np.float32]:
    """Halo, still and fast speckles, read noise, a planet; (time, y, x)."""
    side = np.arange(size) - size // 2
    halo = 100.0 / (1 + np.hypot(side[None], side[:, None]) / 8) ** 2
    angles = _angles(frames)

    def speckles(count: int) -> NDArray[np.float64]:
        noise = rng.normal(size=(count, size, size))
        return np.asarray(ndimage.gaussian_filter(noise, (0, 1.7, 1.7), mode="wrap") * 6.0)

    still = halo * (10 + speckles(1)[0])
    cube = np.empty((frames, size, size), np.float32)
    for begin in range(0, frames, _BLOCK):
        part = slice(begin, min(begin + _BLOCK, frames))
        planet = _PLANET[2] * track(size, *_PLANET[:2], angles[part], FWHM)
        cube[part] = still + halo * speckles(len(planet)) + planet + rng.normal(size=planet.shape)
    return cube


def _angles(frames: int) -> NDArray[np.float64]:
    return np.linspace(0.0, _TURN_DEG, frames)


def _level1(folder: Path, number: int, size: int, frames: int) -> Path:
    """A level 1 cube on disk."""
    folder.mkdir()
    y, x = np.mgrid[-12:13, -12:13]
    rng = np.random.default_rng(number)
    arrays = {
        "cube": np.stack([_sequence(rng, size, frames) for _ in range(_CHANNELS)]),
        "angles": _angles(frames).astype(np.float32),
        "psf": np.stack([airy(x, y)] * _CHANNELS).astype(np.float32),
    }
    paths = {role: folder / f"{role}.fits" for role in arrays}
    for role, path in paths.items():
        fits.writeto(path, arrays.pop(role))
    given = ExternalCubeParameters(
        pixel_scale_mas=12.25,
        fwhm_px=(FWHM,),
        star_flux=(2e6,),
        wavelength_um=(1.593, 1.667),
        filter="DB_H23",
        instrument="SPHERE",
        date=f"2018-04-2{number}",
        target=f"Star {number}",
        ra_deg=10.0 + number,
        dec_deg=-20.0,
    )
    made = run(external_cube.RECIPE, paths, given, folder).made[ProductKind.CUBE].path
    paths["cube"].unlink()
    return made


def rows(size: int = _SIZE, frames: int = _FRAMES) -> list[Row]:
    """Run every algorithm.

    Parameters
    ----------
    size, frames : int
        Of the cube of two channels.

    Returns
    -------
    list[Row]
        Peak memory and time of each; None where it did not end.
    """
    made = []
    with tempfile.TemporaryDirectory(prefix="hcvo-memory-") as name:
        folder = Path(name)
        cube, other = (_level1(folder / f"cube{n}", n, size, frames) for n in (1, 2))
        for recipe in REGISTRY:
            if not isinstance(recipe, Level2Recipe):
                continue
            given = [cube, other] if any(c.role == "reference" for c in recipe.consumes) else [cube]
            made += _measured(recipe.name, folder / recipe.name, given, (size, frames))
    return made


def _measured(name: str, out: Path, cubes: list[Path], shape: tuple[int, int]) -> list[Row]:
    (size, frames), goal = shape, f"<= {_MOST_MIB:g}"
    case = f"{name} on {_CHANNELS} x {frames} x {size} x {size} float32"
    click.echo(f"{time.strftime('%H:%M:%S')} {case}", err=True)
    one = {f"{kind}_NUM_THREADS": "1" for kind in ("OPENBLAS", "OMP", "MKL")}
    command = [sys.executable, "-m", "tests.bench.memory_level2", name, str(out), *map(str, cubes)]
    try:
        ended = subprocess.run(
            command, cwd=CHECKOUT, env=os.environ | one, capture_output=True, timeout=_LIMIT_S, check=True
        )
    except subprocess.TimeoutExpired:
        return [
            Row(case, f"peak memory, not done in {_LIMIT_S:g} s", None, "MiB", f"<= {_MOST_MIB:g}", ok=False)
        ]
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode(errors="replace").strip().rpartition("\n")[2][:150]
        return [Row(case, f"peak memory, failed: {last}", None, "MiB", goal, ok=False)]
    told = json.loads(ended.stdout.splitlines()[-1])
    peak, seconds = told["peak_mib"], told["seconds"]
    click.echo(f"  {peak:.0f} MiB, {seconds:.0f} s", err=True)
    return [
        Row(case, "peak memory", peak, "MiB", goal, ok=peak <= _MOST_MIB),
        Row(case, "time, whole recipe, one thread", seconds, "s", "", ok=True),
    ]


def _child(name: str, out: Path, cubes: list[Path]) -> None:
    """Run one recipe with its defaults, but for the number of candidates, and tell what it needed."""
    recipe = next(r for r in REGISTRY if r.name == name)
    out.mkdir()
    files = {"cube": [source(cubes[0])]}
    if cubes[1:]:
        files["reference"] = [source(path) for path in cubes[1:]]
    begin = time.perf_counter()
    recipe.run(files, recipe.parameters.model_validate({"max_candidates": _CANDIDATES}), FolderJob(out, 1))
    click.echo(json.dumps({"seconds": time.perf_counter() - begin, "peak_mib": peak_mib()}))


if __name__ == "__main__":
    if len(sys.argv) > 3:
        _child(sys.argv[1], Path(sys.argv[2]), [Path(path) for path in sys.argv[3:]])
    else:
        wanted = rows(*(int(number) for number in sys.argv[1:]))
        sys.exit(0 if publish_report("memory-level2", wanted) else 1)
