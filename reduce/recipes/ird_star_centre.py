"""IRDIS star centre: four waffle spots in each CENTER frame and channel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hcvo.errors import ReductionError
from hcvo.model.product import ProductKind
from reduce.exposure import Exposure, read_exposure, read_planes
from reduce.instruments import sphere_irdis as irdis
from reduce.kernels import spots, stack
from reduce.product_file import Column, table_hdu, write_preview, write_product
from reduce.recipe import Consume, Job, Parameters, Recipe, SourceFile
from reduce.recipes.calibrated import Window, lambda_over_d_px, windows
from reduce.recipes.calibration import observation_name, origin_of, science_facts

__all__ = ["RECIPE", "CentreParameters"]

_NAME = "ird_star_centre"


class CentreParameters(Parameters):
    """Of the star centre."""

    search_px: int = Field(
        default=30, ge=1, le=100, description="how far from the usual place the star may be"
    )
    clip_sigma: float = Field(default=5.0, gt=0, description="plane values further out are left out (std)")


@dataclass(frozen=True, slots=True)
class _Measured:
    """Spots of one file and channel, places on the field, 0-based."""

    exposure: Exposure
    name: str
    channel: int
    orientation: str
    spots: spots.Spots


def _run(files: Mapping[str, Sequence[SourceFile]], parameters: Parameters, job: Job) -> None:
    assert isinstance(parameters, CentreParameters)
    sources = files["center"]
    if not sources:
        raise ReductionError(f"no CENTER frames with {files['observation'][0].name}, wanted one at least")
    exposures = [read_exposure(source.path) for source in sources]
    channels = irdis.channels_of(exposures[0].frame.filter)
    scale = irdis.astrometry_at(exposures[0].night, exposures[0].frame.filter).scale_mas
    units = [lambda_over_d_px(channel.wavelength_um, scale) for channel in channels]
    half = parameters.search_px + (irdis.WAFFLE_LAMBDA_D + 6.0) * max(units) + 10.0
    views = windows(files["background"][0], files["flat"][0], irdis.NEAR_CENTRES, half)
    measured: list[_Measured] = []
    pictures: list[NDArray[np.float64]] = []
    for number, (source, exposure) in enumerate(zip(sources, exposures, strict=True), start=1):
        planes = read_planes(source.path)
        for channel, (view, unit) in enumerate(zip(views, units, strict=True)):
            image = np.asarray(stack.clipped_mean(view.clean(planes), parameters.clip_sigma).mean, np.float64)
            found, orientation = _measure(image, view, channel, exposure, unit, parameters)
            job.log.info("centre", file=source.name, channel=channel, x=found.x, y=found.y, error=found.error)
            measured.append(_Measured(exposure, source.name, channel, orientation, found))
            pictures.append(image)
        job.progress(number / len(sources))
    facts = science_facts(
        job,
        _NAME,
        exposures,
        origin_of(files),
        kind=ProductKind.CENTRES,
        level=1,
        algorithm="calib",
        obs_id=observation_name(files),
        pixel_scale_mas=scale,
        axes="",
        unit="",
    )
    path = job.path_for(facts)
    table = table_hdu("CENTRES", _columns(measured), "star and spots per file; px 0-based in each field")
    write_product(path, facts, None, [table])
    job.done(facts, path, write_preview(path, pictures[0], low=20.0, high=99.9))


def _measure(
    image: NDArray[np.float64],
    view: Window,
    channel: int,
    exposure: Exposure,
    unit: float,
    parameters: CentreParameters,
) -> tuple[spots.Spots, str]:
    """Spots in places of the field; the header's orientation is checked against the other."""
    shift = np.asarray(exposure.dither_um) / irdis.DITHER_UM_PER_PX
    near = np.asarray(irdis.NEAR_CENTRES[channel]) + shift - view.corner
    radius = irdis.WAFFLE_LAMBDA_D * unit
    try:
        tried = {
            name: spots.coarse_centre(
                image, spots.spot_offsets(radius, name), (near[0], near[1]), parameters.search_px, unit
            )
            for name in ("x", "+")
        }
        orientation = max(tried, key=lambda name: tried[name][2])
        x, y, _ = tried[orientation]
        known = np.where(view.bad, np.nan, image)  # a filled pixel would pull its spot
        found = spots.fit_spots(known, spots.spot_offsets(radius, orientation), (x, y), unit)
    except ValueError as error:
        raise ReductionError(f"{exposure.frame.dp_id}, channel {channel}: {error}") from error
    if exposure.waffle and orientation != exposure.waffle:
        raise ReductionError(
            f"{exposure.frame.dp_id}, channel {channel}: spots stand as {orientation!r}, "
            f"OCS WAFFLE ORIENT says {exposure.waffle!r}; are there spots at all?"
        )
    corner = np.asarray(view.corner)
    moved = found._replace(x=found.x + corner[0], y=found.y + corner[1], places=found.places + corner)
    return moved, orientation


def _columns(rows: Sequence[_Measured]) -> list[Column]:
    frames = [row.exposure.frame for row in rows]
    dithers = np.array([row.exposure.dither_um for row in rows]) / irdis.DITHER_UM_PER_PX
    return [
        ("DP_ID", "64A", "", [row.name for row in rows]),
        ("MJD_MID", "D", "d", [(frame.mjd_obs + frame.mjd_end) / 2 for frame in frames]),
        ("CHANNEL", "J", "", [row.channel for row in rows]),
        ("X", "D", "pix", [row.spots.x for row in rows]),
        ("Y", "D", "pix", [row.spots.y for row in rows]),
        ("ERROR", "D", "pix", [row.spots.error for row in rows]),
        ("DITHER_X", "D", "pix", dithers[:, 0]),
        ("DITHER_Y", "D", "pix", dithers[:, 1]),
        ("RADIUS", "D", "pix", [row.spots.radius for row in rows]),
        ("ORIENT", "1A", "", [row.orientation for row in rows]),
        ("SPOT_X", "4D", "pix", np.array([row.spots.places[:, 0] for row in rows])),
        ("SPOT_Y", "4D", "pix", np.array([row.spots.places[:, 1] for row in rows])),
    ]


RECIPE = Recipe(
    name=_NAME,
    consumes=(
        Consume("center", frozenset({"IRD_STAR_CENTER_WAFFLE_RAW"}), minimum=0),
        Consume("science", frozenset({"IRD_SCIENCE_DBI_RAW", "IRD_SCIENCE_IMAGING_RAW"}), minimum=0),
        Consume("background", frozenset({"dark"}), maximum=1),
        Consume("flat", frozenset({"flat"}), maximum=1),
        Consume("observation", frozenset({"IRD_SCIENCE_DBI_RAW", "IRD_SCIENCE_IMAGING_RAW"}), maximum=1),
    ),
    makes=frozenset({"centres"}),
    parameters=CentreParameters,
    run=_run,
)
