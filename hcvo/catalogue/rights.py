"""Changing who may see an observation: on its row and on every row that carries a copy of its rights."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from hcvo.catalogue.access import Reader
from hcvo.catalogue.models import (
    Contrast,
    Detection,
    Observation,
    Process,
    ProcessInput,
    Product,
    QualityNumber,
    RawFrame,
    SciencePlane,
)
from hcvo.catalogue.models.rights import GUARD_COLUMNS, Guarded
from hcvo.errors import CatalogueError
from hcvo.published.ddl import RULE_COLUMNS

__all__ = ["most_public", "prolong", "set_rights", "share_rights", "within", "within_inputs"]

_MEASURED = (Contrast, Detection, QualityNumber, SciencePlane)
"""What is measured in a product and has its rights."""


@transaction.atomic
def set_rights(
    observation: Observation,
    *,
    release_time: datetime | None = None,
    validated: bool | None = None,
    withdrawn: bool | None = None,
) -> None:
    """Change the rights of an observation, its products and all that was measured in them.

    Raw frames keep their own terms, and so do reduced calibrations, which belong to no observation; a
    product stays at least as closed as what it was made from.

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
    _change(products, changes)
    for process in Process.objects.filter(products__in=products).distinct().order_by("pk"):
        _close_with_inputs(process)
        share_rights(process, process.products.all())


@transaction.atomic
def prolong(obs_id: str, until: datetime, reader: Reader, *, dry_run: bool = False) -> datetime:
    """Put off the release of an observation and of all made from it.

    Parameters
    ----------
    obs_id : str
        Its name.
    until : datetime
        The new release, later than the one it has.
    reader : Reader
        Who wants it: its PI (the owner), or an operator.
    dry_run : bool
        Look whether it could be, change nothing.

    Returns
    -------
    datetime
        The release it had.

    Raises
    ------
    CatalogueError
        If there is no such observation, it is not the reader's, it is public already (what was out is not
        called back: withdrawing is another act), it has no release, or `until` is not later.
    """
    observation = Observation.objects.select_for_update().filter(obs_id=obs_id).first()
    if observation is None or not (reader.operator or _owned(observation, reader)):
        raise CatalogueError(
            f"{obs_id!r} is no observation of this archive, or not yours; see hci.observation"
        )
    release = observation.release_time
    if release is None:
        raise CatalogueError(f"{obs_id} has no release that could be put off: it stays private as it is")
    if release <= datetime.now(UTC):
        raise CatalogueError(
            f"{obs_id} was released on {release:%Y-%m-%d %H:%M} UTC; only what is private can be prolonged"
        )
    if until <= release:
        raise CatalogueError(
            f"{obs_id} is released on {release:%Y-%m-%d %H:%M} UTC; wanted is a later time, "
            f"found {until:%Y-%m-%d %H:%M}"
        )
    if not dry_run:
        set_rights(observation, release_time=until)
    return release


def _owned(observation: Observation, reader: Reader) -> bool:
    return bool(reader.account) and observation.owner == reader.account


def within_inputs(rights: Mapping[str, Any], process: Process) -> dict[str, Any]:
    """Rights no more public than those of the raw frames and products that a process read.

    Parameters
    ----------
    rights : Mapping[str, Any]
        The rule's columns, and others, which are kept: what a product of the process would have.
    process : Process
        Its inputs are in the catalogue; a product among them is within its own inputs already.

    Returns
    -------
    dict[str, Any]
        Released with the last of them, validated when all are, withdrawn when one is; never released
        outside a workspace that one of them is in.
    """
    read = list(
        chain.from_iterable(
            model.objects.filter(uses__process=process).distinct().values(*RULE_COLUMNS)
            for model in (RawFrame, Product)
        )
    )
    return within(rights, read)


def within(rights: Mapping[str, Any], read: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Rights no more public than those of some rows.

    Parameters
    ----------
    rights : Mapping[str, Any]
        The rule's columns, and others, which are kept.
    read : Iterable[Mapping[str, Any]]
        The rule's columns of each row.

    Returns
    -------
    dict[str, Any]
        Released with the last of them, validated when all are, withdrawn when one is; never released
        outside a workspace that one of them is in.
    """
    read = list(read)
    moments = [
        rights["release_time"],
        *(row["release_time"] if row["workspace"] in ("", rights["workspace"]) else None for row in read),
    ]
    return {
        **rights,
        "release_time": None if None in moments else max(moments),
        "validated": rights["validated"] and all(row["validated"] for row in read),
        "withdrawn": rights["withdrawn"] or any(row["withdrawn"] for row in read),
    }


def _close_with_inputs(process: Process) -> None:
    for product in process.products.all():
        own = {name: getattr(product, name) for name in RULE_COLUMNS}
        wanted = within_inputs(own, process)
        if wanted != own:
            _change(Product.objects.filter(pk=product.pk), wanted)


def _change(products: QuerySet[Product], rights: Mapping[str, Any]) -> None:
    """Products, and the copies of their rights on what was measured in them."""
    products.update(**rights)
    for model in _MEASURED:
        model.objects.filter(product__in=products).update(**rights)


def share_rights(process: Process, products: Iterable[Product]) -> None:
    """Make a process and its inputs as public as the most public of its products.

    Parameters
    ----------
    process : Process
        Its row.
    products : Iterable[Product]
        Its products; none: nothing changes.
    """
    rights = most_public(products)
    if rights:
        Process.objects.filter(pk=process.pk).update(**rights)
        ProcessInput.objects.filter(process=process).update(**rights)


def most_public(products: Iterable[Product]) -> dict[str, Any]:
    """Guard columns of the most public of some products; none for no product."""
    best = min(products, key=_closed, default=None)
    return {name: getattr(best, name) for name in GUARD_COLUMNS} if best is not None else {}


def _closed(row: Guarded) -> tuple[bool, bool, bool, float]:
    """Sorts the most public row first."""
    moment = float("inf") if row.release_time is None else row.release_time.timestamp()
    return bool(row.workspace), row.withdrawn, not row.validated, moment
