"""What every algorithm of level 2 offers: an image, and small patches with sources injected.

A fit or a contrast curve asks for hundreds of injections. Reducing the whole cube
for each would take seconds; an algorithm that can say what a *patch* of its image
becomes when sources enter the data answers in milliseconds, with over- and
self-subtraction in full. `WholeReduction` makes any algorithm do, slowly.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.combine import combine
from reduce.kernels.derotate import derotate, holes
from reduce.kernels.inject import Stamps, add_stamps
from reduce.kernels.spline import coefficients
from reduce.kernels.threads import ENOUGH, each_piece

__all__ = [
    "Haloed",
    "OwnSnr",
    "Parts",
    "Picture",
    "Pictured",
    "Reduction",
    "Sequenced",
    "WholeReduction",
    "cut",
    "picture",
    "product_image",
    "sequence",
]

Parts = Sequence[tuple[Stamps, float]]
"""Sources to inject: stamps of unit flux, and the flux."""


class Reduction(Protocol):
    """One channel, reduced."""

    @property
    def image(self) -> NDArray[np.float32]:
        """Combined, derotated residual (y, x)."""

    def patch(self, parts: Parts, x: int, y: int, half: int) -> NDArray[np.float32]:
        """Pixels x - half .. x + half, y - half .. y + half of the image, had `parts` been in the data."""


@runtime_checkable
class OwnSnr(Protocol):
    """A reduction whose algorithm has a signal to noise of its own, by its model of the noise."""

    @property
    def snr(self) -> NDArray[np.float32]:
        """Signal to noise at each pixel (y, x), known companions in it; NaN = none."""


@runtime_checkable
class Haloed(Protocol):
    """A reduction whose product keeps the halo of the star, which the search does without."""

    @property
    def whole(self) -> NDArray[np.float32]:
        """Combined, derotated image (y, x), halo and all."""


class Pictured(Protocol):
    """What is left of a reduction when nothing is injected any more."""

    @property
    def image(self) -> NDArray[np.float32]:
        """Combined, derotated residual (y, x)."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An image alone (y, x); what made it may go."""

    image: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PictureWithSnr(Picture):
    """The same with the algorithm's own signal to noise (y, x)."""

    snr: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PictureWithHalo(Picture):
    """The same with the image that keeps the halo of the star (y, x)."""

    whole: NDArray[np.float32]


def product_image(pictured: Pictured) -> NDArray[np.float32]:
    """What a product shows (y, x): the image, with the halo of the star where the algorithm leaves it."""
    return pictured.whole if isinstance(pictured, Haloed) else pictured.image


def picture(reduction: Reduction) -> Picture:
    """The images of a reduction without the data behind them.

    Parameters
    ----------
    reduction : Reduction
        Of one channel.

    Returns
    -------
    Picture
        With `snr` or `whole` where the reduction has one.
    """
    if isinstance(reduction, Haloed):
        return PictureWithHalo(reduction.image, reduction.whole)
    if isinstance(reduction, OwnSnr):
        return PictureWithSnr(reduction.image, reduction.snr)
    return Picture(reduction.image)


@dataclass(frozen=True, slots=True)
class WholeReduction:
    """Any algorithm, by reducing the whole cube for every patch.

    Attributes
    ----------
    cube : NDArray[np.float32]
        (time, y, x).
    angles_deg : NDArray[np.floating]
        (time,).
    residual : Callable[[NDArray[np.float32], NDArray[np.floating]], NDArray[np.float32]]
        Cube and angles to star-subtracted cube, not derotated.
    how : str
        'median' or 'mean' over time.
    """

    cube: NDArray[np.float32]
    angles_deg: NDArray[np.floating]
    residual: Callable[[NDArray[np.float32], NDArray[np.floating]], NDArray[np.float32]]
    how: str = "median"

    @property
    def image(self) -> NDArray[np.float32]:
        """Combined, derotated residual (y, x)."""
        return self._image(self.cube)

    def _image(self, cube: NDArray[np.float32]) -> NDArray[np.float32]:
        return combine(derotate(self.residual(cube, self.angles_deg), self.angles_deg), self.how)

    def patch(self, parts: Parts, x: int, y: int, half: int) -> NDArray[np.float32]:
        """As `Reduction.patch`."""
        cube = self.cube.copy()
        for stamps, flux in parts:
            add_stamps(cube.transpose(1, 2, 0), stamps.data, stamps.left, stamps.low, float(flux))
        return cut(self._image(cube), x, y, half)


def cut(image: NDArray[np.float32], x: int, y: int, half: int) -> NDArray[np.float32]:
    """Pixels x - half .. x + half, y - half .. y + half of an image (y, x); NaN beyond its edges."""
    out = np.full((2 * half + 1, 2 * half + 1), np.nan, np.float32)
    rows, columns = (np.arange(middle - half, middle + half + 1) for middle in (y, x))
    inside = np.ix_((rows >= 0) & (rows < image.shape[0]), (columns >= 0) & (columns < image.shape[1]))
    out[inside] = image[max(y - half, 0) : max(y + half + 1, 0), max(x - half, 0) : max(x + half + 1, 0)]
    return out


@dataclass(slots=True)
class Sequenced:
    """A cube minus a reference, and its spline; turned once for local work, which wants time to run fastest.

    An image alone never pays for the turn. What is turned stays so, and the arrays of frames become views
    of it: nothing is held twice.

    Attributes
    ----------
    values : NDArray[np.float32]
        (time, y, x) minus the reference of each pixel; 0 where there is no data.
    planes : NDArray[np.float32]
        (time, y, x) spline coefficients of `values`.
    holes : NDArray[np.bool_]
        (time, y, x) no data; empty when there is data everywhere.
    reference : NDArray[np.float32]
        (y, x) what was subtracted, NaN where no frame has data.
    """

    values: NDArray[np.float32]
    planes: NDArray[np.float32]
    holes: NDArray[np.bool_]
    reference: NDArray[np.float32]

    @property
    def data(self) -> NDArray[np.float32]:
        """`values` as (y, x, time)."""
        with _one_turns:
            turned = _turned(self.values)
            self.values = turned.transpose(2, 0, 1)
        return turned

    @property
    def spline(self) -> NDArray[np.float32]:
        """`planes` as (y, x, time)."""
        with _one_turns:
            turned = _turned(self.planes)
            self.planes = turned.transpose(2, 0, 1)
        return turned

    @property
    def bad(self) -> NDArray[np.bool_]:
        """`holes` as (y, x, time)."""
        with _one_turns:
            turned = _turned(self.holes)
            self.holes = turned.transpose(2, 0, 1)
        return turned


_one_turns = Lock()
"""Of several threads that want the same array one turns it; a large one would not fit into memory twice."""

_Number = TypeVar("_Number", np.float32, np.bool_)


def _turned(frames: NDArray[_Number]) -> NDArray[_Number]:
    """(y, x, time), contiguous; no copy where it is so already."""
    return np.ascontiguousarray(frames.transpose(1, 2, 0))


def sequence(cube: NDArray[np.floating], reference: NDArray[np.float32]) -> Sequenced:
    """Subtract a reference image and prepare a cube for rotation and local work.

    Parameters
    ----------
    cube : NDArray[np.floating]
        (time, y, x); NaN = no data.
    reference : NDArray[np.float32]
        (y, x), e.g. the temporal mean.

    Returns
    -------
    Sequenced
        Frame after frame.
    """
    values = np.empty(cube.shape, np.float32)

    def some(begin: int, end: int) -> None:
        np.subtract(np.asarray(cube[begin:end], np.float32), reference, out=values[begin:end])

    each_piece(some, len(cube), 4 * ENOUGH // reference.size + 1)
    bad = holes(values)
    if bad.size:
        values[bad] = 0.0
    return Sequenced(values, coefficients(values), bad, reference)
