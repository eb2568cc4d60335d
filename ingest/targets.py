"""Target rows: a name and a pointing become one star of the catalogue."""

from dataclasses import dataclass

from hcvo.catalogue.models import Target
from hcvo.catalogue.models.target import PositionSource
from hcvo.errors import ResolveError
from hcvo.model.motion import separation_arcsec
from ingest.report import IngestReport
from ingest.resolve import Resolved, Resolver

__all__ = ["TOLERANCE_ARCSEC", "Pointing", "target_row"]

TOLERANCE_ARCSEC = 10.0
"""A pointing farther than this from the catalogue position is somebody else's star, or an error."""


@dataclass(frozen=True, slots=True)
class Pointing:
    """What a header says of its target: the observer's name, ICRS degrees, and when (MJD)."""

    name: str
    ra_deg: float | None
    dec_deg: float | None
    mjd: float


def target_row(
    pointing: Pointing, resolver: Resolver, report: IngestReport
) -> tuple[Target, float | None, float | None]:
    """Find or make the target of an observation.

    Parameters
    ----------
    pointing : Pointing
        What the header says.
    resolver : Resolver
        Names to positions.
    report : IngestReport
        Takes a note when the identification is doubtful.

    Returns
    -------
    tuple[Target, float | None, float | None]
        The row (in the current transaction), and the star's ra and dec at the time of observation,
        ICRS degrees; the pointing where the star's position is unknown or does not agree with it.
    """
    star = _resolve(pointing, resolver, report)
    if star is None:
        return _unresolved(pointing, "", None), pointing.ra_deg, pointing.dec_deg
    ra, dec = star.at_mjd(pointing.mjd)
    if pointing.ra_deg is None or pointing.dec_deg is None:
        report.note(f"{pointing.name}: no pointing in the header; position of {star.name} ({star.source})")
        return _resolved(star, pointing.name, None), ra, dec
    offset = separation_arcsec(ra, dec, pointing.ra_deg, pointing.dec_deg)
    if offset > TOLERANCE_ARCSEC:
        flag = (
            f"{star.name} ({star.source}) lies {offset:.1f} arcsec from the pointing "
            f"(wanted {TOLERANCE_ARCSEC:.0f}); the pointing is kept"
        )
        report.note(f"{pointing.name}: {flag}")
        return _unresolved(pointing, flag, offset), pointing.ra_deg, pointing.dec_deg
    return _resolved(star, pointing.name, offset), ra, dec


def _resolve(pointing: Pointing, resolver: Resolver, report: IngestReport) -> Resolved | None:
    try:
        star = resolver.resolve(pointing.name)
    except ResolveError as error:
        report.note(f"{error}; the pointing is kept")
        return None
    if star is None:
        why = resolver.trouble or "neither the dictionary nor SIMBAD knows it; position from the pointing"
        report.note(f"{pointing.name}: {why}")
    return star


def _resolved(star: Resolved, pi_name: str, offset: float | None) -> Target:
    target, _ = Target.objects.exclude(source=PositionSource.POINTING).get_or_create(
        main_name=star.name,
        defaults={
            "names": list(star.names),
            "ra": star.ra,
            "dec": star.dec,
            "epoch": star.epoch,
            "pm_ra": star.pm_ra,
            "pm_dec": star.pm_dec,
            "parallax": star.parallax,
            "source": star.source,
            "pointing_offset": offset,
        },
    )
    if pi_name not in target.pi_names:
        target.pi_names = sorted({*target.pi_names, pi_name})
        target.save(update_fields=["pi_names"])
    return target


def _unresolved(pointing: Pointing, flag: str, offset: float | None) -> Target:
    """A target known by its pointing alone: the same name within the tolerance is the same target."""
    ra, dec = pointing.ra_deg, pointing.dec_deg
    if ra is None or dec is None:
        raise ResolveError(
            f"the target {pointing.name!r} has no position: its name is unknown, and RA and DEC are missing"
        )
    for target in Target.objects.filter(source=PositionSource.POINTING, main_name=pointing.name):
        if separation_arcsec(target.ra, target.dec, ra, dec) <= TOLERANCE_ARCSEC:
            return target
    return Target.objects.create(
        main_name=pointing.name,
        pi_names=[pointing.name],
        ra=ra,
        dec=dec,
        epoch=2000.0 + (pointing.mjd - 51544.5) / 365.25,
        source=PositionSource.POINTING,
        pointing_offset=offset,
        flag=flag,
    )
