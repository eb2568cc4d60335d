"""IRDIS master dark, instrument background or sky: clipped mean of equal exposures, with bad pixels."""

from collections.abc import Mapping, Sequence

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from pydantic import Field

from hcvo.model.product import ProductKind
from reduce.exposure import read_exposure
from reduce.kernels import badpixels, stack
from reduce.product_file import image_hdu, write_preview, write_product
from reduce.recipe import Consume, Job, Parameters, Recipe, SourceFile
from reduce.recipes.calibration import calibration_facts, origin_of

__all__ = ["RECIPE", "DarkParameters"]

_NAME = "ird_master_dark"
_BAND_ROWS = 128  # rows combined at a time: memory stays small whatever the number of planes


class DarkParameters(Parameters):
    """Of the master dark."""

    clip_sigma: float = Field(default=5.0, gt=0, description="values further out are left out (std)")
    hot_sigma: float = Field(
        default=8.0, gt=0, description="a bad pixel differs more from its surroundings (std)"
    )
    noisy_sigma: float = Field(default=8.0, gt=0, description="a bad pixel is noisier (std of log noise)")


def _run(files: Mapping[str, Sequence[SourceFile]], parameters: Parameters, job: Job) -> None:
    assert isinstance(parameters, DarkParameters)
    sources = files["dark"]
    exposures = [read_exposure(source.path) for source in sources]
    made = _combined([source.path.as_posix() for source in sources], parameters.clip_sigma, job)
    bad = badpixels.standing_out(made.mean, parameters.hot_sigma)
    bad |= badpixels.noisy(made.error, parameters.noisy_sigma)
    job.log.info("combined", files=len(sources), planes=int(made.kept.max()), bad_pixels=int(bad.sum()))
    facts = calibration_facts(job, _NAME, ProductKind.DARK, exposures, origin_of(files), "adu")
    path = job.path_for(facts)
    extensions = [
        image_hdu("ERROR", made.error, "adu", "y,x"),
        image_hdu("BADPIX", bad.astype(np.uint8), "", "y,x"),
    ]
    write_product(
        path, facts, made.mean, extensions, {"RAWCLASS": (exposures[0].frame.frame_class, "ESO tag")}
    )
    job.done(facts, path, write_preview(path, made.mean))


def _combined(paths: Sequence[str], clip_sigma: float, job: Job) -> stack.Stack:
    """Clipped mean over all planes of all files, band by band."""
    opened = [fits.open(path, memmap=True) for path in paths]
    try:
        cubes = [hdus[0].data for hdus in opened]
        height = cubes[0].shape[-2]
        bands = []
        for low in range(0, height, _BAND_ROWS):
            planes = np.concatenate([_band(cube, low) for cube in cubes])
            bands.append(stack.clipped_mean(planes, clip_sigma))
            job.progress(min(low + _BAND_ROWS, height) / height)
    finally:
        for hdus in opened:
            hdus.close()
    return stack.Stack(*(np.concatenate(maps) for maps in zip(*bands, strict=True)))


def _band(cube: NDArray[np.floating], low: int) -> NDArray[np.float32]:
    rows = cube[..., low : low + _BAND_ROWS, :]
    return np.asarray(rows, dtype=np.float32).reshape(-1, *rows.shape[-2:])


RECIPE = Recipe(
    name=_NAME,
    consumes=(Consume("dark", frozenset({"IRD_DARK_RAW", "IRD_INS_BG_RAW", "IRD_SKY_BG_RAW"})),),
    makes=frozenset({"dark"}),
    parameters=DarkParameters,
    run=_run,
)
