"""Sequences with planted companions, made with numpy alone: no kernel of ours has a hand in them."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

__all__ = ["FWHM", "airy", "airy_flux", "sky_pixel", "speckle_sequence", "track"]

FWHM = 4.0


def airy(x: NDArray[np.floating], y: NDArray[np.floating], fwhm: float = FWHM) -> NDArray[np.float64]:
    """Airy pattern of unit peak at distance hypot(x, y) from its centre."""
    v = np.maximum(np.hypot(x, y) * 1.61633 * 2 / fwhm, 1e-9)
    return np.asarray((2 * special.j1(v) / v) ** 2)


def airy_flux(fwhm: float = FWHM, radius: float | None = None) -> float:
    """Flux of `airy` in an aperture of diameter 1 FWHM, by direct integration over the disc."""
    radius = fwhm / 2 if radius is None else radius
    r = (np.arange(20000) + 0.5) * radius / 20000
    return float(np.sum(airy(r, np.zeros_like(r), fwhm) * 2 * np.pi * r) * radius / 20000)


def sky_pixel(size: int, sep: float, pa_deg: float) -> tuple[float, float]:
    """Pixel of a separation (px) and position angle in a derotated image."""
    angle = np.radians(pa_deg)
    return size // 2 - sep * np.sin(angle), size // 2 + sep * np.cos(angle)


def track(
    size: int, sep: float, pa_deg: float, angles_deg: NDArray[np.floating], fwhm: float = FWHM
) -> NDArray[np.float64]:
    """A source of unit peak in each frame: PA_detector = PA_sky - angle; (time, y, x)."""
    y, x = np.mgrid[:size, :size]
    frames = []
    for angle in angles_deg:
        px, py = sky_pixel(size, sep, pa_deg - float(angle))
        frames.append(airy(x - px, y - py, fwhm))
    return np.array(frames)


def speckle_sequence(
    rng: np.random.Generator, frames: int, size: int, *, fast: float = 1.0, still: float = 10.0
) -> NDArray[np.float32]:
    """Halo falling with the square of the distance, still and fast speckles of one FWHM, read noise."""
    y, x = np.mgrid[:size, :size]
    halo = 100.0 / (1 + np.hypot(x - size // 2, y - size // 2) / 8) ** 2

    def speckles(count: int) -> NDArray[np.float64]:
        noise = rng.normal(size=(count, size, size))
        return np.asarray(ndimage.gaussian_filter(noise, (0, 1.7, 1.7), mode="wrap") * 6.0)

    cube = halo * (10 + still * speckles(1) / 10 + fast * speckles(frames)) + rng.normal(
        size=(frames, size, size)
    )
    return np.asarray(cube, np.float32)
