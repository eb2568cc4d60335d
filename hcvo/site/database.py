"""What stands in the site's cluster: roles, database, extensions, and the view DaCHS delivers files by."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection, cursor

from hcvo.config import Settings
from hcvo.errors import SiteError
from hcvo.published.ddl import dc_last_update_sql, dc_process_logs_sql, dc_products_sql
from hcvo.published.declaration import views
from hcvo.site.passwords import DACHS_ROLES, SUPERUSER, password_of

__all__ = ["connect", "count_products", "drop_views", "make_database", "make_file_views", "published_columns"]

_EXTENSIONS = ("pg_sphere", "q3c")
_COLUMNS_QUERY = """
SELECT string_agg(concat_ws(' ', attrelid::regclass, attname, format_type(atttypid, atttypmod)), E'\\n'
                  ORDER BY attrelid::regclass::text, attnum)
FROM pg_attribute
JOIN pg_class ON pg_class.oid = attrelid
JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE attnum > 0
AND (nspname IN ('hci', 'hci_epn') OR (nspname, relname) IN (('ivoa', 'obscore'), ('dc', 'products')))
"""
_VIEWS_QUERY = """
SELECT schemaname, viewname FROM pg_views
WHERE schemaname = ANY(%s) OR (schemaname = 'dc' AND viewname IN ('products', 'process_logs', 'last_update'))
"""
_RELATION_QUERY = """
SELECT relkind, obj_description(oid, 'pg_class') FROM pg_class WHERE oid = to_regclass(%s)
"""


def connect(settings: Settings, *, user: str = SUPERUSER, database: str | None = None) -> connection:
    """Open a connection through the site's socket.

    Parameters
    ----------
    settings : Settings
        Settings of the site.
    user : str
        Role; its password comes from the password file.
    database : str | None
        Database; None: the site's.

    Returns
    -------
    connection
        A psycopg2 connection, to be closed by the caller.

    Raises
    ------
    SiteError
        If the server does not answer or refuses.
    """
    try:
        return psycopg2.connect(
            host=str(settings.sockets),
            port=settings.database.port,
            dbname=database or settings.database.name,
            user=user,
            passfile=str(settings.passwords),
        )
    except psycopg2.OperationalError as error:
        raise SiteError(f"PostgreSQL at {settings.sockets} refuses {user!r}: {error}".strip()) from error


def make_database(settings: Settings) -> None:
    """Make roles, database and extensions that are missing.

    Parameters
    ----------
    settings : Settings
        Settings of the site, whose server runs.
    """
    with _cursor(settings, SUPERUSER) as ask:
        ask.execute("SELECT rolname FROM pg_roles")
        known = {row[0] for row in ask.fetchall()}
        for role in (settings.database.user, *DACHS_ROLES):
            if role not in known:
                statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD %s").format(sql.Identifier(role))
                ask.execute(statement, [password_of(settings, role)])
    _create_database(settings)
    with _cursor(settings) as ask:
        for extension in _EXTENSIONS:
            _create_extension(ask, extension)


def make_file_views(settings: Settings) -> None:
    """Put a view of our public files in the place of DaCHS's table ``dc.products``; logs and age beside it.

    Getproduct, DataLink and SODA look only there: what is not public does not exist for them.
    A view's comment tells the definition it was made from; one that is up to date stays.

    Parameters
    ----------
    settings : Settings
        Settings of the site; DaCHS is initialised, the catalogue migrated.
    """
    with _cursor(settings) as ask:
        _make_view(ask, settings, "products", dc_products_sql(settings.store))
        _make_view(ask, settings, "process_logs", dc_process_logs_sql())
        _make_view(ask, settings, "last_update", dc_last_update_sql())


def drop_views(settings: Settings) -> None:
    """Drop every published view and what hangs on it: PostgreSQL alters no column that one uses.

    `hcvo.catalogue.publish.apply_views` and DaCHS's adoption make them again.

    Parameters
    ----------
    settings : Settings
        Settings of the site, whose server runs.
    """
    with _cursor(settings) as ask:
        ask.execute(_VIEWS_QUERY, [sorted({view.namespace for view in views().values()})])
        for schema, name in ask.fetchall():
            ask.execute(sql.SQL("DROP VIEW IF EXISTS {} CASCADE").format(sql.Identifier(schema, name)))


def _make_view(ask: cursor, settings: Settings, name: str, definition: str) -> None:
    digest = hashlib.sha256(definition.encode()).hexdigest()
    view = sql.Identifier("dc", name)
    ask.execute(_RELATION_QUERY, [f"dc.{name}"])
    kind, made_from = ask.fetchone() or ("", None)
    if (kind, made_from) == ("v", digest):
        return
    ask.execute(
        sql.SQL("DROP {} IF EXISTS {} CASCADE").format(sql.SQL("TABLE" if kind == "r" else "VIEW"), view)
    )
    ask.execute(sql.SQL("CREATE VIEW {} AS ").format(view) + sql.SQL(definition))
    ask.execute(sql.SQL("COMMENT ON VIEW {} IS %s").format(view), [digest])
    owner = sql.Identifier(settings.database.user)
    ask.execute(sql.SQL("ALTER VIEW {} OWNER TO {}").format(view, owner))
    readers = sql.SQL(", ").join(map(sql.Identifier, DACHS_ROLES[:2]))
    ask.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(view, readers))


def published_columns(settings: Settings) -> str:
    """Columns and types of the views that DaCHS has read: when they change it must read again.

    Parameters
    ----------
    settings : Settings
        Settings of the site, whose server runs.

    Returns
    -------
    str
        One column a line, of the schemas ``hci`` and ``hci_epn``, ``ivoa.obscore`` and ``dc.products``.
    """
    with _cursor(settings) as ask:
        ask.execute(_COLUMNS_QUERY)
        (text,) = ask.fetchone() or ("",)
        return str(text)


def count_products(settings: Settings) -> int:
    """Number of public products.

    Parameters
    ----------
    settings : Settings
        Settings of the site, whose server runs.

    Returns
    -------
    int
        Rows of ``hci.product``.
    """
    with _cursor(settings) as ask:
        ask.execute("SELECT count(*) FROM hci.product")
        (number,) = ask.fetchone() or (0,)
        return int(number)


def _create_database(settings: Settings) -> None:
    name = settings.database.name
    session = connect(settings, database=SUPERUSER)
    session.autocommit = True
    with session.cursor() as ask:
        ask.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if ask.fetchone() is None:
            statement = sql.SQL("CREATE DATABASE {} OWNER {}")
            ask.execute(statement.format(sql.Identifier(name), sql.Identifier(settings.database.user)))
    session.close()


def _create_extension(ask: cursor, extension: str) -> None:
    """Create an extension, in the version that etc/install.sh repaired where there is one."""
    statement = sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(extension))
    ask.execute(
        "SELECT version FROM pg_available_extension_versions WHERE name = %s AND version LIKE '%%hcvo'",
        [extension],
    )
    if repaired := ask.fetchone():
        statement += sql.SQL(" VERSION {}").format(sql.Literal(repaired[0]))
    ask.execute(statement)


@contextmanager
def _cursor(settings: Settings, database: str | None = None) -> Iterator[cursor]:
    """Work as superuser in one transaction; a refusal becomes an error of ours."""
    session = connect(settings, database=database)
    try:
        with session, session.cursor() as ask:
            yield ask
    except psycopg2.Error as error:
        raise SiteError(f"PostgreSQL refused: {str(error).strip()}") from error
    finally:
        session.close()
