"""The site's database: named to Django once per program, then migrated."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management import call_command
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import InterfaceError, OperationalError, ProgrammingError
from psycopg2.errors import UndefinedTable

from hcvo.config import Settings
from hcvo.errors import CatalogueError

__all__ = ["answering", "is_behind", "migrate", "setup_django"]

_EXTENSIONS = {"pg_sphere": True, "q3c": False}
"""Extension to whether the catalogue cannot do without it."""


def setup_django(settings: Settings) -> None:
    """Point Django at the site's database.

    Can be called again; with other settings, the next query goes to the other database.

    Parameters
    ----------
    settings : Settings
        Socket folder, port, database, user and password file.

    Notes
    -----
    CatalogueError if the database does not answer.
    """
    wanted = _database(settings)
    current = connections.databases["default"]
    if any(current.get(key) != value for key, value in wanted.items()):
        for open_connection in connections.all(initialized_only=True):
            open_connection.close()
            del connections[open_connection.alias]
        current.update(wanted)
    with answering(settings):
        connection.ensure_connection()


@contextmanager
def answering(settings: Settings) -> Iterator[None]:
    """Say in an operator's words that the database does not answer, went away, or has no tables yet.

    Parameters
    ----------
    settings : Settings
        The site.

    Raises
    ------
    CatalogueError
        Instead of the driver's error.
    ProgrammingError
        As it was, when it is no matter of missing tables.
    """
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise CatalogueError(
            f"the database {settings.database.name} at {settings.sockets}, port {settings.database.port}, "
            f"does not answer: {str(error).strip()}; `hcvo site up` starts it"
        ) from error
    except ProgrammingError as error:
        if not isinstance(error.__cause__, UndefinedTable):
            raise
        raise CatalogueError(
            f"the database {settings.database.name} lacks tables of the catalogue ({str(error).strip()}); "
            "`hcvo site up` makes them"
        ) from error


def migrate(settings: Settings) -> None:
    """Make or update the schema ``archive``; repeating it changes nothing.

    Parameters
    ----------
    settings : Settings
        The site; its database user owns the schema.

    Notes
    -----
    CatalogueError if the database does not answer or lacks pgSphere.
    """
    setup_django(settings)
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA IF NOT EXISTS archive")
        for extension, needed in _EXTENSIONS.items():
            _ensure_extension(cursor, extension, needed=needed)
    call_command("migrate", interactive=False, verbosity=0)


def is_behind(settings: Settings) -> bool:
    """Whether the schema ``archive`` is there and lacks migrations.

    Parameters
    ----------
    settings : Settings
        The site.

    Returns
    -------
    bool
        False for a new database too: nothing is published from it yet.
    """
    setup_django(settings)
    plan = MigrationExecutor(connection)
    wanted = plan.loader.graph.leaf_nodes()
    return bool(plan.loader.applied_migrations) and bool(plan.migration_plan(wanted))


def _ensure_extension(cursor: Any, extension: str, *, needed: bool) -> None:  # noqa: ANN401 - Django's wrapper
    cursor.execute("SELECT 1 FROM pg_available_extensions WHERE name = %s", [extension])
    if cursor.fetchone():
        cursor.execute(f"CREATE EXTENSION IF NOT EXISTS {extension} SCHEMA public")
    elif needed:
        raise CatalogueError(
            f"PostgreSQL has no extension {extension}; install the package postgresql-15-pgsphere"
        )


def _database(settings: Settings) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": str(settings.sockets),
        "PORT": str(settings.database.port),
        "NAME": settings.database.name,
        "USER": settings.database.user,
        "OPTIONS": {
            "passfile": str(settings.passwords),
            "options": "-c search_path=archive,public",
            "application_name": "hcvo",
        },
    }
