"""An unocculted star: where it is, how wide, how bright."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize

from reduce.kernels.aperture import aperture_flux

__all__ = [
    "CoreWidth",
    "Star",
    "common_widths",
    "core_width",
    "find_star",
    "fit_star",
    "half_maximum_width",
    "normalised",
    "without_core",
]

_SIGMA_TO_FWHM = 2.3548200450309493  # 2 sqrt(2 ln 2)
_CORE = 2.0  # area of the fitted core over that above half maximum
_LEAST_CORE = 5.0  # squared radius with enough different distances for four coefficients
_REAL = 1e-9  # what is smaller is rounding
_ROUNDNESS = (0.12, 0.04)  # quartic term of the core, and its spread: 0 Gaussian, 1/6 Airy disc
_MODEL_ERROR = 2e-3  # of the peak: how well the core's form describes a real one


class CoreWidth(NamedTuple):
    """FWHM of a PSF and its error from the noise, px."""

    fwhm: float
    error: float


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
        (y, x); NaN = bad pixel, left out.
    near : tuple[float, float]
        (x, y) of the peak, 0-based, within 2 px.
    fwhm : float
        Expected FWHM, px; pixels within 1.1 of it are fitted, so that the first Airy ring stays out.

    Returns
    -------
    Star
        FWHM is the geometric mean of the two axes.

    Notes
    -----
    A ValueError says so if the peak is too near the edge or the fit does not converge.
    """
    core = _fit_core(image, near, fwhm)
    return Star(core.x, core.y, core.fwhm, core.peak, core.base)


def without_core(
    image: NDArray[np.floating], near: tuple[float, float], fwhm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Part an image into a star's fitted core and the rest, which is smooth enough to fill bad pixels in.

    Parameters
    ----------
    image : NDArray[np.floating]
        (y, x); NaN = bad pixel, left out of the fit and still NaN in the rest.
    near : tuple[float, float]
        (x, y) of the peak, 0-based, within 2 px.
    fwhm : float
        Expected FWHM, px.

    Returns
    -------
    tuple[NDArray[np.float64], NDArray[np.float64]]
        The core alone and the rest, both (y, x); their sum is the image.

    Notes
    -----
    A ValueError says so if there is no star.
    """
    core = _fit_core(image, near, fwhm)
    y, x = np.ogrid[: image.shape[0], : image.shape[1]]
    dx, dy = x - core.x, y - core.y
    a, b, c = core.form
    model = core.peak * np.exp(-(a * dx**2 + b * dy**2 + c * dx * dy))
    return np.asarray(model), np.asarray(image - model, dtype=np.float64)


class _Core(NamedTuple):
    """Elliptical Gaussian: centre, exponent's (xx, yy, xy), peak, base."""

    x: float
    y: float
    form: tuple[float, float, float]
    peak: float
    base: float

    @property
    def fwhm(self) -> float:
        a, b, c = self.form
        return float(2.0 * np.sqrt(np.log(2.0)) / (a * b - c**2 / 4.0) ** 0.25)


def _fit_core(image: NDArray[np.floating], near: tuple[float, float], fwhm: float) -> _Core:
    reach = int(np.ceil(1.1 * fwhm))
    x0, y0 = round(near[0]), round(near[1])
    cut = image[max(y0 - reach, 0) : y0 + reach + 1, max(x0 - reach, 0) : x0 + reach + 1]
    if cut.shape != (2 * reach + 1, 2 * reach + 1):
        raise ValueError(f"star at {near} is within {reach} px of the image's edge")
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    used = (x**2 + y**2 <= (1.1 * fwhm) ** 2) & np.isfinite(cut)
    data, x, y = np.asarray(cut, np.float64)[used], x[used], y[used]
    scale = float(np.abs(data).max(initial=0.0)) or 1.0

    def misfit(p: NDArray[np.float64]) -> NDArray[np.float64]:
        dx, dy = x - p[1], y - p[2]
        form = p[3] * dx**2 + p[4] * dy**2 + p[5] * dx * dy
        return np.asarray(p[0] * np.exp(-form) + p[6] - data / scale)

    width = 4.0 * np.log(2.0) / fwhm**2
    start = [1.0, near[0] - x0, near[1] - y0, width, width, 0.0, 0.0]
    if data.size <= len(start):
        raise ValueError(f"star at {near}: {data.size} good pixels, wanted more than {len(start)}")
    fit = optimize.least_squares(misfit, start, x_scale=[1, 1, 1, width, width, width, 1])
    peak, dx, dy, a, b, c, base = (float(value) for value in fit.x)
    if not fit.success or a * b <= c**2 / 4.0 or min(peak, a) <= _REAL or max(abs(dx), abs(dy)) > reach:
        raise ValueError(f"no star at {near}: the fit of a Gaussian failed")
    return _Core(x0 + dx, y0 + dy, (a, b, c), peak * scale, base * scale)


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
    """Full width at half maximum of a centred PSF, from the profile of its core.

    A Gaussian's width depends on how much of the Airy pattern is fitted (8 % between 2 and 6 px);
    this does not. All pixels of the core share in it, so that a single one does little harm.

    Parameters
    ----------
    psf : NDArray[np.floating]
        (y, x), odd sides, star at the middle pixel, no background.

    Returns
    -------
    float
        Pixels: twice the radius at which the core's profile, a polynomial of third degree in the squared
        radius, falls to half of its value at the centre.

    Raises
    ------
    ValueError
        If the profile never falls to half.
    """
    middle = psf.shape[0] // 2, psf.shape[1] // 2
    rows, columns = np.ogrid[: psf.shape[0], : psf.shape[1]]
    square = (rows - middle[0]) ** 2.0 + (columns - middle[1]) ** 2.0
    labels, _ = ndimage.label(psf > psf[middle] / 2.0)
    area = float((labels == labels[middle]).sum())
    core = square <= max(_CORE * area / np.pi, _LEAST_CORE)
    if labels[middle] == 0 or core.all():
        raise ValueError(f"the profile does not fall to half its peak of {psf[middle]:g} in {psf.shape}")
    profile = np.polynomial.Polynomial.fit(square[core], np.asarray(psf, np.float64)[core], 3)
    limit = float(square[core].max())
    roots = np.asarray((profile - profile(0.0) / 2.0).roots(), dtype=np.complex128)
    inside = [float(r.real) for r in roots if abs(r.imag) < _REAL and 0 < float(r.real) <= limit]
    if not inside:
        raise ValueError(f"the profile of the core does not fall to half its peak of {profile(0.0):g}")
    return float(2.0 * np.sqrt(min(inside)))


def core_width(psf: NDArray[np.floating], noise: float) -> CoreWidth:
    """Full width at half maximum of a centred PSF, with its error: for faint stars and small cores.

    The core is peak * exp(-u - k u^2) with u the squared radius in some unit: k = 0 is a Gaussian, 1/6
    the expansion of an Airy disc. k is fitted, held by what cores have; noise then cannot bend the profile
    as it bends a free polynomial.

    Parameters
    ----------
    psf : NDArray[np.floating]
        (y, x), odd sides, star at the middle pixel, no background.
    noise : float
        Standard deviation of a pixel, same unit.

    Returns
    -------
    CoreWidth
        Pixels.

    Raises
    ------
    ValueError
        If there is no peak in the middle, or the fit fails.
    """
    start = half_maximum_width(psf)
    middle = psf.shape[0] // 2, psf.shape[1] // 2
    rows, columns = np.ogrid[: psf.shape[0], : psf.shape[1]]
    square = (rows - middle[0]) ** 2.0 + (columns - middle[1]) ** 2.0
    core = square <= max(_CORE * (start / 2.0) ** 2, _LEAST_CORE)
    peak = float(psf[middle])
    data = np.asarray(psf, np.float64)[core] / peak
    spread = np.hypot(noise / peak, _MODEL_ERROR)
    unit = 4.0 * np.log(2.0) * square[core] / start**2

    def misfit(p: NDArray[np.float64]) -> NDArray[np.float64]:
        u = p[1] * unit
        rest = (p[0] * np.exp(-u - p[2] * u**2) - data) / spread
        return np.append(rest, (p[2] - _ROUNDNESS[0]) / _ROUNDNESS[1])

    fit = optimize.least_squares(misfit, [1.0, 1.0, _ROUNDNESS[0]])
    if not fit.success or fit.x[1] <= 0:
        raise ValueError(f"no core of a star: its width could not be fitted near {start:.2f} px")
    covariance = np.linalg.pinv(fit.jac.T @ fit.jac)
    step = 1e-4
    slope = np.array([(_half_width(fit.x + step * e) - _half_width(fit.x)) / step for e in np.eye(3)])
    error = start * float(np.sqrt(slope @ covariance @ slope))
    return CoreWidth(start * _half_width(fit.x), error)


def common_widths(
    widths: Sequence[CoreWidth], wavelengths: Sequence[float], spread: float
) -> tuple[CoreWidth, ...]:
    """Widths of the channels of one instrument, each helped by the others: all grow with the wavelength.

    Parameters
    ----------
    widths : Sequence[CoreWidth]
        Of each channel.
    wavelengths : Sequence[float]
        Of each channel, any unit.
    spread : float
        How well FWHM over wavelength agrees between channels, as a share.

    Returns
    -------
    tuple[CoreWidth, ...]
        A channel that is well measured keeps its own; a noisy one leans on the others.
    """
    scaled = np.array([w.fwhm / unit for w, unit in zip(widths, wavelengths, strict=True)])
    errors = np.array([w.error / unit for w, unit in zip(widths, wavelengths, strict=True)])
    found = []
    for number, (own, unit) in enumerate(zip(widths, wavelengths, strict=True)):
        variance = errors**2 + (spread * scaled) ** 2
        variance[number] = errors[number] ** 2
        weight = 1.0 / np.maximum(variance, 1e-30)
        mean = float((weight * scaled).sum() / weight.sum())
        error = float(1.0 / np.sqrt(weight.sum()))
        found.append(CoreWidth(mean * unit, min(error * unit, own.error)))
    return tuple(found)


def _half_width(p: NDArray[np.float64]) -> float:
    """Full width of a core (peak, scale, roundness) over that of a Gaussian of scale 1."""
    half = np.log(2.0)
    k = float(p[2])
    u = half if abs(k) < _REAL else (np.sqrt(max(1.0 + 4.0 * k * half, 0.0)) - 1.0) / (2.0 * k)
    return float(np.sqrt(u / half / p[1]))
