"""nginx before several DaCHS servers: the site's one address, its limits, and what it says of them."""

from collections.abc import Sequence
from pathlib import Path

from hcvo.config import CHECKOUT, Settings
from hcvo.errors import SiteError
from hcvo.site import ports
from hcvo.site.account import Account
from hcvo.site.processes import read_pid_file
from hcvo.site.templates import fill

__all__ = ["pid_file", "start"]

_PROGRAM = Path("/usr/sbin/nginx")


def pid_file(settings: Settings) -> Path:
    """Where the proxy's process is written down."""
    return settings.sockets / "nginx.pid"


def start(settings: Settings, account: Account, servers: Sequence[int]) -> bool:
    """Start the proxy, or let the one that runs know where the servers are now.

    Parameters
    ----------
    settings : Settings
        Settings of the site.
    account : Account
        Account that runs it.
    servers : Sequence[int]
        Ports of the DaCHS servers on 127.0.0.1.

    Returns
    -------
    bool
        True if it was started or told, False if it ran with these already.

    Raises
    ------
    SiteError
        If nginx is not installed, its port is taken, or it refuses its settings.
    """
    if not _PROGRAM.exists():
        raise SiteError(f"{_PROGRAM} is not installed, wanted for several processes; run etc/install.sh")
    path, text = settings.sockets / "nginx.conf", _configuration(settings, account, servers)
    known = read_pid_file(pid_file(settings))
    alive = known is not None and known.alive
    if alive and path.read_text(encoding="utf-8") == text:
        return False
    account.write(path, text)
    command: list[str | Path] = [_PROGRAM, "-e", settings.logs / "nginx-error.log", "-c", path]
    if alive:
        account.run([*command, "-s", "reload"], cwd=settings.sockets, env={})
        return True
    ports.require_free(settings.dachs.port, "the proxy", "HCVO_DACHS__PORT")
    account.run([*command, "-t", "-q"], cwd=settings.sockets, env={})
    started = account.start(command, cwd=settings.sockets, env={}, log=settings.logs / "nginx.log")
    account.write(pid_file(settings), started.text)
    return True


def _configuration(settings: Settings, account: Account, servers: Sequence[int]) -> str:
    limits = settings.limits
    values = {
        "port": settings.dachs.port,
        "servers": "\n".join(f"        server 127.0.0.1:{port} max_fails=0;" for port in servers),
        "run": settings.sockets,
        "logs": settings.logs,
        "temporary": account.folder(settings.sockets / "nginx"),
        "url": settings.base_url,
        "connections": limits.connections,
        "rate": limits.requests_per_s,
        "burst": 5 * limits.requests_per_s,
        "upload": limits.upload_mb,
        "silence": limits.client_silence_s,
        "answer": limits.answer_s,
    }
    return fill(CHECKOUT / "etc" / "nginx.conf", values)
