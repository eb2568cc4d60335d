"""Signs, offsets and limits of times and angles, each against a case worked out by hand."""

import numpy as np
import pytest

from reduce.kernels.angles import (
    derotator_correction,
    parallactic_angle,
    plane_times,
    through_meridian,
    unwrapped,
)

_DAY_S = 86400.0
_PARANAL = -24.6272


def test_integrations_follow_each_other_from_the_first_clock_to_the_second() -> None:
    times = plane_times(10.0, 10.0 + 40.0 / _DAY_S, ndit=4, dit_s=8.0, delay_s=0.5)
    np.testing.assert_allclose((times.start - 10.0) * _DAY_S, [0.5, 10.5, 20.5, 30.5], atol=1e-6)
    np.testing.assert_allclose((times.middle - 10.0) * _DAY_S, [4.5, 14.5, 24.5, 34.5], atol=1e-6)
    np.testing.assert_allclose((times.end - 10.0) * _DAY_S, [8.5, 18.5, 28.5, 38.5], atol=1e-6)


def test_a_day_has_86400_seconds() -> None:
    times = plane_times(0.0, 1.0, ndit=2, dit_s=21600.0, delay_s=0.0)
    np.testing.assert_allclose(times.start, [0.0, 0.5], rtol=0, atol=1e-12)
    np.testing.assert_allclose(times.end, [0.25, 0.75], rtol=0, atol=1e-12)


@pytest.mark.parametrize("dit_s", [10.0, 10.0009, 0.5, 1e-4])
def test_integrations_may_fill_the_time_but_for_the_clocks_last_digit(dit_s: float) -> None:
    assert plane_times(0.0, 40.0 / _DAY_S, ndit=4, dit_s=dit_s, delay_s=0.0).start.shape == (4,)


@pytest.mark.parametrize("dit_s", [10.002, 10.9, 0.0, -1.0])
def test_integrations_that_do_not_fit_are_refused_with_the_time_there_is(dit_s: float) -> None:
    with pytest.raises(ValueError, match=f"4 integrations of {dit_s} s do not fit in 40.000 s"):
        plane_times(0.0, 40.0 / _DAY_S, ndit=4, dit_s=dit_s, delay_s=0.0)


def test_a_star_in_the_west_has_a_positive_angle_and_the_meridian_has_0_or_180() -> None:
    south, north = -60.0, 20.0
    assert parallactic_angle(np.array([30.0, -30.0]), north, _PARANAL)[0] > 0
    assert parallactic_angle(np.array([30.0, -30.0]), north, _PARANAL)[1] < 0
    assert parallactic_angle(np.array([0.0]), south, _PARANAL)[0] == pytest.approx(0.0, abs=1e-12)
    assert abs(parallactic_angle(np.array([0.0]), north, _PARANAL)[0]) == pytest.approx(180.0)


def test_the_angle_agrees_with_directions_in_space() -> None:
    hour_angle, dec, latitude = np.radians(37.0), np.radians(-35.0), np.radians(_PARANAL)
    star = np.array([np.cos(dec) * np.cos(hour_angle), -np.cos(dec) * np.sin(hour_angle), np.sin(dec)])
    zenith = np.array([np.cos(latitude), 0.0, np.sin(latitude)])
    east = np.cross([0.0, 0.0, 1.0], star)
    north = np.cross(star, east)
    wanted = np.degrees(np.arctan2(zenith @ east, zenith @ north))
    assert parallactic_angle(np.array([37.0]), -35.0, _PARANAL)[0] == pytest.approx(wanted, abs=1e-9)


def test_unwrapping_takes_whole_turns_only() -> None:
    np.testing.assert_allclose(unwrapped(np.array([175.0, 179.0, -177.0, -170.0])), [175, 179, 183, 190])
    np.testing.assert_allclose(unwrapped(np.array([0.0, 179.7, 0.0, -179.7])), [0, 179.7, 0, -179.7])
    np.testing.assert_allclose(unwrapped(np.array([0.0, 180.3])), [0, -179.7])


def test_the_derotators_clock_error_is_the_altitude_minus_twice_its_angle() -> None:
    assert derotator_correction(60.0, 29.0) == pytest.approx(2.0)
    assert derotator_correction(60.0, 31.0) == pytest.approx(-2.0)
    assert derotator_correction(60.0, 121.0) == pytest.approx(-2.0)  # half turns are the same


def test_the_branch_has_no_jump_at_the_upper_culmination() -> None:
    hour_angle = np.array([-20.0, -0.01, 0.01, 20.0])
    north = through_meridian(parallactic_angle(hour_angle, -20.0, _PARANAL), -20.0, _PARANAL)
    south = through_meridian(parallactic_angle(hour_angle, -30.0, _PARANAL), -30.0, _PARANAL)
    assert np.all(np.diff(north) < 0)
    assert np.all(np.diff(south) > 0)
    assert north.mean() == pytest.approx(180.0)
    assert south.mean() == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(north % 360, parallactic_angle(hour_angle, -20.0, _PARANAL) % 360)
