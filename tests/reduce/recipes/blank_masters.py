"""Master calibrations that change nothing, for recipes whose answer is known from the raw files alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.io import fits

from hcvo.headers.product import product_header
from hcvo.model.product import ProductFacts, ProductKind
from reduce.recipe import SourceFile
from tests.reduce.recipes.facts import FACTS
from tests.reduce.recipes.folder_job import source

__all__ = ["DETECTOR", "FIELD_PX", "blank_masters", "gaussian"]

FIELD_PX = 1024
DETECTOR = (FIELD_PX, 2 * FIELD_PX)
_STRETCH = 1.0062


def blank_masters(
    folder: Path, facts: ProductFacts = FACTS, sky: np.ndarray | None = None
) -> dict[str, list[SourceFile]]:
    """Roles 'background' (0 adu, or this sky) and 'flat' (1), no bad pixel, in the filter of the facts."""
    files: dict[str, list[SourceFile]] = {}
    for role, kind, value in (("background", ProductKind.DARK, 0.0), ("flat", ProductKind.FLAT, 1.0)):
        header = product_header(replace(facts, kind=kind, axes="y,x", level=1))
        plane, bad = np.full(DETECTOR, value, np.float32), np.zeros(DETECTOR, np.uint8)
        error = fits.ImageHDU(np.zeros(DETECTOR, np.float32), name="ERROR")
        hdus = [fits.PrimaryHDU(plane, header), error, fits.ImageHDU(bad, name="BADPIX")]
        if role == "background" and sky is not None:
            hdus[0].data[:] = sky
            hdus[0].header["RAWCLASS"] = "IRD_SKY_BG_RAW"
        if role == "background":
            hdus.append(fits.ImageHDU(np.full(DETECTOR, 3.0, np.float32), name="NOISE"))
        path = folder / f"{kind}.fits"
        fits.HDUList(hdus).writeto(path)
        files[role] = [source(path)]
    return files


def gaussian(image: np.ndarray, field: int, place: tuple[float, float], total: float, fwhm: float) -> None:
    """Add a point of light, round on the sky, at (x, y) px of a field of the whole detector's image."""
    x, y = place[0] + field * FIELD_PX, place[1]
    left, low = int(x) - 20, int(y) - 20
    rows, columns = np.mgrid[low : low + 41, left : left + 41]
    light = np.exp(-4 * np.log(2) * ((columns - x) ** 2 + ((rows - y) * _STRETCH) ** 2) / fwhm**2)
    image[low : low + 41, left : left + 41] += total * light / light.sum()
