"""Series of pixels around patches: read, injected, centred, filtered."""

import numpy as np
import pytest

from reduce.kernels.inject import Stamps
from reduce.kernels.paco_covariance import patch_disc
from reduce.kernels.paco_series import Series, centre_series, filter_series, find_gaps, read_series, steps_of

_SHAPE = (6, 13, 15)


@pytest.fixture
def cube() -> np.ndarray:
    return np.random.default_rng(1).normal(size=_SHAPE).astype(np.float32)


def _targets(*places: tuple[int, int]) -> np.ndarray:
    return np.array([row * _SHAPE[2] + column for row, column in places])


def test_the_patches_pixels_are_read_in_the_frames_asked_for(cube: np.ndarray) -> None:
    disc = patch_disc(2.0)
    series = read_series(cube, _targets((4, 5), (4, 6), (9, 12)), disc, slice(2, 5))
    wanted = np.zeros(_SHAPE[1:], np.bool_)
    for row, column in [(4, 5), (4, 6), (9, 12)]:
        wanted[row + disc.dy, column + disc.dx] = True
    np.testing.assert_array_equal(series.number >= 0, wanted)
    np.testing.assert_array_equal(series.pixels, np.flatnonzero(wanted))
    np.testing.assert_array_equal(series.values, cube[2:5][:, wanted].T)
    np.testing.assert_array_equal(series.number[wanted], np.arange(wanted.sum()))


def test_a_signal_is_added_where_it_meets_the_pixels(cube: np.ndarray) -> None:
    rng = np.random.default_rng(2)
    data = rng.uniform(1.0, 2.0, size=(6, 4, 5)).astype(np.float32)
    left, low = np.array([-2, 3, 12, 4, 13, 5]), np.array([3, -2, 4, 11, 11, 5])
    truth = np.pad(cube, ((0, 0), (6, 6), (6, 6)))
    for t in range(6):
        truth[t, low[t] + 6 : low[t] + 10, left[t] + 6 : left[t] + 11] += data[t]
    truth = truth[:, 6:-6, 6:-6]
    everything = _targets(*[(row, column) for row in range(13) for column in range(15)])
    signal = Stamps(data, left, low, data)
    for frames in (slice(None), slice(1, 4), slice(3, 6)):
        series = read_series(cube, everything, patch_disc(0.5), frames, signal)
        np.testing.assert_allclose(series.values.T.reshape(-1, *_SHAPE[1:]), truth[frames], rtol=1e-6)
    few = read_series(cube, _targets((5, 4), (5, 6)), patch_disc(1.0), slice(None), signal)
    np.testing.assert_allclose(few.values, truth.reshape(6, -1)[:, few.pixels].T, rtol=1e-6)


def test_the_mean_of_what_is_there_is_subtracted() -> None:
    there = [[1.0, 2.0, 6.0, 3.0], [1.0, np.nan, 5.0, np.nan], [np.nan] * 4, [np.nan, 3.0, np.nan, np.nan]]
    values = np.array(there, np.float32)
    series = Series(np.arange(4), np.arange(4, dtype=np.int32)[None], values)
    mean, scale, bad = centre_series(series)
    np.testing.assert_allclose(mean, [3.0, 3.0, np.nan, 3.0])
    np.testing.assert_allclose(scale, [1.0, np.sqrt(2.0), 0.0, 2.0])
    np.testing.assert_allclose(series.values, [[-2, -1, 3, 0], [-2, 0, 2, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(bad, np.isnan(there))


def test_a_mean_that_is_given_is_subtracted_instead() -> None:
    values = np.array([[1.0, 2.0], [5.0, 7.0]], np.float32)
    series = Series(np.array([3, 0]), np.zeros((2, 2), np.int32), values)
    mean, scale, bad = centre_series(series, np.array([[4.0, 9.0], [9.0, 1.0]], np.float32))
    np.testing.assert_allclose(mean, [1.0, 4.0])
    np.testing.assert_allclose(series.values, [[0.0, 1.0], [1.0, 3.0]])
    np.testing.assert_allclose(scale, 1.0)
    assert not bad.size


def test_means_of_bright_pixels_are_exact() -> None:
    """100 counts of noise on 60000: a mean in float32 would be off by a count."""
    rng = np.random.default_rng(3)
    values = (60000.0 + 100.0 * rng.normal(size=(2, 5000))).astype(np.float32)
    truth = values.mean(axis=1, dtype=np.float64)
    mean, _, _ = centre_series(Series(np.arange(2), np.arange(2, dtype=np.int32)[None], values))
    np.testing.assert_allclose(mean, truth, rtol=1e-7)


def test_patches_are_weighted_and_gaps_found(cube: np.ndarray) -> None:
    disc, rng = patch_disc(1.5), np.random.default_rng(4)
    targets = _targets((3, 4), (3, 5), (8, 9))
    series = read_series(cube, targets, disc, slice(None))
    steps = steps_of(disc, _SHAPE[2])
    weights = rng.normal(size=(3, disc.dy.size)).astype(np.float32)
    out = np.full((3, 6), 99.0, np.float32)
    filter_series(series.values, series.number, targets, steps, weights, out)
    bad = np.zeros(series.values.shape, np.bool_)
    bad[series.number[4, 5], 2] = bad[series.number[8, 9], 5] = True
    gaps = np.zeros((3, 6), np.bool_)
    gaps[1, 0] = True
    find_gaps(bad, series.number, targets, steps, gaps)
    for q, (row, column) in enumerate([(3, 4), (3, 5), (8, 9)]):
        patches = cube[:, row + disc.dy, column + disc.dx].astype(np.float64)
        np.testing.assert_allclose(out[q], patches @ weights[q], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(np.argwhere(gaps), [[0, 2], [1, 0], [1, 2], [2, 5]])
    lone = np.zeros((3, 6), np.bool_)
    find_gaps(bad, series.number, targets, np.array([_SHAPE[2]]), lone)  # the pixel above each target
    np.testing.assert_array_equal(np.argwhere(lone), [[1, 2]])
