"""ird_level1 on so many frames in a process of its own: wall time of a frame and peak memory."""

import json
import sys
import tempfile
import time
from pathlib import Path

import click
from astropy.io import fits

from reduce.recipe import SourceFile
from reduce.recipes import ird_level1
from tests.bench.peak import peak_mib
from tests.reduce.recipes.folder_job import FolderJob, source

__all__ = ["recipe_inputs"]


def recipe_inputs(night: Path, planes: int) -> dict[str, list[SourceFile]]:
    """Files of a reduced planted night; its science files again and again, until there are so many planes."""
    out = night / "out"
    made = {kind: [source(next(out.rglob(f"*_{kind}_*.fits")))] for kind in ("centres", "psf", "flat")}
    skies = [path for path in out.rglob("*_dark_*.fits") if fits.getval(path, "RAWCLASS") == "IRD_SKY_BG_RAW"]
    raw = [path for path in sorted((night / "raw").glob("SPHER*.fits")) if _kind(path) == "OBJECT"]
    count = fits.getval(raw[0], "NAXIS3")
    science = [SourceFile(raw[n % len(raw)], "", raw[n % len(raw)].stem) for n in range(-(-planes // count))]
    return made | {"background": [source(skies[0])], "science": science, "observation": science[:1]}


def _kind(path: Path) -> str:
    return str(fits.getval(path, "HIERARCH ESO DPR TYPE"))


def main() -> None:
    """Night, number of planes and side of the cube from the command line; prints JSON."""
    night, planes, size = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    parameters = ird_level1.Level1Parameters(size_px=size)
    _timed(recipe_inputs(night, 1), parameters)  # the compiled kernels are loaded
    files = recipe_inputs(night, planes)
    seconds = _timed(files, parameters)
    count = sum(fits.getval(one.path, "NAXIS3") for one in files["science"])
    click.echo(json.dumps({"planes": count, "seconds": seconds / count, "peak_mib": peak_mib()}))


def _timed(files: dict[str, list[SourceFile]], parameters: ird_level1.Level1Parameters) -> float:
    with tempfile.TemporaryDirectory(prefix="hcvo-bench-") as folder:
        begin = time.perf_counter()
        ird_level1.RECIPE.run(files, parameters, FolderJob(Path(folder), 1))
        return time.perf_counter() - begin


if __name__ == "__main__":
    main()
