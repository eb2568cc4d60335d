"""Where a frame says its target is: the telescope's target coordinates, else where the telescope pointed."""

from dataclasses import dataclass
from typing import TypeGuard

from hcvo.errors import HeaderError
from hcvo.headers.packed import unpacked
from hcvo.model.frame import CardValue, RawFrame
from hcvo.model.motion import julian_year, position_at, separation_arcsec

__all__ = ["TOLERANCE_ARCSEC", "Pointing", "pointing_of"]

_DAY_PACKED, _POLE_PACKED = 240000.0, 900000.0
_FASTEST_ARCSEC = 15.0
"""No star moves so far in a year; Barnard's moves 10.4."""

TOLERANCE_ARCSEC = 10.0
"""Positions farther apart than this are of two stars, or one of them is an error."""


@dataclass(frozen=True, slots=True)
class Pointing:
    """What a header says of its target.

    Attributes
    ----------
    name : str
        The observer's name.
    ra_deg, dec_deg : float | None
        ICRS, degrees, at `mjd`.
    mjd : float
        When.
    pm_ra, pm_dec : float | None
        Proper motion that the telescope followed, mas/yr, the first times cos(dec); None where not given.
    """

    name: str
    ra_deg: float | None
    dec_deg: float | None
    mjd: float
    pm_ra: float | None = None
    pm_dec: float | None = None

    @property
    def epoch(self) -> float:
        """Julian year."""
        return julian_year(self.mjd)


def pointing_of(frame: RawFrame) -> Pointing:
    """Position of a frame's target.

    ``TEL TARG ALPHA/DELTA`` with proper motion, as the reduction takes it; ``RA``, ``DEC`` where these are
    missing, or where the telescope looked elsewhere (but for skies, which do so on purpose).

    Parameters
    ----------
    frame : RawFrame
        A frame of an observing block.

    Returns
    -------
    Pointing
        Without coordinates where the header has none.
    """
    seen = Pointing(frame.target_name, frame.ra_deg, frame.dec_deg, frame.mjd_obs)
    followed = _followed(frame, seen)
    if followed is None or followed.ra_deg is None or followed.dec_deg is None:
        return seen
    if seen.ra_deg is None or seen.dec_deg is None or frame.kind == "SKY":
        return followed
    apart = separation_arcsec(followed.ra_deg, followed.dec_deg, seen.ra_deg, seen.dec_deg)
    return followed if apart <= TOLERANCE_ARCSEC else seen


def _followed(frame: RawFrame, seen: Pointing) -> Pointing | None:
    """The telescope's target at the time of the frame; a packed number that is none counts as missing."""
    alpha, delta = (frame.cards.get(f"ESO TEL TARG {name}") for name in ("ALPHA", "DELTA"))
    if not isinstance(alpha, int | float) or not isinstance(delta, int | float):
        return None
    if not 0 <= alpha < _DAY_PACKED or abs(delta) > _POLE_PACKED:
        return None
    try:
        ra, dec = 15.0 * unpacked(alpha), unpacked(delta)
    except HeaderError:
        return None
    motion = tuple(frame.cards.get(f"ESO TEL TARG {name}") for name in ("PMA", "PMD"))
    pm_ra, pm_dec = (1000.0 * value if _is_motion(value) else 0.0 for value in motion)
    place = position_at(ra, dec, pm_ra, pm_dec, seen.epoch - 2000.0)
    if pm_ra == pm_dec == 0.0:  # nobody filled it in
        return Pointing(seen.name, *place, seen.mjd)
    return Pointing(seen.name, *place, seen.mjd, pm_ra, pm_dec)


def _is_motion(value: CardValue) -> TypeGuard[int | float]:
    """A proper motion that a star may have, arcsec/yr."""
    return isinstance(value, int | float) and abs(value) < _FASTEST_ARCSEC
