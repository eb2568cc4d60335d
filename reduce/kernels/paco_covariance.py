"""Covariances of small patches over time, and the weights that see a point source best in each.

Flasseur, Denis, Thiebaut and Langlois 2018, A&A 618, A138 (PACO). Around each pixel the K pixels of a
disc have a covariance S over time, shrunk towards its diagonal because frames are few: C = (1 - rho) S +
rho diag(S). The weights w = C^-1 h for the PSF h on the patch's middle give w . (r - m) = a flux with
a = h . w = 1 / variance of the flux. Neighbouring patches share their pairs of pixels: every pair is
summed over time once, at 91 lags for a patch of 49 pixels instead of 1225 pairs.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.compiled import compiled

__all__ = ["Disc", "lag_covariances", "patch_covariance", "patch_disc", "patch_weights", "shrinkage_factor"]

_LARGE = np.float32(1e30)  # any square that leaves a positive number after y . y is taken off


@dataclass(frozen=True, slots=True)
class Disc:
    """The pixels of a patch.

    Attributes
    ----------
    dy, dx : NDArray[np.int64]
        (K,) rows and columns from the middle, row by row.
    lag_y, lag_x : NDArray[np.int64]
        (L,) differences that two pixels of the patch can have, the later minus the earlier.
    lag : NDArray[np.int64]
        (K, K) number of the lag between pixels i >= j; 0 above the diagonal.
    """

    dy: NDArray[np.int64]
    dx: NDArray[np.int64]
    lag_y: NDArray[np.int64]
    lag_x: NDArray[np.int64]
    lag: NDArray[np.int64]

    @property
    def reach(self) -> int:
        """Rows or columns from the middle to the last pixel."""
        return int(self.dy.max())


def patch_disc(radius: float) -> Disc:
    """Patch of the pixels whose middles lie within a radius.

    Parameters
    ----------
    radius : float
        Pixels; 4 gives 49 pixels and 91 lags.

    Returns
    -------
    Disc
        Its pixels and their lags.
    """
    reach = int(radius)
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    inside = np.hypot(rows, columns) <= radius
    dy, dx = rows[inside].astype(np.int64), columns[inside].astype(np.int64)
    width = 4 * reach + 1  # a difference as one number that keeps the order of rows
    code = (dy[:, None] - dy[None]) * width + dx[:, None] - dx[None]
    known, number = np.unique(np.maximum(code, 0), return_inverse=True)
    lag_y = (known + 2 * reach) // width
    return Disc(dy, dx, lag_y, known - lag_y * width, number.reshape(code.shape))


@compiled
def shrinkage_factor(squares: float, trace: float, diagonal: float, frames: int) -> float:
    """Weight of the diagonal in the shrunk covariance S: Flasseur et al. 2018, eq. 11 (Chen et al. 2010).

    Parameters
    ----------
    squares : float
        tr(S^2), the sum of all elements squared.
    trace : float
        tr(S).
    diagonal : float
        Sum of S_ii^2.
    frames : int
        T.

    Returns
    -------
    float
        (tr(S^2) + tr(S)^2 - 2 sum S_ii^2) / ((T + 1) (tr(S^2) - sum S_ii^2)), within 0..1.
    """
    above = squares + trace * trace - 2.0 * diagonal
    below = (frames + 1) * (squares - diagonal)
    if above >= below:
        return 1.0
    return max(above / below, 0.0)


@compiled
def lag_covariances(
    series: NDArray[np.float32],
    scale: NDArray[np.float32],
    pixels: NDArray[np.int64],
    number: NDArray[np.int32],
    lag_y: NDArray[np.int64],
    lag_x: NDArray[np.int64],
    out: NDArray[np.float32],
) -> None:
    """Covariance of each pixel with those that lie at the patch's lags behind it.

    Parameters
    ----------
    series : NDArray[np.float32]
        (pixel, time) minus their mean over time; 0 = no data.
    scale : NDArray[np.float32]
        (pixel,) by which a series is too low for the frames it misses.
    pixels : NDArray[np.int64]
        (pixel,) place in the frame, row by row.
    number : NDArray[np.int32]
        (y, x) row of `series` of each pixel of the frame; -1 = none.
    lag_y : NDArray[np.int64]
        (L,) rows.
    lag_x : NDArray[np.int64]
        (L,) columns.
    out : NDArray[np.float32]
        (pixel, L), written; 0 where the other pixel is not among the series.
    """
    count, frames = series.shape
    lags = lag_y.size
    others = np.empty(-(-lags // 4) * 4, np.int64)
    for p in range(count):
        _partners(pixels[p], number, lag_y, lag_x, others)
        own = series[p]
        for k in range(0, others.size, 4):
            one, two = series[max(others[k], 0)], series[max(others[k + 1], 0)]
            three, four = series[max(others[k + 2], 0)], series[max(others[k + 3], 0)]
            a, b, c, d = np.float32(0.0), np.float32(0.0), np.float32(0.0), np.float32(0.0)
            for t in range(frames):
                value = own[t]
                a += value * one[t]
                b += value * two[t]
                c += value * three[t]
                d += value * four[t]
            for m, total in enumerate((a, b, c, d)):
                if k + m < lags:
                    other = others[k + m]
                    share = scale[p] * scale[other] / np.float32(frames)
                    out[p, k + m] = total * share if other >= 0 else 0.0


@compiled
def _partners(
    pixel: int,
    number: NDArray[np.int32],
    lag_y: NDArray[np.int64],
    lag_x: NDArray[np.int64],
    out: NDArray[np.int64],
) -> None:
    """Rows of the series at the lags from a pixel; -1 = none."""
    ny, nx = number.shape
    row, column = pixel // nx, pixel % nx
    out[:] = -1
    for k in range(lag_y.size):
        j, i = row + lag_y[k], column + lag_x[k]
        if j < ny and 0 <= i < nx:
            out[k] = number[j, i]


@compiled
def patch_covariance(
    covariances: NDArray[np.float32],
    members: NDArray[np.int64],
    lag: NDArray[np.int64],
    out: NDArray[np.float32],
) -> None:
    """Lower triangle of the covariance of one patch.

    Parameters
    ----------
    covariances : NDArray[np.float32]
        (pixel, L) of `lag_covariances`.
    members : NDArray[np.int64]
        (K,) rows of `covariances` of the patch's pixels.
    lag : NDArray[np.int64]
        (K, K) of the `Disc`.
    out : NDArray[np.float32]
        At least (K, K); written where i >= j, i < K.
    """
    for i in range(members.size):
        for j in range(i + 1):
            out[i, j] = covariances[members[j], lag[i, j]]


@compiled
def _shrink(matrix: NDArray[np.float32], size: int, frames: int) -> float:
    """Shrink a lower triangle in place; returns rho, NaN where a pixel does not vary."""
    squares, trace, diagonal = 0.0, 0.0, 0.0
    for i in range(size):
        own = float(matrix[i, i])
        if not own > 0.0:
            return np.nan
        trace += own
        diagonal += own * own
        for j in range(i):
            squares += 2.0 * float(matrix[i, j]) * float(matrix[i, j])
    rho = shrinkage_factor(squares + diagonal, trace, diagonal, frames)
    for i in range(size):
        for j in range(i):
            matrix[i, j] *= np.float32(1.0 - rho)
    return rho


@compiled
def _factorise(matrix: NDArray[np.float32]) -> bool:
    """Cholesky factor of a lower triangle in place, its diagonal inverted; False if it has none.

    The side is a multiple of 4: four rows at a time share what they read, which makes it 4 times faster.
    """
    for i in range(0, matrix.shape[0], 4):
        one, two, three, four = matrix[i], matrix[i + 1], matrix[i + 2], matrix[i + 3]
        for j in range(i):
            row = matrix[j]
            a, b, c, d = one[j], two[j], three[j], four[j]
            for k in range(j):
                value = row[k]
                a -= one[k] * value
                b -= two[k] * value
                c -= three[k] * value
                d -= four[k] * value
            one[j], two[j], three[j], four[j] = a * row[j], b * row[j], c * row[j], d * row[j]
        for r in range(i, i + 4):
            for j in range(i, r):
                total = matrix[r, j]
                for k in range(j):
                    total -= matrix[r, k] * matrix[j, k]
                matrix[r, j] = total * matrix[j, j]
            left = matrix[r, r]
            for k in range(r):
                left -= matrix[r, k] * matrix[r, k]
            if not left > 0.0:
                return False
            matrix[r, r] = np.float32(1.0) / np.sqrt(left)
    return True


@compiled
def _substitute_back(factor: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Solve L^T w = y in place for a factor of `_factorise`; again four rows at a time."""
    end = out.size
    while end > 0:
        first = (end - 1) // 4 * 4
        for i in range(end - 1, first - 1, -1):
            out[i] *= factor[i, i]
            for k in range(first, i):
                out[k] -= factor[i, k] * out[i]
        if end - first == 4:  # noqa: PLR2004 # rows taken at a time
            a, b, c, d = out[first], out[first + 1], out[first + 2], out[first + 3]
            one, two, three, four = factor[first], factor[first + 1], factor[first + 2], factor[first + 3]
            for k in range(first):
                out[k] -= a * one[k] + b * two[k] + c * three[k] + d * four[k]
        else:
            for i in range(first, end):
                for k in range(first):
                    out[k] -= factor[i, k] * out[i]
        end = first


@compiled
def patch_weights(
    covariances: NDArray[np.float32],
    targets: NDArray[np.int64],
    number: NDArray[np.int32],
    layout: tuple[NDArray[np.int64], NDArray[np.int64]],
    template: NDArray[np.float32],
    frames: int,
    weights: NDArray[np.float32],
    shrinkage: NDArray[np.float32],
) -> None:
    """Weights C^-1 h of the patch around each target.

    Parameters
    ----------
    covariances : NDArray[np.float32]
        (pixel, L) of `lag_covariances`.
    targets : NDArray[np.int64]
        (n,) middles of the patches, place in the frame row by row; patches lie inside the frame.
    number : NDArray[np.int32]
        (y, x) row of `covariances` of each pixel of the frame.
    layout : tuple[NDArray[np.int64], NDArray[np.int64]]
        (K,) steps from the middle to the patch's pixels, counted row by row; (K, K) lags of the `Disc`.
    template : NDArray[np.float32]
        (K,) PSF h on the patch.
    frames : int
        T.
    weights : NDArray[np.float32]
        (n, K), written; 0 where a pixel does not vary or C cannot be inverted.
    shrinkage : NDArray[np.float32]
        (n,) rho, written; NaN where the weights are 0.
    """
    steps, lag = layout
    size = template.size
    side = -(-(size + 1) // 4) * 4
    matrix, members = np.eye(side, dtype=np.float32), np.empty(size, np.int64)
    flat = number.ravel()
    for q in range(targets.size):
        for k in range(size):
            members[k] = flat[targets[q] + steps[k]]
        patch_covariance(covariances, members, lag, matrix)
        shrinkage[q] = _shrink(matrix, size, frames)
        matrix[size, :size] = template  # as one row more: its row of the factor is y of L y = h
        matrix[size, size] = _LARGE
        if np.isnan(shrinkage[q]) or not _factorise(matrix):
            shrinkage[q] = np.nan
            weights[q] = 0.0
            continue
        weights[q] = matrix[size, :size]
        _substitute_back(matrix, weights[q])
