"""What listens: one DaCHS server, or several behind a proxy that has the site's address."""

import json
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from hcvo.config import Settings
from hcvo.errors import SiteError
from hcvo.site import dachs, ports, proxy
from hcvo.site.account import Account
from hcvo.site.processes import ServerProcess, end_session, read_pid_file, session_members, wait_until

__all__ = ["answers", "check_place", "pause", "port_of", "running", "start", "stop"]

_START_S = 60.0
_PROBE = {"LANG": "ADQL", "FORMAT": "json", "QUERY": "SELECT TOP 1 table_name FROM tap_schema.tables"}


def check_place(settings: Settings) -> None:
    """Make sure, before anything is made, that the site could have its port.

    Parameters
    ----------
    settings : Settings
        Settings of the site.
    """
    if not (_pid_files(settings) or proxy.pid_file(settings).exists()):
        ports.require_free(settings.dachs.port, "DaCHS", "HCVO_DACHS__PORT")


def start(settings: Settings, account: Account) -> bool:
    """Start the servers that do not run, and the proxy where they are several; wait until TAP answers.

    Parameters
    ----------
    settings : Settings
        Settings of the site, prepared; `dachs.processes` servers shall run.
    account : Account
        Account that runs them.

    Returns
    -------
    bool
        True if something was started, False if all ran already.

    Raises
    ------
    SiteError
        If a port is taken, or a server does not answer.
    """
    numbers = range(1, settings.dachs.processes + 1)
    if set(_pid_files(settings)) - set(numbers) or _has_proxy(settings) != (len(numbers) > 1):
        stop(settings)
    missing = [number for number in numbers if not _settled(settings, number)]
    for number in missing:
        _end(_pid_file(settings, number))
        _launch(settings, account, number)
    for number in missing:
        if not _settled(settings, number):
            log = _log(settings, number)
            raise SiteError(
                f"DaCHS did not answer at port {port_of(settings, number)} within {_START_S:.0f} s; "
                f"its log {log} ends:\n{_end_of(log)}"
            )
    proxied = len(numbers) > 1 and proxy.start(
        settings, account, [port_of(settings, number) for number in numbers]
    )
    if not wait_until(lambda: answers(settings), _START_S, step_s=0.1):
        raise SiteError(f"{settings.base_url}/tap does not answer; see {settings.logs}")
    return bool(missing) or proxied


def stop(settings: Settings) -> bool:
    """Stop all that listens and what it started; True if there was something to stop."""
    stopped = [_end(path) for path in (proxy.pid_file(settings), *_pid_files(settings).values())]
    return any(stopped)


def pause(settings: Settings) -> None:
    """Stop the servers; a proxy stays and tells who asks to come again."""
    for path in _pid_files(settings).values():
        _end(path)


def running(settings: Settings) -> dict[int, ServerProcess]:
    """DaCHS servers that run, by their numbers from 1."""
    known = {number: read_pid_file(path) for number, path in _pid_files(settings).items()}
    return {number: server for number, server in sorted(known.items()) if server and server.alive}


def answers(settings: Settings, port: int | None = None, *, timeout_s: float = 5.0) -> bool:
    """Whether TAP answers a query on this machine.

    Parameters
    ----------
    settings : Settings
        Settings of the site.
    port : int | None
        Of one server; None: the site's.
    timeout_s : float
        Seconds to wait for the answer.

    Returns
    -------
    bool
        True if the answer has a row.
    """
    query = urllib.parse.urlencode(_PROBE)
    url = f"http://127.0.0.1:{port or settings.dachs.port}/tap/sync?{query}"
    try:
        with urllib.request.urlopen(url, timeout=timeout_s) as answer:
            return bool(json.load(answer)["data"])
    except (urllib.error.URLError, OSError, ValueError, KeyError):
        return False


def _launch(settings: Settings, account: Account, number: int) -> None:
    _settle_port(settings, account, number)
    started = account.start(
        [dachs.PYTHON, settings.dachs_root / "etc" / "serve.py", "serve", "start", "-f"],
        cwd=settings.dachs_root,
        env=dachs.environment(settings, _own_settings(settings, number)),
        log=_log(settings, number),
    )
    account.write(_pid_file(settings, number), started.text)


def _settle_port(settings: Settings, account: Account, number: int) -> None:
    """Of several servers each gets a free port, and logs of its own: they would rotate each other's."""
    own = _own_settings(settings, number)
    if settings.dachs.processes == 1:
        own.unlink(missing_ok=True)
        ports.require_free(settings.dachs.port, "DaCHS", "HCVO_DACHS__PORT")
        return
    logs = account.folder(settings.logs / "dachs" / str(number))
    account.write(own, f"[general]\nlogDir: {logs}\n\n[web]\nserverPort: {ports.free_port()}\n")


def port_of(settings: Settings, number: int) -> int:
    """Port of a server on 127.0.0.1: the site's own, or of several the free one it was given."""
    own = _own_settings(settings, number)
    return int(own.read_text(encoding="utf-8").split()[-1]) if own.exists() else settings.dachs.port


def _settled(settings: Settings, number: int) -> bool:
    """Whether a server answers; waits for one that is starting, or was killed and is going."""
    process, port = read_pid_file(_pid_file(settings, number)), port_of(settings, number)
    if process is None:
        return False
    wait_until(lambda: answers(settings, port) or not process.alive, _START_S, step_s=0.1)
    return process.alive and answers(settings, port)


def _has_proxy(settings: Settings) -> bool:
    return proxy.pid_file(settings).exists()


def _end(pid_file: Path) -> bool:
    known = read_pid_file(pid_file)
    pid_file.unlink(missing_ok=True)
    if known is None or not session_members(known.session):
        return False
    end_session(known.session)
    return True


def _pid_files(settings: Settings) -> dict[int, Path]:
    return {int(path.stem.partition("-")[2]): path for path in settings.sockets.glob("dachs-*.pid")}


def _pid_file(settings: Settings, number: int) -> Path:
    return settings.sockets / f"dachs-{number}.pid"


def _own_settings(settings: Settings, number: int) -> Path:
    return settings.sockets / f"dachs-{number}.rc"


def _log(settings: Settings, number: int) -> Path:
    return settings.logs / f"dachs-{number}.log"


def _end_of(log: Path, lines: int = 12) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
