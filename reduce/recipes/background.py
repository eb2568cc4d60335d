"""Thermal background of science planes: fitted in both fields together, beside the star's halo."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from scipy import ndimage

from reduce.kernels import background as kernel
from reduce.kernels import background_shapes as shapes_of
from reduce.recipe import SourceFile
from reduce.recipes.background_model import Model, Scene
from reduce.recipes.calibrated import Window

__all__ = ["Background", "Fitted", "halo_ratio"]

_SMOOTH_LIGHT_PX = 2.0  # of the master's light, for moving its glow with the dither
_SMOOTH_BLOCKS = 1.0  # of components: their own noise would be added to every plane
_BLOCK_FILLED = 64  # good pixels of a block that is used
_LIT = 0.3  # response of a block that is used
_SPARSE = 7  # every so-manieth pixel tells a level
_DARK = "IRD_DARK_RAW"
_UNTOLD = {"IRD_SKY_BG_RAW": 0.01, "IRD_INS_BG_RAW": 0.02, _DARK: 0.01}
"""What the master and its components do not tell of the light, share of it, rms."""

_Image = NDArray[np.float32]
_Place = tuple[float, float]


class Fitted(NamedTuple):
    """Background of the planes of one field.

    Attributes
    ----------
    planes : NDArray[np.float32]
        (plane, y, x) of the part that is wanted, raw adu, to be taken off before the flat is divided.
    level : NDArray[np.float64]
        (plane,) median over it, adu.
    """

    planes: _Image
    level: NDArray[np.float64]


def halo_ratio(star_flux: Sequence[float], widths: Sequence[float]) -> float:
    """Brightness of the star's halo in the second field against the first, at equal lambda/D.

    Parameters
    ----------
    star_flux : Sequence[float]
        (channel,) in an aperture of 1 FWHM; NaN where not known: then the star is as bright in both.
    widths : Sequence[float]
        (channel,) lambda/D, px: the light is spread over its square, and what the adaptive optics leaves
        falls with the wavelength by a power from 0 (of the peak's share) to 2 (of the phase): 1 is taken.

    Returns
    -------
    float
        1 where both are alike.
    """
    flux = star_flux[1] / star_flux[0]
    return float((flux if np.isfinite(flux) else 1.0) * (widths[0] / widths[1]) ** 3)


class Background:
    """Background of a sequence's planes in both fields.

    A plane is the master, with its light moved by the dither against the master's, plus shapes whose
    strengths are fitted to means of blocks in both fields at once, robustly, each held by how far it may go:

    - a smooth field, cosines down to a scale, apart in the two fields;
    - the components of single skies (Hunziker et al. 2018, A&A 611, A23), one strength for both fields:
      what warms and cools is upstream of the beam splitter;
    - the coronagraph's glow; where no master shows it, a free profile around the star, as much stronger in
      the second field as the thermal light is;
    - the star's halo beyond the radius that the adaptive optics controls. In the two fields it is alike but
      for the wavelength and the star's colour, which tells it from the glow. It stays in the plane.

    Parameters
    ----------
    source : SourceFile
        Master dark, background or sky.
    views : Sequence[Window]
        Both fields, of one shape, of `calibrated.windows` with that master.
    parts : Sequence[tuple[slice, slice]]
        (rows, columns) of each that are wanted.
    ratio : float
        `halo_ratio`.
    """

    def __init__(
        self,
        source: SourceFile,
        views: Sequence[Window],
        parts: Sequence[tuple[slice, slice]],
        ratio: float,
    ) -> None:
        self._views, self._parts, self._ratio = views, parts, ratio
        self._good = [~(view.bad | view.lost) for view in views]
        self._flat = np.stack([self._mean(view.flat[None], field) for field, view in enumerate(views)])[:, 0]
        self._flat[self._flat <= _LIT] = np.inf
        self._variance = np.stack([self._noise(field) for field in range(len(views))])
        with fits.open(source.path, memmap=True) as hdus:
            header = hdus[0].header
            self._kind = str(header["RAWCLASS"])
            self._dither = (float(header.get("DITHERX", 0.0)), float(header.get("DITHERY", 0.0)))
            self._lights = [] if self._kind == _DARK else self._read_lights(hdus)
            self._components = self._read_components(hdus)
        self._bases: dict[_Place, list[_Image]] = {}
        self._models: dict[tuple[int, ...], Model] = {}

    def fitted(
        self,
        planes: Sequence[NDArray[np.float32]],
        stars: Sequence[tuple[float, float]],
        dither: tuple[float, float] = (0.0, 0.0),
    ) -> tuple[Fitted, ...]:
        """Fit the background of raw planes.

        Parameters
        ----------
        planes : Sequence[NDArray[np.float32]]
            (plane, y, x) of each view, raw adu.
        stars : Sequence[tuple[float, float]]
            (x, y) in each view, px.
        dither : tuple[float, float]
            (x, y) px by which the image lies off its place at dither 0.

        Returns
        -------
        tuple[Fitted, ...]
            One a field.
        """
        bases = self._base(dither)
        parts = zip(planes, bases, strict=True)
        means = np.stack([self._means(each, base, f) for f, (each, base) in enumerate(parts)], axis=1)
        behind = self._model(means, stars, dither).behind(means)
        return tuple(self._drawn(behind[:, field], base, field) for field, base in enumerate(bases))

    def _mean(self, planes: NDArray[np.floating], field: int) -> NDArray[np.float64]:
        means, _ = kernel.block_means(planes, self._good[field])
        return means

    def _means(self, planes: _Image, base: _Image, field: int) -> NDArray[np.float64]:
        """(plane, block) of what is not the master, over the flat; a plane at a time: memory."""
        means = [self._mean((plane - base)[None], field) for plane in planes]
        return np.asarray(np.concatenate(means) / self._flat[field])

    def _noise(self, field: int) -> NDArray[np.float64]:
        """(block,) variance over the flat."""
        mean, count = kernel.block_means(self._views[field].noise[None] ** 2, self._good[field])
        used = (count >= _BLOCK_FILLED) & np.isfinite(self._flat[field])
        variance = np.full(count.size, np.inf)
        variance[used] = mean[0, used] / (count[used] * self._flat[field, used] ** 2)
        variance[variance == 0.0] = 1.0
        return variance

    def _base(self, dither: _Place) -> list[_Image]:
        """The master as seen at this dither, (y, x) raw adu of each field; the last one is kept."""
        shift = self._shift(dither)
        if shift not in self._bases:
            made = [view.background for view in self._views]
            if self._lights and shift != (0.0, 0.0):
                each = zip(self._views, self._lights, strict=True)
                made = [view.background + view.flat * (_moved(light, shift) - light) for view, light in each]
            self._bases = {shift: made}
        return self._bases[shift]

    def _shift(self, dither: _Place) -> _Place:
        """(x, y) px from the master's dither."""
        return round(dither[0] - self._dither[0], 3), round(dither[1] - self._dither[1], 3)

    def _model(self, means: NDArray[np.float64], stars: Sequence[_Place], dither: _Place) -> Model:
        """Of this place of star and dither, to a pixel; the last one is kept."""
        key = tuple(round(part) for place in (dither, *stars) for part in place)
        if key not in self._models:
            height, width = self._views[0].flat.shape
            scene = Scene(
                (height, width),
                (self._views[0].width, self._views[1].width),
                self._ratio,
                self._levels(means),
                _UNTOLD[self._kind],
                self._glows(stars, dither),
                self._components,
                self._variance,
            )
            self._models = {key: Model(scene, (stars[0], stars[1]))}
        return self._models[key]

    def _levels(self, means: NDArray[np.float64]) -> tuple[float, float]:
        """Thermal light of each field, adu: the master's, or what lies over a dark."""
        if self._lights:
            first, second = (float(np.median(light)) for light in self._lights)
            return first, second
        lit = np.isfinite(self._variance)
        first, second = (float(np.median(means[:, f, lit[f]])) if lit[f].any() else 0.0 for f in (0, 1))
        return first, second

    def _glows(
        self, stars: Sequence[_Place], dither: _Place
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """What of the master's light, as seen at this dither, is round about the star."""
        if not self._lights:
            return None
        y, x = shapes_of.middles(self._views[0].flat.shape)
        first, second = (
            shapes_of.round_about(
                self._mean(_moved(light, self._shift(dither))[None], field).reshape(y.size, x.size),
                np.isfinite(self._variance[field]).reshape(y.size, x.size),
                np.hypot(y - star[1], x - star[0]),
            ).ravel()
            for field, (light, star) in enumerate(zip(self._lights, stars, strict=True))
        )
        return first, second

    def _drawn(self, behind: NDArray[np.float64], base: _Image, field: int) -> Fitted:
        """Pixels of the wanted part from values on blocks (plane, block)."""
        part, view = self._parts[field], self._views[field]
        shape = view.flat.shape
        along, across = (shapes_of.enlarging(side, cut) for side, cut in zip(shape, part, strict=True))
        flat, below = view.flat[part], base[part]
        drawn = np.empty((len(behind), *flat.shape), np.float32)
        for plane, values in zip(drawn, behind.astype(np.float32), strict=True):
            plane[:] = along @ values.reshape(along.shape[1], -1) @ across.T * flat + below
        seen = self._good[field][part]
        return Fitted(drawn, np.median(drawn[:, seen][:, ::_SPARSE], axis=1).astype(np.float64))

    def _read_lights(self, hdus: fits.HDUList) -> list[_Image]:
        """(y, x) of each field, over the flat, smooth."""
        pedestal = float(np.nanpercentile(np.asarray(hdus[0].data[::4, ::4], np.float64), 1.0))
        each = zip(self._views, self._good, strict=True)
        return [
            _smooth((view.background - pedestal) / view.flat, good, _SMOOTH_LIGHT_PX) for view, good in each
        ]

    def _read_components(self, hdus: fits.HDUList) -> NDArray[np.float64]:
        """(component, field, block), over the flat, smooth; none where there are none."""
        if "COMPONENTS" not in hdus:
            return np.zeros((0, *self._variance.shape))
        cuts = [hdus["COMPONENTS"].data[:, view.rows, view.columns] for view in self._views]
        fields = [self._mean(np.asarray(cut, np.float32), f) / self._flat[f] for f, cut in enumerate(cuts)]
        grid = tuple(side // kernel.BLOCK_PX for side in self._views[0].flat.shape)
        lit = np.isfinite(self._variance).reshape(-1, *grid)
        made = [
            [_smooth(part.reshape(grid), good, _SMOOTH_BLOCKS).ravel() for part in parts]
            for parts, good in zip(fields, lit, strict=True)
        ]
        return np.stack(made, axis=1).astype(np.float64)


def _smooth(image: NDArray[np.floating], good: NDArray[np.bool_], sigma: float) -> _Image:
    """Gaussian mean over good pixels; 0 where there are none within reach."""
    total = ndimage.gaussian_filter(np.where(good, image, 0).astype(np.float32), sigma, mode="nearest")
    share = ndimage.gaussian_filter(good.astype(np.float32), sigma, mode="nearest")
    return np.asarray(np.where(share > 1e-3, total / np.maximum(share, 1e-3), 0.0), np.float32)  # noqa: PLR2004 # of one


def _moved(image: NDArray[np.floating], shift: _Place) -> _Image:
    """The image `shift` (x, y) px further; linear, for what is smooth."""
    return np.asarray(
        ndimage.shift(image.astype(np.float32), shift[::-1], order=1, mode="nearest"), np.float32
    )
