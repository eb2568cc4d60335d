"""Which files of a folder are FITS files by their names; what should be one is named, not passed over."""

import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["find_files"]

_SUFFIXES = (".fits", ".fit", ".fts")
_UNPACK = {".gz": "gunzip", ".z": "uncompress", ".fz": "funpack", ".bz2": "bunzip2", ".xz": "unxz"}


def find_files(folder: Path, leave_out: Path) -> tuple[list[Path], list[str]]:
    """Look for FITS files in a folder and those below, links followed.

    Parameters
    ----------
    folder : Path
        Where to look.
    leave_out : Path
        A folder not to look into.

    Returns
    -------
    tuple[list[Path], list[str]]
        Files in order of their paths; why others, that should be such files, cannot be read.
    """
    bad: list[str] = []
    files = []
    for path in sorted(_walk(folder, leave_out.resolve(), bad)):
        if path.suffix.lower() in _SUFFIXES:
            if path.exists():
                files.append(path)
            else:
                bad.append(
                    f"{path}: a link to {path.readlink()}, which is not there; mend it or take it away"
                )
        elif _packed(path):
            how = _UNPACK[path.suffix.lower()]
            bad.append(f"{path}: a packed file, wanted plain FITS; unpack it with {how}")
    if not files and not bad:
        bad.append(
            f"{folder}: no file in it ends in {', '.join(_SUFFIXES)}; give a folder with raw FITS files"
        )
    return files, bad


def _walk(folder: Path, leave_out: Path, bad: list[str]) -> Iterator[Path]:
    """Every file, and links to nothing; a folder that a link leads back to is not walked again."""

    def unreadable(error: OSError) -> None:
        bad.append(f"{error.filename}: the folder cannot be read ({error.strerror}); left out")

    seen = set()
    for place, folders, names in os.walk(folder, onerror=unreadable, followlinks=True):
        here = Path(place).resolve()
        if here in seen or here.is_relative_to(leave_out):
            folders.clear()
            continue
        seen.add(here)
        simulated = "truth.json" in names  # the simulator's: what it planted lies beside its raw files
        yield from (Path(place, name) for name in names if not (simulated and name.startswith("truth")))


def _packed(path: Path) -> bool:
    """Whether it would be a FITS file once it is unpacked, and is not so already beside it."""
    plain = path.with_suffix("")
    return path.suffix.lower() in _UNPACK and plain.suffix.lower() in _SUFFIXES and not plain.exists()
