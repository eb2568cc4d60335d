import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from reduce.kernels.derotate import derotate, detector_position
from tests.reduce.kernels.planted import airy, sky_pixel


def _blob(size: int, x: float, y: float, fwhm: float = 4.6) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size]
    return np.asarray(np.exp(-4 * np.log(2) * ((columns - x) ** 2 + (rows - y) ** 2) / fwhm**2))


def test_there_and_back_is_the_image_within_two_thousandths_of_the_peak() -> None:
    image = _blob(201, 130.0, 90.0)[None]
    back = derotate(np.nan_to_num(derotate(image, np.array([33.3]))), np.array([-33.3]))
    assert np.nanmax(np.abs(back - image)) <= 2e-3


def test_the_sign_is_that_of_scipys_rotate_by_minus_the_angle() -> None:
    image = _blob(101, 70.0, 40.0)
    ours = derotate(image[None], np.array([25.0]))[0]
    theirs = ndimage.rotate(image, -25.0, reshape=False)
    assert np.nanmax(np.abs(ours - theirs)) <= 1e-5


def test_a_source_at_pa_zero_on_the_detector_comes_out_at_pa_equal_to_the_angle() -> None:
    image = _blob(101, 50.0, 80.0)
    turned = np.nan_to_num(derotate(image[None], np.array([30.0]))[0])
    row, column = np.unravel_index(int(np.argmax(turned)), turned.shape)
    assert np.hypot(column - sky_pixel(101, 30.0, 30.0)[0], row - sky_pixel(101, 30.0, 30.0)[1]) < 1.0


@pytest.mark.parametrize(("angle", "turns"), [(90.0, 1), (180.0, 2), (-90.0, -1)])
def test_a_quarter_turn_moves_pixels_and_changes_none(angle: float, turns: int) -> None:
    image = np.random.default_rng(1).normal(size=(61, 61)).astype(np.float32)
    turned = derotate(image[None], np.array([angle]))[0]
    assert np.max(np.abs(turned - np.rot90(image, -turns))) <= 1e-6 * np.abs(image).max()


def test_flux_and_centroid_stay() -> None:
    image = _blob(121, 80.0, 66.0)
    turned = derotate(image[None], np.array([47.0]))[0]
    x, y = _turned_place(80.0, 66.0, 47.0, 121)
    rows, columns = np.mgrid[:121, :121]
    near = np.hypot(columns - x, rows - y) <= 10
    before = np.hypot(columns - 80.0, rows - 66.0) <= 10
    assert np.sum(turned[near]) == pytest.approx(np.sum(image[before]), rel=1e-4)
    assert np.sum((columns * turned)[near]) / np.sum(turned[near]) == pytest.approx(x, abs=1e-3)
    assert np.sum((rows * turned)[near]) / np.sum(turned[near]) == pytest.approx(y, abs=1e-3)


def test_an_airy_field_is_right_within_a_thousandth_of_the_peak() -> None:
    rows, columns = np.mgrid[:121, :121]
    turned = derotate(airy(columns - 85.3, rows - 60.7, 4.6)[None], np.array([20.0]))[0]
    x, y = _turned_place(85.3, 60.7, 20.0, 121)
    truth = airy(columns - x, rows - y, 4.6)
    inside = np.hypot(columns - 60, rows - 60) < 55
    assert np.max(np.abs(turned - truth)[inside]) <= 1e-3


def test_a_pixel_without_data_leaves_a_hole_and_nothing_else_is_lost() -> None:
    image = _blob(61, 30.0, 30.0)
    image[40, 35] = np.nan
    turned = derotate(image[None], np.array([10.0]))[0]
    whole = derotate(_blob(61, 30.0, 30.0)[None], np.array([10.0]))[0]
    hole = np.isnan(turned) & ~np.isnan(whole)
    assert 9 <= hole.sum() <= 20
    assert np.nanmax(np.abs(turned - whole)) <= 1e-3


def test_corners_outside_the_frame_are_no_data() -> None:
    turned = derotate(np.ones((1, 41, 41)), np.array([45.0]))[0]
    assert np.isnan(turned[0, 0])
    assert turned[20, 20] == pytest.approx(1.0)


def test_one_angle_a_frame_is_wanted() -> None:
    with pytest.raises(ValueError, match="2 angles for 3 frames"):
        derotate(np.zeros((3, 9, 9)), np.array([1.0, 2.0]))


@settings(max_examples=40, deadline=None)
@given(st.floats(-30, 30), st.floats(-30, 30), st.floats(-400, 400))
def test_detector_position_turns_back_by_the_angle_at_the_same_distance(
    dx: float, dy: float, angle: float
) -> None:
    x, y = detector_position(50 + dx, 50 + dy, np.array([angle]), (50.0, 50.0))
    assert np.hypot(x - 50, y - 50) == pytest.approx(np.hypot(dx, dy), abs=1e-9)
    sky = np.arctan2(-dx, dy)
    there = np.hypot(dx, dy)
    assert x[0] - 50 == pytest.approx(-there * np.sin(sky - np.radians(angle)), abs=1e-9)
    assert y[0] - 50 == pytest.approx(there * np.cos(sky - np.radians(angle)), abs=1e-9)


def _turned_place(x: float, y: float, angle: float, size: int) -> tuple[float, float]:
    dx, dy = x - size // 2, y - size // 2
    pa = np.degrees(np.arctan2(-dx, dy)) + angle
    return sky_pixel(size, float(np.hypot(dx, dy)), float(pa))
