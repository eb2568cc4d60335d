"""The synthetic cubes of ``make bench-level2``: a halo, still and fast speckles, read noise, three planets.

Made with numpy and scipy alone; of odd size, star at n//2, which is the centre of our kernels' frames and of
the peers'. The IFS cube is one speckle field a frame, stretched with the wavelength about the star.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tests.reduce.kernels.planted import airy, airy_flux, sky_pixel, speckle_sequence, track

__all__ = ["ROTATION_DEG", "SHAPES", "Shape", "write_cubes"]

ROTATION_DEG = 40.0
_SEPARATIONS_MAS, _ANGLES_DEG = (200.0, 400.0, 800.0), (30.0, 150.0, 265.0)
_STAR = 1e5  # flux of the star in 1 FWHM, adu
_EDGE = 2.0  # FWHM between a planet and the edge of the frame
_FWHM_UM = 0.0416 / 1.6  # arcsec of FWHM for a micrometre of wavelength, 8.2 m
_BAND_UM = (0.957, 1.636)  # IFS, YJH


@dataclass(frozen=True, slots=True)
class Shape:
    """Frames, side, channels (0: one, without an axis), pixel scale and FWHM, planets as peak in noise."""

    frames: int
    size: int
    channels: int = 0
    scale_mas: float = 12.25
    fwhm: float = 4.0
    peaks: tuple[float, ...] = (60.0, 12.0, 5.0)


SHAPES: Mapping[str, Shape] = {
    "small": Shape(64, 201),
    "small-half": Shape(32, 201),
    "small-twice": Shape(128, 201),
    "small-empty": Shape(64, 201, peaks=()),
    "full": Shape(100, 513),
    "ifs": Shape(32, 151, channels=39, scale_mas=7.46),
    "agree": Shape(40, 101),
    "agree-ifs": Shape(16, 101, channels=5, scale_mas=7.46),
    "tiny": Shape(64, 41, peaks=(60.0,)),
}


def write_cubes(folder: Path, names: tuple[str, ...], seed: int = 4) -> None:
    """Write cubes as ``<name>.npz``.

    Parameters
    ----------
    folder : Path
        Where.
    names : tuple[str, ...]
        Of `SHAPES`.
    seed : int
        Of the random numbers.
    """
    for name in names:
        shape = SHAPES[name]
        rng = np.random.default_rng(seed)
        made = _spectral(rng, shape) if shape.channels else _single(rng, shape)
        np.savez(folder / f"{name}.npz", **made)


def _angles(frames: int) -> NDArray[np.float64]:
    return np.linspace(-ROTATION_DEG / 2, ROTATION_DEG / 2, frames) + 100.0


def _planets(shape: Shape) -> list[tuple[float, float, float]]:
    """Separation in pixels, position angle, peak."""
    given = zip(_SEPARATIONS_MAS, _ANGLES_DEG, shape.peaks, strict=False)
    outer = shape.size // 2 - _EDGE * shape.fwhm
    return [(mas / shape.scale_mas, pa, peak) for mas, pa, peak in given if mas / shape.scale_mas < outer]


def _psf(fwhm: float) -> NDArray[np.float64]:
    side = np.arange(31) - 15.0
    return airy(side[None], side[:, None], fwhm) / airy_flux(fwhm)


def _single(rng: np.random.Generator, shape: Shape) -> dict[str, Any]:
    angles = _angles(shape.frames)
    cube = speckle_sequence(rng, shape.frames, shape.size)
    for sep, pa, peak in _planets(shape):
        cube += (peak * track(shape.size, sep, pa, angles, shape.fwhm)).astype(np.float32)
    places = [sky_pixel(shape.size, sep, pa) for sep, pa, _ in _planets(shape)]
    fluxes = [peak * airy_flux(shape.fwhm) for *_, peak in _planets(shape)]
    return {
        "cube": cube,
        "angles": angles,
        "psf": _psf(shape.fwhm),
        "fwhm": np.array(shape.fwhm),
        "places": np.array(places).reshape(-1, 2),
        "fluxes": np.array(fluxes),
        "star": np.array(_STAR),
    }


def _spectral(rng: np.random.Generator, shape: Shape) -> dict[str, Any]:
    wavelengths = np.linspace(*_BAND_UM, shape.channels)
    fwhms = _FWHM_UM * 1e3 * wavelengths / shape.scale_mas
    angles = _angles(shape.frames)
    wide = speckle_sequence(rng, shape.frames, 2 * shape.size + 1)  # at FWHM 4 px, larger than any stretch
    cube = np.empty((shape.channels, shape.frames, shape.size, shape.size), np.float32)
    for c, fwhm in enumerate(fwhms):
        for t, frame in enumerate(wide):
            cube[c, t] = _stretched(frame, fwhm / shape.fwhm, shape.size)
        cube[c] += rng.normal(size=cube.shape[1:])
        for sep, pa, peak in _planets(shape):
            cube[c] += (peak * track(shape.size, sep, pa, angles, float(fwhm))).astype(np.float32)
    return {
        "cube": cube,
        "angles": angles,
        "psf": np.stack([_psf(float(fwhm)) for fwhm in fwhms]),
        "fwhm": fwhms,
        "wavelengths": wavelengths,
        "places": np.array([sky_pixel(shape.size, sep, pa) for sep, pa, _ in _planets(shape)]).reshape(-1, 2),
        "star": np.full(shape.channels, _STAR),
    }


def _stretched(frame: NDArray[np.float32], factor: float, size: int) -> NDArray[np.float32]:
    """A frame drawn out by `factor` about its middle pixel, cut to `size`."""
    offset = frame.shape[0] // 2 - (size // 2) / factor
    made: NDArray[np.float32] = ndimage.affine_transform(
        frame, np.full(2, 1 / factor), offset, output_shape=(size, size), order=3, mode="nearest"
    )
    return made
