"""The site's own GAVO DaCHS: root, descriptors, server; all as the unprivileged account."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

from hcvo.config import CHECKOUT, Settings
from hcvo.errors import SiteError
from hcvo.site import database, ports, templates
from hcvo.site.account import Account
from hcvo.site.passwords import DACHS_ROLES, SUPERUSER, password_of
from hcvo.site.processes import ServerProcess, end_session, read_pid_file, session_members, wait_until

__all__ = ["adopt", "answers", "check_place", "prepare", "publish", "run", "server", "start", "stop"]

_PROGRAM = "/usr/bin/dachs"
_PYTHON = "/usr/bin/python3"
"""Debian's, whatever runs us: DaCHS's own."""
_START_S = 60.0
_PROBE = {"LANG": "ADQL", "FORMAT": "json", "QUERY": "SELECT TOP 1 table_name FROM tap_schema.tables"}
_PUBLISHED = ("//services", "//tap", "//products", "//obscore")


def check_place(settings: Settings) -> None:
    """Make sure, before anything is made, that the server could have its port.

    Parameters
    ----------
    settings : Settings
        Settings of the site.
    """
    if not _pid_file(settings).exists():
        ports.require_free(settings.dachs.port, "DaCHS", "HCVO_DACHS__PORT")


def prepare(settings: Settings, account: Account) -> None:
    """Make DaCHS's root folder and its tables, unless they exist; write its configuration.

    A server that runs with another configuration is stopped.

    Parameters
    ----------
    settings : Settings
        Settings of the site, whose PostgreSQL runs.
    account : Account
        Account that runs DaCHS.

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
    if before not in ("", _configured(settings)):
        stop(settings)
    templates.copy_vocabularies(settings, account)
    done = root / ".initialised"
    if done.exists():
        return
    dsn = f"dbname={settings.database.name} host={settings.sockets} port={settings.database.port}"
    run(settings, account, "init", "-d", f"{dsn} user={SUPERUSER}")
    run(settings, account, "imp", "//obscore")
    account.write(done, "dachs init and imp //obscore went through\n")


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


def start(settings: Settings, account: Account) -> bool:
    """Start the server and wait until TAP answers.

    Parameters
    ----------
    settings : Settings
        Settings of the site, prepared.
    account : Account
        Account that runs DaCHS.

    Returns
    -------
    bool
        True if it was started, False if it ran already.

    Raises
    ------
    SiteError
        If the port is taken, or TAP does not answer.
    """
    running = server(settings)
    if running and _settled(settings, running):
        return False
    stop(settings)
    ports.require_free(settings.dachs.port, "DaCHS", "HCVO_DACHS__PORT")
    log = settings.logs / "dachs.log"
    started = account.start(
        [_PYTHON, settings.dachs_root / "etc" / "serve.py", "serve", "start", "-f"],
        cwd=settings.dachs_root,
        env=_environment(settings),
        log=log,
    )
    account.write(_pid_file(settings), started.text)
    if not _settled(settings, started):
        raise SiteError(
            f"DaCHS did not answer at {settings.base_url}/tap within {_START_S:.0f} s; "
            f"its log {log} ends:\n{_end_of(log)}"
        )
    return True


def stop(settings: Settings) -> bool:
    """Stop the server and all it started; True if there was something to stop."""
    known = read_pid_file(_pid_file(settings))
    _pid_file(settings).unlink(missing_ok=True)
    if known is None or not session_members(known.session):
        return False
    end_session(known.session)
    return True


def server(settings: Settings) -> ServerProcess | None:
    """The running server, None when it is down."""
    known = read_pid_file(_pid_file(settings))
    return known if known and known.alive else None


def answers(settings: Settings, *, timeout_s: float = 5.0) -> bool:
    """Whether TAP answers a query on this machine.

    Parameters
    ----------
    settings : Settings
        Settings of the site.
    timeout_s : float
        Seconds to wait for the answer.

    Returns
    -------
    bool
        True if the answer has a row.
    """
    query = urllib.parse.urlencode(_PROBE)
    url = f"http://127.0.0.1:{settings.dachs.port}/tap/sync?{query}"
    try:
        with urllib.request.urlopen(url, timeout=timeout_s) as answer:
            return bool(json.load(answer)["data"])
    except (urllib.error.URLError, OSError, ValueError, KeyError):
        return False


def run(settings: Settings, account: Account, *arguments: str) -> str:
    """Run a ``dachs`` command on the site's root, as the account; its output."""
    return account.run([_PROGRAM, *arguments], cwd=settings.dachs_root, env=_environment(settings))


def _environment(settings: Settings) -> dict[str, str]:
    return {
        "GAVOSETTINGS": str(settings.dachs_settings),
        "GAVOCUSTOM": "/nonexistent",
        "PGPASSFILE": str(settings.passwords),
        "OPENBLAS_NUM_THREADS": "1",
    }


def _configured(settings: Settings) -> str:
    path = settings.dachs_settings
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _settled(settings: Settings, process: ServerProcess) -> bool:
    """Whether the server answers; waits for one that is starting, or was killed and is going."""
    wait_until(lambda: answers(settings) or not process.alive, _START_S, step_s=0.1)
    return process.alive and answers(settings)


def _adoption_digest(settings: Settings) -> str:
    facts = database.published_columns(settings) + settings.dachs.authority
    return templates.digest_of(settings.dachs_inputs, CHECKOUT / "etc" / "dachs", extra=facts)


def _pid_file(settings: Settings) -> Path:
    return settings.sockets / "dachs.pid"


def _end_of(log: Path, lines: int = 12) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
