"""Calibrated planes and their variance: by hand, and against the scatter of repeated exposures."""

import numpy as np
import pytest

from reduce.kernels.variance import calibrate


def test_by_hand() -> None:
    raw = np.array([[[110.0, 60.0]], [[210.0, 10.0]]], np.float32)
    dark = np.array([[10.0, 20.0]], np.float32)
    noise = np.array([[4.0, 5.0]], np.float32)
    flat = np.array([[0.5, 2.0]], np.float32)
    value, variance = calibrate(raw, dark, dark, noise, flat, 2.0)
    np.testing.assert_allclose(value, [[[200.0, 20.0]], [[400.0, -5.0]]])
    np.testing.assert_allclose(variance, [[[(16 + 50) / 0.25, (25 + 20) / 4]], [[(16 + 100) / 0.25, 25 / 4]]])
    assert value.dtype == variance.dtype == np.float32


def test_a_background_of_each_plane_is_taken_off_and_its_photons_stay_in_the_variance() -> None:
    raw = np.full((2, 3, 4), 100.0, np.float32)
    dark, one = np.full((3, 4), 10.0, np.float32), np.ones((3, 4), np.float32)
    background = np.stack([np.full((3, 4), 40.0), np.full((3, 4), 60.0)]).astype(np.float32)
    value, variance = calibrate(raw, background, dark, one, one, 1.5)
    assert value[:, 0, 0].tolist() == [60.0, 40.0]
    np.testing.assert_allclose(variance, 1.0 + 90.0 / 1.5)


@pytest.mark.parametrize(("light", "above"), [(0.0, 0.036), (50.0, 0.0), (5000.0, 0.0)])
def test_the_variance_is_the_scatter(light: float, above: float) -> None:
    """Where there is no light noise that seems to be some counts: 6.3 x 0.4 (half a Gaussian) / 1.75."""
    rng = np.random.default_rng(1)
    flat = rng.uniform(0.8, 1.2, size=(60, 60)).astype(np.float32)
    mean = light * flat + 15.0
    raw = (mean + rng.normal(size=(40, 60, 60)) * np.sqrt(6.3**2 + light * flat / 1.75)).astype(np.float32)
    dark = np.full((60, 60), 15.0, np.float32)
    value, variance = calibrate(raw, dark, dark, np.full((60, 60), 6.3, np.float32), flat, 1.75)
    ratio = value.var(axis=0, ddof=1).mean() / variance.mean()
    assert ratio == pytest.approx(1.0 / (1.0 + above), abs=0.006)
