"""Folders reached without following a link: root works in a tree that the servers' account can change."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hcvo.errors import SiteError

__all__ = ["opened"]

# O_PATH needs no right to read the folders on the way; O_NOFOLLOW looks at one name only, so each is a step.
_STEP = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_WHOLE = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@contextmanager
def opened(path: Path, *, made: Callable[[int], None] | None = None) -> Iterator[int]:
    """Open a folder, no part of its path being a link.

    Parameters
    ----------
    path : Path
        The folder, absolute.
    made : Callable[[int], None] | None
        Make what is missing, and give each new folder's descriptor to this; None: make nothing.

    Yields
    ------
    int
        Descriptor of the folder.

    Notes
    -----
    SiteError if a part is a link or no folder, or a folder cannot be opened or made.
    """
    here, handle = Path(path.root), os.open(path.root, _WHOLE)
    try:
        for part in path.parts[1:]:
            here /= part
            handle = _enter(handle, here, made)
        yield handle
    finally:
        os.close(handle)


def _enter(parent: int, path: Path, made: Callable[[int], None] | None) -> int:
    """Descriptor of a folder below `parent`, which is closed once it is open."""
    try:
        new = made is not None and _make(parent, path.name)
        handle = _open(parent, path.name)
        if new and made is not None:
            made(handle)
    except NotADirectoryError as error:
        raise SiteError(f"{path} is a link or no folder; put a folder there, or mount one") from error
    except OSError as error:
        raise SiteError(f"{path}: {error.strerror}; be its owner or root, or set HCVO_STATE") from error
    os.close(parent)
    return handle


def _make(parent: int, name: str) -> bool:
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        return False
    return True


def _open(parent: int, name: str) -> int:
    step = os.open(name, _STEP, dir_fd=parent)
    try:
        return os.open(".", _WHOLE, dir_fd=step)
    except PermissionError:
        return os.dup(step)
    finally:
        os.close(step)
