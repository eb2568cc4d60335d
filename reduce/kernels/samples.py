"""Noisy samples of what changes slowly, as smooth as their own scatter allows."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

__all__ = ["smoothed"]

_LEAST = 8  # samples that tell noise from change
_LONGEST = 4.0  # variance of the noise over that of a step: two samples to each side share
_REAL = 4.0  # standard deviations: what is further off is a change


def smoothed(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Smooth samples by a random walk under noise, both as strong as the samples show (Harvey 1989, 2.3).

    Differences of neighbours hold the noise twice and one step, those of every second sample the noise twice
    and two steps: that parts the two. A sample that the rest does not bear out, as when a cloud comes, and
    its neighbours stay as they are.

    Parameters
    ----------
    values : NDArray[np.floating]
        (sample,) in order of time, NaN = unknown.

    Returns
    -------
    NDArray[np.float64]
        (sample,), NaN where unknown; fewer than 8 known ones are given back.
    """
    out = np.array(values, dtype=np.float64)
    known = np.isfinite(out)
    data = out[known]
    if data.size < _LEAST:
        return out
    near, far = _variance(data[1:] - data[:-1]), _variance(data[2:] - data[:-2])
    noise, step = max((2.0 * near - far) / 2.0, 0.0), max(far - near, 0.0)
    ratio = min(noise / step, _LONGEST) if step > 0 else _LONGEST * (noise > 0)
    bands = np.zeros((2, data.size))
    bands[0, 1:] = -ratio
    bands[1] = 1.0 + 2.0 * ratio
    bands[1, [0, -1]] -= ratio
    calm = solveh_banded(bands, data)
    change = np.abs(data - calm) > _REAL * np.sqrt(noise)
    beside = np.convolve(change, np.ones(5), mode="same") > 0
    out[known] = np.where(beside, data, calm)
    return out


def _variance(values: NDArray[np.float64]) -> float:
    """Of most of them, about zero."""
    return float((1.4826 * np.median(np.abs(values))) ** 2)
