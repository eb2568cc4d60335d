"""One star, one row: rows of the target table that are the same star, brought together."""

from collections.abc import Iterable
from typing import Protocol

from django.db import connection

from hcvo.catalogue.models import Observation, Product, Target
from hcvo.catalogue.models.target import PositionSource
from hcvo.model.motion import julian_year, position_at, separation_arcsec
from hcvo.model.names import normalised
from ingest.pointing import TOLERANCE_ARCSEC
from ingest.resolve import Resolved

__all__ = ["adopt", "distance_arcsec", "lock_targets", "merge", "names_of", "place_at", "rows_of"]

_LOCK = 0x74617267
"""Number of the lock under which targets are entered and changed."""

_REACH_DEG = 0.1
"""No star but Barnard's moves so far within 35 years; rows farther off are not even looked at."""


class Body(Protocol):
    """Something with a place and, perhaps, a proper motion."""

    @property
    def ra(self) -> float:
        """ICRS, degrees, at `epoch`."""

    @property
    def dec(self) -> float:
        """Likewise."""

    @property
    def epoch(self) -> float:
        """Julian year."""

    @property
    def pm_ra(self) -> float | None:
        """mas/yr, times cos(dec)."""

    @property
    def pm_dec(self) -> float | None:
        """mas/yr."""


def lock_targets() -> None:
    """Let one program at a time enter or change targets, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def names_of(target: Target) -> set[str]:
    """Every name of a row, normalised."""
    return {normalised(name) for name in (target.main_name, *target.names, *target.pi_names)} - {""}


def place_at(body: Body, epoch: float) -> tuple[float, float]:
    """Position at another epoch: (ra, dec), ICRS, degrees."""
    return position_at(body.ra, body.dec, body.pm_ra or 0.0, body.pm_dec or 0.0, epoch - body.epoch)


def distance_arcsec(one: Body, other: Body) -> float:
    """How far apart two places are, either moved to the other's epoch by the first known proper motion."""
    still, moving = (other, one) if one.pm_ra is not None else (one, other)
    return separation_arcsec(*place_at(moving, still.epoch), still.ra, still.dec)


def rows_of(body: Body, names: Iterable[str]) -> list[Target]:
    """Rows that share a name with a star and lie where it lies.

    Parameters
    ----------
    body : Body
        The star.
    names : Iterable[str]
        Its names, however written.

    Returns
    -------
    list[Target]
        Rows with a catalogue position first, then by age.
    """
    wanted = {normalised(name) for name in names}
    near = Target.objects.filter(dec__range=(body.dec - _REACH_DEG, body.dec + _REACH_DEG)).order_by("pk")
    found = [row for row in near if wanted & names_of(row) and distance_arcsec(body, row) <= TOLERANCE_ARCSEC]
    return sorted(found, key=lambda row: row.source == PositionSource.POINTING)


def adopt(row: Target, star: Resolved, offset: float | None) -> None:
    """Give a row that was known by its pointing alone the star's name and position.

    Parameters
    ----------
    row : Target
        Its observations and products stay with it and follow.
    star : Resolved
        What its name leads to.
    offset : float | None
        Pointing to position, arcsec.
    """
    row.main_name, row.names, row.source = star.name, list(star.names), star.source
    row.ra, row.dec, row.epoch = star.ra, star.dec, star.epoch
    row.pm_ra, row.pm_dec, row.parallax = star.pm_ra, star.pm_dec, star.parallax
    row.pointing_offset, row.flag = offset, ""
    row.references = dict(star.references)
    for fact, value in star.facts.items():
        setattr(row, fact, value)
    row.save()
    _follow(row)


def merge(row: Target, into: Target) -> None:
    """Remove a row that is another's star; its observations and products go over to that.

    Parameters
    ----------
    row : Target
        Removed.
    into : Target
        Kept.
    """
    into.pi_names = sorted({*into.pi_names, *row.pi_names})
    into.save(update_fields=["pi_names"])
    Observation.objects.filter(target=row).update(target=into)
    Product.objects.filter(target=row).update(target=into)
    row.delete()
    _follow(into)


def _follow(row: Target) -> None:
    """Names and positions that observations and products copy from their target."""
    Product.objects.filter(target=row).update(target_name=row.main_name)
    for observation in Observation.objects.filter(target=row).only("t_min"):
        ra, dec = place_at(row, julian_year(observation.t_min))
        Observation.objects.filter(pk=observation.pk).update(s_ra=ra, s_dec=dec)
