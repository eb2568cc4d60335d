"""Stretch frames about the star, so that speckles of all wavelengths fall on each other.

A speckle stands at a distance proportional to the wavelength. A frame at wavelength l is
brought to a reference by the scale s = reference / l: what stood r pixels from the star then
stands s r from it. The reference is the shortest wavelength: frames with the fewest pixels
per FWHM stay as they are, the others shrink, and the grid need not grow. Cubic B-splines, one
axis after the other: there is no rotation in it.
"""

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.compiled import compiled
from reduce.kernels.inject import MARGIN, Stamps, mirror_stamps
from reduce.kernels.spline import coefficients, cubic_weights, filter_plane
from reduce.kernels.threads import ENOUGH, each_piece

__all__ = ["covered", "rescale", "rescaled_stamps"]


def _places(size: int, scale: float) -> NDArray[np.float64]:
    """Where each pixel of a stretched axis lies on the axis as it was."""
    middle = size // 2
    return (np.arange(size) - middle) / scale + middle


def _folded(index: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    period = 2 * size - 2
    inside = np.abs(index) % period
    return np.where(inside < size, inside, period - inside)


def _taps(size: int, scale: float) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Four coefficients that make each pixel of a stretched axis, mirrored at its ends, and their weights."""
    places = _places(size, scale)
    whole = np.floor(places)
    weights = np.array([cubic_weights(part) for part in places - whole], np.float32)
    taps = _folded(whole.astype(np.int64)[:, None] + np.arange(-1, 3), size)
    return taps, weights


def covered(shape: tuple[int, int], scale: float) -> NDArray[np.bool_]:
    """Pixels of a stretched frame that lie within the frame as it was.

    Parameters
    ----------
    shape : tuple[int, int]
        (y, x) of a frame, star at n//2.
    scale : float
        Reference over wavelength.

    Returns
    -------
    NDArray[np.bool_]
        (y, x).
    """
    down, along = (_places(size, scale) for size in shape)
    rows = (down >= 0) & (down <= shape[0] - 1)
    return np.asarray(rows[:, None] & (along >= 0) & (along <= shape[1] - 1))


def rescale(frames: NDArray[np.floating], scale: float) -> NDArray[np.float32]:
    """Stretch frames about the star.

    Parameters
    ----------
    frames : NDArray[np.floating]
        (time, y, x), finite, star at n//2.
    scale : float
        Reference over wavelength: below 1 the frames shrink.

    Returns
    -------
    NDArray[np.float32]
        (time, y, x); beyond the frame as it was its mirror image, see `covered`.
    """
    if scale == 1.0:
        return np.array(frames, np.float32)
    stretched = np.empty(frames.shape, np.float32)
    down, along = (_taps(size, scale) for size in frames.shape[1:])

    def some(begin: int, end: int) -> None:
        plane = np.empty(frames.shape[1:], np.float32)
        for t in range(begin, end):
            plane[:] = frames[t]
            filter_plane(plane)
            _stretch(plane, down, along, stretched[t])

    each_piece(some, len(frames), ENOUGH // stretched[0].size + 1)
    return stretched


@compiled
def _stretch(
    spline: NDArray[np.float32],
    down: tuple[NDArray[np.int64], NDArray[np.float32]],
    along: tuple[NDArray[np.int64], NDArray[np.float32]],
    out: NDArray[np.float32],
) -> None:
    """Fill a plane (y, x) from the coefficients of another; along x first, of whole rows then along y."""
    taps, weights = along
    rows = np.empty_like(out)
    for j in range(len(spline)):
        line, row = spline[j], rows[j]
        for i in range(row.size):
            row[i] = (
                weights[i, 0] * line[taps[i, 0]]
                + weights[i, 1] * line[taps[i, 1]]
                + weights[i, 2] * line[taps[i, 2]]
                + weights[i, 3] * line[taps[i, 3]]
            )
    taps, weights = down
    for j in range(len(out)):
        one, two, three, four = rows[taps[j, 0]], rows[taps[j, 1]], rows[taps[j, 2]], rows[taps[j, 3]]
        a, b, c, d = weights[j]
        for i in range(out.shape[1]):
            out[j, i] = a * one[i] + b * two[i] + c * three[i] + d * four[i]


def rescaled_stamps(
    stamps: Stamps, scales: NDArray[np.floating], centre: tuple[float, float], shape: tuple[int, int]
) -> Stamps:
    """Stamps as they stand in stretched frames.

    Parameters
    ----------
    stamps : Stamps
        In the frames as they were.
    scales : NDArray[np.floating]
        (time,) reference over wavelength, at most 1.
    centre : tuple[float, float]
        (x, y) of the star.
    shape : tuple[int, int]
        (y, x) of a frame, at whose edges a stamp is mirrored.

    Returns
    -------
    Stamps
        (time, s, s) in the stretched frames.
    """
    frames, size = len(stamps.data), stamps.data.shape[1]
    scale = np.asarray(scales, np.float64)
    left = np.floor((stamps.left - centre[0]) * scale + centre[0]).astype(np.int64) - 1
    low = np.floor((stamps.low - centre[1]) * scale + centre[1]).astype(np.int64) - 1
    side = int(np.ceil((size - 1) * scale.max())) + 4
    padded = np.zeros((frames, side + 2 * MARGIN, side + 2 * MARGIN), np.float32)
    corner = (stamps.left - MARGIN, stamps.low - MARGIN)
    _sample(stamps.spline, corner, scale, centre, (left - MARGIN, low - MARGIN), padded)
    core = padded[:, MARGIN:-MARGIN, MARGIN:-MARGIN].copy()
    mirror_stamps(padded, left - MARGIN, low - MARGIN, shape)
    return Stamps(core, left, low, coefficients(padded))


@compiled
def _sample(
    spline: NDArray[np.float32],
    corner: tuple[NDArray[np.int64], NDArray[np.int64]],
    scales: NDArray[np.float64],
    centre: tuple[float, float],
    begin: tuple[NDArray[np.int64], NDArray[np.int64]],
    out: NDArray[np.float32],
) -> None:
    """Fill the inner part of each stamp; along x first, then along y."""
    size, side = spline.shape[1], out.shape[1]
    rows = np.empty((size, side), np.float32)
    for t in range(len(out)):
        rows[:] = 0.0
        for i in range(side):
            x = (begin[0][t] + i - centre[0]) / scales[t] + centre[0]
            k = int(np.floor(x)) - corner[0][t] - 1
            if k < 0 or k + 3 >= size:
                continue
            a, b, c, d = cubic_weights(x - np.floor(x))
            for j in range(size):
                line = spline[t, j]
                rows[j, i] = a * line[k] + b * line[k + 1] + c * line[k + 2] + d * line[k + 3]
        for j in range(side):
            y = (begin[1][t] + j - centre[1]) / scales[t] + centre[1]
            k = int(np.floor(y)) - corner[1][t] - 1
            if k < 0 or k + 3 >= size:
                continue
            a, b, c, d = cubic_weights(y - np.floor(y))
            for i in range(side):
                out[t, j, i] = a * rows[k, i] + b * rows[k + 1, i] + c * rows[k + 2, i] + d * rows[k + 3, i]
