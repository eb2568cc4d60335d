"""The judge itself: planted faults are seen, clean images pass."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hcvo.report import Row
from tests.truth.level1 import summary
from tests.truth.level1_figures import outlying
from tests.truth.level1_night import resampled
from tests.truth.level1_plain import block_medians, smooth_rms

SIZE = 201


def noise(seed: int, sigma: float = 5.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, sigma, (SIZE, SIZE))


def test_clean_noise_has_no_bad_pixels_and_planted_ones_are_counted() -> None:
    image, light = noise(1), np.zeros((SIZE, SIZE))
    assert outlying(image, light).sum() == 0
    places = [(20, 30), (100, 180), (150, 77), (151, 78)]
    for y, x in places:
        image[y, x] += 60.0
    image[60, 60] = np.nan
    found = outlying(image, light)
    assert found.sum() == len(places) + 1
    assert all(found[place] for place in places)


def test_a_misplaced_star_is_not_taken_for_bad_pixels() -> None:
    light = np.zeros((SIZE, SIZE))
    light[100, 60] = 1e6
    light = gaussian_filter(light, 1.7)
    shifted = 0.9 * light + 0.1 * np.roll(light, 1, axis=1)
    assert outlying(shifted - light + noise(2), light).sum() == 0


def test_blocks_show_what_is_smooth_not_the_noise() -> None:
    y, x = np.mgrid[:441, :441] - 220.0
    left = np.random.default_rng(3).normal(0.0, 30.0, (441, 441))
    assert np.sqrt(np.mean(block_medians(left, (220, 220)) ** 2)) < 3.0
    slope = left + 0.1 * x
    assert np.sqrt(np.mean(block_medians(slope, (220, 220)) ** 2)) == pytest.approx(
        0.1 * np.sqrt(np.mean(x[(np.hypot(x, y) > 100) & (np.hypot(x, y) < 195)] ** 2)), rel=0.1
    )


def test_what_is_smooth_is_told_without_the_noise() -> None:
    y, x = np.mgrid[:441, :441] - 220.0
    noise = np.random.default_rng(4).normal(0.0, 60.0, (441, 441))
    assert smooth_rms(noise, (220, 220)) < 0.5 * 60.0 / 16.0  # of a block's noise
    r = np.hypot(x, y)
    wave = 3.0 * np.sqrt(2.0) * np.sin(x / 40.0)
    true = np.sqrt(np.mean(wave[(r > 100) & (r < 195)] ** 2))
    assert smooth_rms(noise / 3.0 + wave, (220, 220)) == pytest.approx(true, rel=0.1)
    holes = np.where(np.random.default_rng(5).random((441, 441)) < 0.3, np.nan, wave)
    assert smooth_rms(holes, (220, 220)) == pytest.approx(smooth_rms(wave, (220, 220)), rel=0.05)


def test_resampling_keeps_flux_and_puts_the_star_in_the_middle() -> None:
    y, x = np.mgrid[:101, :101]
    star, stretch = (47.3, 52.6), 1.0062
    raw = np.exp(-0.5 * ((x - star[0]) ** 2 + ((y - star[1]) * stretch) ** 2) / 1.8**2)
    made = resampled(raw, star, 61, stretch)
    assert made.sum() == pytest.approx(raw.sum(), rel=1e-4)
    rows, columns = np.mgrid[:61, :61] - 30.0
    true = np.exp(-0.5 * (rows**2 + columns**2) / 1.8**2) / stretch
    np.testing.assert_allclose(made, true, atol=2e-4)


def test_summary_weighs_scenarios_by_their_frames() -> None:
    rows = [
        Row("a", "bad frames rejected", 1.0, "of 1", "", ok=True),
        Row("b", "bad frames rejected", 0.5, "of 4", "", ok=False),
        Row("a", "good frames rejected", 0.0, "of 40", "", ok=True),
    ]
    bad, good = summary(rows)
    assert bad.value == pytest.approx(0.6)
    assert not bad.ok
    assert good.ok
    assert summary([])[0].value is None


def test_the_pulls_of_all_nights_have_a_goal() -> None:
    quantity = "centre: rms pull of the shared error"
    rows = [Row(f"night {value}", quantity, value, "", "stated", ok=True) for value in (1.0, 2.0)]
    (low,) = (row for row in summary(rows) if row.quantity == quantity)
    assert low.value == pytest.approx(2.5**0.5)
    assert not low.ok
    (good,) = (row for row in summary(rows[:1]) if row.quantity == quantity)
    assert good.ok
