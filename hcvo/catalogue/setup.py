"""Django on the site's database: configured once per program, then migrated."""

from typing import Any

import django
from django.conf import settings as configured
from django.core.management import call_command
from django.db import connection, connections
from django.db.utils import OperationalError

from hcvo.catalogue import django_settings
from hcvo.config import Settings
from hcvo.errors import CatalogueError

__all__ = ["migrate", "setup_django"]

_EXTENSIONS = {"pg_sphere": True, "q3c": False}
"""Extension to whether the catalogue cannot do without it."""


def setup_django(settings: Settings) -> None:
    """Point Django's ORM at the site's database.

    Can be called again: with other settings, the next query goes to the other database.

    Parameters
    ----------
    settings : Settings
        Socket folder, port, database, user and password file.
    """
    database = _database(settings)
    if not configured.configured:
        configured.configure(
            DATABASES={"default": database},
            INSTALLED_APPS=django_settings.INSTALLED_APPS,
            USE_TZ=django_settings.USE_TZ,
            TIME_ZONE=django_settings.TIME_ZONE,
            DEFAULT_AUTO_FIELD=django_settings.DEFAULT_AUTO_FIELD,
        )
        django.setup()
        return
    current = connections.databases["default"]
    if any(current[key] != value for key, value in database.items()):
        connections["default"].close()
        del connections["default"]
        current.update(database)


def migrate(settings: Settings) -> None:
    """Make or update the schema ``archive``; repeating it changes nothing.

    Parameters
    ----------
    settings : Settings
        The site; its database user owns the schema.

    Raises
    ------
    CatalogueError
        If the database does not answer or lacks pgSphere.
    """
    setup_django(settings)
    try:
        with connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA IF NOT EXISTS archive")
            for extension, needed in _EXTENSIONS.items():
                _ensure_extension(cursor, extension, needed=needed)
    except OperationalError as error:
        raise CatalogueError(
            f"the database {settings.database.name} at {settings.sockets}, port {settings.database.port}, "
            f"does not answer: {str(error).strip()}; `hcvo site up` starts it"
        ) from error
    call_command("migrate", interactive=False, verbosity=0)


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
