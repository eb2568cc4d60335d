"""Background of science planes: level, gradient, glow and what varies, fitted where the star is not."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from numpy.polynomial import legendre
from numpy.typing import NDArray
from scipy import ndimage

from reduce.instruments.sphere_irdis_filters import is_thermal
from reduce.kernels import background as kernel
from reduce.product_file import read_facts
from reduce.recipe import SourceFile
from reduce.recipes.calibrated import Window

__all__ = ["Background", "Fitted", "away_from"]

_SMOOTH_LIGHT_PX = 2.0  # of the master's light, for moving its glow with the dither
_SMOOTH_COMPONENT_PX = 4.0  # of what varies: its own noise would be added to every plane
_BLOCK_FILLED = 16  # good pixels of a block that is used
_FREE = np.inf
_GLOW = 0.3  # how far what is round about the star may be from the master's, share
_SLOPE = 0.01  # terms of that surface at the field's edge, share of the thermal light
_SLOPE_ADU = 3.0  # likewise, where no thermal light is expected, adu
_COMPONENT = 3.0  # coefficients of components, over those in the skies
_HALO_POWERS = (2.0, 4.0, 7.0)  # of the star's halo beyond the mask, fitted beside and not taken off
_HALO_UNIT_PX = 100.0
_DEGREE = 3  # of the surface that a thermal background may differ by
_RING_PX = 3.0  # width of the rings that give the glow's profile
_SPARSE = 7  # every so-manieth pixel tells the surface


class Fitted(NamedTuple):
    """Background of planes.

    Attributes
    ----------
    planes : NDArray[np.float32]
        (plane, y, x) of the window, raw adu, to be taken off before the flat is divided.
    coefficients : NDArray[np.float64]
        (plane, shape) in the order of `Background.names`.
    level : NDArray[np.float64]
        (plane,) median over the window, adu.
    """

    planes: NDArray[np.float32]
    coefficients: NDArray[np.float64]
    level: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Sky:
    """What the master knows in one window, (y, x), raw adu; the light is smooth and flat-fielded."""

    light: NDArray[np.float32]
    components: NDArray[np.float32]
    pedestal: float


def away_from(shape: tuple[int, int], star: tuple[float, float], radius: float) -> NDArray[np.bool_]:
    """Pixels outside a disc about the star.

    Parameters
    ----------
    shape : tuple[int, int]
        (y, x) of the window.
    star : tuple[float, float]
        (x, y) in the window, px.
    radius : float
        Of the disc, px: the coronagraph's, the waffle spots', the corrected halo's.

    Returns
    -------
    NDArray[np.bool_]
        (y, x).
    """
    y, x = np.ogrid[: shape[0], : shape[1]]
    return np.asarray(np.hypot(x - star[0], y - star[1]) > radius)


class Background:
    """Background of one window, for every plane of a sequence.

    A plane's background is the master's, with its light moved by the dither against the master's, plus
    shapes whose strengths are fitted to 8 x 8 px means where the star is not: a level, a gradient, the
    master's light, the components of single skies (Hunziker et al. 2018, A&A 611, A23: here fitted together
    with the star's halo, robustly, and each held by how much it varied in the skies); without skies in
    K, a curvature in the components' place. The halo is fitted beside them and stays in the plane.

    Parameters
    ----------
    source : SourceFile
        Master dark, background or sky.
    view : Window
        Of `calibrated.windows` with that master.
    filter_name : str
        ``INS COMB IFLT`` of the science.
    """

    def __init__(self, source: SourceFile, view: Window, filter_name: str) -> None:
        self._view = view
        self._thermal = is_thermal(filter_name)
        self._good = ~(view.bad | view.lost)
        with fits.open(source.path, memmap=True) as hdus:
            header = hdus[0].header
            self._from_sky = self._thermal and header.get("RAWCLASS", "") != "IRD_DARK_RAW"
            self._dither = (float(header.get("DITHERX", 0.0)), float(header.get("DITHERY", 0.0)))
            self._sky = self._read(hdus) if self._from_sky else None
        self._moved: dict[tuple[float, float], tuple[NDArray[np.float32], NDArray[np.float32]]] = {}
        noise = kernel.block_means(view.noise[None] ** 2, self._good)
        self._variance = np.full(noise[1].size, np.inf)
        np.divide(noise[0][0], noise[1], out=self._variance, where=noise[1] >= _BLOCK_FILLED)
        self._variance[self._variance == 0.0] = 1.0

    @classmethod
    def read(cls, source: SourceFile, view: Window, flat: SourceFile) -> "Background":
        """Background of a window, in the flat's filter.

        Parameters
        ----------
        source : SourceFile
            Master dark, background or sky.
        view : Window
            Of `calibrated.windows` with that master.
        flat : SourceFile
            Master flat, whose filter is the science's.

        Returns
        -------
        Background
            Ready for every plane.
        """
        return cls(source, view, read_facts(flat.path).filter)

    @property
    def thermal(self) -> bool:
        """Whether the warm instrument and the sky shine through in this filter."""
        return self._thermal

    @property
    def _degree(self) -> int:
        return _DEGREE if self._thermal else 1

    @property
    def names(self) -> tuple[str, ...]:
        """What each coefficient scales."""
        if self._sky is not None:
            parts = [f"component {number}" for number in range(1, len(self._sky.components) + 1)]
            return (*_surface_names(self._degree), "glow", *parts)
        return _surface_names(self._degree)

    def fitted(
        self,
        planes: NDArray[np.float32],
        star_free: NDArray[np.bool_],
        dither: tuple[float, float] = (0.0, 0.0),
        known_bad: NDArray[np.bool_] | None = None,
    ) -> Fitted:
        """Fit the background of raw planes.

        Parameters
        ----------
        planes : NDArray[np.float32]
            (plane, y, x) of the window, raw adu.
        star_free : NDArray[np.bool_]
            (y, x), True where the star's light is but a smooth halo: `away_from`.
        dither : tuple[float, float]
            (x, y) px by which the image lies off its place at dither 0.
        known_bad : NDArray[np.bool_] | None
            (y, x) pixels to leave out besides the window's own bad ones.

        Returns
        -------
        Fitted
            The background and how it came about.
        """
        good = self._good if known_bad is None else self._good & ~known_bad
        base, shapes = self._shapes(dither, _middle(star_free))
        everything = np.concatenate([shapes, self._halo(star_free)])
        blocks, count = kernel.block_means(everything, good)
        free, _ = kernel.block_means(star_free[None].astype(np.float32), np.ones_like(good))
        variance = np.where((free[0] > 0.99) & (count >= _BLOCK_FILLED), self._variance, np.inf)  # noqa: PLR2004 # all
        means, _ = kernel.block_means(planes - base, good)
        typical = float(np.median(means[:, np.isfinite(variance)])) if np.isfinite(variance).any() else 0.0
        spread = np.concatenate([self._spread(typical), np.full(len(_HALO_POWERS), _FREE)])
        found = kernel.fit(means, kernel.Basis(blocks, spread), variance)[:, : len(self.names)]
        made = base + np.tensordot(found.astype(np.float32), shapes, axes=1)
        return Fitted(made, found, np.median(made[:, good][:, ::7], axis=1).astype(np.float64))

    def _spread(self, typical: float) -> NDArray[np.float64]:
        """How far each coefficient may be from 0."""
        light = typical if self._sky is None else float(np.median(self._sky.light))
        slope = max(_SLOPE * abs(light), _SLOPE_ADU) if self._thermal else _SLOPE_ADU
        surface = [slope / degree for degree in _degrees(self._degree)[1:]]
        if self._sky is None:
            return np.array([_FREE, *surface])
        return np.array([_FREE, *surface, _GLOW, *[_COMPONENT] * len(self._sky.components)])

    def _shapes(
        self, dither: tuple[float, float], star: tuple[float, float]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The master as seen at this dither (y, x), and shapes (shape, y, x), raw adu."""
        key = (round(dither[0] - self._dither[0], 3), round(dither[1] - self._dither[1], 3))
        if key not in self._moved:
            self._moved[key] = self._made(key, star)
        return self._moved[key]

    def _made(
        self, shift: tuple[float, float], star: tuple[float, float]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        flat, (ny, nx) = self._view.flat, self._view.flat.shape
        shapes = _surface(ny, nx, self._degree)
        base = self._view.background
        if self._sky is not None:
            light = _moved(self._sky.light, shift)
            base = base + flat * (light - self._sky.light)
            shapes += [_round_about(light, star), *(_moved(each, shift) for each in self._sky.components)]
        return base, (flat * np.stack(shapes)).astype(np.float32)

    def _halo(self, star_free: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Falling powers of the distance from the middle of what is masked, (power, y, x), raw adu."""
        if star_free.all():
            return np.zeros((len(_HALO_POWERS), *star_free.shape), np.float32)
        r = np.maximum(_distance(star_free.shape, _middle(star_free)), 1.0) / _HALO_UNIT_PX
        return np.stack([self._view.flat * r**-power for power in _HALO_POWERS]).astype(np.float32)

    def _read(self, hdus: fits.HDUList) -> _Sky:
        view = self._view
        pedestal = self._pedestal(hdus)
        light = _smooth((view.background - pedestal) / view.flat, self._good, _SMOOTH_LIGHT_PX)
        if "COMPONENTS" not in hdus:
            return _Sky(light, np.zeros((0, *light.shape), np.float32), pedestal)
        cut = np.asarray(hdus["COMPONENTS"].data[:, view.rows, view.columns], np.float32)
        smooth = [_smooth(part / view.flat, self._good, _SMOOTH_COMPONENT_PX) for part in cut]
        return _Sky(light, np.stack(smooth), pedestal)

    def _pedestal(self, hdus: fits.HDUList) -> float:
        """Level of the master without light: of its faintest per cent, where the field is vignetted."""
        plane = np.asarray(hdus[0].data[::4, ::4], np.float64)
        return float(np.nanpercentile(plane, 1.0))


def _smooth(image: NDArray[np.float32], good: NDArray[np.bool_], sigma: float) -> NDArray[np.float32]:
    """Gaussian mean over good pixels; 0 where there are none within reach."""
    total = ndimage.gaussian_filter(np.where(good, image, 0).astype(np.float32), sigma, mode="nearest")
    share = ndimage.gaussian_filter(good.astype(np.float32), sigma, mode="nearest")
    return np.asarray(np.where(share > 1e-3, total / np.maximum(share, 1e-3), 0.0), np.float32)  # noqa: PLR2004 # of one


def _degrees(highest: int) -> list[int]:
    """Degree of each term of a surface."""
    return [degree for degree in range(highest + 1) for _ in range(degree + 1)]


def _surface_names(highest: int) -> tuple[str, ...]:
    return tuple(f"x{degree - j} y{j}" for degree in range(highest + 1) for j in range(degree + 1))


def _surface(ny: int, nx: int, highest: int) -> list[NDArray[np.float64]]:
    """Products of Legendre polynomials in x and y, each (y, x), up to a total degree."""
    in_y = legendre.legvander(np.linspace(-1, 1, ny), highest).T
    in_x = legendre.legvander(np.linspace(-1, 1, nx), highest).T
    return [np.outer(in_y[j], in_x[degree - j]) for degree in range(highest + 1) for j in range(degree + 1)]


def _middle(star_free: NDArray[np.bool_]) -> tuple[float, float]:
    """(x, y) of what is masked; the window's where nothing is."""
    y, x = np.nonzero(~star_free)
    if y.size == 0:
        return (star_free.shape[1] - 1) / 2, (star_free.shape[0] - 1) / 2
    return float(x.mean()), float(y.mean())


def _distance(shape: tuple[int, ...], place: tuple[float, float]) -> NDArray[np.float64]:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return np.asarray(np.hypot(columns - place[0], rows - place[1]))


def _round_about(light: NDArray[np.float32], star: tuple[float, float]) -> NDArray[np.float64]:
    """Glow of the coronagraph: what of the light is round about the star, less a curved surface."""
    ny, nx = light.shape
    y, x = (part.ravel() for part in np.mgrid[-1 : 1 : 1j * ny, -1 : 1 : 1j * nx])
    surface = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y])
    sample = slice(None, None, _SPARSE)
    curve = np.linalg.lstsq(surface[:, sample].T, light.ravel()[sample], rcond=None)[0]
    ring = _distance(light.shape, star) / _RING_PX
    index = ring.astype(np.int64).ravel()
    rest = light.ravel() - curve @ surface
    profile = np.bincount(index, rest) / np.maximum(np.bincount(index), 1)
    return np.asarray(np.interp(ring, np.arange(profile.size) + 0.5, profile))


def _moved(image: NDArray[np.float32], shift: tuple[float, float]) -> NDArray[np.float32]:
    """The image `shift` (x, y) px further; linear, for what is smooth."""
    if shift == (0.0, 0.0):
        return image
    return np.asarray(ndimage.shift(image, shift[::-1], order=1, mode="nearest"), np.float32)
