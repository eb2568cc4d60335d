"""A level 1 cube without the way through raw frames: for truth runs that need hundreds of sequences.

Square pixels, star on the middle one, pupil tracking. The star's light is that of
`speckles`: mean halo, lasting speckles that age, what low orders let through, and what the turbulence
leaves after averaging; then photon and read noise. Companions are images of the bare pupil, drawn in each
frame along the arc on which the field turns during the exposure. Left out are what level 1 takes away
(detector, sky, anamorphism) and the coronagraph's share of a companion's light.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from reduce.simulate.instrument import PIXEL_MAS
from reduce.simulate.optics import Grid, Image, Optics, aperture_sum, lambda_over_d, make_optics
from reduce.simulate.speckles import Turbulence, Wavefront, averaged_speckles, halo_profile

__all__ = [
    "PointSource",
    "Sequence1",
    "SequencePlan",
    "lasting_wavefront",
    "simulate_sequence",
    "with_companions",
]

_SAMPLES = 64
"""Pupil samples: the field repeats every 64 lambda/D, beyond cubes of 200 pixels in H."""
_PSF_SIZE = 41
_ARC_STEPS = 5
"""Instants of an exposure in which a companion is drawn: 0.3 px apart where it moves by 1.5 px."""


@dataclass(frozen=True, slots=True)
class SequencePlan:
    """What is to be simulated.

    Attributes
    ----------
    angles_deg : NDArray[np.float64]
        (time,) derotation angles: PA on the sky is PA on the detector plus this.
    size : int
        Odd side of a frame, pixels.
    wavelengths_um : tuple[float, ...]
        Of the channels.
    exposure_s : float
        Of one frame.
    star_peak : float
        Electrons per frame in the peak pixel of the unocculted star.
    read_noise : float
        Electrons rms.
    speckled : bool
        False leaves the mean halo and noise alone: the same in all directions.
    smear_deg : float
        By how much the field turns during each exposure, about the angle told; 0 is a short one.
    """

    angles_deg: NDArray[np.float64]
    size: int = 101
    wavelengths_um: tuple[float, ...] = (1.6,)
    exposure_s: float = 64.0
    star_peak: float = 3.0e7
    read_noise: float = 11.0
    speckled: bool = True
    smear_deg: float = 0.0


@dataclass(frozen=True, slots=True)
class PointSource:
    """A companion: separation (pixels), position angle on the sky (deg), flux over the star's."""

    separation_px: float
    pa_deg: float
    contrast: float


@dataclass(frozen=True, slots=True)
class Sequence1:
    """One simulated sequence.

    Attributes
    ----------
    plan : SequencePlan
        What was asked.
    cube : NDArray[np.float32]
        (channel, time, y, x) electrons, star at n//2, not derotated.
    psf : NDArray[np.float32]
        (channel, y, x) unocculted star, noise-free, 1 in the aperture of 1 FWHM.
    fwhm_px : tuple[float, ...]
        Of each channel.
    star_flux : tuple[float, ...]
        Of each channel, electrons per frame in the aperture of 1 FWHM.
    """

    plan: SequencePlan
    cube: Image
    psf: Image
    fwhm_px: tuple[float, ...]
    star_flux: tuple[float, ...]


class _Square(Grid):
    """Pixels as high as wide on the sky."""

    @property
    def y_mas(self) -> NDArray[np.float64]:
        """Row positions relative to the star, (height,)."""
        return np.asarray((np.arange(self.height) - self.star[1]) * PIXEL_MAS, np.float64)


def _square(size: int) -> _Square:
    return _Square(0, 0, size, size, (float(size // 2), float(size // 2)))


def lasting_wavefront(rng: np.random.Generator) -> Wavefront:
    """Lasting errors of an instrument, to be given to one star after the other."""
    return Wavefront(make_optics(_SAMPLES), rng)


def simulate_sequence(
    plan: SequencePlan, rng: np.random.Generator, wavefront: Wavefront | None = None
) -> Sequence1:
    """Expose a sequence of a star without companions.

    Parameters
    ----------
    plan : SequencePlan
        What is wanted.
    rng : np.random.Generator
        Source of all randomness.
    wavefront : Wavefront | None
        Lasting errors, which age while the sequence lasts: give the same to a second star for a
        reference; None draws new ones.

    Returns
    -------
    Sequence1
        Frames, PSF and star flux.
    """
    wavefront = wavefront or lasting_wavefront(rng)
    optics = wavefront.optics
    grid = _square(plan.size)
    cube = np.empty((len(plan.wavelengths_um), plan.angles_deg.size, plan.size, plan.size), np.float32)
    for frame in range(plan.angles_deg.size):
        cube[:, frame] = _starlight(plan, wavefront, grid)
    light = rng.poisson(cube * plan.star_peak) + plan.read_noise * rng.standard_normal(cube.shape)
    widths = tuple(_fwhm(optics, each) for each in plan.wavelengths_um)
    psf, flux = _unocculted(optics, plan, widths)
    return Sequence1(plan, light.astype(np.float32), psf, widths, flux)


def _starlight(plan: SequencePlan, wavefront: Wavefront, grid: Grid) -> Image:
    """(channel, y, x) in units of the unocculted peak, one exposure later than the last."""
    wavefront.age(plan.exposure_s)
    instant = wavefront.instant(Turbulence())
    channels = []
    for each in plan.wavelengths_um:
        halo = halo_profile(grid.radius_mas / lambda_over_d(each)).astype(np.float32)
        if not plan.speckled:
            channels.append(halo)
            continue
        lasting = wavefront.amplitude(grid, each) + wavefront.core(instant.low_order, grid, each)
        noise = averaged_speckles(
            wavefront.optics, instant.fast, lasting, halo, grid, (each, plan.exposure_s)
        )
        channels.append(np.maximum(np.abs(lasting) ** 2 + halo + noise, 0.0))
    return np.asarray(channels, np.float32)


def _fwhm(optics: Optics, wavelength_um: float) -> float:
    """Full width at half maximum of the unocculted image along x, pixels."""
    step = 0.01
    profile = optics.profile(np.arange(0.0, 20.0, step) * PIXEL_MAS, wavelength_um)
    index = int(np.argmax(profile < 0.5))  # noqa: PLR2004 - half of the peak
    before, after = profile[index - 1], profile[index]
    return float(2.0 * step * (index - 1 + (before - 0.5) / (before - after)))


def _unocculted(
    optics: Optics, plan: SequencePlan, widths: Sequence[float]
) -> tuple[Image, tuple[float, ...]]:
    """PSF of each channel, and the star's flux in the aperture of 1 FWHM."""
    grid, middle = _square(_PSF_SIZE), _PSF_SIZE // 2
    images = [optics.psf(grid, each, (0.0, 0.0)) for each in plan.wavelengths_um]
    sums = [aperture_sum(image, middle, middle, width) for image, width in zip(images, widths, strict=True)]
    psf = np.array([image / total for image, total in zip(images, sums, strict=True)], np.float32)
    return psf, tuple(plan.star_peak * total for total in sums)


def with_companions(
    sequence: Sequence1, companions: Sequence[PointSource], rng: np.random.Generator
) -> Sequence1:
    """The same exposures with companions in them and the photon noise of their light.

    Parameters
    ----------
    sequence : Sequence1
        As simulated.
    companions : Sequence[PointSource]
        To be drawn, with the same contrast in each channel.
    rng : np.random.Generator
        Of their photons.

    Returns
    -------
    Sequence1
        With a new cube.
    """
    plan, optics = sequence.plan, make_optics(_SAMPLES)
    grid, instants = _square(plan.size), _instants(plan)
    light = np.zeros(sequence.cube.shape)
    for each in companions:
        for frame, angle in enumerate(plan.angles_deg):
            for place in _places(each, angle + instants):
                for channel, wavelength in enumerate(plan.wavelengths_um):
                    image = optics.psf(grid, wavelength, place)
                    light[channel, frame] += each.contrast / len(instants) * image
    return replace(sequence, cube=(sequence.cube + rng.poisson(light * plan.star_peak)).astype(np.float32))


def _instants(plan: SequencePlan) -> NDArray[np.float64]:
    """Angles of the field from that of the frame, deg, in the middles of equal parts of an exposure."""
    parts = _ARC_STEPS if plan.smear_deg else 1
    return plan.smear_deg * ((np.arange(parts) + 0.5) / parts - 0.5)


def _places(source: PointSource, angles_deg: NDArray[np.float64]) -> list[tuple[float, float]]:
    """(x, y) on the detector at each of these derotation angles, mas from the star."""
    turned, radius = np.radians(source.pa_deg - angles_deg), source.separation_px * PIXEL_MAS
    return [(-radius * float(np.sin(one)), radius * float(np.cos(one))) for one in turned]
