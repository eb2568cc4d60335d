"""Planted wander, Strehl losses, spots and wind, found again."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from reduce.kernels import frame_quality
from reduce.kernels.frame_choice import Evidence, Limits, judge, strehl_of_halo

_SIZE, _FWHM, _INNER, _OUTER = 161, 4.0, 12.0, 75.0
_LIMITS = Limits(0.22, 0.75, 0.5, 0.5)
_STREHL = 0.87


def _sequence(
    shifts: NDArray[np.float64], strehls: NDArray[np.float64], noise: float = 2.0, wind: float = 0.0
) -> NDArray[np.float32]:
    """(time, y, x): a halo of (1 - Strehl), lasting speckles, noise, the star off its place by the shifts."""
    rng = np.random.default_rng(4)
    y, x = np.mgrid[-80:81, -80:81].astype(float)
    speckles = ndimage.gaussian_filter(rng.normal(size=(_SIZE, _SIZE)), 1.7) ** 2
    speckles *= 40.0 / speckles.mean() / np.maximum(np.hypot(x, y) / 20.0, 0.5) ** 2
    frames = []
    for (dx, dy), strehl in zip(shifts, strehls, strict=True):
        radius, angle = np.hypot(x - dx, y - dy), np.arctan2(y - dy, x - dx)
        halo = 300.0 * (1 - strehl) / (1 - _STREHL) * (np.maximum(radius, 4.0) / 20.0) ** -1.2
        halo *= 1.0 + wind * np.cos(2 * (angle - 0.4))
        lasting = ndimage.shift(speckles, (dy, dx), order=3)
        frames.append(halo + lasting + rng.normal(scale=noise, size=x.shape))
    return np.array(frames, np.float32)


def _steady(count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.zeros((count, 2)), np.full(count, _STREHL)


def test_the_wander_is_found_with_its_signs() -> None:
    shifts, strehls = _steady(9)
    shifts[2], shifts[5], shifts[7] = (1.6, -0.4), (-0.3, 0.9), (0.05, 0.0)
    found = frame_quality.measure(_sequence(shifts, strehls), _FWHM, _INNER, _OUTER)
    assert found.shift == pytest.approx(shifts, abs=0.05)
    assert np.all(found.shift_error < 0.1)


def test_a_lost_strehl_does_not_look_like_wander_and_comes_back_as_itself() -> None:
    shifts, strehls = _steady(9)
    strehls[4], strehls[6] = 0.61, 0.8
    found = frame_quality.measure(_sequence(shifts, strehls), _FWHM, _INNER, _OUTER)
    assert np.abs(found.shift).max() < 0.2
    back = strehl_of_halo(found.flux, np.full(9, np.nan), _STREHL)
    assert back == pytest.approx(strehls / _STREHL, abs=0.05)  # the speckles do not grow with the halo


def test_clouds_are_told_from_the_loop_by_the_sensor() -> None:
    clear = np.array([1.0, 1.0, 0.6, 1.0, 1.0])
    strehls = np.array([0.87, 0.87, 0.87, 0.6, 0.87])
    halo = clear * (1 - strehls)
    assert strehl_of_halo(halo, 820.0 * clear, 0.87) == pytest.approx(strehls / 0.87)
    assert strehl_of_halo(30 * halo, clear, 0.87)[3] < 0.75


def test_a_background_left_over_does_not_count_as_halo() -> None:
    frames = _sequence(*_steady(4))
    raised = frames + np.array([0.0, 100.0, -50.0, 0.0], np.float32)[:, None, None]
    flux = frame_quality.measure(raised, _FWHM, _INNER, _OUTER).flux
    assert flux == pytest.approx(np.full(4, flux[0]), rel=0.01)


def test_wind_stretches_the_halo() -> None:
    calm, windy = (_sequence(*_steady(3), wind=wind) for wind in (0.0, 0.2))
    of_calm, of_windy = (frame_quality.measure(each, _FWHM, _INNER, _OUTER) for each in (calm, windy))
    assert of_windy.asymmetry == pytest.approx(np.full(3, 0.2), abs=0.05)
    assert of_calm.asymmetry.max() < 0.05


def test_the_radius_of_half_the_light_is_that_of_the_profile() -> None:
    frames = _sequence(*_steady(3), noise=0.1)
    width = frame_quality.measure(frames, _FWHM, _INNER, _OUTER).width
    last = 20.0**1.2 * (_OUTER - _FWHM / 2) ** -1.2
    radius = np.linspace(_INNER, _OUTER - _FWHM, 4000)
    light = np.cumsum((20.0**1.2 * radius**-1.2 - last) * radius)
    assert width == pytest.approx(np.full(3, radius[np.searchsorted(light, light[-1] / 2)]), rel=0.05)


def test_frames_of_noise_have_no_pattern_to_measure_by() -> None:
    noise = np.random.default_rng(1).normal(size=(6, _SIZE, _SIZE)).astype(np.float32)
    found = frame_quality.measure(noise, _FWHM, _INNER, _OUTER)
    assert np.isinf(found.shift_error).all()
    assert abs(np.median(found.flux)) < 5 * np.median(found.noise)


def test_a_frame_without_data_has_no_numbers() -> None:
    frames = _sequence(*_steady(3))
    frames[1] = np.nan
    found = frame_quality.measure(frames, _FWHM, _INNER, _OUTER)
    assert np.isnan(found.flux[1])
    assert np.isfinite(found.flux[[0, 2]]).all()


def test_an_annulus_must_have_room() -> None:
    with pytest.raises(ValueError, match=r"annulus of 12\.0 to 15\.0 px"):
        frame_quality.measure(_sequence(*_steady(2)), _FWHM, 12.0, 15.0)


def _evidence(**changes: tuple[int, float]) -> Evidence:
    values = {"strehl_image": 1.0, "strehl_ao": 1.0, "offset": 0.05, "flux": 1.0, "lost": 0.0, "empty": 0.0}
    arrays = {name: np.full(10, value) for name, value in values.items()}
    for name, (place, value) in changes.items():
        arrays[name][place] = value
    arrays |= {name: arrays[name].astype(bool) for name in ("lost", "empty")}
    return Evidence(**arrays)


@pytest.mark.parametrize(
    ("name", "good", "bad", "word"),
    [
        ("strehl_image", 0.79, 0.77, "image: Strehl down 23%"),
        ("strehl_ao", 0.79, 0.77, "AO: Strehl down 23%"),
        ("offset", 0.74, 0.76, "centre 0.8 px off"),
        ("flux", 0.51, 0.49, "star down to 49%"),
        ("lost", 0.0, 1.0, "pattern lost"),
        ("empty", 0.0, 1.0, "no data"),
    ],
)
def test_the_rule_rejects_beyond_each_limit_and_says_why(
    name: str, good: float, bad: float, word: str
) -> None:
    assert judge(_evidence(**{name: (3, good)}), _LIMITS).kept.all()
    verdict = judge(_evidence(**{name: (3, bad)}), _LIMITS)
    assert np.flatnonzero(~verdict.kept).tolist() == [3]
    assert verdict.reasons[3].startswith(word)
    assert verdict.reasons[2] == verdict.warning == ""


def test_what_is_unknown_rejects_nothing() -> None:
    unknown = dict.fromkeys(("strehl_image", "strehl_ao", "offset", "flux"), (3, np.nan))
    assert judge(_evidence(**unknown), _LIMITS).kept.all()


def test_where_too_many_are_bad_the_worst_go_and_a_warning_says_so() -> None:
    evidence = _evidence()
    evidence.offset[:8] = np.linspace(1.0, 1.7, 8)
    verdict = judge(evidence, _LIMITS)
    assert np.flatnonzero(~verdict.kept).tolist() == [3, 4, 5, 6, 7]
    assert "8 of 10 frames" in verdict.warning
    assert verdict.reasons[0] == "centre 1.0 px off"
    assert judge(evidence, _LIMITS._replace(most_lost=0.8)).warning == ""
