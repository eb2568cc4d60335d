"""Changing who may see an observation: on its row and on every row that carries a copy of its rights."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction

from hcvo.catalogue.models import Contrast, Detection, Observation, Process, ProcessInput, Product
from hcvo.catalogue.models.rights import GUARD_COLUMNS, Guarded

__all__ = ["set_rights", "share_rights"]


@transaction.atomic
def set_rights(
    observation: Observation,
    *,
    release_time: datetime | None = None,
    validated: bool | None = None,
    withdrawn: bool | None = None,
) -> None:
    """Change the rights of an observation, its products and all that was measured in them.

    Raw frames keep their own terms; reduced calibrations belong to no observation and stay public.

    Parameters
    ----------
    observation : Observation
        Its row.
    release_time : datetime | None
        Public from then on; None leaves it.
    validated : bool | None
        Quality control let it pass; None leaves it.
    withdrawn : bool | None
        Taken back; None leaves it.
    """
    given = {"release_time": release_time, "validated": validated, "withdrawn": withdrawn}
    changes = {name: value for name, value in given.items() if value is not None}
    Observation.objects.filter(pk=observation.pk).update(**changes)
    products = Product.objects.filter(observation=observation)
    products.update(**changes)
    for model in (Contrast, Detection):
        model.objects.filter(product__in=products).update(**changes)
    for process in Process.objects.filter(products__in=products).distinct():
        share_rights(process, process.products.all())


def share_rights(process: Process, products: Iterable[Product]) -> None:
    """Make a process and its inputs as public as the most public of its products.

    Parameters
    ----------
    process : Process
        Its row.
    products : Iterable[Product]
        Its products; none: nothing changes.
    """
    best = min(products, key=_closed, default=None)
    if best is not None:
        rights: dict[str, Any] = {name: getattr(best, name) for name in GUARD_COLUMNS}
        Process.objects.filter(pk=process.pk).update(**rights)
        ProcessInput.objects.filter(process=process).update(**rights)


def _closed(row: Guarded) -> tuple[bool, bool, float]:
    """Sorts the most public row first."""
    moment = float("inf") if row.release_time is None else row.release_time.timestamp()
    return row.withdrawn, not row.validated, moment
