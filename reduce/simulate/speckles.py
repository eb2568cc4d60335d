"""Stray starlight behind the coronagraph: a mean halo, speckles that stay, speckles that average.

Mean profiles are in units of the unocculted star's peak and functions of
u = r / (lambda/D): so speckles and halo scale radially with the wavelength.
The levels follow published SPHERE H-band profiles (Beuzit et al. 2019, Vigan
et al. 2015): about 1e-4 at 0.1 arcsec, a corrected hole out to 20 lambda/D and
the turbulence's own halo beyond.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from reduce.simulate.optics import Grid, Image, Optics, Wave, lambda_over_d

__all__ = ["Turbulence", "Wavefront", "averaged_speckles", "halo_profile", "static_profile"]

_CONTROL_RADIUS = 20.0
"""lambda/D: half the 40 actuators across the pupil."""
_REFERENCE_UM = 1.6
_AMPLITUDE_SHARE = 0.4
"""Amplitude errors beside phase errors: breaks the symmetry of the speckles."""
_SPECKLE_LIFETIME_S = 0.05
"""Turbulence residuals behind an extreme AO live some 50 ms (Males et al. 2021)."""
DECORRELATION_PER_S = 2.5e-5
"""Linear loss of correlation of the lasting speckles (Milli et al. 2016: several tens of ppm per second)."""


@dataclass(frozen=True, slots=True)
class Turbulence:
    """State of the atmosphere and the loop during one frame.

    Attributes
    ----------
    peak : float
        Star's and companions' peak against its mean.
    halo : float
        Level of the turbulence halo against its mean.
    clear : float
        Transparency against its mean; `peak` and `halo` have it in already.
    """

    peak: float = 1.0
    halo: float = 1.0
    clear: float = 1.0


def halo_profile(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean turbulence residual at u lambda/D, in units of the star's peak."""
    inside = 4.0e-5 * (np.maximum(u, 1.5) / 5.0) ** -1.2 / (1.0 + (u / _CONTROL_RADIUS) ** 6)
    outside = 1.6e-5 * (np.maximum(u, 1.0) / _CONTROL_RADIUS) ** (-11.0 / 3.0)
    return np.asarray(inside + outside / (1.0 + (_CONTROL_RADIUS / np.maximum(u, 0.5)) ** 8))


def static_profile(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean lasting-speckle intensity at u lambda/D, in units of the star's peak."""
    slope: NDArray[np.float64] = 0.6e-5 * (np.maximum(u, 2.0) / 5.0) ** -2.0
    return slope


@dataclass
class Wavefront:
    """Lasting wavefront error of star light that passes the coronagraph; it ages.

    Attributes
    ----------
    optics : Optics
        The pupil.
    rng : np.random.Generator
        Source of its randomness.
    """

    optics: Optics
    rng: np.random.Generator
    _now: Wave = field(init=False)

    def __post_init__(self) -> None:
        self._now = self.draw()

    def draw(self) -> Wave:
        """A fresh wavefront (n, n) whose image has mean intensity 1."""
        shape = self.optics.pupil.shape
        phase = self.rng.standard_normal(shape, dtype=np.float32)
        amplitude = self.rng.standard_normal(shape, dtype=np.float32)
        power = float((self.optics.pupil.astype(np.float64) ** 2).sum()) * (1 + _AMPLITUDE_SHARE**2)
        result: Wave = self.optics.pupil * (1j * phase + _AMPLITUDE_SHARE * amplitude) / np.sqrt(power)
        return result.astype(np.complex64)

    def age(self, seconds: float) -> None:
        """Let time pass: part of the wavefront is replaced."""
        part = DECORRELATION_PER_S * seconds
        self._now = ((self._now + np.sqrt(part) * self.draw()) / np.sqrt(1.0 + part)).astype(np.complex64)

    def amplitude(self, grid: Grid, wavelength_um: float) -> Wave:
        """Focal-plane amplitude of the lasting speckles, in units of the peak's, (height, width)."""
        u = grid.radius_mas / lambda_over_d(wavelength_um)
        envelope = np.sqrt(static_profile(u)) * (_REFERENCE_UM / wavelength_um)
        result: Wave = self.optics.image(self._now, grid, wavelength_um, (0.0, 0.0)) * envelope.astype(
            np.float32
        )
        return result

    def fast(self) -> tuple[Wave, Wave]:
        """Two fresh wavefronts of the turbulence; the same for both fields at one instant."""
        return self.draw(), self.draw()


def averaged_speckles(
    optics: Optics,
    fast: tuple[Wave, Wave],
    lasting: Wave,
    halo: Image,
    grid: Grid,
    band_dit: tuple[float, float],
) -> Image:
    """What the turbulence leaves after averaging over an exposure, mean 0.

    Variance as of the modified Rician law (Soummer et al. 2007), (H^2 + 2 S H) / M:
    M independent realisations, turbulence halo H, lasting speckles S.

    Parameters
    ----------
    optics : Optics
        The pupil.
    fast : tuple[Wave, Wave]
        Two wavefronts (n, n).
    lasting : Wave
        Amplitude of the lasting speckles, (height, width).
    halo : Image
        H, (height, width).
    grid : Grid
        Pixels.
    band_dit : tuple[float, float]
        Wavelength (um) and exposure time (s).

    Returns
    -------
    NDArray[np.float32]
        Intensity, (height, width).
    """
    wavelength_um, dit_s = band_dit
    first, second = (optics.image(each, grid, wavelength_um, (0.0, 0.0)) for each in fast)
    root = np.sqrt(halo)
    own = np.sqrt(2.0) * halo * (first * second.conj()).real
    pinned = 2.0 * root * (first * lasting.conj()).real
    count = max(dit_s / _SPECKLE_LIFETIME_S, 1.0)
    return np.asarray((own + pinned) / np.sqrt(count), dtype=np.float32)
