"""An unocculted star: place and error of an Airy disc in photon noise; refusals."""

import re

import numpy as np
import pytest
from scipy import special

from reduce.kernels.star import star_centre

_FWHM = 3.6
_GAIN = 1.75
_FULL = 35_000.0


def _airy(x: float, y: float, shape: tuple[int, int] = (81, 91)) -> np.ndarray:
    rows, columns = np.indices(shape)
    v = np.maximum(np.hypot(columns - x, rows - y), 1e-9) * 1.6163 * 2 / _FWHM
    return np.asarray((2 * special.j1(v) / v) ** 2)


def _seen(x: float, y: float, peak: float, rng: np.random.Generator, noise: float = 8.0) -> np.ndarray:
    light = peak * _airy(x, y) * (1 + 0.012 * rng.normal(size=(81, 91))) + 60.0  # and the flat's own error
    return rng.poisson(light * _GAIN) / _GAIN + rng.normal(0, noise, light.shape)


@pytest.mark.parametrize("peak", [400.0, 20_000.0])
def test_the_star_is_found_within_its_error(peak: float) -> None:
    rng = np.random.default_rng(1)
    pulls, errors = [], []
    for _ in range(40):
        x, y = 45.0 + rng.uniform(-4, 4), 40.0 + rng.uniform(-4, 4)
        found = star_centre(_seen(x, y, peak, rng), (45.0, 40.0), 8.0, _FWHM, _GAIN, _FULL)
        pulls += [(found.x - x) / found.error, (found.y - y) / found.error]
        errors.append(found.error)
        assert found.peak == pytest.approx(peak, rel=0.2)
    assert 0.7 < np.sqrt(np.mean(np.square(pulls))) < 1.3
    assert np.mean(errors) < (0.1 if peak < 1000 else 0.012)


def test_noise_of_the_sky_and_of_the_stars_own_photons_both_count() -> None:
    rng = np.random.default_rng(2)
    photons = star_centre(_seen(45, 40, 400.0, rng, 1.0), (45, 40), 5.0, _FWHM, _GAIN, _FULL).error
    fewer = star_centre(_seen(45, 40, 400.0, rng, 1.0), (45, 40), 5.0, _FWHM, _GAIN / 16, _FULL).error
    sky = star_centre(_seen(45, 40, 400.0, rng, 30.0), (45, 40), 5.0, _FWHM, _GAIN, _FULL).error
    assert fewer > 1.5 * photons  # the sky's own noise is measured, not computed from its photons
    assert sky > 1.7 * photons
    faint, bright = (
        star_centre(_seen(45, 40, peak, rng, 0.1), (45, 40), 5.0, _FWHM, _GAIN, 1e9).error
        for peak in (1e6, 1e8)
    )
    assert faint == pytest.approx(bright, rel=0.1)  # in the end the pixels' response limits
    assert 0.002 < bright < 0.009


def test_bad_pixels_are_left_out() -> None:
    image = _seen(45.3, 39.6, 2e4, np.random.default_rng(3), 1.0)
    image[40, 44] = image[38, 46] = np.nan
    found = star_centre(image, (45.0, 40.0), 5.0, _FWHM, _GAIN, _FULL)
    assert (found.x, found.y) == pytest.approx((45.3, 39.6), abs=0.02)


@pytest.mark.parametrize("peak", [50_000.0, 90_000.0])
def test_a_star_saturated_in_its_middle_is_found_by_its_flanks(peak: float) -> None:
    rng = np.random.default_rng(5)
    pulls = []
    for _ in range(20):
        x, y = 45.0 + rng.uniform(-1, 1), 40.0 + rng.uniform(-1, 1)
        image = np.minimum(_seen(x, y, peak, rng), 42_000.0)
        found = star_centre(image, (45.0, 40.0), 5.0, _FWHM, _GAIN, _FULL)
        pulls += [(found.x - x) / found.error, (found.y - y) / found.error]
        assert found.error < 0.06
    assert np.sqrt(np.mean(np.square(pulls))) < 1.3


def test_a_star_saturated_throughout_is_refused() -> None:
    image = np.minimum(5e7 * _airy(45, 40), 42_000.0)
    with pytest.raises(
        ValueError, match=r"is saturated: .* pixels of its flanks are below 35000 adu, wanted 14"
    ):
        star_centre(image, (45, 40), 5.0, _FWHM, _GAIN, _FULL)


def test_noise_alone_is_no_star() -> None:
    image = np.random.default_rng(4).normal(100.0, 8.0, (81, 91))
    with pytest.raises(ValueError, match=r"no star near \(45.0, 40.0\)"):
        star_centre(image, (45.0, 40.0), 8.0, _FWHM, _GAIN, _FULL)


@pytest.mark.parametrize("place", [(17.0, 40.0), (73.0, 40.0), (45.0, 17.0), (45.0, 63.0)])
def test_a_star_at_the_edge_is_refused_and_one_pixel_further_in_is_not(place: tuple[float, float]) -> None:
    image = 1000.0 * _airy(*place)
    with pytest.raises(ValueError, match="within 18 px of the image's edge"):
        star_centre(image, place, 4.0, _FWHM, _GAIN, _FULL)
    inside = (np.clip(place[0], 18, 72), np.clip(place[1], 18, 62))
    found = star_centre(1000.0 * _airy(*inside), inside, 4.0, _FWHM, _GAIN, _FULL)
    assert (found.x, found.y) == pytest.approx(inside, abs=0.01)


def test_the_skys_light_is_no_noise_its_scatter_is() -> None:
    image = _seen(45.2, 40.1, 400.0, np.random.default_rng(6))
    dark, light = (
        star_centre(image + level, (45.0, 40.0), 5.0, _FWHM, _GAIN, 1e9) for level in (-60.0, 20_000.0)
    )
    assert (dark.x, dark.y) == pytest.approx((light.x, light.y), abs=1e-3)
    assert dark.error == pytest.approx(light.error, rel=1e-3)
    assert dark.peak == pytest.approx(light.peak, rel=1e-3)


def test_the_skys_scatter_is_measured_three_to_five_widths_out() -> None:
    rows, columns = np.indices((81, 91))
    radius = np.hypot(columns - 45, rows - 40) / _FWHM
    rough = np.random.default_rng(7).normal(0.0, 100.0, radius.shape)
    clean = 400.0 * _airy(45.0, 40.0)
    quiet, loud = (
        star_centre(clean + rough * where, (45.0, 40.0), 2.0, _FWHM, 1e9, _FULL).error
        for where in ((radius < 2.9) & (radius > 2.0) | (radius > 5.1), (radius >= 3.0) & (radius < 4.3))
    )
    assert loud > 5 * quiet


def test_bad_pixels_beside_a_bright_field_do_not_pass_for_the_star() -> None:
    image = _seen(45.0, 40.0, 2e4, np.random.default_rng(8))
    image[:, 70:] = 3e5
    image[44:48, 41:45] = np.nan
    found = star_centre(image, (45.0, 42.0), 8.0, _FWHM, _GAIN, _FULL)
    assert (found.x, found.y) == pytest.approx((45.0, 40.0), abs=0.03)


@pytest.mark.parametrize("star", [(50.0, 40.0), (40.0, 40.0), (45.0, 45.0), (45.0, 35.0)])
def test_a_star_beyond_reach_is_not_taken_by_its_flank(star: tuple[float, float]) -> None:
    rng = np.random.default_rng(9)
    image = _seen(*star, 2e4, rng)
    with pytest.raises(ValueError, match="no star near"):
        star_centre(image, (45.0, 40.0), 0.9, _FWHM, _GAIN, _FULL)
    assert star_centre(image, (45.0, 40.0), 5.5, _FWHM, _GAIN, _FULL).x == pytest.approx(star[0], abs=0.03)


def test_the_refusal_gives_the_peak_and_its_error() -> None:
    image = _seen(45.0, 40.0, 25.0, np.random.default_rng(4))
    with pytest.raises(ValueError, match="no star near") as refused:
        star_centre(image, (45.0, 40.0), 8.0, _FWHM, _GAIN, _FULL)
    told = re.search(r"is (\S+) \+- (\S+) adu, wanted 8 sigma", str(refused.value))
    assert told is not None
    assert 1.0 < float(told[1]) / float(told[2]) < 8.0


def test_what_does_not_look_like_a_core_makes_a_saturated_star_less_sure() -> None:
    """Flanks that differ from side to side do so by more than photons."""
    image = 60_000.0 * _airy(45.0, 40.0)
    lopsided = image * np.where(np.arange(91) > 45, 1.15, 1.0)
    found, other = (
        star_centre(np.minimum(each, 42_000.0), (45.0, 40.0), 3.0, _FWHM, _GAIN, _FULL)
        for each in (image, lopsided)
    )
    assert other.error > 1.2 * found.error


def _oblique(x: float, y: float, peak: float, shape: tuple[int, int] = (81, 91)) -> np.ndarray:
    rows, columns = np.indices(shape)
    dx, dy = columns - x, rows - y
    return np.asarray(peak * np.exp(-(0.10 * dx**2 + 0.22 * dy**2 + 0.06 * dx * dy)))


def test_a_star_drawn_out_is_given_back_as_it_is() -> None:
    image = _oblique(45.31, 39.78, 900.0) + 70.0
    found = star_centre(image, (45.0, 40.0), 4.0, _FWHM, _GAIN, _FULL)
    assert (found.x, found.y, found.peak) == pytest.approx((45.31, 39.78, 900.0), rel=1e-6)


def test_the_error_is_that_of_the_least_squares() -> None:
    """In the middle of a pixel each axis stands alone: its derivative weighs sky, photons and response."""
    rows, columns = np.indices((81, 91))
    checks = np.where((rows + columns) % 2, 5.0, -5.0)
    a, b, peak = 0.10, 0.22, 300.0
    star = peak * np.exp(-(a * (columns - 45) ** 2 + b * (rows - 40) ** 2))
    radius = np.hypot(columns - 45, rows - 40)
    image = star + np.where(radius > 1.2 * _FWHM, checks, 0.0)
    found = star_centre(image, (45.0, 40.0), 4.0, _FWHM, 2.0, _FULL)
    core = radius <= 1.1 * _FWHM
    sky = -5.0 if np.median(image[(radius >= 3 * _FWHM) & (radius <= 5 * _FWHM)]) < 0 else 5.0
    light = np.maximum(star[core] - sky, 0.0)
    variance = light / 2.0 + (0.012 * light) ** 2 + (1.4826 * _mad(image[_between(radius, 3, 5)])) ** 2
    slopes = [2 * a * (columns - 45) * star, 2 * b * (rows - 40) * star]
    squares = [(s[core] ** 2 * variance).sum() / (s[core] ** 2).sum() ** 2 for s in slopes]
    assert found.error == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-3)
    turned = star_centre(image.T, (40.0, 45.0), 4.0, _FWHM, 2.0, _FULL)
    assert turned.error == pytest.approx(found.error, rel=1e-3)


def _between(radius: np.ndarray, inner: float, outer: float) -> np.ndarray:
    return np.asarray((radius >= inner * _FWHM) & (radius <= outer * _FWHM))


def _mad(values: np.ndarray) -> float:
    return float(np.median(np.abs(values - np.median(values))))


def test_hits_in_the_sky_do_not_count_as_its_scatter() -> None:
    rng = np.random.default_rng(10)
    image = _seen(45.2, 40.1, 400.0, rng)
    rows, columns = np.indices(image.shape)
    hits = (rng.random(image.shape) < 0.05) & (np.hypot(columns - 45, rows - 40) > 2.5 * _FWHM)
    clean, hit = (
        star_centre(each, (45.0, 40.0), 3.0, _FWHM, _GAIN, 1e9) for each in (image, image + 2e4 * hits)
    )
    assert hit.error == pytest.approx(clean.error, rel=0.15)


def test_a_neighbour_two_widths_off_does_not_pull() -> None:
    image = 20_000.0 * _airy(45.0, 40.0)
    rows, columns = np.indices(image.shape)
    near = image + 3000.0 * np.exp(-0.5 * ((columns - 52) ** 2 + (rows - 40) ** 2) / 0.8**2)
    found = star_centre(near, (45.0, 40.0), 3.0, _FWHM, _GAIN, _FULL)
    assert (found.x, found.y) == pytest.approx((45.0, 40.0), abs=2e-3)


@pytest.mark.parametrize("place", [(17.0, 40.0), (45.0, 63.0)])
def test_the_sky_must_be_whole_in_part_pixels_too(place: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="within 18 px of the image's edge"):
        star_centre(1000.0 * _airy(*place), place, 2.0, 3.5, _GAIN, _FULL)
