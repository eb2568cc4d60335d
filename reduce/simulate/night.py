"""What is drawn once for a night: star, sky, optics, detector, plan."""

from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np

from reduce.simulate.detector import Detector, make_detector
from reduce.simulate.geometry import (
    DEROTATOR_REPAIRED,
    Derotator,
    FrameGeometry,
    StarPlace,
    draw_star_place,
)
from reduce.simulate.headers import Block
from reduce.simulate.instrument import FIELDS, NAXIS2, Filter
from reduce.simulate.optics import Image, Optics, make_optics
from reduce.simulate.scene import star_peak
from reduce.simulate.schedule import Exposure, Options, plan_night
from reduce.simulate.sky import Companion, Target
from reduce.simulate.sparta import Atmosphere, make_atmosphere
from reduce.simulate.speckles import Turbulence, Wavefront

__all__ = ["DEMO_COMPANIONS", "DEMO_TARGET", "Night"]

DEMO_TARGET = Target("HCVO SIM 1", 197.92833, -37.40417, -31.4, -18.2, 9.1, 5.2)
"""An invented star; there is nothing at its place."""
DEMO_COMPANIONS = (
    Companion(200.0, 62.0, (3.4e-5, 4.0e-5)),
    Companion(400.0, 195.0, (6.0e-6, 7.2e-6)),
    Companion(800.0, 310.0, (2.6e-6, 3.2e-6)),
)
_FLUX_OFFSET = (33.0, -27.0)
"""Pixels by which the star is moved off the mask for FLUX."""
_WIND_STRETCH = 0.08
"""Mean elongation of the halo along the wind."""


@dataclass
class Night:
    """Everything drawn once for a night.

    Attributes
    ----------
    options : Options
        What was asked.
    target : Target
        The star.
    companions : tuple[Companion, ...]
        Planted sources.
    setup : Filter
        Filters.
    """

    options: Options
    target: Target
    companions: tuple[Companion, ...]
    setup: Filter
    optics: Optics = field(init=False)
    plan: list[Exposure] = field(init=False)
    detector: Detector = field(init=False)
    wavefront: Wavefront = field(init=False)
    atmosphere: Atmosphere = field(init=False)
    place: StarPlace = field(init=False)
    derotator: Derotator = field(init=False)
    block: Block = field(init=False)
    peak: tuple[float, float] = field(init=False)
    thermal: Image = field(init=False)
    flux_offset: tuple[float, float] = field(init=False)
    wind_direction: float = field(init=False)
    noise: np.random.Generator = field(init=False)
    readings: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        streams = [np.random.default_rng(each) for each in np.random.SeedSequence(self.options.seed).spawn(8)]
        drawn, weather, chip, lasting, pattern, self.noise, self.readings, pointing = streams
        self.optics = make_optics()
        left, right = (star_peak(self.optics, band, self.target.magnitude_h) for band in self.setup.bands)
        self.peak = (left, right)
        self.plan = plan_night(self.options, self.target, self.setup, self.peak, drawn)
        self.detector = make_detector(chip)
        self.wavefront = Wavefront(self.optics, lasting)
        sky = [each for each in self.plan if each.on_sky]
        self.atmosphere = make_atmosphere(sky[0].start - timedelta(seconds=60), sky[-1].end, weather)
        self.place = draw_star_place(sky[0].start, pointing)
        offset = _FLUX_OFFSET + pointing.uniform(-1, 1, 2)
        self.flux_offset = (float(offset[0]), float(offset[1]))
        early = sky[0].start < DEROTATOR_REPAIRED
        lag = float(pointing.uniform(0.6, 1.6) * pointing.choice([-1, 1])) if early else 0.0
        self.derotator = Derotator(lag, float(pointing.normal(0.0, 0.1)) if early else 0.0, sky[0].start)
        self.thermal = _illumination(pattern)
        self.wind_direction = float(weather.uniform(0.0, np.pi))
        self.block = Block(
            number=3_000_000 + self.options.seed,
            target=self.target,
            programme="0101.C-9999(S)",
            start=sky[0].template[2] - timedelta(minutes=11),
            waffle="+" if self.options.seed % 2 else "x",
            mask=self.place.base[0],
        )

    def turbulence(self, geometry: FrameGeometry) -> Turbulence:
        """State of the atmosphere at the middle of an integration."""
        _, _, strehl, clear = self.atmosphere.at(geometry.middle)
        mean = self.atmosphere.mean_strehl
        gust, turn = self.noise.standard_normal(2)
        wind = (_WIND_STRETCH * (1 + 0.2 * float(gust)), self.wind_direction + 0.06 * float(turn))
        return Turbulence(strehl / mean * clear, (1 - strehl) / (1 - mean) * clear, clear, wind)


def _illumination(rng: np.random.Generator) -> Image:
    """Smooth pattern of the instrument's own glow, mean 1, (1024, 2048)."""
    y, x = np.mgrid[-1 : 1 : 1j * NAXIS2, -1 : 1 : 1j * NAXIS2]
    parts = []
    for _ in FIELDS:
        a, b, c = rng.normal(0.0, 0.06, 3)
        parts.append(1.0 + a * x + b * y + c * (x**2 + y**2 - 2.0 / 3.0))
    return np.concatenate(parts, axis=1).astype(np.float32)
