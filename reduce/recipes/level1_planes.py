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
from reduce.instruments.sphere_irdis_filters import is_thermal
from reduce.kernels import cosmics, fill, variance
from reduce.kernels.recentre import Resampling, resampling
from reduce.product_file import read_facts
from reduce.recipe import SourceFile
from reduce.recipes.background import Background, Fitted
from reduce.recipes.calibrated import Window, windows

__all__ = ["Piece", "PieceWork", "Setup", "Worked"]

_TOUCHED = 0.05  # share of pixels without data in a pixel that makes it one of them
_BORDER_PX = 2  # beside pixels without data nothing is called a cosmic ray
_AROUND = 2  # px on each side: a filled pixel's sources
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
    halo_ratio : float
        `background.halo_ratio` of the star.
    """

    pieces: tuple[Piece, ...]
    background: SourceFile
    flat: SourceFile
    middles: tuple[tuple[float, float], ...]
    half_px: float
    size_px: int
    raw_pixels: bool
    halo_ratio: float

    @property
    def thermal(self) -> bool:
        """Whether the warm instrument and the sky shine through in the filter of flat and science."""
        return is_thermal(read_facts(self.flat.path).filter)

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
    """Planes of one window, each (plane, y, x)."""

    image: NDArray[np.float32]
    variance: NDArray[np.float32]
    flags: NDArray[np.uint8]


class PieceWork:
    """Works on one piece after the other; a `reduce.pool.Worker`.

    Parameters
    ----------
    setup : Setup
        The sequence.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        views = setup.views()
        self._fields = [_Field(view) for view in views]
        self._seen, self._parts = list(views), [(slice(None), slice(None))] * len(views)
        self._background = None
        if setup.thermal:
            self._seen = list(setup.whole_fields())
            self._parts = [_inside(view, whole) for view, whole in zip(views, self._seen, strict=True)]
            self._background = Background(setup.background, self._seen, self._parts, setup.halo_ratio)

    def __call__(self, number: int, /) -> Worked:
        """Reduce piece `number`."""
        piece = self._setup.pieces[number]
        raw = read_parts(piece.path, piece.planes, [(view.rows, view.columns) for view in self._seen])
        behind = self._behind(raw, piece)
        parts = zip(self._fields, raw, self._parts, behind, strict=True)
        cleaned = [field.clean(planes[:, *part], below.planes) for field, planes, part, below in parts]
        return Worked(
            self._resampled(cleaned, piece),
            self._as_they_are(cleaned) if self._setup.raw_pixels else None,
            np.stack([below.level for below in behind]),
        )

    def _behind(self, raw: Sequence[NDArray[np.float32]], piece: Piece) -> Sequence[Fitted]:
        """Background of each field: the master's, in thermal bands fitted to each plane."""
        if self._background is None:
            grounds = [(field.view.background, field.level) for field in self._fields]
            return [Fitted(ground, np.full(len(piece.planes), level)) for ground, level in grounds]
        stars = [
            (float(x - view.corner[0]), float(y - view.corner[1]))
            for view, (x, y) in zip(self._seen, piece.places.mean(axis=1), strict=True)
        ]
        return self._background.fitted(raw, stars, piece.dither)

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

    def __init__(self, view: Window) -> None:
        self.view = view
        self._without = view.bad | view.lost
        self.level = float(np.median(view.background[~self._without]))
        beside = ndimage.binary_dilation(view.lost, iterations=_BORDER_PX)
        self._unseen = np.asarray(self._without | beside)
        self._nearest = ndimage.distance_transform_edt(view.lost, return_distances=False, return_indices=True)

    def clean(self, raw: NDArray[np.float32], behind: NDArray[np.float32]) -> _Clean:
        """Background off, flat divided, bad pixels and cosmic rays filled, saturation flagged."""
        view = self.view
        image, noise = variance.calibrate(
            raw, behind, view.background, view.noise, view.flat, irdis.GAIN_E_PER_ADU
        )
        fill.fill(image, view.repair, noise)
        fill.fill_variance(noise, view.repair)
        shared = (view.error**2 + (image.mean(axis=0) * view.flat_error) ** 2) / view.flat**2
        hits = cosmics.find_cosmics(image, noise, view.width, self._unseen, shared=shared)
        fill.sharpen(image, view.repair, noise)
        for plane, error, hit in zip(image, noise, hits, strict=True):
            if hit.any():  # bad pixels beside a hit were filled from it
                again = hit | (view.bad & _grown(hit))
                plan = fill.plan_fill(self._without | hit, view.width, again)
                fill.fill(plane[None], plan, error[None])
                fill.sharpen(plane[None], plan, error[None])
                fill.fill_variance(error[None], plan)
        if view.lost.any():  # what lies beside them would ring: their nearest neighbours stand for them
            image, noise = image[:, *self._nearest], noise[:, *self._nearest]
        return _Clean(image, noise, self._flags(raw, hits))

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
