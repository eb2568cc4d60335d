"""Rotation by three Fourier shears, against an analytic field, exact turns, and what cannot be rotated."""

import numpy as np
import pytest

from reduce.kernels.shear import derotate_exact

_SIZE = 61
_FWHM = 4.6


def _field(angle_deg: float) -> np.ndarray:
    """Gaussian sources on the detector at PA minus the angle, (y, x)."""
    y, x = np.mgrid[:_SIZE, :_SIZE] - float(_SIZE // 2)
    image = np.zeros((_SIZE, _SIZE))
    for separation, pa_deg, peak in (
        (0.0, 0.0, 1.0),
        (9.3, 20.0, 0.6),
        (17.2, 140.0, 0.8),
        (20.5, 265.0, 0.5),
    ):
        pa = np.radians(pa_deg - angle_deg)
        dx, dy = x + separation * np.sin(pa), y - separation * np.cos(pa)
        image += peak * np.exp(-4 * np.log(2) * (dx**2 + dy**2) / _FWHM**2)
    return image


@pytest.mark.parametrize("angle_deg", [0.0, 12.5, -44.9, 45.1, 101.0, 179.0, -260.0, 400.0])
def test_a_smooth_field_is_right_to_a_few_hundred_thousandths(angle_deg: float) -> None:
    found = derotate_exact(_field(angle_deg)[None], np.array([angle_deg]))[0]
    y, x = np.mgrid[:_SIZE, :_SIZE] - _SIZE // 2
    inside = np.hypot(x, y) <= _SIZE // 2
    assert np.isfinite(found[inside]).all()
    np.testing.assert_allclose(found[inside], _field(0.0)[inside], atol=3e-5)


@pytest.mark.parametrize("turns", [-1, 1, 2, 3, 4])
def test_quarter_turns_keep_every_pixel(turns: int) -> None:
    frame = np.random.default_rng(1).normal(size=(21, 21)).astype(np.float32)
    found = derotate_exact(frame[None], np.array([90.0 * turns]))[0]
    np.testing.assert_allclose(found, np.rot90(frame, -turns), atol=2e-6)


def test_each_frame_has_its_angle_and_corners_have_no_data() -> None:
    cube = np.stack([_field(10.0), _field(-30.0)])
    before = cube.copy()
    found = derotate_exact(cube, np.array([10.0, -30.0]))
    np.testing.assert_array_equal(cube, before)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0, 20:40, 20:40], found[1, 20:40, 20:40], atol=3e-5)
    y, x = np.mgrid[:_SIZE, :_SIZE] - _SIZE // 2
    for plane, angle in zip(found, np.radians([10.0, -30.0]), strict=True):
        sx, sy = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
        outside = np.maximum(np.abs(sx), np.abs(sy)) > _SIZE // 2
        np.testing.assert_array_equal(np.isnan(plane), outside)


def test_full_corners_stay_out_of_the_middle() -> None:
    frame = np.zeros((41, 41), np.float32)
    frame[:6, :6] = frame[-6:, :6] = frame[:6, -6:] = frame[-6:, -6:] = 1.0
    found = derotate_exact(frame[None], np.array([44.0]))[0]
    assert float(np.nanmax(np.abs(found[10:31, 10:31]))) < 0.05


@pytest.mark.parametrize(
    ("cube", "angles", "words"),
    [
        (np.zeros((1, 6, 6)), [1.0], "odd squares"),
        (np.zeros((1, 5, 7)), [1.0], "odd squares"),
        (np.zeros((2, 5, 5)), [1.0], "1 angles for 2 frames"),
        (np.full((1, 5, 5), np.nan), [1.0], "without data"),
    ],
)
def test_what_cannot_be_rotated_is_refused(cube: np.ndarray, angles: list[float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        derotate_exact(cube, np.array(angles))
