"""One frame minus its projection on the leading modes of its own references, from the Gram matrix alone.

With g the products of frame t with its references and G_RR = V L V^T theirs, the coefficients are
c = V_k L_k^-1 V_k^T g. The eigenvectors themselves are never needed: Householder reflections that begin
with frame t turn g into the first axis and G_RR into a tridiagonal matrix, of which only the leading
eigenpairs are wanted. That is exact and costs a fraction of a full decomposition, so that it can be
done anew for every injection.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.compiled import compiled
from reduce.kernels.references import ReferenceFrames

__all__ = ["LeadingModes"]

_SMALL = 1e-13  # eigenvalues below this share of the largest are rounding
_HALVINGS = 42  # bisections: eigenvalues to 2e-13 of the largest


@dataclass(frozen=True, slots=True)
class LeadingModes:
    """Mixing that subtracts the mean and the leading modes of the references; see `regional.Solver`.

    Attributes
    ----------
    references : ReferenceFrames
        Of every frame, ring by ring.
    ring_of : NDArray[np.int64]
        (region,) ring.
    components : int
        Modes subtracted; all there are where references are fewer.
    """

    references: ReferenceFrames
    ring_of: NDArray[np.int64]
    components: int

    def __call__(
        self, gram: NDArray[np.float64], region: int, rows: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """As `regional.Solver`: the temporal mean of all frames is subtracted first."""
        frames = len(gram) - 1
        block = gram[:frames, :frames]
        mean = block.mean(axis=0)
        centred = block - mean - mean[:, None] + mean.mean()
        shares = np.zeros((len(rows), frames))
        allowed = self.references.allowed[self.ring_of[region]]
        if self.components:
            _shares_of_rows(centred, allowed, rows, self.components, shares)
        out = np.zeros((len(rows), frames + 1), np.float32)
        out[:, :frames] = (np.mean(shares, axis=1) - 1.0 / frames)[:, None] - shares
        out[np.arange(len(rows)), rows] += 1.0
        return out


@compiled
def _shares_of_rows(
    gram: NDArray[np.float64],
    allowed: NDArray[np.bool_],
    rows: NDArray[np.int64],
    components: int,
    out: NDArray[np.float64],
) -> None:
    for n in range(rows.size):
        t = rows[n]
        used = np.flatnonzero(allowed[t])
        if used.size == 0:
            continue
        block = np.empty((used.size + 1, used.size + 1))  # what a frame has with itself is not needed
        for i in range(used.size):
            block[i + 1, 0] = gram[used[i], t]
            for j in range(i + 1):
                block[i + 1, j + 1] = gram[used[i], used[j]]
        shares = _projected(block, components)
        for i in range(used.size):
            out[n, used[i]] = shares[i]


@compiled
def _projected(block: NDArray[np.float64], components: int) -> NDArray[np.float64]:
    """Coefficients of frames 1 ... from the lower triangle of the products of frames 0 ..., spoilt."""
    size = len(block)
    diagonal, beside, scale = np.empty(size), np.zeros(size), np.zeros(size)
    _tridiagonal(block, diagonal, beside, scale)
    vector = _filtered(diagonal[1:], beside[1:], components)
    vector *= beside[0]
    for k in range(size - 2, -1, -1):  # reflections, last first
        part = vector[k:]
        total = 0.0
        for i in range(part.size):
            total += block[k + 1 + i, k] * part[i]
        total *= scale[k]
        for i in range(part.size):
            part[i] -= total * block[k + 1 + i, k]
    return vector


@compiled
def _tridiagonal(
    a: NDArray[np.float64],
    diagonal: NDArray[np.float64],
    beside: NDArray[np.float64],
    scale: NDArray[np.float64],
) -> None:
    """Householder reduction of the lower triangle; reflection k is 1 - scale v v^T, v left in column k.

    Inner loops run from 0 over parts of rows: with other bounds they are not made vector code.
    """
    size = len(a)
    all_v, all_p = np.empty(size), np.empty(size)
    for k in range(size - 1):
        diagonal[k] = a[k, k]
        left = size - k - 1
        v, p = all_v[:left], all_p[:left]
        square = 0.0
        for i in range(left):
            v[i] = a[k + 1 + i, k]
            square += v[i] * v[i]
        if square == 0.0:
            continue
        beside[k] = -np.sqrt(square) if v[0] > 0.0 else np.sqrt(square)
        v[0] -= beside[k]
        a[k + 1, k] = v[0]
        scale[k] = -1.0 / (beside[k] * v[0])
        p[:] = 0.0
        for i in range(left):  # A v from the lower triangle
            row, own, total = a[k + 1 + i, k + 1 :], v[i], 0.0
            for j in range(i):
                total += row[j] * v[j]
                p[j] += row[j] * own
            p[i] += total + row[i] * own
        shift = 0.0
        for i in range(left):
            shift += p[i] * v[i]
        shift *= 0.5 * scale[k]
        for i in range(left):
            p[i] = scale[k] * (p[i] - shift * v[i])
        for i in range(left):
            row, own, other = a[k + 1 + i, k + 1 :], v[i], p[i]
            for j in range(i + 1):
                row[j] -= own * p[j] + other * v[j]
    diagonal[size - 1] = a[size - 1, size - 1]


@compiled
def _filtered(
    diagonal: NDArray[np.float64], beside: NDArray[np.float64], components: int
) -> NDArray[np.float64]:
    """Sum over the leading eigenvectors w of a tridiagonal matrix of w w_0 / eigenvalue."""
    values = _leading(diagonal, beside, min(components, diagonal.size))
    out, vector = np.zeros(diagonal.size), np.empty(diagonal.size)
    for n in range(values.size):
        if values[n] > _SMALL * max(values[0], 0.0):
            square = _eigenvector(diagonal, beside, values[n], vector)
            factor = vector[0] / (square * values[n])
            for i in range(out.size):
                out[i] += factor * vector[i]
    return out


@compiled
def _leading(diagonal: NDArray[np.float64], beside: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """The largest eigenvalues of a tridiagonal matrix, falling: bisection by Sturm's counts, all at once."""
    size = diagonal.size
    reach = 0.0
    for i in range(size):
        reach = max(reach, abs(diagonal[i]) + abs(beside[i]) + (abs(beside[i - 1]) if i else 0.0))
    tiny = 1e-30 * reach + 1e-300
    low, high = np.full(count, -reach), np.full(count, reach)
    middle, pivot = np.empty(count), np.empty(count)
    above = np.empty(count)
    for _ in range(_HALVINGS):
        for n in range(count):
            middle[n] = 0.5 * (low[n] + high[n])
            pivot[n] = diagonal[0] - middle[n]
            above[n] = 1.0 if pivot[n] > 0.0 else 0.0
        for i in range(1, size):
            own, square = diagonal[i], beside[i - 1] * beside[i - 1]
            for n in range(count):
                last = pivot[n] if abs(pivot[n]) > tiny else -tiny
                pivot[n] = own - middle[n] - square / last
                above[n] += 1.0 if pivot[n] > 0.0 else 0.0
        for n in range(count):
            if above[n] > n:
                low[n] = middle[n]
            else:
                high[n] = middle[n]
    middle[:] = 0.5 * (low + high)
    return middle


@compiled
def _eigenvector(
    diagonal: NDArray[np.float64], beside: NDArray[np.float64], value: float, out: NDArray[np.float64]
) -> float:
    """Eigenvector to a known eigenvalue, not normalised; its square returned.

    Twisted factorisation (Parlett & Dhillon 1997): pivots from both ends, joined where they fit best.
    """
    size = diagonal.size
    down, up = np.empty(size), np.empty(size)
    tiny = 1e-30 * (abs(value) + abs(diagonal[0])) + 1e-300
    down[0] = diagonal[0] - value
    for i in range(1, size):
        if abs(down[i - 1]) < tiny:
            down[i - 1] = tiny
        down[i] = diagonal[i] - value - beside[i - 1] * beside[i - 1] / down[i - 1]
    up[size - 1] = diagonal[size - 1] - value
    for i in range(size - 2, -1, -1):
        if abs(up[i + 1]) < tiny:
            up[i + 1] = tiny
        up[i] = diagonal[i] - value - beside[i] * beside[i] / up[i + 1]
    twist, least = 0, np.inf
    for i in range(size):
        gamma = abs(down[i] + up[i] - (diagonal[i] - value))
        if gamma < least:
            twist, least = i, gamma
    out[twist] = 1.0
    square = 1.0
    for i in range(twist - 1, -1, -1):
        out[i] = -beside[i] * out[i + 1] / down[i]
        square += out[i] * out[i]
    for i in range(twist + 1, size):
        out[i] = -beside[i - 1] * out[i - 1] / up[i]
        square += out[i] * out[i]
    return square
