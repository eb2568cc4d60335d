"""What a night is like: mode, weather, troubles; each a row of scenarios.toml."""

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from hcvo.errors import ConfigError

__all__ = ["ON_SKY", "Event", "Scenario", "Weather", "scenario_named", "scenarios"]

ON_SKY = ("FLUX", "CENTER", "OBJECT", "CENTER", "FLUX", "SKY")
_MORNING = ("FLAT", "DARK", "BACKGROUND")


class _Row(BaseModel):
    """Frozen; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Weather(_Row):
    """Mean atmosphere of a night.

    Attributes
    ----------
    r0_m : float
        Fried parameter at 500 nm: 0.145 m is a seeing of 0.70 arcsec.
    wind_m_s : float
        Wind speed.
    strehl : float
        Strehl ratio.
    """

    r0_m: float = 0.145
    wind_m_s: float = 8.0
    strehl: float = 0.87


_WEATHER = {
    "good": Weather(r0_m=0.19, wind_m_s=6.0, strehl=0.90),
    "median": Weather(),
    "bad": Weather(r0_m=0.075, wind_m_s=15.0, strehl=0.66),
}


class Event(_Row):
    """What spoils one science integration.

    Attributes
    ----------
    frame : int
        Running number of the science integration, from 0.
    strehl : float
        Factor on its Strehl ratio: the loop opens, the light goes to the seeing disc.
    jump_px : tuple[float, float]
        The star leaves its place, (x, y).
    """

    frame: int
    strehl: float = 1.0
    jump_px: tuple[float, float] = (0.0, 0.0)


class Scenario(_Row):
    """A night to be simulated; what stands here as default is the default night.

    Attributes
    ----------
    name, what : str
        Its name, and what it is good for.
    night : date
        Evening of the night.
    filter : str
        ``INS COMB IFLT``.
    seed : int
        Seed of everything random.
    dec_deg, magnitude_h : float | None
        Of the star; None: the demo's.
    dit_s, frames, ndit : float, int, int
        Science integration time, integrations in all and a file.
    second_dit_s, second_frames : float, int
        A second science run with another integration time; 0 for none.
    flux_dit_s : float
        Integration time of the FLUX frames.
    span_s : float
        The science files are spread over at least this time.
    tracking : str
        PUPIL or FIELD.
    coronagraph, density : str
        ``INS COMB ICOR``; ``INS4 FILT2 NAME`` of science, CENTER and sky.
    dithered : bool
        Whether the detector stage moves from file to file.
    waffle : str
        '+' or 'x'; '' for the seed's choice.
    waffle_on : bool
        Spots in the science frames too.
    weather : Weather
        Of the night.
    drift_px_hour : tuple[float, float] | None
        Drift of the star; None for a small random one.
    on_sky, morning : tuple[str, ...]
        What is exposed, in order; OBJECT2 is the second science run. Left out is missing.
    calibration_dit_s : float
        Darks and backgrounds have this DIT in the science DIT's place; 0 for the right one.
    events : tuple[Event, ...]
        Bad integrations.
    cosmics : int
        Cosmic rays an integration of science.
    unsteady : bool
        Thermal background with glow and shapes that change within minutes.
    companions : tuple[tuple[float, float, float, float], ...]
        Separation (mas), position angle (deg), contrast left, right.
    damage : str
        '', 'truncate', 'ndit' or 'abort': what happened to the last science file.
    lacks : str
        What is missing, as a report names it; '' when the night is complete.
    least_level : int
        A product made without it has at least this match level.
    refusal : str
        Words by which the program must name it; '' where nothing may be refused.
    volume : tuple[int, int, int, int, int, int, int]
        Integrations of CENTER, FLUX, sky, dark, short dark, background and flat files.
    """

    name: str = ""
    what: str = ""
    night: date = date(2018, 4, 20)
    filter: str = "DB_H23"
    seed: int = 1
    dec_deg: float | None = None
    magnitude_h: float | None = None
    dit_s: float = 64.0
    frames: int = 48
    ndit: int = 6
    second_dit_s: float = 0.0
    second_frames: int = 0
    flux_dit_s: float = 2.0
    span_s: float = 3350.0
    tracking: str = "PUPIL"
    coronagraph: str = "N_ALC_YJH_S"
    density: str = "OPEN"
    dithered: bool = True
    waffle: str = ""
    waffle_on: bool = False
    weather: Weather = _WEATHER["median"]
    drift_px_hour: tuple[float, float] | None = None
    on_sky: tuple[str, ...] = ON_SKY
    morning: tuple[str, ...] = _MORNING
    calibration_dit_s: float = 0.0
    events: tuple[Event, ...] = ()
    cosmics: int = 0
    unsteady: bool = False
    companions: tuple[tuple[float, float, float, float], ...] = ()
    damage: str = ""
    lacks: str = ""
    least_level: int = 0
    refusal: str = ""
    volume: tuple[int, int, int, int, int, int, int] = (3, 5, 4, 4, 2, 4, 2)

    @field_validator("weather", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        return _WEATHER.get(value, value) if isinstance(value, str) else value

    @property
    def occulted(self) -> bool:
        """Whether the star stands behind a mask."""
        return self.coronagraph != "N_NS_CLEAR"

    def event(self, frame: int) -> Event:
        """What happens in a science integration."""
        return next((event for event in self.events if event.frame == frame), Event(frame=frame))


@cache
def scenarios() -> Mapping[str, Scenario]:
    """All scenarios of the table, by name.

    Returns
    -------
    Mapping[str, Scenario]
        In the table's order.

    Raises
    ------
    ConfigError
        If a row has an unknown key or a value of the wrong kind.
    """
    table = tomllib.loads(files("reduce.simulate").joinpath("scenarios.toml").read_text(encoding="utf-8"))
    common = table.pop("common")
    found = {}
    for name, row in table.items():
        try:
            found[name] = Scenario.model_validate({**common, **row, "name": name})
        except ValidationError as error:
            raise ConfigError(f"scenario {name} in scenarios.toml: {error}") from error
    return found


def scenario_named(name: str) -> Scenario:
    """One scenario.

    Parameters
    ----------
    name : str
        As in the table.

    Returns
    -------
    Scenario
        Its row.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    known = scenarios()
    if name not in known:
        raise ConfigError(f"scenario {name!r} is unknown; wanted one of {', '.join(known)}")
    return known[name]
