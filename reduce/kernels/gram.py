"""What a signal in the frames adds to the products of all pairs of frames, tile by tile.

A source crosses a small part of the frame, each stamp of it a smaller one: in a tile of the frame only the
stamps that touch it are multiplied, with the data and with each other, by BLAS.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.compiled import compiled
from reduce.kernels.inject import Stamps
from reduce.kernels.reduction import Sequenced

__all__ = ["GramChange", "gram_change"]

_TILE = 48  # pixels a side: float32 sums inside, float64 between


@dataclass(frozen=True, slots=True)
class GramChange:
    """Change of the Gram matrix of frames D when a signal S enters them.

    Attributes
    ----------
    cross : NDArray[np.float64]
        (time, time) D S^T + S D^T.
    own : NDArray[np.float64]
        (time, time) S S^T.
    """

    cross: NDArray[np.float64]
    own: NDArray[np.float64]

    def times(self, factor: float) -> NDArray[np.float64]:
        """The change for the signal times a factor, (time, time)."""
        return factor * self.cross + factor**2 * self.own


def gram_change(sequenced: Sequenced, mask: NDArray[np.float32], signal: Stamps) -> GramChange:
    """Change of the Gram matrix of the frames when a signal is added to them.

    Parameters
    ----------
    sequenced : Sequenced
        The data D.
    mask : NDArray[np.float32]
        (y, x) 1 where pixels count, else 0.
    signal : Stamps
        The signal S.

    Returns
    -------
    GramChange
        Over the pixels that count.
    """
    data = sequenced.data
    ny, nx, frames = data.shape
    cross, own = np.zeros((frames, frames)), np.zeros((frames, frames))
    right, top = signal.left + signal.data.shape[2], signal.low + signal.data.shape[1]
    begin_y, end_y = max(int(signal.low.min()), 0), min(int(top.max()), ny)
    begin_x, end_x = max(int(signal.left.min()), 0), min(int(right.max()), nx)
    for row in range(begin_y, end_y, _TILE):
        for column in range(begin_x, end_x, _TILE):
            end = (min(row + _TILE, end_y), min(column + _TILE, end_x))
            there = (signal.low < end[0]) & (top > row) & (signal.left < end[1]) & (right > column)
            touching = np.flatnonzero(there)
            if not touching.size:
                continue
            tile = (slice(row, end[0]), slice(column, end[1]))
            stamps = np.zeros((touching.size, end[0] - row, end[1] - column), np.float32)
            _lay(signal.data, (signal.left - column, signal.low - row), touching, mask[tile], stamps)
            flat = stamps.reshape(touching.size, -1)
            cross[:, touching] += data[tile].reshape(-1, frames).T @ flat.T
            own[np.ix_(touching, touching)] += flat @ flat.T
    return GramChange(cross + cross.T, own)


@compiled
def _lay(
    stamps: NDArray[np.float32],
    corner: tuple[NDArray[np.int64], NDArray[np.int64]],
    touching: NDArray[np.int64],
    mask: NDArray[np.float32],
    tile: NDArray[np.float32],
) -> None:
    """Put the stamps of some frames on a tile, each at its corner (x, y) in it, where the mask counts."""
    _, ny, nx = tile.shape
    for k in range(touching.size):
        t = touching[k]
        left, low = corner[0][t], corner[1][t]
        for j in range(max(0, -low), min(stamps.shape[1], ny - low)):
            for i in range(max(0, -left), min(stamps.shape[2], nx - left)):
                tile[k, low + j, left + i] = stamps[t, j, i] * mask[low + j, left + i]
