"""The site's own GAVO DaCHS: its root, settings and descriptors; all as the unprivileged account."""

from collections.abc import Callable
from pathlib import Path

from hcvo.config import CHECKOUT, Settings
from hcvo.site import database, templates
from hcvo.site.account import Account
from hcvo.site.passwords import DACHS_ROLES, SUPERUSER, password_of

__all__ = ["PYTHON", "adopt", "environment", "prepare", "publish", "run"]

PYTHON = "/usr/bin/python3"
"""Debian's, whatever runs us: DaCHS's own."""
_PROGRAM = "/usr/bin/dachs"
_PUBLISHED = ("//services", "//tap", "//products", "//obscore")


def prepare(settings: Settings, account: Account) -> bool:
    """Make DaCHS's root folder and its tables, unless they exist; write its configuration.

    Parameters
    ----------
    settings : Settings
        Settings of the site, whose PostgreSQL runs.
    account : Account
        Account that runs DaCHS.

    Returns
    -------
    bool
        Whether the configuration was another before: servers that run have the old one.

    Notes
    -----
    SiteError if DaCHS is not installed or fails.
    """
    root = account.folder(settings.dachs_root)
    before = _configured(settings)
    account.folder(settings.dachs_inputs)
    account.folder(settings.logs / "dachs")
    passwords = {role: password_of(settings, role) for role in DACHS_ROLES}
    templates.write_dachs_configuration(settings, account, passwords)
    templates.copy_vocabularies(settings, account)
    done = root / ".initialised"
    if not done.exists():
        _initialise(settings, account)
        account.write(done, "dachs init and imp //obscore went through\n")
    return before not in ("", _configured(settings))


def _initialise(settings: Settings, account: Account) -> None:
    dsn = f"dbname={settings.database.name} host={settings.sockets} port={settings.database.port}"
    run(settings, account, "init", "-d", f"{dsn} user={SUPERUSER}")
    run(settings, account, "imp", "//obscore")


def adopt(settings: Settings, account: Account, *, say: Callable[[str], None] = lambda _: None) -> bool:
    """Make DaCHS know the published views and our descriptors; do nothing when it knows them as they are.

    Parameters
    ----------
    settings : Settings
        Settings of the site; the views of the schema ``hci`` exist and descriptors are copied.
    account : Account
        Account that runs DaCHS.
    say : Callable[[str], None]
        Told what is being done.

    Returns
    -------
    bool
        Whether there was something to do.

    Notes
    -----
    SiteError if DaCHS refuses a descriptor.
    """
    database.make_file_views(settings)
    stamp = settings.dachs_root / ".adopted"
    wanted = _adoption_digest(settings)
    if stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
        return False
    say("descriptors and views have changed: DaCHS reads them")
    for descriptor in templates.descriptors(with_tables=True):
        run(settings, account, "imp", "-m", descriptor)
    run(settings, account, "imp", "//obscore")
    publish(settings, account)
    account.write(stamp, _adoption_digest(settings))
    return True


def publish(settings: Settings, account: Account) -> None:
    """Write the registry's records anew.

    Parameters
    ----------
    settings : Settings
        Settings of the site, whose PostgreSQL runs; DaCHS knows our descriptors.
    account : Account
        Account that runs DaCHS.

    Notes
    -----
    SiteError if DaCHS fails.
    """
    run(settings, account, "pub", *_PUBLISHED, *templates.descriptors())


def run(settings: Settings, account: Account, *arguments: str) -> str:
    """Run a ``dachs`` command on the site's root, as the account; its output."""
    return account.run([_PROGRAM, *arguments], cwd=settings.dachs_root, env=environment(settings))


def environment(settings: Settings, own: Path = Path("/nonexistent")) -> dict[str, str]:
    """What DaCHS wants in its environment.

    Parameters
    ----------
    settings : Settings
        Settings of the site.
    own : Path
        File of settings that win over the site's, of one server among several.

    Returns
    -------
    dict[str, str]
        Name to value.
    """
    return {
        "GAVOSETTINGS": str(settings.dachs_settings),
        "GAVOCUSTOM": str(own),
        "PGPASSFILE": str(settings.passwords),
        "OPENBLAS_NUM_THREADS": "1",
    }


def _configured(settings: Settings) -> str:
    path = settings.dachs_settings
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _adoption_digest(settings: Settings) -> str:
    facts = database.published_columns(settings) + settings.dachs.authority
    return templates.digest_of(settings.dachs_inputs, CHECKOUT / "etc" / "dachs", extra=facts)
