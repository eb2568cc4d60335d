"""IRDIS master flat: response of each pixel from lamp exposures of several levels."""

from collections.abc import Mapping, Sequence

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from pydantic import Field

from hcvo.errors import ReductionError
from hcvo.model.product import ProductKind
from reduce.exposure import Exposure, read_exposure, read_planes
from reduce.instruments.sphere_irdis import FIELD_PX
from reduce.kernels import badpixels, flat
from reduce.product_file import image_hdu, read_facts, write_preview, write_product
from reduce.recipe import Consume, Job, Parameters, Recipe, SourceFile
from reduce.recipes.calibration import calibration_facts, origin_of

__all__ = ["RECIPE", "FlatParameters"]

_NAME = "ird_master_flat"
_SAME_DIT_S = 0.02
_BEND_SIGMA = 8.0  # a bend within the noise of the fit is none


class FlatParameters(Parameters):
    """Of the master flat."""

    lowest: float = Field(default=0.3, ge=0, description="a pixel below this response is bad (1 = median)")
    highest: float = Field(default=1.7, gt=1, description="a pixel above this response is bad")
    odd_sigma: float = Field(
        default=10.0, gt=0, description="a bad pixel differs more from its surroundings (std)"
    )
    curved_sigma: float = Field(
        default=12.0, gt=0, description="a bad pixel strays more from its line (std of log)"
    )
    bend: float = Field(
        default=0.05,
        gt=0,
        description="a pixel bends more than this over the lamp's levels: not linear (share)",
    )


def _run(files: Mapping[str, Sequence[SourceFile]], parameters: Parameters, job: Job) -> None:
    assert isinstance(parameters, FlatParameters)
    sources = files["flat"]
    exposures = [read_exposure(source.path) for source in sources]
    darks = {read_facts(source.path).dit_s: source for source in files.get("dark", ())}
    levels = []
    for number, (source, exposure) in enumerate(zip(sources, exposures, strict=True), start=1):
        levels.append(_level(source, exposure, darks, job))
        job.progress(0.8 * number / len(sources))
    try:
        response = flat.fit_response(np.stack(levels), FIELD_PX)
    except ValueError as error:
        raise ReductionError(f"master flat of {sources[0].name} ...: {error}") from error
    bad = _bad_pixels(response, parameters)
    for dark in darks.values():  # those that come and go: each dark sees some of them
        bad |= np.asarray(fits.getdata(dark.path, "BADPIX"), dtype=bool)
    slope = np.where(bad, np.nan, response.slope).astype(np.float32)
    job.log.info("fitted", levels=len(levels), dark_subtracted=len(darks) > 0, bad_pixels=int(bad.sum()))
    facts = calibration_facts(job, _NAME, ProductKind.FLAT, exposures, origin_of(files), "")
    path = job.path_for(facts)
    extensions = [
        image_hdu("ERROR", response.error, "", "y,x"),
        image_hdu("BADPIX", bad.astype(np.uint8), "", "y,x"),
    ]
    write_product(path, facts, slope, extensions, {"NLEVELS": (len(levels), "exposure levels fitted")})
    job.done(facts, path, write_preview(path, slope))


def _level(
    source: SourceFile, exposure: Exposure, darks: Mapping[float, SourceFile], job: Job
) -> NDArray[np.float32]:
    plane = np.median(read_planes(source.path), axis=0)
    for dit_s, dark in darks.items():
        if abs(dit_s - exposure.frame.dit_s) <= _SAME_DIT_S:
            return np.asarray(plane - fits.getdata(dark.path), dtype=np.float32)
    job.log.warning("no dark of this DIT: the fit's constant takes the bias", file=source.name)
    return np.asarray(plane, dtype=np.float32)


def _bad_pixels(response: flat.Response, parameters: FlatParameters) -> NDArray[np.bool_]:
    slope = response.slope
    bad = ~np.isfinite(slope) | (slope < parameters.lowest) | (slope > parameters.highest)
    parts = zip(
        flat.split_fields(slope, FIELD_PX), flat.split_fields(response.scatter, FIELD_PX), strict=True
    )
    bends = flat.split_fields(response.bend, FIELD_PX)
    bad |= np.concatenate([_bent(bend, parameters) for bend in bends], axis=1)
    odd = [
        badpixels.standing_out(part, parameters.odd_sigma) | badpixels.noisy(scatter, parameters.curved_sigma)
        for part, scatter in parts
    ]
    return np.asarray(bad | np.concatenate(odd, axis=1))


def _bent(bend: NDArray[np.floating], parameters: FlatParameters) -> NDArray[np.bool_]:
    """Pixels that are not linear: their line bends otherwise than the typical pixel's."""
    away = np.abs(bend - np.median(bend))
    return np.asarray(away > np.maximum(parameters.bend, _BEND_SIGMA * 1.4826 * np.median(away)))


RECIPE = Recipe(
    name=_NAME,
    consumes=(
        Consume("flat", frozenset({"IRD_FLAT_FIELD_RAW"}), minimum=3),
        Consume("dark", frozenset({"dark"}), minimum=0),
    ),
    makes=frozenset({"flat"}),
    parameters=FlatParameters,
    run=_run,
)
