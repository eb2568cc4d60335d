"""Planted hits are found; stars, companions and changing speckles are left alone."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from reduce.kernels.cosmics import find_cosmics

_SIZE = 160
_READ = 6.3


def _point(x: float, y: float, width: float) -> NDArray[np.float64]:
    rows, columns = np.mgrid[:_SIZE, :_SIZE]
    return np.asarray(np.exp(-4 * np.log(2) * ((columns - x) ** 2 + (rows - y) ** 2) / (1.03 * width) ** 2))


def _speckles(rng: np.random.Generator, width: float) -> NDArray[np.float64]:
    """Intensity of a random field that has passed a telescope, under an envelope."""
    parts = [gaussian_filter(rng.normal(size=(_SIZE, _SIZE)), 0.6 * width) for _ in range(2)]
    field = sum((part / part.std()) ** 2 for part in parts)
    rows, columns = np.mgrid[:_SIZE, :_SIZE]
    return np.asarray(field * 300.0 * np.exp(-np.hypot(columns - 80, rows - 80) / 30.0))


def _scene(rng: np.random.Generator, width: float, planes: int) -> NDArray[np.float64]:
    """Speckles that change from plane to plane, and companions of 50 to 20000 adu anywhere."""
    steady = _speckles(rng, width) + 40.0
    for peak in np.geomspace(50, 2e4, 14):
        x, y = rng.uniform(10, 150, 2)
        steady = steady + peak * _point(x, y, width)
    return np.stack([steady + 0.5 * _speckles(rng, width) for _ in range(planes)])


def _noisy(
    rng: np.random.Generator, light: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    planes = (light + rng.normal(size=light.shape) * np.sqrt(_READ**2 + light / 1.75)).astype(np.float32)
    return planes, (_READ**2 + np.maximum(planes, 0) / 1.75).astype(np.float32)


@pytest.mark.parametrize("width", [2.1, 3.4, 4.4])
@pytest.mark.parametrize("planes", [1, 2, 6])
def test_star_speckles_and_companions_are_no_hits(width: float, planes: int) -> None:
    """Over many more such scenes one pixel is taken in some twenty, most of them in Y."""
    rng = np.random.default_rng(1)
    for _ in range(3):
        data, variance = _noisy(rng, _scene(rng, width, planes))
        assert not find_cosmics(data, variance, width).any()


@pytest.mark.parametrize(("width", "least"), [(2.1, 0.91), (3.4, 0.99), (4.4, 0.99)])
@pytest.mark.parametrize("planes", [1, 5])
def test_hits_are_found(width: float, least: float, planes: int) -> None:
    """Of 30 sigma and more, one to three pixels in a row, anywhere on the scene; nothing beside them.

    In Y an image of a point is hardly wider than a hit: on bright speckles some tell nothing apart.
    """
    rng = np.random.default_rng(2)
    light = _scene(rng, width, planes)
    hit = np.zeros(light.shape)
    for plane in hit:
        for y, x in rng.integers(4, _SIZE - 7, size=(40, 2)):
            for step in range(rng.integers(1, 4)):
                plane[y + step * (x % 2), x + step * (1 - x % 2)] = rng.uniform(0.5, 1.0) * 10 ** rng.uniform(
                    3, 4.3
                )
    data, variance = _noisy(rng, light)
    strong = hit > 30 * np.sqrt(variance)
    data += hit.astype(np.float32)
    found = find_cosmics(data, (variance + hit / 1.75).astype(np.float32), width)
    assert (found & strong).sum() > least * strong.sum()
    assert (found & (hit == 0)).sum() <= 0.006 * strong.sum()


def test_a_pixel_hot_in_all_planes_is_found_in_all_and_a_known_one_is_left() -> None:
    rng = np.random.default_rng(3)
    data, variance = _noisy(rng, np.full((5, _SIZE, _SIZE), 30.0))
    data[:, 50, 60] += 40.0
    data[:, 90, 90] += 4000.0
    known = np.zeros((_SIZE, _SIZE), bool)
    known[90, 90] = True
    found = find_cosmics(data, variance, 3.4, known)
    assert found[:, 50, 60].all()
    assert not found[:, 90, 90].any()


def test_time_finds_what_hides_beside_a_star() -> None:
    """A hit on a bright steady star's flank: seen against the other planes, not in its own plane alone."""
    rng = np.random.default_rng(4)
    data, variance = _noisy(rng, np.stack([2e4 * _point(80.3, 79.8, 3.4) + 20] * 5))
    data[2, 81, 83] += 3000.0
    assert find_cosmics(data, variance, 3.4)[2, 81, 83]
    assert not find_cosmics(data[:2], variance[:2], 3.4).any()


def test_the_planes_are_left_as_they_are_and_every_run_agrees() -> None:
    rng = np.random.default_rng(5)
    data, variance = _noisy(rng, _scene(rng, 3.4, 3))
    data[1, 40, 41] += 900.0
    before = data.copy()
    first = find_cosmics(data, variance, 3.4)
    np.testing.assert_array_equal(data, before)
    np.testing.assert_array_equal(first, find_cosmics(data, variance, 3.4))
    assert first[1, 40, 41]
    assert first.dtype == bool


def test_what_the_calibrations_leave_in_all_planes_is_no_hit() -> None:
    """Noise of a master of 6 planes stays in the mean of 40; a pixel that jumped for good is above it."""
    rng = np.random.default_rng(12)
    left = (rng.normal(size=(_SIZE, _SIZE)) * _READ / np.sqrt(6)).astype(np.float32)
    data, variance = _noisy(rng, np.full((40, _SIZE, _SIZE), 40.0))
    data += left
    data[:, 70, 90] += np.float32(8 * _READ)
    found = find_cosmics(data, variance, 3.4, shared=np.full_like(left, _READ**2 / 6))
    assert found[:, 70, 90].all()
    found[:, 70, 90] = False
    assert found.sum() <= 3  # of a million
    unknown = find_cosmics(data, variance, 3.4)
    assert unknown.sum() > 100 * found.sum() + 1000


def test_what_flashes_up_in_one_plane_is_a_hit_however_wide() -> None:
    """Four pixels wide, across a clump of bad pixels that were filled from it."""
    rng = np.random.default_rng(13)
    data, variance = _noisy(rng, _scene(rng, 3.4, 4))
    known = np.zeros((_SIZE, _SIZE), bool)
    known[62:64, 31:34] = True
    data[2, 60:64, 30:34] += 4000.0
    data[2, 59, 34] += 3000.0
    found = find_cosmics(data, variance, 3.4, known)
    assert found[2, 60:64, 30:34][~known[60:64, 30:34]].all()
    assert not found[:, known].any()
    found[2, 59:64, 30:35] = False
    assert not found.any()


def test_companions_that_a_turning_field_moves_are_no_hits() -> None:
    rng = np.random.default_rng(15)
    for width in (2.4, 3.4):
        light = np.stack(
            [
                30.0
                + sum(
                    peak * _point(20.0 + 28 * n, 40.0 + 9 * t, width)
                    for n, peak in enumerate((200, 900, 4000, 2e4))
                )
                for t in range(4)
            ]
        )
        data, variance = _noisy(rng, light)
        assert not find_cosmics(data, variance, width).any()


def test_another_sky_or_a_jump_of_the_star_is_no_hit() -> None:
    rng = np.random.default_rng(14)
    light = _scene(rng, 3.4, 4)
    light[1] += 12.0 * gaussian_filter(light[0], 12.0)
    light[3] = np.roll(light[3], (3, -2), axis=(0, 1))
    data, variance = _noisy(rng, light)
    assert find_cosmics(data, variance, 3.4).mean() < 1e-5
