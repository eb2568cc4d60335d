"""Detector response: planted slopes, errors of a known scatter, two fields apart, refusals."""

import numpy as np
import pytest

from reduce.kernels.flat import fit_response, split_fields

_LEVELS = np.array([1000.0, 2000.0, 4000.0, 6000.0, 9000.0])


def test_fields_stand_side_by_side() -> None:
    plane = np.arange(24.0).reshape(2, 12)
    left, middle, right = split_fields(plane, 4)
    np.testing.assert_array_equal(left, plane[:, :4])
    np.testing.assert_array_equal(middle, plane[:, 4:8])
    np.testing.assert_array_equal(right, plane[:, 8:])
    assert np.shares_memory(left, plane)
    with pytest.raises(ValueError, match="12 px wide, wanted a multiple of 5"):
        split_fields(plane, 5)


def test_each_field_has_its_own_planted_slopes() -> None:
    rng = np.random.default_rng(1)
    slope = rng.normal(1.0, 0.05, size=(15, 30))
    offset = rng.normal(0.0, 20.0, size=(15, 30))
    brightness = np.where(np.arange(30) < 15, 1.0, 0.5)  # the second field sees half the lamp
    levels = _LEVELS[:, None, None] * slope * brightness + offset
    found = fit_response(levels, 15)
    for part in (np.s_[:, :15], np.s_[:, 15:]):
        wanted = slope[part] / np.median(slope[part])
        np.testing.assert_allclose(found.slope[part], wanted, rtol=2e-3)
        assert np.median(found.slope[part]) == pytest.approx(1.0, abs=1e-6)
    assert found.slope.shape == found.error.shape == found.scatter.shape == (15, 30)
    assert found.slope.dtype == found.error.dtype == found.scatter.dtype == np.float32


def _one_pixel_off(by: np.ndarray) -> tuple[float, float, float]:
    """Slope, error and scatter of a pixel that is off the line of all others."""
    levels = np.repeat(_LEVELS, 25).reshape(5, 5, 5)
    levels[:, 2, 2] += by
    found = fit_response(levels, 5)
    slope, error, scatter = (float(plane[2, 2]) for plane in found[:3])
    return slope, error, scatter


def test_the_fit_is_weighted_by_photon_noise() -> None:
    by = np.array([30.0, -20.0, 50.0, -60.0, 40.0])
    root = np.sqrt(_LEVELS)
    design = np.column_stack([np.ones(5), _LEVELS]) / root[:, None]
    (constant, slope), square, *_ = np.linalg.lstsq(design, (_LEVELS + by) / root, rcond=None)
    scatter = np.sqrt(float(square[0]) / 3)
    error = scatter * np.sqrt(np.linalg.inv(design.T @ design)[1, 1])
    assert constant != 0.0
    assert _one_pixel_off(by) == pytest.approx((slope, error, scatter), rel=1e-5)


def test_two_levels_are_no_line_and_no_light_is_none() -> None:
    flat = np.ones((4, 4))
    with pytest.raises(ValueError, match="wanted 3 different above 0"):
        fit_response(np.array([flat, 2 * flat, 2 * flat, flat]), 4)
    with pytest.raises(ValueError, match="wanted 3 different above 0"):
        fit_response(np.array([0 * flat, flat, 2 * flat]), 4)
    with pytest.raises(ValueError, match=r"lamp levels \[1.3, 1.3, 1.3\]"):
        fit_response(np.array([1.26 * flat, 1.2601 * flat, 1.2602 * flat]), 4)
    assert fit_response(np.array([flat, 2 * flat, 3 * flat]), 4).slope[0, 0] == pytest.approx(1.0)
    assert fit_response(np.array([0.5 * flat, 0.6 * flat, 0.8 * flat]), 4).slope[0, 0] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("levels", "enough"),
    [
        ((10000.0, 10003.0, 10006.0), False),  # one level, and a lamp that drifts
        ((1000.0, 1090.0, 1180.0, 1500.0), True),  # 1180 is a step above 1000, 1090 is none
        ((1500.0, 1180.0, 1090.0, 1000.0), True),  # in any order
        ((1000.0, 1099.0, 1500.0), False),
        ((1000.0, 1101.0, 1500.0), True),
        ((1000.0, 1200.0, 1490.0), False),  # 1.49 of the faintest is no range
        ((1000.0, 1000.0, 2000.0, 2001.0), False),
        ((1000.0, 1095.0, 1190.0, 1285.0, 1380.0, 1475.0), False),
        ((100.0, 100.0, 2000.0, 2000.0, 3000.0), True),
    ],
)
def test_levels_are_told_from_a_drifting_lamp(levels: tuple[float, ...], *, enough: bool) -> None:
    rng = np.random.default_rng(3)
    slope = 1 + 0.03 * rng.standard_normal((32, 32))
    seen = np.array(levels)[:, None, None] * slope
    if enough:
        np.testing.assert_allclose(fit_response(seen, 32).slope, slope / np.median(slope), rtol=1e-5)
        return
    with pytest.raises(
        ValueError, match=r"each 10% above the last and the brightest 1\.5 times the faintest"
    ):
        fit_response(seen, 32)


def test_pixels_are_fitted_at_the_levels_they_are_known_at() -> None:
    rng = np.random.default_rng(4)
    slope = 1 + 0.03 * rng.standard_normal((20, 20))
    levels = _LEVELS[:, None, None] * slope + rng.normal(0.0, 10.0, (5, 20, 20))
    whole = fit_response(levels, 20)
    holes = levels.copy()
    holes[4, 2, 3] = holes[4, 5, 6] = holes[0, 5, 6] = np.nan
    holes[:3, 7, 8] = np.nan
    found = fit_response(holes, 20)
    for y, x, seen in ((2, 3, slice(0, 4)), (5, 6, slice(1, 4))):
        exposure = np.median(levels, axis=(1, 2))[seen]
        fitted = np.polyfit(exposure, levels[seen, y, x], 1, w=1 / np.sqrt(exposure))[0]
        assert found.slope[y, x] == pytest.approx(fitted, rel=2e-3)
    assert all(np.isnan(plane[7, 8]) for plane in found[:3])
    assert found.bend[7, 8] == 0.0
    others = np.ones((20, 20), dtype=bool)
    others[[2, 5, 7], [3, 6, 8]] = False
    np.testing.assert_allclose(found.slope[others], whole.slope[others], rtol=2e-3)


def test_a_level_unknown_in_half_a_field_is_refused() -> None:
    levels = np.repeat(_LEVELS, 16).reshape(5, 4, 4)
    levels[4, :3] = np.nan
    with pytest.raises(ValueError, match=r"6000\.0, inf\] adu"):
        fit_response(levels, 4)
    with pytest.raises(ValueError, match=r"lamp levels \[\] adu"):
        fit_response(levels[:0], 4)


@pytest.mark.parametrize("zero", [False, True])
def test_the_noise_of_a_bend_is_that_of_a_parabola(*, zero: bool) -> None:
    """Of photons alone, from the normal equations of the two models; through 0 it is 0.56 of the other."""
    rng = np.random.default_rng(5)
    exposure = np.array([1.0, 2.0, 4.0, 6.0, 8.0]) * 2000.0
    design = np.column_stack([exposure, exposure**2] if zero else [np.ones(5), exposure, exposure**2])
    expected = np.sqrt(np.linalg.inv(design.T @ (design / exposure[:, None]))[-1, -1]) * np.ptp(exposure)
    assert expected == pytest.approx(0.0154 if zero else 0.0276, rel=0.01)
    levels = np.repeat(exposure, 128 * 128).reshape(5, 128, 128)
    levels = levels + rng.standard_normal(levels.shape) * np.sqrt(levels)
    levels[:, 3, 4] = exposure / (1 + 0.2 * exposure / exposure.max())
    found = fit_response(levels, 128, zero=zero)
    assert found.bend.std() == pytest.approx(expected, rel=0.03)
    parabola = np.polyfit(exposure, levels[:, 3, 4], 2, w=1 / np.sqrt(exposure))[0]
    if not zero:
        line = np.polyfit(exposure, levels[:, 3, 4], 1, w=1 / np.sqrt(exposure))[0]
        assert found.bend[3, 4] == pytest.approx(parabola * np.ptp(exposure) / line, rel=0.02)
    else:
        (_, square), *_ = np.linalg.lstsq(
            design / np.sqrt(exposure)[:, None], levels[:, 3, 4] / np.sqrt(exposure)
        )
        assert found.bend[3, 4] * found.slope[3, 4] == pytest.approx(square * np.ptp(exposure), rel=0.02)


def test_a_pixel_that_is_not_linear_bends() -> None:
    levels = np.repeat(_LEVELS, 25).reshape(5, 5, 5)
    levels[:, 2, 2] -= 0.1 * _LEVELS**2 / _LEVELS.max()  # a tenth lost at the highest level
    found = fit_response(levels, 5)
    assert found.bend[2, 2] == pytest.approx(-0.1 * 8 / 9 / 0.9, rel=0.15)
    assert np.abs(np.delete(found.bend.ravel(), 12)).max() < 1e-6


def test_slopes_and_errors_are_in_units_of_the_lit_fields_median() -> None:
    # The median pixel changes with the level, so that the median slope is not 1; some are just lit.
    kinds = np.array([k * _LEVELS for k in (1.0, 2.0, 0.47, 0.6, 3.0, 6.0)] + [np.full(5, 5000.0)])
    found = fit_response(np.repeat(kinds.T, 7, axis=1).reshape(5, 7, 7), 7)
    exposure = np.median(kinds, axis=0)
    root = np.sqrt(exposure)
    design = np.column_stack([np.ones(5), exposure]) / root[:, None]
    (_, slopes), squares, *_ = np.linalg.lstsq(design, (kinds / root).T, rcond=None)
    errors = np.sqrt(squares / 3 * np.linalg.inv(design.T @ design)[1, 1])
    middle = np.median(slopes[slopes > 0.5 * np.median(slopes)])  # the unlit border is no part of the field
    assert np.median(slopes) > 1.1
    assert 0.5 < slopes[2] < 0.5 * np.median(slopes) < slopes[3] < 0.5 * np.mean(slopes)
    np.testing.assert_allclose(found.slope[:, 0], slopes / middle, atol=1e-5)
    np.testing.assert_allclose(found.error[:, 0], errors / middle, atol=1e-5)


def test_what_sees_no_light_does_not_bend() -> None:
    levels = np.repeat(_LEVELS, 25).reshape(5, 5, 5)
    levels[:, 0, 0] = 0.0
    levels[:, 4, 4] = 9000.0 - 0.5 * _LEVELS + _LEVELS**2 / 1e5  # falls where the lamp brightens
    found = fit_response(levels, 5)
    assert found.slope[0, 0] == found.bend[0, 0] == found.bend[4, 4] == 0.0
    assert found.slope[4, 4] < 0.0


def test_three_levels_tell_a_bend() -> None:
    """Of three levels a parabola is all that is left: its curvature comes out by hand."""
    exposure = np.array([1.0, 2.0, 3.0])
    levels = np.repeat(exposure, 25).reshape(3, 5, 5)
    levels[:, 1, 2] += 0.01 * exposure**2
    found = fit_response(levels, 5)
    weight = 1 / exposure
    line = np.polynomial.Polynomial.fit(exposure, levels[:, 1, 2], 1, w=np.sqrt(weight)).convert().coef[1]
    assert found.bend[1, 2] == pytest.approx(0.01 * 2.0**2 / (line * 2.0), rel=1e-4)
