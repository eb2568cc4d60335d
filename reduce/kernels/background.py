"""Thermal background: what varies in skies, and how much of it is in a plane, seen where the star is not."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.compiled import compiled

__all__ = ["BLOCK_PX", "Basis", "block_means", "fit", "varying"]

BLOCK_PX = 8
"""Side of the blocks whose means are fitted: backgrounds are wider, and 64 pixels share their noise."""

_ABOVE_NOISE = 1.3  # of the largest eigenvalue that noise alone gives (Marchenko & Pastur 1967)
_TUKEY = 4.685  # standard deviations at which a block weighs nothing
_MAD_TO_SIGMA = 1.4826
_ITERATIONS = 12


class Basis(NamedTuple):
    """Shapes that make up a background.

    Attributes
    ----------
    shapes : NDArray[np.float64]
        (shape, block) means over the good pixels of blocks.
    spread : NDArray[np.float64]
        (shape,) how far a coefficient may be from 0, as a standard deviation; infinite = anywhere.
    """

    shapes: NDArray[np.float64]
    spread: NDArray[np.float64]


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


def fit(means: NDArray[np.float64], basis: Basis, variance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coefficients of the shapes in each plane: robust least squares, held by how far each may go.

    Parameters
    ----------
    means : NDArray[np.float64]
        (plane, block).
    basis : Basis
        The shapes.
    variance : NDArray[np.float64]
        (block,) of a block by noise; infinite = not to be used (the star, no data).

    Returns
    -------
    NDArray[np.float64]
        (plane, shape). Blocks that stand out (stars, hits) lose weight as Tukey's biweight says, with the
        scale of what is left over; a shape that the blocks say nothing of keeps coefficient 0.
    """
    used = np.isfinite(variance)
    shapes = basis.shapes[:, used]
    weight = 1.0 / variance[used]
    size = np.sqrt((shapes**2 * weight).sum(axis=1))
    size[size == 0.0] = 1.0
    held = np.diag((1.0 / (basis.spread * size)) ** 2 + 1e-12)
    unit = shapes / size[:, None]
    return np.stack([_robust(mean[used], unit, weight, held) / size for mean in means])


def _robust(
    values: NDArray[np.float64],
    shapes: NDArray[np.float64],
    weight: NDArray[np.float64],
    held: NDArray[np.float64],
) -> NDArray[np.float64]:
    if values.size == 0:
        return np.zeros(len(shapes))
    trust = np.ones(values.size)
    coefficients: NDArray[np.floating] = np.zeros(len(shapes))
    for _ in range(_ITERATIONS):
        side = shapes * (weight * trust)
        before, coefficients = coefficients, np.linalg.solve(side @ shapes.T + held, side @ values)
        off = (values - coefficients @ shapes) * np.sqrt(weight)
        scale = max(1.0, _MAD_TO_SIGMA * float(np.median(np.abs(off - np.median(off)))))
        trust = np.clip(1.0 - (off / (_TUKEY * scale)) ** 2, 0.0, None) ** 2
        if np.abs(coefficients - before).max() < 1e-3:  # noqa: PLR2004 # of the formal error
            break
    return np.asarray(coefficients, np.float64)


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
