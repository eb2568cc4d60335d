"""Robust combination of equal exposures, with its noise."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

__all__ = ["Stack", "clipped_mean", "steadied"]

_MAD_TO_SIGMA = 1.4826  # of a Gaussian, many values
# Few values have a smaller median absolute deviation: factors that make it true for 2 to 9 values
# (Croux & Rousseeuw 1992, Computational Statistics 1, 411, table 1), from then on n / (n - 0.8).
_FEW = {2: 1.196, 3: 1.495, 4: 1.363, 5: 1.206, 6: 1.200, 7: 1.140, 8: 1.129, 9: 1.107}
_TRUST = 4.0  # values that the surroundings are worth when a pixel's own noise is judged


class Stack(NamedTuple):
    """Combined plane (y, x).

    Attributes
    ----------
    mean, error : NDArray[np.float32]
        Mean of the values kept and its standard error, NaN where fewer than one, two are left.
    kept : NDArray[np.int32]
        Number of values kept.
    noise : NDArray[np.float32]
        Standard deviation of the values kept, NaN where fewer than two are left.
    """

    mean: NDArray[np.float32]
    error: NDArray[np.float32]
    kept: NDArray[np.int32]
    noise: NDArray[np.float32]


def clipped_mean(planes: NDArray[np.floating], sigma: float) -> Stack:
    """Mean over planes without the values that stand out.

    Parameters
    ----------
    planes : NDArray[np.floating]
        (plane, y, x); NaN = no data. Not changed.
    sigma : float
        Values further from the pixel's median than this many standard deviations are left out.
        The deviation is the pixel's own (from its median absolute deviation, true for few planes), but
        never less than the typical pixel's: few planes give poor deviations of their own.

    Returns
    -------
    Stack
        Units of `planes`.
    """
    n = len(planes)
    middle = np.median(planes, axis=0)
    away = np.abs(planes - middle)
    own = _MAD_TO_SIGMA * _FEW.get(n, n / (n - 0.8)) * np.median(away, axis=0)
    spread = np.maximum(own, np.nanmedian(own))
    kept = away <= sigma * spread
    count = kept.sum(axis=0)
    total = np.where(kept, planes, 0.0).sum(axis=0, dtype=np.float64)
    mean = total / np.maximum(count, 1)
    square = (np.where(kept, planes - mean, 0.0) ** 2).sum(axis=0)
    variance = square / np.maximum(count - 1, 1)
    noise = np.where(count > 1, np.sqrt(variance), np.nan)
    error = noise / np.sqrt(count)
    mean = np.where(count > 0, mean, np.nan)
    return Stack(
        mean.astype(np.float32), error.astype(np.float32), count.astype(np.int32), noise.astype(np.float32)
    )


def steadied(noise: NDArray[np.floating], kept: NDArray[np.integer]) -> NDArray[np.float32]:
    """Noise of each pixel, drawn towards the typical one as far as few values leave it uncertain.

    Parameters
    ----------
    noise : NDArray[np.floating]
        (y, x) standard deviation of `kept` values; NaN = unknown.
    kept : NDArray[np.integer]
        (y, x).

    Returns
    -------
    NDArray[np.float32]
        (y, x) square root of the mean of own and typical variance, weighted by the values each rests on
        (4 for the typical one); the typical one where the own is unknown. Its square has no bias: the
        typical variance is the median over the pixels, each divided by the median of chi square over its
        degrees of freedom.

    Raises
    ------
    ValueError
        If the noise of no pixel is known.
    """
    known = np.isfinite(noise)
    if not known.any():
        raise ValueError("the noise of no pixel is known, wanted two planes or more")
    variance = np.where(known, noise, 0.0).astype(np.float64) ** 2
    own = np.where(known, kept - 1.0, 0.0)
    median_of_chi_square = 2.0 * gammaincinv(own[known] / 2.0, 0.5)
    typical = np.median(variance[known] * own[known] / median_of_chi_square)
    square = own * variance + _TRUST * typical
    return np.asarray(np.sqrt(square / (own + _TRUST)), dtype=np.float32)
