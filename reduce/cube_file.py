"""A cube written file by file: planes wait on disk, never all in memory, until the header is known."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from hcvo.headers.product import product_header
from hcvo.model.product import ProductFacts
from hcvo.model.quality import Quality
from reduce.fits_checksum import padding, signed, word_sum
from reduce.tiles import ROUNDING, Heap, packed_flags, packed_floats

__all__ = ["ChannelPlanes", "CubeWriter", "Packed", "packed"]

_AXES = "channel,time,y,x"


@dataclass(frozen=True, slots=True)
class Packed:
    """Planes of one raw file: image (channel, plane, y, x) float32; tiles of variance and quality, [c][p]."""

    image: NDArray[np.float32]
    variance: list[list[bytes]]
    quality: list[list[bytes]]


def packed(image: NDArray[np.float32], variance: NDArray[np.floating], quality: NDArray[np.uint8]) -> Packed:
    """Make planes ready to be written.

    Parameters
    ----------
    image : NDArray[np.float32]
        (channel, plane, y, x), NaN = no data.
    variance : NDArray[np.floating]
        Likewise.
    quality : NDArray[np.uint8]
        Likewise, bits of `hcvo.model.quality.Quality`.

    Returns
    -------
    Packed
        For `CubeWriter.add`.
    """
    return Packed(
        np.ascontiguousarray(image, np.float32),
        [[packed_floats(plane) for plane in planes] for planes in variance],
        [[packed_flags(plane) for plane in planes] for planes in quality],
    )


@dataclass(frozen=True, slots=True)
class ChannelPlanes:
    """Planes of one channel, read from disk one at a time: `planes[3]` is (y, x) float32."""

    path: Path
    shape: tuple[int, int, int]
    first: int

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: int, /) -> NDArray[np.float32]:
        if not 0 <= key < self.shape[0]:
            raise IndexError(f"plane {key}, there are {self.shape[0]}")
        pixels = self.shape[1] * self.shape[2]
        plane = np.fromfile(self.path, np.float32, pixels, offset=4 * pixels * (self.first + key))
        return plane.reshape(self.shape[1:])

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return (self[key] for key in range(len(self)))


class CubeWriter:
    """Collects planes in any order of files, then writes the product.

    Parameters
    ----------
    scratch : Path
        Folder for the waiting planes.
    name : str
        Of the waiting files.
    shape : tuple[int, int, int, int]
        (channel, time, y, x).
    """

    def __init__(self, scratch: Path, name: str, shape: tuple[int, int, int, int]) -> None:
        self.shape = shape
        self._image = scratch / f"{name}.image"
        with self._image.open("wb") as stream:
            stream.truncate(4 * int(np.prod(shape)))
        self._variance = Heap(scratch / f"{name}.variance", shape, "float")
        self._quality = Heap(scratch / f"{name}.quality", shape, "flags")

    def add(self, first: int, planes: Packed) -> None:
        """Keep the planes of one file.

        Parameters
        ----------
        first : int
            Time index of its first plane.
        planes : Packed
            All its planes.
        """
        size = 4 * self.shape[2] * self.shape[3]
        with self._image.open("r+b") as stream:
            for channel, image in enumerate(planes.image):
                stream.seek(size * (channel * self.shape[1] + first))
                stream.write(image.tobytes())
        for channel, tiles in enumerate(zip(planes.variance, planes.quality, strict=True)):
            for number, (variance, quality) in enumerate(zip(*tiles, strict=True)):
                self._variance.add(channel, first + number, variance)
                self._quality.add(channel, first + number, quality)

    def channels(self) -> list[ChannelPlanes]:
        """What has been added, channel by channel."""
        count = self.shape[1]
        return [
            ChannelPlanes(self._image, self.shape[1:], channel * count) for channel in range(self.shape[0])
        ]

    def write(
        self,
        path: Path,
        facts: ProductFacts,
        extensions: Sequence[fits.ImageHDU | fits.BinTableHDU],
        cards: Mapping[str, tuple[object, str]],
    ) -> None:
        """Write the product: cube, tables, VARIANCE and QUALITY, checksums in each.

        Parameters
        ----------
        path : Path
            Where: `Job.path_for`.
        facts : ProductFacts
            The header's content.
        extensions : Sequence[fits.ImageHDU | fits.BinTableHDU]
            Small ones, of `image_hdu` and `table_hdu`.
        cards : Mapping[str, tuple[object, str]]
            Further cards of the primary header.
        """
        header = self._header(facts, cards)
        with path.open("wb") as target:
            target.write(signed(header, 0))
            total = 0
            for planes in self.channels():
                for plane in planes:
                    piece = plane.astype(">f4").tobytes()
                    total = word_sum(piece, total)
                    target.write(piece)
            target.write(padding(4 * int(np.prod(self.shape))))
            target.seek(0)
            target.write(signed(header, total))
            target.seek(0, 2)
            target.write(_units(extensions))
            order = {"AXORDER": (_AXES, "axis order, slowest first")}
            self._variance.write(
                target,
                "VARIANCE",
                order
                | {
                    "BUNIT": ("adu2", "of each pixel; covariances are left out"),
                    "ROUNDING": (ROUNDING, "largest relative change by rounding"),
                },
            )
            self._quality.write(target, "QUALITY", order | _meanings())

    def _header(self, facts: ProductFacts, cards: Mapping[str, tuple[object, str]]) -> fits.Header:
        header = fits.Header()
        header["SIMPLE"] = (True, "conforms to the FITS standard")
        header["BITPIX"] = (-32, "32-bit floating point")
        header["NAXIS"] = len(self.shape)
        header.update({f"NAXIS{axis}": size for axis, size in enumerate(self.shape[::-1], start=1)})
        header["EXTEND"] = True
        header.extend(product_header(facts).cards)
        header.update(cards)
        return header


def _units(extensions: Sequence[fits.ImageHDU | fits.BinTableHDU]) -> bytes:
    """Extensions as they stand in a file."""
    whole = BytesIO()
    front = fits.PrimaryHDU()
    fits.HDUList([front, *extensions]).writeto(whole, checksum=True)
    return whole.getvalue()[front.filebytes() :]


def _meanings() -> dict[str, tuple[object, str]]:
    return {f"QBIT{int(bit)}": (bit.name, "meaning of this bit") for bit in Quality}
