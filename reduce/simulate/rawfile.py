"""Bytes of a raw file: astropy would drop the BZERO and BSCALE of 0 and 1 that ESO's files have.

Checksums follow the FITS checksum convention (FITS 4.0, appendix J).
"""

from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from hcvo.store import write_aside

__all__ = ["write_raw"]

_BLOCK = 2880
_WORD = 0xFFFFFFFF
_PLACES = 4
_ZERO = ord("0")
_BETWEEN = {*range(0x3A, 0x41), *range(0x5B, 0x61)}
"""Punctuation that a checksum must not contain."""


def write_raw(path: Path, header: fits.Header, cube: NDArray[np.float32], when: str) -> None:
    """Write a primary HDU with its checksums, whole or not at all.

    Parameters
    ----------
    path : Path
        Final place.
    header : fits.Header
        Complete but for the checksums.
    cube : NDArray[np.float32]
        (integration, y, x).
    when : str
        Time told in the comments of the checksum cards.
    """
    data = cube.astype(">f4").tobytes()
    data += b"\0" * (-len(data) % _BLOCK)
    data_sum = _sum(data, 0)
    header = header.copy()
    header["CHECKSUM"] = ("0" * 16, f"HDU checksum updated {when}")
    header["DATASUM"] = (str(data_sum), f"data unit checksum updated {when}")
    total = _sum(header.tostring().encode("ascii"), data_sum)
    header["CHECKSUM"] = _encode(~total & _WORD)
    with write_aside(path) as aside, aside.open("wb") as stream:
        stream.write(header.tostring().encode("ascii"))
        stream.write(data)


def _sum(block: bytes, start: int) -> int:
    """Ones' complement sum of the 32-bit words."""
    total = int(np.frombuffer(block, dtype=">u4").sum(dtype=np.uint64)) + start
    while total > _WORD:
        total = (total & _WORD) + (total >> 32)
    return total


def _encode(value: int) -> str:
    """Sixteen letters and digits whose own sum is `value`."""
    columns = []
    for shift in (24, 16, 8, 0):
        byte = value >> shift & 0xFF
        quarter, rest = divmod(byte, _PLACES)
        letters = [quarter + rest + _ZERO, *[quarter + _ZERO] * 3]
        while any(letter in _BETWEEN for letter in letters):
            letters = _balance(letters)
        columns.append(letters)
    text = "".join(chr(columns[column][row]) for row in range(_PLACES) for column in range(_PLACES))
    return text[-1] + text[:-1]


def _balance(letters: list[int]) -> list[int]:
    """Move pairs apart until none is punctuation; their sum stays."""
    result = list(letters)
    for first in (0, 2):
        if result[first] in _BETWEEN or result[first + 1] in _BETWEEN:
            result[first] += 1
            result[first + 1] -= 1
    return result
