"""A clipped mean against sums done by hand."""

import numpy as np
import pytest

from reduce.kernels.stack import clipped_mean


def test_values_far_from_the_median_are_left_out() -> None:
    planes = np.array([1.0, 2.0, 3.0, 4.0, 100.0])[:, None, None] * np.ones((5, 3, 4))
    found = clipped_mean(planes, 3.0)  # median 3, deviation 1.4826
    assert (found.kept == 4).all()
    assert found.mean[0, 0] == pytest.approx(2.5)
    assert found.error[0, 0] == pytest.approx(np.std([1, 2, 3, 4], ddof=1) / 2.0)
    assert found.mean.dtype == found.error.dtype == np.float32
    assert found.kept.dtype == np.int32


@pytest.mark.parametrize(
    ("sigma", "kept"),
    [(0.67, 2), (0.68, 4), (1.34, 4), (1.35, 5), (2.02, 5), (2.03, 6), (65.4, 6), (65.5, 7)],
)
def test_the_limit_is_so_many_robust_deviations(sigma: float, kept: int) -> None:
    planes = np.array([1.0, 2.0, 3.0, 3.0, 4.0, 0.0, 100.0])[:, None, None] * np.ones((7, 2, 2))
    assert (clipped_mean(planes, sigma).kept == kept).all()  # median 3, deviation 1.4826


def test_a_quiet_pixel_is_given_the_typical_deviation() -> None:
    planes = np.zeros((5, 3, 3))
    planes[:] = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])[:, None, None]  # deviation 1.4826 each
    planes[:, 1, 1] = [0.0, 0.0, 0.0, 0.0, 4.0]  # its own deviation is 0
    planes[:, 2, 2] = [0.0, 0.0, 0.0, 0.0, 5.0]
    found = clipped_mean(planes, 3.0)  # typical: 3 x 1.4826 = 4.45
    assert found.kept[1, 1] == 5
    assert found.mean[1, 1] == pytest.approx(0.8)
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
