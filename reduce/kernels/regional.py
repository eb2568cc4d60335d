"""Star subtraction by mixings of the frames that differ from region to region of the detector.

Annular PCA, LOCI and T-LOCI are one: in each region frame t becomes sum_s c_ts D_s, with the
coefficients c from the Gram matrix of the region's zone. An injection changes the Gram matrices of
the zones it touches by products of small stamps with the data; only these are solved again, only
for the frames in which the patch lies in the region, so that a patch takes milliseconds.

The frames are kept minus their temporal mean, with the mean as one frame more: what a mixing leaves
of the mean is a column of its own. So least squares on the raw frames lose no digits to the halo.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.combine import combine, temporal_mean
from reduce.kernels.compiled import compiled
from reduce.kernels.derotate import detector_position, rotate_splines
from reduce.kernels.inject import MARGIN, Stamps
from reduce.kernels.local import merged, sample_box
from reduce.kernels.pca import gram_matrix
from reduce.kernels.reduction import Parts
from reduce.kernels.references import ReferenceFrames
from reduce.kernels.regions import Regions
from reduce.kernels.spline import coefficients

__all__ = ["Frames", "RegionalReduction", "Solver", "lay_frames", "reduce_regions", "with_solver"]

_BITS = 62  # zones told apart at a time when an injection changes them
_SMALL = 8  # times the number of frames: pixels of a zone whose products cost less than their solution


class Solver(Protocol):
    """From the Gram matrix of a zone to the mixing of the frames."""

    @property
    def references(self) -> ReferenceFrames:
        """Frames that each frame may be mixed with."""

    def __call__(
        self, gram: NDArray[np.float64], region: int, rows: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Mixing (row, time + 1) of some frames.

        `gram` (time + 1, time + 1) is that of the frames minus their mean, and of the mean.
        """


@dataclass(frozen=True, slots=True)
class Frames:
    """A cube laid out for mixing.

    Attributes
    ----------
    data : NDArray[np.float32]
        (y, x, time + 1) minus the temporal mean, and the mean itself; 0 where there is no data.
    bad : NDArray[np.bool_]
        (y, x, time) no data; empty when there is data everywhere.
    """

    data: NDArray[np.float32]
    bad: NDArray[np.bool_]


def lay_frames(cube: NDArray[np.floating]) -> Frames:
    """Lay a cube out for mixing.

    Parameters
    ----------
    cube : NDArray[np.floating]
        (time, y, x); NaN = no data: such a pixel enters as its temporal mean.

    Returns
    -------
    Frames
        Time fastest.
    """
    frames, ny, nx = cube.shape
    mean = temporal_mean(cube)
    data = np.empty((ny, nx, frames + 1), np.float32)
    for row in range(ny):  # a row of all frames fits the cache
        data[row, :, :frames] = (cube[:, row] - mean[row]).T
        data[row, :, frames] = mean[row]
    bad = ~np.isfinite(data)
    if not bad.any():
        return Frames(data, np.zeros((0, 0, 0), np.bool_))
    data[bad] = 0.0
    return Frames(data, np.ascontiguousarray(bad[:, :, :frames]))


@dataclass(frozen=True, slots=True)
class RegionalReduction:
    """One channel reduced region by region; see `reduction.Reduction`.

    Attributes
    ----------
    frames : Frames
        The data.
    angles_deg : NDArray[np.floating]
        (time,).
    regions : Regions
        The field, divided.
    grams : Mapping[int, NDArray[np.float64]]
        By zone (time + 1, time + 1); those of small zones are made anew when they are wanted.
    solve : Solver
        Gram matrix to mixing.
    how : str
        'median' or 'mean' over time.
    image : NDArray[np.float32]
        (y, x) combined, north up.
    """

    frames: Frames
    angles_deg: NDArray[np.floating]
    regions: Regions
    grams: Mapping[int, NDArray[np.float64]]
    solve: Solver
    how: str
    image: NDArray[np.float32] = field(repr=False)

    def patch(self, parts: Parts, x: int, y: int, half: int) -> NDArray[np.float32]:
        """As `reduction.Reduction.patch`: Gram matrices updated for the injections, solved anew."""
        boxes = _boxes(self.frames.data, self.angles_deg, (x, y, half))
        needed = np.zeros((len(self.regions.ring_of), len(self.angles_deg)), np.bool_)
        places = (boxes.left, boxes.low, boxes.x, boxes.y, boxes.reach)
        _mark_needed(self.regions.number, places, boxes.values.shape[1:], needed)
        used = np.flatnonzero(needed.any(axis=1))
        signal = _laid(merged(parts), self.frames)
        slot, weights = self._weights(used, needed, self._changed(signal, used))
        _mix_boxes(
            self.frames.data,
            (self.regions.number, slot, weights),
            (signal.index, signal.values),
            places,
            boxes.values,
        )
        out = np.empty((len(self.angles_deg), 2 * half + 1, 2 * half + 1), np.float32)
        angle = np.radians(np.asarray(self.angles_deg, np.float64))
        planes = coefficients(boxes.values)
        shape = self.regions.number.shape
        _sample(planes, self.frames.bad, (boxes.left, boxes.low), angle, (x, y, half), shape, out)
        return combine(out, self.how)

    def _weights(
        self, used: NDArray[np.int64], needed: NDArray[np.bool_], grams: dict[int, NDArray[np.float64]]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Where the mixing of each region stands, and the mixings (place, time, time + 1)."""
        slot = np.zeros(len(needed), np.int64)
        slot[used] = np.arange(len(used))
        weights = np.zeros((len(used), needed.shape[1], needed.shape[1] + 1), np.float32)
        for place, region in enumerate(used):
            zone, rows = int(self.regions.zone_of[region]), np.flatnonzero(needed[region])
            gram = grams[zone] if zone in grams else self._gram(zone)
            weights[place, rows] = self.solve(gram, int(region), rows)
        return slot, weights

    def _changed(self, signal: "_Laid", used: NDArray[np.int64]) -> dict[int, NDArray[np.float64]]:
        """Gram matrices of the zones of regions that a signal touches."""
        zones = np.unique(self.regions.zone_of[used]) if signal.pixels.size else np.zeros(0, np.int64)
        changed: dict[int, NDArray[np.float64]] = {}
        frames = signal.values.shape[1]
        data = self.frames.data.reshape(-1, frames + 1)
        for start in range(0, len(zones), _BITS):
            part = zones[start : start + _BITS]
            groups, inside = self._groups(signal, part)
            sums = np.zeros((inside.shape[1], frames, frames + 1), np.float32)
            _products(data, signal.pixels, signal.values, groups, sums)
            totals = (inside.astype(np.float32) @ sums.reshape(len(sums), -1)).reshape(-1, *sums.shape[1:])
            for place in np.flatnonzero(inside.any(axis=1)):
                zone = int(part[place])
                changed[zone] = _updated(self._gram(zone), totals[place].astype(np.float64))
        return changed

    def _gram(self, zone: int) -> NDArray[np.float64]:
        return self.grams[zone] if zone in self.grams else _zone_gram(self.frames, self.regions.zones[zone])

    def _groups(
        self, signal: "_Laid", zones: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Signal pixels that lie in the same zones: group of each, and (zone, group) which lies in which."""
        pattern = np.zeros(self.regions.number.size, np.int64)
        for bit, zone in enumerate(zones):
            pattern[self.regions.zones[zone]] |= 1 << bit
        found, groups = np.unique(pattern[signal.pixels], return_inverse=True)
        return groups, (found[None] >> np.arange(len(zones))[:, None] & 1).astype(np.bool_)


@dataclass(frozen=True, slots=True)
class _Boxes:
    """A box of pixels in each frame.

    Its first column and row, `left` and `low` (time,), and its values (time, y, x). Those count that
    lie within `reach` pixels of `x`, `y` (time,); the others stay 0.
    """

    left: NDArray[np.int64]
    low: NDArray[np.int64]
    x: NDArray[np.int64]
    y: NDArray[np.int64]
    reach: int
    values: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Laid:
    """A signal on the pixels that it touches: their flat index (pixel,), its values (pixel, time).

    `index` (y, x) leads from a pixel of the frame to its row, -1 where there is no signal.
    """

    index: NDArray[np.int64]
    pixels: NDArray[np.int64]
    values: NDArray[np.float32]


def _boxes(
    data: NDArray[np.float32], angles_deg: NDArray[np.floating], patch: tuple[int, int, int]
) -> _Boxes:
    """Boxes that hold a patch of the sky in each frame, with a margin for the spline; within the frame."""
    ny, nx, _ = data.shape
    x, y = detector_position(patch[0], patch[1], angles_deg, (float(nx // 2), float(ny // 2)))
    reach = int(np.ceil(patch[2] * np.sqrt(2.0))) + 2 + MARGIN
    width, height = min(2 * reach + 1, nx), min(2 * reach + 1, ny)
    column, row = np.rint(x).astype(np.int64), np.rint(y).astype(np.int64)
    left, low = np.clip(column - reach, 0, nx - width), np.clip(row - reach, 0, ny - height)
    return _Boxes(left, low, column, row, reach, np.zeros((len(x), height, width), np.float32))


def _laid(signal: Stamps | None, frames: Frames) -> _Laid:
    """Lay a signal out by pixel; none where there is no data."""
    ny, nx, columns = frames.data.shape
    index = np.full((ny, nx), -1, np.int64)
    if signal is None:
        return _Laid(index, np.zeros(0, np.int64), np.zeros((0, columns - 1), np.float32))
    count = _number_pixels(signal.data, signal.left, signal.low, index)
    values = np.zeros((count, columns - 1), np.float32)
    _lay(signal.data, (signal.left, signal.low), frames.bad, index, values)
    pixels = np.empty(count, np.int64)
    there = np.flatnonzero(index >= 0)
    pixels[index.ravel()[there]] = there
    return _Laid(index, pixels, values)


def _updated(gram: NDArray[np.float64], products: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gram matrix after `products` (time, time + 1) of the signal S: S (D + S / 2)^T, S mean^T."""
    frames = len(products)
    new = gram.copy()
    new[:frames, :frames] += products[:, :frames] + products[:, :frames].T
    new[:frames, frames] += products[:, frames]
    new[frames, :frames] += products[:, frames]
    return new


@compiled
def _number_pixels(
    stamps: NDArray[np.float32], left: NDArray[np.int64], low: NDArray[np.int64], index: NDArray[np.int64]
) -> int:
    ny, nx = index.shape
    count = 0
    for t in range(stamps.shape[0]):
        for j in range(max(0, -low[t]), min(stamps.shape[1], ny - low[t])):
            for i in range(max(0, -left[t]), min(stamps.shape[2], nx - left[t])):
                if index[low[t] + j, left[t] + i] < 0:
                    index[low[t] + j, left[t] + i] = count
                    count += 1
    return count


@compiled
def _lay(
    stamps: NDArray[np.float32],
    corner: tuple[NDArray[np.int64], NDArray[np.int64]],
    bad: NDArray[np.bool_],
    index: NDArray[np.int64],
    out: NDArray[np.float32],
) -> None:
    ny, nx = index.shape
    left, low = corner
    for t in range(stamps.shape[0]):
        for j in range(max(0, -low[t]), min(stamps.shape[1], ny - low[t])):
            for i in range(max(0, -left[t]), min(stamps.shape[2], nx - left[t])):
                row, column = low[t] + j, left[t] + i
                if bad.size == 0 or not bad[row, column, t]:
                    out[index[row, column], t] = stamps[t, j, i]


@compiled
def _products(
    data: NDArray[np.float32],
    pixels: NDArray[np.int64],
    signal: NDArray[np.float32],
    groups: NDArray[np.int64],
    out: NDArray[np.float32],
) -> None:
    """Sum over the pixels of each group of S_t (D_s + S_s / 2); last column S_t mean."""
    frames = signal.shape[1]
    half = np.float32(0.5)
    light = np.empty(frames + 1, np.float32)
    for p in range(pixels.size):
        pixel, own = data[pixels[p]], signal[p]
        for s in range(frames):
            light[s] = pixel[s] + half * own[s]
        light[frames] = pixel[frames]
        for t in range(frames):
            value = own[t]
            if value != 0.0:
                row = out[groups[p], t]
                for s in range(frames + 1):
                    row[s] += value * light[s]


@compiled
def _spans(
    row: int,
    boxes: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], int],
    shape: tuple[int, int],
    first: NDArray[np.int64],
    last: NDArray[np.int64],
) -> None:
    """Columns first .. last - 1 of one row that count in each frame's box; none: first = last."""
    left, low, x, y, reach = boxes
    height, width = shape
    for t in range(left.size):
        first[t] = last[t] = 0
        square = reach * reach - (row - y[t]) ** 2
        if low[t] <= row < low[t] + height and square >= 0:
            half = int(np.sqrt(square))
            first[t] = max(left[t], x[t] - half)
            last[t] = max(first[t], min(left[t] + width, x[t] + half + 1))


@compiled
def _mark_needed(
    number: NDArray[np.int32],
    boxes: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], int],
    shape: tuple[int, int],
    needed: NDArray[np.bool_],
) -> None:
    """Set [region, t] where the box of frame t reaches into the region."""
    frames = needed.shape[1]
    first, last = np.empty(frames, np.int64), np.empty(frames, np.int64)
    for row in range(boxes[1].min(), boxes[1].max() + shape[0]):
        _spans(row, boxes, shape, first, last)
        for t in range(frames):
            for column in range(first[t], last[t]):
                needed[number[row, column], t] = True


@compiled
def _mix_boxes(
    data: NDArray[np.float32],
    mixing: tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.float32]],
    signal: tuple[NDArray[np.int64], NDArray[np.float32]],
    boxes: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], int],
    out: NDArray[np.float32],
) -> None:
    """Mix the frames on the pixels of each frame's box; a pixel's light is read once for all frames."""
    number, slot, weights = mixing
    index, values = signal
    left, low = boxes[0], boxes[1]
    frames, height, width = out.shape
    light = np.empty(frames + 1, np.float32)
    first, last = np.empty(frames, np.int64), np.empty(frames, np.int64)
    for row in range(low.min(), low.max() + height):
        _spans(row, boxes, (height, width), first, last)
        active = np.flatnonzero(last > first)
        if active.size == 0:
            continue
        for column in range(first[active].min(), last[active].max()):
            light[:] = data[row, column]
            place = index[row, column]
            if place >= 0:
                own = values[place]
                for s in range(frames):
                    light[s] += own[s]
            mixings = weights[slot[number[row, column]]]
            for t in active:
                if first[t] <= column < last[t]:
                    shares, total = mixings[t], np.float32(0.0)
                    for s in range(frames + 1):
                        total += shares[s] * light[s]
                    out[t, row - low[t], column - left[t]] = total


@compiled
def _sample(
    planes: NDArray[np.float32],
    bad: NDArray[np.bool_],
    corner: tuple[NDArray[np.int64], NDArray[np.int64]],
    angle: NDArray[np.float64],
    patch: tuple[int, int, int],
    shape: tuple[int, int],
    out: NDArray[np.float32],
) -> None:
    for t in range(planes.shape[0]):
        turn = (np.cos(angle[t]), np.sin(angle[t]))
        sample_box(planes[t], bad, t, (corner[0][t], corner[1][t]), turn, patch, shape, out[t])


def _zone_gram(frames: Frames, zone: NDArray[np.int64]) -> NDArray[np.float64]:
    return gram_matrix(frames.data.reshape(-1, frames.data.shape[2])[zone])


def _image(
    frames: Frames,
    angles_deg: NDArray[np.floating],
    regions: Regions,
    grams: Mapping[int, NDArray[np.float64]],
    solve: Solver,
    how: str,
) -> NDArray[np.float32]:
    """Mix, rotate and combine: one cube is held, frames are rotated in place."""
    ny, nx, columns = frames.data.shape
    residual = np.empty((columns - 1, ny * nx), np.float32)
    data = frames.data.reshape(-1, columns)
    order = np.argsort(regions.number, axis=None, kind="stable")
    ends = np.cumsum(np.bincount(regions.number.ravel(), minlength=len(regions.ring_of)))
    rows = np.arange(columns - 1)
    for region, pixels in enumerate(np.split(order, ends[:-1])):
        zone = int(regions.zone_of[region])
        gram = grams[zone] if zone in grams else _zone_gram(frames, regions.zones[zone])
        residual[:, pixels] = solve(gram, region, rows) @ data[pixels].T
    cube = residual.reshape(-1, ny, nx)
    bad = np.zeros((0, 0, 0), np.bool_)
    for t, angle in enumerate(angles_deg):
        if frames.bad.size:
            bad = np.ascontiguousarray(frames.bad[None, :, :, t])
        cube[t] = rotate_splines(coefficients(cube[t : t + 1]), bad, np.array([angle]))[0]
    return combine(cube, how)


def reduce_regions(
    cube: NDArray[np.floating],
    angles_deg: NDArray[np.floating],
    regions: Regions,
    solve: Solver,
    how: str = "median",
) -> RegionalReduction:
    """Reduce one channel region by region and keep what injections need.

    Parameters
    ----------
    cube : NDArray[np.floating]
        (time, y, x); NaN = no data.
    angles_deg : NDArray[np.floating]
        (time,) derotation angles.
    regions : Regions
        The field, divided.
    solve : Solver
        Gram matrix of a zone to mixing.
    how : str
        'median' or 'mean' over time.

    Returns
    -------
    RegionalReduction
        Image and patches.
    """
    frames = lay_frames(cube)
    kept = (n for n, zone in enumerate(regions.zones) if len(zone) >= _SMALL * len(cube))
    grams = {number: _zone_gram(frames, regions.zones[number]) for number in kept}
    image = _image(frames, angles_deg, regions, grams, solve, how)
    return RegionalReduction(frames, angles_deg, regions, grams, solve, how, image)


def with_solver(reduction: RegionalReduction, solve: Solver) -> RegionalReduction:
    """The same data and regions, mixed in another way.

    Parameters
    ----------
    reduction : RegionalReduction
        Mixed in any way.
    solve : Solver
        The way wanted.

    Returns
    -------
    RegionalReduction
        Shares all but the image.
    """
    given = (reduction.frames, reduction.angles_deg, reduction.regions, reduction.grams)
    return replace(reduction, solve=solve, image=_image(*given, solve, reduction.how))
