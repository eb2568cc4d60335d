"""The star behind the mask, from four satellite ("waffle") spots."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize

__all__ = ["Spots", "coarse_centre", "fit_spots", "spot_offsets"]

_SIGMA_TO_FWHM = 2.3548200450309493  # 2 sqrt(2 ln 2)
_REACH = 2.5  # half the fitted square over the FWHM: the first Airy rings fix the plane underneath
_PARAMETERS = 8  # of the fit: flux, place, two widths, a tilted plane
# Widths along and across the radius, in units of the star's core, where the fit begins, and its limits.
_START, _NARROWEST, _WIDEST = (1.2, 1.0), (0.5, 0.5), (4.0, 2.0)
_FIRST_ANGLE = {"+": 0.0, "x": 45.0}


class Spots(NamedTuple):
    """Star and spots of one image.

    `x`, `y` of the star and `error` (1 sigma of each), px 0-based; `places` (4, 2) as (x, y) and
    `place_errors` (4,) px; `radius` mean distance of the spots, px.
    """

    x: float
    y: float
    error: float
    places: NDArray[np.float64]
    place_errors: NDArray[np.float64]
    radius: float


def spot_offsets(radius: float, orientation: str) -> NDArray[np.float64]:
    """Where the four spots stand around the star.

    Parameters
    ----------
    radius : float
        Distance from the star, px (10 sqrt 2 cycles across the pupil: grows with wavelength).
    orientation : str
        ``OCS WAFFLE ORIENT``: '+' on the detector's axes, 'x' on its diagonals.

    Returns
    -------
    NDArray[np.float64]
        (4, 2) as (x, y), opposite spots two rows apart.

    Raises
    ------
    ValueError
        If the orientation is neither.
    """
    if orientation not in _FIRST_ANGLE:
        raise ValueError(f"waffle orientation is {orientation!r}, wanted '+' or 'x'")
    angle = np.radians(_FIRST_ANGLE[orientation] + 90.0 * np.arange(4))
    return radius * np.column_stack([np.cos(angle), np.sin(angle)])


def coarse_centre(
    image: NDArray[np.floating],
    offsets: NDArray[np.float64],
    near: tuple[float, float],
    reach: int,
    fwhm: float,
) -> tuple[float, float, float]:
    """Find the pixel around which all four spots are bright.

    Parameters
    ----------
    image : NDArray[np.floating]
        (y, x), finite.
    offsets : NDArray[np.float64]
        (4, 2), of `spot_offsets`.
    near : tuple[float, float]
        (x, y) of the expected star, 0-based.
    reach : int
        How far the star may be from there, px in x and y.
    fwhm : float
        Of a spot, px.

    Returns
    -------
    tuple[float, float, float]
        (x, y) of the best pixel, and the faintest spot's brightness there (band-passed, image units).

    Raises
    ------
    ValueError
        If the spots of some place in reach lie outside the image.
    """
    width = fwhm / _SIGMA_TO_FWHM
    flat = np.asarray(image, np.float64)
    band = ndimage.gaussian_filter(flat, width) - ndimage.gaussian_filter(flat, 4.0 * width)
    x0, y0 = round(near[0]), round(near[1])
    score: NDArray[np.float64] | None = None
    for dx, dy in np.round(offsets).astype(int):
        left, low = x0 + dx - reach, y0 + dy - reach
        if (
            left < 0
            or low < 0
            or max(low + 2 * reach - image.shape[0], left + 2 * reach - image.shape[1]) >= 0
        ):
            raise ValueError(f"spots around {near} +- {reach} px leave the image of {image.shape}")
        part = band[low : low + 2 * reach + 1, left : left + 2 * reach + 1]
        score = part if score is None else np.minimum(score, part)
    assert score is not None
    row, column = np.unravel_index(int(np.argmax(score)), score.shape)
    return x0 - reach + float(column), y0 - reach + float(row), float(score.max())


def fit_spots(
    image: NDArray[np.floating], offsets: NDArray[np.float64], centre: tuple[float, float], fwhm: float
) -> Spots:
    """Fit the four spots and cross their diagonals.

    Parameters
    ----------
    image : NDArray[np.floating]
        (y, x); NaN = bad pixel, left out of the fit.
    offsets : NDArray[np.float64]
        (4, 2) expected places around the star, (x, y) px.
    centre : tuple[float, float]
        (x, y) of the star, 0-based, within 3 px.
    fwhm : float
        Of the star's core, px; spots are this wide across and longer along the radius.

    Returns
    -------
    Spots
        The star is where the lines through opposite spots cross: a linear distortion leaves it there.

    Notes
    -----
    A ValueError says so if a spot cannot be fitted.
    """
    fits = [_fit_spot(image, (centre[0] + dx, centre[1] + dy), (dx, dy), fwhm) for dx, dy in offsets]
    places = np.array([[fit[0], fit[1]] for fit in fits])
    errors = np.array([fit[2] for fit in fits])
    x, y = _crossing(places)
    return Spots(
        float(x),
        float(y),
        float(_crossing_error(places, errors)),
        places,
        errors,
        float(np.hypot(*(places - (x, y)).T).mean()),
    )


def _fit_spot(
    image: NDArray[np.floating], place: tuple[float, float], outward: tuple[float, float], fwhm: float
) -> tuple[float, float, float]:
    """(x, y, error) of one spot: a Gaussian longer along the radius, on a tilted plane."""
    reach = int(np.ceil(_REACH * fwhm))
    x0, y0 = round(place[0]), round(place[1])
    cut = np.asarray(image[y0 - reach : y0 + reach + 1, x0 - reach : x0 + reach + 1], np.float64)
    if min(y0, x0) < reach or cut.shape != (2 * reach + 1, 2 * reach + 1):
        raise ValueError(f"spot expected at {place} is at the edge of the image of {image.shape}")
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    ux, uy = np.asarray(outward) / np.hypot(outward[0], outward[1])
    known = np.isfinite(cut)
    if known.sum() <= _PARAMETERS:
        raise ValueError(
            f"spot expected at {place} has {known.sum()} good pixels, wanted more than {_PARAMETERS}"
        )
    base = float(np.median(cut[known]))
    cut = np.where(known, cut, base) - base
    scale = float(cut.max())
    if scale <= 0:
        raise ValueError(f"no spot near {place}: nothing is brighter than the middle of the pixels there")
    width = fwhm / _SIGMA_TO_FWHM

    def misfit(p: NDArray[np.float64]) -> NDArray[np.float64]:
        dx, dy = x - p[1], y - p[2]
        along, across = (ux * dx + uy * dy) / (width * p[3]), (ux * dy - uy * dx) / (width * p[4])
        model = p[0] * np.exp(-0.5 * (along**2 + across**2)) + p[5] + p[6] * x + p[7] * y
        return np.asarray((model - cut / scale)[known])

    peak = np.unravel_index(int(np.argmax(ndimage.gaussian_filter(cut, width))), cut.shape)
    start = [1.0, peak[1] - reach, peak[0] - reach, *_START, 0.0, 0.0, 0.0]
    free = np.full(3, np.inf)
    low, high = [0.0, -reach, -reach, *_NARROWEST, *-free], [np.inf, reach, reach, *_WIDEST, *free]
    fit = optimize.least_squares(misfit, start, bounds=(low, high))
    normal = fit.jac.T @ fit.jac
    if not fit.success or np.linalg.matrix_rank(normal) < _PARAMETERS:  # nothing says where the spot is
        raise ValueError(f"no spot near {place}: the fit of a Gaussian failed")
    variance = 2.0 * fit.cost / (known.sum() - _PARAMETERS)
    covariance = variance * np.linalg.inv(normal)
    error = np.sqrt((covariance[1, 1] + covariance[2, 2]) / 2.0)
    return x0 + fit.x[1], y0 + fit.x[2], float(error)


def _crossing(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where the line through spots 0, 2 meets that through 1, 3."""
    first, second = places[2] - places[0], places[3] - places[1]
    share = np.linalg.solve(np.column_stack([first, -second]), places[1] - places[0])
    return np.asarray(places[0] + share[0] * first)


def _crossing_error(places: NDArray[np.float64], errors: NDArray[np.float64]) -> float:
    """Error of the crossing in x and y (mean), by moving each coordinate a little."""
    step, here = 1e-4, _crossing(places)
    total = 0.0
    for spot in range(4):
        for axis in range(2):
            moved = places.copy()
            moved[spot, axis] += step
            total += float((((_crossing(moved) - here) / step * errors[spot]) ** 2).sum())
    return float(np.sqrt(total / 2.0))
