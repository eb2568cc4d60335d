"""Raw science planes of IRDIS made into planes of the level 1 cube: clean, with errors, resampled once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hcvo.errors import ReductionError
from hcvo.model.quality import Quality
from reduce.cube_file import Packed, packed
from reduce.exposure import read_parts
from reduce.instruments import sphere_irdis as irdis
from reduce.kernels import cosmics, fill, variance
from reduce.kernels.recentre import Resampling, resampling
from reduce.recipe import SourceFile
from reduce.recipes.background import Background, away_from
from reduce.recipes.calibrated import Window, windows

__all__ = ["CORRECTED_LAMBDA_D", "Piece", "PieceWork", "Setup", "Worked"]

_TOUCHED = 0.05  # share of pixels without data in a pixel that makes it one of them
_BORDER_PX = 2  # beside pixels without data nothing is called a cosmic ray
_AROUND = 2  # px on each side: a filled pixel's sources
CORRECTED_LAMBDA_D = 21.0
"""Radius that the adaptive optics and the waffle spots fill with the star's light, lambda/D."""

_STRETCH = (1.0, irdis.ANAMORPHISM_Y)


class Piece(NamedTuple):
    """Planes of one raw file that are worked on together: so few that memory stays bounded.

    Attributes
    ----------
    path : Path
        The file.
    planes : range
        Of them, 0-based.
    places : NDArray[np.float64]
        (channel, plane, 2) px on the field: the star in each of them.
    dither : tuple[float, float]
        (x, y) px by which the image lies off its place at dither 0.
    """

    path: Path
    planes: range
    places: NDArray[np.float64]
    dither: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Setup:
    """What a process must know to work on any piece of the sequence.

    Attributes
    ----------
    pieces : tuple[Piece, ...]
        In order of time.
    background, flat : SourceFile
        Their calibrations.
    middles : tuple[tuple[float, float], ...]
        Middle of each field's window, (x, y) px.
    half_px : float
        Half its side: every star's surroundings and the interpolation's margin.
    size_px : int
        Side of the cube, odd.
    raw_pixels : bool
        Also give the planes before resampling.
    """

    pieces: tuple[Piece, ...]
    background: SourceFile
    flat: SourceFile
    middles: tuple[tuple[float, float], ...]
    half_px: float
    size_px: int
    raw_pixels: bool

    def views(self) -> tuple[Window, ...]:
        """A window a field that serves every plane."""
        return windows(self.background, self.flat, self.middles, self.half_px)

    def whole_fields(self) -> tuple[Window, ...]:
        """All of each field: a thermal background is told from the halo far from the star."""
        half = irdis.FIELD_PX / 2
        return windows(self.background, self.flat, [(half, half)] * len(self.middles), half + 1)

    def window_px(self) -> tuple[int, int]:
        """(y, x) that holds the windows of all fields."""
        shapes = [view.background.shape for view in self.views()]
        return max(shape[0] for shape in shapes), max(shape[1] for shape in shapes)


class Worked(NamedTuple):
    """Of a piece: planes resampled and, if wanted, before; the background's level (channel, plane), adu."""

    cube: Packed
    pixels: Packed | None
    background: NDArray[np.float64]


class _Clean(NamedTuple):
    """Planes of one window, each (plane, y, x), and the level of the background (plane,)."""

    image: NDArray[np.float32]
    variance: NDArray[np.float32]
    flags: NDArray[np.uint8]
    level: NDArray[np.float64]


class PieceWork:
    """Works on one piece after the other; a `reduce.pool.Worker`.

    Parameters
    ----------
    setup : Setup
        The sequence.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        both = zip(setup.views(), setup.whole_fields(), strict=True)
        self._fields = [_Field(view, whole, setup) for view, whole in both]

    def __call__(self, number: int, /) -> Worked:
        """Reduce piece `number`."""
        piece = self._setup.pieces[number]
        raw = read_parts(piece.path, piece.planes, [field.seen for field in self._fields])
        parts = zip(self._fields, raw, piece.places.mean(axis=1), strict=True)
        cleaned = [
            field.clean(planes, star - field.view.corner, piece.dither) for field, planes, star in parts
        ]
        return Worked(
            self._resampled(cleaned, piece),
            self._as_they_are(cleaned) if self._setup.raw_pixels else None,
            np.stack([one.level for one in cleaned]),
        )

    def _resampled(self, cleaned: Sequence[_Clean], piece: Piece) -> Packed:
        size = self._setup.size_px
        shape = (len(cleaned), len(cleaned[0].image), size, size)
        image, noise = np.empty(shape, np.float32), np.empty(shape, np.float32)
        flags = np.empty(shape, np.uint8)
        for channel, (field, one) in enumerate(zip(self._fields, cleaned, strict=True)):
            for plane in range(shape[1]):
                x, y = piece.places[channel, plane] - field.view.corner
                step = resampling(one.image.shape[1:], (x, y), size, _STRETCH)
                image[channel, plane] = step.image(one.image[plane])
                noise[channel, plane] = step.variance(one.variance[plane])
                flags[channel, plane] = step.flags(one.flags[plane], int(Quality.NO_DATA))
                field.hide(step, image[channel, plane], noise[channel, plane], flags[channel, plane])
        if not np.isfinite(image[:, :, size // 2, size // 2]).all():
            raise ReductionError(
                f"{piece.path.name}: the star lies outside the detector's field or where it sees no light"
            )
        return packed(image, noise, flags)

    def _as_they_are(self, cleaned: Sequence[_Clean]) -> Packed:
        """Windows cut at a field's edge are filled up with no data, so that all have one shape."""
        height = max(one.image.shape[1] for one in cleaned)
        width = max(one.image.shape[2] for one in cleaned)
        parts = []
        for field, one in zip(self._fields, cleaned, strict=True):
            add = ((0, 0), (0, height - one.image.shape[1]), (0, width - one.image.shape[2]))
            image, noise = one.image.copy(), one.variance.copy()
            image[:, field.view.lost], noise[:, field.view.lost] = np.nan, np.nan
            parts.append(
                (
                    np.pad(image, add, constant_values=np.nan),
                    np.pad(noise, add, constant_values=np.nan),
                    np.pad(one.flags, add, constant_values=int(Quality.NO_DATA)),
                )
            )
        return packed(*(np.stack(kind) for kind in zip(*parts, strict=True)))


class _Field:
    """One field's window with all that its planes need."""

    def __init__(self, view: Window, whole: Window, setup: Setup) -> None:
        self.view = view
        self._background = Background.read(setup.background, whole, setup.flat)
        self._whole = whole
        self._cut = _inside(view, whole) if self._background.thermal else (slice(None), slice(None))
        self._without = view.bad | view.lost
        self._level = float(np.median(view.background[~self._without]))
        beside = ndimage.binary_dilation(view.lost, iterations=_BORDER_PX)
        self._unseen = np.asarray(self._without | beside)
        self._nearest = ndimage.distance_transform_edt(view.lost, return_distances=False, return_indices=True)

    @property
    def seen(self) -> tuple[slice, slice]:
        """(rows, columns) of the detector that must be read."""
        view = self._whole if self._background.thermal else self.view
        return view.rows, view.columns

    def clean(
        self, raw: NDArray[np.float32], star: NDArray[np.float64], dither: tuple[float, float]
    ) -> _Clean:
        """Background off, flat divided, bad pixels and cosmic rays filled, saturation flagged."""
        view = self.view
        behind, level = self._behind(raw, (float(star[0]), float(star[1])), dither)
        raw = raw[:, *self._cut]
        image, noise = variance.calibrate(
            raw, behind, view.background, view.noise, view.flat, irdis.GAIN_E_PER_ADU
        )
        self._fill(image, noise, view.repair)
        shared = (view.error**2 + (image.mean(axis=0) * view.flat_error) ** 2) / view.flat**2
        hits = cosmics.find_cosmics(image, noise, view.width, self._unseen, shared=shared)
        for plane, error, hit in zip(image, noise, hits, strict=True):
            if hit.any():  # bad pixels beside a hit were filled from it
                again = hit | (view.bad & _grown(hit))
                plan = fill.plan_fill(self._without | hit, view.width, again)
                self._fill(plane[None], error[None], plan)
        if view.lost.any():  # what lies beside them would ring: their nearest neighbours stand for them
            image, noise = image[:, *self._nearest], noise[:, *self._nearest]
        return _Clean(image, noise, self._flags(raw, hits), level)

    def _behind(
        self, raw: NDArray[np.float32], star: tuple[float, float], dither: tuple[float, float]
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Background and its level (plane,): the master's, in thermal bands fitted to each plane."""
        view = self.view
        if not self._background.thermal:
            return view.background, np.full(len(raw), self._level)
        rows, columns = self._cut
        place = (star[0] + columns.start, star[1] + rows.start)
        free = away_from(raw.shape[1:], place, CORRECTED_LAMBDA_D * view.width)
        found = self._background.fitted(raw, free, dither)
        return found.planes[:, rows, columns], found.level

    @staticmethod
    def _fill(image: NDArray[np.float32], noise: NDArray[np.float32], plan: fill.Plan) -> None:
        fill.fill(image, plan, noise)
        fill.fill_variance(noise, plan)

    def _flags(self, raw: NDArray[np.float32], hits: NDArray[np.bool_]) -> NDArray[np.uint8]:
        flags = np.where(hits, np.uint8(Quality.COSMIC), np.uint8(0))
        flags |= np.where(raw > irdis.SATURATION_ADU, np.uint8(Quality.SATURATED), np.uint8(0))
        flags[:, self.view.bad] |= np.uint8(Quality.BAD)
        flags[:, self.view.lost] = np.uint8(Quality.NO_DATA)
        return np.asarray(flags, np.uint8)

    def hide(
        self,
        step: Resampling,
        image: NDArray[np.float32],
        noise: NDArray[np.float32],
        flags: NDArray[np.uint8],
    ) -> None:
        """Take out of one resampled plane what comes from pixels without data, in place."""
        gone = np.isnan(image)
        if self.view.lost.any():
            gone |= step.share(self.view.lost) > _TOUCHED
        image[gone], noise[gone] = np.nan, np.nan
        flags[gone] = np.uint8(Quality.NO_DATA)


def _grown(hits: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(y, x) pixels with a hit among the 5 x 5 around them."""
    grown = np.zeros_like(hits)
    for y, x in np.argwhere(hits):
        low, left = max(y - _AROUND, 0), max(x - _AROUND, 0)
        grown[low : y + _AROUND + 1, left : x + _AROUND + 1] = True
    return grown


def _inside(view: Window, whole: Window) -> tuple[slice, slice]:
    """(rows, columns) of a window within a larger one of the same field."""
    low, left = view.rows.start - whole.rows.start, view.columns.start - whole.columns.start
    height, width = view.background.shape
    return slice(low, low + height), slice(left, left + width)
