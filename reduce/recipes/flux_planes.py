"""The star of each FLUX plane, cut out, undistorted and centred."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from reduce.exposure import Exposure, read_planes
from reduce.instruments import sphere_irdis as irdis
from reduce.kernels import photometry
from reduce.kernels.angles import plane_times
from reduce.kernels.recentre import footprint, recentred
from reduce.recipe import Job, Parameters, SourceFile
from reduce.recipes.calibrated import Window, lambda_over_d_px, windows

__all__ = ["FluxPlane", "StampParameters", "flux_planes"]

_FAINTEST = 10.0  # peak over noise: the highest of 1e5 Gaussian values is expected at 4.3
_TOO_FAR_PX = 3.0  # between a plane's star and the stack's


class StampParameters(Parameters):
    """Where the star may be, how much of it is cut out."""

    size_px: int = Field(default=63, ge=15, description="side of the PSF image, odd (px)")
    search_px: float = Field(
        default=200.0, gt=0, description="how far from the usual place the star may be (px)"
    )
    saturation_adu: float = Field(
        default=40000.0, gt=0, description="a raw peak above this is not linear (adu)"
    )


class FluxPlane(NamedTuple):
    """Star of one plane: (y, x) stamp, empty where there is none, and what is wrong with it ('' nothing)."""

    file: int
    plane: int
    mjd: float
    stamp: NDArray[np.float64]
    trouble: str


def flux_planes(
    files: Mapping[str, Sequence[SourceFile]],
    exposures: Sequence[Exposure],
    channels: Sequence[irdis.Channel],
    scale_mas: float,
    parameters: StampParameters,
    job: Job,
) -> list[list[FluxPlane]]:
    """Cut the star out of every plane.

    Parameters
    ----------
    files : Mapping[str, Sequence[SourceFile]]
        Roles 'flux', 'background', 'flat'.
    exposures : Sequence[Exposure]
        Of the FLUX files.
    channels : Sequence[irdis.Channel]
        Left field first.
    scale_mas : float
        Pixel scale.
    parameters : StampParameters
        Search and size.
    job : Job
        Told of progress, and of planes without a star.

    Returns
    -------
    list[list[FluxPlane]]
        Of each channel, in order of time.

    Notes
    -----
    A star that is not found, or saturated, is trouble of its planes alone.
    """
    half = parameters.search_px + parameters.size_px
    views = windows(files["background"][0], files["flat"][0], irdis.NEAR_CENTRES, half)
    found: list[list[FluxPlane]] = [[] for _ in channels]
    for number, (source, exposure) in enumerate(zip(files["flux"], exposures, strict=True)):
        planes = read_planes(source.path)
        middles = _middles(exposure, len(planes))
        for channel, view in enumerate(views):
            unit = lambda_over_d_px(channels[channel].wavelength_um, scale_mas)
            stamps = _stamps(planes, view, channel, unit, parameters)
            for plane, ((stamp, trouble), mjd) in enumerate(zip(stamps, middles, strict=True)):
                found[channel].append(FluxPlane(number, plane, mjd, stamp, trouble))
                if trouble:
                    job.log.warning("plane left out", file=source.name, plane=plane, why=trouble)
        job.progress((number + 1) / len(exposures))
    return found


def _middles(exposure: Exposure, count: int) -> list[float]:
    """MJD of the middle of each plane; evenly over the file where its header's times do not fit."""
    frame = exposure.frame
    try:
        times = plane_times(frame.mjd_obs, exposure.written_mjd, count, exposure.real_dit_s, exposure.delay_s)
    except ValueError:
        step = (frame.mjd_end - frame.mjd_obs) / count
        return [frame.mjd_obs + (plane + 0.5) * step for plane in range(count)]
    return [float(mjd) for mjd in times.middle]


def _stamps(
    planes: NDArray[np.float32],
    view: Window,
    channel: int,
    unit: float,
    parameters: StampParameters,
) -> list[tuple[NDArray[np.float64], str]]:
    """Each plane's star in the middle of a stamp, undistorted, its surroundings off; or why there is none."""
    near = np.asarray(irdis.NEAR_CENTRES[channel]) - view.corner
    images = view.flattened(planes)
    try:
        mean = view.filled(np.median(images, axis=0))
        place = photometry.find_star(mean, (near[0], near[1]), parameters.search_px, unit)
    except ValueError as error:
        return [(np.empty((0, 0)), str(error))] * len(planes)
    raw = planes[:, view.rows, view.columns]
    core = raw[:, max(place[1] - 1, 0) : place[1] + 2, max(place[0] - 1, 0) : place[0] + 2]
    good = ~view.bad[max(place[1] - 1, 0) : place[1] + 2, max(place[0] - 1, 0) : place[0] + 2]
    stamps = []
    for image, peak in zip(images, core[:, good].max(axis=1, initial=0.0), strict=True):
        if peak > parameters.saturation_adu:
            why = f"the star is saturated: raw peak {peak:.0f} adu, "
            stamps.append((np.empty((0, 0)), f"{why}wanted at most {parameters.saturation_adu:.0f}"))
        else:
            stamps.append(_stamp_or_trouble(image, view, place, unit, parameters.size_px))
    return stamps


def _stamp_or_trouble(
    image: NDArray[np.float64], view: Window, place: tuple[int, int], unit: float, size_px: int
) -> tuple[NDArray[np.float64], str]:
    try:
        stamp = _stamp(image, view, place, unit, size_px)
    except ValueError as error:
        return np.empty((0, 0)), str(error)
    if not np.isfinite(stamp).all():
        return np.empty((0, 0)), f"the star at {place} stands too near the edge of the field"
    return stamp, ""


def _stamp(
    image: NDArray[np.float64], view: Window, place: tuple[int, int], unit: float, size_px: int
) -> NDArray[np.float64]:
    """One plane: bad pixels filled in what the fitted core leaves, star to the middle."""
    known = np.where(view.bad, np.nan, image)
    star = photometry.fit_star(known, place, unit)
    if np.hypot(star.x - place[0], star.y - place[1]) > _TOO_FAR_PX:
        raise ValueError(f"the star leaves {place} for ({star.x:.1f}, {star.y:.1f}); was the loop open?")
    noise = 1.4826 * float(np.nanmedian(np.abs(known - np.nanmedian(known))))
    if star.peak < _FAINTEST * noise:
        raise ValueError(
            f"the brightest peak, at {place}, is {star.peak:.0f} adu in a noise of {noise:.0f}, wanted "
            f"{_FAINTEST:.0f} times it: there is no star"
        )
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
