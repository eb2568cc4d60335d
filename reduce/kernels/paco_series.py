"""Series over time of some pixels of a cube: read with a signal added, centred, filtered patch by patch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.compiled import compiled
from reduce.kernels.inject import Stamps
from reduce.kernels.paco_covariance import Disc
from reduce.kernels.paco_track import spread_marks

__all__ = ["Series", "centre_series", "filter_series", "find_gaps", "read_series", "steps_of"]


@dataclass(frozen=True, slots=True)
class Series:
    """Pixels over time.

    Attributes
    ----------
    pixels : NDArray[np.int64]
        (pixel,) place in the frame, counted row by row.
    number : NDArray[np.int32]
        (y, x) row of `values` of each pixel of the frame; -1 = none.
    values : NDArray[np.float32]
        (pixel, time); NaN = no data.
    """

    pixels: NDArray[np.int64]
    number: NDArray[np.int32]
    values: NDArray[np.float32]


def steps_of(disc: Disc, width: int) -> NDArray[np.int64]:
    """Steps (K,) from the middle of a patch to its pixels in a frame `width` pixels wide, row by row."""
    return np.asarray(disc.dy * width + disc.dx)


def read_series(
    cube: NDArray[np.float32],
    targets: NDArray[np.int64],
    disc: Disc,
    frames: slice,
    signal: Stamps | None = None,
) -> Series:
    """Read all pixels of the patches around some pixels.

    Parameters
    ----------
    cube : NDArray[np.float32]
        (time, y, x); NaN = no data.
    targets : NDArray[np.int64]
        (n,) middles of the patches; the patches lie inside the frame.
    disc : Disc
        Their pixels.
    frames : slice
        Which frames, step 1.
    signal : Stamps | None
        Added to the frames.

    Returns
    -------
    Series
        Raw values.
    """
    shape = cube.shape[1:]
    marks, wanted = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    marks.ravel()[targets] = True
    spread_marks(marks, disc.dy, disc.dx, wanted)
    pixels = np.flatnonzero(wanted)
    number = np.full(shape, -1, np.int32)
    number.ravel()[pixels] = np.arange(pixels.size, dtype=np.int32)
    first, end, _ = frames.indices(len(cube))
    values = np.empty((pixels.size, end - first), np.float32)
    _read(cube, pixels, first, values)
    if signal is not None:
        _add(signal.data, signal.left, signal.low, number, first, values)
    return Series(pixels, number, values)


@compiled
def _read(cube: NDArray[np.float32], pixels: NDArray[np.int64], first: int, out: NDArray[np.float32]) -> None:
    nx = cube.shape[2]
    for p in range(pixels.size):
        row, column = pixels[p] // nx, pixels[p] % nx
        for t in range(out.shape[1]):
            out[p, t] = cube[first + t, row, column]


@compiled
def _add(
    stamps: NDArray[np.float32],
    left: NDArray[np.int64],
    low: NDArray[np.int64],
    number: NDArray[np.int32],
    first: int,
    out: NDArray[np.float32],
) -> None:
    ny, nx = number.shape
    for k in range(out.shape[1]):
        t = first + k
        for j in range(max(0, -low[t]), min(stamps.shape[1], ny - low[t])):
            for i in range(max(0, -left[t]), min(stamps.shape[2], nx - left[t])):
                p = number[low[t] + j, left[t] + i]
                if p >= 0:
                    out[p, k] += stamps[t, j, i]


def centre_series(
    series: Series, mean: NDArray[np.float32] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Subtract the mean over time, in place; what is missing becomes 0.

    Parameters
    ----------
    series : Series
        Its values are changed.
    mean : NDArray[np.float32] | None
        (y, x) what to subtract instead of the series' own mean.

    Returns
    -------
    tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]
        Mean (pixel,), NaN without data; sqrt(frames / frames with data) (pixel,), 0 without data; and
        (pixel, time) True where there was no data, empty when there was data everywhere.
    """
    scale = np.empty(len(series.values), np.float32)
    if mean is None:
        subtracted = np.empty(len(series.values), np.float32)
        _mean_over_time(series.values, subtracted)
    else:
        subtracted = mean.ravel()[series.pixels]
    if not _subtract(series.values, subtracted, scale):
        return subtracted, scale, np.zeros((0, 0), np.bool_)
    bad = np.isnan(series.values)
    series.values[bad] = 0.0
    return subtracted, scale, bad


@compiled
def _mean_over_time(values: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    for p in range(values.shape[0]):
        total, count = 0.0, 0
        for t in range(values.shape[1]):
            if not np.isnan(values[p, t]):
                total += float(values[p, t])
                count += 1
        out[p] = total / count if count > 0 else np.nan


@compiled
def _subtract(values: NDArray[np.float32], mean: NDArray[np.float32], scale: NDArray[np.float32]) -> int:
    """Subtract the means, leave NaN where there are no data; returns how many those are."""
    missing, frames = 0, values.shape[1]
    for p in range(values.shape[0]):
        count = 0
        for t in range(frames):
            values[p, t] -= mean[p]
            count += not np.isnan(values[p, t])
        missing += frames - count
        scale[p] = np.sqrt(frames / count) if count > 0 else 0.0
    return missing


@compiled
def filter_series(
    values: NDArray[np.float32],
    number: NDArray[np.int32],
    targets: NDArray[np.int64],
    steps: NDArray[np.int64],
    weights: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Weighted sum of the pixels of each patch in each frame.

    Parameters
    ----------
    values : NDArray[np.float32]
        (pixel, time).
    number : NDArray[np.int32]
        (y, x) row of `values` of each pixel of the frame.
    targets : NDArray[np.int64]
        (n,) middles of the patches.
    steps : NDArray[np.int64]
        (K,) of `steps_of`.
    weights : NDArray[np.float32]
        (n, K).
    out : NDArray[np.float32]
        (n, time), written.
    """
    flat = number.ravel()
    for q in range(targets.size):
        own = out[q]
        own[:] = 0.0
        for k in range(steps.size):
            pixel, weight = values[flat[targets[q] + steps[k]]], weights[q, k]
            for t in range(own.size):
                own[t] += weight * pixel[t]


@compiled
def find_gaps(
    bad: NDArray[np.bool_],
    number: NDArray[np.int32],
    targets: NDArray[np.int64],
    steps: NDArray[np.int64],
    out: NDArray[np.bool_],
) -> None:
    """Say in which frames a pixel of a patch has no data.

    Parameters
    ----------
    bad : NDArray[np.bool_]
        (pixel, time).
    number : NDArray[np.int32]
        (y, x) row of `bad` of each pixel of the frame.
    targets : NDArray[np.int64]
        (n,) middles of the patches.
    steps : NDArray[np.int64]
        (K,) of `steps_of`.
    out : NDArray[np.bool_]
        (n, time), set.
    """
    flat = number.ravel()
    for q in range(targets.size):
        for k in range(steps.size):
            p = flat[targets[q] + steps[k]]
            for t in range(out.shape[1]):
                out[q, t] |= bad[p, t]
