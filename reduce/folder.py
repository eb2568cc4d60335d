"""Reduce a folder of raw frames without any database."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["Summary", "reduce_folder"]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a reduction did.

    Attributes
    ----------
    done, reused, failed : int
        Processes that ran, that had run before with the same key, that failed.
    products : tuple[Path, ...]
        Product files of the processes done or reused, where they now lie.
    refusals : tuple[str, ...]
        What could not be reduced and why: bad files, missing calibrations, failed recipes.
    """

    done: int
    reused: int
    failed: int
    products: tuple[Path, ...]
    refusals: tuple[str, ...]


def reduce_folder(
    folder: Path,
    out: Path,
    *,
    target: str | None = None,
    until: Literal["level1", "level2"] = "level2",
    parameters: Mapping[str, Mapping[str, object]] | None = None,
    progress: bool = True,
) -> Summary:
    """Reduce every frame of a folder into another.

    Parameters
    ----------
    folder : Path
        Raw FITS files, searched below too.
    out : Path
        Products by their store names, ``processes/<id>.json``, ``logs/``.
    target : str | None
        Reduce only this target (OBJECT name, case and blanks ignored).
    until : Literal['level1', 'level2']
        Last level to make.
    parameters : Mapping[str, Mapping[str, object]] | None
        Recipe name to parameters that differ from the defaults.
    progress : bool
        Show a progress bar where standard error is a terminal.

    Returns
    -------
    Summary
        Counts, products and refusals.
    """
    raise NotImplementedError
