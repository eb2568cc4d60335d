"""Sequences of several wavelengths: speckles that stand at distances proportional to the wavelength.

Made with numpy and scipy alone. The speckle field is the squared modulus of a random sum of
plane waves within a pupil, a function of the angle over the wavelength: it is evaluated where
each channel sees it, never interpolated.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.reduce.kernels.planted import airy, airy_flux, sky_pixel

__all__ = ["Planted", "SpeckleField", "speckle_waves", "spectral_cube"]

_WAVES = 24  # plane waves across the pupil: the field repeats every 24 FWHM


@dataclass(frozen=True, slots=True)
class SpeckleField:
    """Complex amplitudes (wave, wave) of plane waves within a round pupil, and FWHM of a speckle, pixels."""

    waves: NDArray[np.complex128]
    fwhm: float

    def at(self, size: int, scale: float) -> NDArray[np.float64]:
        """Intensity (y, x) seen by a channel whose pixels are `scale` times those of the reference."""
        u = (np.arange(size) - size // 2) * scale
        k = 2 * np.pi * (np.arange(_WAVES) - _WAVES / 2) / (_WAVES * self.fwhm)
        across = np.exp(1j * np.outer(u, k))
        halo = 1 / (1 + (np.hypot(u[:, None], u) / (4 * self.fwhm)) ** 2)
        return np.asarray(np.abs(across @ self.waves @ across.T) ** 2 * halo * scale**2)


def speckle_waves(rng: np.random.Generator) -> NDArray[np.complex128]:
    """Random amplitudes (wave, wave) within a round pupil; mean intensity 1 where the halo is 1."""
    side = np.arange(_WAVES) - (_WAVES - 1) / 2
    pupil = np.hypot(side[:, None], side) <= _WAVES / 2
    waves = rng.normal(size=(_WAVES, _WAVES)) + 1j * rng.normal(size=(_WAVES, _WAVES))
    return np.asarray(waves * pupil / np.sqrt(2 * pupil.sum()))


@dataclass(frozen=True, slots=True)
class Planted:
    """A sequence.

    Attributes
    ----------
    cube : NDArray[np.float32]
        (channel, time, y, x).
    angles_deg : NDArray[np.float64]
        (time,).
    wavelengths_um, fwhm, star_flux : NDArray[np.float64]
        (channel,).
    """

    cube: NDArray[np.float32]
    angles_deg: NDArray[np.float64]
    wavelengths_um: NDArray[np.float64]
    fwhm: NDArray[np.float64]
    star_flux: NDArray[np.float64]


def spectral_cube(  # noqa: PLR0913 - what is planted, each by name
    rng: np.random.Generator,
    *,
    wavelengths_um: NDArray[np.floating],
    angles_deg: NDArray[np.floating],
    size: int = 61,
    fwhm: float = 4.0,
    level: float = 300.0,
    changing: float = 0.3,
    noise: float = 1.0,
    companions: tuple[tuple[float, float, float], ...] = (),
) -> Planted:
    """A sequence of speckles that drift slowly, with companions of the same contrast in all channels.

    Parameters
    ----------
    rng : np.random.Generator
        Source of all chance.
    wavelengths_um : NDArray[np.floating]
        (channel,).
    angles_deg : NDArray[np.floating]
        (time,) derotation angles.
    size : int
        Side of a frame, pixels.
    fwhm : float
        At the shortest wavelength, pixels.
    level : float
        Mean brightness of speckles near the star in a channel of mean star flux.
    changing : float
        Share of the speckles' amplitude that is new in every frame.
    noise : float
        Standard deviation of white noise.
    companions : tuple[tuple[float, float, float], ...]
        Separation (pixels), position angle (degrees), contrast.

    Returns
    -------
    Planted
        Star flux 1e5 in the mean, rising by half from the first to the last channel.
    """
    wavelengths = np.asarray(wavelengths_um, np.float64)
    stretch = wavelengths / wavelengths.min()
    star = 1e5 * np.linspace(0.8, 1.2, len(wavelengths))
    still = speckle_waves(rng)
    cube = rng.normal(size=(len(wavelengths), len(angles_deg), size, size)) * noise
    y, x = np.mgrid[:size, :size]
    for t, angle in enumerate(angles_deg):
        field = SpeckleField(still + changing * speckle_waves(rng), fwhm)
        for c, s in enumerate(stretch):
            cube[c, t] += level * star[c] / 1e5 * field.at(size, 1 / s)
            for sep, pa, contrast in companions:
                px, py = sky_pixel(size, sep, pa - float(angle))
                peak = contrast * star[c] / airy_flux(fwhm * s)
                cube[c, t] += peak * airy(x - px, y - py, fwhm * s)
    return Planted(
        cube.astype(np.float32), np.asarray(angles_deg, np.float64), wavelengths, fwhm * stretch, star
    )
