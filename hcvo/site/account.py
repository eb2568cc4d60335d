"""Who runs the servers: yourself, or an unprivileged account when you are root."""

import contextlib
import grp
import os
import pwd
import stat
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hcvo.config import Settings
from hcvo.errors import SiteError
from hcvo.site import folders
from hcvo.site.processes import ServerProcess

__all__ = ["Account", "server_account"]

_TAIL = 12
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Account:
    """A unix account that runs servers and owns the state folder."""

    name: str
    uid: int
    gid: int

    @property
    def group(self) -> str:
        """Name of its first group."""
        return grp.getgrgid(self.gid).gr_name

    def own(self, path: Path, mode: int | None = None) -> None:
        """Give a folder to the account.

        Parameters
        ----------
        path : Path
            Folder that exists; a link is refused.
        mode : int | None
            Permission bits to set, if any.
        """
        with folders.opened(path) as handle:
            self._give(path, handle, mode)

    def folder(self, path: Path, mode: int = 0o755) -> Path:
        """Make a folder of the account's, and return it.

        Parameters
        ----------
        path : Path
            Folder, no part of it a link; parents that are missing are made and given to the account too.
        mode : int
            Permission bits of the folder.

        Returns
        -------
        Path
            The folder.
        """
        with folders.opened(path, made=lambda new: self._give(path, new, 0o755)) as handle:
            self._give(path, handle, mode)
        return path

    def write(self, path: Path, text: str, mode: int = 0o644) -> None:
        """Write a file of the account's, whole or not at all, and on the disk when this returns.

        Parameters
        ----------
        path : Path
            File; its folder exists, no part of it a link.
        text : str
            What it shall hold.
        mode : int
            Permission bits; only the account can read it before they are set.

        Raises
        ------
        SiteError
            If it cannot be written.
        """
        aside = f".{path.name}.aside"
        try:
            with folders.opened(path.parent) as folder:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(aside, dir_fd=folder)
                # O_EXCL and the descriptors: root must not follow a link that the account put here.
                handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
                with os.fdopen(handle, "w", encoding="utf-8") as stream:
                    self._give(path, handle, mode)
                    stream.write(text)
                    stream.flush()
                    os.fsync(handle)
                os.rename(aside, path.name, src_dir_fd=folder, dst_dir_fd=folder)
                os.fsync(folder)
        except OSError as error:
            raise SiteError(f"cannot write {path}: {error.strerror}") from error

    def run(
        self,
        command: Sequence[str | Path],
        *,
        cwd: Path,
        env: Mapping[str, str],
        timeout_s: float = 300.0,
        new_session: bool = False,
    ) -> str:
        """Run a command as the account to its end.

        Parameters
        ----------
        command : Sequence[str | Path]
            Program and arguments.
        cwd : Path
            Folder to run in, which the account can enter.
        env : Mapping[str, str]
            Environment beyond PATH, HOME and the locale; nothing of the caller's goes in.
        timeout_s : float
            Seconds after which it is killed.
        new_session : bool
            Run in a session of its own.

        Returns
        -------
        str
            Its output, both streams.

        Raises
        ------
        SiteError
            If it is missing, fails, or does not end in time; with the last lines of its output.
        """
        name = str(command[0])
        try:
            done: subprocess.CompletedProcess[str] = subprocess.run(  # noqa: S603 - our own servers' programs, no shell
                [str(part) for part in command],
                cwd=cwd,
                env=self._environment(cwd, env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=timeout_s,
                check=False,
                text=True,
                errors="replace",
                start_new_session=new_session,
                **self._identity(),
            )
        except FileNotFoundError as error:
            raise SiteError(f"{name} is not installed; run etc/install.sh") from error
        except subprocess.TimeoutExpired as error:
            raise SiteError(f"{name} did not end within {timeout_s:.0f} s; it was stopped") from error
        if done.returncode != 0:
            last = "\n".join(done.stdout.strip().splitlines()[-_TAIL:])
            raise SiteError(f"'{' '.join(map(str, command))}' ended with {done.returncode}:\n{last}")
        return done.stdout

    def start(
        self, command: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str], log: Path
    ) -> ServerProcess:
        """Start a server as the account, in a session of its own, and leave it running.

        Parameters
        ----------
        command : Sequence[str | Path]
            Program and arguments.
        cwd : Path
            Folder to run in.
        env : Mapping[str, str]
            Environment beyond PATH, HOME and the locale.
        log : Path
            Where both of its output streams are appended.

        Returns
        -------
        ServerProcess
            The server; init is its parent, so it outlives us and leaves no zombie.

        Notes
        -----
        SiteError if it ends as soon as it is started.
        """
        shell = ["/bin/sh", "-c", 'log=$1; shift; "$@" </dev/null >>"$log" 2>&1 & echo $!', "sh", str(log)]
        pid = self.run([*shell, *command], cwd=cwd, env=env, new_session=True)
        return ServerProcess.now(int(pid))

    def _give(self, path: Path, handle: int, mode: int | None) -> None:
        """Set owner and mode of what a descriptor has open; `path` is for the message."""
        try:
            if os.geteuid() == 0:
                os.fchown(handle, self.uid, self.gid)
            if mode is not None and stat.S_IMODE(os.fstat(handle).st_mode) != mode:
                os.fchmod(handle, mode)
        except OSError as error:
            raise SiteError(f"{path} cannot be given to {self.name}: {error.strerror}") from error

    def _identity(self) -> dict[str, Any]:
        if os.geteuid() != 0:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": [self.gid], "umask": 0o022}

    def _environment(self, home: Path, env: Mapping[str, str]) -> dict[str, str]:
        base = {"PATH": _SYSTEM_PATH, "HOME": str(home), "LC_ALL": "C.UTF-8", "USER": self.name}
        return base | dict(env)


def server_account(settings: Settings) -> Account:
    """Account that runs this site's servers.

    Parameters
    ----------
    settings : Settings
        Settings of the site; `account` names the account.

    Returns
    -------
    Account
        Yourself, or when you are root the named account (default ``hcvo``).

    Raises
    ------
    SiteError
        If the account does not exist, is root, or is another than yourself and you are not root.
    """
    me = os.geteuid()
    if me != 0:
        own = pwd.getpwuid(me)
        if settings.account not in ("", own.pw_name):
            raise SiteError(
                f"servers shall run as {settings.account!r} but you are {own.pw_name!r}; "
                "be root, or that account"
            )
        return Account(own.pw_name, own.pw_uid, own.pw_gid)
    name = settings.account or "hcvo"
    try:
        entry = pwd.getpwnam(name)
    except KeyError as error:
        raise SiteError(f"account {name!r} does not exist; etc/install.sh makes it") from error
    if entry.pw_uid == 0:
        raise SiteError("servers never run as root; set 'account' to an unprivileged account")
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
