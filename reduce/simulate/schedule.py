"""What is exposed when: one night and the calibrations of the morning after."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count

import numpy as np

from hcvo.errors import ConfigError
from reduce.simulate.instrument import FULL_WELL_ADU, GAIN, MICRON_PER_PIXEL, Filter
from reduce.simulate.scenario import Scenario
from reduce.simulate.sky import Target, local_sky

__all__ = ["Exposure", "Options", "Volume", "plan_night", "transit"]

_READ_OUT_S = 0.838
_DIT_DELAY_S = 0.2
_LINE_S = 0.0327
_PAUSES = {"FLUX": (26.0, 40.0), "CENTER": (35.0, 26.0), "SKY": (45.0, 45.0)}
"""Seconds after a file of that kind: the first time, later."""
_TEMPLATES = {
    "DUAL": ("SPHERE_irdis_dbi_obs", "IRDIS dual-band imaging"),
    "CLASSICAL": ("SPHERE_irdis_ci_obs", "IRDIS classical imaging"),
}
_FLAT_DITS = (1.0, 2.0, 4.0, 6.0, 8.0)
FLUX_DIT = 2.0
_TWILIGHT_DEG = -12.0


@dataclass(frozen=True, slots=True)
class Volume:
    """How many integrations of each kind a night has."""

    center: int = 3
    flux: int = 5
    sky: int = 4
    dark: int = 4
    short_dark: int = 2
    background: int = 4
    flat: int = 2
    span_s: float = 3350.0
    """The science files are spread over at least this time, s."""


QUICK = Volume(center=1, flux=2, sky=1, dark=2, short_dark=1, background=2, flat=1)


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked of the night.

    Attributes
    ----------
    seed : int
        Seed of everything random.
    night : date
        Evening on which the night begins (UTC date of the noon before).
    frames : int
        Science integrations in all.
    ndit : int
        Integrations in a science file.
    dit_s : float
        Science integration time.
    volume : Volume
        Numbers of the other integrations.
    scenario : Scenario
        Mode, weather, troubles.
    """

    seed: int
    night: date
    frames: int = 48
    ndit: int = 6
    dit_s: float = 64.0
    volume: Volume = Volume()
    scenario: Scenario = field(default_factory=Scenario)


@dataclass(frozen=True, slots=True)
class Exposure:
    """One raw file to come.

    Attributes
    ----------
    kind : str
        CENTER, FLUX, OBJECT, SKY, DARK, BACKGROUND or FLAT.
    start : datetime
        DATE-OBS, UTC.
    dit_s : float
        Integration time asked.
    ndit : int
        Integrations.
    density : str
        Neutral density.
    dither : tuple[int, int]
        Detector shift asked, pixels.
    stage_um : tuple[float, float]
        Detector stage as read back.
    template : tuple[str, str, datetime]
        Template id, name, start.
    number, total : int
        This exposure in its template and all of them.
    exposure_id : int
        Running number of the night.
    """

    kind: str
    start: datetime
    dit_s: float
    ndit: int
    density: str
    dither: tuple[int, int]
    stage_um: tuple[float, float]
    template: tuple[str, str, datetime]
    number: int
    total: int
    exposure_id: int

    @property
    def on_sky(self) -> bool:
        """Whether the telescope follows a place on the sky."""
        return self.kind in {"CENTER", "FLUX", "OBJECT", "SKY"}

    @property
    def realdit_s(self) -> float:
        """Integration time that the line clock reaches."""
        return round(int(self.dit_s / _LINE_S + 1e-9) * _LINE_S, 7)

    @property
    def delay_s(self) -> float:
        """Pause before each integration."""
        return _DIT_DELAY_S

    @property
    def period_s(self) -> float:
        """From one integration's start to the next's."""
        return round(self.realdit_s + _DIT_DELAY_S + _READ_OUT_S, 4)

    @property
    def end(self) -> datetime:
        """When the file is complete: DET FRAM UTC."""
        return self.start + timedelta(seconds=self.period_s * self.ndit)

    def instants(self, frame: int, number: int) -> list[datetime]:
        """Middles of `number` equal parts of an integration."""
        first = self.period_s * frame + _DIT_DELAY_S
        parts = (np.arange(number) + 0.5) / number * self.realdit_s
        return [self.start + timedelta(seconds=first + float(part)) for part in parts]


def transit(target: Target, night: date) -> datetime:
    """When the target passes the meridian between the noon of `night` and the next.

    Parameters
    ----------
    target : Target
        The star.
    night : date
        Evening of the night.

    Returns
    -------
    datetime
        UTC.

    Raises
    ------
    ConfigError
        If the Sun is up then.
    """
    when = datetime(night.year, night.month, night.day, 12) + timedelta(hours=12)  # noqa: DTZ001 - UTC throughout
    for _ in range(4):
        hours = float(local_sky(target, [when]).hour_angle[0]) / 15.0
        when -= timedelta(hours=hours / 1.00273791)
    noon = datetime(night.year, night.month, night.day, 16)  # noqa: DTZ001 - local noon is 16:41 UTC
    when += timedelta(days=0.99726957) * (when < noon) - timedelta(days=0.99726957) * (
        when > noon + timedelta(days=1)
    )
    altitude = sun_altitude(when)
    if altitude > _TWILIGHT_DEG:
        raise ConfigError(
            f"{target.name} passes the meridian on the night of {night} at {when:%H:%M} UTC with the Sun at "
            f"{altitude:.0f} deg, wanted below {_TWILIGHT_DEG:.0f}; choose --date from February to July"
        )
    return when


def sun_altitude(when: datetime) -> float:
    """Altitude of the Sun in degrees, to a degree: a circular-orbit Sun is enough."""
    days = (when - datetime(2000, 1, 1, 12)).total_seconds() / 86400.0  # noqa: DTZ001 - UTC throughout
    anomaly = np.radians(357.529 + 0.98560028 * days)
    longitude = np.radians(280.459 + 0.98564736 * days + 1.915 * np.sin(anomaly))
    tilt = np.radians(23.439)
    ra = np.degrees(np.arctan2(np.cos(tilt) * np.sin(longitude), np.cos(longitude)))
    dec = np.degrees(np.arcsin(np.sin(tilt) * np.sin(longitude)))
    sun = Target("Sun", float(ra % 360), float(dec), 0.0, 0.0, 0.01, 0.0)
    return float(local_sky(sun, [when]).altitude[0])


def plan_night(
    options: Options,
    target: Target,
    optics_filter: Filter,
    peak: tuple[float, float],
    rng: np.random.Generator,
) -> list[Exposure]:
    """Lay out the files of a night in order of time.

    Parameters
    ----------
    options : Options
        Numbers and date.
    target : Target
        The star.
    optics_filter : Filter
        Filter combination.
    peak : tuple[float, float]
        Electrons per second in the star's peak pixel, by channel, no neutral density.
    rng : np.random.Generator
        Places the sequence within minutes of the meridian.

    Returns
    -------
    list[Exposure]
        On-sky files, then morning calibrations.
    """
    night = _Night(options, rng)
    middle = transit(target, options.night) + timedelta(seconds=float(rng.uniform(-240, 240)))
    density = _density_for(optics_filter, peak)
    night.on_sky(middle, density, _TEMPLATES["DUAL" if optics_filter.is_dual else "CLASSICAL"])
    night.morning(middle + timedelta(hours=6.0))
    return night.files


def _density_for(optics_filter: Filter, peak: tuple[float, float]) -> str:
    """Weakest neutral density that leaves the FLUX peak below two fifths of the full well."""
    for name in ("ND_1.0", "ND_2.0", "ND_3.5"):
        worst = max(p * d.transmission(name) for p, d in zip(peak, optics_filter.densities, strict=True))
        if worst * FLUX_DIT / GAIN < 0.4 * FULL_WELL_ADU:
            return name
    return "ND_3.5"


class _Night:
    """The growing list of files and the clock."""

    def __init__(self, options: Options, rng: np.random.Generator) -> None:
        self.files: list[Exposure] = []
        self._options = options
        self._rng = rng
        self._ids = count(int(rng.integers(20, 60)))
        self._clock = datetime.min  # noqa: DTZ901 - set before use
        self._template = ("", "", self._clock)
        self._number, self._total = 0, 0

    def on_sky(self, middle: datetime, density: str, template: tuple[str, str]) -> None:
        """What the scenario asks for, in its order, the science files around `middle`."""
        options, volume, scenario = self._options, self._options.volume, self._options.scenario
        sizes = _split(options.frames, options.ndit)
        second = _split(scenario.second_frames, options.ndit)
        probe = self._exposure("OBJECT", options.dit_s, options.ndit)
        busy = probe.period_s * options.frames
        gap = max(26.0, (volume.span_s - busy) / max(len(sizes) - 1, 1))
        half = (busy + gap * (len(sizes) - 1)) / 2
        lead = self._exposure("CENTER", options.dit_s, volume.center).period_s * volume.center
        lead += self._exposure("FLUX", scenario.flux_dit_s, volume.flux).period_s * volume.flux + 120.0
        self._begin(*template, middle - timedelta(seconds=half + lead))
        steps = scenario.on_sky
        self._total = sum(_count(kind, len(sizes), len(second)) for kind in steps)
        for step, kind in enumerate(steps):
            if kind in _PAUSES:
                self._beside(kind, density, _PAUSES[kind][kind in steps[:step]])
                continue
            dit_s, files = (options.dit_s, sizes) if kind == "OBJECT" else (scenario.second_dit_s, second)
            for index, size in enumerate(files):
                dither = _dither(index) if scenario.dithered else (0, 0)
                self._add("OBJECT", dit_s, size, density=scenario.density, pause=gap, dither=dither)

    def _beside(self, kind: str, density: str, pause: float) -> None:
        """FLUX, CENTER or SKY."""
        volume, scenario = self._options.volume, self._options.scenario
        if kind == "FLUX":
            self._add("FLUX", scenario.flux_dit_s, volume.flux, density=density, pause=pause)
            return
        number = volume.center if kind == "CENTER" else volume.sky
        self._add(kind, self._options.dit_s, number, density=scenario.density, pause=pause)

    def morning(self, start: datetime) -> None:
        """Flats, darks and instrument backgrounds."""
        volume, scenario = self._options.volume, self._options.scenario
        science = [scenario.calibration_dit_s or self._options.dit_s]
        science += [scenario.second_dit_s] * (scenario.second_frames > 0)
        kinds = scenario.morning
        self._clock = start
        if "FLAT" in kinds:
            self._begin("SPHERE_irdis_cal_flat", "IRDIS lamp flat", start)
            self._total = len(_FLAT_DITS)
            for dit in _FLAT_DITS:
                self._add("FLAT", dit, volume.flat)
        if "DARK" in kinds:
            self._begin("SPHERE_irdis_cal_dark", "IRDIS dark", self._clock + timedelta(seconds=180))
            self._total = len(_FLAT_DITS) + len(science)
            for dit in _FLAT_DITS:
                self._add("DARK", dit, volume.short_dark)
            for dit in science:
                self._add("DARK", dit, volume.dark)
        if "BACKGROUND" in kinds:
            name = "IRDIS instrument background"
            self._begin("SPHERE_irdis_cal_ins_bg", name, self._clock + timedelta(seconds=180))
            self._total = 1 + len(science)
            for dit in (scenario.flux_dit_s, *science):
                self._add("BACKGROUND", dit, volume.background)

    def _begin(self, template: str, name: str, start: datetime) -> None:
        self._clock = _tenth_of_millisecond(start)
        self._template = (template, name, self._clock.replace(microsecond=0))
        self._clock += timedelta(seconds=20)
        self._number = 0

    def _add(
        self,
        kind: str,
        dit_s: float,
        ndit: int,
        *,
        density: str = "OPEN",
        pause: float = 26.0,
        dither: tuple[int, int] = (0, 0),
    ) -> None:
        self._number += 1
        made = self._exposure(kind, dit_s, ndit, density=density, dither=dither)
        self.files.append(made)
        jitter = float(self._rng.uniform(0.0, 0.9))
        self._clock = _tenth_of_millisecond(made.end + timedelta(seconds=pause + jitter))

    def _exposure(
        self, kind: str, dit_s: float, ndit: int, *, density: str = "OPEN", dither: tuple[int, int] = (0, 0)
    ) -> Exposure:
        stage = tuple(
            round(step * MICRON_PER_PIXEL + float(self._rng.normal(-0.05, 0.08)), 3) for step in dither
        )
        return Exposure(
            kind=kind,
            start=self._clock,
            dit_s=dit_s,
            ndit=ndit,
            density=density,
            dither=dither,
            stage_um=(stage[0], stage[1]),
            template=self._template,
            number=self._number,
            total=self._total,
            exposure_id=next(self._ids),
        )


def _split(frames: int, ndit: int) -> list[int]:
    """Integrations of each file."""
    return [ndit] * (frames // ndit) + [frames % ndit] * (frames % ndit > 0)


def _count(kind: str, first: int, second: int) -> int:
    """Files of one step of the sequence."""
    return {"OBJECT": first, "OBJECT2": second}.get(kind, 1)


def _tenth_of_millisecond(when: datetime) -> datetime:
    """Cut to the resolution of the DATE-OBS card."""
    return when.replace(microsecond=when.microsecond // 100 * 100)


def _dither(index: int) -> tuple[int, int]:
    """Positions of the 4 x 4 dithering pattern, in the order of a knight's walk so that neighbours differ."""
    steps = (-2, -1, 1, 2)
    return steps[(index * 2 + index // 4) % 4], steps[(index * 3 + 1) % 4]
