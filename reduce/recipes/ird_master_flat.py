"""IRDIS master flat: response of each pixel from lamp exposures of several levels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from pydantic import Field

from hcvo.errors import ReductionError
from hcvo.headers.quality import qc_cards
from hcvo.model.product import ProductKind
from reduce.exposure import Exposure, read_exposure, read_planes, whole_detector
from reduce.instruments.sphere_irdis import FIELD_PX, SATURATION_ADU
from reduce.kernels import badpixels, flat
from reduce.product_file import image_hdu, read_facts, write_preview, write_product
from reduce.recipe import Consume, Job, Parameters, Recipe, SourceFile
from reduce.recipes.calibration import calibration_facts, origin_of

__all__ = ["BAD", "NOT_LINEAR", "RECIPE", "FlatParameters"]

_NAME = "ird_master_flat"
_SAME_DIT_S = 0.02
_FEW = 0.05  # of a field's pixels saturated: more, and the level is left out
_MAD_TO_SIGMA = 1.4826  # of a Gaussian

BAD, NOT_LINEAR = 1, 2
"""Bits of BADPIX: any pixel that is not 0 is bad."""


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
        default=0.03,
        gt=0,
        description="a pixel bends more than this over the lamp's levels: not linear (share)",
    )
    bend_sigma: float = Field(default=5.0, gt=0, description="and more than the bends' noise (std)")


@dataclass(frozen=True, slots=True)
class _Lamp:
    """One exposure: middle plane, NaN where a pixel is saturated; level (adu), saturated share."""

    source: SourceFile
    exposure: Exposure
    plane: NDArray[np.float32]
    level: float
    saturated: float
    dark: bool


def _run(files: Mapping[str, Sequence[SourceFile]], parameters: Parameters, job: Job) -> None:
    assert isinstance(parameters, FlatParameters)
    darks = {read_facts(source.path).dit_s: source for source in files.get("dark", ())}
    lamps, dropped = _lamps(files["flat"], darks, job)
    zero = all(lamp.dark for lamp in lamps)
    try:
        planes = np.array([lamp.plane for lamp in lamps]).reshape(-1, FIELD_PX, 2 * FIELD_PX)
        response = flat.fit_response(planes, FIELD_PX, zero=zero)
    except ValueError as error:
        without = f"; left out for saturation: {', '.join(dropped)}" if dropped else ""
        raise ReductionError(f"master flat of {files['flat'][0].name} ...: {error}{without}") from error
    bad = _bad_pixels(response, parameters)
    for dark in darks.values():  # those that come and go: each dark sees some of them
        bad[np.asarray(fits.getdata(dark.path, "BADPIX"), dtype=bool)] |= BAD
    slope = np.where(bad > 0, np.nan, response.slope).astype(np.float32)
    counts = {"bad_pixels": int((bad > 0).sum()), "not_linear": int((bad & NOT_LINEAR > 0).sum())}
    job.log.info("fitted", levels=len(lamps), dark_subtracted=zero, **counts)
    used = {**files, "flat": [lamp.source for lamp in lamps]}
    exposures = [lamp.exposure for lamp in lamps]
    facts = calibration_facts(job, _NAME, ProductKind.FLAT, exposures, origin_of(used), "")
    path = job.path_for(facts)
    extensions = [image_hdu("ERROR", response.error, "", "y,x"), _map(bad)]
    cards = {"NLEVELS": (len(lamps), "exposure levels fitted")} | qc_cards(
        {
            "FLAT LEVELS": (len(lamps), "exposures fitted"),
            "FLAT SATURATED": (len(dropped), "exposures left out, being saturated"),
            "FLAT BRIGHTEST": (max(lamp.level for lamp in lamps), "[adu] raw level"),
            "FLAT NOT LINEAR": (counts["not_linear"], "pixels"),
        }
    )
    write_product(path, facts, slope, extensions, cards)
    job.done(facts, path, write_preview(path, slope))


def _lamps(
    sources: Sequence[SourceFile], darks: Mapping[float, SourceFile], job: Job
) -> tuple[list[_Lamp], list[str]]:
    """Exposures that are not saturated; those that are, in words."""
    kept: list[_Lamp] = []
    dropped = []
    for number, source in enumerate(sources, start=1):
        lamp = _read(source, darks)
        if lamp.saturated > _FEW:
            words = (
                f"{source.name} holds {lamp.level:.0f} adu in the median, {lamp.saturated:.0%} of its pixels "
                f"more than {SATURATION_ADU:.0f}"
            )
            job.log.warning("saturated: left out", exposure=words)
            dropped.append(words)
        else:
            kept.append(lamp)
            if not lamp.dark:
                job.log.warning("no dark of this DIT: the fit's constant takes the bias", file=source.name)
        job.progress(0.8 * number / len(sources))
    return kept, dropped


def _read(source: SourceFile, darks: Mapping[float, SourceFile]) -> _Lamp:
    exposure = read_exposure(source.path)
    planes = read_planes(source.path)
    whole_detector(source.path, planes.shape)
    plane = np.median(planes, axis=0)
    parts = flat.split_fields(plane, FIELD_PX)
    level = max(float(np.median(part)) for part in parts)
    saturated = max(float(np.mean(part > SATURATION_ADU)) for part in parts)
    plane = np.where(plane > SATURATION_ADU, np.nan, plane)
    own = [dark for dit_s, dark in darks.items() if abs(dit_s - exposure.frame.dit_s) <= _SAME_DIT_S]
    if own:
        plane = plane - fits.getdata(own[0].path)
    return _Lamp(source, exposure, plane.astype(np.float32), level, saturated, bool(own))


def _map(bad: NDArray[np.uint8]) -> fits.ImageHDU:
    hdu = image_hdu("BADPIX", bad, "", "y,x")
    hdu.header["COMMENT"] = f"0 good; bits: {BAD} bad, {NOT_LINEAR} not linear"
    return hdu


def _bad_pixels(response: flat.Response, parameters: FlatParameters) -> NDArray[np.uint8]:
    slope = response.slope
    bad = ~np.isfinite(slope) | (slope < parameters.lowest) | (slope > parameters.highest)
    parts = [flat.split_fields(each, FIELD_PX) for each in (slope, response.scatter, response.bend)]
    odd = [
        badpixels.standing_out(part, parameters.odd_sigma) | badpixels.noisy(scatter, parameters.curved_sigma)
        for part, scatter, _ in zip(*parts, strict=True)
    ]
    bent = [_bent(part, bend, parameters) for part, _, bend in zip(*parts, strict=True)]
    curved = np.concatenate(bent, axis=1) & ~bad
    bad |= np.concatenate(odd, axis=1)
    return np.asarray(np.where(bad, BAD, 0) | np.where(curved, NOT_LINEAR, 0), dtype=np.uint8)


def _bent(
    slope: NDArray[np.floating], bend: NDArray[np.floating], parameters: FlatParameters
) -> NDArray[np.bool_]:
    """Pixels that are not linear: their line bends otherwise than the typical pixel's.

    The bend's noise is that of the photons, over the signal: it falls as the root of the response.
    """
    known = slope >= parameters.lowest  # not NaN either
    if not known.any():
        return known
    away = np.where(known, np.abs(bend - np.median(bend[known])) * np.sqrt(np.clip(slope, 0, 1)), 0.0)
    noise = _MAD_TO_SIGMA * np.median(away[known])
    return np.asarray(away > np.maximum(parameters.bend, parameters.bend_sigma * noise))


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
