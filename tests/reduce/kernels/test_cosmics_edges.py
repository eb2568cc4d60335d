"""Hits by the letter of the rule: each threshold met exactly, on scenes that can be reckoned by hand."""

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from reduce.kernels.cosmics import find_cosmics
from reduce.kernels.fill import predictor

_WIDTH = 3.4
_KERNEL = predictor(_WIDTH).astype(np.float64)
_NOISE = np.sqrt(1.0 + (_KERNEL**2).sum())  # of value less prediction, over a pixel's
_SHARE = 0.45  # of the range of the 24 values around
_AROUND = [place for place in product(range(-2, 3), repeat=2) if place != (0, 0)]
_TOUCHING = [place for place in _AROUND if max(map(abs, place)) == 1]
_SECOND = [place for place in _AROUND if max(map(abs, place)) == 2]
_SIZE = 15
_Y, _X = 7, 6


def _weight(dy: int, dx: int) -> float:
    return float(_KERNEL[2 + dy, 2 + dx])


def _found(
    planes: NDArray[np.float64],
    variance: NDArray[np.float64] | float,
    known: list[tuple[int, int]] | None = None,
    threshold: float = 6.0,
    shared: float | None = None,
) -> list[tuple[int, ...]]:
    """Places of the hits, (y, x) for one plane, else (plane, y, x)."""
    cube = planes.astype(np.float32).reshape(-1, *planes.shape[-2:])
    spread = np.broadcast_to(np.asarray(variance, np.float32), cube.shape)
    skipped = np.zeros(cube.shape[1:], bool)
    for place in known or []:
        skipped[place] = True
    common = None if shared is None else np.full(cube.shape[1:], shared, np.float32)
    hits = find_cosmics(cube, spread, _WIDTH, skipped if known else None, threshold, common)
    assert hits.shape == cube.shape
    return [tuple(int(k) for k in place) for place in np.argwhere(hits[0] if planes.ndim == 2 else hits)]


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("threshold", [5.0, 9.0])
@pytest.mark.parametrize("place", [(2, 2), (2, 8), (9, 2), (9, 8), (5, 5)])
def test_a_hit_is_off_by_more_than_the_noise(place: tuple[int, int], threshold: float, sign: int) -> None:
    variance = np.random.default_rng(1).uniform(4.0, 5.0, (12, 11))
    least = threshold * _NOISE * np.sqrt(variance[place])
    for times in (0.999, 1.001):
        plane = np.full(variance.shape, 100.0)
        plane[place] += sign * times * least
        assert _found(plane, variance, threshold=threshold) == ([place] if times > 1 else [])
    plane[place] += sign * 100.0
    assert _found(plane, variance, threshold=threshold) == [place]
    assert _found(plane, variance, [place], threshold) == []
    assert _found(plane, variance, [(6, 6)], threshold) == [place]


def test_the_prediction_is_the_predictors_in_any_texture() -> None:
    rng = np.random.default_rng(2)
    plane = rng.normal(100.0, 3.0, size=(48, 48))
    places = [(y, x) for y in range(4, 44, 8) for x in range(4, 44, 8)]
    for place in places:
        plane[place] += rng.choice([-1, 1]) * rng.uniform(60.0, 90.0)
    off = plane - ndimage.correlate(plane, _KERNEL)
    variance = np.full(plane.shape, 1e6)
    wanted = []
    for k, place in enumerate(places):
        variance[place] = (off[place] / (6.0 * _NOISE * (1.0003 if k % 2 else 0.9997))) ** 2
        wanted += [place] if k % 2 else []
    assert _found(plane, variance) == wanted


@pytest.mark.parametrize("other", _SECOND)
def test_a_hit_is_sharper_than_a_share_of_the_range(other: tuple[int, int]) -> None:
    for times, bright in product((0.999, 1.001), (-800.0, 800.0)):
        plane = np.zeros((_SIZE, _SIZE))
        plane[_Y + other[0], _X + other[1]] = bright
        plane[_Y, _X] = (_weight(*other) + _SHARE * times * np.sign(bright)) * bright
        if bright < 0:
            plane[_Y, _X] = _weight(*other) * bright + _SHARE * times * abs(bright)
        found = _found(plane, 1e-4, [(_Y + other[0], _X + other[1])])
        assert found == ([(_Y, _X)] if times > 1 else [])


@pytest.mark.parametrize("other", _TOUCHING)
def test_the_range_is_from_the_darkest_to_the_brightest_around(other: tuple[int, int]) -> None:
    """A bright pixel beside the hit and a dark one two pixels off on the other side."""
    far = (-2 * other[0], -2 * other[1])
    for times in (0.999, 1.001):
        value = 1200.0 - _weight(*other) * 1000.0
        dark = (value - _SHARE * times * 1000.0) / (_SHARE * times - _weight(*far))
        plane = np.zeros((_SIZE, _SIZE))
        plane[_Y, _X] = 1200.0
        plane[_Y + other[0], _X + other[1]] = 1000.0
        plane[_Y + far[0], _X + far[1]] = -dark
        known = [(_Y + other[0], _X + other[1]), (_Y + far[0], _X + far[1])]
        assert _found(plane, 1e-4, known) == ([(_Y, _X)] if times > 1 else [])


@pytest.mark.parametrize("other", [(0, 3), (0, -3), (3, 0), (-3, 0), (3, 3), (-3, 3)])
def test_what_lies_three_pixels_off_does_not_count(other: tuple[int, int]) -> None:
    plane = np.zeros((_SIZE, _SIZE))
    plane[_Y, _X] = 100.0
    plane[_Y + other[0], _X + other[1]] = 300.0
    assert _found(plane, 1e-4, [(_Y + other[0], _X + other[1])]) == [(_Y, _X)]


@pytest.mark.parametrize("other", _TOUCHING)
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_hit_is_sharper_than_its_neighbours(other: tuple[int, int], sign: int) -> None:
    place = (_Y + other[0], _X + other[1])
    for value, found in ((90.0, []), (110.0, [(_Y, _X)])):
        plane = np.zeros((_SIZE, _SIZE))
        plane[place] = sign * 100.0
        plane[_Y, _X] = sign * value
        assert _found(plane, 1e-4, [place]) == found
    plane[place] = plane[_Y, _X]  # as sharp as each other: both
    assert _found(plane, 1e-4) == sorted([place, (_Y, _X)])
    plane[place] *= 0.9  # seen when the other is gone
    assert _found(plane, 1e-4) == sorted([place, (_Y, _X)])


@pytest.mark.parametrize(
    ("place", "edge"),
    [((2, 5), (1, 5)), ((5, 2), (5, 1)), ((8, 5), (9, 5)), ((5, 8), (5, 9)), ((2, 2), (1, 1))],
)
def test_the_edge_is_not_looked_at(place: tuple[int, int], edge: tuple[int, int]) -> None:
    plane = np.zeros((11, 11))
    plane[edge] = 100.0
    assert _found(plane, 1e-4) == []
    plane[place] = 90.0  # less sharp than the edge, whose own sharpness nobody can tell
    assert _found(plane, 1e-4) == [place]
    plane[edge] = 80.0
    assert _found(plane, 1e-4) == [place]


@pytest.mark.parametrize(
    ("place", "beside"),
    [((3, 5), (2, 5)), ((5, 3), (5, 2)), ((7, 5), (8, 5)), ((5, 7), (5, 8)), ((7, 7), (8, 8))],
)
def test_up_to_the_edge_all_are_looked_at(place: tuple[int, int], beside: tuple[int, int]) -> None:
    plane = np.zeros((11, 11))
    plane[beside], plane[place] = 100.0, 90.0
    assert _found(plane, 1e-4, [beside]) == []
    assert _found(plane, 1e-4) == sorted([place, beside])


@pytest.mark.parametrize("other", _TOUCHING)
@pytest.mark.parametrize("place", [(3, 3), (7, 6), (11, 10)])
def test_beside_a_hit_seven_tenths_are_enough(place: tuple[int, int], other: tuple[int, int]) -> None:
    weight = _weight(*other)
    least = 0.7 * 6.0 * _NOISE / (1.0 - weight**2)  # the hit's place is filled from this pixel too
    second = (place[0] + other[0], place[1] + other[1])
    for times in (0.999, 1.001):
        plane = np.zeros((_SIZE, _SIZE - 1))
        plane[second] = times * least
        plane[place] = times * least / weight  # predicts the other as it is: no suspect at first
        assert _found(plane, 1.0) == sorted([place, second] if times > 1 else [place])
    assert _found(plane, 1.0, [second]) == [place]


def test_two_pixels_off_is_not_beside() -> None:
    for other in _SECOND:
        plane = np.zeros((_SIZE, _SIZE))
        plane[_Y, _X] = 40.0
        plane[_Y + other[0], _X + other[1]] = 6.0 * _NOISE * 0.95
        assert _found(plane, 1.0) == [(_Y, _X)]


@pytest.mark.parametrize("other", _SECOND)
def test_a_hit_two_pixels_from_a_brighter_one_is_seen_when_that_is_gone(other: tuple[int, int]) -> None:
    plane = np.zeros((_SIZE, _SIZE))
    plane[_Y, _X] = 1000.0
    plane[_Y + other[0], _X + other[1]] = 100.0  # less than a share of the range at first
    wanted = sorted([(_Y, _X), (_Y + other[0], _X + other[1])])
    assert _found(plane, 1.0) == wanted
    plane[_Y + other[0], _X + other[1]] = 420.0  # nothing but the two is off by that noise
    assert _found(plane, 45.0**2) == wanted


def test_a_long_track_is_peeled_from_its_sharpest_end() -> None:
    plane = np.zeros((_SIZE, _SIZE))
    plane[_Y, 3:11] = 1000.0 * 0.8 ** np.arange(8)
    assert _found(plane, 1.0) == [(_Y, x) for x in range(3, 11)]
    assert _found(plane.T.copy(), 1.0) == [(x, _Y) for x in range(3, 11)]


def test_a_square_is_peeled() -> None:
    plane = np.zeros((_SIZE, _SIZE))
    plane[6:8, 6:8] = [[80.0, 90.0], [70.0, 100.0]]
    assert _found(plane, 1.0) == [(6, 6), (6, 7), (7, 6), (7, 7)]


def test_suspects_may_be_many() -> None:
    plane = np.random.default_rng(3).normal(size=(60, 60)) * 10.0
    plane = ndimage.gaussian_filter(plane, 1.5)  # as smooth as a telescope's images, yet all off
    plane[56, 55] += 500.0
    assert (56, 55) in _found(plane, 1e-8)


def _behind(bright: float, hit: NDArray[np.float64]) -> tuple[NDArray[np.float64], list[tuple[int, int]]]:
    """Planes with a steady bright known pixel two off, beside which a plane alone tells nothing."""
    planes = np.full((hit.size, _SIZE, _SIZE), 20.0)
    planes[:, _Y, _X + 2] += bright
    planes[:, _Y, _X] += hit
    return planes, [(_Y, _X + 2)]


@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("count", [2, 3, 5])
def test_against_the_other_planes_the_noise_of_the_mean_counts(count: int, scale: float) -> None:
    variance = np.linspace(1.0, 3.0, count)
    spread = variance[:, None, None] * np.ones((_SIZE, _SIZE))
    least = 6.0 * _NOISE * np.sqrt(variance[1] + variance.mean() / count) / (1.0 - 1.0 / count)
    for times in (0.999, 1.001):
        planes, known = _behind(1e4, np.where(np.arange(count) == 1, times * least, 0.0))
        found = _found(scale * planes, scale**2 * spread, known)
        assert found == ([(1, _Y, _X)] if times > 1 else [])
    assert _found(planes[1], spread[1], known) == []


def test_against_the_other_planes_only_brighter_ones_are_hits() -> None:
    dip = -1.5 * 6.0 * _NOISE * np.sqrt(4 / 3) * 1.5
    planes, known = _behind(1e4, np.array([0.0, dip, 0.0]))
    assert _found(planes, 1.0, known) == []
    planes[:, _Y, _X + 2] = 20.0  # in the open a dip is one
    assert _found(planes, 1.0, known) == [(1, _Y, _X)]


def test_a_hit_seen_in_its_plane_is_none_in_the_others() -> None:
    planes = np.random.default_rng(4).normal(20.0, 1.0, size=(4, _SIZE, _SIZE))
    planes[2, _Y, _X], planes[0, 4, 4] = 1e6, 1e5
    assert _found(planes, 1.0) == [(0, 4, 4), (2, _Y, _X)]


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_pixel_sharp_in_all_planes_is_found_by_their_mean(sign: int) -> None:
    variance = np.linspace(1.0, 2.0, 9)
    spread = variance[:, None, None] * np.ones((_SIZE, _SIZE))
    for times in (0.999, 1.001):
        planes = np.full((9, _SIZE, _SIZE), 20.0)
        planes[:, _Y, _X] += sign * times * 6.0 * _NOISE * np.sqrt(variance.mean() / 9)
        assert _found(planes, spread) == ([(k, _Y, _X) for k in range(9)] if times > 1 else [])
    assert _found(planes, spread, [(_Y, _X)]) == []


def test_noise_that_all_planes_share_does_not_average_out() -> None:
    for times in (0.999, 1.001):
        plane = np.full((_SIZE, _SIZE), 20.0)
        plane[_Y, _X] += times * 6.0 * _NOISE * np.sqrt(1.0 + 3.0)
        assert _found(plane, 1.0, shared=3.0) == ([(_Y, _X)] if times > 1 else [])
        planes = np.full((9, _SIZE, _SIZE), 20.0)
        planes[:, _Y, _X] += times * 6.0 * _NOISE * np.sqrt(1.0 / 9.0 + 0.5)
        wanted = [(k, _Y, _X) for k in range(9)] if times > 1 else []
        assert _found(planes, 1.0, shared=0.5) == wanted
        planes, known = _behind(1e4, np.array([0.0, times * 6.0 * _NOISE * np.sqrt(4 / 3) * 1.5, 0.0]))
        assert _found(planes, 1.0, known, shared=9.0) == ([(1, _Y, _X)] if times > 1 else [])


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_pixel_sharp_in_few_planes_is_not_bad_in_all(sign: int) -> None:
    """The middle plane decides: half of the mean's deviation."""
    for times in (0.98, 1.02):
        middle = times * 0.5 * 28.0 / 9.0 / (1.0 - times * 0.5 / 9.0)
        planes = np.random.default_rng(6).normal(20.0, 0.3, size=(9, _SIZE, _SIZE))
        planes[:, _Y, _X] = 0.0
        around = planes[:, _Y - 2 : _Y + 3, _X - 2 : _X + 3]
        planes[:, _Y, _X] = np.tensordot(around, _KERNEL, 2)  # what they foretell
        planes[:, _Y, _X] += sign * np.array([0.0, 7.0, 0.0, 7.0, middle, 0.0, 7.0, 0.0, 7.0])
        assert _found(planes, 1.0) == ([(k, _Y, _X) for k in range(9)] if times > 1 else [])


def test_a_sharp_pixel_is_told_from_a_slope_in_each_plane() -> None:
    """What the planes differ by is smooth: a deviation is one from a plane's own surroundings."""
    y, x = np.mgrid[:_SIZE, :_SIZE]
    slopes = np.array([9.0, -5.0, 3.0, -8.0, 1.0])
    planes = 500.0 + slopes[:, None, None] * (x - _X) - slopes[::-1, None, None] * (y - _Y)
    planes[:, _Y, _X] += [5.0, 0.0, 6.0, 6.0, 5.0]
    assert _found(planes, 1.0) == [(k, _Y, _X) for k in range(5)]


def test_six_deviations_are_asked() -> None:
    for times in (0.999, 1.001):
        plane = np.zeros((1, _SIZE, _SIZE), np.float32)
        plane[0, _Y, _X] = times * 6.0 * _NOISE
        assert find_cosmics(plane, np.ones_like(plane), _WIDTH).sum() == (times > 1)


def test_one_variance_for_all_planes_and_inputs_left_alone() -> None:
    rng = np.random.default_rng(5)
    planes = rng.normal(20.0, 1.0, size=(3, _SIZE, _SIZE)).astype(np.float32)
    planes[1, 5, 5] = 60.0
    variance = rng.uniform(1.0, 2.0, (_SIZE, _SIZE)).astype(np.float32)
    before = planes.copy(), variance.copy()
    one = find_cosmics(planes, variance, _WIDTH)
    np.testing.assert_array_equal(one, find_cosmics(planes, np.stack([variance] * 3), _WIDTH))
    assert np.argwhere(one).tolist() == [[1, 5, 5]]
    np.testing.assert_array_equal(planes, before[0])
    np.testing.assert_array_equal(variance, before[1])
