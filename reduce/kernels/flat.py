"""Detector response from lamp exposures of several levels."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Response", "fit_response", "split_fields"]

_LIT = 0.5  # of the median of all pixels: the frame around the field sees no light and is no part of it
_MINIMUM_LEVELS = 3
_STEP = 1.1  # a level this much above the last: lamps drift by some per cent, and that is no level
_RANGE = 1.5  # of the brightest to the faintest: over less, a line's slope is noise


class Response(NamedTuple):
    """Of each pixel: slope (median 1 over the lit part of each field), its error, scatter off the line, bend.

    Where a pixel is known at too few levels: NaN, and no bend.
    """

    slope: NDArray[np.float32]
    error: NDArray[np.float32]
    scatter: NDArray[np.float32]
    bend: NDArray[np.float32]


def split_fields(plane: NDArray[np.floating], field: int) -> tuple[NDArray[np.floating], ...]:
    """The fields that stand side by side on the detector.

    Parameters
    ----------
    plane : NDArray[np.floating]
        (..., y, x).
    field : int
        Width of a field, pixels.

    Returns
    -------
    tuple[NDArray[np.floating], ...]
        Views (..., y, field), left first.

    Raises
    ------
    ValueError
        If the width is no multiple of a field's.
    """
    width = plane.shape[-1]
    if width % field:
        raise ValueError(f"frame is {width} px wide, wanted a multiple of {field}")
    return tuple(plane[..., left : left + field] for left in range(0, width, field))


def fit_response(levels: NDArray[np.floating], field: int, *, zero: bool = False) -> Response:
    """Fit each pixel's signal against the level of its field by a line.

    Parameters
    ----------
    levels : NDArray[np.floating]
        (level, y, x) adu, dark subtracted where it is known; the line's constant takes what is left.
        NaN where a pixel is not to be used (saturated).
    field : int
        Width of a field, pixels; fields are fitted and normalised apart.
    zero : bool
        True where no light is 0 adu (dark subtracted at each level): then the bend is that of a parabola
        through 0, whose noise is nearly half (0.56 for levels of 1, 2, 4, 6 and 8).

    Returns
    -------
    Response
        Each (y, x) float32. Slope per unit of the field's median; scatter is the root mean square
        residual over the photon noise of the highest level (adu**0.5); bend is the departure from the line
        by a quadratic term, over the signal of the highest level.

    Notes
    -----
    A ValueError says so if there are fewer than three levels, each 10 % above the last, if the brightest is
    less than 1.5 times the faintest, or if half of a field is not known at a level (it is inf then).
    """
    parts = [_fit(part, zero=zero) for part in split_fields(levels, field)]
    return Response(*(np.concatenate(maps, axis=1) for maps in zip(*parts, strict=True)))


def _fit(levels: NDArray[np.floating], *, zero: bool) -> Response:
    values = levels.reshape(len(levels), levels.shape[1] * levels.shape[2])
    known = np.isfinite(values)
    exposure = np.median(np.where(known, values, np.inf), axis=1).astype(np.float64)
    steps = _steps(exposure)
    slope, error, scatter, bend = found = np.full((4, values.shape[1]), np.nan)
    for seen, pixels in _alike(known):
        if np.unique(steps[seen]).size >= _MINIMUM_LEVELS:
            found[:, pixels] = _line(exposure[seen], values[np.ix_(seen, pixels)], zero=zero)
    middle = np.nanmedian(slope[slope > _LIT * np.nanmedian(slope)])
    slope /= middle
    error /= middle
    maps = (slope, error, scatter, np.nan_to_num(bend))
    return Response(*(each.reshape(levels.shape[1:]).astype(np.float32) for each in maps))


def _steps(exposure: NDArray[np.float64]) -> NDArray[np.intp]:
    """Number of the step of each level; levels closer than a step share one."""
    steps = np.zeros(exposure.size, dtype=np.intp)
    count, first = 0, 0.0
    for level in np.argsort(exposure):
        if exposure[level] >= _STEP * first:
            count, first = count + 1, exposure[level]
        steps[level] = count
    few = count < _MINIMUM_LEVELS or exposure.min() <= 0
    if few or not _RANGE * exposure.min() <= exposure.max() < np.inf:
        raise ValueError(
            f"lamp levels {np.round(exposure, 1).tolist()} adu, wanted {_MINIMUM_LEVELS} different above 0, "
            f"each {_STEP - 1:.0%} above the last and the brightest {_RANGE:g} times the faintest"
        )
    return steps


def _alike(known: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Levels, and the pixels that are known at just these."""
    whole = known.all(axis=0)
    yield np.arange(len(known)), np.flatnonzero(whole)
    holes = np.flatnonzero(~whole)
    patterns, which = np.unique(known[:, holes], axis=1, return_inverse=True)
    for number, pattern in enumerate(patterns.T):
        yield np.flatnonzero(pattern), holes[which.ravel() == number]


def _line(
    exposure: NDArray[np.float64], values: NDArray[np.floating], *, zero: bool
) -> tuple[NDArray[np.float64], ...]:
    """Slope, its error, scatter and bend of (level, pixel)."""
    weight = 1.0 / exposure  # photon noise: variance grows with the level
    total = weight.sum()
    centred = exposure - (weight * exposure).sum() / total
    norm = (weight * centred**2).sum()
    slope = np.tensordot(weight * centred, values, axes=1) / norm
    offset = np.tensordot(weight, values, axes=1) / total
    residual = values - offset - slope * centred[:, None]
    scatter = np.sqrt(np.tensordot(weight, residual**2, axes=1) / (exposure.size - 2))
    if zero:  # a parabola's part that is free of the line through 0
        square = exposure**2 - exposure * (exposure**2).sum() / exposure.sum()
        curvature = np.tensordot(weight * square, values, axes=1) / (weight * square**2).sum()
    else:  # free of line and constant
        square = centred**2 - norm / total - centred * (weight * centred**3).sum() / norm
        curvature = np.tensordot(weight * square, residual, axes=1) / (weight * square**2).sum()
    signal = np.where(slope > 0, slope, np.nan)
    return slope, scatter / np.sqrt(norm), scatter, curvature * np.ptp(exposure) / signal
