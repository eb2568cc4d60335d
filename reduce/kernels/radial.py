"""Subtract from each frame its own radial profile: the median over azimuth, interpolated in radius.

The halo of the star goes, and what is wider than a companion in azimuth stays: no turn of the
field is needed. A companion raises the medians of the rings it lies on, in each frame
by itself; the rise is worked out anew for the rings that injections touch, so that patches
are exact.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.combine import combine
from reduce.kernels.compiled import compiled
from reduce.kernels.derotate import detector_position, rotate_splines
from reduce.kernels.inject import MARGIN, Stamps
from reduce.kernels.local import derotated_patch, merged
from reduce.kernels.reduction import Parts, Sequenced, sequence
from reduce.kernels.spline import coefficients, mirrored

__all__ = ["RadialReduction", "Rings", "azimuthal_profile", "radial_residual", "reduce_radial", "rings_of"]

_AROUND = 6  # pixels that turning a patch needs beyond its corners, rounding of its place and a spline


@dataclass(frozen=True, slots=True)
class Rings:
    """Pixels of a frame by whole pixels of distance from the star.

    Attributes
    ----------
    pixel : NDArray[np.int64]
        Flat indices of the pixels, ring by ring.
    start : NDArray[np.int64]
        (ring + 1,) where each ring begins among them.
    radius : NDArray[np.float64]
        (ring,) mean distance of its pixels.
    distance : NDArray[np.float32]
        (y, x) distance of each pixel.
    """

    pixel: NDArray[np.int64]
    start: NDArray[np.int64]
    radius: NDArray[np.float64]
    distance: NDArray[np.float32]


def rings_of(shape: tuple[int, int]) -> Rings:
    """Rings 1 pixel wide about the star at n//2.

    Parameters
    ----------
    shape : tuple[int, int]
        (y, x) of a frame.

    Returns
    -------
    Rings
        All pixels of the frame, corners too.
    """
    y, x = np.indices(shape)
    distance = np.hypot(y - shape[0] // 2, x - shape[1] // 2)
    number = np.rint(distance).astype(np.int64).ravel()
    pixel = np.argsort(number, kind="stable")
    start = np.searchsorted(number[pixel], np.arange(number.max() + 2))
    mean = np.bincount(number, distance.ravel()) / np.bincount(number)
    return Rings(pixel, start, mean, distance.astype(np.float32))


def radial_residual(cube: NDArray[np.floating]) -> NDArray[np.float32]:
    """Subtract from each frame its radial profile.

    Parameters
    ----------
    cube : NDArray[np.floating]
        (time, y, x), star at n//2; NaN = no data, kept.

    Returns
    -------
    NDArray[np.float32]
        (time, y, x), not derotated.
    """
    values = np.ascontiguousarray(cube, np.float32)
    rings = rings_of(values.shape[1:])
    return _subtracted(values, rings, _filled(_medians(values, rings.pixel, rings.start)))


def azimuthal_profile(image: NDArray[np.floating]) -> NDArray[np.float32]:
    """Median of an image over azimuth, at each of its pixels.

    Parameters
    ----------
    image : NDArray[np.floating]
        (y, x), star at n//2; NaN = no data.

    Returns
    -------
    NDArray[np.float32]
        (y, x), finite.
    """
    values = np.ascontiguousarray(image, np.float32)[None]
    rings = rings_of(image.shape)
    fallen = _subtracted(np.zeros_like(values), rings, _filled(_medians(values, rings.pixel, rings.start)))
    return np.asarray(-fallen[0])


@compiled
def _median_of(values: NDArray[np.float64], count: int) -> float:
    return np.median(values[:count]) if count else np.nan


@compiled
def _medians(
    cube: NDArray[np.float32], pixel: NDArray[np.int64], start: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Median of each ring (time, ring) of the values that are numbers; NaN where there are none."""
    out = np.empty((cube.shape[0], start.size - 1))
    values = np.empty(pixel.size)
    for t in range(cube.shape[0]):
        frame = cube[t].ravel()
        for ring in range(start.size - 1):
            count = 0
            for k in range(start[ring], start[ring + 1]):
                value = frame[pixel[k]]
                if np.isfinite(value):
                    values[count] = value
                    count += 1
            out[t, ring] = _median_of(values, count)
    return out


@compiled
def _filled(profiles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Profiles (time, ring) with rings without data as the next one inwards, else outwards, else 0."""
    out = profiles.copy()
    for t in range(out.shape[0]):
        for ring in range(1, out.shape[1]):
            if np.isnan(out[t, ring]):
                out[t, ring] = out[t, ring - 1]
        for ring in range(out.shape[1] - 2, -1, -1):
            if np.isnan(out[t, ring]):
                out[t, ring] = out[t, ring + 1]
        if np.isnan(out[t, 0]):
            out[t] = 0.0
    return out


@compiled
def _at(profile: NDArray[np.float64], radius: NDArray[np.float64], distance: float) -> float:
    """Value of a profile between its rings; that of the last beyond it."""
    last = radius.size - 1
    ring = min(int(distance), last)
    if radius[ring] > distance:
        ring -= 1
    elif ring < last and radius[ring + 1] <= distance:
        ring += 1
    value: float = profile[min(max(ring, 0), last)]
    if 0 <= ring < last:
        value += (distance - radius[ring]) / (radius[ring + 1] - radius[ring]) * (profile[ring + 1] - value)
    return value


def _subtracted(
    cube: NDArray[np.float32], rings: Rings, profiles: NDArray[np.float64]
) -> NDArray[np.float32]:
    out = np.empty_like(cube)
    _subtract(cube, rings.distance, rings.radius, profiles, out)
    return out


@compiled
def _subtract(
    cube: NDArray[np.float32],
    distance: NDArray[np.float32],
    radius: NDArray[np.float64],
    profiles: NDArray[np.float64],
    out: NDArray[np.float32],
) -> None:
    for t in range(cube.shape[0]):
        for j in range(cube.shape[1]):
            for i in range(cube.shape[2]):
                out[t, j, i] = cube[t, j, i] - _at(profiles[t], radius, distance[j, i])


@dataclass(frozen=True)
class RadialReduction:
    """One channel with each frame's radial profile subtracted; see `reduction.Reduction`.

    Attributes
    ----------
    cube : NDArray[np.float32]
        (time, y, x); NaN = no data.
    rings : Rings
        Of its frames.
    profiles : NDArray[np.float64]
        (time, ring) medians, NaN where a ring has no data.
    sequenced : Sequenced
        The data minus their profiles.
    angles_deg : NDArray[np.floating]
        (time,).
    how : str
        'median' or 'mean' over time.
    image : NDArray[np.float32]
        (y, x) combined, north up.
    """

    cube: NDArray[np.float32]
    rings: Rings
    profiles: NDArray[np.float64]
    sequenced: Sequenced
    angles_deg: NDArray[np.floating]
    how: str
    image: NDArray[np.float32] = field(repr=False)

    def patch(self, parts: Parts, x: int, y: int, half: int) -> NDArray[np.float32]:
        """As `reduction.Reduction.patch`: the medians are taken anew where injections touch their rings."""
        place = (x, y, half)
        signal = merged(parts)
        if signal is not None:
            signal = merged([(signal, 1.0), (self._fall(signal, place), 1.0)])
        return combine(derotated_patch(self.sequenced, self.angles_deg, place, signal), self.how)

    @cached_property
    def _ordered(self) -> NDArray[np.float32]:
        """Values (time, pixel) of each ring in order of size, NaN last; made when first injected into."""
        return _ordered(self.cube, self.rings.pixel, self.rings.start)

    def _fall(self, signal: Stamps, place: tuple[int, int, int]) -> Stamps:
        """What the rise of the profiles by a signal takes from each frame about a patch."""
        after = self.profiles.copy()
        stamps = (signal.data, signal.left, signal.low)
        _update(self.cube, self.rings.distance, self.rings.start, self._ordered, stamps, after)
        rise = _filled(after) - _filled(self.profiles)
        x, y, half = place
        ny, nx = self.cube.shape[1:]
        cx, cy = detector_position(float(x), float(y), self.angles_deg, (float(nx // 2), float(ny // 2)))
        reach = int(np.ceil(half * np.sqrt(2))) + _AROUND
        left, low = (np.rint(c).astype(np.int64) - reach for c in (cx, cy))
        size = 2 * (reach + MARGIN) + 1
        boxes = np.empty((len(rise), size, size), np.float32)
        _draw(rise, self.rings.radius, (left - MARGIN, low - MARGIN), (ny, nx), boxes)
        core = boxes[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
        return Stamps(np.ascontiguousarray(core), left, low, coefficients(boxes))


@compiled
def _ordered(
    cube: NDArray[np.float32], pixel: NDArray[np.int64], start: NDArray[np.int64]
) -> NDArray[np.float32]:
    out = np.empty((cube.shape[0], pixel.size), np.float32)
    for t in range(cube.shape[0]):
        out[t] = cube[t].ravel()[pixel]
        for ring in range(start.size - 1):
            out[t, start[ring] : start[ring + 1]].sort()
    return out


@compiled
def _update(
    cube: NDArray[np.float32],
    distance: NDArray[np.float32],
    start: NDArray[np.int64],
    ordered: NDArray[np.float32],
    stamps: tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]],
    profiles: NDArray[np.float64],
) -> None:
    """Take the medians anew, in place, of rings on which stamps lie."""
    data, left, low = stamps
    frames, ny, nx = cube.shape
    height, width = data.shape[1:]
    # no ring has more pixels in a box than the box has along its rim, twice
    old = np.empty((start.size - 1, 2 * (height + width) + 8), np.float32)
    new = np.empty_like(old)
    for t in range(frames):
        count = np.zeros(start.size - 1, np.int64)
        for j in range(max(0, low[t]), min(ny, low[t] + height)):
            for i in range(max(0, left[t]), min(nx, left[t] + width)):
                value = cube[t, j, i]
                if np.isfinite(value):
                    ring = int(np.rint(distance[j, i]))
                    old[ring, count[ring]] = value
                    new[ring, count[ring]] = value + data[t, j - low[t], i - left[t]]
                    count[ring] += 1
        for ring in range(start.size - 1):
            many = count[ring]
            if many:
                values = ordered[t, start[ring] : start[ring + 1]]
                profiles[t, ring] = _median_with(values, old[ring, :many], new[ring, :many])


@compiled
def _median_with(values: NDArray[np.float32], old: NDArray[np.float32], new: NDArray[np.float32]) -> float:
    """Median of ordered values (NaN last and left out) after `old` ones gave way to `new` ones."""
    size = values.size
    while np.isnan(values[size - 1]):
        size -= 1
    values = values[:size]
    upper = _ranked(values, old, new, size // 2)
    return upper if size % 2 else 0.5 * (_ranked(values, old, new, size // 2 - 1) + upper)


@compiled
def _ranked(
    values: NDArray[np.float32], old: NDArray[np.float32], new: NDArray[np.float32], rank: int
) -> float:
    """Value of a rank after the change: the least one that more than `rank` values do not exceed."""
    low, high = max(0, rank - old.size), min(values.size - 1, rank + old.size)
    while low < high:
        middle = (low + high) // 2
        if _not_above(values, old, new, values[middle]) > rank:
            high = middle
        else:
            low = middle + 1
    found = values[low] if _not_above(values, old, new, values[low]) > rank else np.float32(np.inf)
    above = values[low - 1] if low else np.float32(-np.inf)  # what it does not exceed ranks too low
    for value in new:
        if above < value < found and _not_above(values, old, new, value) > rank:
            found = value
    return float(found)


@compiled
def _not_above(
    values: NDArray[np.float32], old: NDArray[np.float32], new: NDArray[np.float32], limit: float
) -> int:
    count = int(np.searchsorted(values, limit, side="right"))
    for k in range(old.size):
        count += int(new[k] <= limit) - int(old[k] <= limit)
    return count


@compiled
def _draw(
    rise: NDArray[np.float64],
    radius: NDArray[np.float64],
    corners: tuple[NDArray[np.int64], NDArray[np.int64]],
    shape: tuple[int, int],
    boxes: NDArray[np.float32],
) -> None:
    """Minus a profile on the pixels of a box in each frame; beyond the frame its mirror image."""
    left, low = corners
    ny, nx = shape
    for t in range(boxes.shape[0]):
        for j in range(boxes.shape[1]):
            dy = mirrored(low[t] + j, ny) - ny // 2
            for i in range(boxes.shape[2]):
                dx = mirrored(left[t] + i, nx) - nx // 2
                boxes[t, j, i] = -_at(rise[t], radius, np.sqrt(float(dx * dx + dy * dy)))


def reduce_radial(
    cube: NDArray[np.floating], angles_deg: NDArray[np.floating], how: str = "median"
) -> RadialReduction:
    """Reduce one channel by subtraction of radial profiles and keep what injections need.

    Parameters
    ----------
    cube : NDArray[np.floating]
        (time, y, x), star at n//2; NaN = no data.
    angles_deg : NDArray[np.floating]
        (time,) derotation angles.
    how : str
        'median' or 'mean' over time.

    Returns
    -------
    RadialReduction
        Image and patches.
    """
    values = np.ascontiguousarray(cube, np.float32)
    rings = rings_of(values.shape[1:])
    profiles = _medians(values, rings.pixel, rings.start)
    residual = _subtracted(values, rings, _filled(profiles))
    sequenced = sequence(residual, np.zeros(values.shape[1:], np.float32))
    image = combine(rotate_splines(sequenced.planes, sequenced.holes, angles_deg), how)
    return RadialReduction(values, rings, profiles, sequenced, angles_deg, how, image)
