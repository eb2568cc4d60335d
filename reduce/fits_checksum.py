"""Checksums of a FITS unit whose data are written piece by piece (FITS standard 4.0, appendix J).

The sum of 32-bit words in ones' complement does not depend on the order of whole words, and can be carried
from piece to piece.
"""

import numpy as np
from astropy.io import fits

__all__ = ["ALL_ONES", "BLOCK", "encoded", "padding", "signed", "word_sum"]

BLOCK = 2880
"""Bytes of a FITS block."""

ALL_ONES = 0xFFFFFFFF
"""The sum of a whole unit with its checksum: minus zero."""

_PUNCTUATION = frozenset([*range(0x3A, 0x41), *range(0x5B, 0x61)])  # between digits and letters
_UNSET = "0" * 16


def word_sum(data: bytes, before: int = 0) -> int:
    """Sum of big-endian 32-bit words in ones' complement.

    Parameters
    ----------
    data : bytes
        A whole number of words; only the last piece of a unit may end within one.
    before : int
        Sum of the pieces before.

    Returns
    -------
    int
        0 to 2**32 - 1.
    """
    whole = data + b"\0" * (-len(data) % 4)
    total = before + int(np.frombuffer(whole, ">u4").sum(dtype=np.uint64))
    while total > ALL_ONES:
        total = (total & ALL_ONES) + (total >> 32)
    return total


def encoded(value: int) -> str:
    """The 16 characters whose sum is a value: letters and digits, as the standard's appendix makes them."""
    letters = [0] * 16
    for place in range(4):
        byte = value >> (24 - 8 * place) & 0xFF
        four = [byte // 4 + 0x30] * 4
        four[0] += byte % 4
        while any(letter in _PUNCTUATION for letter in four):
            for pair in (0, 2):
                if four[pair] in _PUNCTUATION or four[pair + 1] in _PUNCTUATION:
                    four[pair] += 1
                    four[pair + 1] -= 1
        for number, letter in enumerate(four):
            letters[4 * number + place] = letter
    return bytes(letters[-1:] + letters[:-1]).decode("ascii")


def padding(length: int) -> bytes:
    """Zeros after data of this length, to the end of the block."""
    return b"\0" * (-length % BLOCK)


def signed(header: fits.Header, data_sum: int) -> bytes:
    """Header of a unit with DATASUM and CHECKSUM.

    Parameters
    ----------
    header : fits.Header
        Complete but for these two cards; they are set in it.
    data_sum : int
        `word_sum` of the unit's data.

    Returns
    -------
    bytes
        Whole blocks; their length does not depend on the sum.
    """
    header["DATASUM"] = (f"{data_sum:<10d}", "sum of the data's words")
    header["CHECKSUM"] = (_UNSET, "makes the sum of the unit's words -0")
    total = word_sum(header.tostring().encode("ascii"), data_sum)
    header["CHECKSUM"] = encoded(ALL_ONES - total)
    return bytes(header.tostring().encode("ascii"))
