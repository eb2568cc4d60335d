"""After a crash: processes whose program is gone become failed, and what they left is removed."""

import shutil
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from hcvo.catalogue.models import Process, Product
from hcvo.catalogue.setup import setup_django
from hcvo.centre.worker import Worker, machine
from hcvo.config import Settings
from hcvo.model.provenance import ProcessState

__all__ = ["dead_processes", "recover", "remove_intended", "staging_of"]


def staging_of(settings: Settings, process_id: int) -> Path:
    """Folder in which a process writes its products."""
    return settings.staging / str(process_id)


def dead_processes(settings: Settings) -> list[Process]:
    """Processes of this machine that count as running though their program is gone.

    Parameters
    ----------
    settings : Settings
        The site.

    Returns
    -------
    list[Process]
        Oldest first.
    """
    setup_django(settings)
    running = Process.objects.filter(state=ProcessState.RUNNING, host=machine()).order_by("pk")
    return [process for process in running if not _alive(process)]


def recover(settings: Settings) -> list[int]:
    """Fail every dead process and remove its staging folder and the files it had moved but not entered.

    Parameters
    ----------
    settings : Settings
        The site.

    Returns
    -------
    list[int]
        Ids of the processes that were recovered.
    """
    recovered = []
    for process in dead_processes(settings):
        with transaction.atomic():
            row = Process.objects.select_for_update().get(pk=process.pk)
            if row.state != ProcessState.RUNNING:
                continue
            remove_intended(settings, row)
            shutil.rmtree(staging_of(settings, row.pk), ignore_errors=True)
            row.state = ProcessState.FAILED
            row.ended = timezone.now()
            row.error = "its program ended without a word (killed, or the machine went down)"
            row.intended = []
            row.save()
        recovered.append(process.pk)
    return recovered


def remove_intended(settings: Settings, process: Process) -> None:
    """Remove the files that a process moved into the store but never entered.

    Parameters
    ----------
    settings : Settings
        The site.
    process : Process
        Its row, not done.
    """
    entered = set(Product.objects.filter(process=process).values_list("accref", "preview"))
    kept = {accref for pair in entered for accref in pair}
    for accref in process.intended:
        if accref not in kept:
            (settings.store / accref).unlink(missing_ok=True)


def _alive(process: Process) -> bool:
    worker = Worker.parse(process.worker)
    return worker is not None and worker.alive
