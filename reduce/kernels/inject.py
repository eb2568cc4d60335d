"""Put a companion into a sequence: the PSF at its place in each frame, times a flux.

Rotation within one exposure is not smeared out: at 1 arcsec it is far below a pixel
for exposures of seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.compiled import compiled
from reduce.kernels.derotate import detector_position
from reduce.kernels.spline import coefficients, cubic_weights

__all__ = ["Companion", "Psf", "Stamps", "add_stamps", "companion_stamps", "inject", "prepare_psf"]

_MARGIN = 8  # pixels around a stamp: spline coefficients fall by 0.27 a pixel, to 3e-5


@dataclass(frozen=True, slots=True)
class Psf:
    """An off-axis PSF ready to be shifted.

    Attributes
    ----------
    spline : NDArray[np.float32]
        (y, x) spline coefficients, padded with zeros, PSF centre at its middle pixel.
    half : int
        Pixels from the middle to the edge of the PSF, padding not counted.
    """

    spline: NDArray[np.float32]
    half: int


@dataclass(frozen=True, slots=True)
class Companion:
    """A point source in the derotated image: x, y 0-based pixels, and its flux in each channel, adu."""

    x: float
    y: float
    flux: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Stamps:
    """A source of unit flux in every frame.

    Attributes
    ----------
    data, spline : NDArray[np.float32]
        (time, s, s) pixel values and their spline coefficients.
    left, low : NDArray[np.int64]
        (time,) pixel of each stamp's lower left corner; may lie outside the frame.
    """

    data: NDArray[np.float32]
    spline: NDArray[np.float32]
    left: NDArray[np.int64]
    low: NDArray[np.int64]


def prepare_psf(psf: NDArray[np.floating], half: int | None = None) -> Psf:
    """Make a PSF ready to be shifted.

    Parameters
    ----------
    psf : NDArray[np.floating]
        (y, x), odd and square, centred on its middle pixel, finite.
    half : int | None
        Keep this many pixels from the middle; None keeps all.

    Returns
    -------
    Psf
        Its spline, padded with zeros.

    Raises
    ------
    ValueError
        If it is not an odd finite square.
    """
    size = psf.shape[0]
    if psf.ndim != 2 or psf.shape != (size, size) or size % 2 == 0:  # noqa: PLR2004 # an image
        raise ValueError(f"PSF has shape {psf.shape}, wanted an odd square (y, x)")
    if not np.isfinite(psf).all():
        raise ValueError("PSF has pixels without data; fill them first")
    middle = size // 2
    kept = middle if half is None else min(half, middle)
    cut = psf[middle - kept : middle + kept + 1, middle - kept : middle + kept + 1]
    return Psf(coefficients(np.pad(cut, _MARGIN)[None])[0], kept)


@compiled
def _fill(
    spline: NDArray[np.float32],
    half: int,
    fx: NDArray[np.float64],
    fy: NDArray[np.float64],
    out: NDArray[np.float32],
) -> None:
    """Sample the PSF on each stamp's pixels, its centre off the middle pixel by (fx, fy)."""
    frames, size, _ = out.shape
    middle, centre = size // 2, spline.shape[0] // 2
    for t in range(frames):
        # pixel p of the stamp sees the PSF at p - middle - f; f in (-0.5, 0.5]
        sx, sy = int(np.floor(-fx[t])), int(np.floor(-fy[t]))
        wx, wy = cubic_weights(-fx[t] - sx), cubic_weights(-fy[t] - sy)
        for j in range(middle - half - 1, middle + half + 2):
            for i in range(middle - half - 1, middle + half + 2):
                row, column = j - middle + centre + sy, i - middle + centre + sx
                total = 0.0
                for k in range(4):
                    line = spline[row - 1 + k]
                    total += wy[k] * (
                        wx[0] * line[column - 1]
                        + wx[1] * line[column]
                        + wx[2] * line[column + 1]
                        + wx[3] * line[column + 2]
                    )
                out[t, j, i] = total


def companion_stamps(
    psf: Psf, x: float, y: float, angles_deg: NDArray[np.floating], centre: tuple[float, float]
) -> Stamps:
    """Stamps of a source of unit flux along its track.

    Parameters
    ----------
    psf : Psf
        Unit flux.
    x : float
        Column in the derotated image, 0-based.
    y : float
        Row in the derotated image, 0-based.
    angles_deg : NDArray[np.floating]
        (time,) derotation angles.
    centre : tuple[float, float]
        (x, y) of the star.

    Returns
    -------
    Stamps
        One stamp a frame.
    """
    tx, ty = detector_position(x, y, angles_deg, centre)
    ix, iy = np.floor(tx + 0.5).astype(np.int64), np.floor(ty + 0.5).astype(np.int64)
    middle = psf.half + 1 + _MARGIN
    data = np.zeros((len(tx), 2 * middle + 1, 2 * middle + 1), np.float32)
    _fill(psf.spline, psf.half, tx - ix, ty - iy, data)
    return Stamps(data, coefficients(data), ix - middle, iy - middle)


@compiled
def add_stamps(
    box: NDArray[np.float32],
    stamps: NDArray[np.float32],
    left: NDArray[np.int64],
    low: NDArray[np.int64],
    factor: float,
) -> None:
    """Add stamps (time, s, s) times a factor to a box (y, x, time) in place; what falls outside is lost."""
    ny, nx, frames = box.shape
    size = stamps.shape[1]
    for t in range(frames):
        for j in range(max(0, -low[t]), min(size, ny - low[t])):
            for i in range(max(0, -left[t]), min(size, nx - left[t])):
                box[low[t] + j, left[t] + i, t] += factor * stamps[t, j, i]


def inject(
    cube: NDArray[np.floating],
    angles_deg: NDArray[np.floating],
    psf: Psf,
    sources: Sequence[tuple[float, float, float]],
) -> NDArray[np.float32]:
    """A cube with sources added; negative fluxes take sources away.

    Parameters
    ----------
    cube : NDArray[np.floating]
        (time, y, x) not derotated, star at n//2; NaN stays NaN.
    angles_deg : NDArray[np.floating]
        (time,) derotation angles.
    psf : Psf
        Unit flux in the aperture of 1 FWHM.
    sources : Sequence[tuple[float, float, float]]
        x, y in the derotated image and flux in adu (contrast x star flux).

    Returns
    -------
    NDArray[np.float32]
        (time, y, x), a new array.
    """
    out = np.array(cube, np.float32, copy=True)
    centre = (float(cube.shape[2] // 2), float(cube.shape[1] // 2))
    for x, y, flux in sources:
        stamps = companion_stamps(psf, x, y, angles_deg, centre)
        add_stamps(out.transpose(1, 2, 0), stamps.data, stamps.left, stamps.low, float(flux))
    return out
