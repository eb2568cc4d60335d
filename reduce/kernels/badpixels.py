"""Bad pixels: found by how they stand out in level, noise and time."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["flickering", "noisy", "regions", "standing_out"]

_MAD_TO_SIGMA = 1.4826  # of a Gaussian
_FEWEST_TO_JUMP = 3  # planes in which a middle value can be told from one that jumped
_MANY_PLANES = 12


def standing_out(image: NDArray[np.floating], sigma: float, size: int = 5) -> NDArray[np.bool_]:
    """Pixels far from the median of their surroundings.

    Parameters
    ----------
    image : NDArray[np.floating]
        (y, x); a pixel that is not finite stands out.
    sigma : float
        Threshold in robust standard deviations of the differences over the image.
    size : int
        Side of the square that gives the median, pixels.

    Returns
    -------
    NDArray[np.bool_]
        (y, x), True = bad.
    """
    finite = np.isfinite(image)
    filled = np.where(finite, image, np.median(image[finite]) if finite.any() else 0.0)
    away = np.abs(filled - ndimage.median_filter(filled, size=size, mode="mirror"))
    return np.asarray((away > sigma * _MAD_TO_SIGMA * np.median(away)) | ~finite)


def noisy(error: NDArray[np.floating], sigma: float) -> NDArray[np.bool_]:
    """Pixels whose noise is far above the typical one.

    Parameters
    ----------
    error : NDArray[np.floating]
        (y, x) noise of each pixel; all NaN (a single plane) = nothing known.
    sigma : float
        Threshold in robust standard deviations of the logarithm of the noise.

    Returns
    -------
    NDArray[np.bool_]
        (y, x), True = bad.
    """
    known = np.isfinite(error) & (error > 0)
    if not known.any():
        return np.zeros(error.shape, dtype=bool)
    level = np.log(np.where(known, error, 1.0))
    middle = np.median(level[known])
    spread = _MAD_TO_SIGMA * np.median(np.abs(level[known] - middle))
    return np.asarray(known & (level - middle > sigma * spread))


def regions(bad: NDArray[np.bool_], least: int) -> NDArray[np.bool_]:
    """Bad pixels that hang together in large regions (vignetting), not to be filled from neighbours.

    Parameters
    ----------
    bad : NDArray[np.bool_]
        (y, x), True = bad.
    least : int
        Pixels of a large region; sides touch, corners do not.

    Returns
    -------
    NDArray[np.bool_]
        (y, x), a part of `bad`.
    """
    labels, _ = ndimage.label(bad)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(sizes[labels] >= least)


def flickering(kept: NDArray[np.integer], planes: int) -> NDArray[np.bool_]:
    """Pixels that jump between planes, from the values that a clipped mean left out.

    Parameters
    ----------
    kept : NDArray[np.integer]
        (y, x) number of values kept, of `stack.clipped_mean`.
    planes : int
        Number of planes combined.

    Returns
    -------
    NDArray[np.bool_]
        (y, x), True = bad. In few planes one jump is enough (a cosmic ray costs a good pixel, some tens a
        plane); in many planes it takes two, because rays would add up.
    """
    if planes < _FEWEST_TO_JUMP:
        return np.zeros(kept.shape, dtype=bool)
    return np.asarray(planes - kept >= (1 if planes < _MANY_PLANES else 2))
