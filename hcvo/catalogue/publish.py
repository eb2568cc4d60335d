"""The published views in the database: one step that can be repeated at will.

Views are not part of migrations: a column's type cannot change while a view of
DaCHS hangs on it. This step drops what must be dropped and says so; whoever
runs DaCHS then adopts the views again (``dachs imp -m``, ``dachs imp //obscore``).
"""

from dataclasses import dataclass

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.utils import ProgrammingError

from hcvo.catalogue.setup import setup_django
from hcvo.config import Settings
from hcvo.errors import CatalogueError
from hcvo.published.ddl import IS_PUBLIC, READERS, create_view
from hcvo.published.declaration import View, views

__all__ = ["Applied", "apply_views"]

_SKY = {"target": ("ra", "dec"), "observation": ("s_ra", "s_dec"), "product": ("s_ra", "s_dec"),
        "detection": ("ra", "dec")}  # fmt: skip
"""Base tables searched by cone, with their coordinates."""

_PG_TYPES = {"timestamp": "timestamp without time zone"}
"""Declared type to PostgreSQL's own name for it, where they differ."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What `apply_views` did.

    Attributes
    ----------
    views : tuple[str, ...]
        Every published view, now in place.
    dropped : tuple[str, ...]
        Those that were dropped with all that hung on them, because columns had changed.
    """

    views: tuple[str, ...]
    dropped: tuple[str, ...]


def apply_views(settings: Settings) -> Applied:
    """Create or update the function ``archive.is_public``, the published views, grants and sky indexes.

    Parameters
    ----------
    settings : Settings
        The site; its tables are migrated.

    Returns
    -------
    Applied
        Which views exist, and which had to be dropped first.

    Raises
    ------
    CatalogueError
        If the tables are missing or the database refuses a view.
    """
    setup_django(settings)
    dropped: list[str] = []
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(IS_PUBLIC)
            for schema in _schemas():
                cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
            for view in views().values():
                if _must_drop(cursor, view):
                    cursor.execute(f"DROP VIEW {view.qualified} CASCADE")
                    dropped.append(view.name)
                cursor.execute(create_view(view, authority=settings.dachs.authority, url=settings.base_url))
            _grant(cursor)
            _index_sky(cursor)
            _index_identifier(cursor, settings.dachs.authority)
            _index_release(cursor)
    except ProgrammingError as error:
        raise CatalogueError(
            f"the published views could not be made: {str(error).strip()}; is the database migrated?"
        ) from error
    return Applied(tuple(views()), tuple(dropped))


def _schemas() -> list[str]:
    return sorted({view.namespace for view in views().values()})


def _must_drop(cursor: CursorWrapper, view: View) -> bool:
    """Whether CREATE OR REPLACE would refuse: it can only append columns."""
    present = _columns(cursor, view)
    wanted = [(column.name, _PG_TYPES.get(column.type, column.type)) for column in view.columns]
    return present != wanted[: len(present)]


def _columns(cursor: CursorWrapper, view: View) -> list[tuple[str, str]]:
    cursor.execute(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        [view.qualified],
    )
    return [(name, kind) for name, kind in cursor.fetchall()]


def _grant(cursor: CursorWrapper) -> None:
    cursor.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s) ORDER BY 1", [list(READERS)])
    for (role,) in cursor.fetchall():
        for schema in _schemas():
            cursor.execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
            cursor.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}")


def _index_sky(cursor: CursorWrapper) -> None:
    """Index what DaCHS turns a cone into; without q3c cones still work, slowly."""
    cursor.execute("SELECT 1 FROM pg_extension WHERE extname = 'q3c'")
    if not cursor.fetchone():
        return
    for table, (ra, dec) in _SKY.items():
        cursor.execute(
            f"CREATE INDEX IF NOT EXISTS {table}_q3c ON archive.{table} (public.q3c_ang2ipix({ra}, {dec}))"
        )


def _index_identifier(cursor: CursorWrapper, authority: str) -> None:
    """Index the publisher DID as it is and, for SIA 2, without regard to case; other authorities' go."""
    expression = f"'ivo://{authority}/~?' || accref"
    for name, by in (
        ("product_did", f"(({expression}))"),
        ("product_did_lower", f"USING hash (lower({expression}))"),
    ):
        cursor.execute("SELECT pg_get_indexdef(to_regclass(%s))", [f"archive.{name}"])
        (present,) = cursor.fetchone()
        if present is not None and f"'ivo://{authority}/~?'" in present:
            continue
        cursor.execute(f"DROP INDEX IF EXISTS archive.{name}")
        cursor.execute(f"CREATE INDEX {name} ON archive.product {by}")


def _index_release(cursor: CursorWrapper) -> None:
    """Index what hci.product.release_date is; not the bare time: the rule of every view would look it up."""
    cursor.execute(
        "CREATE INDEX IF NOT EXISTS product_release_date"
        " ON archive.product ((release_time AT TIME ZONE 'UTC'))"
    )
