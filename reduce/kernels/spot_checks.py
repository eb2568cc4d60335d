"""What is not a waffle spot though it is as bright: companions beside spots, on one, or at a blank place."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["Square", "band_passed", "neighbour", "quiet", "without_worst"]

_DISC = 1.2  # FWHM: radius of what is left out about a neighbour
_LOUD = 4.0  # times the median variance: a blank place with something in it
_TELLING = 3  # blank places that tell which of them is loud
_PATTERN = 0.004  # of the radius: how far a spot may be from the pattern when that is turned and stretched

Grid = NDArray[np.float64]


class Square(NamedTuple):
    """Three spots held against the known pattern.

    `left_out` the fourth, that fits the least; `mismatch` of the three: chi squared of 2 degrees of freedom;
    `rival` the same where a spot of the other pair is left out instead.
    """

    left_out: int
    mismatch: float
    rival: float


def neighbour(light: Grid, apart: NDArray[np.bool_], limit: float, fwhm: float) -> NDArray[np.bool_] | None:
    """The brightest thing that is not the spot.

    Parameters
    ----------
    light : Grid
        (y, x), smoothed.
    apart : NDArray[np.bool_]
        (y, x), known pixels that are too far from the spot to be its own.
    limit : float
        Of its brightness.
    fwhm : float
        Of a star, px.

    Returns
    -------
    NDArray[np.bool_] | None
        Its pixels (y, x) among those apart; None where nothing exceeds the limit.
    """
    if not apart.any():
        return None
    outside = np.where(apart, light, -np.inf)
    row, column = np.unravel_index(int(np.argmax(outside)), outside.shape)
    if outside[row, column] <= limit:
        return None
    y, x = np.indices(light.shape)
    return np.asarray(apart & (np.hypot(x - column, y - row) <= _DISC * fwhm))


def band_passed(image: Grid, known: NDArray[np.bool_], width: float) -> Grid:
    """Smoothed to a spot's width (std, px), without what is much broader; pixels not known do not count."""

    def smooth(sigma: float) -> Grid:
        weight = ndimage.gaussian_filter(known.astype(np.float64), sigma)
        return np.asarray(
            ndimage.gaussian_filter(np.where(known, image, 0.0), sigma) / np.maximum(weight, 0.1)
        )

    return np.asarray(smooth(width) - smooth(4.0 * width))


def quiet(blanks: Grid) -> Grid:
    """Blank places (place, y, x) less those that are much louder than most: a companion stands there."""
    if len(blanks) < _TELLING:
        return blanks
    loudness = blanks.var(axis=(1, 2))
    return np.asarray(blanks[loudness <= _LOUD * np.median(loudness)])


def without_worst(places: Grid, covariances: Grid, offsets: Grid, crowded: NDArray[np.bool_]) -> Square:
    """Which of four spots to leave out so that the others stand best as they must.

    Parameters
    ----------
    places : Grid
        (4, 2), px.
    covariances : Grid
        (4, 2, 2) of the places.
    offsets : Grid
        (4, 2) the pattern about the star; it may be turned and stretched as a whole.
    crowded : NDArray[np.bool_]
        (4,) spots with a neighbour: if it is one alone, it is the one to leave out.

    Returns
    -------
    Square
        The one to leave out, and how well the others agree; another pair that does as well leaves it open.
    """
    slack = (_PATTERN * float(np.hypot(*offsets.T).mean())) ** 2 * np.eye(2)
    weights = np.asarray(np.linalg.inv(covariances + slack), np.float64)
    tried = [_against(places, weights, offsets, np.arange(4) != spot) for spot in range(4)]
    if crowded.sum() == 1:
        suspect = int(np.argmax(crowded))
        return Square(suspect, tried[suspect], np.inf)
    worst = int(np.argmin(tried))
    return Square(worst, tried[worst], min(tried[(worst + 1) % 4], tried[(worst + 3) % 4]))


def _against(places: Grid, weights: Grid, offsets: Grid, used: NDArray[np.bool_]) -> float:
    """Chi squared of some spots about the pattern, moved, turned and stretched to fit them."""
    x, y = offsets[used].T
    one, none = np.ones_like(x), np.zeros_like(x)
    design = np.stack(
        [np.stack([one, none, x, -y], axis=-1), np.stack([none, one, y, x], axis=-1)], axis=1
    )  # (spot, axis, parameter)
    normal = np.einsum("sij,sik,skl->jl", design, weights[used], design)
    right = np.einsum("sij,sik,sk->j", design, weights[used], places[used])
    rest = places[used] - design @ np.linalg.solve(normal, right)
    return float(np.einsum("si,sij,sj->", rest, weights[used], rest))
