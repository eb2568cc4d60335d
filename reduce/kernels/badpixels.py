"""Bad pixels: found by how they stand out, filled from their neighbours."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse import linalg

__all__ = ["Repair", "noisy", "plan_repair", "regions", "repaired", "standing_out"]

_MAD_TO_SIGMA = 1.4826  # of a Gaussian


def standing_out(image: NDArray[np.floating], sigma: float, size: int = 5) -> NDArray[np.bool_]:
    """Pixels far from the median of their surroundings.

    Parameters
    ----------
    image : NDArray[np.floating]
        (y, x); a pixel that is not finite stands out.
    sigma : float
        Threshold in robust standard deviations of the differences over the image.
    size : int
        Side of the square that gives the median, pixels.

    Returns
    -------
    NDArray[np.bool_]
        (y, x), True = bad.
    """
    finite = np.isfinite(image)
    filled = np.where(finite, image, np.median(image[finite]) if finite.any() else 0.0)
    away = np.abs(filled - ndimage.median_filter(filled, size=size, mode="mirror"))
    return np.asarray((away > sigma * _MAD_TO_SIGMA * np.median(away)) | ~finite)


def noisy(error: NDArray[np.floating], sigma: float) -> NDArray[np.bool_]:
    """Pixels whose noise is far above the typical one.

    Parameters
    ----------
    error : NDArray[np.floating]
        (y, x) noise of each pixel; all NaN (a single plane) = nothing known.
    sigma : float
        Threshold in robust standard deviations of the logarithm of the noise.

    Returns
    -------
    NDArray[np.bool_]
        (y, x), True = bad.
    """
    known = np.isfinite(error) & (error > 0)
    if not known.any():
        return np.zeros(error.shape, dtype=bool)
    level = np.log(np.where(known, error, 1.0))
    middle = np.median(level[known])
    spread = _MAD_TO_SIGMA * np.median(np.abs(level[known] - middle))
    return np.asarray(known & (level - middle > sigma * spread))


def regions(bad: NDArray[np.bool_], least: int) -> NDArray[np.bool_]:
    """Bad pixels that hang together in large regions (vignetting), not to be filled from neighbours.

    Parameters
    ----------
    bad : NDArray[np.bool_]
        (y, x), True = bad.
    least : int
        Pixels of a large region; sides touch, corners do not.

    Returns
    -------
    NDArray[np.bool_]
        (y, x), a part of `bad`.
    """
    labels, _ = ndimage.label(bad)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(sizes[labels] >= least)


class Repair(NamedTuple):
    """A prepared repair of one bad-pixel map: places (n,), and how they follow from the good ones."""

    places: NDArray[np.intp]
    solve: linalg.SuperLU | None
    coupling: sparse.csr_matrix


def plan_repair(bad: NDArray[np.bool_]) -> Repair:
    """Prepare the filling of bad pixels by the smoothest surface through the good ones.

    The sum of the squared discrete Laplacian is least (biharmonic interpolation): for one bad pixel
    this is the 12-neighbour rule (8 sides, -2 diagonals, -1 two away)/20, exact for cubic surfaces.

    Parameters
    ----------
    bad : NDArray[np.bool_]
        (y, x), True = bad; at least one pixel must be good.

    Returns
    -------
    Repair
        For `repaired`; made once, used for every frame.

    Raises
    ------
    ValueError
        If no pixel is good.
    """
    if bad.all():
        raise ValueError(f"all {bad.size} pixels are bad, wanted at least one good")
    laplacian = _laplacian(bad.shape)
    biharmonic = (laplacian.T @ laplacian).tocsr()
    places = np.flatnonzero(bad)
    rows = biharmonic[places]
    solve = linalg.splu(rows[:, places].tocsc()) if places.size else None
    return Repair(places, solve, rows[:, np.flatnonzero(~bad)].tocsr())


def repaired(image: NDArray[np.floating], bad: NDArray[np.bool_], plan: Repair) -> NDArray[np.float64]:
    """Fill the bad pixels of one frame.

    Parameters
    ----------
    image : NDArray[np.floating]
        (y, x); values at bad pixels are not looked at.
    bad : NDArray[np.bool_]
        The map that `plan` was made from.
    plan : Repair
        Of `plan_repair`.

    Returns
    -------
    NDArray[np.float64]
        (y, x), the good pixels as they were.
    """
    filled = np.array(image, dtype=np.float64)
    if plan.solve is not None:
        flat = filled.reshape(-1)
        flat[plan.places] = plan.solve.solve(-(plan.coupling @ filled[~bad]))
    return filled


def _laplacian(shape: tuple[int, ...]) -> sparse.csr_matrix:
    """Sum of differences to the up to four neighbours inside the grid."""
    ny, nx = shape
    along_y, along_x = _second_difference(ny), _second_difference(nx)
    return (sparse.kron(along_y, sparse.eye(nx)) + sparse.kron(sparse.eye(ny), along_x)).tocsr()


def _second_difference(size: int) -> sparse.csr_matrix:
    step = sparse.diags([-np.ones(size - 1), np.ones(size - 1)], [0, 1], shape=(size - 1, size))
    return (step.T @ step).tocsr()
