"""What is drawn once for a night: star, sky, optics, detector, plan."""

from dataclasses import dataclass, field, replace
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
from reduce.simulate.instrument import Filter
from reduce.simulate.optics import Optics, make_optics
from reduce.simulate.scenario import Event
from reduce.simulate.scene import star_peak
from reduce.simulate.schedule import Exposure, Options, plan_night
from reduce.simulate.sky import Companion, Target
from reduce.simulate.sparta import Atmosphere, make_atmosphere
from reduce.simulate.speckles import Turbulence, Wavefront
from reduce.simulate.thermal import SteadyThermal, Thermal, draw_unsteady, illumination

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
_REFERENCE_STREHL = 0.87
_MAS = 206_264_806.0
"""In a radian."""
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
    thermal: Thermal = field(init=False)
    flux_offset: tuple[float, float] = field(init=False)
    wind_direction: float = field(init=False)
    noise: np.random.Generator = field(init=False)
    readings: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        streams = [np.random.default_rng(each) for each in np.random.SeedSequence(self.options.seed).spawn(8)]
        drawn, weather, chip, lasting, pattern, self.noise, self.readings, pointing = streams
        self.optics = make_optics()
        scenario = self.options.scenario
        sharp = scenario.weather.strehl / _REFERENCE_STREHL
        left, right = (star_peak(self.optics, band, self.target.magnitude_h) for band in self.setup.bands)
        self.peak = (left * sharp, right * sharp)
        self.plan = plan_night(self.options, self.target, self.setup, self.peak, drawn)
        self.detector = make_detector(chip)
        self.wavefront = Wavefront(self.optics, lasting)
        sky = [each for each in self.plan if each.on_sky]
        self.atmosphere = make_atmosphere(
            sky[0].start - timedelta(seconds=60), sky[-1].end, weather, scenario.weather
        )
        self.place = draw_star_place(sky[0].start, pointing)
        if scenario.drift_px_hour is not None:
            self.place = replace(self.place, drift_px_hour=scenario.drift_px_hour)
        offset = _FLUX_OFFSET + pointing.uniform(-1, 1, 2)
        self.flux_offset = (float(offset[0]), float(offset[1]))
        early = sky[0].start < DEROTATOR_REPAIRED
        lag = float(pointing.uniform(0.6, 1.6) * pointing.choice([-1, 1])) if early else 0.0
        self.derotator = Derotator(lag, float(pointing.normal(0.0, 0.1)) if early else 0.0, sky[0].start)
        self.thermal = SteadyThermal(illumination(pattern))
        if scenario.unsteady:
            steady = self.thermal.pattern
            self.thermal = draw_unsteady(steady, self.place.base, self.plan[0].start, pattern)
        self.wind_direction = float(weather.uniform(0.0, np.pi))
        self.block = Block(
            number=3_000_000 + self.options.seed,
            target=self.target,
            programme="0101.C-9999(S)",
            start=sky[0].template[2] - timedelta(minutes=11),
            waffle=scenario.waffle or ("+" if self.options.seed % 2 else "x"),
            mask=self.place.base[0],
            coronagraph=scenario.coronagraph,
            tracking=scenario.tracking,
        )

    def turbulence(self, geometry: FrameGeometry, event: Event | None = None) -> Turbulence:
        """State of the atmosphere, and of a loop that opens, at the middle of an integration."""
        r0, _, before, clear = self.atmosphere.at(geometry.middle)
        strehl = before * event.strehl if event else before
        mean = self.atmosphere.mean_strehl
        gust, turn = self.noise.standard_normal(2)
        wind = (_WIND_STRETCH * (1 + 0.2 * float(gust)), self.wind_direction + 0.06 * float(turn))
        level = self.options.scenario.weather.strehl
        rough = (1 - level) / level * _REFERENCE_STREHL / (1 - _REFERENCE_STREHL)
        halo = (1 - before) / (1 - mean) * clear * rough
        spilled = (before - strehl) / mean * clear
        return Turbulence(strehl / mean * clear, halo, clear, wind, spilled, 0.98 * 500e-9 / r0 * _MAS)
