"""Which frames of a library look like the science frames: Pearson's correlation in an annulus.

As Xuan et al. (2018) and Ruane et al. (2019) choose references for RDI.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["most_alike", "resemblance"]


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
        (y, x) pixels that are compared; those without data in any frame of either are left out.

    Returns
    -------
    NDArray[np.float64]
        (frame,) mean over the science frames of Pearson's coefficient, -1 to 1; 0 for a flat frame.
    """
    used = mask & np.isfinite(cube).all(axis=0) & np.isfinite(references).all(axis=0)
    ours, theirs = (_standard(frames[:, used].astype(np.float64)) for frames in (cube, references))
    return np.asarray((theirs @ ours.T).mean(axis=1))


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
        (frame,) of `resemblance`.
    number : int
        How many to keep.

    Returns
    -------
    NDArray[np.intp]
        Their indices, best first; among equals the earlier.
    """
    return np.argsort(-np.asarray(likeness), kind="stable")[:number]
