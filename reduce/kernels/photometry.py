"""An unocculted star: where it is, how wide, how bright."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize

from reduce.kernels.aperture import aperture_flux

__all__ = ["Star", "find_star", "fit_star", "half_maximum_width", "normalised"]

_SIGMA_TO_FWHM = 2.3548200450309493  # 2 sqrt(2 ln 2)


class Star(NamedTuple):
    """A fitted core: centre (x, y) px 0-based, mean FWHM px, peak and local background adu."""

    x: float
    y: float
    fwhm: float
    peak: float
    background: float


def find_star(
    image: NDArray[np.floating], near: tuple[float, float], reach: float, fwhm: float
) -> tuple[int, int]:
    """Brightest point-like peak near a place.

    Parameters
    ----------
    image : NDArray[np.floating]
        (y, x), finite, bad pixels repaired.
    near : tuple[float, float]
        (x, y), 0-based.
    reach : float
        Radius of the search, px.
    fwhm : float
        Expected FWHM, px: the image is smoothed by it first.

    Returns
    -------
    tuple[int, int]
        (x, y) of the peak.

    Raises
    ------
    ValueError
        If the search circle lies outside the image.
    """
    smooth = ndimage.gaussian_filter(np.asarray(image, np.float64), fwhm / _SIGMA_TO_FWHM)
    y, x = np.ogrid[: image.shape[0], : image.shape[1]]
    inside = (x - near[0]) ** 2 + (y - near[1]) ** 2 <= reach**2
    if not inside.any():
        raise ValueError(f"no pixel within {reach} px of {near} in an image of {image.shape}")
    row, column = np.unravel_index(int(np.argmax(np.where(inside, smooth, -np.inf))), image.shape)
    return int(column), int(row)


def fit_star(image: NDArray[np.floating], near: tuple[float, float], fwhm: float) -> Star:
    """Fit a star's core by an elliptical Gaussian on a constant.

    Parameters
    ----------
    image : NDArray[np.floating]
        (y, x), finite.
    near : tuple[float, float]
        (x, y) of the peak, 0-based, within 2 px.
    fwhm : float
        Expected FWHM, px; pixels within 1.1 of it are fitted, so that the first Airy ring stays out.

    Returns
    -------
    Star
        FWHM is the geometric mean of the two axes.

    Raises
    ------
    ValueError
        If the peak is too near the edge or the fit does not converge.
    """
    reach = int(np.ceil(1.1 * fwhm))
    x0, y0 = round(near[0]), round(near[1])
    cut = image[max(y0 - reach, 0) : y0 + reach + 1, max(x0 - reach, 0) : x0 + reach + 1]
    if cut.shape != (2 * reach + 1, 2 * reach + 1):
        raise ValueError(f"star at {near} is within {reach} px of the image's edge")
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    near_enough = x**2 + y**2 <= (1.1 * fwhm) ** 2
    data, x, y = np.asarray(cut, np.float64)[near_enough], x[near_enough], y[near_enough]
    scale = float(np.abs(data).max()) or 1.0

    def misfit(p: NDArray[np.float64]) -> NDArray[np.float64]:
        dx, dy = x - p[1], y - p[2]
        form = p[3] * dx**2 + p[4] * dy**2 + p[5] * dx * dy
        return np.asarray(p[0] * np.exp(-form) + p[6] - data / scale)

    width = 4.0 * np.log(2.0) / fwhm**2
    start = [1.0, near[0] - x0, near[1] - y0, width, width, 0.0, 0.0]
    fit = optimize.least_squares(misfit, start, x_scale=[1, 1, 1, width, width, width, 1])
    peak, dx, dy, a, b, c, base = fit.x
    volume = a * b - c**2 / 4.0
    if not fit.success or volume <= 0 or peak <= 0 or max(abs(dx), abs(dy)) > reach:
        raise ValueError(f"no star at {near}: the fit of a Gaussian failed")
    mean_fwhm = 2.0 * np.sqrt(np.log(2.0)) / volume**0.25
    return Star(x0 + float(dx), y0 + float(dy), float(mean_fwhm), float(peak * scale), float(base * scale))


def normalised(psf: NDArray[np.floating], fwhm: float) -> NDArray[np.float32]:
    """Scale a PSF to unit flux in an aperture of diameter 1 FWHM about its middle.

    Parameters
    ----------
    psf : NDArray[np.floating]
        (y, x), odd sides, star at the middle pixel.
    fwhm : float
        Diameter of the aperture, px.

    Returns
    -------
    NDArray[np.float32]
        (y, x).

    Raises
    ------
    ValueError
        If that flux is not positive.
    """
    flux = aperture_flux(psf, fwhm, psf.shape[1] // 2, psf.shape[0] // 2)
    if not flux > 0:
        raise ValueError(f"flux in the aperture is {flux}, wanted more than 0")
    return (np.asarray(psf, np.float64) / flux).astype(np.float32)


def half_maximum_width(psf: NDArray[np.floating]) -> float:
    """Full width at half maximum of a centred PSF, from its azimuthal mean.

    A Gaussian's width depends on how much of the Airy pattern is fitted (8 % between 2 and 6 px);
    this does not.

    Parameters
    ----------
    psf : NDArray[np.floating]
        (y, x), odd sides, star at the middle pixel, no background.

    Returns
    -------
    float
        Pixels: twice the radius at which the mean over the circle falls to half of the middle pixel
        (cubic B-spline between pixels).

    Raises
    ------
    ValueError
        If the profile never falls to half.
    """
    middle = psf.shape[0] // 2
    radius = np.arange(0.0, middle, 0.05)
    angle = np.linspace(0.0, 2.0 * np.pi, 180, endpoint=False)
    y = middle + radius[:, None] * np.sin(angle)
    x = middle + radius[:, None] * np.cos(angle)
    profile = ndimage.map_coordinates(np.asarray(psf, np.float64), [y, x], order=3, mode="mirror").mean(
        axis=1
    )
    below = np.flatnonzero(profile < profile[0] / 2.0)
    if not below.size or profile[0] <= 0:
        raise ValueError(f"the profile does not fall to half its peak of {profile[0]:g} within {middle} px")
    last = below[0]
    share = (profile[last - 1] - profile[0] / 2.0) / (profile[last - 1] - profile[last])
    return float(2.0 * (radius[last - 1] + share * (radius[last] - radius[last - 1])))
