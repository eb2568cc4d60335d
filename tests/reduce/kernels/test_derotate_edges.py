"""The sense of rotation, the edge and the gaps of derotation, against scipy and exact turns."""

import numpy as np
import pytest
from scipy import ndimage

from reduce.kernels.derotate import derotate, detector_position, rotate_splines
from reduce.kernels.spline import coefficients


def _wanted(
    frame: np.ndarray, angle_deg: float, centre: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Rotated frame by scipy, and where its pixels lie inside the frame."""
    ny, nx = frame.shape
    y, x = np.indices(frame.shape, dtype=np.float64)
    radius, pa = np.hypot(x - centre[0], y - centre[1]), np.arctan2(-(x - centre[0]), y - centre[1])
    before = pa - np.radians(angle_deg)
    sx, sy = centre[0] - radius * np.sin(before), centre[1] + radius * np.cos(before)
    inside = (sx >= 0) & (sx <= nx - 1) & (sy >= 0) & (sy <= ny - 1)
    return ndimage.map_coordinates(frame, [sy, sx], order=3, mode="mirror"), inside


@pytest.mark.parametrize("angle_deg", [17.0, -48.0, 101.0])
@pytest.mark.parametrize("centre", [None, (5.3, 6.1)])
def test_a_frame_turns_from_north_to_east_by_its_angle(
    angle_deg: float, centre: tuple[float, float] | None
) -> None:
    frame = np.random.default_rng(5).normal(size=(11, 13))
    wanted, inside = _wanted(frame, angle_deg, centre or (6.0, 5.0))
    found = derotate(frame[None], np.array([angle_deg]), centre)[0]
    np.testing.assert_array_equal(np.isfinite(found), inside)
    np.testing.assert_allclose(found[inside], wanted[inside], atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 2), (3, 3), (3, 8), (8, 3), (4, 4), (5, 40), (37, 23)])
@pytest.mark.parametrize("angle_deg", [3.0, -31.0, 45.0, 89.9999, 133.0, -179.9])
def test_line_by_line_it_is_scipys_from_edge_to_edge(shape: tuple[int, int], angle_deg: float) -> None:
    frame = np.random.default_rng(7).normal(size=shape)
    wanted, inside = _wanted(frame, angle_deg, (shape[1] // 2 + 0.25, shape[0] // 2 - 0.125))
    found = derotate(frame[None], np.array([angle_deg]), (shape[1] // 2 + 0.25, shape[0] // 2 - 0.125))[0]
    np.testing.assert_array_equal(np.isfinite(found), inside)
    np.testing.assert_allclose(found[inside], wanted[inside], atol=1e-5)


def test_gaps_anywhere_take_just_what_touches_them() -> None:
    rng = np.random.default_rng(8)
    frame = rng.normal(size=(21, 17))
    bad = rng.uniform(size=frame.shape) < 0.02
    whole = rotate_splines(coefficients(frame[None]), np.zeros((0, 0, 0), bool), np.array([22.0]))[0]
    found = rotate_splines(coefficients(frame[None]), bad[None], np.array([22.0]))[0]
    near = np.zeros(frame.shape, bool)
    for row, column in np.argwhere(bad):
        alone = np.zeros_like(bad)
        alone[row, column] = True
        near |= np.isnan(rotate_splines(coefficients(frame[None]), alone[None], np.array([22.0]))[0])
    assert np.isnan(whole).sum() < near.sum() < frame.size
    np.testing.assert_array_equal(found, np.where(near, np.nan, whole))


@pytest.mark.parametrize("quarters", [0, 1, 2, 3, -1])
def test_quarter_turns_keep_every_pixel(quarters: int) -> None:
    frame = np.random.default_rng(6).normal(size=(9, 9)).astype(np.float32)
    found = derotate(frame[None], np.array([90.0 * quarters]))[0]
    np.testing.assert_allclose(found, np.rot90(frame[::-1], quarters)[::-1], atol=2e-6)


def test_a_star_north_of_the_axis_goes_east_that_is_left() -> None:
    frame = np.zeros((21, 21))
    frame[18, 10] = 1.0
    found = derotate(frame[None], np.array([90.0]))[0]
    assert int(np.argmax(found)) == 10 * 21 + 2


def test_each_frame_has_its_own_angle() -> None:
    cube = np.random.default_rng(7).normal(size=(2, 9, 9))
    both = derotate(cube, np.array([20.0, -35.0]))
    np.testing.assert_array_equal(both[0], derotate(cube[:1], np.array([20.0]))[0])
    np.testing.assert_array_equal(both[1], derotate(cube[1:], np.array([-35.0]))[0])
    with pytest.raises(ValueError, match="1 angles for 2 frames"):
        derotate(cube, np.array([20.0]))


def test_a_gap_takes_the_pixels_whose_spline_touches_it() -> None:
    frame = np.random.default_rng(8).normal(size=(2, 15, 17))
    frame[1, 6, 9] = np.nan
    found = derotate(frame, np.array([25.0, 25.0]))
    y, x = np.indices((15, 17), dtype=np.float64)
    angle = np.radians(25.0)
    column = np.floor(8 + np.cos(angle) * (x - 8) + np.sin(angle) * (y - 7))
    row = np.floor(7 + np.cos(angle) * (y - 7) - np.sin(angle) * (x - 8))
    touched = (column >= 9 - 2) & (column <= 9 + 1) & (row >= 6 - 2) & (row <= 6 + 1)
    np.testing.assert_array_equal(np.isfinite(found[1]), np.isfinite(found[0]) & ~touched)


@pytest.mark.parametrize("place", [(0, 0), (0, 12), (12, 0), (12, 12), (0, 6), (6, 0), (12, 6), (6, 12)])
def test_a_gap_at_the_edge_is_no_gap_elsewhere(place: tuple[int, int]) -> None:
    frame = np.random.default_rng(9).normal(size=(1, 13, 13))
    whole = derotate(frame, np.array([90.0]))[0]
    frame[0][place] = np.nan
    found = derotate(frame, np.array([90.0]))[0]
    gone = np.argwhere(np.isnan(found))
    turned = np.array([place[1], 12 - place[0]])  # +y goes to -x: (y, x) to (x, -y)
    assert np.abs(gone - turned).max() <= 2
    assert (gone == turned).all(axis=1).any()
    assert np.isfinite(whole).all()


def test_a_gap_is_filled_with_nothing_for_the_spline() -> None:
    frame = np.random.default_rng(10).normal(size=(1, 21, 21))
    zero, gap = frame.copy(), frame.copy()
    zero[0, 10, 10], gap[0, 10, 10] = 0.0, np.nan
    far = np.s_[0, 10, 16]
    angles = np.array([5.0])
    assert derotate(gap, angles)[far] == derotate(zero, angles)[far]


def test_an_empty_mask_says_there_are_no_gaps() -> None:
    frame = np.random.default_rng(11).normal(size=(1, 9, 9))
    without = rotate_splines(coefficients(frame), np.zeros((0, 0, 0), bool), np.array([12.0]))
    np.testing.assert_array_equal(without, derotate(frame, np.array([12.0])))


def test_the_detector_sees_a_source_at_its_position_angle_less_the_frames() -> None:
    angles = np.array([0.0, 40.0, -100.0, 200.0])
    centre, radius, pa = (30.0, 20.0), 12.0, 70.0
    x, y = centre[0] - radius * np.sin(np.radians(pa)), centre[1] + radius * np.cos(np.radians(pa))
    found = detector_position(x, y, angles, centre)
    np.testing.assert_allclose(found[0], centre[0] - radius * np.sin(np.radians(pa - angles)), atol=1e-12)
    np.testing.assert_allclose(found[1], centre[1] + radius * np.cos(np.radians(pa - angles)), atol=1e-12)
