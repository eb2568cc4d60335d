"""Frames that no observing block holds together: which of them look at the same star."""

import math
from collections.abc import Sequence

from hcvo.model.frame import RawFrame

__all__ = ["by_star"]

_SAME_PLACE_DEG = 1.0 / 60.0  # dithers and offsets to the sky stay within; other stars of a night do not


def by_star(frames: Sequence[RawFrame]) -> list[list[RawFrame]]:
    """Part frames by observing block; without an OB ID by target and place.

    Parameters
    ----------
    frames : Sequence[RawFrame]
        In order of time.

    Returns
    -------
    list[list[RawFrame]]
        In order of their first frames. Those of an observing block stay together, whatever their place;
        the others are together when their targets' names are equal and they look within 1 arcmin of the
        first; a place that is unknown is anywhere.
    """
    found: list[list[RawFrame]] = []
    for frame in frames:
        for group in found:
            if _together(group[0], frame):
                group.append(frame)
                break
        else:
            found.append([frame])
    return found


def _together(first: RawFrame, frame: RawFrame) -> bool:
    if first.ob_id is not None or frame.ob_id is not None:
        return first.ob_id == frame.ob_id
    return first.target_name == frame.target_name and _near(first, frame)


def _near(first: RawFrame, frame: RawFrame) -> bool:
    if first.ra_deg is None or first.dec_deg is None or frame.ra_deg is None or frame.dec_deg is None:
        return True
    north = frame.dec_deg - first.dec_deg
    turn = (frame.ra_deg - first.ra_deg + 180.0) % 360.0 - 180.0
    return math.hypot(turn * math.cos(math.radians(first.dec_deg)), north) <= _SAME_PLACE_DEG
