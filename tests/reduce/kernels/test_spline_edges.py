"""Cubic splines against scipy's, in the middle and at the mirrored edges."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.interpolate import BSpline

from reduce.kernels.spline import coefficients, cubic_weights, mirrored, value_at


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_a_grid_is_mirrored_at_its_first_and_last_sample(size: int) -> None:
    reach = 3 * size
    wanted = np.pad(np.arange(size), reach, mode="reflect")
    assert [mirrored(i, size) for i in range(-reach, size + reach)] == wanted.tolist()


def test_the_weights_are_the_cubic_spline_at_four_samples() -> None:
    basis = BSpline.basis_element([-2, -1, 0, 1, 2], extrapolate=False)
    for fraction in (0.0, 0.1, 0.5, 0.7, 0.999):
        wanted = [np.nan_to_num(basis(sample - fraction)) for sample in (-1, 0, 1, 2)]
        np.testing.assert_allclose(cubic_weights(fraction), wanted, atol=1e-12)


@pytest.mark.parametrize("shape", [(1, 2, 2), (2, 5, 7), (1, 30, 3), (1, 2, 25), (1, 33, 40)])
def test_coefficients_are_scipys(shape: tuple[int, int, int]) -> None:
    planes = np.random.default_rng(2).normal(size=shape)
    before = planes.copy()
    found = coefficients(planes)
    for plane, filtered in zip(planes, found, strict=True):
        wanted = ndimage.spline_filter(plane, order=3, mode="mirror", output=np.float64)
        np.testing.assert_allclose(filtered, wanted, atol=5e-6)
    single = planes.astype(np.float32)
    assert coefficients(single) is not single
    np.testing.assert_array_equal(coefficients(single), found)
    np.testing.assert_array_equal(single, planes.astype(np.float32))
    np.testing.assert_array_equal(planes, before)
    assert found.dtype == np.float32


@pytest.mark.parametrize("shape", [(4, 4), (1, 1, 4), (1, 4, 1), (1, 2, 3, 4)])
def test_what_cannot_carry_a_spline_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="wanted \\(n, y, x\\)"):
        coefficients(np.ones(shape))


def test_values_are_scipys_up_to_the_edge() -> None:
    plane = np.random.default_rng(3).normal(size=(9, 11)).astype(np.float32)
    places = np.random.default_rng(4).uniform(0.0, 1.0, size=(80, 2)) * (10.0, 8.0)
    corners = [
        (0.0, 0.0),
        (10.0, 8.0),
        (0.0, 8.0),
        (10.0, 0.0),
        (9.5, 7.5),
        (0.5, 0.5),
        (1.0, 1.0),
        (8.0, 6.0),
    ]
    for x, y in [*places.tolist(), *corners]:
        wanted = ndimage.map_coordinates(plane, [[y], [x]], order=3, mode="mirror", prefilter=False)[0]
        assert value_at(plane, x, y) == pytest.approx(wanted, abs=2e-6)


def test_there_is_no_value_outside() -> None:
    plane = np.ones((9, 11), np.float32)
    for x, y in ((-0.01, 4.0), (10.01, 4.0), (5.0, -0.01), (5.0, 8.01)):
        assert np.isnan(value_at(plane, x, y))
    for x, y in ((0.0, 4.0), (10.0, 4.0), (5.0, 0.0), (5.0, 8.0)):
        assert value_at(plane, x, y) == pytest.approx(1.0)


def test_values_between_samples_come_back() -> None:
    y, x = np.indices((31, 31), dtype=np.float64)
    plane = coefficients((2.0 * x - 3.0 * y + 0.1 * x * y)[None])[0]
    assert value_at(plane, 15.3, 16.6) == pytest.approx(2.0 * 15.3 - 3.0 * 16.6 + 0.1 * 15.3 * 16.6, abs=1e-4)
