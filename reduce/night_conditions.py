"""Overview of a night: seeing, coherence time, Strehl ratio and wind, and what was observed meanwhile."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import structlog
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from hcvo.errors import InputError
from hcvo.model.frame import RawFrame
from reduce.sparta import Atmosphere, read_atmosphere

__all__ = ["draw_conditions", "sequences"]

_TELEMETRY = "SPH_SPARTA_RAW"
_OBSERVED = ("IRD_SCIENCE_DBI_RAW", "IRD_SCIENCE_IMAGING_RAW")
_DAY_H = 24.0
_PAUSE_D = 600.0 / 86400.0  # without a sample: the line is broken
_COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#9467bd", "#8c564b", "#e377c2")
_PANELS = (
    ("seeing at 500 nm\n(arcsec)", "seeing_arcsec", 1.0),
    ("coherence time\n(ms)", "tau0_s", 1e3),
    ("Strehl ratio\n(1.6 um)", "strehl", 1.0),
    ("wind (m/s)", "wind_m_s", 1.0),
)


def sequences(frames: Sequence[RawFrame]) -> Mapping[str, tuple[float, float]]:
    """What was observed in a night.

    Parameters
    ----------
    frames : Sequence[RawFrame]
        Of one night, in any order.

    Returns
    -------
    Mapping[str, tuple[float, float]]
        Star and filter to begin and end (MJD) of its science frames, in order of time; an observing block
        that was executed again counts on.
    """
    spans: dict[tuple[int | None, str, str], tuple[float, float]] = {}
    for one in sorted(frames, key=lambda frame: frame.mjd_obs):
        if one.frame_class in _OBSERVED:
            key = (one.ob_id, one.target_name, one.filter)
            begin = spans.get(key, (one.mjd_obs, 0.0))[0]
            spans[key] = (begin, one.mjd_end)
    named: dict[str, tuple[float, float]] = {}
    for (_, target, band), span in spans.items():
        name = f"{target}, {band}"
        while name in named:
            name += "'"
        named[name] = span
    return named


def draw_conditions(frames: Sequence[RawFrame], folder: Path) -> list[Path]:
    """Draw one picture a night.

    Parameters
    ----------
    frames : Sequence[RawFrame]
        Raw frames of any nights, telemetry (OBJECT,AO) among them.
    folder : Path
        Where the pictures go: ``ao_conditions_<night>.png``.

    Returns
    -------
    list[Path]
        The pictures.

    Raises
    ------
    InputError
        If there is no telemetry at all.
    """
    nights: dict[date, list[RawFrame]] = {}
    for frame in frames:
        nights.setdefault(frame.night, []).append(frame)
    made = []
    for night, group in sorted(nights.items()):
        telemetry = [frame.path for frame in group if frame.frame_class == _TELEMETRY]
        air = read_atmosphere(telemetry, _warn) if telemetry else None
        if air is not None:
            path = folder / f"ao_conditions_{night}.png"
            _draw(air, sequences(group), f"SPHERE, night of {night}", path)
            made.append(path)
    if not made:
        raise InputError(
            f"no telemetry of the adaptive optics among {len(frames)} frames, wanted files of type OBJECT,AO "
            "(SPARTA); ask ESO's archive for the night's"
        )
    return made


def _warn(words: str) -> None:
    structlog.get_logger().warning("telemetry", warning=words)


def _draw(air: Atmosphere, observed: Mapping[str, tuple[float, float]], title: str, path: Path) -> None:
    figure = Figure(figsize=(12.0, 8.0), layout="constrained")
    panels = figure.subplots(len(_PANELS), 1, sharex=True)
    midnight = np.floor(air.mjd[0] + 0.5)  # noon to noon: hours before midnight UTC count below 0
    broken = np.flatnonzero(np.diff(air.mjd) > _PAUSE_D) + 1
    hours = np.insert(_DAY_H * (air.mjd - midnight), broken, np.nan)
    for panel, (label, name, unit) in zip(panels, _PANELS, strict=True):
        values = unit * getattr(air.samples, name)
        panel.plot(hours, np.insert(values, broken, np.nan), ".-", ms=3, lw=0.7, color="0.2")
        for number, (what, (begin, end)) in enumerate(observed.items()):
            colour = _COLOURS[number % len(_COLOURS)]
            panel.axvspan(_DAY_H * (begin - midnight), _DAY_H * (end - midnight), color=colour, alpha=0.2)
            if panel is panels[0]:
                panel.plot([], [], lw=6, alpha=0.2, color=colour, label=what)
        panel.set_ylabel(label)
        panel.grid(alpha=0.3)
    if observed:
        panels[0].legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncol=4, fontsize=8, frameon=False)
    panels[-1].set_xlabel("hours from midnight UTC")
    figure.suptitle(title)
    FigureCanvasAgg(figure)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")
    figure.savefig(aside, format="png", dpi=100, metadata={"Software": None})
    aside.replace(path)
