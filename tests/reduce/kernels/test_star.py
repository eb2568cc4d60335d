"""An unocculted star: place and error of an Airy disc in photon noise; refusals."""

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
