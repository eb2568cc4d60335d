"""Light on the two fields during one frame, in electrons per second, before the detector has its say."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reduce.simulate.instrument import NAXIS2, PIXEL_MAS, Y_STRETCH, Band
from reduce.simulate.optics import Grid, Image, Optics, Wave, aperture_sum, lambda_over_d
from reduce.simulate.speckles import (
    Instant,
    Turbulence,
    Wavefront,
    averaged_speckles,
    coronagraph_transmission,
    halo_profile,
    static_profile,
)

__all__ = [
    "Trail",
    "aperture_flux",
    "companions_light",
    "coronagraphic_star",
    "fwhm_pixels",
    "growth_curve",
    "spots",
    "star_peak",
    "unocculted_star",
]

_WINDOW = 512
"""Pixels around the star in which speckles are drawn; beyond there is the mean halo."""
_STAMP = 128
"""Pixels around a companion."""
_COLOURS = 3
"""Wavelengths across a band for what spreads radially."""
_STREHL = 0.87
_SPOT_RADIUS = 14.14 * 0.97
"""lambda/D."""
_SPOT_PEAK = 6.0e-3
"""Spot against the star's peak."""


@dataclass(frozen=True)
class Trail:
    """A companion's way over the detector during one frame.

    Attributes
    ----------
    x_mas, y_mas : NDArray[np.float64]
        Places relative to the star at instants over the exposure, along the detector's axes, (instant,).
    contrast : float
        Flux over the star's in this channel.
    """

    x_mas: NDArray[np.float64]
    y_mas: NDArray[np.float64]
    contrast: float


def star_peak(optics: Optics, band: Band, magnitude: float) -> float:
    """Electrons per second in the peak pixel of the unocculted star."""
    return band.star_rate(magnitude) * _STREHL / optics.energy(band.wavelength_um)


def fwhm_pixels(optics: Optics, band: Band) -> float:
    """Full width at half maximum of the unocculted image, raw pixels along x."""
    step = 0.02
    line = Grid(0, 0, 401, 1, (0.0, 0.0))
    fine = [optics.profile(line.x_mas * step, each) for each in colours(band)]
    profile = np.mean(fine, axis=0)
    index = int(np.argmax(profile < 0.5))  # noqa: PLR2004 - half of the peak
    before, after = profile[index - 1], profile[index]
    return float(2.0 * step * (index - 1 + (before - 0.5) / (before - after)))


def aperture_flux(optics: Optics, band: Band, diameter: float) -> float:
    """Flux of the unocculted star of peak 1 in an aperture of so many raw pixels, centred on a pixel."""
    middle = (NAXIS2 / 2.0, NAXIS2 / 2.0)
    image = unocculted_star(optics, band, middle, Turbulence())
    return aperture_sum(image, *middle, diameter)


class _Square(Grid):
    """Pixels as high as wide on the sky."""

    @property
    def y_mas(self) -> NDArray[np.float64]:
        """Row positions relative to the star, (height,)."""
        rows = np.arange(self.y0, self.y0 + self.height) - self.star[1]
        return np.asarray(rows * PIXEL_MAS, np.float64)


def growth_curve(optics: Optics, band: Band, diameters: NDArray[np.float64]) -> NDArray[np.float64]:
    """Flux of the unocculted star of peak 1 where the anamorphism is undone and the flux kept.

    Parameters
    ----------
    optics : Optics
        The pupil.
    band : Band
        Channel.
    diameters : NDArray[np.float64]
        Of apertures around the star, which stands on a pixel's middle; pixels, (diameter,).

    Returns
    -------
    NDArray[np.float64]
        Sum of the pixels times their covered shares, (diameter,).
    """
    grid = _Square(0, 0, 41, 41, (20.0, 20.0))
    image = np.mean([optics.psf(grid, each, (0.0, 0.0)) for each in colours(band)], axis=0) / Y_STRETCH
    return np.array([aperture_sum(image, 20.0, 20.0, float(each)) for each in diameters])


def window(star: tuple[float, float], size: int = _WINDOW) -> Grid:
    """A square of pixels around the star."""
    return Grid(round(star[0]) - size // 2, round(star[1]) - size // 2, size, size, star)


def colours(band: Band) -> NDArray[np.float64]:
    """Wavelengths across a band, um."""
    steps = (np.arange(_COLOURS) + 0.5) / _COLOURS - 0.5
    return np.asarray(band.wavelength_um + band.width_um * steps)


def whole_field(star: tuple[float, float]) -> Grid:
    """All pixels of a field."""
    return Grid(0, 0, NAXIS2, NAXIS2, star)


def coronagraphic_star(
    optics: Optics,
    wavefront: Wavefront,
    instant: Instant,
    band: Band,
    star: tuple[float, float],
    dit_s: float,
    waffle: str = "",
) -> Image:
    """Star behind the coronagraph, (1024, 1024), in units of the unocculted peak.

    Parameters
    ----------
    optics : Optics
        The pupil.
    wavefront : Wavefront
        Lasting errors now.
    instant : Instant
        Turbulence and low orders now.
    band : Band
        Channel.
    star : tuple[float, float]
        Place (x, y), 0-based.
    dit_s : float
        Exposure time.
    waffle : str
        '+', 'x' or '' for none.

    Returns
    -------
    NDArray[np.float32]
        (1024, 1024).
    """
    turbulence = instant.turbulence
    field = _smooth(optics, band, star, turbulence, lasting=True)
    grid = window(star)
    halo = _smooth_at(optics, grid, band, turbulence)
    core = wavefront.core(instant.low_order, grid, band.wavelength_um)
    lasting = [wavefront.amplitude(grid, each) + core for each in colours(band)]
    middle = lasting[_COLOURS // 2]
    noise = averaged_speckles(optics, instant.fast, middle, halo, grid, (band.wavelength_um, dit_s))
    if waffle:
        sharp = np.float32(np.sqrt(turbulence.peak / turbulence.clear))
        lasting = [
            amplitude + sharp * spots(optics, grid, each, waffle)
            for amplitude, each in zip(lasting, colours(band), strict=True)
        ]
    mean = np.mean([np.abs(each) ** 2 for each in lasting], axis=0) * turbulence.clear
    field[grid.slices] = np.maximum(mean + halo + noise, 0.0)
    return field


def spots(optics: Optics, grid: Grid, wavelength_um: float, orientation: str) -> Wave:
    """Amplitude of the four waffle spots on the axes ('+') or the diagonals ('x'), at the mean Strehl ratio.

    Each is an image of the star, wavefront errors and all, that the mirror's sine wave throws to its side:
    its peak follows Strehl x transparency as a companion's does (Sivaramakrishnan & Oppenheimer 2006;
    Langlois et al. 2013; Wang et al. 2014).
    """
    radius = _SPOT_RADIUS * lambda_over_d(wavelength_um)
    start = 0.0 if orientation == "+" else 45.0
    total = np.zeros((grid.height, grid.width), dtype=np.complex64)
    for angle in np.radians(start + 90.0 * np.arange(4)):
        place = (radius * np.cos(angle), radius * np.sin(angle))
        total += optics.image(optics.pupil, grid, wavelength_um, place)
    return np.asarray(total * np.float32(np.sqrt(_SPOT_PEAK) / optics.peak), dtype=np.complex64)


def unocculted_star(optics: Optics, band: Band, star: tuple[float, float], turbulence: Turbulence) -> Image:
    """Star beside the coronagraph, (1024, 1024), peak `turbulence.peak`."""
    field = _smooth(optics, band, star, turbulence, lasting=False)
    grid = window(star)
    for each in colours(band):
        field[grid.slices] += optics.psf(grid, each, (0.0, 0.0)) / _COLOURS
    return field * np.float32(turbulence.peak)


def companions_light(
    optics: Optics,
    band: Band,
    star: tuple[float, float],
    trails: Sequence[Trail],
    turbulence: Turbulence,
    *,
    occulted: bool = True,
) -> Image:
    """Companions of one frame, (1024, 1024), in units of the star's peak; smeared by the field's rotation."""
    field = np.zeros((NAXIS2, NAXIS2), dtype=np.float32)
    for trail in trails:
        x = star[0] + trail.x_mas.mean() / PIXEL_MAS
        y = star[1] + trail.y_mas.mean() / PIXEL_MAS / Y_STRETCH
        grid = Grid(round(x) - _STAMP // 2, round(y) - _STAMP // 2, _STAMP, _STAMP, star)
        stamp = np.zeros((_STAMP, _STAMP), dtype=np.float32)
        for place in zip(trail.x_mas, trail.y_mas, strict=True):
            stamp += optics.psf(grid, band.wavelength_um, place)
        passed = coronagraph_transmission(np.hypot(trail.x_mas, trail.y_mas)).mean()
        strength = trail.contrast * (float(passed) if occulted else 1.0) * turbulence.peak
        field[grid.slices] += stamp * np.float32(strength / trail.x_mas.size)
    return field


def _smooth(
    optics: Optics, band: Band, star: tuple[float, float], turbulence: Turbulence, *, lasting: bool
) -> Image:
    """Mean halo over the whole field."""
    grid = whole_field(star)
    field = _smooth_at(optics, grid, band, turbulence)
    if lasting:
        field += static_profile(grid.radius_mas / lambda_over_d(band.wavelength_um)).astype(np.float32)
    return field


def _smooth_at(optics: Optics, grid: Grid, band: Band, turbulence: Turbulence) -> Image:
    """Turbulence halo on a grid, by table look-up."""
    table = np.arange(0.0, 400.0, 0.05)
    u = grid.radius_mas / lambda_over_d(band.wavelength_um)
    halo = np.interp(u, table, halo_profile(table)) * turbulence.halo
    if turbulence.wind[0]:
        halo *= 1.0 + turbulence.wind[0] * _stretch(grid, turbulence.wind[1])
    if turbulence.spilled:
        halo += (
            turbulence.spilled * optics.energy(band.wavelength_um) * _seeing_disc(grid, turbulence.seeing_mas)
        )
    return halo.astype(np.float32)


def _seeing_disc(grid: Grid, fwhm_mas: float) -> NDArray[np.float64]:
    """Uncorrected image of a star, sum 1 over raw pixels: Moffat's profile with beta = 2.5."""
    beta = 2.5
    scale = fwhm_mas / 2.0 / np.sqrt(2.0 ** (1.0 / beta) - 1.0)
    pixel = PIXEL_MAS * PIXEL_MAS * Y_STRETCH
    peak = (beta - 1.0) / (np.pi * scale**2) * pixel
    return np.asarray(peak * (1.0 + (grid.radius_mas / scale) ** 2) ** -beta, dtype=np.float64)


def _stretch(grid: Grid, direction: float) -> NDArray[np.float64]:
    """Cos 2(angle - direction) around the star."""
    x, y = grid.x_mas[None, :], grid.y_mas[:, None]
    square = np.maximum(x**2 + y**2, 1.0)
    along, across = (x**2 - y**2) / square, 2 * x * y / square
    return np.asarray(along * np.cos(2 * direction) + across * np.sin(2 * direction))
