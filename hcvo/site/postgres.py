"""The site's own PostgreSQL 15 cluster: made, started and stopped without touching the machine's."""

import re
from pathlib import Path

from hcvo.config import Settings
from hcvo.errors import SiteError
from hcvo.site import ports
from hcvo.site.account import Account
from hcvo.site.database import connect, make_database
from hcvo.site.passwords import SUPERUSER, make_passwords, password_of
from hcvo.site.processes import wait_until, working_in

__all__ = ["check_place", "create_cluster", "is_running", "server_pid", "start", "stop"]

_PROGRAMS = Path("/usr/lib/postgresql/15/bin")
_LONGEST_SOCKET = 107
_STRANGE = re.compile(r"[^\w./+~-]")
_START_S = 30.0
_PORT_LINE = 3  # of postmaster.pid
_INCLUDE = "include_if_exists = 'hcvo.conf'"
_HBA = """\
# Written by hcvo: passwords for everybody; DaCHS's three roles share a unix account.
local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
"""


def check_place(settings: Settings) -> None:
    """Make sure, before anything is made, that the cluster could run.

    Parameters
    ----------
    settings : Settings
        Settings of the site.

    Raises
    ------
    SiteError
        If the path is too long or has a character that breaks it, or somebody else has the port.
    """
    if strange := _STRANGE.search(str(settings.state)):
        raise SiteError(
            f"the state folder {str(settings.state)!r} has {strange[0]!r} in its path, which DaCHS's "
            "settings cannot carry; set HCVO_STATE to a folder with letters, digits and ._+~- only"
        )
    path = settings.sockets / f".s.PGSQL.{settings.database.port}"
    length = len(str(path).encode())
    if length > _LONGEST_SOCKET:
        raise SiteError(
            f"the PostgreSQL socket {path} would have {length} characters, at most {_LONGEST_SOCKET} are "
            "allowed; set HCVO_STATE to a folder with a shorter path"
        )
    if not (settings.postgres_data / "postmaster.pid").exists():
        ports.require_free(settings.database.port, "PostgreSQL", "HCVO_DATABASE__PORT")


def create_cluster(settings: Settings, account: Account) -> None:
    """Make the cluster and its password file, unless they exist.

    Parameters
    ----------
    settings : Settings
        Settings of the site.
    account : Account
        Account that will own it.

    Raises
    ------
    SiteError
        If PostgreSQL is missing, or the data folder holds something else.
    """
    account.folder(settings.sockets)
    make_passwords(settings, account)
    data = settings.postgres_data
    if (data / "PG_VERSION").exists():
        return
    if data.exists() and any(data.iterdir()):
        raise SiteError(f"{data} is neither empty nor a PostgreSQL cluster; move it away, then run again")
    account.folder(data, 0o700)
    _initdb(settings, account)


def start(settings: Settings, account: Account) -> bool:
    """Start the cluster, and make its database, roles and extensions if they are not there.

    Parameters
    ----------
    settings : Settings
        Settings of the site.
    account : Account
        Account that owns the cluster.

    Returns
    -------
    bool
        True if it was started, False if it ran already.

    Notes
    -----
    SiteError if the port is taken or the server does not start.
    """
    if is_running(settings) and _port_in_use(settings) != settings.database.port:
        stop(settings, account)
    started = not _answers(settings)
    if started:
        _clear_away_killed(settings)
        ports.require_free(settings.database.port, "PostgreSQL", "HCVO_DATABASE__PORT")
        account.write(settings.postgres_data / "hcvo.conf", _configuration(settings), 0o600)
        _launch(settings, account)
    make_database(settings)
    return started


def stop(settings: Settings, account: Account) -> bool:
    """Stop the cluster; clients are disconnected, what is committed stays.

    Parameters
    ----------
    settings : Settings
        Settings of the site.
    account : Account
        Account that owns the cluster.

    Returns
    -------
    bool
        Whether it was running.
    """
    if not is_running(settings):
        _clear_away_killed(settings)
        return False
    _control(settings, account, "stop", "-m", "fast")
    return True


def is_running(settings: Settings) -> bool:
    """Whether the cluster's server runs; a pid file left behind by a killed one does not count."""
    return server_pid(settings) is not None


def server_pid(settings: Settings) -> int | None:
    """Process id of the cluster's server, None when it is down."""
    try:
        pid = int((settings.postgres_data / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError, IndexError):
        return None
    return pid if str(settings.postgres_data).encode() in command else None


def _port_in_use(settings: Settings) -> int:
    lines = (settings.postgres_data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    return int(lines[_PORT_LINE])


def _answers(settings: Settings) -> bool:
    """Whether the server takes connections; waits for one that is starting or dying."""

    def settled() -> bool:
        return server_pid(settings) is None or _takes_connections(settings)

    return wait_until(settled, _START_S) and server_pid(settings) is not None


def _takes_connections(settings: Settings) -> bool:
    try:
        connect(settings, database=SUPERUSER).close()
    except SiteError:
        return False
    return True


def _clear_away_killed(settings: Settings) -> None:
    """Wait for the children of a killed server, then remove the pid and lock files it left.

    PostgreSQL itself would not start while the killed server is a zombie, which it stays for
    ever where process 1 reaps nobody. All its processes have the data folder as working folder.
    """
    leftover = settings.postgres_data / "postmaster.pid"
    if not leftover.exists():
        return
    if not wait_until(lambda: not working_in(settings.postgres_data), _START_S):
        pids = ", ".join(map(str, working_in(settings.postgres_data)))
        raise SiteError(f"PostgreSQL of {settings.postgres_data} was killed, but {pids} live on; end them")
    for path in (*settings.sockets.glob(".s.PGSQL.*"), leftover):
        path.unlink(missing_ok=True)


def _initdb(settings: Settings, account: Account) -> None:
    secret = settings.passwords.with_name("superuser")
    account.write(secret, password_of(settings, SUPERUSER) + "\n", 0o600)
    try:
        account.run(
            [
                _PROGRAMS / "initdb",
                f"--pgdata={settings.postgres_data}",
                f"--username={SUPERUSER}",
                f"--pwfile={secret}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
            ],
            cwd=settings.state,
            env={},
        )
    finally:
        secret.unlink()
    account.write(settings.postgres_data / "pg_hba.conf", _HBA, 0o600)
    own = settings.postgres_data / "postgresql.conf"
    account.run(["/bin/sh", "-c", 'echo "$1" >>"$2"', "sh", _INCLUDE, own], cwd=settings.state, env={})


def _configuration(settings: Settings) -> str:
    return (
        "# Written by hcvo at each start, from etc/hcvo.toml.\n"
        "listen_addresses = '127.0.0.1'\n"
        f"port = {settings.database.port}\n"
        f"unix_socket_directories = '{settings.sockets}'\n"
        "client_connection_check_interval = 2s\n"  # a query ends when the job that asked it was deleted
        "timezone = 'UTC'\n"
        "log_timezone = 'UTC'\n"
    )


def _launch(settings: Settings, account: Account) -> None:
    log = settings.logs / "postgres.log"
    try:
        _control(settings, account, "start", "-l", str(log))
    except SiteError as error:
        raise SiteError(f"PostgreSQL did not start; its log {log} ends:\n{_end_of(log)}") from error


def _end_of(log: Path, lines: int = 8) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def _control(settings: Settings, account: Account, *arguments: str) -> None:
    account.run(
        [_PROGRAMS / "pg_ctl", "-D", settings.postgres_data, "-w", "-t", "60", *arguments],
        cwd=settings.state,
        env={},
        timeout_s=90,
    )
