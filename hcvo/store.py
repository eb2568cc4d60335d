"""Where a product file lies, and how it gets there: written aside, fsync, rename.

A file of the store is immutable: a new reduction is a new file.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hcvo.errors import StoreError
from hcvo.model.names import url_safe
from hcvo.model.product import ProductFacts

__all__ = ["accref", "file_name", "place", "sha256_of", "write_aside"]

_BLOCK = 1 << 20


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
        `hcvo.model.names.url_safe` does: accrefs and publisher DIDs need no escapes.
    """
    parts = (facts.obs_id, facts.filter or "NOFILTER", facts.algorithm, facts.kind, facts.process_id)
    return "_".join(url_safe(str(part)) for part in parts) + ".fits"


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
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".aside-", suffix=path.suffix)
    os.close(handle)
    aside = Path(name)
    try:
        yield aside
        _sync(aside)
        aside.chmod(0o644)
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
        If another file has that place: files of the store are immutable.
    """
    if target.exists():
        raise StoreError(f"{target} exists already; files of the store are never overwritten")
    target.parent.mkdir(parents=True, exist_ok=True)
    _sync(source)
    source.chmod(0o644)
    source.replace(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
