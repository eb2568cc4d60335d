"""Tile-compressed images written plane by plane: one tile a plane (FITS standard 4.0, section 10).

Any reader of FITS shows them as images. Compression is without loss (GZIP); numbers that are known to
some percent only are first rounded to 8 bits of mantissa, by at most 1/512 of their value: that halves
the file.
"""

import zlib
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from reduce.fits_checksum import padding, signed, word_sum

__all__ = ["ROUNDING", "Heap", "packed_flags", "packed_floats"]

ROUNDING = 2.0**-9
"""Largest relative change of a packed float."""

_KEEP_BITS = 8  # of 23 in the mantissa
_DROPPED = np.uint32(23 - _KEEP_BITS)
_LEVEL = 1  # of zlib, with runs only: noise has no longer matches, they cost time and bytes
_GZIP = 31  # window bits that ask zlib for a gzip stream; its clock stands at 0
_PIECE = 1 << 24  # bytes, whole words


def packed_floats(plane: NDArray[np.floating]) -> bytes:
    """Round and pack one plane.

    Parameters
    ----------
    plane : NDArray[np.floating]
        (y, x); NaN = no data.

    Returns
    -------
    bytes
        A tile of GZIP_2: bytes of equal weight together.
    """
    bits = np.ascontiguousarray(plane, np.float32).view(np.uint32)
    half = np.uint32(1) << (_DROPPED - np.uint32(1))
    rounded = (bits + half) >> _DROPPED << _DROPPED
    kept = np.where(np.isfinite(plane), rounded, bits).astype(">u4")
    return _deflated(kept.reshape(-1).view(np.uint8).reshape(-1, 4).T.tobytes())


def packed_flags(plane: NDArray[np.uint8]) -> bytes:
    """Pack one plane of bits (y, x): a tile of GZIP_1."""
    return _deflated(np.ascontiguousarray(plane).tobytes())


def _deflated(data: bytes) -> bytes:
    squeezer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP, strategy=zlib.Z_RLE)
    return squeezer.compress(data) + squeezer.flush()


class _Kind(NamedTuple):
    """How a tile was made."""

    bitpix: int
    method: str


_KINDS = {"float": _Kind(-32, "GZIP_2"), "flags": _Kind(8, "GZIP_1")}


class Heap:
    """Tiles of one image kept in a file until all are there.

    Parameters
    ----------
    path : Path
        A file to be made; it belongs to the heap.
    shape : tuple[int, int, int, int]
        (channel, time, y, x) of the image.
    kind : str
        'float' (of `packed_floats`) or 'flags' (of `packed_flags`).
    """

    def __init__(self, path: Path, shape: tuple[int, int, int, int], kind: str) -> None:
        self._path, self._shape, self._kind = path, shape, _KINDS[kind]
        self._lengths = np.zeros(shape[:2], np.int64)
        self._offsets = np.zeros(shape[:2], np.int64)
        self._end = 0
        path.write_bytes(b"")

    def add(self, channel: int, time: int, tile: bytes) -> None:
        """Keep the tile of one plane."""
        with self._path.open("ab") as stream:
            stream.write(tile)
        self._lengths[channel, time], self._offsets[channel, time] = len(tile), self._end
        self._end += len(tile)

    def write(self, target: BinaryIO, name: str, cards: dict[str, tuple[object, str]]) -> None:
        """Append the extension to an open FITS file.

        Parameters
        ----------
        target : BinaryIO
            At its end, which is that of a block.
        name : str
            EXTNAME.
        cards : dict[str, tuple[object, str]]
            Further cards: keyword to value and comment.
        """
        places = np.stack([self._lengths, self._offsets], axis=-1).astype(">i8").tobytes()
        total = word_sum(places)
        with self._path.open("rb") as heap:
            while piece := heap.read(_PIECE):
                total = word_sum(piece, total)
        target.write(signed(self._header(name, cards), total))
        target.write(places)
        with self._path.open("rb") as heap:
            while piece := heap.read(_PIECE):
                target.write(piece)
        target.write(padding(len(places) + self._end))

    def _header(self, name: str, cards: dict[str, tuple[object, str]]) -> fits.Header:
        sizes = self._shape[::-1]
        header = fits.Header()
        header["XTENSION"] = ("BINTABLE", "tile-compressed image")
        fixed = {"BITPIX": 8, "NAXIS": 2, "NAXIS1": 16, "NAXIS2": self._lengths.size, "PCOUNT": self._end}
        header.update(fixed | {"GCOUNT": 1, "TFIELDS": 1, "TTYPE1": "COMPRESSED_DATA"})
        header["TFORM1"] = f"1QB({self._lengths.max(initial=0)})"
        header["ZIMAGE"] = (True, "compressed image")
        header.update({"ZTENSION": "IMAGE", "ZBITPIX": self._kind.bitpix, "ZNAXIS": len(sizes)})
        header.update({f"ZNAXIS{axis}": size for axis, size in enumerate(sizes, start=1)})
        header.update({"ZPCOUNT": 0, "ZGCOUNT": 1})
        tile = (*sizes[:2], 1, 1)
        header.update({f"ZTILE{axis}": size for axis, size in enumerate(tile, start=1)})
        header["ZCMPTYPE"] = self._kind.method
        header["EXTNAME"] = name
        header.update(cards)
        return header
