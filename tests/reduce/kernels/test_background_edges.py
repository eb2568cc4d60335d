"""Thermal background: means by hand, components of planted skies, a fit that solves its own equations."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from reduce.kernels.background import BLOCK_PX, Fit, block_means, standing_out, varying

_B = BLOCK_PX


def test_means_of_good_pixels_block_by_block() -> None:
    rng = np.random.default_rng(1)
    planes = rng.normal(10.0, 1.0, size=(2, 3 * _B + 5, 2 * _B + 3))
    good = rng.random(planes.shape[1:]) < 0.7
    good[_B : 2 * _B, :_B] = False
    good[_B : 2 * _B, _B : 2 * _B] = False
    good[_B + 3, _B + 7] = True
    planes[:, ~good] = np.nan
    means, count = block_means(planes, good)
    assert means.shape == (2, 6)
    for block in range(6):
        row, column = divmod(block, 2)
        part = np.s_[row * _B : (row + 1) * _B, column * _B : (column + 1) * _B]
        assert count[block] == good[part].sum()
        for plane, mean in zip(planes, means, strict=True):
            wanted = plane[part][good[part]].mean() if block != 2 else 0.0
            assert mean[block] == pytest.approx(wanted, rel=1e-12)
    assert count[2:4].tolist() == [0, 1]
    assert block_means(planes, np.ones_like(good))[1].tolist() == [256] * 6


def _skies(values: list[float], blocks: int) -> NDArray[np.float64]:
    """(plane, block) whose products have these eigenvalues, the last plane's way the strongest."""
    rng = np.random.default_rng(2)
    left, _ = np.linalg.qr(rng.normal(size=(len(values), len(values))))
    right, _ = np.linalg.qr(rng.normal(size=(blocks, len(values))))
    return np.asarray(left @ np.diag(np.sqrt(values)) @ right.T)


def test_skies_vary_where_noise_alone_would_not_reach() -> None:
    noise = (np.sqrt(90) + np.sqrt(5)) ** 2
    values = [0.1, 1.0, 1.299 * noise, 1.301 * noise, 4.0 * noise]
    variance = np.random.default_rng(3).uniform(0.5, 2.0, 90)
    means = _skies(values, 90) * np.sqrt(variance)
    wide = np.concatenate([means, np.full((5, 7), 1e3)], axis=1)  # blocks not to be used
    rows = varying(wide, np.concatenate([variance, np.full(7, np.inf)]), 4)
    assert rows.shape == (2, 5)
    size = [((row @ means) ** 2 / variance).sum() for row in rows]
    assert size == pytest.approx([4.0 * noise / 5, 1.301 * noise / 5])  # strongest first
    for row in rows:
        shape = row @ means
        on_it = (means * shape / variance).sum(axis=1) / (shape**2 / variance).sum()
        assert np.mean(on_it**2) == pytest.approx(1.0)
        np.testing.assert_allclose(on_it, row * 5)
        assert row[np.abs(row).argmax()] > 0
    assert varying(means, variance, 1).shape == (1, 5)
    assert varying(means, variance, 0).shape == (0, 5)


def test_the_sign_is_the_same_whatever_the_skies_signs() -> None:
    rng = np.random.default_rng(10)
    for _ in range(5):
        means = rng.normal(size=(5, 2)) @ rng.normal(size=(2, 40)) * 50.0
        one, other = (varying(sky, np.ones(40), 2) for sky in (means, -means))
        np.testing.assert_allclose(one, other)
        assert (one[[0, 1], np.abs(one).argmax(axis=1)] > 0).all()


def test_one_way_less_than_there_are_planes() -> None:
    """The planes' mean is taken off: one of their ways is none."""
    assert varying(_skies([1e4, 2e4, 3e4], 50), np.ones(50), 9).shape == (2, 3)
    assert varying(np.random.default_rng(4).normal(size=(6, 400)), np.ones(400), 6).shape == (0, 6)


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_block_stands_out_by_six_deviations(sign: int) -> None:
    variance = np.full((9, 11), 4.0)
    for times in (0.999, 1.001):
        means = np.full((2, 9, 11), 50.0)
        means[1, 4, 6] += sign * times * 6.0 * 2.0
        found, smooth = standing_out(means, variance)
        wanted = np.zeros(means.shape, bool)
        wanted[1, 3:6, 5:8] = times > 1
        np.testing.assert_array_equal(found, wanted)
        np.testing.assert_array_equal(smooth, 50.0)


def test_a_block_stands_out_of_the_scatter_there_is() -> None:
    rng = np.random.default_rng(5)
    variance = rng.uniform(0.5, 1.5, (20, 22))
    means = rng.normal(0.0, 3.0, size=(20, 22))
    middle = ndimage.median_filter(means, 5)
    scale = 1.4826 * np.median(np.abs((means - middle) / np.sqrt(variance)))
    assert scale > 2.0
    for times in (0.99, 1.01):
        one = means.copy()
        one[8, 9] = middle[8, 9] + times * 6.0 * scale * np.sqrt(variance[8, 9])
        found, smooth = standing_out(one[None], variance)
        assert found[0].sum() == (9 if times > 1 else 0)
        assert np.abs(smooth[0] - middle).max() < 2.0


def test_blocks_not_used_are_seen_as_the_nearest() -> None:
    variance = np.ones((9, 9))
    variance[3:6, 3:6] = np.inf
    means = np.full((1, 9, 9), 7.0)
    means[0, 3:6, 3:6] = 1e6
    found, smooth = standing_out(means, variance)
    assert not found.any()
    np.testing.assert_array_equal(smooth, 7.0)
    found, smooth = standing_out(means, np.full((9, 9), np.inf))
    assert not found.any()
    assert found.shape == smooth.shape == (1, 9, 9)
    assert not smooth.any()


def _problem(planes: int = 2) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Shapes (3, 80), variance with blocks that are not used, and coefficients (plane, 3)."""
    rng = np.random.default_rng(6)
    variance = rng.uniform(0.5, 2.0, 80)
    variance[:6] = np.inf
    return rng.normal(size=(3, 80)), variance, rng.normal(size=(planes, 3)) * 30.0


def test_a_fit_gives_back_what_was_planted() -> None:
    shapes, variance, wanted = _problem()
    means = wanted @ shapes
    means[:, :6] = 1e5
    free, none = np.full(3, np.inf), np.zeros(means.shape, bool)
    np.testing.assert_allclose(Fit(shapes, variance)(means, free, none), wanted, atol=1e-6)


def test_a_fit_is_held_as_a_prior_holds_it() -> None:
    """Residuals far below the noise: plain least squares, each coefficient with its own spread about 0."""
    shapes, variance, wanted = _problem()
    spread = np.array([0.3, 0.1, np.inf])
    means = 1e-4 * (wanted @ shapes + np.random.default_rng(7).normal(size=(2, 80)))
    used = np.isfinite(variance)
    side = shapes[:, used] / variance[used]
    exact = np.linalg.solve(side @ shapes[:, used].T + np.diag(spread**-2.0), side @ means[:, used].T).T
    found = Fit(shapes, variance)(means, spread, np.zeros(means.shape, bool))
    np.testing.assert_allclose(found, exact, rtol=1e-5)
    assert np.abs(exact[:, 1] - 1e-4 * wanted[:, 1]).min() > 1e-5


@pytest.mark.parametrize(("noise", "hit_by"), [(3.0, 300.0), (0.4, 3.0)])
def test_a_fit_ends_where_tukeys_biweight_is_balanced(noise: float, hit_by: float) -> None:
    """The scale is what is left over, at least the noise that was told."""
    rng = np.random.default_rng(8)
    shapes, variance, wanted = _problem(planes=3)
    means = wanted @ shapes + noise * rng.normal(size=(3, 80)) * np.sqrt(np.where(variance < 9, variance, 1))
    hit = rng.random(means.shape) < 0.1
    means[hit] += hit_by
    spread = np.array([np.inf, 20.0, 20.0])
    found = Fit(shapes, variance)(means, spread, np.zeros(means.shape, bool))
    used = np.isfinite(variance)
    scaled = shapes[:, used] / np.sqrt(variance[used])
    off = means[:, used] / np.sqrt(variance[used]) - found @ scaled
    scale = np.maximum(1.0, 1.4826 * np.median(np.abs(off), axis=1))[:, None]
    assert (scale == 1.0).all() if noise < 1 else (scale > 2.0).all()
    told = off * np.clip(1 - (off / (6.0 * scale)) ** 2, 0, None) ** 2
    error = np.sqrt(np.diagonal(scaled @ scaled.T))
    assert np.abs((told @ scaled.T - found / spread**2) / error).max() < 0.05
    assert np.abs((found - wanted) * error).max() < 4 * scale.max()


def test_blocks_known_to_stand_out_tell_nothing() -> None:
    shapes, variance, wanted = _problem()
    means = wanted @ shapes
    out = np.random.default_rng(9).random(means.shape) < 0.2
    free = np.full(3, np.inf)
    means[out] += 5.0  # a first guess, not far off
    found = Fit(shapes, variance)(means, free, out)
    np.testing.assert_allclose(found, wanted, atol=0.02)
    told = Fit(shapes, variance)(means, free, np.zeros_like(out))
    assert np.abs(told - wanted).max() > 0.1


def test_what_no_block_tells_of_is_0() -> None:
    shapes, variance, wanted = _problem()
    shapes[1, 6:] = 0.0
    found = Fit(shapes, variance)(wanted @ shapes, np.full(3, np.inf), np.zeros((2, 80), bool))
    np.testing.assert_allclose(found[:, [0, 2]], wanted[:, [0, 2]], atol=1e-6)
    assert not found[:, 1].any()
    nothing = Fit(shapes, np.full(80, np.inf))(wanted @ shapes, np.ones(3), np.zeros((2, 80), bool))
    np.testing.assert_array_equal(nothing, np.zeros((2, 3)))
