"""Star subtraction across wavelengths: groups of stretched frames are each other's reference.

Frames of all channels are stretched about the star until speckles fall on each other
(`rescale`); companions, which stand still on the sky, then lie at another radius in each
channel. From each group of frames a few images are subtracted, made from the group itself
by a rule: see `asdi`. What is left is stretched
back and derotated in one interpolation, combined over time in each channel, then averaged over
channels with weights. Injections change the Gram matrices by products with the data,
so that patches are exact: over-subtraction and self-subtraction in time and in wavelength.

A frame of the longest wavelength, shrunk, covers the smallest field. Where not all channels reach,
speckles have no full reference: there are no data. On the sky, a channel of scale s thus gives an image
out to n/2 s_min / s pixels: the longest wavelength the whole field, the shortest its inner part.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas

from reduce.kernels.channels import Channel
from reduce.kernels.combine import combine, temporal_mean
from reduce.kernels.inject import MARGIN, Stamps, add_stamps
from reduce.kernels.joint import JointChannel, mean_contrast, noise_weights
from reduce.kernels.local import merged
from reduce.kernels.lowrank import (
    Box,
    less_image,
    less_patch,
    mode_images,
    reach_of_patch,
    values_of,
)
from reduce.kernels.reduction import Parts, Pictured, product_image
from reduce.kernels.rescale import covered, rescale, rescaled_stamps
from reduce.kernels.spline import coefficients
from reduce.kernels.subspace import SMALL
from reduce.kernels.threads import each_piece

__all__ = ["JointReduction", "Modes", "Rule", "Stretched", "align", "channel_images", "reduce_groups"]

_KEPT = 4  # injections of which products with the data are kept
_ROWS = 64  # whose products are taken together


@dataclass(frozen=True, slots=True)
class Modes:
    """What is subtracted: frame n loses the sum over k of left[n, k] times image k, image = right^T frames.

    Attributes
    ----------
    left, right : NDArray[np.float64]
        (n, k).
    start : NDArray[np.float64]
        (n, block) where to begin for a matrix that is nearly the same.
    """

    left: NDArray[np.float64]
    right: NDArray[np.float64]
    start: NDArray[np.float64]


Rule = Callable[[NDArray[np.float64], "NDArray[np.float64] | None"], Modes]
"""Gram matrix of a group of frames, and where to begin, to what is subtracted."""


@dataclass(frozen=True, slots=True)
class Stretched:
    """Frames of all channels with their speckles on each other.

    Attributes
    ----------
    spline : NDArray[np.float32]
        (channel x time, y, x) spline coefficients of the frames.
    bad : NDArray[np.bool_]
        (channel x time, y, x) no data: not reached by all channels, or a pixel without.
    turns : tuple[NDArray[np.floating], NDArray[np.float64]]
        (channel x time,) derotation angles, degrees, and stretch.
    times : int
        Frames of a channel.
    mask : NDArray[np.float32]
        (y, x) 1 where pixels make the modes, else 0.
    gram : NDArray[np.float64]
        (channel x time, channel x time) products of the frames over the mask.
    centred : bool
        Whether the mean over all frames is subtracted.
    """

    spline: NDArray[np.float32]
    bad: NDArray[np.bool_]
    turns: tuple[NDArray[np.floating], NDArray[np.float64]]
    times: int
    mask: NDArray[np.float32]
    gram: NDArray[np.float64]
    centred: bool


def align(channel: JointChannel, mask: NDArray[np.bool_] | None = None, *, centred: bool = True) -> Stretched:
    """Stretch all frames and take their products.

    Parameters
    ----------
    channel : JointChannel
        The data; NaN = no data, which enters as the pixel's mean over time.
    mask : NDArray[np.bool_] | None
        (y, x) pixels that make the modes, as seen at the shortest wavelength; those that
        not every channel reaches are left out. None is all.
    centred : bool
        Subtract the mean over all frames.

    Returns
    -------
    Stretched
        Ready to be reduced.

    Raises
    ------
    ValueError
        If no pixel is left to make modes from.
    """
    times, shape = channel.times, (channel.cube.shape[1], channel.cube.shape[2])
    planes, bad = np.empty(channel.cube.shape, np.float32), np.empty(channel.cube.shape, np.bool_)
    reached = covered(shape, float(channel.scales.min()))
    used = reached if mask is None else reached & mask
    if not used.any():
        raise ValueError("no pixel of the field is reached by all channels; enlarge the cube or the field")
    parts = [slice(c * times, (c + 1) * times) for c in range(len(channel.psfs))]

    def stretch(begin: int, end: int) -> None:
        for part, scale in zip(parts[begin:end], channel.scales[begin:end], strict=True):
            planes[part], bad[part] = _stretched(channel.cube[part], float(scale))

    def prepare(begin: int, end: int) -> None:
        for part in parts[begin:end]:
            planes[part] = coefficients(planes[part])

    each_piece(stretch, len(parts), 1)
    bad |= ~reached
    if centred:
        planes -= planes.mean(axis=0, dtype=np.float64).astype(np.float32)
    gram = _products_of(planes, used, centred=centred)
    each_piece(prepare, len(parts), 1)
    turns = (channel.angles_deg, np.repeat(channel.scales, times))
    return Stretched(planes, bad, turns, times, used.astype(np.float32), gram, centred)


def _products_of(
    planes: NDArray[np.float32], used: NDArray[np.bool_], *, centred: bool
) -> NDArray[np.float64]:
    """Gram matrix of frames (n, y, x) over the pixels used.

    float32 if their mean is off; else the star needs float64. Some rows at a time: all at once would be
    another cube in memory.
    """
    parts: dict[int, NDArray[np.floating]] = {}

    def some(begin: int, end: int) -> None:
        values = planes[:, begin:end][:, used[begin:end]]
        values = values if centred else values.astype(np.float64)
        parts[begin] = values @ values.T

    each_piece(some, len(used), _ROWS)
    gram = np.zeros((len(planes), len(planes)))
    for begin in sorted(parts):
        gram += parts[begin]
    return gram


def _stretched(frames: NDArray[np.float32], scale: float) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Stretch frames, and where a pixel without data lies in the 4 x 4 pixels of the spline."""
    gaps = np.isnan(frames)
    if not gaps.any():
        return rescale(frames, scale), gaps
    filled = np.where(gaps, np.nan_to_num(temporal_mean(frames)), frames)
    touched = np.zeros_like(gaps)
    for down, along in np.ndindex(4, 4) if scale != 1.0 else [(1, 1)]:
        rows, columns = (
            np.clip(np.floor((np.arange(n) - n // 2) / scale + n // 2).astype(int) + d - 1, 0, n - 1)
            for n, d in zip(frames.shape[1:], (down, along), strict=True)
        )
        touched |= gaps[:, rows[:, None], columns]
    return rescale(filled, scale), touched


@dataclass(frozen=True, slots=True)
class JointReduction:
    """All channels reduced together; see `reduction.Reduction`.

    Attributes
    ----------
    stretched : Stretched
        The data.
    groups : Sequence[slice]
        Frames that are reduced together.
    rule : Rule
        What is subtracted from a group.
    modes : Sequence[Modes]
        Of each group, without injections.
    weights : NDArray[np.float64]
        (channel,) of the mean over channels.
    spectrum : NDArray[np.float64]
        (channel,) of a companion.
    how : str
        'median' or 'mean' over time.
    images : NDArray[np.float32]
        (channel, y, x) combined over time, north up.
    """

    stretched: Stretched
    groups: Sequence[slice]
    rule: Rule
    modes: Sequence[Modes]
    weights: NDArray[np.float64]
    spectrum: NDArray[np.float64]
    how: str
    images: NDArray[np.float32] = field(repr=False)
    _recent: dict[int, "_Injected"] = field(default_factory=dict, repr=False, compare=False)

    @property
    def image(self) -> NDArray[np.float32]:
        """Weighted mean over the channels of the combined, derotated residual (y, x)."""
        return mean_contrast(self.images, self.weights, self.spectrum)

    def patch(self, parts: Parts, x: int, y: int, half: int) -> NDArray[np.float32]:
        """As `reduction.Reduction.patch`: the Gram matrices are updated for the injections."""
        return mean_contrast(self.channel_patches(parts, x, y, half), self.weights, self.spectrum)

    def channel_patches(self, parts: Parts, x: int, y: int, half: int) -> NDArray[np.float32]:
        """The same before the mean over channels: (channel, y, x)."""
        stretched, place = self.stretched, (x, y, half)
        given = [(self._injected(stamps), float(flux)) for stamps, flux in parts]
        left, right = _together(self.groups, self._modes(given), len(stretched.spline))
        box = reach_of_patch(stretched.mask.shape, stretched.turns, place)
        corner = (box[0], box[2])
        images = mode_images(stretched.spline[:, box[2] : box[3], box[0] : box[1]], right)
        for injected, flux in given:
            _add_images(images, box, injected, flux * right)
        signal = merged([(injected.stamps, flux) for injected, flux in given])
        data = (stretched.spline, stretched.bad)
        frames = less_patch(data, stretched.turns, place, signal, (left, images), corner)
        split = frames.reshape(-1, stretched.times, *frames.shape[1:])
        return np.stack([combine(channel, self.how) for channel in split])

    def by(self, rule: Rule, starts: Sequence[NDArray[np.float64]] | None) -> "JointReduction":
        """The same data by another rule, weights anew; products of injections with the data are shared.

        `starts` as in `reduce_groups`.
        """
        given = (self.stretched, self.groups, rule, self.how)
        return replace(reduce_groups(*given, (None, self.spectrum), starts), _recent=self._recent)

    def _modes(self, given: Sequence[tuple["_Injected", float]]) -> Sequence[Modes]:
        if not given:
            return self.modes
        made = []
        for number, (group, before) in enumerate(zip(self.groups, self.modes, strict=True)):
            gram = self.stretched.gram[group, group].copy()
            for at, (injected, flux) in enumerate(given):
                _add(injected.cross[number], flux, gram)
                for other, more in given[: at + 1]:
                    _add(injected.with_other(other, self.groups)[number], flux * more, gram)
            made.append(self.rule(gram, before.start))
        return made

    def _injected(self, stamps: Stamps) -> "_Injected":
        kept = self._recent.get(id(stamps))
        if kept is None:
            kept = _inject(self.stretched, self.groups, stamps)
            self._recent[id(stamps)] = kept
            for old in list(self._recent)[:-_KEPT]:  # other threads may do the same
                self._recent.pop(old, None)
        return kept


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class _Injected:
    """A source of unit flux and its products with the data.

    Attributes
    ----------
    source : Stamps
        As it came: kept so that no other takes its identity.
    stamps : Stamps
        In the stretched frames.
    boxes : tuple[Box, Box]
        Parts of the frames that hold its pixels and its spline coefficients.
    pixels : NDArray[np.float32]
        (n, y, x) of the first box, 0 where they do not count.
    spline : NDArray[np.float32]
        (n, y, x) of the second box.
    cross : Sequence[NDArray[np.float64]]
        For each group (n, n): products of the data's frames with those of the source, and their transpose.
    """

    source: Stamps
    stamps: Stamps
    boxes: tuple[Box, Box]
    pixels: NDArray[np.float32]
    spline: NDArray[np.float32]
    cross: Sequence[NDArray[np.float64]]
    _others: WeakKeyDictionary["_Injected", Sequence[NDArray[np.float64]]] = field(
        default_factory=WeakKeyDictionary
    )

    def with_other(self, other: "_Injected", groups: Sequence[slice]) -> Sequence[NDArray[np.float64]]:
        """For each group (n, n): what products of this source's frames with another's add to the data's."""
        if other not in self._others:
            self._others[other] = _products(self, other, groups)
        return self._others[other]


def _inject(stretched: Stretched, groups: Sequence[slice], source: Stamps) -> _Injected:
    shape = (stretched.mask.shape[0], stretched.mask.shape[1])
    centre = (float(shape[1] // 2), float(shape[0] // 2))
    stamps = rescaled_stamps(source, stretched.turns[1], centre, shape)
    box, pixels = _dense(stamps.data, stamps.left, stamps.low, shape)
    pixels *= stretched.mask[box[2] : box[3], box[0] : box[1]]
    wide, spline = _dense(stamps.spline, stamps.left - MARGIN, stamps.low - MARGIN, shape)
    data = values_of(stretched.spline, box)
    cross = [_both_ways(_cross(data[group], pixels[group])) for group in groups]
    return _Injected(source, stamps, (box, wide), pixels, spline, cross)


def _dense(
    stamps: NDArray[np.float32], left: NDArray[np.int64], low: NDArray[np.int64], shape: tuple[int, int]
) -> tuple[Box, NDArray[np.float32]]:
    """Part of the frames that all stamps lie in, and the stamps as frames of it (n, y, x)."""
    height, width = stamps.shape[1:]
    first, last = np.clip([left.min(), left.max() + width], 0, shape[1])
    bottom, top = np.clip([low.min(), low.max() + height], 0, shape[0])
    frames = np.zeros((len(stamps), top - bottom, last - first), np.float32)
    add_stamps(frames.transpose(1, 2, 0), stamps, left - first, low - bottom, 1.0)
    return (int(first), int(last), int(bottom), int(top)), frames


def _shared(first: Box, second: Box) -> Box | None:
    """Part that two boxes share."""
    left, low = max(first[0], second[0]), max(first[2], second[2])
    right, top = min(first[1], second[1]), min(first[3], second[3])
    return (left, right, low, top) if right > left and top > low else None


def _part(frames: NDArray[np.float32], of: Box, part: Box) -> NDArray[np.float32]:
    """Frames (n, y, x) of a box, cut to a part of it; a view."""
    return frames[:, part[2] - of[2] : part[3] - of[2], part[0] - of[0] : part[1] - of[0]]


def _add_images(
    images: NDArray[np.float32], box: Box, injected: _Injected, right: NDArray[np.floating]
) -> None:
    """Add the share of a source to images (k, y, x) of a box, in place."""
    shared = _shared(box, injected.boxes[1])
    if shared is not None:
        _part(images, box, shared)[:] += mode_images(_part(injected.spline, injected.boxes[1], shared), right)


def _products(first: _Injected, second: _Injected, groups: Sequence[slice]) -> list[NDArray[np.float64]]:
    """For each group (n, n): products of the frames of two sources over the part they share, both ways."""
    if first is second:
        return [_cross(frames, frames) for frames in (first.pixels[group] for group in groups)]
    shared = _shared(first.boxes[0], second.boxes[0])
    if shared is None:
        nothing = np.zeros((len(first.pixels), len(first.pixels)))
        return [nothing[group, group] for group in groups]
    a, b = (_part(s.pixels, s.boxes[0], shared) for s in (first, second))
    return [_both_ways(_cross(a[group], b[group])) for group in groups]


def _both_ways(products: NDArray[np.float64]) -> NDArray[np.float64]:
    return products + products.T


def _add(products: NDArray[np.float64], factor: float, gram: NDArray[np.float64]) -> None:
    """Add products times a factor in place, without a copy of either."""
    blas.daxpy(products.ravel(), gram.ravel(), a=factor)


def _cross(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float64]:
    """Products (n, n) of the frames (n, y, x) of two stacks; small ones in float64."""
    a = first.reshape(len(first), -1)
    b = a if second is first else second.reshape(len(second), -1)  # of itself: half the work in BLAS
    if len(first) <= SMALL:
        return np.asarray(a.astype(np.float64) @ b.T.astype(np.float64))
    there = b.any(axis=1)
    if there.all():
        return (a @ b.T).astype(np.float64)
    out = np.zeros((len(a), len(b)))
    out[:, there] = a @ b[there].T  # a source that is in some channels alone
    return out


def _together(
    groups: Sequence[slice], modes: Sequence[Modes], frames: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coefficients of all groups as those of all frames: 0 for the images of another group."""
    left, right = (np.zeros((frames, sum(m.left.shape[1] for m in modes))) for _ in range(2))
    column = 0
    for group, m in zip(groups, modes, strict=True):
        columns = slice(column, column + m.left.shape[1])
        left[group, columns], right[group, columns] = m.left, m.right
        column = columns.stop
    return left, right


def reduce_groups(
    stretched: Stretched,
    groups: Sequence[slice],
    rule: Rule,
    how: str,
    weighing: tuple[NDArray[np.float64] | None, NDArray[np.float64]],
    starts: Sequence[NDArray[np.float64]] | None = None,
) -> JointReduction:
    """Reduce all channels together and keep what injections need.

    Parameters
    ----------
    stretched : Stretched
        The data.
    groups : Sequence[slice]
        Frames that are reduced together; each frame in one group.
    rule : Rule
        What is subtracted from a group.
    how : str
        'median' or 'mean' over time.
    weighing : tuple[NDArray[np.float64] | None, NDArray[np.float64]]
        (channel,) weights of the mean over channels, None takes spectrum / noise**2 with the
        robust deviation of each channel's image; and (channel,) spectrum of a companion.
    starts : Sequence[NDArray[np.float64]] | None
        For each group where the rule begins; None is nowhere.

    Returns
    -------
    JointReduction
        Images and patches.
    """
    modes = [
        rule(stretched.gram[group, group], starts[number] if starts else None)
        for number, group in enumerate(groups)
    ]
    left, right = _together(groups, modes, len(stretched.spline))
    subtracted = mode_images(stretched.spline, right)
    times = stretched.times
    images = np.empty((len(stretched.spline) // times, *stretched.mask.shape), np.float32)

    def some(begin: int, end: int) -> None:
        for channel in range(begin, end):
            part = slice(channel * times, (channel + 1) * times)
            turns = (stretched.turns[0][part], stretched.turns[1][part])
            data = (stretched.spline[part], stretched.bad[part])
            images[channel] = less_image(data, turns, (left[part], subtracted), how)

    each_piece(some, len(images), 1)
    weights, spectrum = weighing
    if weights is None:
        weights = noise_weights(list(images), spectrum)
    return JointReduction(stretched, groups, rule, modes, weights, spectrum, how, images)


def channel_images(channels: Sequence[Channel], reductions: Sequence[Pictured]) -> NDArray[np.float32]:
    """Images of all channels in adu, also of those that were reduced as one.

    Parameters
    ----------
    channels : Sequence[Channel]
        The data.
    reductions : Sequence[Pictured]
        One for each of them.

    Returns
    -------
    NDArray[np.float32]
        (channel, y, x).
    """
    images: list[NDArray[np.float32]] = []
    for channel, reduction in zip(channels, reductions, strict=True):
        if isinstance(channel, JointChannel) and isinstance(reduction, JointReduction):
            images += [
                image * np.float32(unit) for image, unit in zip(reduction.images, channel.units, strict=True)
            ]
        else:
            images.append(product_image(reduction))
    return np.stack(images)
