"""Signal to noise with few resolution elements: Mawet et al. 2014, ApJ 792, 97, eq. 9.

On a ring of radius r lie N apertures of diameter 1 FWHM side by side: one is
tested, N - 1 are noise. t = (x1 - mean(x2)) / (s2 sqrt(1 + 1/(N - 1))) follows
Student's distribution with N - 2 degrees of freedom in Gaussian noise.

The noise is measured in the reduced image itself, so what the subtraction of the
temporal mean takes from noise and companion alike needs no correction here.
Neighbouring apertures touch and are not wholly independent: at N = 7 false alarms
stay about twice too many.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from reduce.kernels.aperture import aperture_map
from reduce.kernels.compiled import compiled
from reduce.kernels.spline import coefficients, value_at

__all__ = ["Rings", "prepare_rings", "ring_noise", "significance", "snr_map"]

_LEAST = 2  # noise apertures: one value has no standard deviation


@dataclass(frozen=True, slots=True)
class Rings:
    """Aperture sums of one image, ready to be looked up on rings.

    Attributes
    ----------
    flux : NDArray[np.float32]
        (y, x) aperture sums, NaN = no data.
    spline : NDArray[np.float32]
        (y, x) its cubic spline coefficients.
    bad : NDArray[np.bool_]
        (y, x) where a look-up would touch a NaN.
    fwhm : float
        Diameter of the apertures, pixels.
    excluded : NDArray[np.float64]
        (n, 2) x, y of companions: apertures closer than 1 FWHM are not noise. Where a companion is
        itself tested, within half a FWHM of it, its neighbours on the ring are: they touch it at most.
    """

    flux: NDArray[np.float32]
    spline: NDArray[np.float32]
    bad: NDArray[np.bool_]
    fwhm: float
    excluded: NDArray[np.float64]


def prepare_rings(
    image: NDArray[np.floating], fwhm: float, excluded: Sequence[tuple[float, float]] = ()
) -> Rings:
    """Sum an image in apertures and make it fit for looking up between pixels.

    Parameters
    ----------
    image : NDArray[np.floating]
        (y, x), star at n//2; NaN = no data.
    fwhm : float
        Pixels.
    excluded : Sequence[tuple[float, float]]
        (x, y) of known companions.

    Returns
    -------
    Rings
        Aperture sums and their spline.
    """
    flux = aperture_map(image, fwhm)
    bad = ~np.isfinite(flux)
    middle = np.median(flux[~bad]) if (~bad).any() else 0.0  # little to ring about where data end
    spline = coefficients(np.where(bad, middle, flux)[None])[0]
    places = np.array(list(excluded), np.float64).reshape(-1, 2)
    return Rings(flux, spline, bad, float(fwhm), places)


@compiled
def _ring_statistics(
    spline: NDArray[np.float32],
    bad: NDArray[np.bool_],
    excluded: NDArray[np.float64],
    fwhm: float,
    x: float,
    y: float,
) -> tuple[int, float, float]:
    """Count, mean and standard deviation of the noise apertures on the ring of (x, y)."""
    ny, nx = spline.shape
    cx, cy = nx // 2, ny // 2
    dx, dy = x - cx, y - cy
    radius = np.sqrt(dx * dx + dy * dy)
    if radius < fwhm / 2:
        return 0, np.nan, np.nan
    number = int(np.pi / np.arcsin(fwhm / (2 * radius)) + 1e-9)
    step = 2 * np.pi / number
    cosine, sine = np.cos(step), np.sin(step)
    count, total, squares = 0, 0.0, 0.0
    for _ in range(1, number):
        dx, dy = cosine * dx - sine * dy, sine * dx + cosine * dy
        px, py = cx + dx, cy + dy
        if px < 0.0 or py < 0.0 or px >= nx - 1 or py >= ny - 1:
            continue
        i, j = int(px), int(py)
        if bad[j, i] or bad[j, i + 1] or bad[j + 1, i] or bad[j + 1, i + 1]:
            continue
        near = False
        for k in range(excluded.shape[0]):
            ex, ey = excluded[k, 0] - px, excluded[k, 1] - py
            tx, ty = excluded[k, 0] - x, excluded[k, 1] - y
            tested = 4 * (tx * tx + ty * ty) < fwhm * fwhm
            near |= ex * ex + ey * ey < fwhm * fwhm and not tested
        if near:
            continue
        value = value_at(spline, px, py)
        count += 1
        total += value
        squares += value * value
    if count < _LEAST:
        return count, np.nan, np.nan
    mean = total / count
    variance = max(squares - total * mean, 0.0) / (count - 1)
    return count, mean, np.sqrt(variance)


@compiled
def _map(
    flux: NDArray[np.float32],
    spline: NDArray[np.float32],
    bad: NDArray[np.bool_],
    excluded: NDArray[np.float64],
    fwhm: float,
    snr: NDArray[np.float32],
    dof: NDArray[np.float32],
) -> None:
    for j in range(flux.shape[0]):
        for i in range(flux.shape[1]):
            snr[j, i] = np.nan
            dof[j, i] = np.nan
            if np.isnan(flux[j, i]):
                continue
            count, mean, deviation = _ring_statistics(spline, bad, excluded, fwhm, float(i), float(j))
            if deviation > 0.0:  # NaN where apertures are too few
                snr[j, i] = (flux[j, i] - mean) / (deviation * np.sqrt(1.0 + 1.0 / count))
                dof[j, i] = count - 1


def snr_map(
    image: NDArray[np.floating],
    fwhm: float,
    *,
    noise: NDArray[np.floating] | None = None,
    excluded: Sequence[tuple[float, float]] = (),
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Small-sample t statistic at each pixel.

    Parameters
    ----------
    image : NDArray[np.floating]
        (y, x), star at n//2; NaN = no data.
    fwhm : float
        Pixels.
    noise : NDArray[np.floating] | None
        (y, x) image to take the noise apertures from, e.g. with companions subtracted; None is `image`.
    excluded : Sequence[tuple[float, float]]
        (x, y) of known companions: apertures closer than 1 FWHM to one, unless it is the one tested, are
        not used as noise.

    Returns
    -------
    tuple[NDArray[np.float32], NDArray[np.float32]]
        t and its degrees of freedom (number of noise apertures - 1), (y, x); NaN where undefined.

    Raises
    ------
    ValueError
        If the two images differ in shape.
    """
    rings = prepare_rings(image if noise is None else noise, fwhm, excluded)
    flux = rings.flux if noise is None else aperture_map(image, fwhm)
    if flux.shape != rings.flux.shape:
        raise ValueError(f"noise image is {rings.flux.shape}, wanted {flux.shape} as the image")
    snr, dof = np.empty_like(flux), np.empty_like(flux)
    _map(flux, rings.spline, rings.bad, rings.excluded, rings.fwhm, snr, dof)
    return snr, dof


def ring_noise(rings: Rings, x: float, y: float) -> tuple[int, float, float]:
    """Noise apertures on the ring of one place.

    Parameters
    ----------
    rings : Rings
        Aperture sums of the image.
    x : float
        Column of the tested place, 0-based.
    y : float
        Its row.

    Returns
    -------
    tuple[int, float, float]
        Their number, mean and standard deviation (ddof 1); NaN where undefined.
    """
    count, mean, deviation = _ring_statistics(
        rings.spline, rings.bad, rings.excluded, rings.fwhm, float(x), float(y)
    )
    return int(count), float(mean), float(deviation)


def significance(snr: NDArray[np.floating] | float, dof: NDArray[np.floating] | float) -> NDArray[np.float64]:
    """Gaussian equivalent of a t statistic: the z with the same false-positive fraction.

    Parameters
    ----------
    snr : NDArray[np.floating] | float
        t statistic.
    dof : NDArray[np.floating] | float
        Degrees of freedom, of the same shape.

    Returns
    -------
    NDArray[np.float64]
        norm.isf(t.sf(snr, dof)), within -37..37 where float64 has no smaller probability; NaN stays NaN.
    """
    t, nu = np.asarray(snr, np.float64), np.asarray(dof, np.float64)
    tail = special.stdtr(nu, -np.abs(t))
    return np.asarray(np.sign(t) * -special.ndtri(np.maximum(tail, 1e-300)), np.float64)
