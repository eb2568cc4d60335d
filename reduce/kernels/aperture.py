"""Sums of pixels in circular apertures, with the exact share of each pixel."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["aperture_flux", "aperture_map", "disc_weights", "ring_size", "weighed"]

_NODES = 512


def disc_weights(size: int, radius: float, x: float, y: float) -> NDArray[np.float64]:
    """Share of each pixel of a size x size grid that lies in a disc.

    Parameters
    ----------
    size : int
        Side of the grid, pixels.
    radius : float
        Of the disc, pixels.
    x : float
        Column of the disc's centre, 0-based.
    y : float
        Row of the disc's centre, 0-based.

    Returns
    -------
    NDArray[np.float64]
        (y, x) in 0..1; exact in y, midpoint rule of 512 nodes a pixel in x (1e-4).
    """
    nodes = (np.arange(size * _NODES) + 0.5) / _NODES - 0.5 - x
    half = np.sqrt(np.maximum(radius**2 - nodes**2, 0.0))
    rows = np.arange(size)[:, None]
    top = np.minimum(rows + 0.5, y + half[None])
    bottom = np.maximum(rows - 0.5, y - half[None])
    shares: NDArray[np.float64] = np.maximum(top - bottom, 0.0).reshape(size, size, _NODES).mean(axis=2)
    return shares


def aperture_flux(image: NDArray[np.floating], fwhm: float, x: float, y: float) -> float:
    """Sum of an image in the aperture of diameter 1 FWHM at (x, y), 0-based.

    Parameters
    ----------
    image : NDArray[np.floating]
        (y, x); NaN = no data.
    fwhm : float
        Diameter, pixels.
    x : float
        Column of the centre.
    y : float
        Row of the centre.

    Returns
    -------
    float
        The sum; NaN if the aperture leaves the image or touches a NaN.
    """
    reach = int(np.ceil(fwhm / 2)) + 1
    left, low = round(x) - reach, round(y) - reach
    size = 2 * reach + 1
    if left < 0 or low < 0 or left + size > image.shape[1] or low + size > image.shape[0]:
        return float("nan")
    weights = disc_weights(size, fwhm / 2, x - left, y - low)
    return weighed(image[low : low + size, left : left + size], weights)


def weighed(image: NDArray[np.floating], weights: NDArray[np.float64]) -> float:
    """Sum of an image (y, x) times `disc_weights` on its pixels; NaN if the disc touches a NaN."""
    return float(np.sum(np.where(weights > 0, image * weights, 0.0), dtype=np.float64))


def aperture_map(image: NDArray[np.floating], fwhm: float) -> NDArray[np.float32]:
    """Sum in the aperture of diameter 1 FWHM around each pixel.

    Parameters
    ----------
    image : NDArray[np.floating]
        (y, x); NaN = no data.
    fwhm : float
        Diameter, pixels.

    Returns
    -------
    NDArray[np.float32]
        (y, x); NaN where the aperture's square leaves the image or touches a NaN.
    """
    reach = int(np.ceil(fwhm / 2 - 0.5))
    weights = disc_weights(2 * reach + 1, fwhm / 2, reach, reach)
    flux = ndimage.correlate(np.asarray(image, np.float64), weights, mode="constant", cval=np.nan)
    return np.asarray(flux, np.float32)


def ring_size(radius: float, fwhm: float) -> int:
    """Number of apertures of diameter 1 FWHM that fit on a ring without overlap.

    Parameters
    ----------
    radius : float
        Of the ring, pixels.
    fwhm : float
        Diameter of the apertures, pixels.

    Returns
    -------
    int
        N of Mawet et al. 2014, the tested one included; 0 inside half a FWHM.
    """
    if radius < fwhm / 2:
        return 0
    return int(np.pi / np.arcsin(fwhm / (2 * radius)) + 1e-9)
