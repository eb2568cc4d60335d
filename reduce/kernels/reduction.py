"""What every algorithm of level 2 offers: an image, and small patches with sources injected.

A fit or a contrast curve asks for hundreds of injections. Reducing the whole cube
for each would take seconds; an algorithm that can say what a *patch* of its image
becomes when sources enter the data answers in milliseconds, with over- and
self-subtraction in full. `WholeReduction` makes any algorithm do, slowly.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.combine import combine
from reduce.kernels.derotate import derotate
from reduce.kernels.inject import Stamps, add_stamps
from reduce.kernels.spline import coefficients

__all__ = [
    "OwnSnr",
    "Parts",
    "Picture",
    "Pictured",
    "Reduction",
    "Sequenced",
    "WholeReduction",
    "picture",
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


def picture(reduction: Reduction) -> Picture:
    """The images of a reduction without the data behind them.

    Parameters
    ----------
    reduction : Reduction
        Of one channel.

    Returns
    -------
    Picture
        With `snr` where the reduction has one.
    """
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
        return self._image(cube)[y - half : y + half + 1, x - half : x + half + 1]


@dataclass(frozen=True, slots=True)
class Sequenced:
    """A cube laid out for local work: time runs fastest.

    Attributes
    ----------
    data : NDArray[np.float32]
        (y, x, time) minus the reference of each pixel; 0 where there is no data.
    spline : NDArray[np.float32]
        (y, x, time) spline coefficients of `data`.
    bad : NDArray[np.bool_]
        (y, x, time) no data; empty when there is data everywhere.
    reference : NDArray[np.float32]
        (y, x) what was subtracted, NaN where no frame has data.
    """

    data: NDArray[np.float32]
    spline: NDArray[np.float32]
    bad: NDArray[np.bool_]
    reference: NDArray[np.float32]


def sequence(cube: NDArray[np.floating], reference: NDArray[np.float32]) -> Sequenced:
    """Subtract a reference image and lay a cube out for local work.

    Parameters
    ----------
    cube : NDArray[np.floating]
        (time, y, x); NaN = no data.
    reference : NDArray[np.float32]
        (y, x), e.g. the temporal mean.

    Returns
    -------
    Sequenced
        Time fastest.
    """
    values = np.asarray(cube, np.float32) - reference
    bad = ~np.isfinite(values)
    values[bad] = 0.0
    data = np.ascontiguousarray(values.transpose(1, 2, 0))
    values = coefficients(values)  # its like is not kept: a channel may fill a good part of the memory
    return Sequenced(
        data=data,
        spline=np.ascontiguousarray(values.transpose(1, 2, 0)),
        bad=np.ascontiguousarray(bad.transpose(1, 2, 0)) if bad.any() else np.zeros((0, 0, 0), np.bool_),
        reference=reference,
    )
