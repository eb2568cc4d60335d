"""Raw frames into the catalogue: checksum, every card, observation, target.

Files are read side by side and loaded in batches of whole files, one transaction a batch. Where the database
refuses a batch its files go in one at a time, so that the one at fault is named and the rest is in.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from pathlib import Path

from django.db import DataError, IntegrityError, transaction

from hcvo.catalogue.models import Observation, RawFrame
from hcvo.catalogue.setup import answering, setup_django
from hcvo.config import Settings
from hcvo.errors import CatalogueError, InputError
from hcvo.model.frame import RawFrame as Frame
from hcvo.model.names import url_safe
from hcvo.model.observation import observation_key
from hcvo.model.release import DataKind, ReleasePolicy, from_mjd, from_when, release_time, same_terms
from ingest.copy_rows import copy_rows
from ingest.observations import belongs_to_observation, observation_of, refresh
from ingest.read_files import ReadFile, read_all
from ingest.report import Entry, IngestReport, Outcome
from ingest.resolve import Resolver
from ingest.targets import identify_again
from ingest.telemetry import load_telemetry

__all__ = ["ingest_raw", "raw_accref"]

_TELEMETRY = "OBJECT,AO"
_BATCH = 250  # files in a transaction


@dataclass(frozen=True, slots=True)
class _Terms:
    policy: ReleasePolicy
    resolver: Resolver
    report: IngestReport
    kept: dict[str, tuple[datetime | None, datetime]] = field(default_factory=dict)
    """Known frames with other release terms than asked for: dp_id to theirs and those."""


def raw_accref(dp_id: str) -> str:
    """Access key of a raw frame: ``raw/<dp_id>.fits``, ':' written '-'."""
    return f"raw/{url_safe(dp_id)}.fits"


def ingest_raw(
    paths: Iterable[Path],
    read_frame: Callable[[Path], Frame],
    settings: Settings,
    report: IngestReport | None = None,
    *,
    policy: ReleasePolicy = ReleasePolicy.DEFAULT,
    workers: int = 1,
    advance: Callable[[], None] = lambda: None,
) -> IngestReport:
    """Bring raw files into the catalogue where they lie; no file is copied or changed.

    A file that is refused is named with its reason and the rest goes in; a file that is in already
    changes nothing.

    Parameters
    ----------
    paths : Iterable[Path]
        The files.
    read_frame : Callable[[Path], Frame]
        Reader of raw frames; raises `InputError` for a file that is none.
    settings : Settings
        The site.
    report : IngestReport | None
        Takes one entry a file; a dry run when it says so. None for a new one.
    policy : ReleasePolicy
        When new rows become public.
    workers : int
        Processes that read files.
    advance : Callable[[], None]
        Called after each file was read.

    Returns
    -------
    IngestReport
        The report.
    """
    setup_django(settings)
    report = report or IngestReport()
    terms = _Terms(policy, Resolver(settings.resolver), report)
    with answering(settings):
        files = read_all([path.absolute() for path in paths], read_frame, workers)
        while batch := list(islice(files, _BATCH)):
            report.entries += _enter_batch(batch, terms)
            for _ in batch:
                advance()
        _note_kept(terms)
        if not report.dry_run:
            identify_again([entry.dp_id for entry in report.entries if entry.dp_id], terms.resolver, report)
            report.entries[:] = _with_observations(report.entries)
    return report


def _enter_batch(batch: Sequence[ReadFile], terms: _Terms) -> list[Entry]:
    """Entries of files that were read, in their order."""
    frames = [file.frame for file in batch if file.frame is not None]
    known = set(
        RawFrame.objects.filter(dp_id__in=[frame.dp_id for frame in frames]).values_list("dp_id", flat=True)
    )
    times = Counter(frame.dp_id for frame in frames)
    new = [
        (file.frame, file.path)
        for file in batch
        if file.frame is not None and times[file.frame.dp_id] == 1 and file.frame.dp_id not in known
    ]
    loaded = set() if terms.report.dry_run else _load(new, terms)
    return [_entry(file, loaded, terms) for file in batch]


def _load(new: Sequence[tuple[Frame, Path]], terms: _Terms) -> set[str]:
    """Load new frames at once; the dp_ids of those that are in: all of them, or none."""
    try:
        _insert(new, terms)
    except (IntegrityError, DataError, InputError, CatalogueError):
        return set()  # one at a time, so that the one at fault is named
    return {frame.dp_id for frame, _ in new}


def _entry(file: ReadFile, loaded: Collection[str], terms: _Terms) -> Entry:
    if file.frame is None:
        return Entry(file.shown, Outcome.REFUSED, reason=file.refused)
    frame = file.frame
    outcome = Outcome.NEW
    if frame.dp_id not in loaded:
        try:
            outcome = _enter(frame, file.path, terms)
        except (InputError, CatalogueError) as error:
            return Entry(file.shown, Outcome.REFUSED, reason=str(error).removeprefix(f"{file.path}: "))
    return Entry(file.shown, outcome, frame.dp_id, frame.frame_class)


def _enter(frame: Frame, path: Path, terms: _Terms) -> Outcome:
    if _known(frame, path, terms):
        return Outcome.KNOWN
    if terms.report.dry_run:
        return Outcome.NEW
    try:
        _insert([(frame, path)], terms)
    except IntegrityError:
        # Another ingest was faster with this file or its observation: what is there now decides.
        if _known(frame, path, terms):
            return Outcome.KNOWN
        _insert_again(frame, path, terms)
    except DataError as error:
        raise CatalogueError(f"{path}: the database refuses a value of its header: {error}") from error
    return Outcome.NEW


def _insert_again(frame: Frame, path: Path, terms: _Terms) -> None:
    try:
        _insert([(frame, path)], terms)
    except IntegrityError as error:
        raise CatalogueError(
            f"{path}: {frame.dp_id} contradicts what the catalogue has: {error}; is ARCFILE right?"
        ) from error


def _known(frame: Frame, path: Path, terms: _Terms) -> bool:
    row = RawFrame.objects.filter(dp_id=frame.dp_id).only("sha256", "path", "release_time").first()
    if row is None:
        return False
    if row.sha256 != frame.sha256:
        raise CatalogueError(
            f"{path}: the catalogue has {frame.dp_id} with another content (sha256 {row.sha256[:12]}..., "
            f"here {frame.sha256[:12]}..., from {row.path}); one of the two is broken or renamed"
        )
    asked = _release(frame, terms.policy)
    if not same_terms(row.release_time, asked):
        terms.kept[frame.dp_id] = (row.release_time, asked)
    if not terms.report.dry_run and not _lies_at(Path(row.path), frame.size):
        row.path = str(path)
        row.save(update_fields=["path"])
    return True


def _lies_at(path: Path, size: int) -> bool:
    """Whether the catalogue's copy is there and whole, as far as its size tells."""
    try:
        return path.is_file() and path.stat().st_size == size
    except OSError:
        return False


def _note_kept(terms: _Terms) -> None:
    if terms.kept:
        first, (there, asked) = next(iter(terms.kept.items()))
        terms.report.note(
            f"{len(terms.kept)} files known already keep their release terms (the first, {first}: public "
            f"{from_when(there)}; with --release {terms.policy} a new file would be {from_when(asked)}); "
            "nothing was changed"
        )


def _release(frame: Frame, policy: ReleasePolicy) -> datetime:
    # Telemetry is filed under CALIB too, but tells target and programme as science frames do.
    shared = frame.category == "CALIB" and frame.kind != _TELEMETRY
    return release_time(DataKind.CALIBRATION if shared else DataKind.RAW, from_mjd(frame.mjd_obs), policy)


@transaction.atomic
def _insert(new: Sequence[tuple[Frame, Path]], terms: _Terms) -> None:
    """Frames that are not in the catalogue, with their observations and telemetry."""
    observations: dict[str, Observation | None] = {}
    rows = []
    for frame, path in new:
        key = observation_key(frame) if belongs_to_observation(frame) else ""
        if key not in observations:
            observations[key] = observation_of(frame, terms.resolver, terms.policy, terms.report)
        rows.append(_row(frame, path, observations[key], terms.policy))
    copy_rows(rows)
    told = {frame.dp_id: path for frame, path in new if frame.kind == _TELEMETRY}
    for row in RawFrame.objects.filter(dp_id__in=list(told)):
        load_telemetry(row, told[row.dp_id])
    for observation in observations.values():
        if observation is not None:
            refresh(observation)


def _row(frame: Frame, path: Path, observation: Observation | None, policy: ReleasePolicy) -> RawFrame:
    return RawFrame(
        dp_id=frame.dp_id,
        accref=raw_accref(frame.dp_id),
        sha256=frame.sha256,
        path=str(path),
        size=frame.size,
        observation=observation,
        instrument=frame.instrument,
        arm=frame.arm,
        frame_class=frame.frame_class,
        category=frame.category,
        kind=frame.kind,
        technique=frame.technique,
        mjd_obs=frame.mjd_obs,
        mjd_end=frame.mjd_end,
        night=frame.night,
        dit=frame.dit_s,
        ndit=frame.ndit,
        filter=frame.filter,
        nd_filter=frame.nd_filter,
        coronagraph=frame.coronagraph,
        derotator_mode=frame.derotator_mode,
        readout=frame.readout,
        ob_id=frame.ob_id,
        programme=frame.programme,
        object_name=frame.target_name,
        ra=frame.ra_deg,
        dec=frame.dec_deg,
        at_eso=not frame.simulated,
        cards=dict(frame.cards),
        release_time=_release(frame, policy),
    )


def _with_observations(entries: Sequence[Entry]) -> list[Entry]:
    """Entries with the names their observations have now, after the last file."""
    rows = RawFrame.objects.filter(dp_id__in={entry.dp_id for entry in entries if entry.dp_id})
    names = dict(rows.exclude(observation=None).values_list("dp_id", "observation__obs_id"))
    return [replace(entry, obs_id=names.get(entry.dp_id, "")) for entry in entries]
