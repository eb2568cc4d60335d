"""Flux in each channel of a companion that was found in all channels as one.

The search takes one spectrum for all companions. Here the flux of each channel is free, at the place that
was fitted: the residuals of all channels in a disc are linear in what a companion's fluxes leave, and their
derivatives go through the whole algorithm, over- and self-subtraction in time and wavelength included,
channel by channel. So what one channel's flux leaves in another is told apart. Errors are empirical: the
same combination of pixels, turned about the star to places without a companion, shows what noise does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from reduce.kernels.channels import radial_noise
from reduce.kernels.characterise import clear_azimuths, spread
from reduce.kernels.inject import Companion
from reduce.kernels.joint import JointChannel
from reduce.kernels.reduction import Parts
from reduce.kernels.snr import significance
from reduce.kernels.spectral import JointReduction

__all__ = ["CompanionSpectrum", "companion_spectrum"]

_DISC = 1.5  # FWHM: radius of the disc that is looked at
_STEPS = 3  # with one derivative: what a step leaves is some per cents of it
_PLACES = 72  # about the star at most, from which the errors come


@dataclass(frozen=True, slots=True)
class CompanionSpectrum:
    """A companion in each channel.

    Attributes
    ----------
    flux, error : NDArray[np.float64]
        (channel,) in units of the joint frames, bias taken off; NaN where the channel shows nothing there.
    snr, significance : NDArray[np.float64]
        (channel,) t statistic of the flux among those at places without a companion, and its Gaussian
        equivalent. An image of one channel is no measure: what other channels take shows in it.
    """

    flux: NDArray[np.float64]
    error: NDArray[np.float64]
    snr: NDArray[np.float64]
    significance: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Disc:
    """Pixels around a companion in the images of all channels, in units of the noise of each."""

    channel: JointChannel
    reduction: JointReduction
    companion: Companion
    inside: NDArray[np.bool_]
    noise: NDArray[np.float64]

    @property
    def half(self) -> int:
        return len(self.inside) // 2

    def patches(self, spectrum: NDArray[np.float64]) -> NDArray[np.float32]:
        """(channel, y, x) with a source of these fluxes added at the companion's place."""
        x, y = self.companion.x, self.companion.y
        parts: Parts = []
        if spectrum.any():
            parts = [(self.channel.of_spectrum(spectrum).stamps(x, y), 1.0)]
        return self.reduction.channel_patches(parts, round(x), round(y), self.half)

    def values(self, spectrum: NDArray[np.float64]) -> NDArray[np.float64]:
        """(channel x pixel,) of the disc."""
        pixels = self.patches(spectrum)[:, self.inside].astype(np.float64)
        return np.asarray(np.nan_to_num(pixels / self.noise[:, None]).ravel())

    def turned(self, angle: float) -> NDArray[np.float64]:
        """The same of the images as they are, the disc turned about the star, anticlockwise, radians."""
        cx, cy = self.channel.centre
        rows, columns = np.nonzero(self.inside)
        dx = columns - self.half + round(self.companion.x) - cx
        dy = rows - self.half + round(self.companion.y) - cy
        x = cx + np.cos(angle) * dx - np.sin(angle) * dy
        y = cy + np.sin(angle) * dx + np.cos(angle) * dy
        images = np.nan_to_num(self.reduction.images).astype(np.float64)
        pixels = np.array([ndimage.map_coordinates(image, (y, x), mode="nearest") for image in images])
        return np.asarray((pixels / self.noise[:, None]).ravel())


def companion_spectrum(
    channel: JointChannel,
    reduction: JointReduction,
    companion: Companion,
    companions: Sequence[Companion],
    fwhm: NDArray[np.floating],
) -> CompanionSpectrum:
    """Measure a companion channel by channel.

    Parameters
    ----------
    channel : JointChannel
        The data.
    reduction : JointReduction
        Of the data with every companion subtracted.
    companion : Companion
        As fitted with the spectrum of the search.
    companions : Sequence[Companion]
        All, this one too: places kept clear of.
    fwhm : NDArray[np.floating]
        (channel,) pixels.

    Returns
    -------
    CompanionSpectrum
        Channel by channel.
    """
    disc = _disc(channel, reduction, companion, fwhm)
    combination, base = _combination(disc)
    change = combination @ base
    for _ in range(_STEPS - 1):
        change = change + combination @ disc.values(-change)
    fitted = companion.flux[0] * channel.spectrum + change
    cx, cy = channel.centre
    dx, dy = companion.x - cx, companion.y - cy
    radius, own = float(np.hypot(dx, dy)), float(np.arctan2(-dx, dy))
    angles, independent = clear_azimuths((cx, cy), radius, channel.fwhm, companions, _PLACES)
    noise = np.array([combination @ disc.turned(float(angle) - own) for angle in angles])
    noise = noise.reshape(len(angles), len(fitted))
    spreads = [spread(of_channel, independent) for of_channel in noise.T]
    flux = fitted - np.nan_to_num([one.bias for one in spreads])
    seen = np.any(combination, axis=1)
    error = np.array([one.error for one in spreads])
    snr, sigma = _statistics(fitted, noise, independent)
    found = (np.where(seen, values, np.nan) for values in (flux, error, snr, sigma))
    return CompanionSpectrum(*found)


def _statistics(
    flux: NDArray[np.float64], noise: NDArray[np.float64], independent: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The t statistic of Mawet et al. 2014, their eq. 9, of fluxes among those (place, channel) of noise."""
    if independent < 2:  # noqa: PLR2004 - no scatter
        return np.full(len(flux), np.nan), np.full(len(flux), np.nan)
    deviation = noise.std(axis=0, ddof=1)
    snr = (flux - noise.mean(axis=0)) / np.where(deviation > 0, deviation, np.nan)
    snr = snr / np.sqrt(1 + 1 / independent)
    return snr, np.asarray(significance(snr, np.full(len(snr), independent - 1.0)), np.float64)


def _disc(
    channel: JointChannel, reduction: JointReduction, companion: Companion, fwhm: NDArray[np.floating]
) -> _Disc:
    reach = _DISC * channel.fwhm
    half = int(np.ceil(reach)) + 1
    rows, columns = np.indices((2 * half + 1, 2 * half + 1)) - half
    away = (columns + round(companion.x) - companion.x, rows + round(companion.y) - companion.y)
    cx, cy = channel.centre
    radius = round(float(np.hypot(companion.x - cx, companion.y - cy)))
    profiles = [radial_noise(image, float(f)) for image, f in zip(reduction.images, fwhm, strict=True)]
    noise = np.array([profile[min(radius, len(profile) - 1)] for profile in profiles])
    return _Disc(channel, reduction, companion, np.hypot(*away) <= reach, np.where(noise > 0, noise, np.inf))


def _combination(disc: _Disc) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least squares: combination (channel, channel x pixel) of pixels that gives fluxes, and the pixels."""
    count = len(disc.noise)
    base = disc.values(np.zeros(count))
    slopes = np.zeros((base.size, count))
    for number, noise in enumerate(disc.noise):
        if np.isfinite(noise):
            step = float(noise) * disc.channel.fwhm  # as faint as what is measured by it
            source = np.zeros(count)
            source[number] = step
            slopes[:, number] = (disc.values(source) - base) / step
    return np.asarray(np.linalg.pinv(slopes)), base
