"""The sums of PACO along the tracks of sky positions, in bounded memory.

First the weights of every patch that a track touches are learnt, a band of the frame at a time; then the
frames are filtered with them, a few at a time. With a signal added to the data all of it is done again, for
the patches that the wanted sky positions need and no others.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.inject import Stamps
from reduce.kernels.paco_covariance import Disc, lag_covariances, patch_weights
from reduce.kernels.paco_series import Series, centre_series, filter_series, find_gaps, read_series, steps_of
from reduce.kernels.paco_track import NODES, mark_tracks, spread_marks, track_sums

__all__ = ["Learned", "Sequence", "learn", "sums_along"]

_BLOCK = 1 << 24  # values of pixels over time held at a time: 64 MB


@dataclass(frozen=True, slots=True)
class Sequence:
    """What is looked at and with what.

    Attributes
    ----------
    cube : NDArray[np.float32]
        (time, y, x); NaN = no data.
    angle : NDArray[np.float64]
        (time,) derotation angles, radians.
    disc : Disc
        Pixels of a patch.
    template : NDArray[np.float32]
        (K,) PSF of unit flux on the patch.
    """

    cube: NDArray[np.float32]
    angle: NDArray[np.float64]
    disc: Disc
    template: NDArray[np.float32]

    def targets(self, sky: NDArray[np.int64]) -> NDArray[np.int64]:
        """Pixels of the frame, counted row by row, that the tracks of sky pixels touch."""
        shape = self.cube.shape[1:]
        starts, touched = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
        mark_tracks(sky, self.angle, self.disc.reach, starts)
        dy, dx = (side.ravel() for side in np.mgrid[:NODES, :NODES])
        spread_marks(starts, dy, dx, touched)
        return np.flatnonzero(touched)


@dataclass(frozen=True, slots=True)
class Learned:
    """What a sequence says of the patches around some of its pixels.

    Attributes
    ----------
    targets : NDArray[np.int64]
        (n,) middles of the patches, counted row by row.
    mean : NDArray[np.float32]
        (y, x) over time; NaN where it was not needed or there are no data.
    weights : NDArray[np.float32]
        (n, K) C^-1 h; 0 where there is no C.
    precision : NDArray[np.float32]
        (2, n) a = h . C^-1 h, and the variance of b over the frames, which is a where C is the truth.
    shrinkage : NDArray[np.float32]
        (n,) rho; NaN where there is no C.
    """

    targets: NDArray[np.int64]
    mean: NDArray[np.float32]
    weights: NDArray[np.float32]
    precision: NDArray[np.float32]
    shrinkage: NDArray[np.float32]


def learn(sequence: Sequence, targets: NDArray[np.int64], signal: Stamps | None = None) -> Learned:
    """Mean, covariance and weights of the patches around some pixels.

    Parameters
    ----------
    sequence : Sequence
        The data.
    targets : NDArray[np.int64]
        (n,) middles of the patches, counted row by row.
    signal : Stamps | None
        Added to the data first.

    Returns
    -------
    Learned
        All that the sums need.
    """
    frames, ny, nx = sequence.cube.shape
    learned = Learned(
        targets,
        np.full((ny, nx), np.nan, np.float32),
        np.empty((targets.size, sequence.template.size), np.float32),
        np.empty((2, targets.size), np.float32),
        np.empty(targets.size, np.float32),
    )
    for part in _pieces(targets.size, frames):
        series = read_series(sequence.cube, targets[part], sequence.disc, slice(None), signal)
        mean, scale, bad = centre_series(series)
        learned.mean.ravel()[series.pixels] = mean
        _learn_weights(sequence, learned, part, series, scale)
        filtered, holes = _filtered(sequence, learned, part, series, bad)
        if holes.size:
            filtered[holes] = 0.0
        used = (~holes).sum(axis=1) if holes.size else frames
        learned.precision[0, part] = learned.weights[part] @ sequence.template
        learned.precision[1, part] = np.einsum("nt,nt->n", filtered, filtered) / np.maximum(used - 1, 1)
    return learned


def _pieces(count: int, size: int) -> Iterator[slice]:
    """Cut `count` things of some size each into pieces that fit into memory."""
    step = max(1, _BLOCK // max(size, 1))
    return (slice(start, min(start + step, count)) for start in range(0, count, step))


def _learn_weights(
    sequence: Sequence, learned: Learned, part: slice, series: Series, scale: NDArray[np.float32]
) -> None:
    disc, frames = sequence.disc, series.values.shape[1]
    covariances = np.empty((series.pixels.size, disc.lag_y.size), np.float32)
    lag_covariances(series.values, scale, series.pixels, series.number, disc.lag_y, disc.lag_x, covariances)
    patch_weights(
        covariances,
        learned.targets[part],
        series.number,
        (steps_of(disc, series.number.shape[1]), disc.lag),
        sequence.template,
        frames,
        learned.weights[part],
        learned.shrinkage[part],
    )


def _filtered(
    sequence: Sequence, learned: Learned, part: slice, series: Series, bad: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The b of each target and frame (n, time), and where there is none; empty = nowhere."""
    targets, weights = learned.targets[part], learned.weights[part]
    steps = steps_of(sequence.disc, series.number.shape[1])
    out = np.empty((targets.size, series.values.shape[1]), np.float32)
    filter_series(series.values, series.number, targets, steps, weights, out)
    dead = np.isnan(learned.shrinkage[part])
    if not bad.size and not dead.any():
        return out, np.zeros((0, 0), np.bool_)
    holes = np.repeat(dead[:, None], out.shape[1], axis=1)
    if bad.size:
        find_gaps(bad, series.number, targets, steps, holes)
    return out, holes


def sums_along(
    sequence: Sequence, sky: NDArray[np.int64], learned: Learned, signal: Stamps | None = None
) -> NDArray[np.float64]:
    """Add up along the track of each sky pixel.

    Parameters
    ----------
    sequence : Sequence
        The data.
    sky : NDArray[np.int64]
        (n,) pixels of the derotated image, counted row by row.
    learned : Learned
        Of the pixels that their tracks touch.
    signal : Stamps | None
        Added to the data, as when it was learnt.

    Returns
    -------
    NDArray[np.float64]
        (3, n) sums of b, of a, and of the variance of b; 0 where no frame has data.
    """
    number = np.full(learned.mean.shape, -1, np.int32)
    number.ravel()[learned.targets] = np.arange(learned.targets.size, dtype=np.int32)
    out = np.zeros((3, sky.size))
    everything = slice(0, learned.targets.size)
    for frames in _pieces(len(sequence.cube), learned.targets.size):
        series = read_series(sequence.cube, learned.targets, sequence.disc, frames, signal)
        _, _, bad = centre_series(series, learned.mean)
        filtered, holes = _filtered(sequence, learned, everything, series, bad)
        track_sums(
            sky,
            sequence.angle[frames],
            sequence.disc.reach,
            number,
            np.ascontiguousarray(filtered.T),
            learned.precision,
            np.ascontiguousarray(holes.T),
            out,
        )
    return out
