"""Stray starlight behind the coronagraph: a halo, lasting speckles, a fluttering core, averaged speckles.

Mean profiles are in units of the unocculted star's peak and functions of
u = r / (lambda/D): so speckles and halo scale radially with the wavelength.
The levels follow published SPHERE H-band profiles (Beuzit et al. 2019, Vigan
et al. 2015): about 1e-4 at 0.1 arcsec, a corrected hole out to 20 lambda/D and
the turbulence's own halo beyond.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from reduce.simulate.optics import Grid, Image, Optics, Wave, lambda_over_d

__all__ = [
    "Instant",
    "Turbulence",
    "Wavefront",
    "averaged_speckles",
    "coronagraph_transmission",
    "halo_profile",
    "static_profile",
]

Plane = NDArray[np.float64]
_CONTROL_RADIUS = 20.0
"""lambda/D: half the 40 actuators across the pupil."""
_REFERENCE_UM = 1.6
_AMPLITUDE_SHARE = 0.4
"""Amplitude errors beside phase errors: breaks the symmetry of the speckles."""
_INNER_WORKING_MAS = 92.5
_LOW_ORDER_UM = 0.0021
"""Rms of each low-order aberration, averaged over an exposure."""
_MODES: tuple[Callable[[Plane, Plane], Plane], ...] = (
    lambda x, y: x + 0 * y,
    lambda x, y: y + 0 * x,
    lambda x, y: x**2 + y**2,
    lambda x, y: x**2 - y**2,
    lambda x, y: x * y,
    lambda x, y: x * (3 * (x**2 + y**2) - 2),
    lambda x, y: y * (3 * (x**2 + y**2) - 2),
)
_SPECKLE_LIFETIME_S = 0.05
"""Turbulence residuals behind an extreme AO live some 50 ms (Males et al. 2021)."""
DECORRELATION_PER_S = 4.0e-5
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
    wind : tuple[float, float]
        The wind stretches the halo by 1 + a cos 2(angle - direction): a and direction (rad, on the detector).
    spilled : float
        Share of the star's energy that an open loop sends to the seeing disc.
    seeing_mas : float
        Full width of that disc at half maximum.
    """

    peak: float = 1.0
    halo: float = 1.0
    clear: float = 1.0
    wind: tuple[float, float] = (0.0, 0.0)
    spilled: float = 0.0
    seeing_mas: float = 700.0


@dataclass(frozen=True)
class Instant:
    """What is drawn once per frame and is the same in both fields.

    Attributes
    ----------
    fast : tuple[Wave, Wave]
        Two wavefronts of the turbulence, (n, n).
    low_order : Image
        Path difference by drifting low orders (pointing, focus, astigmatism, coma) in um, (n, n).
    turbulence : Turbulence
        Levels.
    """

    fast: tuple[Wave, Wave]
    low_order: Image
    turbulence: Turbulence


def halo_profile(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean turbulence residual at u lambda/D, in units of the star's peak."""
    inside = 4.0e-5 * (np.maximum(u, 1.5) / 5.0) ** -1.2 / (1.0 + (u / _CONTROL_RADIUS) ** 6)
    outside = 1.6e-5 * (np.maximum(u, 1.0) / _CONTROL_RADIUS) ** (-11.0 / 3.0)
    return np.asarray(inside + outside / (1.0 + (_CONTROL_RADIUS / np.maximum(u, 0.5)) ** 8))


def static_profile(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean lasting-speckle intensity at u lambda/D, in units of the star's peak."""
    slope: NDArray[np.float64] = 0.45e-5 * (np.maximum(u, 2.0) / 5.0) ** -2.0
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

    def core(self, low_order: Image, grid: Grid, wavelength_um: float) -> Wave:
        """Focal-plane amplitude that the low orders let past the coronagraph, (height, width)."""
        phase = 2j * np.pi / wavelength_um * low_order * self.optics.pupil
        result: Wave = self.optics.image(phase.astype(np.complex64), grid, wavelength_um, (0.0, 0.0))
        passed = np.sqrt(coronagraph_transmission(grid.radius_mas)) / self.optics.peak
        return np.asarray(result * passed.astype(np.float32), dtype=np.complex64)

    def instant(self, turbulence: Turbulence) -> Instant:
        """Draw the turbulence and the low orders of one frame."""
        weights = _LOW_ORDER_UM * self.rng.standard_normal(len(_MODES)).astype(np.float32)
        low_order = np.tensordot(weights, low_orders(self.optics), axes=1)
        return Instant((self.draw(), self.draw()), low_order.astype(np.float32), turbulence)


def low_orders(optics: Optics) -> NDArray[np.float32]:
    """Seven low-order aberrations of rms 1 on the pupil, (mode, n, n)."""
    y, x = np.meshgrid(2 * optics.coordinate, 2 * optics.coordinate, indexing="ij")
    used = optics.pupil > 0
    modes = np.stack([mode(x, y) for mode in _MODES]).astype(np.float32)
    modes -= modes[:, used].mean(axis=1)[:, None, None]
    return np.asarray(modes / modes[:, used].std(axis=1)[:, None, None], dtype=np.float32)


def coronagraph_transmission(separation_mas: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of a companion's light that passes the mask."""
    return np.asarray(1.0 / (1.0 + (_INNER_WORKING_MAS / np.maximum(separation_mas, 1e-3)) ** 8))


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
