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

__all__ = ["in_our_words", "warnings_into"]

_KERNELS = Path(__file__).parent / "kernels"


@contextmanager
def in_our_words(log: Path | None) -> Iterator[None]:
    """Let no error of another family out of a recipe: one of ours in its place, that says what to do.

    Parameters
    ----------
    log : Path | None
        The process's log file; None where there is none.

    Yields
    ------
    None
        While the recipe runs; our own errors, and the end of the program, pass.

    Raises
    ------
    HcvoError
        As it was.
    StoreError
        In place of the system's refusals.
    ReductionError
        In place of all others.
    """
    told = "" if log is None else f"; its log is {log}"
    try:
        yield
    except HcvoError:
        raise
    except OSError as error:
        files = " -> ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
        what = f"{files or 'the system refused'}: {error.strerror or error}"
        raise StoreError(f"{what}{told}") from error
    except MemoryError as error:
        raise ReductionError(
            f"not enough memory ({error}); take fewer --workers or a smaller cube"
        ) from error
    except BrokenExecutor as error:
        raise ReductionError(
            "one of its processes was killed, as happens when memory runs out; take fewer --workers"
        ) from error
    except Exception as error:
        if isinstance(error, ValueError) and _of_a_kernel(error):
            raise ReductionError(f"{error}{told}") from error
        what = f"{type(error).__name__}: {error}"
        where = "" if log is None else f"{log} tells where, "
        raise ReductionError(
            f"stopped by a fault of the program ({what}); {where}please report it"
        ) from error


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
