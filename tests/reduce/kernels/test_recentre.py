"""Resampling against what is known: an Airy disc between pixels, its flux, the variance of planted noise."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import j1

from reduce.kernels.recentre import recentred, resampling

_STRETCH = (1.0, 1.0062)
_SHIFTS = ((0.5, 0.5), (0.3, -0.4), (0.0, 0.5), (0.25, 0.75))


def _airy(x: NDArray[np.float64], y: NDArray[np.float64], fwhm: float) -> NDArray[np.float64]:
    """Of a pupil with a central obscuration of 0.14: band-limited, as any telescope's image."""
    radius = np.pi * np.hypot(x, y) * 1.03 / fwhm + 1e-12

    def amplitude(v: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(2.0 * j1(v) / v)

    return ((amplitude(radius) - 0.14**2 * amplitude(0.14 * radius)) / (1 - 0.14**2)) ** 2


@pytest.mark.parametrize(("fwhm", "goal"), [(2.1, 1e-3), (2.3, 3e-4), (3.3, 3e-4), (4.6, 3e-4)])
def test_a_star_between_pixels_comes_back_on_one(fwhm: float, goal: float) -> None:
    """1e-3 of the peak is the goal at 3.3 px (H); 2.1 px is the Y band, where a cubic spline has 4.6e-2."""
    rows, columns = np.mgrid[:201, :201].astype(np.float64)
    y, x = np.mgrid[-50:51, -50:51].astype(np.float64)
    wanted = _airy(x, y / _STRETCH[1], fwhm)
    for dx, dy in _SHIFTS:
        frame = _airy(columns - 100 - dx, rows - 100 - dy, fwhm)
        found = recentred(frame, (100 + dx, 100 + dy), 101, _STRETCH) * _STRETCH[1]
        assert np.abs(found - wanted).max() < goal
        assert found.sum() / wanted.sum() == pytest.approx(1.0, abs=3.5e-5)


def test_the_flux_of_a_star_is_the_same_wherever_it_stood() -> None:
    rows, columns = np.mgrid[:121, :121].astype(np.float64)
    for dx, dy in _SHIFTS:
        frame = np.exp(-4 * np.log(2) * ((columns - 60 - dx) ** 2 + (rows - 60 - dy) ** 2) / 3.3**2)
        found = recentred(frame, (60 + dx, 60 + dy), 81, _STRETCH)
        assert found.sum() == pytest.approx(frame.sum(), rel=3e-5)


def test_a_flat_frame_stays_flat() -> None:
    found = recentred(np.full((60, 70), 7.0), (33.4, 30.7), 31, (1.0, 1.0))
    np.testing.assert_allclose(found, 7.0, rtol=1e-6)


@pytest.mark.parametrize("stretch", [(1.0, 1.0), _STRETCH, (1.3, 0.8)])
def test_the_variance_is_that_of_planted_noise(stretch: tuple[float, float]) -> None:
    rng = np.random.default_rng(5)
    sigma = 1.0 + rng.random((45, 45))
    plan = resampling(sigma.shape, (22.37, 22.81), 15, stretch)
    drawn = np.stack([plan.image(sigma * rng.normal(size=sigma.shape)) for _ in range(4000)])
    ratio = drawn.var(axis=0) / plan.variance(sigma**2)
    assert ratio.mean() == pytest.approx(1.0, abs=0.005)
    assert np.abs(ratio - 1.0).max() < 6 * np.sqrt(2 / 4000)


def test_flags_follow_the_pixels_around_the_place() -> None:
    flags = np.zeros((30, 30), np.uint8)
    flags[10, 12], flags[11, 12], flags[20, 5] = 1, 2, 4
    plan = resampling(flags.shape, (14.5, 14.5), 21, (1.0, 1.0))
    found = plan.flags(flags, outside=8)  # output (j, i) lies at (j + 4.5, i + 4.5)
    assert found[6, 7] == found[6, 8] == 3  # rows 10 and 11
    assert found[5, 7] == 1
    assert found[7, 8] == 2
    assert set(found[15:17, 0:2].ravel()) == {4}
    assert np.count_nonzero(found) == 6 + 4
    on_pixels = resampling(flags.shape, (15.0, 15.0), 21, (1.0, 1.0)).flags(flags, outside=8)
    assert on_pixels[5, 7] == 3  # on row 10: it and the row after
    beyond = resampling(flags.shape, (3.0, 15.0), 21, (1.0, 1.0))
    assert (beyond.flags(flags, outside=8)[:, :7] == 8).all()
    assert np.isnan(beyond.image(flags.astype(np.float32))[:, :7]).all()


def test_the_share_of_a_mask_is_one_inside_and_falls_outside() -> None:
    mask = np.zeros((80, 80), bool)
    mask[:, 40:] = True
    share = resampling(mask.shape, (40.0, 40.0), 41, (1.0, 1.0)).share(mask)
    np.testing.assert_allclose(share[:, 20:], 1.0, atol=1e-5)
    np.testing.assert_allclose(share[:, :20], 0.0, atol=1e-5)  # whole pixels: nothing is mixed
    between = resampling(mask.shape, (39.5, 40.0), 41, (1.0, 1.0)).share(mask)
    np.testing.assert_allclose(between[:, 20], 0.5, atol=1e-5)  # the place in the middle of the edge
    assert (np.diff(between[20]) > -1e-6).all()


def test_a_frame_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(1, 9\), wanted \(y, x\)"):
        resampling((1, 9), (4.0, 0.0), 5, (1.0, 1.0))
