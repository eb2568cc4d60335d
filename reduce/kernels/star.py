"""An unsaturated star seen without a mask: where it stands, and how sure."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from reduce.kernels.photometry import find_star

__all__ = ["StarCentre", "star_centre"]

_CORE_FWHM = 1.1  # radius that is fitted: the first Airy ring stays out
_RING_FWHM = (3.0, 5.0)  # where the sky's noise is measured
_MAD_TO_SIGMA = 1.4826
_SIGNIFICANT = 8.0
_FLANK_FWHM = 1.4  # where the core is saturated
_LEAST_PIXELS = 14  # twice the coefficients
_RESPONSE = 0.012  # error of a pixel's response after the flat

Grid = NDArray[np.float64]


class StarCentre(NamedTuple):
    """Star (x, y) px 0-based, 1 sigma of each, and its peak above the sky (image units)."""

    x: float
    y: float
    error: float
    peak: float


def star_centre(
    image: NDArray[np.floating],
    near: tuple[float, float],
    reach: float,
    fwhm: float,
    gain: float,
    saturation: float,
) -> StarCentre:
    """Fit the core of a star by an elliptical Gaussian.

    Parameters
    ----------
    image : NDArray[np.floating]
        (y, x), adu; NaN = not known.
    near : tuple[float, float]
        (x, y) of the expected star, 0-based.
    reach : float
        How far it may be from there, px.
    fwhm : float
        Expected, px.
    gain : float
        Electrons per adu: the star's own photons make noise.
    saturation : float
        Pixels from here on are left out, adu: a star saturated in its middle is fitted by its flanks.

    Returns
    -------
    StarCentre
        The error is that of photons, sky and pixels' response; that the core is not quite a Gaussian moves
        nothing.

    Raises
    ------
    ValueError
        If no star stands out there, too much of it is saturated, or it is at the image's edge.
    """
    filled = np.where(np.isfinite(image), image, np.nanmedian(image))
    column, row = find_star(filled, near, reach, fwhm)
    size = int(np.ceil(_RING_FWHM[1] * fwhm))
    cut = np.asarray(
        image[max(row - size, 0) : row + size + 1, max(column - size, 0) : column + size + 1], np.float64
    )
    if cut.shape != (2 * size + 1, 2 * size + 1):
        raise ValueError(f"star at ({column}, {row}) is within {size} px of the image's edge")
    y, x = np.mgrid[-size : size + 1, -size : size + 1]
    radius = np.hypot(x, y)
    known = np.isfinite(cut)
    ring = cut[known & (radius >= _RING_FWHM[0] * fwhm) & (radius <= _RING_FWHM[1] * fwhm)]
    sky = float(np.median(ring))
    noise = _MAD_TO_SIGMA * float(np.median(np.abs(ring - sky)))
    trusted = known & (cut < saturation)
    burnt = bool((known & ~trusted & (radius <= _CORE_FWHM * fwhm)).any())
    core = trusted & (radius <= (_FLANK_FWHM if burnt else _CORE_FWHM) * fwhm)
    if int(core.sum()) < _LEAST_PIXELS:
        raise ValueError(
            f"star at ({column}, {row}) is saturated: {int(core.sum())} pixels of its flanks are below "
            f"{saturation:g} adu, wanted {_LEAST_PIXELS}"
        )
    top = float(cut[core].max())
    fit = _fit(cut[core], x[core].astype(np.float64), y[core].astype(np.float64), (top - sky, sky), fwhm)
    place, peak = fit.x[1:3], float(fit.x[0])
    solve = np.linalg.pinv(fit.jac)[:3]
    light = np.clip(cut[core] - sky, 0.0, None)
    misfit = 2.0 * fit.cost / core.sum() if burnt else 0.0  # no longer the same on all sides
    variance = light / gain + (_RESPONSE * light) ** 2 + noise**2 + misfit
    errors = np.sqrt((solve**2) @ variance)
    if not fit.success or peak <= _SIGNIFICANT * errors[0] or float(np.abs(place).max()) > fwhm:
        raise ValueError(
            f"no star near {near}: the peak at ({column}, {row}) is {peak:g} +- {errors[0]:g} adu, "
            f"wanted {_SIGNIFICANT:g} sigma"
        )
    error = np.sqrt((errors[1:] ** 2).mean())
    return StarCentre(column + float(place[0]), row + float(place[1]), float(error), peak)


def _fit(data: Grid, x: Grid, y: Grid, start: tuple[float, float], fwhm: float) -> optimize.OptimizeResult:
    """Peak, x, y, exponent's (xx, yy, xy), base; unweighted, so that a wrong wing does not pull."""
    width = 4.0 * np.log(2.0) / fwhm**2
    scale = max(abs(start[0]), np.finfo(np.float64).tiny)

    def misfit(p: Grid) -> Grid:
        dx, dy = x - p[1], y - p[2]
        form = p[3] * dx**2 + p[4] * dy**2 + p[5] * dx * dy
        return np.asarray(p[0] * np.exp(-form) + p[6] - data)

    first = np.array([start[0], 0.0, 0.0, width, width, 0.0, start[1]])
    return optimize.least_squares(misfit, first, x_scale=np.array([scale, 1, 1, width, width, width, scale]))
