"""Thermal background: the warm instrument and the sky, steady or changing within minutes."""

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from reduce.simulate.instrument import FIELDS, NAXIS1, NAXIS2, Band
from reduce.simulate.optics import Image

__all__ = ["SteadyThermal", "Thermal", "UnsteadyThermal", "draw_unsteady", "illumination"]

_STEP_S = 30.0
_MEMORY_S = 400.0
"""How long level and shapes remember."""
_LEVEL = 0.02
_SKY = 0.03
_GLOW = 0.25
_GLOW_UNREST = 0.10
_SHAPES = (0.012, 0.009, 0.006)
"""Rms of each shape against the mean level; they change with the temperatures of optics and structure."""
_SMOOTH_PX = (170.0, 110.0, 70.0)
_DAY_S = 86400.0


@dataclass(frozen=True)
class SteadyThermal:
    """A pattern of constant shape, (1024, 2048), mean 1; only the sky changes from file to file."""

    pattern: Image

    def light(
        self,
        bands: tuple[Band, Band],
        when: datetime,
        level: float,
        stage_px: tuple[float, float],
        *,
        sky: bool,
        mask: bool = True,
    ) -> Image:
        """Electrons per second on the detector, (1024, 2048)."""
        del when, stage_px, mask
        light = np.empty((NAXIS2, NAXIS1), dtype=np.float32)
        for one, band in zip(FIELDS, bands, strict=True):
            part = slice(one.x_offset, one.x_offset + NAXIS2)
            above = band.sky * level if sky else 0.0
            light[:, part] = self.pattern[:, part] * np.float32(band.thermal) + np.float32(above)
        return light


@dataclass(frozen=True)
class UnsteadyThermal:
    """Level, glow of the coronagraph and shapes change on their own.

    Attributes
    ----------
    pattern : NDArray[np.float32]
        Mean pattern, (1024, 2048).
    shapes : NDArray[np.float32]
        (shape, 1024, 2048), rms 1 in each field.
    mask : tuple[tuple[float, float], tuple[float, float]]
        (x, y) of the mask in each field at stage zero: there the glow is.
    first : datetime
        Beginning of the courses.
    courses : NDArray[np.float64]
        (2 + shape + 1, sample): level, glow, shapes, sky; unit variance.
    """

    pattern: Image
    shapes: NDArray[np.float32]
    mask: tuple[tuple[float, float], tuple[float, float]]
    first: datetime
    courses: NDArray[np.float64]
    _glow: dict[tuple[float, float], Image] = field(default_factory=dict)

    def light(
        self,
        bands: tuple[Band, Band],
        when: datetime,
        level: float,
        stage_px: tuple[float, float],
        *,
        sky: bool,
        mask: bool = True,
    ) -> Image:
        """Electrons per second on the detector, (1024, 2048); all but the pixels move with the stage."""
        del level
        now = self._now(when)
        shape = self.pattern * np.float32(1.0 + _LEVEL * now[0])
        if mask:
            shape += self._glow_at(stage_px) * np.float32(_GLOW * (1.0 + _GLOW_UNREST * now[1]))
        for weight, course, each in zip(_SHAPES, now[2:], self.shapes, strict=False):
            shape += each * np.float32(weight * course)
        for one, band in zip(FIELDS, bands, strict=True):
            part = slice(one.x_offset, one.x_offset + NAXIS2)
            above = band.sky * (1.0 + _SKY * now[-1]) if sky else 0.0
            shape[:, part] = shape[:, part] * np.float32(band.thermal) + np.float32(above)
        return shape

    def _now(self, when: datetime) -> NDArray[np.float64]:
        place = (when - self.first).total_seconds() / _STEP_S
        grid = np.arange(self.courses.shape[1])
        return np.array([np.interp(place, grid, course) for course in self.courses])

    def _glow_at(self, stage_px: tuple[float, float]) -> Image:
        """Bright middle and faint ring around the mask, peak 1."""
        if stage_px not in self._glow:
            y, x = np.mgrid[:NAXIS2, :NAXIS2].astype(np.float32)
            halves = []
            for mask in self.mask:
                r = np.hypot(x - mask[0] - stage_px[0], y - mask[1] - stage_px[1])
                halves.append(np.exp(-0.5 * (r / 38.0) ** 2) + 0.3 * np.exp(-0.5 * ((r - 120.0) / 25.0) ** 2))
            self._glow.clear()
            self._glow[stage_px] = np.concatenate(halves, axis=1).astype(np.float32)
        return self._glow[stage_px]


Thermal = SteadyThermal | UnsteadyThermal


def illumination(rng: np.random.Generator) -> Image:
    """Smooth pattern of the instrument's own glow, mean 1, (1024, 2048)."""
    y, x = np.mgrid[-1 : 1 : 1j * NAXIS2, -1 : 1 : 1j * NAXIS2]
    parts = []
    for _ in FIELDS:
        a, b, c = rng.normal(0.0, 0.06, 3)
        parts.append(1.0 + a * x + b * y + c * (x**2 + y**2 - 2.0 / 3.0))
    return np.concatenate(parts, axis=1).astype(np.float32)


def draw_unsteady(
    pattern: Image,
    mask: tuple[tuple[float, float], tuple[float, float]],
    first: datetime,
    rng: np.random.Generator,
) -> UnsteadyThermal:
    """Draw shapes and their courses over a day.

    Parameters
    ----------
    pattern : Image
        Mean pattern, (1024, 2048).
    mask : tuple[tuple[float, float], tuple[float, float]]
        (x, y) of the mask in each field.
    first : datetime
        Beginning of the night.
    rng : np.random.Generator
        Randomness.

    Returns
    -------
    UnsteadyThermal
        The night's thermal background.
    """
    shapes = np.stack([np.concatenate([_shape(rng, px) for _ in FIELDS], axis=1) for px in _SMOOTH_PX])
    keep = np.exp(-_STEP_S / _MEMORY_S)
    size = int(_DAY_S / _STEP_S)
    courses = rng.standard_normal((3 + len(_SHAPES), size))
    for index in range(1, size):
        courses[:, index] = keep * courses[:, index - 1] + np.sqrt(1 - keep**2) * courses[:, index]
    return UnsteadyThermal(pattern, shapes, mask, first, courses)


def _shape(rng: np.random.Generator, smooth_px: float) -> NDArray[np.float32]:
    """A smooth random map of one field, mean 0, rms 1."""
    small = gaussian_filter(rng.standard_normal((128, 128)), smooth_px / 8.0, mode="reflect")
    fine = np.repeat(np.repeat(small, 8, axis=0), 8, axis=1)
    fine = gaussian_filter(fine, 8.0, mode="reflect")
    fine -= fine.mean()
    return np.asarray(fine / fine.std(), dtype=np.float32)
