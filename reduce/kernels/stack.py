"""Robust combination of equal exposures, with its noise."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Stack", "clipped_mean"]

_MAD_TO_SIGMA = 1.4826  # of a Gaussian


class Stack(NamedTuple):
    """Combined plane: mean (y, x) float32; standard error of that mean; number of values kept."""

    mean: NDArray[np.float32]
    error: NDArray[np.float32]
    kept: NDArray[np.int32]


def clipped_mean(planes: NDArray[np.floating], sigma: float) -> Stack:
    """Mean over planes without the values that stand out.

    Parameters
    ----------
    planes : NDArray[np.floating]
        (plane, y, x); NaN = no data. Not changed.
    sigma : float
        Values further from the pixel's median than this many standard deviations are left out.
        The deviation is the pixel's own (1.4826 median absolute deviation), but never less than
        the typical pixel's: few planes give poor deviations of their own.

    Returns
    -------
    Stack
        Units of `planes`; the error is NaN where fewer than two values are left.
    """
    middle = np.median(planes, axis=0)
    away = np.abs(planes - middle)
    own = _MAD_TO_SIGMA * np.median(away, axis=0)
    spread = np.maximum(own, np.nanmedian(own))
    kept = away <= sigma * spread
    count = kept.sum(axis=0)
    total = np.where(kept, planes, 0.0).sum(axis=0, dtype=np.float64)
    safe = np.maximum(count, 1)
    mean = total / safe
    square = (np.where(kept, planes - mean, 0.0) ** 2).sum(axis=0)
    variance = square / np.maximum(count - 1, 1) / safe
    error = np.where(count > 1, np.sqrt(variance), np.nan)
    mean = np.where(count > 0, mean, np.nan)
    return Stack(mean.astype(np.float32), error.astype(np.float32), count.astype(np.int32))
