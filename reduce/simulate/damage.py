"""What can go wrong with a raw file on its way to the archive."""

from pathlib import Path
from typing import Any

from astropy.io import fits

from hcvo.errors import ConfigError
from reduce.simulate.instrument import NAXIS1, NAXIS2

__all__ = ["damage_last"]

_BLOCK = 2880
_PLANE = NAXIS1 * NAXIS2 * 4


def damage_last(folder: Path, entries: list[dict[str, Any]], kind: str) -> dict[str, str]:
    """Damage the last science file.

    Parameters
    ----------
    folder : Path
        Folder of the night.
    entries : list[dict[str, Any]]
        Truth of its files; planes that get lost are taken out, in place.
    kind : str
        'truncate': bytes are missing; 'ndit': DET NDIT promises twice the planes; 'abort': the file was
        closed after half of them.

    Returns
    -------
    dict[str, str]
        File and kind.

    Raises
    ------
    ConfigError
        If the kind is unknown.
    """
    entry = [each for each in entries if each["kind"] == "OBJECT"][-1]
    path = folder / entry["file"]
    if kind == "truncate":
        with path.open("r+b") as stream:
            stream.truncate(path.stat().st_size * 6 // 10)
        entry["frames"] = []
    elif kind == "ndit":
        _rewrite(path, {"HIERARCH ESO DET NDIT": 2 * len(entry["frames"])}, len(entry["frames"]))
    elif kind == "abort":
        kept = len(entry["frames"]) // 2
        _rewrite(path, {"NAXIS3": kept}, kept)
        entry["frames"] = entry["frames"][:kept]
    else:
        raise ConfigError(f"damage {kind!r} is unknown; wanted truncate, ndit or abort")
    return {"file": entry["file"], "kind": kind}


def _rewrite(path: Path, cards: dict[str, int], planes: int) -> None:
    """Write the file again with other cards and only its first planes."""
    header = fits.Header.fromfile(path)
    start = len(header.tostring())
    pixels = path.read_bytes()[start : start + planes * _PLANE]
    header.update(cards)
    for checksum in ("CHECKSUM", "DATASUM"):
        del header[checksum]
    path.write_bytes(header.tostring().encode("ascii") + pixels + b"\0" * (-len(pixels) % _BLOCK))
