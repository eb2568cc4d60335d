"""Where a product file lies, and how it gets there: written aside, fsync, then the name.

A file of the store is immutable: a new reduction is a new file. Modes do not depend on the caller's
umask: the servers run as another account; who may not read has no way into the state folder.
"""

import ctypes
import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path

from hcvo.errors import StoreError
from hcvo.model.names import url_safe
from hcvo.model.product import ProductFacts

__all__ = ["accref", "file_name", "keep", "place", "sha256_of", "sync", "write_aside"]

_BLOCK = 1 << 20
_LIBC = ctypes.CDLL(None, use_errno=True)  # Python has no syncfs
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO}
"""Errors of the disk, not of what is being written."""


def file_name(facts: ProductFacts) -> str:
    """Name of a product file.

    Parameters
    ----------
    facts : ProductFacts
        What the file holds.

    Returns
    -------
    str
        ``<obs_id>_<filter>_<algorithm>_<kind>_<process id>.fits``, ':' written '-' and the rest as
        `hcvo.model.names.url_safe` does: accrefs and publisher DIDs need no escapes; pages and
        text tables have other endings.
    """
    parts = (facts.obs_id, facts.filter or "NOFILTER", facts.algorithm, facts.kind, facts.process_id)
    return "_".join(url_safe(str(part)) for part in parts) + facts.kind.suffix


def accref(facts: ProductFacts) -> str:
    """Path of a product below the store: ``<night>/<obs_id>/<file name>``."""
    return f"{url_safe(facts.night)}/{url_safe(facts.obs_id)}/{file_name(facts)}"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def write_aside(path: Path) -> Iterator[Path]:
    """Write a file so that it is whole or absent.

    Parameters
    ----------
    path : Path
        Final place; its folder is made.

    Yields
    ------
    Path
        A temporary path in the same folder; on leaving, it is synced to disk and renamed.

    Notes
    -----
    StoreError if the folder cannot be made or written to, or the disk is full.
    """
    with _told(path):
        _make_folder(path.parent)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".aside-", suffix=path.suffix)
        os.close(handle)
    aside = Path(name)
    try:
        with _told(path, _DISK):
            yield aside
        with _told(path):
            aside.chmod(0o644)
            _sync(aside)
            aside.replace(path)
            _sync(path.parent)
    finally:
        aside.unlink(missing_ok=True)


def place(source: Path, target: Path) -> None:
    """Move a finished file of the staging folder to its place in the store.

    Parameters
    ----------
    source : Path
        The finished file, on the store's file system.
    target : Path
        Its place.

    Raises
    ------
    StoreError
        If another file has that place: files of the store are immutable; or the disk refuses.
    """
    with _told(target):
        _make_folder(target.parent)
        source.chmod(0o644)
        _sync(source)
        try:
            os.link(source, target)  # unlike a rename, this refuses a name that is taken
        except FileExistsError as error:
            raise StoreError(f"{target} exists already; files of the store are never overwritten") from error
        _sync(target.parent)
        source.unlink()


def keep(source: Path, target: Path) -> None:
    """Give a finished file a place in the store and leave it where it is.

    Both are one file where they are on one file system (a hard link), else the store has a copy. It is not
    synced yet: `sync` does that once for many files.

    Parameters
    ----------
    source : Path
        The finished file, which nobody writes to any more.
    target : Path
        Its place.

    Raises
    ------
    StoreError
        If another file has that place.
    OSError
        Told as a StoreError: if the disk refuses.
    """
    with _told(target):
        _make_folder(target.parent)
        try:
            os.link(source, target)
        except FileExistsError as error:
            if not target.samefile(source) and sha256_of(target) != sha256_of(source):
                raise StoreError(
                    f"{target} exists already, with another content than {source}; files of the store are "
                    "never overwritten"
                ) from error
            return
        except OSError as error:
            if error.errno not in {errno.EXDEV, errno.EPERM}:
                raise
            _copy(source, target)
        target.chmod(0o644)


def sync(folder: Path) -> None:
    """Make all that was written on the file system of a folder last a power cut; for many files at once."""
    with _told(folder):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            if _LIBC.syncfs(descriptor) != 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        finally:
            os.close(descriptor)


def _copy(source: Path, target: Path) -> None:
    with write_aside(target) as aside:
        shutil.copyfile(source, aside)


@contextmanager
def _told(path: Path, kinds: Container[int | None] | None = None) -> Iterator[None]:
    """Turn the system's refusals (only those of some `kinds`, if given) into an error of the store."""
    try:
        yield
    except OSError as error:
        if kinds is not None and error.errno not in kinds:
            raise
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error


def _make_folder(folder: Path) -> None:
    """Make a folder and its parents, so that they are there after a power cut."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        new.mkdir(exist_ok=True)
        new.chmod(0o755)
        _sync(new.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
