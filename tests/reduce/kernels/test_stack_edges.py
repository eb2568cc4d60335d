"""A clipped mean against sums done by hand."""

import numpy as np
import pytest

from reduce.kernels.stack import clipped_mean, steadied


def test_values_far_from_the_median_are_left_out() -> None:
    planes = np.array([1.0, 2.0, 3.0, 4.0, 100.0])[:, None, None] * np.ones((5, 3, 4))
    found = clipped_mean(planes, 3.0)  # median 3, deviation 1.206 x 1.4826
    assert (found.kept == 4).all()
    assert found.mean[0, 0] == pytest.approx(2.5)
    assert found.error[0, 0] == pytest.approx(np.std([1, 2, 3, 4], ddof=1) / 2.0)
    assert found.mean.dtype == found.error.dtype == np.float32
    assert found.kept.dtype == np.int32


@pytest.mark.parametrize(
    ("sigma", "kept"),
    [(0.59, 2), (0.60, 4), (1.18, 4), (1.19, 5), (1.77, 5), (1.78, 6), (57.38, 6), (57.40, 7)],
)
def test_the_limit_is_so_many_robust_deviations(sigma: float, kept: int) -> None:
    planes = np.array([1.0, 2.0, 3.0, 3.0, 4.0, 0.0, 100.0])[:, None, None] * np.ones((7, 2, 2))
    assert (clipped_mean(planes, sigma).kept == kept).all()  # median 3, deviation 1.140 x 1.4826


@pytest.mark.parametrize("planes", [2, 3, 4, 5, 6, 7, 8, 9, 10, 14])
def test_the_deviation_of_few_values_is_that_of_many(planes: int) -> None:
    """The median absolute deviation of few Gaussian values is small: the limit makes up for it."""
    drawn = np.random.default_rng(planes).normal(size=(planes, 200_000))
    few = np.mean(np.median(np.abs(drawn - np.median(drawn, axis=0)), axis=0))
    values = np.sort(np.sign(np.arange(planes) - (planes - 1) / 2))  # median 0, deviation 1
    away = 1.0 if planes == 2 else 10.0
    values[-1] = away
    for times in (0.985, 1.015):
        kept = clipped_mean(values[:, None, None] * np.ones((1, 2, 2)), times * away * few).kept
        assert (kept == planes).all() == (times > 1)


def test_a_quiet_pixel_is_given_the_typical_deviation() -> None:
    planes = np.zeros((5, 3, 3))
    planes[:] = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])[:, None, None]  # deviation 1.4826 each
    planes[:, 1, 1] = [0.0, 0.0, 0.0, 0.0, 5.0]  # its own deviation is 0
    planes[:, 2, 2] = [0.0, 0.0, 0.0, 0.0, 6.0]
    found = clipped_mean(planes, 3.0)  # typical: 3 x 1.206 x 1.4826 = 5.36
    assert found.kept[1, 1] == 5
    assert found.mean[1, 1] == pytest.approx(1.0)
    assert found.kept[2, 2] == 4
    assert found.mean[2, 2] == 0.0
    assert found.error[2, 2] == 0.0
    loud = planes.copy()
    loud[:, 0, 0] = [-60.0, -30.0, 0.0, 30.0, 60.0]  # its own, larger one holds
    assert clipped_mean(loud, 3.0).kept[0, 0] == 5


def test_one_plane_has_no_error_and_a_gap_no_mean() -> None:
    found = clipped_mean(np.array([[[1.0, 2.0]]]), 3.0)
    np.testing.assert_array_equal(found.mean, [[1.0, 2.0]])
    assert np.isnan(found.error).all()
    assert (found.kept == 1).all()
    planes = np.ones((3, 1, 3))
    planes[:, 0, 1] = np.nan
    found = clipped_mean(planes, 3.0)
    assert np.isnan(found.mean[0, 1])
    assert np.isnan(found.error[0, 1])
    assert found.kept.tolist() == [[3, 0, 3]]
    assert found.error[0, 0] == 0.0


def test_two_planes_have_an_error() -> None:
    found = clipped_mean(np.array([[[1.0]], [[3.0]]]), 3.0)
    assert found.error[0, 0] == pytest.approx(1.0)  # standard deviation sqrt 2 over sqrt 2


def test_the_planes_are_left_alone() -> None:
    planes = np.random.default_rng(1).normal(size=(4, 3, 3)).astype(np.float32)
    before = planes.copy()
    clipped_mean(planes, 2.0)
    np.testing.assert_array_equal(planes, before)


def test_the_error_is_the_scatter_of_means() -> None:
    rng = np.random.default_rng(2)
    found = clipped_mean(rng.normal(5.0, 2.0, size=(9, 60, 60)), 6.0)
    assert np.std(found.mean) == pytest.approx(2.0 / 3.0, rel=0.05)
    assert np.sqrt(np.mean(found.error**2)) == pytest.approx(2.0 / 3.0, rel=0.05)


@pytest.mark.parametrize("planes", [3, 4, 5, 8, 12])
def test_few_planes_of_clean_noise_lose_little(planes: int) -> None:
    found = clipped_mean(np.random.default_rng(planes).normal(0.0, 3.0, size=(planes, 300, 300)), 5.0)
    assert (found.kept < planes).mean() < 1e-3
    assert np.sqrt(np.mean(found.noise**2)) == pytest.approx(3.0, rel=0.02)


def test_noise_of_few_values_is_drawn_to_the_typical() -> None:
    noise = np.full((5, 5), 2.0)
    noise[1, 1], noise[2, 2] = 10.0, np.nan
    kept = np.full((5, 5), 3)
    kept[2, 2] = 1
    found = steadied(noise, kept)
    typical = 4.0 / np.log(2.0)  # chi square of two degrees of freedom over 2 has the median log 2
    assert found[0, 0] == pytest.approx(np.sqrt((2 * 4 + 4 * typical) / 6))
    assert found[1, 1] == pytest.approx(np.sqrt((2 * 100 + 4 * typical) / 6))
    assert found[2, 2] == pytest.approx(np.sqrt(typical))
    with pytest.raises(ValueError, match="noise of no pixel is known"):
        steadied(np.full((2, 2), np.nan), kept[:2, :2])


def test_each_pixel_counts_with_the_values_it_rests_on() -> None:
    noise = np.array([[2.0, 2.0, 2.0]])
    kept = np.array([[3, 3, 2]])  # one of chi square's degrees of freedom: median 0.6745**2
    assert steadied(noise[:, 2:], kept[:, 2:])[0, 0] == pytest.approx(
        np.sqrt((4.0 + 4 * 4.0 / 0.67448975**2) / 5)
    )
    assert steadied(noise, kept)[0, 2] == pytest.approx(np.sqrt((4.0 + 4 * 4.0 / np.log(2.0)) / 5))


@pytest.mark.parametrize("planes", [2, 3, 6, 20])
def test_noise_of_one_plane_is_right_in_the_mean(planes: int) -> None:
    drawn = np.random.default_rng(planes).normal(0.0, np.sqrt(31.9), size=(planes, 300, 300))
    made = clipped_mean(drawn, 5.0)
    found = steadied(made.noise, made.kept).astype(np.float64)
    assert np.mean(found**2) == pytest.approx(31.9, rel=0.01)
    assert found.std() < made.noise.std()
