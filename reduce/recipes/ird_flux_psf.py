"""IRDIS flux calibration: off-axis PSF, its width, and the star's flux at the science DIT and density."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hcvo.errors import ReductionError
from hcvo.model.product import ProductKind
from reduce.exposure import Exposure, read_exposure, read_planes
from reduce.instruments import sphere_irdis as irdis
from reduce.kernels import photometry
from reduce.kernels.aperture import aperture_flux
from reduce.kernels.recentre import footprint, recentred
from reduce.product_file import table_hdu, write_preview, write_product
from reduce.recipe import Consume, Job, Parameters, Recipe, SourceFile
from reduce.recipes.calibrated import Window, lambda_over_d_px, windows
from reduce.recipes.calibration import observation_name, origin_of, science_facts

__all__ = ["RECIPE", "FluxParameters"]

_NAME = "ird_flux_psf"
_TOO_FAR_PX = 3.0  # between a plane's star and the stack's
_WEIGHT = 2.0  # degrees of freedom that the expected wander counts for


class FluxParameters(Parameters):
    """Of the flux calibration."""

    size_px: int = Field(default=63, ge=15, description="side of the PSF image, odd (px)")
    search_px: float = Field(
        default=200.0, gt=0, description="how far from the usual place the star may be (px)"
    )
    saturation_adu: float = Field(
        default=40000.0, gt=0, description="a raw peak above this is not linear (adu)"
    )
    wander: float = Field(
        default=0.03,
        gt=0,
        description="share by which adaptive optics let the star's flux wander from FLUX files to science, "
        "where few files cannot tell",
    )


class _Channel(NamedTuple):
    """One channel: mean PSF (y, x) adu per FLUX DIT, FWHM px, flux of each plane adu, file of each plane."""

    psf: NDArray[np.float64]
    fwhm: float
    fluxes: NDArray[np.float64]
    files: NDArray[np.intp]


def _run(files: Mapping[str, Sequence[SourceFile]], parameters: Parameters, job: Job) -> None:
    assert isinstance(parameters, FluxParameters)
    sources = files["flux"]
    exposures = [read_exposure(source.path) for source in sources]
    science = read_exposure(files["science"][0].path)
    channels = irdis.channels_of(exposures[0].frame.filter)
    scale = irdis.astrometry_at(exposures[0].night, exposures[0].frame.filter).scale_mas
    half = parameters.search_px + parameters.size_px
    views = windows(files["background"][0], files["flat"][0], irdis.NEAR_CENTRES, half)
    stamps: list[list[NDArray[np.float64]]] = [[] for _ in channels]
    for number, source in enumerate(sources, start=1):
        planes = read_planes(source.path)
        for channel, view in enumerate(views):
            unit = lambda_over_d_px(channels[channel].wavelength_um, scale)
            stamps[channel].append(_stamps(planes, view, channel, unit, parameters, source.name))
        job.progress(number / len(sources))
    measured = [_measure(parts) for parts in stamps]
    ratios = [_ratio(channel, exposures[0], science) for channel in channels]
    flux = np.array([m.fluxes.mean() * r for m, r in zip(measured, ratios, strict=True)])
    error = np.array([_error(m, parameters.wander) * r for m, r in zip(measured, ratios, strict=True)])
    fwhm = np.array([m.fwhm for m in measured])
    job.log.info("flux", star_flux=flux.tolist(), error=error.tolist(), fwhm=fwhm.tolist(), ratio=ratios)
    facts = science_facts(
        job,
        _NAME,
        exposures,
        origin_of(files),
        kind=ProductKind.PSF,
        level=1,
        algorithm="l1",
        obs_id=observation_name(files),
        pixel_scale_mas=scale,
        fwhm_mas=float(fwhm.mean() * scale),
        axes="channel,y,x",
        unit="",
    )
    psf = np.stack([photometry.normalised(m.psf, m.fwhm) for m in measured])
    table = table_hdu(
        "CHANNELS",
        [
            ("NAME", "16A", "", [channel.name for channel in channels]),
            ("WAVELENGTH", "D", "um", [channel.wavelength_um for channel in channels]),
            ("WIDTH", "D", "um", [channel.width_um for channel in channels]),
            ("FWHM", "D", "pix", fwhm),
            ("STAR_FLUX", "D", "adu", flux),
            ("STAR_FLUX_ERR", "D", "adu", error),
        ],
        "STAR_FLUX: star in an aperture of diameter 1 FWHM at the science DIT and neutral density",
    )
    path = job.path_for(facts)
    write_product(path, facts, psf, [table])
    job.done(facts, path, write_preview(path, np.log10(np.maximum(psf[0], psf[0].max() * 1e-5))))


def _stamps(
    planes: NDArray[np.float32],
    view: Window,
    channel: int,
    unit: float,
    parameters: FluxParameters,
    name: str,
) -> NDArray[np.float64]:
    """(plane, y, x): the star in the middle of a stamp, undistorted, its surroundings subtracted."""
    near = np.asarray(irdis.NEAR_CENTRES[channel]) - view.corner
    images = view.flattened(planes)
    try:
        mean = view.filled(images.mean(axis=0))
        place = photometry.find_star(mean, (near[0], near[1]), parameters.search_px, unit)
        peak = float(planes[:, view.rows, view.columns][:, place[1], place[0]].max())
        if peak > parameters.saturation_adu:
            raise ReductionError(
                f"{name}, channel {channel}: the star is saturated: raw peak {peak:.0f} adu, "
                f"wanted at most {parameters.saturation_adu:.0f}"
            )
        return np.stack([_stamp(image, view, place, unit, parameters.size_px) for image in images])
    except ValueError as error:
        raise ReductionError(f"{name}, channel {channel}: {error}") from error


def _stamp(
    image: NDArray[np.float64], view: Window, place: tuple[int, int], unit: float, size_px: int
) -> NDArray[np.float64]:
    """One plane: bad pixels filled in what the fitted core leaves, star to the middle."""
    known = np.where(view.bad, np.nan, image)
    star = photometry.fit_star(known, place, unit)
    if np.hypot(star.x - place[0], star.y - place[1]) > _TOO_FAR_PX:
        raise ValueError(f"the star leaves {place} for ({star.x:.1f}, {star.y:.1f}); was the loop open?")
    core, rest = photometry.without_core(known, place, unit)
    whole = core + view.filled(rest)
    stretch = (1.0, irdis.ANAMORPHISM_Y)
    rows, columns = footprint(whole.shape, (star.x, star.y), size_px, stretch)
    middle = (star.x - columns.start, star.y - rows.start)
    stamp = recentred(whole[rows, columns], middle, size_px, stretch)
    return _without_surroundings(stamp)


def _without_surroundings(stamp: NDArray[np.float32]) -> NDArray[np.float64]:
    """Subtract the median of the outermost fifth of the radius."""
    half = stamp.shape[0] // 2
    y, x = np.ogrid[-half : half + 1, -half : half + 1]
    ring = (x**2 + y**2 >= (0.8 * half) ** 2) & (x**2 + y**2 <= half**2)
    return np.asarray(stamp - np.nanmedian(stamp[ring]), dtype=np.float64)


def _measure(parts: Sequence[NDArray[np.float64]]) -> _Channel:
    stack = np.concatenate(parts)
    psf = stack.mean(axis=0)
    middle = psf.shape[0] // 2
    fwhm = photometry.half_maximum_width(psf)
    fluxes = np.array([aperture_flux(plane, fwhm, middle, middle) for plane in stack])
    return _Channel(psf, fwhm, fluxes, np.repeat(np.arange(len(parts)), [len(part) for part in parts]))


def _ratio(channel: irdis.Channel, flux: Exposure, science: Exposure) -> float:
    """Science over FLUX frames: integration time and transmission of the neutral densities."""
    time = science.real_dit_s / flux.real_dit_s
    return time * channel.transmission(science.frame.nd_filter) / channel.transmission(flux.frame.nd_filter)


def _error(measured: _Channel, wander: float) -> float:
    """How far the star's mean flux of the science may be from that of the FLUX files.

    Scatter of the files' means, tempered by `wander`, for two files hardly tell their own scatter; and of
    the planes within a file.
    """
    by_file = [measured.fluxes[measured.files == file] for file in np.unique(measured.files)]
    means = np.array([part.mean() for part in by_file])
    expected = (wander * measured.fluxes.mean()) ** 2
    between = (_WEIGHT * expected + ((means - means.mean()) ** 2).sum()) / (_WEIGHT + len(means) - 1)
    spread = sum(float(((part - part.mean()) ** 2).sum()) for part in by_file)
    freedom = measured.fluxes.size - len(by_file)
    of_mean = spread / freedom / measured.fluxes.size if freedom else 0.0
    return float(np.sqrt(between + of_mean))


RECIPE = Recipe(
    name=_NAME,
    consumes=(
        Consume("flux", frozenset({"IRD_FLUX_RAW"})),
        Consume("background", frozenset({"dark"}), maximum=1),
        Consume("flat", frozenset({"flat"}), maximum=1),
        Consume("science", frozenset({"IRD_SCIENCE_DBI_RAW", "IRD_SCIENCE_IMAGING_RAW"}), maximum=1),
        Consume("observation", frozenset({"IRD_SCIENCE_DBI_RAW", "IRD_SCIENCE_IMAGING_RAW"}), maximum=1),
    ),
    makes=frozenset({"psf"}),
    parameters=FluxParameters,
    run=_run,
)
