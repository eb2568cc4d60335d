"""Images over their throughput."""

import numpy as np
import pytest

from reduce.kernels.throughput import corrected

_RADII = np.array([3.0, 5.0, 8.0])


def test_a_planted_loss_is_undone() -> None:
    y, x = np.indices((31, 31)) - 15
    radius = np.hypot(x, y)
    share = np.interp(radius, [3.0, 5.0, 8.0], [0.25, 0.5, 0.9])
    found = corrected(7.0 * share, _RADII, np.array([0.25, 0.5, 0.9]))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(found), radius < 3.0)
    np.testing.assert_allclose(found[radius >= 3.0], 7.0, rtol=1e-6)


@pytest.mark.parametrize("hole", [np.nan, 0.0029, -0.5])
def test_where_nothing_comes_through_there_is_no_number(hole: float) -> None:
    found = corrected(np.ones((31, 31)), np.array([3.0, 5.0, 8.0, 10.0]), np.array([hole, 0.5, 0.9, 0.9]))
    assert np.isnan(found[15, 19])  # at 4 px, beside the hole
    assert found[15, 20] == pytest.approx(2.0)
    assert found[26, 15] == pytest.approx(1 / 0.9)


def test_little_is_something() -> None:
    assert corrected(np.ones((31, 31)), _RADII, np.array([0.003, 0.003, 1.0]))[15, 19] == pytest.approx(
        1 / 0.003
    )


def test_without_a_curve_nothing_is_known() -> None:
    assert np.isnan(corrected(np.ones((5, 5)), np.array([]), np.array([]))).all()


def test_the_star_stands_in_the_middle_of_both_sides() -> None:
    image = np.ones((9, 21))
    found = corrected(image, np.array([0.0, 20.0]), np.array([0.2, 1.0]))
    y, x = np.mgrid[-4:5, -10:11]
    np.testing.assert_allclose(found, 1 / (0.2 + 0.04 * np.hypot(x, y)), rtol=1e-6)
