"""What other people's code says while a recipe runs, in words an operator can act on."""

import traceback
import warnings
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import structlog

from hcvo.errors import HcvoError, ReductionError, StoreError

__all__ = ["told", "warnings_into"]

_KERNELS = Path(__file__).parent / "kernels"


def told(error: BaseException, log: Path) -> BaseException:
    """An error of hcvo's family in place of a foreign one.

    Parameters
    ----------
    error : BaseException
        What stopped a recipe.
    log : Path
        The process's log file.

    Returns
    -------
    BaseException
        The same where it is ours already, or ends the program; otherwise one that says what to do.
    """
    if isinstance(error, HcvoError) or not isinstance(error, Exception):
        return error
    if isinstance(error, OSError):
        files = " -> ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
        return StoreError(f"{files or 'the system refused'}: {error.strerror or error}; its log is {log}")
    if isinstance(error, MemoryError):
        return ReductionError(f"not enough memory ({error}); take fewer --workers or a smaller cube")
    if isinstance(error, BrokenExecutor):
        return ReductionError(
            "one of its processes was killed, as happens when memory runs out; take fewer --workers"
        )
    if isinstance(error, ValueError) and _of_a_kernel(error):
        return ReductionError(f"{error}; its log is {log}")
    what = f"{type(error).__name__}: {error}"
    return ReductionError(f"stopped by a fault of the program ({what}); {log} tells where, please report it")


def _of_a_kernel(error: ValueError) -> bool:
    """Whether a kernel raised it by a statement of its own: those say plainly what is wrong with arrays."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    return any(Path(one.filename).parent == _KERNELS and (one.line or "").startswith("raise") for one in last)


@contextmanager
def warnings_into(log: structlog.stdlib.BoundLogger) -> Iterator[None]:
    """Write the libraries' warnings into a process's log instead of to the console.

    Parameters
    ----------
    log : structlog.stdlib.BoundLogger
        The process's log.

    Yields
    ------
    None
        While they go there; filters stay as they are.
    """

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        del file, line
        log.warning("library warning", what=f"{category.__name__}: {message}", where=f"{filename}:{lineno}")

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield
