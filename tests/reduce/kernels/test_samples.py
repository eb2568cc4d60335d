"""Samples under noise: noise goes, changes stay."""

import numpy as np
import pytest

from reduce.kernels.samples import smoothed

_COUNT = 400


def test_the_noise_of_a_slow_change_is_halved() -> None:
    rng = np.random.default_rng(1)
    true = 800.0 * (1.0 + 0.01 * np.sin(np.arange(_COUNT) / 30.0))
    noisy = true * (1.0 + 0.01 * rng.normal(size=_COUNT))
    left, before = smoothed(noisy) - true, noisy - true
    assert left.std() < 0.5 * before.std()
    assert abs(left.mean()) < 3.0 * 8.0 / np.sqrt(_COUNT)


def test_what_changes_fast_without_noise_stays() -> None:
    walk = 800.0 + np.cumsum(np.random.default_rng(2).normal(size=_COUNT))
    assert np.std(smoothed(walk) - walk) < 0.4 * np.std(np.diff(walk))


def test_a_cloud_keeps_its_depth_and_its_edges() -> None:
    rng = np.random.default_rng(3)
    true = np.full(_COUNT, 800.0)
    true[200:206] = 400.0
    noisy = true * (1.0 + 0.01 * rng.normal(size=_COUNT))
    assert smoothed(noisy)[196:210] == pytest.approx(true[196:210], rel=0.04)


def test_unknown_samples_stay_unknown_and_few_are_given_back() -> None:
    few = np.array([1.0, 1.1, np.nan, 0.9])
    np.testing.assert_array_equal(smoothed(few), few)
    many = np.full(30, 5.0)
    many[[0, 11]] = np.nan
    np.testing.assert_allclose(smoothed(many), many)
    assert np.isnan(smoothed(many)[[0, 11]]).all()
