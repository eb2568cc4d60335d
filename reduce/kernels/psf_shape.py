"""Whether a star is fit for use: where it stands, and what was cut off at its top."""

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.aperture import aperture_map

__all__ = ["flat_top", "saturated_radius", "star_place"]

_ROUNDS = 50
_STILL = 1e-4  # pixel: the place is found
_SHARED = 5  # pixels that share the highest value from which it was cut off: four may by symmetry


def star_place(image: NDArray[np.floating], fwhm: float) -> tuple[float, float]:
    """Where a star stands: the windowed centroid (Bertin & Arnouts 1996, XWIN) about the brightest aperture.

    Parameters
    ----------
    image : NDArray[np.floating]
        (y, x), finite.
    fwhm : float
        Of the star and of the Gaussian window, pixels.

    Returns
    -------
    tuple[float, float]
        (x, y), 0-based; NaN if there is no light.
    """
    rows, columns = np.indices(image.shape)
    light = np.asarray(image, np.float64)
    bright = np.nan_to_num(aperture_map(light, fwhm), nan=-np.inf)
    row, column = np.unravel_index(int(np.argmax(bright)), image.shape)
    x, y = float(column), float(row)
    for _ in range(_ROUNDS):
        dx, dy = columns - x, rows - y
        seen = light * np.exp(-4 * np.log(2) * (dx**2 + dy**2) / fwhm**2)
        total = float(seen.sum())
        if not total > 0:
            return float("nan"), float("nan")
        step = 2 * float((seen * dx).sum()) / total, 2 * float((seen * dy).sum()) / total
        x, y = x + step[0], y + step[1]
        if float(np.hypot(*step)) < _STILL:
            break
    return x, y


def flat_top(image: NDArray[np.floating]) -> int:
    """Number of pixels that share an image's highest value, if they are too many for chance.

    Parameters
    ----------
    image : NDArray[np.floating]
        (y, x); NaN left out.

    Returns
    -------
    int
        0 for fewer than five: nothing was cut off.
    """
    finite = image[np.isfinite(image)]
    count = int((finite == finite.max()).sum()) if finite.size else 0
    return count if count >= _SHARED and count < finite.size else 0


def saturated_radius(frames: NDArray[np.floating], centre: tuple[float, float], reach: float) -> float:
    """How far from the star the core of a sequence was cut off.

    Parameters
    ----------
    frames : NDArray[np.floating]
        (time, y, x) as detected, not resampled; NaN = no data.
    centre : tuple[float, float]
        (x, y) of the star, 0-based.
    reach : float
        Pixels; what is cut off farther out is no core.

    Returns
    -------
    float
        Distance in pixels of the farthest pixel that shares the highest value of its frame, median over the
        frames; 0 where most frames are not cut off.
    """
    rows, columns = np.indices(frames.shape[1:])
    distance = np.hypot(columns - centre[0], rows - centre[1])
    core = distance <= reach
    found = []
    for frame in frames:
        top = np.zeros(0)
        if flat_top(frame):
            top = distance[core & (frame == np.nanmax(frame))]
        found.append(float(top.max()) if top.size >= _SHARED else 0.0)
    return float(np.median(found))
