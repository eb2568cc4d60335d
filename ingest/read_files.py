"""Read raw files side by side: each gives its frame, or the reason why it is none."""

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from hcvo.errors import InputError
from hcvo.model.frame import RawFrame

__all__ = ["ReadFile", "read_all", "side_by_side"]

_TOGETHER = 16  # files that a process takes at once
_AHEAD = 16  # such lots a process that wait to be taken

_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class ReadFile:
    """One file.

    Attributes
    ----------
    path : Path
        Where it lies.
    frame : RawFrame | None
        What it is; None where it was refused.
    refused : str
        Why.
    """

    path: Path
    frame: RawFrame | None
    refused: str = ""

    @property
    def shown(self) -> str:
        """The path as text, whatever bytes are in it."""
        return os.fsencode(self.path).decode("utf-8", "backslashreplace")


def read_all(
    paths: Sequence[Path], read_frame: Callable[[Path], RawFrame], workers: int
) -> Iterator[ReadFile]:
    """Read files in their order.

    Parameters
    ----------
    paths : Sequence[Path]
        The files.
    read_frame : Callable[[Path], RawFrame]
        Reader of raw frames; raises `InputError` for a file that is none. Importable where there are workers.
    workers : int
        Processes; 1 reads here.

    Yields
    ------
    ReadFile
        One a path.
    """
    yield from side_by_side(partial(_read, read_frame), paths, workers)


def side_by_side(read: Callable[[Path], _Read], paths: Sequence[Path], workers: int) -> Iterator[_Read]:
    """Read files by several processes, not much further ahead than what is taken.

    Parameters
    ----------
    read : Callable[[Path], _Read]
        Reader of one file; importable where there are workers.
    paths : Sequence[Path]
        The files.
    workers : int
        Processes; 1 reads here.

    Yields
    ------
    _Read
        One a path, in their order.
    """
    if workers == 1:
        yield from map(read, paths)
        return
    ahead: deque[Future[list[_Read]]] = deque()
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for begin in range(0, len(paths), _TOGETHER):
            ahead.append(pool.submit(_read_some, read, paths[begin : begin + _TOGETHER]))
            if len(ahead) >= _AHEAD * workers:
                yield from ahead.popleft().result()
        while ahead:
            yield from ahead.popleft().result()


def _read_some(read: Callable[[Path], _Read], paths: Sequence[Path]) -> list[_Read]:
    return [read(path) for path in paths]


def _read(read_frame: Callable[[Path], RawFrame], path: Path) -> ReadFile:
    file = ReadFile(path, None)
    if file.shown != str(path):
        return ReadFile(path, None, "its name or its folder's is no UTF-8; rename it")
    try:
        return ReadFile(path, read_frame(path))
    except InputError as error:
        return ReadFile(path, None, str(error).removeprefix(f"{path}: "))
    except OSError as error:
        return ReadFile(path, None, f"cannot be read: {error.strerror or error}")
