"""Errors of a companion's place and flux, from copies of it injected at other azimuths.

Copies of the same flux are put at the same separation, one at a time, into data
from which every companion was subtracted, and fitted as the companion was when found:
from the peak, and where that leaves much, from where classical ADI sees the copy. Their
mean deviation is the bias (taken off), their scatter the error: it holds speckle
noise, self-subtraction and the fit itself, whatever the noise looks like. What does not turn with the field
is drawn out into arcs when frames are derotated: copies on one arc see the same noise, and their scatter
counts for as many as there are arcs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats

from reduce.kernels.channels import reduce_without
from reduce.kernels.fit import Fit, Scene, fit_companion, nearby_peak
from reduce.kernels.inject import Companion
from reduce.kernels.plain import plain_adi
from reduce.kernels.snr import prepare_rings

__all__ = ["Deviations", "Spread", "clear_azimuths", "independent_azimuths", "injected_deviations", "spread"]

_APART = 2.0  # FWHM between an injection and any companion
_LEAST = 3  # independent values without which there is no scatter worth the name
_SAMPLES = 4  # a FWHM along a ring


@dataclass(frozen=True, slots=True)
class Deviations:
    """Fit minus truth of injected copies, one row an injection that could be fitted.

    Attributes
    ----------
    radial, tangential : NDArray[np.float64]
        (n,) pixels; tangential counts towards growing position angle.
    flux : NDArray[np.float64]
        (n, channel) relative.
    independent : int
        How many of them neither overlap on the ring nor lie on one arc of noise.
    failed : int
        Copies that could not be fitted; they are not among the rows.
    poor : int
        Copies among the rows whose fit left more than noise.
    """

    radial: NDArray[np.float64]
    tangential: NDArray[np.float64]
    flux: NDArray[np.float64]
    independent: int
    failed: int
    poor: int


@dataclass(frozen=True, slots=True)
class Spread:
    """Bias and 1 sigma error of one quantity."""

    bias: float
    error: float


def clear_azimuths(
    centre: tuple[float, float],
    radius: float,
    fwhm: float,
    companions: Sequence[Companion],
    number: int,
) -> tuple[NDArray[np.float64], int]:
    """Position angles on a ring away from companions.

    Parameters
    ----------
    centre : tuple[float, float]
        (x, y) of the star.
    radius : float
        Of the ring, pixels.
    fwhm : float
        Pixels.
    companions : Sequence[Companion]
        To stay 2 FWHM away from.
    number : int
        How many.

    Returns
    -------
    tuple[NDArray[np.float64], int]
        Radians from +y towards -x, evenly over what is free; and how many places of 1 FWHM are free.
    """
    grid = np.arange(0.0, 2 * np.pi, np.pi / 720)
    x, y = centre[0] - radius * np.sin(grid), centre[1] + radius * np.cos(grid)
    free = np.ones(grid.size, np.bool_)
    for companion in companions:
        free &= np.hypot(x - companion.x, y - companion.y) > _APART * fwhm
    kept = grid[free]
    places = int(kept.size * (grid[1] * radius) / fwhm)
    if not kept.size:
        return kept, 0
    chosen = np.floor((np.arange(number) + 0.5) * kept.size / number).astype(int)
    return np.unique(kept[np.minimum(chosen, kept.size - 1)]), max(1, min(places, number))


def independent_azimuths(image: NDArray[np.floating], fwhm: float, radius: float) -> float:
    """How many independent values of the noise a ring holds, by its correlation along the ring.

    Parameters
    ----------
    image : NDArray[np.floating]
        (y, x) without companions, star at n//2; NaN = no data.
    fwhm : float
        Diameter of the apertures that are correlated, pixels.
    radius : float
        Of the ring, pixels; the rings 1 FWHM inside and outside of it have their say.

    Returns
    -------
    float
        The circle over the correlation length (the integral of the correlation up to where it is 0 first).
    """
    rings = prepare_rings(image, fwhm)
    count = int(np.ceil(2 * np.pi * radius / fwhm * _SAMPLES))
    angle = np.arange(count) * (2 * np.pi / count)
    products = np.zeros(count)
    for distance in (radius - fwhm, radius, radius + fwhm):
        places = np.stack([np.sin(angle), np.cos(angle)]) * distance + np.array(image.shape)[:, None] // 2
        there = ndimage.map_coordinates(rings.bad.astype(np.float32), places, order=1, cval=1.0) == 0
        values = ndimage.map_coordinates(rings.spline, places, order=3, prefilter=False)
        if distance > fwhm and there.any() and np.ptp(values[there]) > 0:
            values = np.where(there, values - values[there].mean(), 0.0)
            own = np.fft.irfft(np.abs(np.fft.rfft(values)) ** 2, count)
            products += own / own[0]
    if products[0] == 0:
        return float(count)
    share = products[: count // 2 + 1] / products[0]
    first = int(np.argmax(np.append(share, -1.0) <= 0))
    return float(count / (1 + 2 * share[1:first].sum()))


def injected_deviations(
    scene: Scene, companion: Companion, companions: Sequence[Companion], number: int
) -> Deviations:
    """Inject copies of a companion at its separation, fit them, and compare.

    Parameters
    ----------
    scene : Scene
        Every companion subtracted.
    companion : Companion
        What to copy.
    companions : Sequence[Companion]
        All that were subtracted, this one too.
    number : int
        Injections wanted.

    Returns
    -------
    Deviations
        Of those that could be fitted.
    """
    cx, cy = scene.channels[0].centre
    radius = float(np.hypot(companion.x - cx, companion.y - cy))
    angles, independent = clear_azimuths((cx, cy), radius, scene.fwhm, companions, number)
    arcs = independent_azimuths(scene.image, scene.fwhm, radius) if number else 0.0
    independent = min(independent, max(_LEAST, round(arcs)))
    rows, poor = [], 0
    plain = _Plain(scene, companions)
    for angle in angles:
        truth = Companion(cx - radius * np.sin(angle), cy + radius * np.cos(angle), companion.flux)
        fit = _fit_copy(scene, plain, truth)
        if fit.ok:
            poor += not fit.good
            dx, dy = fit.companion.x - truth.x, fit.companion.y - truth.y
            radial = -dx * np.sin(angle) + dy * np.cos(angle)
            tangential = -dx * np.cos(angle) - dy * np.sin(angle)
            ratio = np.array(fit.companion.flux) / np.array(companion.flux) - 1
            rows.append([radial, tangential, *ratio])
    table = np.array(rows, np.float64).reshape(len(rows), 2 + len(companion.flux))
    independent = min(independent, len(rows))
    failed = len(angles) - len(rows)
    return Deviations(table[:, 0], table[:, 1], table[:, 2:], independent, failed, poor)


@dataclass(frozen=True)
class _Plain:
    """The same frames by classical ADI, reduced when first asked for."""

    of: Scene
    companions: Sequence[Companion]

    @cached_property
    def scene(self) -> Scene:
        reductions = reduce_without(self.of.channels, self.companions, plain_adi)
        return replace(self.of, reductions=reductions)


def _fit_copy(scene: Scene, plain: _Plain, truth: Companion) -> Fit:
    """Fit a copy knowing no more of it than was known of the companion: its peak."""
    added = scene.parts(truth)
    start = nearby_peak(scene, added, truth.x, truth.y)
    fit = fit_companion(scene, added, *start)
    if fit.good:
        return fit
    guided = fit_companion(plain.scene, added, *nearby_peak(plain.scene, added, *start))
    return fit_companion(scene, added, *start, guess=guided.companion) if guided.ok else fit


def spread(values: NDArray[np.floating], independent: int) -> Spread:
    """Bias and error of a quantity from a few deviations, robustly.

    What lies within 9 median absolute deviations (6 sigma) of the median counts, so that one injection on
    a bright residual does not rule. The bias is its mean: deviations of flux are skewed among speckles, and a
    centre drawn to the median leaves a tenth of an error in. The scale is Tukey's biweight (c = 9). The error
    is widened by Student's t to hold 68 % with few values, and for the bias being known from them only.

    Parameters
    ----------
    values : NDArray[np.floating]
        (n,) deviations.
    independent : int
        How many of them are independent.

    Returns
    -------
    Spread
        NaN with fewer than three independent values.
    """
    if min(independent, values.size) < _LEAST:
        return Spread(float("nan"), float("nan"))
    middle = float(np.median(values))
    mad = float(np.median(np.abs(values - middle)))
    if mad == 0.0:
        return Spread(middle, 0.0)
    u = (values - middle) / (9 * mad)
    inside = np.abs(u) < 1
    bias = float(np.mean(values[inside]))
    top = np.sum((values[inside] - middle) ** 2 * (1 - u[inside] ** 2) ** 4)
    bottom = np.sum((1 - u[inside] ** 2) * (1 - 5 * u[inside] ** 2))
    scale = float(np.sqrt(values.size * top) / abs(bottom)) * np.sqrt(independent / (independent - 1))
    widening = stats.t.isf(stats.norm.sf(1.0), independent - 1) * np.sqrt(1 + 1 / independent)
    return Spread(bias, float(scale * widening))
