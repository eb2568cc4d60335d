"""Pupil to image by a matrix Fourier transform: any pixel grid, any centre, any wavelength, no interpolation.

Images are intensities in units of the unocculted star's peak. Grids are
positions on the sky in mas along the detector's axes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reduce.simulate.instrument import PIXEL_MAS, TELESCOPE_M, Y_STRETCH

__all__ = ["Grid", "Optics", "aperture_sum", "lambda_over_d", "make_optics"]

Image = NDArray[np.float32]
Wave = NDArray[np.complex64]

_SAMPLES = 160
"""Pupil samples across the diameter: the field repeats every 160 lambda/D, beyond the window."""
_EDGE = 0.5
_OBSCURATION = 0.14
_SPIDER = 0.006
"""Half width of a spider arm over the diameter."""
_APODISER = 3.0
"""Strength of the ALC apodiser: gives a FWHM of 1.17 lambda/D, as real IRDIS H and K images show."""


def lambda_over_d(wavelength_um: float) -> float:
    """Diffraction scale in mas."""
    return float(np.degrees(wavelength_um * 1e-6 / TELESCOPE_M) * 3.6e6)


@dataclass(frozen=True, slots=True)
class Grid:
    """A rectangle of pixels of one field and the place of the star in it.

    Attributes
    ----------
    x0, y0, width, height : int
        First column and row (0-based in the field) and size.
    star : tuple[float, float]
        Star (x, y), 0-based pixels of the field.
    """

    x0: int
    y0: int
    width: int
    height: int
    star: tuple[float, float]

    @property
    def x_mas(self) -> NDArray[np.float64]:
        """Column positions relative to the star, (width,)."""
        return np.asarray((np.arange(self.x0, self.x0 + self.width) - self.star[0]) * PIXEL_MAS, np.float64)

    @property
    def y_mas(self) -> NDArray[np.float64]:
        """Row positions relative to the star, (height,)."""
        rows = np.arange(self.y0, self.y0 + self.height) - self.star[1]
        return np.asarray(rows * PIXEL_MAS * Y_STRETCH, np.float64)

    @property
    def radius_mas(self) -> NDArray[np.float64]:
        """Distance from the star, (height, width)."""
        return np.hypot(self.y_mas[:, None], self.x_mas[None, :])

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of the field."""
        return slice(self.y0, self.y0 + self.height), slice(self.x0, self.x0 + self.width)


@dataclass(frozen=True)
class Optics:
    """The pupil in use, behind apodiser and Lyot stop.

    Attributes
    ----------
    pupil : NDArray[np.float32]
        Amplitude, (n, n), rows along y.
    coordinate : NDArray[np.float64]
        Sample places over the diameter, (n,).
    """

    pupil: Image
    coordinate: NDArray[np.float64]

    @property
    def peak(self) -> float:
        """Amplitude of the unocculted star's peak."""
        return float(self.pupil.sum())

    def image(
        self,
        wavefront: NDArray[np.complex64] | Image,
        grid: Grid,
        wavelength_um: float,
        shift_mas: tuple[float, float],
    ) -> Wave:
        """Amplitude in the focal plane.

        Parameters
        ----------
        wavefront : NDArray[np.complex64] | Image
            Amplitude in the pupil (n, n).
        grid : Grid
            Pixels wanted.
        wavelength_um : float
            Wavelength.
        shift_mas : tuple[float, float]
            Place of the source relative to the star (x, y).

        Returns
        -------
        NDArray[np.complex64]
            (height, width); |.|^2 of the bare pupil is `peak` squared at the source.
        """
        scale = lambda_over_d(wavelength_um)
        across = self._kernel((grid.x_mas - shift_mas[0]) / scale)
        along = self._kernel((grid.y_mas - shift_mas[1]) / scale)
        result: Wave = (along @ wavefront.astype(np.complex64)) @ across.T
        return result

    def psf(self, grid: Grid, wavelength_um: float, shift_mas: tuple[float, float]) -> Image:
        """Diffraction image of a point source, peak 1, (height, width)."""
        amplitude = self.image(self.pupil, grid, wavelength_um, shift_mas) / np.float32(self.peak)
        return np.asarray(np.abs(amplitude) ** 2, dtype=np.float32)

    def profile(self, position_mas: NDArray[np.float64], wavelength_um: float) -> NDArray[np.float64]:
        """Diffraction image along x through the source, peak 1, (position,)."""
        kernel = self._kernel(position_mas / lambda_over_d(wavelength_um))
        amplitude = kernel @ self.pupil.sum(axis=0) / self.peak
        return np.asarray(np.abs(amplitude) ** 2, dtype=np.float64)

    def energy(self, wavelength_um: float) -> float:
        """Sum over all raw pixels of the diffraction image of peak 1 (Parseval)."""
        n = self.pupil.shape[0]
        pixel = PIXEL_MAS * PIXEL_MAS * Y_STRETCH / lambda_over_d(wavelength_um) ** 2
        return float(n**2 * (self.pupil.astype(np.float64) ** 2).sum() / self.peak**2 / pixel)

    def _kernel(self, position: NDArray[np.float64]) -> Wave:
        phase = -2.0 * np.pi * np.outer(position, self.coordinate)
        kernel = np.empty(phase.shape, dtype=np.complex64)
        kernel.real, kernel.imag = np.cos(phase), np.sin(phase)
        return kernel


def make_optics(samples: int = _SAMPLES, oversampling: int = 5) -> Optics:
    """Draw the pupil.

    Parameters
    ----------
    samples : int
        Samples across the diameter.
    oversampling : int
        Sub-samples per sample and axis, for smooth edges.

    Returns
    -------
    Optics
        Obscured, four spider arms, apodised as the ALC.
    """
    fine = (np.arange(samples * oversampling) + 0.5) / (samples * oversampling) - 0.5
    y, x = np.meshgrid(fine, fine, indexing="ij")
    r = np.hypot(x, y)
    open_area = (r < _EDGE) & (r > _OBSCURATION / 2)
    for angle in np.radians([50.5, -50.5, 129.5, -129.5]):
        along = x * np.cos(angle) + y * np.sin(angle)
        across = -x * np.sin(angle) + y * np.cos(angle)
        open_area &= ~((np.abs(across) < _SPIDER / 2) & (along > 0))
    amplitude = open_area * np.exp(-_APODISER * r**2 * 2)
    pupil = amplitude.reshape(samples, oversampling, samples, oversampling).mean(axis=(1, 3))
    coordinate = (np.arange(samples) + 0.5) / samples - 0.5
    return Optics(pupil.astype(np.float32), coordinate)


def aperture_sum(image: Image, x: float, y: float, diameter: float) -> float:
    """Sum in a circular aperture: chords of its columns, exact in y, 200 a pixel.

    Parameters
    ----------
    image : Image
        (y, x).
    x : float
        Centre, 0-based.
    y : float
        Centre, 0-based.
    diameter : float
        Pixels.

    Returns
    -------
    float
        Sum of the values times the covered share of each pixel.
    """
    fine = 200
    reach = int(np.ceil(diameter / 2)) + 1
    x0, y0 = round(x), round(y)
    size = 2 * reach + 1
    columns = (np.arange(size * fine) + 0.5) / fine - 0.5 - reach + x0 - x
    half = np.sqrt(np.maximum(diameter**2 / 4 - columns**2, 0.0))
    rows = np.arange(-reach, reach + 1)[:, None] + y0 - y
    chords = np.minimum(rows + 0.5, half) - np.maximum(rows - 0.5, -half)
    cover = np.maximum(chords, 0.0).reshape(size, size, fine).mean(axis=2)
    cut = image[y0 - reach : y0 + reach + 1, x0 - reach : x0 + reach + 1]
    return float((cover * cut).sum())
