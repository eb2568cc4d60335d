"""The image of a point by a perfect telescope: what stands for a PSF that was not measured."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import j1

__all__ = ["FWHM", "airy"]

FWHM = 1.03
"""Full width at half maximum of the image of a round pupil, lambda/D; 1.02 with an obscuration of 0.14."""


def airy(radius_px: NDArray[np.floating], unit_px: float, obscuration: float) -> NDArray[np.float64]:
    """Diffraction pattern of a round pupil with a round hole (Born & Wolf, section 8.6.2).

    Parameters
    ----------
    radius_px : NDArray[np.floating]
        Distances from the point, px, any shape.
    unit_px : float
        Lambda over D, px.
    obscuration : float
        Diameter of the hole over that of the pupil, 0 to below 1.

    Returns
    -------
    NDArray[np.float64]
        Same shape, 1 in the middle.

    Raises
    ------
    ValueError
        If the hole is as large as the pupil.
    """
    if not 0.0 <= obscuration < 1.0:
        raise ValueError(f"obscuration is {obscuration}, wanted 0 to below 1")
    v = np.pi * np.asarray(radius_px, np.float64) / unit_px
    whole = _amplitude(v) - obscuration**2 * _amplitude(obscuration * v)
    return np.asarray((whole / (1.0 - obscuration**2)) ** 2, np.float64)


def _amplitude(v: NDArray[np.float64]) -> NDArray[np.float64]:
    safe = np.where(v > 0, v, 1.0)
    return np.asarray(np.where(v > 0, 2.0 * j1(safe) / safe, 1.0), np.float64)
