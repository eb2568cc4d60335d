"""Matches in the words of those who took the frames: what differs, and what would have done."""

from collections.abc import Sequence
from datetime import date

from hcvo.model.frame import RawFrame

__all__ = ["conditions", "difference", "shortage", "time_words"]

_NAMES = {
    "dit_s": "DIT",
    "nd_filter": "density",
    "readout": "readout mode",
    "derotator_mode": "derotator mode",
    "ob_id": "observing block",
    "execution": "block begun",
}
"""Fields of RawFrame whose own names are not an observer's."""

_STEP = 1.1  # a number this much above the last is another one: levels of a lamp closer than that are none

_DAYS_FROM_H = 48.0  # longer times are told in days


def difference(key: str, found: RawFrame, wanted: RawFrame) -> str:
    """A field that is not equal.

    Parameters
    ----------
    key : str
        Field of RawFrame.
    found : RawFrame
        A calibration.
    wanted : RawFrame
        What it should calibrate.

    Returns
    -------
    str
        As in 'DIT 2 s instead of 32 s'; none is equal to nothing.
    """
    if getattr(found, key) is None:
        return f"{_name(key)} unknown"
    return f"{_name(key)} {_value(getattr(found, key))} instead of {_value(getattr(wanted, key))}"


def conditions(keys: Sequence[str], hours: float, minimum: int, wanted: RawFrame, differing: str = "") -> str:
    """What a calibration must be to serve at all.

    Parameters
    ----------
    keys : Sequence[str]
        Fields of RawFrame that must be equal.
    hours : float
        Largest distance in time.
    minimum : int
        Files, at least.
    wanted : RawFrame
        What is to be calibrated.
    differing : str
        Field of RawFrame that the files must differ in; '' for none.

    Returns
    -------
    str
        As in 'DIT 32 s, within 30 days'.
    """
    parts = [f"{_name(key)} {_value(getattr(wanted, key))}" for key in keys]
    parts.append(f"within {time_words(hours)}")
    if minimum > 1:
        parts.append(f"{minimum} files or more" + (f" of different {_name(differing)}" if differing else ""))
    return ", ".join(parts)


def shortage(frames: Sequence[RawFrame], minimum: int, differing: str = "") -> str:
    """What there is too little of.

    Parameters
    ----------
    frames : Sequence[RawFrame]
        Of one group.
    minimum : int
        Files wanted.
    differing : str
        A number of RawFrame of which as many values are wanted, each 10 % above the last; '' for none.

    Returns
    -------
    str
        As in '1 different DIT in 3 files, at least 3'; '' when there is enough.
    """
    if len(frames) < minimum:
        return f"{len(frames)} files, at least {minimum}"
    count, last = 0, 0.0
    for value in sorted(float(getattr(frame, differing)) for frame in frames if differing):
        if value >= _STEP * last:
            count, last = count + 1, value
    if differing and count < minimum:
        return f"{count} different {_name(differing)} in {len(frames)} files, at least {minimum}"
    return ""


def time_words(hours: float) -> str:
    """Hours, or days where they are many."""
    return f"{hours / 24:.3g} days" if hours > _DAYS_FROM_H else f"{hours:.3g} h"


def _name(key: str) -> str:
    return _NAMES.get(key, key)


def _value(value: object) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, float):
        return f"{value:g} s"
    return value.isoformat() if isinstance(value, date) else repr(value)
