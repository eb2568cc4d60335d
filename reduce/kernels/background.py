"""Thermal background: what varies in skies, and how much of it is in a plane, seen where the star is not."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.linalg import cho_factor, cho_solve

from reduce.kernels.compiled import compiled

__all__ = ["BLOCK_PX", "Fit", "block_means", "standing_out", "varying"]

BLOCK_PX = 16
"""Side of the blocks whose means are fitted: backgrounds are wider, and 256 pixels share their noise."""

_ABOVE_NOISE = 1.3  # of the largest eigenvalue that noise alone gives (Marchenko & Pastur 1967)
_AROUND = 5  # blocks across, in which a block may stand out
_STANDS_OUT = 6.0  # times the scatter
_CLIP, _BIWEIGHT = 2.0, 6.0  # standard deviations: Huber's rule first, Tukey's biweight after it
_CLIPPED_STEPS, _STEPS = 6, 40
_SMALL_STEP = 0.02  # of a coefficient's formal error
_MAD_TO_SIGMA = 1.4826


def block_means(
    planes: NDArray[np.floating], good: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Means over the good pixels of square blocks.

    Parameters
    ----------
    planes : NDArray[np.floating]
        (plane, y, x); what is not good may be anything, NaN too.
    good : NDArray[np.bool_]
        (y, x).

    Returns
    -------
    tuple[NDArray[np.float64], NDArray[np.int64]]
        (plane, block) means, 0 where no pixel is good, and (block,) numbers of good pixels; rows of blocks
        upward, a rest at the right and top edge is left out.
    """
    ny, nx = good.shape[0] // BLOCK_PX, good.shape[1] // BLOCK_PX
    means = np.zeros((len(planes), ny * nx))
    count = np.zeros(ny * nx, np.int64)
    _count(good, nx, count)
    for plane, mean in zip(planes, means, strict=True):
        _sum(plane, good, nx, mean)
    means /= np.maximum(count, 1)
    return means, count


def varying(means: NDArray[np.float64], variance: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """How to add up single skies so that the ways in which they vary come out.

    Parameters
    ----------
    means : NDArray[np.float64]
        (plane, block) of skies less their mean.
    variance : NDArray[np.float64]
        (block,) of a block by noise alone; infinite = not to be used.
    most : int
        Components at most.

    Returns
    -------
    NDArray[np.float64]
        (component, plane): a component is the sum of its row times the planes. Coefficients of the planes
        on a component have mean square 1. Only components above what noise alone gives; strongest first.
    """
    scaled = means / np.sqrt(variance)
    used = int(np.isfinite(variance).sum())
    planes = len(means)
    value, vector = np.linalg.eigh(scaled @ scaled.T)
    noise = (np.sqrt(used) + np.sqrt(planes)) ** 2
    chosen = [i for i in range(planes - 1, 0, -1) if value[i] > _ABOVE_NOISE * noise][:most]
    rows = vector[:, chosen].T / np.sqrt(planes)
    sign = np.where(rows[np.arange(len(rows)), np.abs(rows).argmax(axis=1)] < 0, -1.0, 1.0)
    return np.asarray(rows * sign[:, None])


def standing_out(
    means: NDArray[np.float64], variance: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Blocks with a star or a big hit in them, by their surroundings.

    Parameters
    ----------
    means : NDArray[np.float64]
        (plane, y, x) of blocks.
    variance : NDArray[np.float64]
        (y, x) of a block by noise; infinite = not to be used.

    Returns
    -------
    tuple[NDArray[np.bool_], NDArray[np.float64]]
        (plane, y, x) True for what stands out and its neighbours, and the median of 5 x 5 blocks.
    """
    used = np.isfinite(variance)
    found, smooth = np.zeros(means.shape, bool), np.zeros(means.shape)
    if not used.any():
        return found, smooth
    nearest = ndimage.distance_transform_edt(~used, return_distances=False, return_indices=True)
    noise = np.sqrt(variance[*nearest])
    for plane, out, middle in zip(means, found, smooth, strict=True):
        filled = plane[*nearest]
        middle[:] = ndimage.median_filter(filled, _AROUND)
        off = np.where(used, (filled - middle) / noise, 0.0)
        scale = max(1.0, _MAD_TO_SIGMA * float(np.median(np.abs(off[used]))))
        out[:] = ndimage.binary_dilation(np.abs(off) > _STANDS_OUT * scale, np.ones((3, 3), bool))
    return found, smooth


class Fit:
    """Robust fit of many planes to the same shapes, each held by how far it may go.

    The normal matrix is made once; blocks that stand out lose weight by changed residuals instead of changed
    weights (Huber & Ronchetti 2009, section 7.8), so that a step costs two products of matrices.

    Parameters
    ----------
    shapes : NDArray[np.float64]
        (shape, block).
    variance : NDArray[np.float64]
        (block,) of a block by noise; infinite = not to be used.
    """

    def __init__(self, shapes: NDArray[np.float64], variance: NDArray[np.float64]) -> None:
        self._used = np.isfinite(variance)
        self._scaled = shapes[:, self._used] / np.sqrt(variance[self._used])
        self._noise = np.sqrt(variance[self._used])
        self._normal = self._scaled @ self._scaled.T

    def __call__(
        self, means: NDArray[np.float64], spread: NDArray[np.float64], out: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Fit planes.

        Parameters
        ----------
        means : NDArray[np.float64]
            (plane, block); blocks that stand out hold a first guess of what is behind.
        spread : NDArray[np.float64]
            (shape,) how far a coefficient may be from 0, as a standard deviation; infinite = anywhere.
        out : NDArray[np.bool_]
            (plane, block) that must not tell anything.

        Returns
        -------
        NDArray[np.float64]
            (plane, shape); a shape that the blocks say nothing of keeps coefficient 0.
        """
        values, trusted = means[:, self._used] / self._noise, ~out[:, self._used]
        held = spread**-2.0 + 1e-12
        diagonal = np.diagonal(self._normal)
        factor = cho_factor(self._normal + np.diag(held + 1e-12 * diagonal), lower=True)
        found = cho_solve(factor, self._scaled @ values.T).T
        size = np.sqrt(diagonal + held)
        for step in range(_STEPS):
            off = (values - found @ self._scaled) * trusted
            scale = (
                np.maximum(1.0, _MAD_TO_SIGMA * np.median(np.abs(off), axis=1))[:, None] if off.size else 1.0
            )
            if step < _CLIPPED_STEPS:
                told = np.clip(off, -_CLIP * scale, _CLIP * scale)
            else:
                told = off * np.clip(1.0 - (off / (_BIWEIGHT * scale)) ** 2, 0.0, None) ** 2
            change = cho_solve(factor, self._scaled @ told.T - held[:, None] * found.T).T
            found = found + change
            if step > _CLIPPED_STEPS and (np.abs(change) * size).max() < _SMALL_STEP:
                break
        return np.asarray(found)


@compiled
def _count(good: NDArray[np.bool_], nx: int, count: NDArray[np.int64]) -> None:
    for y in range(good.shape[0] // BLOCK_PX * BLOCK_PX):
        row = y // BLOCK_PX * nx
        for x in range(nx * BLOCK_PX):
            count[row + x // BLOCK_PX] += good[y, x]


@compiled
def _sum(plane: NDArray[np.floating], good: NDArray[np.bool_], nx: int, total: NDArray[np.float64]) -> None:
    for y in range(good.shape[0] // BLOCK_PX * BLOCK_PX):
        row = y // BLOCK_PX * nx
        for column in range(nx):
            part = 0.0
            for x in range(column * BLOCK_PX, (column + 1) * BLOCK_PX):
                part += plane[y, x] if good[y, x] else 0.0
            total[row + column] += part
