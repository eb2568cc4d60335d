"""The star behind the mask without any spot: stray light looks the same when turned by half a turn.

Phase errors make speckles in pairs, the halo and its control ring are round or elongated through the
star: a high-passed image agrees best with itself turned by 180 degrees about the star.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize, signal

__all__ = ["HaloCentre", "halo_centre"]

_SIGMA_TO_FWHM = 2.3548200450309493  # 2 sqrt(2 ln 2)
_CLIP = 3.0  # robust standard deviations: companions and bad pixels have no partner and must not weigh
_WEDGES = 8  # parts of the ring that are left out in turn: each with its opposite
_PEAK_PX = 3  # half the square about the peak of the agreement, in steps of half a pixel
_ROUNDS = 3
_INSIDE = 1e-3
_FINE, _BROAD, _LOCAL = 0.5, 2.5, 6.0  # band-pass and neighbourhood, in widths of a speckle
_MAD_TO_SIGMA = 1.4826
_TINY = np.finfo(np.float64).tiny
_STEP_PX = 0.5  # of the lattice on which the agreement is known
_SETTLED_PX = 2.0  # further from the best half pixel there is no peak to fit
_SIGNIFICANT = 6.5  # of the best among thousands of places, in standard deviations of them all

Grid = NDArray[np.float64]


class HaloCentre(NamedTuple):
    """Star (x, y) px 0-based, 1 sigma of each, and the agreement at the peak (a correlation, 0..1)."""

    x: float
    y: float
    error: float
    agreement: float


def halo_centre(
    image: NDArray[np.floating],
    near: tuple[float, float],
    reach: int,
    ring: tuple[float, float],
    fwhm: float,
) -> HaloCentre:
    """Centre of the half-turn symmetry of the stray light.

    Parameters
    ----------
    image : NDArray[np.floating]
        (y, x); NaN = not known.
    near : tuple[float, float]
        (x, y) of the expected star, 0-based.
    reach : int
        How far the star may be from there, px in x and y.
    ring : tuple[float, float]
        Inner and outer radius about the star of what is compared, px.
    fwhm : float
        Of a speckle, px.

    Returns
    -------
    HaloCentre
        The error is that of a jackknife over wedges of the ring: parts of the sky that share no speckle.

    Raises
    ------
    ValueError
        If the ring leaves the image, or nothing in it agrees.
    """
    outer = ring[1] + reach
    beyond = np.array(near) + outer > np.array(image.shape[::-1]) - 1
    if min(near) < outer or beyond.any():
        raise ValueError(
            f"ring of {ring[1]:g} px about {near} +- {reach} px leaves the image of {image.shape}"
        )
    flat = _flattened(image, fwhm)
    first = place = np.array(_coarse(flat, near, reach, ring))
    for _ in range(_ROUNDS):
        (whole, *parts), agreement = _refined(flat, place, ring)
        if not float(np.abs([whole, *parts] - first).max()) <= _SETTLED_PX:
            raise ValueError(f"the centre of symmetry near {first} does not settle: {whole}")
        moved, place = np.abs(whole - place), whole
        if moved.max() <= _STEP_PX:
            break
    spread = np.var(parts, axis=0) * (_WEDGES - 1)
    return HaloCentre(float(whole[0]), float(whole[1]), float(np.sqrt(spread.mean())), agreement)


def _flattened(image: NDArray[np.floating], fwhm: float) -> Grid:
    """Band-passed image over its local spread, clipped; 0 = not known."""
    width = fwhm / _SIGMA_TO_FWHM
    known = np.isfinite(image).astype(np.float64)
    filled = np.where(known > 0, image, 0.0)

    def smooth(values: Grid, sigma: float) -> Grid:
        weight = ndimage.gaussian_filter(known, sigma)
        return np.asarray(ndimage.gaussian_filter(values * known, sigma) / np.maximum(weight, 1e-3))

    band = smooth(filled, _FINE * width) - smooth(filled, _BROAD * width)
    local = np.sqrt(np.maximum(smooth(band**2, _LOCAL * width), _TINY))
    return np.asarray(np.clip(band / local, -_CLIP, _CLIP) * known)


def _coarse(
    flat: Grid, near: tuple[float, float], reach: int, ring: tuple[float, float]
) -> tuple[float, float]:
    """To half a pixel: the image convolved with itself peaks at twice the star's place."""
    x0, y0 = round(near[0]), round(near[1])
    half = int(ring[1]) + reach  # the whole ring wherever the star is
    cut = flat[y0 - half : y0 + half + 1, x0 - half : x0 + half + 1]
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    used = cut * (np.hypot(x, y) >= ring[0] - reach)
    product = signal.fftconvolve(used, used)
    size = 2 * half
    near_peak = product[size - 2 * reach : size + 2 * reach + 1, size - 2 * reach : size + 2 * reach + 1]
    row, column = np.unravel_index(int(np.argmax(near_peak)), near_peak.shape)
    middle = float(np.median(near_peak))
    spread = _MAD_TO_SIGMA * float(np.median(np.abs(near_peak - middle)))
    if not float(near_peak.max()) - middle > _SIGNIFICANT * spread:
        raise ValueError(f"nothing within {reach} px of {near} looks the same when turned by half a turn")
    return x0 + (column - 2 * reach) / 2.0, y0 + (row - 2 * reach) / 2.0


def _refined(flat: Grid, place: Grid, ring: tuple[float, float]) -> tuple[Grid, float]:
    """((1 + wedges, 2) places: of the whole ring and without each wedge in turn; agreement at the peak)."""
    twice = np.rint(2 * place).astype(np.int_)
    rows, columns = np.mgrid[: flat.shape[0], : flat.shape[1]]
    x, y = columns - place[0], rows - place[1]
    radius = np.hypot(x, y)
    inside = (radius >= ring[0]) & (radius <= ring[1])
    wedge = np.asarray(np.mod(np.arctan2(y, x), np.pi) / np.pi * _WEDGES, np.int_) % _WEDGES
    column, row, label = columns[inside], rows[inside], wedge[inside]
    here = flat[row, column]
    steps = np.arange(-_PEAK_PX, _PEAK_PX + 1)
    sums = np.empty((_WEDGES, steps.size, steps.size))
    power = np.bincount(label, here**2, _WEDGES)
    for j, dy in enumerate(steps):
        for i, dx in enumerate(steps):
            there = flat[twice[1] + dy - row, twice[0] + dx - column]
            sums[:, j, i] = np.bincount(label, here * there, _WEDGES)
    whole = sums.sum(axis=0)
    if not whole.max() > 0:
        raise ValueError(f"nothing about {place} looks the same when turned by half a turn")
    chosen = [whole, *(whole - part for part in sums)]
    places = (twice + np.array([_peak(each, steps) for each in chosen])) / 2.0
    return places, float(whole.max() / power.sum())


def _peak(values: Grid, steps: NDArray[np.int_]) -> tuple[float, float]:
    """(x, y) of the top of an elliptical Gaussian on a constant, in steps."""
    y, x = np.meshgrid(steps, steps, indexing="ij")
    scale = float(values.max())
    row, column = np.unravel_index(int(np.argmax(values)), values.shape)

    def misfit(p: Grid) -> Grid:
        dx, dy = x - p[1], y - p[2]
        model = p[0] * np.exp(-(p[3] * dx**2 + p[4] * dy**2 + p[5] * dx * dy)) + p[6]
        return np.asarray((model - values / scale).ravel())

    start = [1.0, float(steps[column]), float(steps[row]), 0.1, 0.1, 0.0, 0.0]
    low = [0.0, -_PEAK_PX, -_PEAK_PX, 0.0, 0.0, -2.0, -np.inf]
    high = [np.inf, _PEAK_PX, _PEAK_PX, 2.0, 2.0, 2.0, np.inf]
    start[1:3] = np.clip(start[1:3], -_PEAK_PX + _INSIDE, _PEAK_PX - _INSIDE)
    fit = optimize.least_squares(misfit, start, bounds=(low, high))
    return float(fit.x[1]), float(fit.x[2])
