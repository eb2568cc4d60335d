"""Leading eigenvectors of a large Gram matrix, from those of one that was nearly the same.

Subspace iteration with Rayleigh-Ritz (Golub and Van Loan 2013, section 8.2): a block wider than
what is wanted converges by the ratio of eigenvalues far apart. For small matrices the
whole decomposition is as fast.
"""

import contextlib

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.sparse.linalg import ArpackError, eigsh

__all__ = ["SMALL", "block_size", "leading"]

SMALL = 300
"""Size up to which the whole decomposition is taken: 20 ms."""

_FEW = 8  # times as many vectors as are wanted: from there Lanczos is faster
_MORE = 40  # vectors beyond those wanted
_TOLERANCE = 1e-5  # of the residual of each vector, in units of its eigenvalue
_NOTHING = 1e-9  # of the largest eigenvalue: smaller ones are rounding
_ROUNDS = 30


def block_size(count: int, size: int) -> int:
    """Vectors to keep for a next time: some more than are wanted, at most all."""
    return min(size, count + _MORE)


def leading(
    matrix: NDArray[np.float64], count: int, start: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Eigenvectors with the largest eigenvalues.

    Parameters
    ----------
    matrix : NDArray[np.float64]
        (n, n) symmetric, not negative.
    count : int
        How many must be right.
    start : NDArray[np.float64] | None
        (n, block) orthonormal columns near them, more than `count`; None is none known.

    Returns
    -------
    NDArray[np.float64]
        (n, block_size(count, n)) orthonormal, largest eigenvalue first; the first `count` are converged.
    """
    size = len(matrix)
    block = block_size(count, size)
    if size <= SMALL or start is None:
        return _from_nothing(matrix, block)
    vectors = start[:, :block]
    for _ in range(_ROUNDS):
        image = matrix @ vectors
        values, turn = np.linalg.eigh(vectors.T @ image)
        vectors, image = vectors @ turn[:, ::-1], image @ turn[:, ::-1]
        wanted = values[::-1][:count]
        left = np.linalg.norm(image[:, :count] - vectors[:, :count] * wanted, axis=0)
        if (left <= _TOLERANCE * np.maximum(wanted, _NOTHING * wanted[0])).all():
            return np.asarray(vectors)
        vectors = np.linalg.qr(image)[0]
    return leading(matrix, count)


def _from_nothing(matrix: NDArray[np.float64], block: int) -> NDArray[np.float64]:
    """Of a few vectors of a large matrix by Lanczos (ARPACK, to rounding), else by reduction of it all."""
    size = len(matrix)
    if size > SMALL and block * _FEW <= size:
        start = np.random.default_rng(size).normal(size=size)  # the mean's own vector is often none of it
        with contextlib.suppress(ArpackError):
            return np.asarray(eigsh(matrix, k=block, v0=start)[1][:, ::-1])
    return np.asarray(linalg.eigh(matrix, subset_by_index=(size - block, size - 1))[1][:, ::-1])
