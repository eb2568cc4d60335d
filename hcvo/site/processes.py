"""Processes as /proc shows them: alive, whose, of which session; and how to end them."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hcvo.errors import SiteError

__all__ = ["ServerProcess", "end_session", "read_pid_file", "session_members", "wait_until", "working_in"]

_PROC = Path("/proc")
_SESSION_FIELD = 3  # after the name in parentheses: state, ppid, pgrp, session
_START_FIELD = 19


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A server process.

    Attributes
    ----------
    pid : int
        Process id.
    started : int
        Kernel tick at which it started: a process id used again is not taken for it.
    session : int
        Session of the server and of all it started.
    """

    pid: int
    started: int
    session: int

    @classmethod
    def now(cls, pid: int) -> "ServerProcess":
        """Describe a process that runs now.

        Parameters
        ----------
        pid : int
            Its id.

        Returns
        -------
        ServerProcess
            Id, start and session.

        Raises
        ------
        SiteError
            If it has ended.
        """
        fields = _stat(pid)
        if fields is None:
            raise SiteError(f"process {pid} ended as soon as it was started")
        return cls(pid, int(fields[_START_FIELD]), int(fields[_SESSION_FIELD]))

    @property
    def text(self) -> str:
        """Content of a pid file."""
        return f"{self.pid} {self.started} {self.session}\n"

    @property
    def alive(self) -> bool:
        """True while this very process runs."""
        fields = _stat(self.pid)
        return fields is not None and fields[0] != "Z" and int(fields[_START_FIELD]) == self.started


def read_pid_file(path: Path) -> ServerProcess | None:
    """Read a pid file of ours; None where there is none, or junk."""
    try:
        pid, started, session = map(int, path.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return None
    return ServerProcess(pid, started, session)


def session_members(session: int) -> list[int]:
    """Process ids of all living members of a session."""
    return [pid for pid in _living() if _session_of(pid) == session]


def working_in(folder: Path) -> list[int]:
    """Process ids of all living processes whose working folder is `folder`."""
    return [pid for pid in _living() if _working_folder(pid) == folder]


def end_session(session: int, *, patience_s: float = 10.0) -> None:
    """End every process of a session: ask, wait, then kill.

    Parameters
    ----------
    session : int
        Session id, the process id of the server that opened it.
    patience_s : float
        Seconds between asking and killing.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in session_members(session):
            _send(pid, number)
        if wait_until(lambda: not session_members(session), patience_s):
            return


def wait_until(condition: Callable[[], bool], timeout_s: float, *, step_s: float = 0.05) -> bool:
    """Wait until a condition holds; False if it does not within the time."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(step_s)
    return True


def _living() -> list[int]:
    return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]


def _session_of(pid: int) -> int | None:
    fields = _stat(pid)
    return int(fields[_SESSION_FIELD]) if fields and fields[0] != "Z" else None


def _working_folder(pid: int) -> Path | None:
    try:
        return (_PROC / str(pid) / "cwd").readlink()
    except OSError:
        return None


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _stat(pid: int) -> list[str] | None:
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()
