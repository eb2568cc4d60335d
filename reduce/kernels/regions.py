"""Cut the field in rings and sectors, and say where each is optimised.

A *region* is what is subtracted with one set of coefficients, its *zone* the pixels these are
found on. Every pixel of the frame lies in exactly one region: what is nearer to the star than the
first ring goes with the first, what is farther out than the last with the last.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Regions", "Ring", "divide", "ring_edges"]


@dataclass(frozen=True, slots=True)
class Ring:
    """One ring of regions.

    Attributes
    ----------
    inner, outer : float
        Where it is subtracted, pixels from the star.
    sectors : int
        Equal parts in azimuth; the first is centred on +y.
    zone : tuple[tuple[float, float], ...]
        Ranges of distance of the zone, pixels, not overlapping; in azimuth it has the region's sector.
    """

    inner: float
    outer: float
    sectors: int
    zone: tuple[tuple[float, float], ...]

    @property
    def middle(self) -> float:
        """Distance for which companions are kept from subtracting themselves, pixels."""
        return (self.inner + self.outer) / 2


@dataclass(frozen=True, slots=True)
class Regions:
    """The field, divided.

    Attributes
    ----------
    number : NDArray[np.int32]
        (y, x) region of each pixel, 0 ...
    ring_of : NDArray[np.int64]
        (region,) its ring.
    zone_of : NDArray[np.int64]
        (region,) its zone; regions may share one.
    zones : tuple[NDArray[np.int64], ...]
        Pixels of each zone: row times width plus column.
    """

    number: NDArray[np.int32]
    ring_of: NDArray[np.int64]
    zone_of: NDArray[np.int64]
    zones: tuple[NDArray[np.int64], ...]


def ring_edges(inner: float, outer: float, width: float) -> list[float]:
    """Edges of rings of about one width.

    Parameters
    ----------
    inner : float
        First edge, pixels.
    outer : float
        Last edge.
    width : float
        Wanted.

    Returns
    -------
    list[float]
        Edges of a whole number of equal rings, at least one.
    """
    count = max(1, round((outer - inner) / width))
    return [float(edge) for edge in np.linspace(inner, outer, count + 1)]


def divide(shape: tuple[int, int], rings: Sequence[Ring]) -> Regions:
    """Number the regions of a frame and list the pixels of their zones.

    Parameters
    ----------
    shape : tuple[int, int]
        (y, x) of a frame, star at n//2.
    rings : Sequence[Ring]
        From the star outwards, without gaps.

    Returns
    -------
    Regions
        Zones that come out the same are kept once.
    """
    y, x = np.indices(shape)
    field = _Field.of((x - shape[1] // 2).ravel(), (y - shape[0] // 2).ravel())
    number = np.empty(y.size, np.int32)
    begins = [0.0, *(ring.inner for ring in rings[1:]), np.inf]
    ring_of: list[int] = []
    zone_of: list[int] = []
    zones: dict[tuple[object, ...], int] = {}
    pixels: list[NDArray[np.int64]] = []
    for place, ring in enumerate(rings):
        here = field.between(begins[place], begins[place + 1])
        number[here] = len(ring_of) + field.sector(here, ring.sectors)
        for part in range(ring.sectors):
            key = (ring.zone, ring.sectors, part)
            if key not in zones:
                zones[key] = len(pixels)
                around = np.sort(np.concatenate([field.between(*span) for span in ring.zone]))
                pixels.append(around[field.sector(around, ring.sectors) == part])
            ring_of.append(place)
            zone_of.append(zones[key])
    return Regions(number.reshape(shape), np.array(ring_of), np.array(zone_of), tuple(pixels))


@dataclass(frozen=True, slots=True)
class _Field:
    """Pixels in order of distance: flat index, distance; and of each pixel azimuth / 360 deg, and its side.

    Azimuth is counted from +y, 0 to 0.5 on both sides, so that mirrored pixels lie in mirrored sectors.
    """

    order: NDArray[np.int64]
    radius: NDArray[np.float64]
    turn: NDArray[np.float64]
    right: NDArray[np.bool_]

    @classmethod
    def of(cls, dx: NDArray[np.int64], dy: NDArray[np.int64]) -> "_Field":
        radius = np.hypot(dx, dy)
        order = np.argsort(radius, kind="stable")
        return cls(order, radius[order], np.arctan2(np.abs(dx), dy) / (2 * np.pi), dx > 0)

    def between(self, low: float, high: float) -> NDArray[np.int64]:
        """Pixels from a distance to below another."""
        begin, end = np.searchsorted(self.radius, [low, high])
        return self.order[begin:end]

    def sector(self, pixels: NDArray[np.int64], sectors: int) -> NDArray[np.int64]:
        """Number of the sector of each pixel, counted from +y towards -x."""
        part = np.rint(self.turn[pixels] * sectors).astype(np.int64)
        return np.asarray(np.where(self.right[pixels], sectors - part, part) % sectors)
