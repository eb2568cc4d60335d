"""Target rows: a name and a pointing become one star of the catalogue."""

from collections.abc import Collection

from django.db import transaction
from django.db.models import Q

from hcvo.catalogue.models import Target
from hcvo.catalogue.models.target import PositionSource
from hcvo.errors import ResolveError
from hcvo.model.motion import separation_arcsec
from hcvo.model.names import normalised
from ingest.pointing import TOLERANCE_ARCSEC, Pointing
from ingest.report import IngestReport
from ingest.resolve import Resolved, Resolver
from ingest.same_star import adopt, distance_arcsec, lock_targets, merge, names_of, place_at, rows_of

__all__ = ["identify_again", "target_row"]

_TWO_PLACES = "the same unknown name stands for another place too: a star that moves, or two stars?"


def target_row(
    pointing: Pointing, resolver: Resolver, report: IngestReport
) -> tuple[Target, float | None, float | None]:
    """Find or make the target of an observation: one row a star, whatever it was called when.

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
    star, why = _resolve(pointing.name, resolver)
    lock_targets()
    if star is None:
        return _by_pointing(pointing, why, report)
    ra, dec = star.at_mjd(pointing.mjd)
    if pointing.ra_deg is None or pointing.dec_deg is None:
        report.note(f"{pointing.name}: no pointing in the header; position of {star.name} ({star.source})")
        return _by_name(star, pointing.name, None), ra, dec
    offset = separation_arcsec(ra, dec, pointing.ra_deg, pointing.dec_deg)
    if offset > TOLERANCE_ARCSEC:
        return _by_pointing(pointing, _elsewhere(star, offset), report, offset=offset)
    return _by_name(star, pointing.name, offset), ra, dec


def identify_again(dp_ids: Collection[str], resolver: Resolver, report: IngestReport) -> None:
    """Look up again the targets that were known by their pointing alone when they came in.

    Parameters
    ----------
    dp_ids : Collection[str]
        Raw frames whose targets are meant.
    resolver : Resolver
        Names to positions.
    report : IngestReport
        Takes a note of each star found.
    """
    unknown = Target.objects.filter(source=PositionSource.POINTING, observations__frames__dp_id__in=dp_ids)
    for row in unknown.distinct():
        star, _ = _resolve(row.main_name, resolver)
        if star is None or (offset := distance_arcsec(star, row)) > TOLERANCE_ARCSEC:
            continue  # unknown as before, or flagged
        with transaction.atomic():
            lock_targets()
            _by_name(star, row.main_name, offset)
        report.note(f"{row.main_name}: now known as {star.name} ({star.source}); its observations follow")


def _resolve(name: str, resolver: Resolver) -> tuple[Resolved | None, str]:
    """The star, or why there is none."""
    try:
        star = resolver.resolve(name)
    except ResolveError as error:
        return None, f"{error}; the pointing is kept"
    unknown = "neither the dictionary nor SIMBAD knows it; position from the pointing"
    return star, "" if star else resolver.trouble or unknown


def _elsewhere(star: Resolved, offset: float) -> str:
    return (
        f"{star.name} ({star.source}) lies {offset:.1f} arcsec from the pointing "
        f"(wanted {TOLERANCE_ARCSEC:.0f}); the pointing is kept"
    )


def _by_name(star: Resolved, pi_name: str, offset: float | None) -> Target:
    """The star's row: made, or what is there already under one of its names at its place."""
    named = Target.objects.exclude(source=PositionSource.POINTING).filter(main_name=star.name).first()
    rows = rows_of(star, (star.name, *star.names, pi_name))
    if named is not None:
        rows = [named, *(row for row in rows if row != named)]
    if not rows:
        return _enter(star, pi_name, offset)
    target, *others = rows
    if target.source == PositionSource.POINTING:
        adopt(target, star, offset)
    for other in others:
        merge(other, target)
    if pi_name not in target.pi_names:
        target.pi_names = sorted({*target.pi_names, pi_name})
        target.save(update_fields=["pi_names"])
    return target


def _enter(star: Resolved, pi_name: str, offset: float | None) -> Target:
    return Target.objects.create(
        main_name=star.name,
        names=list(star.names),
        pi_names=[pi_name],
        ra=star.ra,
        dec=star.dec,
        epoch=star.epoch,
        pm_ra=star.pm_ra,
        pm_dec=star.pm_dec,
        parallax=star.parallax,
        source=star.source,
        pointing_offset=offset,
        references=dict(star.references),
        **star.facts,
    )


def _by_pointing(
    pointing: Pointing, why: str, report: IngestReport, *, offset: float | None = None
) -> tuple[Target, float, float]:
    """A name that leads nowhere, or `offset` away: at the same place it is the same star."""
    ra, dec = pointing.ra_deg, pointing.dec_deg
    if ra is None or dec is None:
        raise ResolveError(
            f"the target {pointing.name!r} has no position: its name is unknown, and RA and DEC are missing"
        )
    flag = why if offset is not None else ""
    new = Target(
        main_name=pointing.name,
        pi_names=[pointing.name],
        ra=ra,
        dec=dec,
        epoch=pointing.epoch,
        pm_ra=pointing.pm_ra,
        pm_dec=pointing.pm_dec,
        source=PositionSource.POINTING,
        pointing_offset=offset,
        flag=flag,
    )
    known = next(iter(rows_of(new, [pointing.name])), None)
    if known is not None and known.source != PositionSource.POINTING:
        return known, *place_at(known, pointing.epoch)
    report.note(f"{pointing.name}: {why}")
    if known is None:
        _flag_namesakes(new, report)
        new.save()
    elif flag and not known.flag:
        known.flag, known.pointing_offset = flag, offset
        known.save(update_fields=["flag", "pointing_offset"])
    return known or new, ra, dec


def _flag_namesakes(new: Target, report: IngestReport) -> None:
    """One unknown name at two places is for a person to decide; both rows say so, no more than that."""
    alike = Q(main_name=new.main_name) | Q(pi_names__contains=[new.main_name])
    rows = Target.objects.filter(alike | Q(source=PositionSource.POINTING))
    namesakes = [row for row in rows if normalised(new.main_name) in names_of(row)]
    for row in namesakes:
        report.note(
            f"{new.main_name}: {distance_arcsec(new, row):.0f} arcsec from where the archive has that name "
            f"already (target {row.pk}); kept apart, see hci.target.flag"
        )
        if not row.flag and row.source == PositionSource.POINTING:
            row.flag = _TWO_PLACES
            row.save(update_fields=["flag"])
    if namesakes and not new.flag:
        new.flag = _TWO_PLACES
