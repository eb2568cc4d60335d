"""What every algorithm of level 2 offers: an image, and small patches with sources injected.

A fit or a contrast curve asks for hundreds of injections. Reducing the whole cube
for each would take seconds; an algorithm that can say what a *patch* of its image
becomes when sources enter the data answers in milliseconds, with over- and
self-subtraction in full. `WholeReduction` makes any algorithm do, slowly.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.combine import combine
from reduce.kernels.compiled import compiled
from reduce.kernels.derotate import derotate
from reduce.kernels.inject import Stamps, add_stamps
from reduce.kernels.spline import coefficients, cubic_weights, mirrored

__all__ = ["Algorithm", "Parts", "Reduction", "Sequenced", "WholeReduction", "Zone", "sequence", "zone_of"]

_Pixel = TypeVar("_Pixel", np.float32, np.bool_)
_EDGE = 1e-6  # pixel: a rotation by 90 degrees lands on the edge within rounding

Parts = Sequence[tuple[Stamps, float]]
"""Sources to inject: stamps of unit flux, and the flux."""


class Reduction(Protocol):
    """One channel, reduced."""

    @property
    def image(self) -> NDArray[np.float32]:
        """Combined, derotated residual (y, x)."""

    def patch(self, parts: Parts, x: int, y: int, half: int) -> NDArray[np.float32]:
        """Pixels x - half .. x + half, y - half .. y + half of the image, had `parts` been in the data."""


Algorithm = Callable[[NDArray[np.float32], NDArray[np.floating]], Reduction]
"""Cube (time, y, x) and derotation angles (time,) to a reduction."""


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
    return Sequenced(
        data=np.ascontiguousarray(values.transpose(1, 2, 0)),
        spline=np.ascontiguousarray(coefficients(values).transpose(1, 2, 0)),
        bad=np.ascontiguousarray(bad.transpose(1, 2, 0)) if bad.any() else np.zeros((0, 0, 0), np.bool_),
        reference=reference,
    )


@dataclass(frozen=True, slots=True)
class Zone:
    """The box of detector pixels that one patch and its injections touch.

    Attributes
    ----------
    rows, columns : slice
        Of the frame.
    shape : tuple[int, int]
        (y, x) of the box.
    signal, spline : NDArray[np.float32]
        (y, x, time) injected flux in the box, and its spline coefficients.
    """

    rows: slice
    columns: slice
    shape: tuple[int, int]
    signal: NDArray[np.float32]
    spline: NDArray[np.float32]

    def cut(self, array: NDArray[_Pixel]) -> NDArray[_Pixel]:
        """The box of an array (y, x, ...)."""
        return array[self.rows, self.columns]


def zone_of(
    parts: Parts, patch: tuple[int, int, int], angles_deg: NDArray[np.floating], shape: tuple[int, int]
) -> Zone:
    """Box of everything a patch needs, with the injected signal rendered in it.

    Parameters
    ----------
    parts : Parts
        Injections.
    patch : tuple[int, int, int]
        x, y, half of the patch in the derotated image.
    angles_deg : NDArray[np.floating]
        (time,) derotation angles.
    shape : tuple[int, int]
        (y, x) of a frame.

    Returns
    -------
    Zone
        The box, clipped to the frame.
    """
    x, y, half = patch
    angle = np.radians(np.asarray(angles_deg, np.float64))
    cosine, sine = np.cos(angle), np.sin(angle)
    dx, dy = x - shape[1] // 2, y - shape[0] // 2
    cx = shape[1] // 2 + cosine * dx + sine * dy
    cy = shape[0] // 2 + cosine * dy - sine * dx
    reach = half * (np.abs(cosine) + np.abs(sine)) + 3
    lows = [np.min(cx - reach), np.min(cy - reach)]
    highs = [np.max(cx + reach), np.max(cy + reach)]
    for stamps, _ in parts:
        size = stamps.data.shape[1]
        lows = [min(lows[0], stamps.left.min()), min(lows[1], stamps.low.min())]
        highs = [max(highs[0], stamps.left.max() + size), max(highs[1], stamps.low.max() + size)]
    left, low = max(0, int(lows[0])), max(0, int(lows[1]))
    right, top = min(shape[1], int(highs[0]) + 2), min(shape[0], int(highs[1]) + 2)
    box = (max(top - low, 0), max(right - left, 0), len(angle))
    signal, spline = np.zeros(box, np.float32), np.zeros(box, np.float32)
    for stamps, flux in parts:
        add_stamps(signal, stamps.data, stamps.left - left, stamps.low - low, float(flux))
        add_stamps(spline, stamps.spline, stamps.left - left, stamps.low - low, float(flux))
    return Zone(slice(low, top), slice(left, right), box[:2], signal, spline)


@compiled
def _sample(
    box: NDArray[np.float32],
    bad: NDArray[np.bool_],
    corner: tuple[int, int],
    shape: tuple[int, int],
    angle: NDArray[np.float64],
    patch: tuple[int, int, int],
    out: NDArray[np.float32],
) -> None:
    ny, nx = shape
    left, low = corner
    cx, cy = nx // 2, ny // 2
    x0, y0, half = patch
    for t in range(angle.size):
        cosine, sine = np.cos(angle[t]), np.sin(angle[t])
        for j in range(2 * half + 1):
            for i in range(2 * half + 1):
                dx, dy = x0 - half + i - cx, y0 - half + j - cy
                x = cosine * dx + sine * dy + cx
                y = cosine * dy - sine * dx + cy
                if not (-_EDGE <= x <= nx - 1 + _EDGE and -_EDGE <= y <= ny - 1 + _EDGE):
                    out[t, j, i] = np.nan
                    continue
                x, y = min(max(x, 0.0), nx - 1.0), min(max(y, 0.0), ny - 1.0)
                column, row = int(x), int(y)
                wx, wy = cubic_weights(x - column), cubic_weights(y - row)
                total, touched = 0.0, False
                for k in range(4):
                    r = mirrored(row - 1 + k, ny) - low
                    for m in range(4):
                        c = mirrored(column - 1 + m, nx) - left
                        total += wy[k] * wx[m] * box[r, c, t]
                        if bad.size:
                            touched |= bad[r, c, t]
                out[t, j, i] = np.nan if touched else total


def derotated_patch(
    box: NDArray[np.float32],
    zone: Zone,
    sequenced: Sequenced,
    angles_deg: NDArray[np.floating],
    patch: tuple[int, int, int],
) -> NDArray[np.float32]:
    """Derotate one patch of the sky from a box of spline coefficients.

    Parameters
    ----------
    box : NDArray[np.float32]
        (y, x, time) coefficients of the residual in the zone.
    zone : Zone
        Where the box lies.
    sequenced : Sequenced
        The cube it came from: frame shape and missing data.
    angles_deg : NDArray[np.floating]
        (time,).
    patch : tuple[int, int, int]
        x, y, half in the derotated image.

    Returns
    -------
    NDArray[np.float32]
        (time, 2 half + 1, 2 half + 1), NaN outside the frame and where there is no data.
    """
    size = 2 * patch[2] + 1
    out = np.empty((len(angles_deg), size, size), np.float32)
    bad = zone.cut(sequenced.bad) if sequenced.bad.size else sequenced.bad
    angle = np.radians(np.asarray(angles_deg, np.float64))
    shape = (sequenced.data.shape[0], sequenced.data.shape[1])
    _sample(box, bad, (zone.columns.start, zone.rows.start), shape, angle, patch, out)
    return out
