"""Raw frames of the catalogue as the engine wants them."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from functools import reduce
from operator import or_
from pathlib import Path

from django.db.models import Q

from hcvo.catalogue.models import Observation, RawFrame
from hcvo.errors import CatalogueError
from hcvo.model.frame import CardValue
from hcvo.model.frame import RawFrame as Frame
from hcvo.model.names import normalised

__all__ = ["CALIBRATION_DAYS", "TELEMETRY_HOURS", "frames_for", "observations_of"]

CALIBRATION_DAYS = 61.0
"""Calibrations farther from the science than this fit no rule of association.

A day more than the widest rule: the frames of a night stay together, or its master would depend on who asks.
"""

TELEMETRY_HOURS = 2.0
"""Telemetry begun so long before an observation may reach into it."""


def observations_of(night: date | None, target: str | None) -> list[Observation]:
    """Observations of a night, a target, or both.

    Parameters
    ----------
    night : date | None
        Local date at which the night began; None for any.
    target : str | None
        Any name of the star, the observer's included, without regard to case, blanks, '_' and '*';
        None for any.

    Returns
    -------
    list[Observation]
        By time.

    Raises
    ------
    CatalogueError
        If there is none.
    """
    found = Observation.objects.select_related("target").order_by("t_min")
    if night is not None:
        found = found.filter(night=night)
    wanted = [one for one in found if target is None or normalised(target) in _names(one)]
    if not wanted:
        asked = " and ".join(
            text for text in (night and f"night {night}", target and f"target {target!r}") if text
        )
        known = sorted({one.target.main_name for one in found})
        there = f"; that night has {', '.join(known)}" if night and known else ""
        raise CatalogueError(f"no observation of {asked or 'any night'} in the catalogue{there}")
    return wanted


def frames_for(observations: Collection[Observation]) -> list[Frame]:
    """Frames of observations with every calibration that may fit them.

    Parameters
    ----------
    observations : Collection[Observation]
        What to reduce.

    Returns
    -------
    list[Frame]
        Science and calibrations, sky frames of other observations and telemetry among them.

    Notes
    -----
    CatalogueError if a file is not where the catalogue says, or has another size.
    """
    if not observations:
        return []
    begin = min(one.t_min for one in observations) - CALIBRATION_DAYS
    end = max(one.t_max for one in observations) + CALIBRATION_DAYS
    arms = {one.arm for one in observations}
    own = Q(observation__in=[one.pk for one in observations])
    shared = Q(observation=None) | Q(kind="SKY")
    calibrations = shared & Q(arm__in=arms, mjd_obs__gte=begin, mjd_obs__lte=end)
    telemetry = reduce(or_, map(_telemetry, observations))
    rows = RawFrame.objects.select_related("observation")
    others = rows.filter((calibrations | telemetry) & ~own).defer("cards")
    return sorted(_frames([*rows.filter(own), *others]), key=lambda frame: frame.mjd_obs)


def _telemetry(observation: Observation) -> Q:
    begin = observation.t_min - TELEMETRY_HOURS / 24.0
    return Q(kind="OBJECT,AO", mjd_obs__gte=begin, mjd_obs__lte=observation.t_max)


class _Cards(Mapping[str, CardValue]):
    """Cards of a frame, fetched when first asked for: most calibrations are never used.

    Association asks every frame of a block for its execution, which the observation's key tells.
    """

    def __init__(self, row: RawFrame, known: Mapping[str, CardValue]) -> None:
        self._pk = row.pk
        self._known = known
        self._cards: dict[str, CardValue] | None = None
        if "cards" not in row.get_deferred_fields():
            self._cards = row.cards

    def _fetched(self) -> dict[str, CardValue]:
        if self._cards is None:
            self._cards = RawFrame.objects.only("cards").get(pk=self._pk).cards
        return self._cards

    def __getitem__(self, keyword: str) -> CardValue:
        return self._known[keyword] if keyword in self._known else self._fetched()[keyword]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fetched())

    def __len__(self) -> int:
        return len(self._fetched())


def _names(observation: Observation) -> set[str]:
    target = observation.target
    names = (target.main_name, observation.object_name, *target.names, *target.pi_names)
    return {normalised(name) for name in names}


def _frames(rows: Iterable[RawFrame]) -> list[Frame]:
    found = [(row, Path(row.path)) for row in rows]
    gone = [row for row, path in found if not path.is_file() or path.stat().st_size != row.size]
    if gone:
        raise CatalogueError(
            f"{len(gone)} raw files are not where the catalogue says or have changed (the first: "
            f"{gone[0].dp_id} at {gone[0].path}); ingest them again from where they lie now"
        )
    return [_frame(row, path) for row, path in found]


def _frame(row: RawFrame, path: Path) -> Frame:
    return Frame(
        path=path,
        sha256=row.sha256,
        size=row.size,
        dp_id=row.dp_id,
        instrument=row.instrument,
        arm=row.arm,
        frame_class=row.frame_class,
        category=row.category,
        kind=row.kind,
        technique=row.technique,
        mjd_obs=row.mjd_obs,
        mjd_end=row.mjd_end,
        night=row.night,
        dit_s=row.dit,
        ndit=row.ndit,
        filter=row.filter,
        nd_filter=row.nd_filter,
        coronagraph=row.coronagraph,
        derotator_mode=row.derotator_mode,
        readout=row.readout,
        ob_id=row.ob_id,
        programme=row.programme,
        target_name=row.object_name,
        ra_deg=row.ra,
        dec_deg=row.dec,
        cards=_Cards(row, _execution(row)),
        obs_id=row.observation.obs_id if row.observation else "",
    )


def _execution(row: RawFrame) -> dict[str, CardValue]:
    """Start of the execution of its block, out of the key that `hcvo.model.observation` makes of it."""
    if row.observation is None:
        return {}
    block = f"{row.instrument}.{row.arm}.{row.ob_id}."
    star = f".{row.object_name}" if row.ob_id is None else ""
    key = row.observation.group_key.removesuffix(star)
    return {"ESO OBS START": key.removeprefix(block)} if key.startswith(block) else {}
