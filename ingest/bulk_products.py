"""Results of reductions into the catalogue, many processes at once: files into the store, rows by COPY.

Processes are read side by side and loaded in batches of whole processes with all their files, inputs and
measurements, one transaction a batch. Where a batch is refused its processes go in one at a time, so that
the one at fault is named and the rest is in.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from django.db import DataError, IntegrityError, connection, transaction
from django.db.models import Model

from hcvo.catalogue.models import Observation, Process, ProcessInput, Product, RawFrame
from hcvo.catalogue.rights import most_public, within
from hcvo.catalogue.setup import answering, setup_django
from hcvo.config import Settings
from hcvo.errors import CatalogueError, InputError, StoreError
from hcvo.model.provenance import Input, ProcessRecord, ProcessState
from hcvo.model.release import ReleasePolicy
from hcvo.published.ddl import RULE_COLUMNS
from hcvo.store import keep, sync
from ingest.copy_rows import by_model, copy_rows
from ingest.depth import note_depth
from ingest.measurements import measurement_rows
from ingest.process_records import record_paths
from ingest.products import (
    EXTERNAL,
    Newcomers,
    StoredFile,
    observation_of,
    own_rights,
    product_row,
    region_of,
)
from ingest.read_files import side_by_side
from ingest.read_products import ReadProcess, ReadProduct, read_process
from ingest.report import Entry, IngestReport, Outcome
from ingest.resolve import Resolver

__all__ = ["ingest_products"]

_BATCH = 4000  # product files in a transaction, about


@dataclass(frozen=True, slots=True)
class _Terms:
    settings: Settings
    newcomers: Newcomers
    report: IngestReport


@dataclass(frozen=True, slots=True)
class _Known:
    """Rows that inputs lead to, by name and checksum: of the catalogue, and of this batch as it grows."""

    frames: Mapping[tuple[str, str], RawFrame]
    products: dict[tuple[str, str], Product]

    def entity(self, read: Input) -> RawFrame | Product | None:
        key = (read.name, read.sha256)
        return self.frames.get(key) or self.products.get(key)


def ingest_products(
    folders: Sequence[Path],
    settings: Settings,
    report: IngestReport | None = None,
    *,
    policy: ReleasePolicy = ReleasePolicy.DEFAULT,
    workers: int = 1,
    advance: Callable[[int], None] = lambda _: None,
) -> IngestReport:
    """Bring the products of folders of results into store and catalogue, with their processes and inputs.

    Process numbers stay as they are: they stand in the files. A process that is in already changes nothing;
    one with a file that is refused stays out with all its files, and so does what was made from them.

    Parameters
    ----------
    folders : Sequence[Path]
        As ``hcvo reduce --out`` writes them: products, and ``processes/<id>.json``.
    settings : Settings
        The site; raw frames that were read are in its catalogue.
    report : IngestReport | None
        Takes one entry a file; a dry run when it says so. None for a new one.
    policy : ReleasePolicy
        When observations that only their product tells of (external cubes) become public.
    workers : int
        Processes that read files.
    advance : Callable[[int], None]
        Called with the number of records read.

    Returns
    -------
    IngestReport
        The report.
    """
    setup_django(settings)
    report = report or IngestReport()
    terms = _Terms(settings, Newcomers(Resolver(settings.resolver), policy), report)
    paths = [path for folder in folders for path in record_paths(folder.absolute())]
    with answering(settings):
        for batch in _batches(side_by_side(read_process, paths, workers)):
            report.entries += _enter_batch(batch, terms)
            advance(len(batch))
    return report


def _batches(processes: Iterator[ReadProcess]) -> Iterator[list[ReadProcess]]:
    batch: list[ReadProcess] = []
    for process in processes:
        batch.append(process)
        if sum(len(one.products) for one in batch) >= _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _enter_batch(batch: Sequence[ReadProcess], terms: _Terms) -> list[Entry]:
    numbers = [one.record.process_id for one in batch if one.record]
    there = dict(Process.objects.filter(pk__in=numbers).values_list("pk", "digest"))
    new = [one for one in batch if one.products and one.record and one.record.process_id not in there]
    loaded = False
    if not terms.report.dry_run:
        try:
            _insert(new, terms)
            loaded = True
        except (IntegrityError, DataError, CatalogueError, InputError, StoreError):
            pass  # one at a time, so that the one at fault is named
    entered = {one.path for one in new} if loaded else set()
    return [entry for one in batch for entry in _entries(one, there, entered, terms)]


def _entries(
    one: ReadProcess, there: Mapping[int, str], entered: set[Path], terms: _Terms
) -> Iterator[Entry]:
    """Entries of one process: of each of its files, or of its record."""
    if one.record is None or one.refused:
        yield from _refused_entries(one)
        return
    if one.record.state != ProcessState.DONE:
        terms.report.note(f"{one.path}: process {one.record.process_id} is {one.record.state}; left out")
        return
    outcome, reason = Outcome.NEW, ""
    if one.path not in entered:
        outcome, reason = _enter(one, one.record, there, terms)
    for product in one.products:
        facts, path = product.described.facts, str(product.output.path)
        yield Entry(path, outcome, Path(product.accref).name, facts.kind.value, facts.obs_id, reason)


def _refused_entries(one: ReadProcess) -> Iterator[Entry]:
    for path, why in one.refused:
        yield Entry(path, Outcome.REFUSED, reason=why)
    at_fault = {path for path, _ in one.refused}
    for output in one.record.outputs if one.record else ():
        if str(output.path) not in at_fault:
            why = f"process {one.path.stem} has files that are refused; its products go in together"
            yield Entry(str(output.path), Outcome.REFUSED, reason=why)


def _enter(
    one: ReadProcess, record: ProcessRecord, there: Mapping[int, str], terms: _Terms
) -> tuple[Outcome, str]:
    """One process by itself; what became of it and why."""
    digest = there.get(record.process_id) or _digest_of(record.process_id)
    if digest is not None:
        return _compare(record, digest)
    if terms.report.dry_run:
        return Outcome.NEW, ""
    try:
        _insert([one], terms)
    except IntegrityError as error:
        digest = _digest_of(record.process_id)  # another ingest was faster
        reason = f"it contradicts what the catalogue has: {error}"
        return _compare(record, digest) if digest is not None else (Outcome.REFUSED, reason)
    except (DataError, CatalogueError, InputError, StoreError) as error:
        told = "the database refuses a value of its header: " if isinstance(error, DataError) else ""
        return Outcome.REFUSED, f"{told}{error}"
    return Outcome.NEW, ""


def _compare(record: ProcessRecord, digest: str) -> tuple[Outcome, str]:
    if digest == record.key.digest:
        return Outcome.KNOWN, ""
    return Outcome.REFUSED, (
        f"process {record.process_id} of the catalogue is another one (its digest {digest[:12]}..., here "
        f"{record.key.digest[:12]}...), and numbers stand in the files; reduce in this archive instead"
    )


def _digest_of(process_id: int) -> str | None:
    return Process.objects.filter(pk=process_id).values_list("digest", flat=True).first()


def _insert(new: Sequence[ReadProcess], terms: _Terms) -> None:
    """Files into the store, then all rows of these processes in one transaction."""
    if not new:
        return
    stored = {one.path: [_stored(product, terms.settings) for product in one.products] for one in new}
    _keep([product for one in new for product in one.products], terms.settings)
    with transaction.atomic():
        _take_numbers([one.record.process_id for one in new if one.record])
        for rows in by_model(_rows(new, stored, terms)):
            copy_rows(rows)
        numbers = [one.record.process_id for one in new if one.record]
        for process in Process.objects.filter(pk__in=numbers).prefetch_related("products"):
            note_depth(process, process.products.all())


def _stored(product: ReadProduct, settings: Settings) -> StoredFile:
    preview = str(PurePosixPath(product.accref).with_suffix(".png")) if product.output.preview else ""
    return StoredFile(
        settings.store / product.accref, product.accref, product.output.sha256, product.output.size, preview
    )


def _keep(products: Sequence[ReadProduct], settings: Settings) -> None:
    for product in products:
        place = settings.store / product.accref
        keep(product.output.path, place)
        if product.output.preview:
            keep(product.output.preview, place.with_suffix(".png"))
    sync(settings.store)


def _take_numbers(numbers: Sequence[int]) -> None:
    """Let the catalogue's own processes go on after these: a number is never used twice."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval(name, greatest(%s, nextval(name)))"
            " FROM pg_get_serial_sequence('archive.process', 'id') AS name",
            [max(numbers)],
        )


def _rows(
    new: Sequence[ReadProcess], stored: Mapping[Path, Sequence[StoredFile]], terms: _Terms
) -> Iterator[Model]:
    known = _known_inputs(new)
    numbers = _new_keys(sum(len(one.products) for one in new))
    observations: dict[object, Observation | None] = {}
    named = _observations_named(new)
    for one in new:
        assert one.record is not None
        process = _process_row(one.record)
        inputs = list(_input_rows(process, one.record, known))
        read = [entity for row in inputs if (entity := row.raw_frame or row.product) is not None]
        terms_read = [{name: getattr(row, name) for name in RULE_COLUMNS} for row in read]
        region = region_of([(product.described, product.measured) for product in one.products])
        products = []
        for product, file in zip(one.products, stored[one.path], strict=True):
            facts = product.described.facts
            key = (
                facts.obs_id,
                facts.ob_id,
                facts.target_name,
                facts.filter,
                facts.programme,
                process.recipe,
            )
            if key not in observations:
                ready = named.get(facts.obs_id) if process.recipe != EXTERNAL and facts.target_name else None
                observations[key] = ready or observation_of(process, facts, terms.newcomers)
            rights = within(own_rights(observations[key], facts), terms_read)
            row = product_row(process, file, product.described, region, observations[key], rights)
            row.pk = next(numbers)
            known.products[row.name, row.sha256] = row
            products.append(row)
            yield row
            yield from measurement_rows(row, product.measured)
        shared = most_public(products)
        for guarded in (process, *inputs):
            for name, value in shared.items():
                setattr(guarded, name, value)
            yield guarded


def _process_row(record: ProcessRecord) -> Process:
    return Process(
        pk=record.process_id,
        recipe=record.key.recipe,
        version=record.key.version,
        parameters=dict(record.key.parameters),
        digest=record.key.digest,
        state=record.state,
        started=record.started,
        ended=record.ended,
        host=record.host,
        libraries=dict(record.libraries),
        log=str(record.log) if record.log else "",
        error=record.error,
    )


def _input_rows(process: Process, record: ProcessRecord, known: _Known) -> Iterator[ProcessInput]:
    for read in sorted(set(record.key.inputs)):
        entity = known.entity(read)
        if entity is None and process.recipe != EXTERNAL:
            raise CatalogueError(
                f"process {record.process_id} read {read.name} (sha256 {read.sha256[:12]}...), which is no "
                "raw frame or product of the catalogue; ingest it first"
            )
        yield ProcessInput(
            process=process,
            role=read.role,
            name=read.name,
            sha256=read.sha256,
            raw_frame=entity if isinstance(entity, RawFrame) else None,
            product=entity if isinstance(entity, Product) else None,
        )


def _known_inputs(new: Sequence[ReadProcess]) -> _Known:
    names = {read.name for one in new if one.record for read in one.record.key.inputs}
    columns = ("pk", "sha256", *RULE_COLUMNS)
    frames = RawFrame.objects.filter(dp_id__in=names).only("dp_id", *columns)
    products = Product.objects.filter(name__in=names).only("name", *columns)
    return _Known(
        {(row.dp_id, row.sha256): row for row in frames}, {(row.name, row.sha256): row for row in products}
    )


def _observations_named(new: Sequence[ReadProcess]) -> dict[str, Observation]:
    names = {product.described.facts.obs_id for one in new for product in one.products}
    return {row.obs_id: row for row in Observation.objects.select_related("target").filter(obs_id__in=names)}


def _new_keys(number: int) -> Iterator[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('archive.product', 'id')) FROM generate_series(1, %s)",
            [number],
        )
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return (key for (key,) in found)
