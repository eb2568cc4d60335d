"""An image as it would be had the reduction taken nothing of a companion: over its throughput."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["OPAQUE", "corrected"]

OPAQUE = 0.003
"""Throughput below which a companion's flux cannot be told: the fit gives up there as well."""


def corrected(
    image: NDArray[np.floating], radii: NDArray[np.float64], throughput: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Divide an image by a throughput that depends on the separation alone.

    Parameters
    ----------
    image : NDArray[np.floating]
        (y, x), star at n//2.
    radii : NDArray[np.float64]
        (n,) separations of the curve, pixels, growing.
    throughput : NDArray[np.float64]
        (n,) flux after over flux before; between the separations it is interpolated linearly.

    Returns
    -------
    NDArray[np.float32]
        (y, x); NaN inside the first separation, and where the throughput of a separation beside it is unknown
        or below 0.003; beyond the last separation its throughput holds.
    """
    rows, columns = np.indices(image.shape)
    distance = np.hypot(rows - image.shape[0] // 2, columns - image.shape[1] // 2)
    usable = np.where(throughput >= OPAQUE, throughput, np.nan)
    if not radii.size:
        return np.full(image.shape, np.nan, np.float32)
    share = np.interp(distance, radii, usable, left=np.nan)
    return np.asarray(image / share, np.float32)
