"""K-band background against planted truth: level, glow that moves with the dither, shapes that vary, halo."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from reduce.kernels import background as kernel
from reduce.kernels import fill
from reduce.kernels.stack import clipped_mean, steadied
from reduce.recipe import SourceFile
from reduce.recipes.background import Background, Fitted, away_from
from reduce.recipes.calibrated import Window

_SIZE = 440
_STAR = (218.3, 221.7)
_WIDTH = 4.4
_MASK_PX = 95.0
_Plane = NDArray[np.float32]


def _shape(rng: np.random.Generator, smooth: float) -> NDArray[np.float64]:
    made = gaussian_filter(rng.standard_normal((_SIZE, _SIZE)), smooth, mode="reflect")
    made -= made.mean()
    return np.asarray(made / made.std())


@dataclass
class _Sky:
    """Thermal light of a K-band instrument; all numbers in adu of a plane."""

    rng: np.random.Generator
    level: float = 900.0

    def __post_init__(self) -> None:
        rng = self.rng
        y, x = np.mgrid[-1 : 1 : _SIZE * 1j, -1 : 1 : _SIZE * 1j]
        self.pattern = 1 + 0.05 * x - 0.04 * y + 0.03 * (x**2 + y**2)
        self.shapes = [_shape(rng, smooth) for smooth in (120.0, 80.0, 50.0)]
        self.flat = (1 + 0.01 * rng.standard_normal((_SIZE, _SIZE)) + 0.02 * _shape(rng, 60.0)).astype(
            np.float32
        )
        self.bias = 12.0 + rng.normal(0.0, 1.5, (_SIZE, _SIZE))
        self.bad = rng.random((_SIZE, _SIZE)) < 0.03
        self.bias[self.bad] += rng.normal(0.0, 3000.0, self.bad.sum())

    def light(self, dither: tuple[float, float]) -> NDArray[np.float64]:
        rng, (rows, columns) = self.rng, np.mgrid[:_SIZE, :_SIZE]
        r = np.hypot(columns - _STAR[0] - dither[0], rows - _STAR[1] - dither[1])
        glow = np.exp(-0.5 * (r / 38.0) ** 2) + 0.3 * np.exp(-0.5 * ((r - 120.0) / 25.0) ** 2)
        made = self.pattern * (1 + 0.02 * rng.normal()) + 0.25 * (1 + 0.1 * rng.normal()) * glow
        for weight, shape in zip((0.012, 0.009, 0.006), self.shapes, strict=True):
            made = made + weight * rng.normal() * shape
        return np.asarray(self.level * made + 15.0 * rng.normal())

    def seen(self, light: NDArray[np.float64]) -> _Plane:
        """Raw plane: response, bias, photon and read noise."""
        mean = light * self.flat
        noise = self.rng.standard_normal((_SIZE, _SIZE)) * np.sqrt(np.maximum(mean, 0) / 1.75 + 40.0)
        return np.asarray(mean + noise + self.bias, np.float32)


def _master(sky: _Sky, folder: Path, skies: int, tag: str = "IRD_SKY_BG_RAW") -> tuple[SourceFile, Window]:
    light = np.zeros((_SIZE, _SIZE)) if tag == "IRD_DARK_RAW" else None
    planes = np.stack([sky.seen(sky.light((0.0, 0.0)) if light is None else light) for _ in range(skies)])
    level = np.median(planes, axis=(1, 2))[:, None, None]
    made = clipped_mean(planes - level + level.mean(), 5.0)
    noise = steadied(made.noise, made.kept)
    hdus = [fits.PrimaryHDU(made.mean), fits.ImageHDU(noise, name="NOISE")]
    hdus[0].header["RAWCLASS"] = tag
    blocks, count = kernel.block_means(planes - made.mean, ~sky.bad)
    spread = kernel.block_means(noise[None] ** 2, ~sky.bad)[0][0] / np.maximum(count, 1)
    rows = kernel.varying(blocks, spread, 8)
    if light is None:
        components = np.tensordot(rows, planes - made.mean, axes=1).astype(np.float32)
        hdus.append(fits.ImageHDU(components, name="COMPONENTS"))
    path = folder / f"{tag}{skies}.fits"
    fits.HDUList(hdus).writeto(path)
    everything = slice(0, _SIZE)
    lost = np.zeros_like(sky.bad)
    view = Window(
        everything,
        everything,
        (0, 0),
        np.where(sky.bad, 0, made.mean).astype(np.float32),
        np.where(sky.bad, 1, sky.flat).astype(np.float32),
        noise,
        made.error,
        np.zeros_like(noise),
        sky.bad,
        lost,
        _WIDTH,
        fill.plan_fill(sky.bad, _WIDTH),
    )
    return SourceFile(path, "", path.name), view


def _star(brightness: float) -> NDArray[np.float64]:
    """Corrected halo inside 88 px, seeing halo outside, adu."""
    rows, columns = np.mgrid[:_SIZE, :_SIZE]
    r = np.hypot(columns - _STAR[0], rows - _STAR[1])
    return np.asarray(brightness * (np.exp(-((r / 40.0) ** 2)) + 0.05 / (1 + (r / 60.0) ** 2) ** 1.4))


def _companion(x: float, y: float, peak: float) -> NDArray[np.float64]:
    rows, columns = np.mgrid[:_SIZE, :_SIZE]
    return np.asarray(peak * np.exp(-4 * np.log(2) * ((columns - x) ** 2 + (rows - y) ** 2) / 4.5**2))


def _scaled(planes: _Plane, view: Window, free: NDArray[np.bool_]) -> _Plane:
    """The plain way: the master times a factor fitted where the star is not, clipped at 3 sigma."""
    made = []
    for plane in planes:
        use = free & ~view.bad
        for _ in range(4):
            factor = (plane[use] * view.background[use]).sum() / (view.background[use] ** 2).sum()
            off = plane - factor * view.background
            use &= np.abs(off) < 3 * 1.4826 * np.median(np.abs(off[use]))
        made.append(factor * view.background)
    return np.asarray(made)


def _error(made: _Plane, lights: NDArray[np.float64], sky: _Sky, where: NDArray[np.bool_]) -> float:
    """What is wrong in a flat-fielded plane beyond a pixel's noise: over 4 px, root mean square, adu."""
    total = 0.0
    for background, light in zip(made, lights, strict=True):
        off = (background - sky.bias) / sky.flat - light
        total += float(np.mean(fill_smooth(off, ~sky.bad)[where] ** 2))
    return float(np.sqrt(total / len(lights)))


def fill_smooth(image: NDArray[np.float64], good: NDArray[np.bool_]) -> NDArray[np.float64]:
    share = gaussian_filter(good.astype(float), 2.0)
    return np.asarray(gaussian_filter(np.where(good, image, 0.0), 2.0) / share)


def _annulus(inner: float, outer: float) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[:_SIZE, :_SIZE]
    r = np.hypot(columns - _STAR[0], rows - _STAR[1])
    return np.asarray((r > inner) & (r < outer))


def _science(
    sky: _Sky, planes: int, dither: tuple[float, float], star: NDArray[np.float64]
) -> tuple[_Plane, NDArray[np.float64]]:
    lights = np.stack([sky.light(dither) for _ in range(planes)])
    return np.stack([sky.seen(light + star) for light in lights]), lights


@pytest.mark.parametrize("dither", [(0.0, 0.0), (2.0, -1.0)])
def test_what_is_left_is_a_third_of_the_scaled_sky_s(tmp_path: Path, dither: tuple[float, float]) -> None:
    sky = _Sky(np.random.default_rng(1))
    source, view = _master(sky, tmp_path, 12)
    planes, lights = _science(sky, 4, dither, _star(300.0))
    free = away_from((_SIZE, _SIZE), _STAR, _MASK_PX)
    found = Background(source, view, "DB_K12").fitted(planes, free, dither)
    plain = _scaled(planes, view, free)
    for where in (_annulus(12.0, 90.0), _annulus(90.0, 200.0)):
        assert _error(found.planes, lights, sky, where) < _error(plain, lights, sky, where) / 3


def test_the_star_and_its_companions_keep_their_light(tmp_path: Path) -> None:
    """The fit with and without star and companions: what the star takes away from itself."""
    sky = _Sky(np.random.default_rng(2))
    source, view = _master(sky, tmp_path, 12)
    light = sky.light((0.0, 0.0))
    star = _star(600.0)
    companions = (
        _companion(300.4, 150.2, 400.0) + _companion(150.0, 330.0, 2000.0) + _companion(220.0, 280.0, 100.0)
    )
    blank = sky.seen(light)
    free = away_from((_SIZE, _SIZE), _STAR, _MASK_PX)
    background = Background(source, view, "DB_K12")
    with_star = (blank + (star + companions) * sky.flat).astype(np.float32)
    without, taken = (background.fitted(plane[None], free).planes[0] for plane in (blank, with_star))
    eaten = taken - without
    for inner, outer in ((10.0, 40.0), (40.0, 80.0)):
        ring = _annulus(inner, outer)
        assert abs(eaten[ring].mean()) < 0.01 * star[ring].mean()
    rows, columns = np.mgrid[:_SIZE, :_SIZE]
    for x, y, peak in ((300.4, 150.2, 400.0), (150.0, 330.0, 2000.0), (220.0, 280.0, 100.0)):
        near = np.hypot(columns - x, rows - y)
        inside, around = near < 4.5, (near > 8) & (near < 14)
        lost = eaten[inside].sum() - inside.sum() * eaten[around].mean()
        assert abs(lost) < 0.01 * _companion(x, y, peak)[inside].sum()


def test_without_skies_the_field_itself_tells(tmp_path: Path) -> None:
    sky = _Sky(np.random.default_rng(3))
    source, view = _master(sky, tmp_path, 6, "IRD_DARK_RAW")
    planes, lights = _science(sky, 2, (0.0, 0.0), _star(300.0))
    free = away_from((_SIZE, _SIZE), _STAR, _MASK_PX)
    background = Background(source, view, "DB_K12")
    found = background.fitted(planes, free)
    assert "curve xy" in background.names
    where = _annulus(150.0, 215.0)
    assert _error(found.planes, lights, sky, where) < 0.08 * sky.level
    inner = _annulus(12.0, 90.0)  # the glow behind the mask is not seen outside it
    assert _error(found.planes, lights, sky, inner) < 0.2 * sky.level


def test_outside_k_only_level_and_slope_are_fitted(tmp_path: Path) -> None:
    sky = _Sky(np.random.default_rng(4))
    source, view = _master(sky, tmp_path, 6, "IRD_DARK_RAW")
    y, x = np.mgrid[-1 : 1 : _SIZE * 1j, -1 : 1 : _SIZE * 1j]
    light = 4.0 + 1.0 * x - 0.5 * y
    planes = sky.seen(light + _star(50.0))[None]
    background = Background(source, view, "DB_H23")
    found = background.fitted(planes, away_from((_SIZE, _SIZE), _STAR, _MASK_PX))
    assert background.names == ("level", "slope x", "slope y")
    assert not background.thermal
    assert found.coefficients[0] == pytest.approx([4.0, 1.0, -0.5], abs=0.6)


def test_hits_and_stars_outside_the_mask_do_not_pull(tmp_path: Path) -> None:
    sky = _Sky(np.random.default_rng(5))
    source, view = _master(sky, tmp_path, 6)
    rng = np.random.default_rng(6)
    plane = sky.seen(sky.light((0.0, 0.0)))
    hit = plane.copy()
    hit.flat[rng.choice(hit.size, 400, replace=False)] += 5e3
    for _ in range(15):
        hit += _companion(*rng.uniform(5, 435, 2), 3e3).astype(np.float32)
    free = away_from((_SIZE, _SIZE), _STAR, _MASK_PX)
    background = Background(source, view, "DB_K12")
    first, second = (background.fitted(each[None], free).planes[0] for each in (plane, hit))
    assert np.abs(first - second).max() < 3.0  # adu of 900


def test_nothing_to_fit_leaves_the_master_and_planes_do_not_know_each_other(tmp_path: Path) -> None:
    sky = _Sky(np.random.default_rng(7))
    source, view = _master(sky, tmp_path, 6)
    background = Background(source, view, "DB_K12")
    planes, _ = _science(sky, 3, (0.0, 0.0), _star(10.0))
    nowhere = background.fitted(planes, np.zeros((_SIZE, _SIZE), bool))
    np.testing.assert_allclose(nowhere.planes[1], view.background, atol=1e-3)
    free = away_from((_SIZE, _SIZE), _STAR, _MASK_PX)
    together: Fitted = background.fitted(planes, free)
    alone = background.fitted(planes[1:2], free)
    np.testing.assert_allclose(together.planes[1], alone.planes[0], atol=1e-2)
    assert together.level == pytest.approx(np.median(together.planes[:, ~view.bad], axis=1), rel=0.01)
