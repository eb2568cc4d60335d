"""Many rows of a table at once by COPY, PostgreSQL's own way of loading."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from io import StringIO
from typing import TYPE_CHECKING, Any, TypeAlias

from django.db import connection, models

if TYPE_CHECKING:
    _Field: TypeAlias = models.Field[Any, Any]

__all__ = ["by_model", "copy_rows"]


def copy_rows(rows: Iterable[models.Model]) -> int:
    """Insert unsaved rows of one model in the transaction that is open.

    Parameters
    ----------
    rows : Iterable[models.Model]
        All of one model, and all with a key or all without: these the database gives one, unknown here.

    Returns
    -------
    int
        How many went in.

    Notes
    -----
    IntegrityError and DataError of Django, as by single inserts; then none is in.
    """
    rows = list(rows)
    if not rows:
        return 0
    meta = rows[0]._meta  # noqa: SLF001 - Django's own door to a model's fields
    keyed = rows[0].pk is not None
    fields = [field for field in meta.concrete_fields if keyed or not field.primary_key]
    table = connection.ops.quote_name(meta.db_table)
    columns = ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)
    text = StringIO("".join(_lines(rows, fields)))
    with connection.cursor() as cursor, connection.wrap_database_errors:
        cursor.cursor.copy_expert(f"COPY {table} ({columns}) FROM STDIN WITH (FORMAT csv)", text)
    return len(rows)


def by_model(rows: Iterable[models.Model]) -> list[list[models.Model]]:
    """Rows of each model together, in the order in which the models come up."""
    found: dict[type[models.Model], list[models.Model]] = {}
    for row in rows:
        found.setdefault(type(row), []).append(row)
    return list(found.values())


def _lines(rows: list[models.Model], fields: list["_Field"]) -> Iterator[str]:
    for row in rows:
        yield ",".join(_quoted(field, field.pre_save(row, add=True)) for field in fields) + "\n"


def _quoted(field: "_Field", value: object) -> str:
    """As CSV has it: nothing at all for NULL, everything else in quotes."""
    if value is None:
        return ""
    if isinstance(field, models.JSONField):
        written = json.dumps(value)
    else:
        given = field.get_prep_value(value)
        written = given.isoformat() if isinstance(given, datetime) else str(given)
    return '"' + written.replace('"', '""') + '"'
