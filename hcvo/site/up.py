"""Bring a site up, whatever state it is in: new, stopped, killed, half up, or with older views."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock

from django.db import connections

from hcvo.catalogue.publish import apply_views
from hcvo.catalogue.setup import is_behind, migrate
from hcvo.config import Settings
from hcvo.errors import SiteError
from hcvo.site import dachs, database, folders, postgres, templates, web
from hcvo.site.account import Account, server_account

__all__ = ["bring_down", "bring_up", "make_folders"]

_MARKER = ".hcvo-site"
"""File by which a state folder of ours is known: only such a one is given to the account, or cleaned away."""
_MARKED = "State folder of hcvo: 'make clean' removes what the site made here, and this file.\n"
_STILL_EMPTY = {"lost+found", f".{_MARKER}.aside"}
"""Of a new file system, and of an `up` that was killed before it made anything else."""


def bring_up(settings: Settings, *, say: Callable[[str], None] = lambda _: None) -> bool:
    """Start what does not run, update what is behind; return when TAP answers.

    Parameters
    ----------
    settings : Settings
        Settings of the site.
    say : Callable[[str], None]
        Told what is being done, a line a step.

    Returns
    -------
    bool
        True if something had to be done, False if the site was up and up to date.

    Notes
    -----
    SiteError if a server cannot start: port taken, tool missing, socket path too long.
    """
    account = server_account(settings)
    postgres.check_place(settings)
    web.check_place(settings)
    make_folders(settings, account)
    with _locked(settings):
        postgres.create_cluster(settings, account)
        based = postgres.start(settings, account)
        if based:
            say(f"PostgreSQL runs on port {settings.database.port}, as {account.name}")
        connections.close_all()
        before = set(web.running(settings).values())
        begin = time.monotonic()
        if is_behind(settings):
            say("the catalogue's tables change: no answers until they are done")
            web.pause(settings)
            database.drop_views(settings)
        migrate(settings)
        if dachs.prepare(settings, account):
            web.stop(settings)
        apply_views(settings)
        templates.copy_resources(settings, account)
        adopted = dachs.adopt(settings, account, say=say)
        if adopted:
            web.pause(settings)
        served = web.start(settings, account)
        if served:
            number = settings.dachs.processes
            several = f", {number} processes behind nginx" if number > 1 else ""
            say(f"DaCHS runs on port {settings.dachs.port}, as {account.name}{several}")
            if before and not before & set(web.running(settings).values()):
                say(f"it was down, or its answers not to be relied on, for {time.monotonic() - begin:.1f} s")
    return based or adopted or served


def bring_down(settings: Settings) -> bool:
    """Stop the servers and all they started; data stay.

    Parameters
    ----------
    settings : Settings
        Settings of the site.

    Returns
    -------
    bool
        True if something was running.
    """
    if not settings.sockets.exists():
        return False
    account = server_account(settings)
    with _locked(settings):
        served = web.stop(settings)
        connections.close_all()
        base = postgres.stop(settings, account)
    return served or base


def make_folders(settings: Settings, account: Account) -> None:
    """Make the folders of a site that its account owns.

    Parameters
    ----------
    settings : Settings
        Settings of the site.
    account : Account
        Account that runs its servers.

    Raises
    ------
    SiteError
        If the state folder holds other things than a site.
    """
    present = {path.name for path in settings.state.iterdir()} if settings.state.exists() else set()
    if present - _STILL_EMPTY and _MARKER not in present:
        raise SiteError(
            f"{settings.state} is no state folder of a site: it holds {', '.join(sorted(present)[:3])} and "
            f"no file {_MARKER}; set HCVO_STATE to a new or empty folder"
        )
    # What is not public yet lies below: other accounts of the machine stay out.
    account.folder(settings.state, 0o750)
    if _MARKER not in present:
        account.write(settings.state / _MARKER, _MARKED)
    for folder in (settings.logs, settings.store, settings.staging, settings.raw, settings.sockets):
        account.folder(folder)


@contextmanager
def _locked(settings: Settings) -> Iterator[None]:
    """One `up` or `down` at a time; the lock goes with the process that holds it."""
    with _lock_file(settings) as handle:
        try:
            flock(handle, LOCK_EX | LOCK_NB)
        except BlockingIOError as error:
            raise SiteError(f"another 'hcvo site' command works on {settings.state}; wait for it") from error
        yield


@contextmanager
def _lock_file(settings: Settings) -> Iterator[int]:
    """Open the lock; nothing in it changes, and a link in its place is refused."""
    try:
        with folders.opened(settings.sockets) as folder:
            handle = os.open("lock", os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644, dir_fd=folder)
    except OSError as error:
        raise SiteError(f"cannot lock {settings.sockets / 'lock'}: {error.strerror}") from error
    try:
        yield handle
    finally:
        os.close(handle)
