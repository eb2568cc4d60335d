"""Who runs a process: told so that a later program can see whether it still does."""

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Worker", "machine"]

_MACHINE_ID = re.compile("[0-9a-f]{32}")  # 'uninitialized' stands there before the first boot
_START_FIELD = 19  # of /proc/<pid>/stat after the command's closing parenthesis: field 22, starttime


@dataclass(frozen=True, slots=True)
class Worker:
    """A running program: its pid, the kernel's clock tick at which it began, and the boot it belongs to.

    A pid alone is given out again; the three together are not.
    """

    pid: int
    started: str
    boot: str

    @classmethod
    def current(cls) -> "Worker":
        """The program that asks."""
        pid = os.getpid()
        return cls(pid, _started(pid) or "", _boot())

    @classmethod
    def parse(cls, text: str) -> "Worker | None":
        """Read what `str` wrote; None for anything else."""
        parts = text.split(":")
        if len(parts) != 3 or not parts[0].isdigit():  # noqa: PLR2004 - pid, start, boot
            return None
        return cls(int(parts[0]), parts[1], parts[2])

    def __str__(self) -> str:
        return f"{self.pid}:{self.started}:{self.boot}"

    @property
    def alive(self) -> bool:
        """It still runs, on this machine."""
        return self.boot == _boot() and self.started == _started(self.pid)


def machine(identity: Path = Path("/etc/machine-id")) -> str:
    """What this machine is known by, also after it got another host name.

    Parameters
    ----------
    identity : Path
        File with the number that systemd gives a machine once.

    Returns
    -------
    str
        That number; the host name where there is none.
    """
    try:
        number = identity.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        number = ""
    return number if _MACHINE_ID.fullmatch(number) else platform.node()


def _started(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[_START_FIELD]


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
