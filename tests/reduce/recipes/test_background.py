"""K-band background against planted truth: level, glow that moves with the dither, shapes that vary, halo."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

from reduce.kernels import background as kernel
from reduce.kernels import fill
from reduce.kernels.stack import clipped_mean, steadied
from reduce.recipe import SourceFile
from reduce.recipes.background import Background, Fitted, halo_ratio
from reduce.recipes.calibrated import Window

_SIZE = 640
_STARS = ((318.3, 321.7), (322.1, 309.4))
_WIDTHS = (4.2, 4.5)
_MASK_PX = 95.0
_LEVELS = (900.0, 3200.0)
_BOTH = (0, 1)
_Plane = NDArray[np.float32]
_Light = NDArray[np.float64]


def _distance(which: int, dither: tuple[float, float] = (0.0, 0.0)) -> _Light:
    rows, columns = np.mgrid[:_SIZE, :_SIZE]
    x, y = _STARS[which]
    return np.asarray(np.hypot(columns - x - dither[0], rows - y - dither[1]))


def _shape(rng: np.random.Generator, smooth: float) -> _Light:
    coarse = gaussian_filter(rng.standard_normal((_SIZE // 8, _SIZE // 8)), smooth / 8, mode="reflect")
    made = zoom(coarse, 8, order=3, mode="nearest", grid_mode=True)
    made -= made.mean()
    return np.asarray(made / made.std())


@dataclass
class _Half:
    """One field: its thermal pattern, shapes, response and bad pixels."""

    rng: np.random.Generator
    which: int
    pattern: _Light = field(init=False)
    shapes: list[_Light] = field(init=False)
    flat: _Plane = field(init=False)
    bias: _Light = field(init=False)
    bad: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        rng = self.rng
        y, x = np.mgrid[-1 : 1 : _SIZE * 1j, -1 : 1 : _SIZE * 1j]
        a, b, c = rng.normal(0.0, 0.05, 3)
        self.pattern = 1 + a * x + b * y + c * (x**2 + y**2)
        self.shapes = [_shape(rng, smooth) for smooth in (160.0, 110.0, 80.0)]
        response = 1 + 0.01 * rng.standard_normal((_SIZE, _SIZE)) + 0.02 * _shape(rng, 60.0)
        self.flat = response.astype(np.float32)
        self.bias = 12.0 + rng.normal(0.0, 1.5, (_SIZE, _SIZE))
        self.bad = rng.random((_SIZE, _SIZE)) < 0.03
        self.bias[self.bad] += rng.normal(0.0, 3000.0, self.bad.sum())

    def light(self, now: NDArray[np.float64], dither: tuple[float, float]) -> _Light:
        """Of a moment: how far level, glow, shapes and sky are from their means, in standard deviations."""
        r = _distance(self.which, dither)
        glow = np.exp(-0.5 * (r / 38.0) ** 2) + 0.3 * np.exp(-0.5 * ((r - 120.0) / 25.0) ** 2)
        made = self.pattern * (1 + 0.02 * now[0]) + 0.25 * (1 + 0.1 * now[1]) * glow
        for weight, strength, shape in zip((0.012, 0.009, 0.006), now[2:], self.shapes, strict=False):
            made = made + weight * strength * shape
        return np.asarray(_LEVELS[self.which] * (made + 0.01 * now[-1]))

    def seen(self, light: _Light) -> _Plane:
        """Raw plane: response, bias, photon and read noise."""
        mean = light * self.flat
        noise = self.rng.standard_normal((_SIZE, _SIZE)) * np.sqrt(np.maximum(mean, 0) / 1.75 + 40.0)
        return np.asarray(mean + noise + self.bias, np.float32)

    def star(self, brightness: float) -> _Light:
        """Corrected halo out to 20 lambda/D, beyond it what the adaptive optics cannot correct; adu."""
        u = np.maximum(_distance(self.which) / _WIDTHS[self.which], 1.0) / 20.0
        inside = 0.3 * u**-1.2 / (1 + u**6)
        outside = u ** (-11 / 3) / (1 + u**-8.0)
        return np.asarray(brightness * _RATIO**self.which * (inside + outside))


_RATIO = 0.85
"""Halo of the second field against the first."""


class _Sky:
    """Both fields of a night."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.halves = [_Half(self.rng, which) for which in _BOTH]

    def moments(self, number: int) -> NDArray[np.float64]:
        return self.rng.standard_normal((number, 6))

    def lights(self, moments: NDArray[np.float64], dither: tuple[float, float] = (0.0, 0.0)) -> list[_Light]:
        """(plane, y, x) of each field."""
        return [np.stack([half.light(now, dither) for now in moments]) for half in self.halves]

    def seen(self, lights: list[_Light], brightness: float = 0.0) -> list[_Plane]:
        made = []
        for half, each in zip(self.halves, lights, strict=True):
            star = half.star(brightness) if brightness else 0.0
            made.append(np.stack([half.seen(light + star) for light in each]))
        return made

    def master(
        self, folder: Path, skies: int, tag: str = "IRD_SKY_BG_RAW"
    ) -> tuple[SourceFile, list[Window]]:
        """Written as `ird_master_dark` writes it."""
        lights = self.lights(self.moments(skies))
        if tag == "IRD_DARK_RAW":
            lights = [np.zeros_like(each) for each in lights]
        planes = self.seen(lights)
        levelled = [each - np.median(each, axis=(1, 2))[:, None, None] for each in planes]
        made = [clipped_mean(each + np.median(one), 5.0) for each, one in zip(levelled, planes, strict=True)]
        noises = [steadied(one.noise, one.kept) for one in made]
        bad = np.concatenate([half.bad for half in self.halves], axis=1)
        mean, noise = (np.concatenate(part, axis=1) for part in ([one.mean for one in made], noises))
        hdus = [fits.PrimaryHDU(mean), fits.ImageHDU(noise, name="NOISE")]
        hdus[0].header["RAWCLASS"] = tag
        if tag != "IRD_DARK_RAW":
            apart = [each - one.mean for each, one in zip(planes, made, strict=True)]
            off = np.concatenate(
                [each - np.median(each, axis=(1, 2))[:, None, None] for each in apart], axis=2
            )
            blocks, count = kernel.block_means(off, ~bad)
            spread = kernel.block_means(noise[None] ** 2, ~bad)[0][0] / np.maximum(count, 1)
            components = np.tensordot(kernel.varying(blocks, spread, 8), off, axes=1)
            if len(components):
                hdus.append(fits.ImageHDU(components.astype(np.float32), name="COMPONENTS"))
        path = folder / f"{tag}{skies}.fits"
        fits.HDUList(hdus).writeto(path)
        views = [
            self._view(half, one.mean, noise_)
            for half, one, noise_ in zip(self.halves, made, noises, strict=True)
        ]
        return SourceFile(path, "", path.name), views

    def _view(self, half: _Half, mean: _Plane, noise: _Plane) -> Window:
        zero = np.zeros((_SIZE, _SIZE), np.float32)
        return Window(
            rows=slice(0, _SIZE),
            columns=slice(half.which * _SIZE, (half.which + 1) * _SIZE),
            corner=(0, 0),
            background=np.where(half.bad, 0, mean).astype(np.float32),
            flat=np.where(half.bad, 1, half.flat).astype(np.float32),
            noise=noise,
            error=zero,
            flat_error=zero,
            bad=half.bad,
            lost=np.zeros_like(half.bad),
            width=_WIDTHS[half.which],
            repair=fill.plan_fill(half.bad, _WIDTHS[half.which]),
        )


def _background(source: SourceFile, views: list[Window]) -> Background:
    whole = (slice(None), slice(None))
    return Background(source, views, [whole, whole], _RATIO)


def _scaled(planes: _Plane, view: Window, where: NDArray[np.bool_]) -> _Plane:
    """The plain way: the master times a factor, fitted where it is judged, of planes without a star."""
    use = where & ~view.bad
    master = view.background
    return np.stack([master * ((plane * master)[use].sum() / (master**2)[use].sum()) for plane in planes])


def _error(made: _Plane, lights: _Light, half: _Half, where: NDArray[np.bool_]) -> float:
    """What is wrong in a flat-fielded plane beyond a pixel's noise: over 8 px, root mean square, adu."""
    total = 0.0
    good = (~half.bad).astype(float)
    share = gaussian_filter(good, 8.0)
    for background, light in zip(made, lights, strict=True):
        off = np.where(half.bad, 0.0, (background - half.bias) / half.flat - light)
        total += float(np.mean((gaussian_filter(off, 8.0) / share)[where] ** 2))
    return float(np.sqrt(total / len(lights)))


def _ring(which: int, inner: float, outer: float) -> NDArray[np.bool_]:
    r = _distance(which)
    return np.asarray((r > inner) & (r < outer))


def _companion(x: float, y: float, peak: float) -> _Light:
    rows, columns = np.mgrid[:_SIZE, :_SIZE]
    return np.asarray(peak * np.exp(-4 * np.log(2) * ((columns - x) ** 2 + (rows - y) ** 2) / 4.5**2))


def _ratios(sky: _Sky, source: SourceFile, views: list[Window], dither: tuple[float, float]) -> list[float]:
    """What is left in the ring against the plain way, which sees no star."""
    lights = sky.lights(sky.moments(3), dither)
    found = _background(source, views).fitted(sky.seen(lights, 120.0), _STARS, dither)
    bare = sky.seen(lights)
    ratios = []
    for which, half in enumerate(sky.halves):
        where = _ring(which, 100.0, 195.0)
        plain = _scaled(bare[which], views[which], where)
        ours = _error(found[which].planes, lights[which], half, where)
        ratios.append(ours / _error(plain, lights[which], half, where))
    return ratios


@pytest.mark.parametrize(
    ("skies", "tag", "dither"),
    [
        (12, "IRD_SKY_BG_RAW", (2.0, -1.0)),
        (4, "IRD_INS_BG_RAW", (0.0, 0.0)),
    ],
)
def test_what_is_left_is_a_third_of_the_scaled_master_s(
    tmp_path: Path, skies: int, tag: str, dither: tuple[float, float]
) -> None:
    sky = _Sky(1)
    source, views = sky.master(tmp_path, skies, tag)
    assert max(_ratios(sky, source, views, dither)) < 1 / 3


def test_the_star_and_its_companions_keep_their_light(tmp_path: Path) -> None:
    """The fit with and without star and companions: what the star takes away from itself."""
    sky = _Sky(2)
    source, views = sky.master(tmp_path, 12)
    blank = sky.seen(sky.lights(sky.moments(1)))
    stars = [half.star(120.0) for half in sky.halves]
    places = ((430.4, 250.2, 400.0), (250.0, 460.0, 2000.0), (320.0, 380.0, 100.0))
    others = np.sum([_companion(x, y, peak) for x, y, peak in places], axis=0)
    with_star = [
        (each + (star + others) * half.flat).astype(np.float32)
        for each, star, half in zip(blank, stars, sky.halves, strict=True)
    ]
    background = _background(source, views)
    without, taken = (background.fitted(planes, _STARS) for planes in (blank, with_star))
    rows, columns = np.mgrid[:_SIZE, :_SIZE]
    for which in _BOTH:
        eaten = taken[which].planes[0] - without[which].planes[0]
        for inner, outer in ((10.0, 40.0), (40.0, 80.0), (80.0, 120.0)):
            ring = _ring(which, inner, outer)
            assert abs(eaten[ring].mean()) < 0.05 * stars[which][ring].mean()
        for x, y, peak in places:
            near = np.hypot(columns - x, rows - y)
            inside, around = near < 4.5, (near > 8) & (near < 14)
            lost = eaten[inside].sum() - inside.sum() * eaten[around].mean()
            assert abs(lost) < 0.002 * _companion(x, y, peak)[inside].sum()


def test_without_a_master_the_field_itself_tells(tmp_path: Path) -> None:
    """Where no glow is; beside the halo it is told to a tenth only, and under the mask not at all."""
    sky = _Sky(3)
    source, views = sky.master(tmp_path, 4, "IRD_DARK_RAW")
    lights = sky.lights(sky.moments(2))
    found = _background(source, views).fitted(sky.seen(lights, 120.0), _STARS)
    for which, half in enumerate(sky.halves):
        outer, inner = _ring(which, 200.0, 300.0), _ring(which, 100.0, 195.0)
        assert _error(found[which].planes, lights[which], half, outer) < 0.02 * _LEVELS[which]
        assert _error(found[which].planes, lights[which], half, inner) < 0.1 * _LEVELS[which]
        level = np.median(lights[which] * half.flat, axis=(1, 2)) + 12.0
        assert found[which].level == pytest.approx(level, rel=0.05)


def test_hits_and_stars_outside_the_mask_do_not_pull(tmp_path: Path) -> None:
    sky = _Sky(5)
    source, views = sky.master(tmp_path, 6)
    planes = sky.seen(sky.lights(sky.moments(1)))
    hit = [each.copy() for each in planes]
    for each in hit:
        each.flat[sky.rng.choice(each.size, 400, replace=False)] += 5e3
        for _ in range(15):
            each[0] += _companion(sky.rng.uniform(5, 635), sky.rng.uniform(5, 635), 3e3).astype(np.float32)
    background = _background(source, views)
    clean, pulled = (background.fitted(each, _STARS) for each in (planes, hit))
    for which in _BOTH:
        off = np.abs(clean[which].planes - pulled[which].planes)[0][_ring(which, 100.0, 250.0)]
        assert off.max() < 0.005 * _LEVELS[which]


def test_planes_hardly_know_each_other(tmp_path: Path) -> None:
    """They share but the scale of what the halo may be."""
    sky = _Sky(7)
    source, views = sky.master(tmp_path, 6)
    planes = sky.seen(sky.lights(sky.moments(3)), 60.0)
    background = _background(source, views)
    together: tuple[Fitted, ...] = background.fitted(planes, _STARS)
    alone = background.fitted([each[1:2] for each in planes], _STARS)
    for which in _BOTH:
        off = np.abs(together[which].planes[1] - alone[which].planes[0])
        assert off[_ring(which, 100.0, 250.0)].max() < 0.002 * _LEVELS[which]


def test_a_halo_is_as_bright_as_its_star_and_wider_at_longer_waves() -> None:
    assert halo_ratio([10.0, 5.0], [4.0, 4.0]) == pytest.approx(0.5)
    assert halo_ratio([10.0, 10.0], [4.0, 5.0]) == pytest.approx(0.512)
    assert halo_ratio([np.nan, np.nan], [4.0, 4.0]) == 1.0
