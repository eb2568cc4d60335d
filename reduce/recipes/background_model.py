"""What a plane in a thermal band is made of, on blocks of both fields: background and halo, and their fit."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reduce.instruments.sphere_irdis import ANAMORPHISM_Y
from reduce.kernels import background_shapes as shapes_of
from reduce.kernels.background import Fit, standing_out
from reduce.kernels.background_shapes import Halo

__all__ = ["HALO_LAMBDA_D", "Model", "Scene"]

HALO_LAMBDA_D = 21.0
"""Beyond this radius the star's light is a smooth halo: past the control radius and the waffle spots."""

_EDGE_PX = 8.0  # beside the mask the halo is steep: nothing stands out there
_SHORTEST_PX = 100.0  # half the shortest wave of the smooth field
_CORRELATED_PX = 120.0  # waves much shorter than this are held tighter
_COMPONENT = 5.0  # strength of components, over those in the skies
_GLOW = 0.3  # how far what is round about the star may be from the master's, share
_RINGS_PX = (86.0, 256.0, 14.0)  # first, end, step: a glow that no master shows
_RING = 0.03  # how bright that glow may be, share of the light
_CHANNEL = 0.03  # how far the two fields may differ in what they share: the star's flux is known as well
_HALO = {
    Halo.KOLMOGOROV: np.inf,
    Halo.EDGE: np.inf,
    Halo.STATIC: 0.02,
    Halo.WIND_COS: 0.1,
    Halo.WIND_SIN: 0.1,
}
"""How far each shape of the halo may go, share of the halo at 30 lambda/D."""
_FAINTEST = 1.0  # that halo, adu: the first guess, and for stars without one

_Blocks = NDArray[np.float64]


class Scene(NamedTuple):
    """What is known before a plane is seen.

    Attributes
    ----------
    shape : tuple[int, int]
        (y, x) of each field, px.
    widths : tuple[float, float]
        Lambda/D of each, px.
    ratio : float
        The halo in the second field against the first, at equal lambda/D.
    levels : tuple[float, float]
        Thermal light of each, adu.
    share : float
        Of it, how far a smooth field may be off what the master and its components tell, rms.
    glows : tuple[NDArray[np.float64], NDArray[np.float64]] | None
        Of the coronagraph in each field, (block,) adu, if a master shows it.
    components : NDArray[np.float64]
        (component, field, block) adu.
    variance : NDArray[np.float64]
        (field, block) by noise; infinite = not to be used.
    """

    shape: tuple[int, int]
    widths: tuple[float, float]
    ratio: float
    levels: tuple[float, float]
    share: float
    glows: tuple[_Blocks, _Blocks] | None
    components: _Blocks
    variance: _Blocks


class _Shapes:
    """Shapes over both fields, (field, block), and how far their strengths may be from 0."""

    def __init__(self) -> None:
        self._made: list[_Blocks] = []
        self._spread: list[float] = []

    def both(self, first: _Blocks, second: _Blocks, spread: float) -> None:
        """One strength for both fields."""
        self._made.append(np.stack([first.ravel(), second.ravel()]))
        self._spread.append(spread)

    def one(self, shape: _Blocks, field: int, spread: float) -> None:
        """In one field only."""
        nothing = np.zeros_like(shape)
        pair = (shape, nothing) if field == 0 else (nothing, shape)
        self.both(*pair, spread)

    def alike(self, first: _Blocks, second: _Blocks, spread: float, apart: float) -> None:
        """One strength for both fields, but for what the second may differ by."""
        self.both(first, second, spread)
        self.one(second, 1, apart)

    @property
    def made(self) -> tuple[_Blocks, _Blocks]:
        """(shape, field, block) and (shape,)."""
        return np.stack(self._made), np.array(self._spread)


class Model:
    """A scene around a star.

    Parameters
    ----------
    scene : Scene
        What is known.
    stars : tuple[tuple[float, float], tuple[float, float]]
        (x, y) in each field, px.
    """

    def __init__(self, scene: Scene, stars: tuple[tuple[float, float], tuple[float, float]]) -> None:
        self._scene = scene
        y, x = shapes_of.middles(scene.shape)
        self._grid = (y.size, x.size)
        away = [(y - star[1], x - star[0]) for star in stars]
        radius = np.stack([np.hypot(dy, dx) for dy, dx in away])
        self._shapes, self._spread = self._background(radius)
        halo, self._halo_spread = self._halo(away)
        mask = np.array([HALO_LAMBDA_D * width for width in scene.widths])[:, None, None]
        self._far = (radius > mask + _EDGE_PX).reshape(scene.variance.shape)
        used = np.where((radius > mask).reshape(scene.variance.shape), scene.variance, np.inf)
        every = np.concatenate([self._shapes, halo])
        self._fit = Fit(every.reshape(len(every), -1), used.ravel())

    def behind(self, means: NDArray[np.float64]) -> NDArray[np.float64]:
        """Background of planes less their masters: fitted twice, then with the halo's brightness known.

        Parameters
        ----------
        means : NDArray[np.float64]
            (plane, field, block) adu.

        Returns
        -------
        NDArray[np.float64]
            Likewise, without the halo.
        """
        values, out = self._steadied(means)
        number, brightness = len(self._shapes), 0.0
        for _ in range(2):
            spread = np.concatenate([self._spread, self._halo_spread * max(brightness, _FAINTEST)])
            found = self._fit(values, spread, out)
            brightness = float(np.median(found[:, number + 2 * Halo.KOLMOGOROV]))
        return np.tensordot(found[:, :number], self._shapes, axes=1)

    def _steadied(self, means: _Blocks) -> tuple[_Blocks, NDArray[np.bool_]]:
        """(plane, block) with the surroundings' median where a block stands out, and where that is."""
        values, out = means.copy(), np.zeros(means.shape, bool)
        for field, variance in enumerate(self._scene.variance):
            grid = means[:, field].reshape(-1, *self._grid)
            stands, around = standing_out(grid, variance.reshape(self._grid))
            out[:, field] = stands.reshape(len(means), -1) & self._far[field]
            values[:, field] = np.where(out[:, field], around.reshape(len(means), -1), means[:, field])
        return values.reshape(len(means), -1), out.reshape(len(means), -1)

    def _background(self, radius: _Blocks) -> tuple[_Blocks, _Blocks]:
        scene, shapes = self._scene, _Shapes()
        waves, number = shapes_of.cosines(scene.shape, _SHORTEST_PX)
        free = (1.0 + (number * _CORRELATED_PX) ** 2) ** -2.0
        free /= np.sqrt((free[1:] ** 2).sum())
        free[0] = np.inf
        for field, level in enumerate(scene.levels):
            for wave, share in zip(waves, free, strict=True):
                shapes.one(wave, field, share * scene.share * max(level, 1.0))
        for first, second in scene.components:
            shapes.both(first, second, _COMPONENT)
        if scene.glows is not None:
            for field, glow in enumerate(scene.glows):
                shapes.one(glow, field, _GLOW)
            return shapes.made
        low, high = (max(level, 1.0) for level in scene.levels)
        for first, second in zip(*(shapes_of.rings(r, *_RINGS_PX) for r in radius), strict=True):
            shapes.alike(first * low, second * high, _RING, _RING * _CHANNEL)
        return shapes.made

    def _halo(self, away: list[tuple[_Blocks, _Blocks]]) -> tuple[_Blocks, _Blocks]:
        """Spread in units of the halo; shapes that are not alike in both fields come as pairs."""
        shapes = _Shapes()
        each = zip(away, self._scene.widths, strict=True)
        first, second = (shapes_of.halo(dy * ANAMORPHISM_Y / width, dx / width) for (dy, dx), width in each)
        for kind, spread in _HALO.items():
            apart = _CHANNEL * min(spread, 1.0)
            shapes.alike(first[kind], self._scene.ratio * second[kind], spread, apart)
        return shapes.made
