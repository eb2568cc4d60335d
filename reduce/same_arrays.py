"""Do two product files hold the same arrays? HDU by HDU, and how far apart where they do not."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from hcvo.errors import StoreError

__all__ = ["CLOSE", "Compared", "Likeness", "compare_products"]

CLOSE = 1e-5
"""Difference, in units of an array's largest value, that other processors and libraries may make."""


class Likeness(StrEnum):
    """How alike two HDUs are, best first."""

    IDENTICAL = "bit-identical"
    CLOSE = "within 1e-5"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Compared:
    """One HDU in both files.

    Attributes
    ----------
    hdu : str
        Its name; 'PRIMARY' of the first.
    likeness : Likeness
        The verdict.
    what : str
        Shape, largest difference, or why they cannot be compared.
    """

    hdu: str
    likeness: Likeness
    what: str


def compare_products(before: Path, after: Path) -> tuple[Compared, ...]:
    """Compare the data of two FITS files; headers, which name process and date, are left out.

    Parameters
    ----------
    before : Path
        The product as it was made.
    after : Path
        The product as it was made again.

    Returns
    -------
    tuple[Compared, ...]
        One an HDU, in the order of the files.

    Raises
    ------
    StoreError
        If a file cannot be read as FITS.
    """
    try:
        with fits.open(before) as old, fits.open(after) as new:
            names = [[hdu.name for hdu in file] for file in (old, new)]
            if names[0] != names[1]:
                found, wanted = (", ".join(each) for each in (names[1], names[0]))
                return (Compared("all", Likeness.DIFFERENT, f"HDUs are {found}; were {wanted}"),)
            return tuple(_compared(*pair) for pair in zip(old, new, strict=True))
    except OSError as error:
        raise StoreError(f"{before} and {after} cannot be compared: {error}") from error


def _compared(old: fits.PrimaryHDU, new: fits.PrimaryHDU) -> Compared:
    if old.data is None or new.data is None:
        both = old.data is None and new.data is None
        return Compared(old.name, *_verdict(both, "no data" if both else "data in one of them only"))
    pairs = [("", old.data, new.data)]
    if _is_table(old):
        if not _is_table(new) or old.data.dtype.names != new.data.dtype.names:
            return Compared(old.name, Likeness.DIFFERENT, "other columns")
        pairs = [(name, old.data[name], new.data[name]) for name in old.data.names]
    found = [_of_arrays(np.asarray(before), np.asarray(after), name) for name, before, after in pairs]
    worst = max(found, key=lambda one: list(Likeness).index(one[0]))
    return Compared(old.name, *worst)


def _is_table(hdu: fits.PrimaryHDU) -> bool:
    return isinstance(hdu, fits.BinTableHDU)


def _verdict(same: bool, what: str) -> tuple[Likeness, str]:  # noqa: FBT001 - the verdict itself
    return Likeness.IDENTICAL if same else Likeness.DIFFERENT, what


def _of_arrays(old: NDArray[np.generic], new: NDArray[np.generic], name: str) -> tuple[Likeness, str]:
    """Likeness of two arrays, the name of the column before what is said."""
    named = f"column {name}: " if name else ""
    if old.shape != new.shape or old.dtype != new.dtype:
        return Likeness.DIFFERENT, f"{named}{new.dtype} {new.shape}, was {old.dtype} {old.shape}"
    if old.tobytes() == new.tobytes():
        return Likeness.IDENTICAL, f"{named}{old.dtype.name} {old.shape}"
    if old.dtype.kind not in "fc":
        return Likeness.DIFFERENT, f"{named}{int(np.sum(old != new))} of {old.size} values differ"
    a, b = old.astype(np.float64), new.astype(np.float64)
    if not np.array_equal(np.isfinite(a), np.isfinite(b)):
        return Likeness.DIFFERENT, f"{named}numbers are missing at other places"
    there = np.isfinite(a)
    apart, largest = (
        float(np.max(np.abs(a - b)[there], initial=0.0)),
        float(np.max(np.abs(a)[there], initial=0.0)),
    )
    relative = apart / largest if largest else float("inf") if apart else 0.0
    what = f"{named}largest difference {relative:.1e} of the largest value"
    return (Likeness.CLOSE if relative <= CLOSE else Likeness.DIFFERENT), what
