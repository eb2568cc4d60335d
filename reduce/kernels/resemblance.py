"""Which frames of a library look like the science frames: Pearson's correlation in an annulus.

As Xuan et al. (2018) and Ruane et al. (2019) choose references for RDI.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["most_alike", "resemblance"]

_SHARED = 0.5  # of a science frame's pixels, without which a pair is not compared


def resemblance(
    cube: NDArray[np.floating], references: NDArray[np.floating], mask: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Correlation of each reference frame with the science frames.

    Parameters
    ----------
    cube : NDArray[np.floating]
        (time, y, x) of the science star.
    references : NDArray[np.floating]
        (frame, y, x) of other stars.
    mask : NDArray[np.bool_]
        (y, x) pixels that are compared, of each pair of frames those with data in both.

    Returns
    -------
    NDArray[np.float64]
        (frame,) mean over the science frames of Pearson's coefficient, -1 to 1; 0 for a flat frame. Science
        frames of which a reference shares less than half of the pixels are left out; NaN where that is all.
    """
    ours, theirs = cube[:, mask].astype(np.float64), references[:, mask].astype(np.float64)
    seen, there = np.isfinite(ours), np.isfinite(theirs)
    if seen.all() and there.all():
        return np.asarray((_standard(theirs) @ _standard(ours).T).mean(axis=1))
    shares = there.astype(np.float64) @ seen.T
    enough = (shares > 0) & (shares >= _SHARED * seen.sum(axis=1))
    pairs = np.where(enough, _pairwise(theirs, ours, there, seen), 0.0)
    return np.asarray(
        np.divide(
            pairs.sum(axis=1), enough.sum(axis=1), where=enough.any(axis=1), out=np.full(len(pairs), np.nan)
        )
    )


def _pairwise(
    one: NDArray[np.float64], other: NDArray[np.float64], has: NDArray[np.bool_], sees: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Pearson's coefficient (frame, time) of each pair over the pixels that both have; 0 for flat ones."""
    a, b = (_centred(values, there) for values, there in ((one, has), (other, sees)))
    u, v = has.astype(np.float64), sees.astype(np.float64)
    count = np.maximum(u @ v.T, 1.0)
    mean_a, mean_b = a @ v.T / count, u @ b.T / count
    power_a, power_b = (a**2) @ v.T / count - mean_a**2, u @ (b**2).T / count - mean_b**2
    power = np.maximum(power_a, 0.0) * np.maximum(power_b, 0.0)
    product = a @ b.T / count - mean_a * mean_b
    return np.asarray(np.divide(product, np.sqrt(power), where=power > 0, out=np.zeros_like(power)))


def _centred(values: NDArray[np.float64], there: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Frames (n, pixel) less their means, 0 where they have no data."""
    filled = np.where(there, values, 0.0)
    means = filled.sum(axis=1, keepdims=True) / np.maximum(there.sum(axis=1, keepdims=True), 1)
    return np.asarray(np.where(there, filled - means, 0.0))


def _standard(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Frames (n, pixel) of mean 0 and norm 1; flat ones 0."""
    centred = values - values.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(centred / np.where(norm > 0, norm, np.inf))


def most_alike(likeness: NDArray[np.floating], number: int) -> NDArray[np.intp]:
    """Frames that resemble the science frames most.

    Parameters
    ----------
    likeness : NDArray[np.floating]
        (frame,) of `resemblance`; NaN is not to be kept.
    number : int
        How many to keep.

    Returns
    -------
    NDArray[np.intp]
        Their indices, best first; among equals the earlier.
    """
    known = np.flatnonzero(np.isfinite(likeness))
    return known[np.argsort(-np.asarray(likeness)[known], kind="stable")][:number]
