"""The ideal image against what every textbook says of it."""

import numpy as np
import pytest

from reduce.kernels.airy import FWHM, airy


def test_the_first_dark_ring_of_a_round_pupil_is_at_1_22() -> None:
    radius = np.linspace(0.8, 1.6, 8001)
    assert radius[np.argmin(airy(5.0 * radius, 5.0, 0.0))] == pytest.approx(1.2197, abs=2e-4)


@pytest.mark.parametrize("obscuration", [0.0, 0.14])
def test_width_and_peak(obscuration: float) -> None:
    assert airy(np.array([0.0]), 3.3, obscuration)[0] == pytest.approx(1.0)
    assert airy(np.array([FWHM * 3.3 / 2]), 3.3, obscuration)[0] == pytest.approx(0.5, abs=0.01)


def test_the_whole_light_is_the_pupils() -> None:
    """Parseval: the integral over the image is 4 / (pi (1 - e^2)) (lambda/D)^2; a per cent lies beyond."""
    y, x = np.mgrid[-400:401, -400:401]
    total = airy(np.hypot(x, y), 4.0, 0.3).sum() / 16.0
    assert total == pytest.approx(4 / (np.pi * (1 - 0.3**2)), rel=0.01)


def test_a_hole_as_large_as_the_pupil_is_refused() -> None:
    with pytest.raises(ValueError, match=r"obscuration is 1\.0, wanted 0 to below 1"):
        airy(np.zeros(1), 4.0, 1.0)


def test_the_middle_is_smooth_and_a_hole_is_not_negative() -> None:
    """Near the middle the image falls by (v / 2)^2, v = pi r D / lambda: no step where the series begins."""
    radius = np.array([0.0, 1e-6, 0.02, 0.05, 0.1])
    v = np.pi * radius
    np.testing.assert_allclose(airy(radius * 4.0, 4.0, 0.0), 1 - v**2 / 4, atol=3e-4)
    with pytest.raises(ValueError, match=r"obscuration is -0\.5, wanted 0 to below 1"):
        airy(np.zeros(1), 4.0, -0.5)
