"""Least squares of each frame on its references, from the Gram matrix of a zone alone.

With A = G + l 1 and R the references of frame t, the coefficients are c = A_RR^-1 A_Rt.
Solving that for each frame costs time**4. Most references are shared: from the one inverse
P = A^-1 follows, with E all frames that are not in R (t is one of them),

    c = -P_RE P_EE^-1 e_t,

the formula of the inverse of a block, so that only the few frames of E are solved for.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotri

from reduce.kernels.compiled import compiled
from reduce.kernels.references import ReferenceFrames

__all__ = ["LeastSquares"]


@dataclass(frozen=True, slots=True)
class LeastSquares:
    """Mixing that subtracts the best combination of references; see `regional.Solver`.

    Attributes
    ----------
    references : ReferenceFrames
        Of every frame, ring by ring.
    ring_of : NDArray[np.int64]
        (region,) ring.
    ridge : float
        Added to the diagonal of the Gram matrix, in units of the frames' mean square about
        their temporal mean.
    """

    references: ReferenceFrames
    ring_of: NDArray[np.int64]
    ridge: float

    def __call__(
        self, gram: NDArray[np.float64], region: int, rows: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """As `regional.Solver`: frames with their mean, coefficients free in sign and sum."""
        frames = len(gram) - 1
        full = np.empty((frames, frames))
        _raw_gram(gram, self.ridge, full)
        inverse, _ = dpotri(dpotrf(full.T, lower=1)[0], lower=1, overwrite_c=1)
        out = np.zeros((len(rows), frames + 1), np.float32)
        _mix_rows(full, inverse.T, self.references.allowed[self.ring_of[region]], rows, out)
        return out


@compiled
def _raw_gram(gram: NDArray[np.float64], ridge: float, out: NDArray[np.float64]) -> None:
    """Gram matrix of the frames with their mean, and the ridge on its diagonal."""
    frames = len(out)
    trace, total = 0.0, 0.0
    for t in range(frames):
        trace += gram[t, t]
        for s in range(frames):
            total += gram[t, s]
            out[t, s] = gram[t, s] + gram[t, frames] + gram[s, frames] + gram[frames, frames]
    added = ridge * (trace - total / frames) / frames  # an injection has a mean of its own
    for t in range(frames):
        out[t, t] += added if added > 0.0 else 1.0  # no light, no coefficients


@compiled
def _solve(matrix: NDArray[np.float64], vector: NDArray[np.float64]) -> None:
    """Cholesky decomposition and substitution, both in place."""
    n = vector.size
    for i in range(n):
        for j in range(i + 1):
            total = matrix[i, j]
            for k in range(j):
                total -= matrix[i, k] * matrix[j, k]
            if i == j:
                matrix[i, i] = np.sqrt(max(total, 1e-300))
            else:
                matrix[i, j] = total / matrix[j, j]
        total = vector[i]
        for k in range(i):
            total -= matrix[i, k] * vector[k]
        vector[i] = total / matrix[i, i]
    for i in range(n - 1, -1, -1):
        vector[i] /= matrix[i, i]
        for k in range(i):
            vector[k] -= matrix[i, k] * vector[i]


@compiled
def _directly(full: NDArray[np.float64], used: NDArray[np.int64], t: int) -> NDArray[np.float64]:
    """Coefficients of the references of frame t, from their own block."""
    block = np.empty((used.size, used.size))
    shares = np.empty(used.size)
    for i in range(used.size):
        for j in range(i + 1):
            block[i, j] = full[used[i], used[j]]
        shares[i] = full[used[i], t]
    _solve(block, shares)
    return shares


@compiled
def _by_exclusion(
    inverse: NDArray[np.float64], used: NDArray[np.int64], left: NDArray[np.int64], t: int
) -> NDArray[np.float64]:
    """The same from the inverse (its upper triangle) of all frames' block and the frames left out."""
    block = np.empty((left.size, left.size))
    vector = np.empty(left.size)
    for i in range(left.size):
        for j in range(i + 1):
            block[i, j] = inverse[left[j], left[i]]
        vector[i] = 1.0 if left[i] == t else 0.0
    _solve(block, vector)
    shares = np.zeros(used.size)
    for i in range(used.size):
        for j in range(left.size):
            shares[i] -= inverse[min(used[i], left[j]), max(used[i], left[j])] * vector[j]
    return shares


@compiled
def _mix_rows(
    full: NDArray[np.float64],
    inverse: NDArray[np.float64],
    allowed: NDArray[np.bool_],
    rows: NDArray[np.int64],
    out: NDArray[np.float32],
) -> None:
    """Frame t becomes itself minus its references' best combination; last column: the mean's share."""
    frames = len(full)
    for n in range(rows.size):
        t = rows[n]
        used, left = np.flatnonzero(allowed[t]), np.flatnonzero(~allowed[t])
        few = left.size <= used.size
        shares = _by_exclusion(inverse, used, left, t) if few else _directly(full, used, t)
        for i in range(used.size):
            out[n, used[i]] = -shares[i]
        out[n, t] = 1.0
        out[n, frames] = 1.0 - shares.sum()
