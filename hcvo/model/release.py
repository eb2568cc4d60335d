"""When a row becomes public unless its owner says otherwise."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum

__all__ = ["DataKind", "ReleasePolicy", "from_mjd", "from_when", "release_time", "same_terms"]

_YEAR = timedelta(days=365.25)
_NIGHT = timedelta(days=1)
_MJD_ZERO = datetime(1858, 11, 17, tzinfo=UTC)


class DataKind(StrEnum):
    """What is released."""

    CALIBRATION = "calibration"  # raw and reduced calibrations: no target in them
    RAW = "raw"  # raw science frames
    SCIENCE = "science"  # observations, and everything made from their science frames


class ReleasePolicy(StrEnum):
    """How the release time of new rows is set."""

    DEFAULT = "default"  # calibrations at once, raw after one year, products one year later
    NOW = "now"  # everything at once: demo data, data that are public elsewhere


def release_time(kind: DataKind, observed: datetime, policy: ReleasePolicy) -> datetime:
    """Time from which a row is public.

    Parameters
    ----------
    kind : DataKind
        What is released.
    observed : datetime
        Start of the observation, aware.
    policy : ReleasePolicy
        Default terms, or at once.

    Returns
    -------
    datetime
        The time of observation itself for what is public at once.
    """
    if policy is ReleasePolicy.NOW or kind is DataKind.CALIBRATION:
        return observed
    return observed + (_YEAR if kind is DataKind.RAW else 2 * _YEAR)


def same_terms(one: datetime | None, other: datetime | None) -> bool:
    """Whether two release times are of the same terms: frames of one observation differ by hours."""
    if one is None or other is None:
        return one is other
    return abs(one - other) < _NIGHT


def from_when(release: datetime | None) -> str:
    """A release time in words: ``from 2015-02-03``, ``never``."""
    return f"from {release:%Y-%m-%d}" if release else "never"


def from_mjd(mjd: float) -> datetime:
    """Modified Julian date (UTC, days) as an aware datetime."""
    return _MJD_ZERO + timedelta(days=mjd)
