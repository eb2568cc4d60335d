"""Ports on 127.0.0.1: free, or taken and by whom."""

import pwd
import socket
from pathlib import Path

from hcvo.errors import SiteError

__all__ = ["free_port", "holder", "require_free"]

_LISTENING = "0A"
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


def free_port() -> int:
    """Number of a port on 127.0.0.1 that nobody uses at this moment."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        number: int = trial.getsockname()[1]
        return number


def require_free(port: int, server: str, setting: str) -> None:
    """Make sure that a server can have its port.

    Parameters
    ----------
    port : int
        Port on 127.0.0.1.
    server : str
        Who wants it, for the message.
    setting : str
        Environment variable that gives the server another port.

    Raises
    ------
    SiteError
        If somebody listens there; the message says who.
    """
    if not _is_free(port):
        raise SiteError(
            f"port {port}, wanted for {server}, is taken by {holder(port)}; "
            f"stop that, or choose another port: {setting}=..."
        )


def holder(port: int) -> str:
    """Who listens on a port: program, process id and user, as far as we may see.

    Parameters
    ----------
    port : int
        TCP port.

    Returns
    -------
    str
        '<command> (process <pid>, user <name>)', or just the user.
    """
    for table in _TABLES:
        for row in _rows(table):
            if row[3] == _LISTENING and int(row[1].rpartition(":")[2], 16) == port:
                return _describe(inode=row[9], user=_user_name(int(row[7])))
    return "an unknown process"


def _is_free(port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _rows(table: Path) -> list[list[str]]:
    try:
        return [line.split() for line in table.read_text(encoding="ascii").splitlines()[1:]]
    except OSError:
        return []


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _describe(*, inode: str, user: str) -> str:
    wanted = f"socket:[{inode}]"
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and _has_descriptor(process, wanted):
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            return f"'{command[:80]}' (process {process.name}, user {user})"
    return f"a process of user {user}"


def _has_descriptor(process: Path, wanted: str) -> bool:
    try:
        return any(str(link.readlink()) == wanted for link in (process / "fd").iterdir())
    except OSError:
        return False
