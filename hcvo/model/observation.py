"""Which frames are one observation, and how it is called; names that do not change later."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Protocol, TypeVar

from hcvo.model.frame import RawFrame
from hcvo.model.release import from_mjd

__all__ = ["FrameLike", "calibration_id", "is_science", "observation_id", "observation_key", "opening_frame"]

_SCIENCE = "_SCIENCE_"
"""Part of ESO's tag of the frames that hold the science itself, e.g. IRD_SCIENCE_DBI_RAW."""


class FrameLike(Protocol):
    """What tells the order of frames: a raw frame, or its row in the catalogue."""

    @property
    def frame_class(self) -> str:
        """ESO's tag."""

    @property
    def mjd_obs(self) -> float:
        """Start, UTC."""

    @property
    def dp_id(self) -> str:
        """ESO's identifier."""


_Frame = TypeVar("_Frame", bound=FrameLike)


def observation_key(frame: RawFrame) -> str:
    """What makes frames one observation: instrument, arm, OB (without one, the target) and when it was begun.

    Parameters
    ----------
    frame : RawFrame
        A frame taken in an observing block.

    Returns
    -------
    str
        Equal for the frames of one observation, whatever order they come in.
    """
    star = f".{frame.target_name}" if frame.ob_id is None else ""
    return f"{frame.instrument}.{frame.arm}.{frame.ob_id}.{frame.execution}{star}"


def is_science(frame: FrameLike) -> bool:
    """Whether a frame holds the science itself; not its star centres, flux calibrations or skies."""
    return _SCIENCE in frame.frame_class


def opening_frame(frames: Iterable[_Frame]) -> _Frame:
    """The frame whose start stands in the observation's name.

    Parameters
    ----------
    frames : Iterable[_Frame]
        Frames of one observation, at least one.

    Returns
    -------
    _Frame
        The first science frame; the first frame where there is no science among them.
    """
    return min(frames, key=lambda frame: (not is_science(frame), frame.mjd_obs, frame.dp_id))


def observation_id(instrument: str, arm: str, ob_id: int | None, mjd_start: float) -> str:
    """Name of an observing sequence, shared by all its products.

    Parameters
    ----------
    instrument : str
        ``INSTRUME``.
    arm : str
        ``SEQ ARM``.
    ob_id : int | None
        ``OBS ID``; None becomes 0.
    mjd_start : float
        ``MJD-OBS`` of the first science frame, UTC, days.

    Returns
    -------
    str
        ``SPHERE.IRDIS.<OB id>.<YYYY-MM-DDThh:mm:ss>``, the second begun.
    """
    return ".".join((instrument, arm, str(ob_id or 0), _second(mjd_start)))


def calibration_id(instrument: str, arm: str, mjd_start: float) -> str:
    """Name that stands for obs_id in products of calibrations: ``SPHERE.IRDIS.CALIB.<start>``."""
    return ".".join((instrument, arm, "CALIB", _second(mjd_start)))


def _second(mjd: float) -> str:
    """The second begun; a millisecond is added because cards hold eight digits of a day (0.9 ms)."""
    return (from_mjd(mjd) + timedelta(milliseconds=1)).strftime("%Y-%m-%dT%H:%M:%S")
