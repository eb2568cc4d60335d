"""The engine's recorder over the catalogue: files into the store first, then one transaction of rows."""

import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import structlog
from django.db import connection, transaction
from django.utils import timezone

from hcvo.catalogue.models import Process, ProcessInput, Product, RawFrame
from hcvo.catalogue.setup import setup_django
from hcvo.centre.recovery import remove_intended, staging_of
from hcvo.centre.worker import Worker, machine
from hcvo.config import Settings
from hcvo.errors import CatalogueError, StoreError
from hcvo.headers.page import product_cards
from hcvo.headers.product import read_product_facts
from hcvo.model.provenance import Input, Output, ProcessKey, ProcessState
from hcvo.model.release import ReleasePolicy
from hcvo.store import accref, place
from ingest.products import Newcomers, StoredFile, load_products
from ingest.resolve import Resolver
from reduce.environment import libraries

__all__ = ["CatalogueRecorder"]


class CatalogueRecorder:
    """Keeps what ran in the catalogue; a `reduce.recipe.Recorder`.

    Parameters
    ----------
    settings : Settings
        The site.
    policy : ReleasePolicy
        When observations that only their product tells of (external cubes) become public.
    """

    def __init__(self, settings: Settings, policy: ReleasePolicy = ReleasePolicy.DEFAULT) -> None:
        self._settings = settings
        self._newcomers = Newcomers(Resolver(settings.resolver), policy)
        setup_django(settings)

    def find(self, key: ProcessKey) -> Sequence[Output] | None:
        """Outputs of a finished process with this key whose files are all there.

        Where another program runs the same at this moment, it is waited for: nothing is made twice.

        Parameters
        ----------
        key : ProcessKey
            Recipe, version, parameters, inputs.

        Returns
        -------
        Sequence[Output] | None
            Where they lie in the store; None when it has to run.
        """
        connection.close_if_unusable_or_obsolete()
        _lock(key.digest)
        done = Process.objects.filter(digest=key.digest, state=ProcessState.DONE).order_by("-pk")
        for process in done:
            products = list(process.products.order_by("pk"))
            if all(self._intact(product) for product in products):
                _unlock(key.digest)
                return [self._output(product) for product in products]
        return None

    def begin(self, key: ProcessKey, log: Path | None) -> int:
        """Enter a running process with its inputs.

        Parameters
        ----------
        key : ProcessKey
            Recipe, version, parameters, inputs.
        log : Path | None
            Its log file.

        Returns
        -------
        int
            Its id, never used twice.
        """
        with transaction.atomic():
            process = Process.objects.create(
                recipe=key.recipe,
                version=key.version,
                parameters=dict(key.parameters),
                digest=key.digest,
                state=ProcessState.RUNNING,
                started=timezone.now(),
                host=machine(),
                worker=str(Worker.current()),
                libraries=dict(libraries()),
                log=str(log) if log else "",
            )
            ProcessInput.objects.bulk_create(_input(process, read) for read in sorted(set(key.inputs)))
        return process.pk

    def finish(self, process_id: int, outputs: Sequence[Output]) -> Sequence[Output]:
        """Make the products visible: files into the store, then all rows in one transaction.

        Parameters
        ----------
        process_id : int
            A running process.
        outputs : Sequence[Output]
            Its products in the staging folder.

        Returns
        -------
        Sequence[Output]
            The same in the store.
        """
        process = self._running(process_id)
        files = [self._destination(process_id, output) for output in outputs]
        process.intended = [name for file in files for name in (file.accref, file.preview) if name]
        process.save(update_fields=["intended"])
        for output, file in zip(outputs, files, strict=True):
            if output.preview is not None:
                place(output.preview, self._settings.store / file.preview)
            place(output.path, file.path)
        with transaction.atomic():
            process = self._running(process_id, lock=True)
            products = load_products(process, files, self._newcomers)
            Process.objects.filter(pk=process_id).update(
                state=ProcessState.DONE, ended=timezone.now(), intended=[]
            )
        shutil.rmtree(staging_of(self._settings, process_id), ignore_errors=True)
        _unlock(process.digest)
        return [self._output(product) for product in products]

    def fail(self, process_id: int, reason: str) -> None:
        """Record that a process failed; whatever it wrote is removed.

        Parameters
        ----------
        process_id : int
            A running process.
        reason : str
            What went wrong.
        """
        connection.close_if_unusable_or_obsolete()  # it may be the database that went away
        process = self._running(process_id)
        remove_intended(self._settings, process)
        shutil.rmtree(staging_of(self._settings, process_id), ignore_errors=True)
        process.state, process.ended, process.error = ProcessState.FAILED, timezone.now(), reason
        process.intended = []
        process.save()
        _unlock(process.digest)

    def _running(self, process_id: int, *, lock: bool = False) -> Process:
        rows = Process.objects.select_for_update() if lock else Process.objects
        process = rows.filter(pk=process_id).first()
        state = process.state if process else "unknown"
        if process is None or state != ProcessState.RUNNING:
            raise CatalogueError(
                f"process {process_id} is {state}, wanted running; was it recovered as dead?"
            )
        return process

    def _destination(self, process_id: int, output: Output) -> StoredFile:
        facts = read_product_facts(product_cards(output.path))
        if facts.process_id != process_id:
            raise StoreError(
                f"{output.path}: PROCID is {facts.process_id}, wanted {process_id}; a recipe mixed them up"
            )
        name = accref(facts)
        preview = str(PurePosixPath(name).with_suffix(".png")) if output.preview else ""
        return StoredFile(self._settings.store / name, name, output.sha256, output.size, preview)

    def _intact(self, product: Product) -> bool:
        path = self._settings.store / product.accref
        return path.is_file() and path.stat().st_size == product.size

    def _output(self, product: Product) -> Output:
        store = self._settings.store
        preview = store / product.preview if product.preview else None
        return Output(product.kind, store / product.accref, product.sha256, product.size, preview)


def _lock(digest: str) -> None:
    """Hold a key for this program; PostgreSQL lets go when the program ends, however it ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_lock_number(digest)])
        if not cursor.fetchone()[0]:
            structlog.get_logger().info("another hcvo runs the same process; waiting for it")
            cursor.execute("SELECT pg_advisory_lock(%s)", [_lock_number(digest)])


def _unlock(digest: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s)", [_lock_number(digest)])


def _lock_number(digest: str) -> int:
    """63 bits of a digest: PostgreSQL's locks are numbered."""
    return int(digest[:16], 16) >> 1


def _input(process: Process, read: Input) -> ProcessInput:
    raw = RawFrame.objects.filter(dp_id=read.name, sha256=read.sha256).first()
    product = None if raw else Product.objects.filter(name=read.name, sha256=read.sha256).first()
    return ProcessInput(
        process=process, role=read.role, name=read.name, sha256=read.sha256, raw_frame=raw, product=product
    )
