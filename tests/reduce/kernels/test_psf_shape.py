"""Place of a star and tops that were cut off."""

import numpy as np
import pytest
from scipy import optimize

from reduce.kernels.psf_shape import flat_top, saturated_radius, star_place
from tests.reduce.kernels.planted import airy

_Y, _X = np.mgrid[:31, :33]


@pytest.mark.parametrize("place", [(16.0, 15.0), (16.4, 14.7), (12.3, 20.8), (26.6, 5.2)])
@pytest.mark.parametrize("fwhm", [3.0, 5.0])
def test_a_star_is_found_where_it_is(place: tuple[float, float], fwhm: float) -> None:
    found = star_place(100 * airy(_X - place[0], _Y - place[1], fwhm), fwhm)
    assert found == pytest.approx(place, abs=0.01)


def _window(x: float, y: float, fwhm: float) -> np.ndarray:
    return np.asarray(np.exp(-4 * np.log(2) * ((_X - x) ** 2 + (_Y - y) ** 2) / fwhm**2))


def test_a_gaussian_star_is_found_at_once() -> None:
    """A window as wide as the star makes the first step the last: far below the limit of a step."""
    for flux in (5.0, 1e-6):
        assert star_place(flux * _window(15.7, 16.2, 4.0), 4.0) == pytest.approx((15.7, 16.2), abs=1e-6)


@pytest.mark.parametrize("fwhm", [3.0, 4.5])
def test_light_beside_a_star_pulls_as_much_as_the_window_lets_it(fwhm: float) -> None:
    """The place is that of the window which catches most light; scipy looks for it on its own."""
    light = 9 * _window(16.3, 14.6, 4.0) + 4 * _window(19.5, 16.0, 3.0) + 0.05 * _X

    def dark(place: np.ndarray) -> float:
        return -float((light * _window(place[0], place[1], fwhm)).sum())

    truth = optimize.minimize(dark, (16.3, 14.6), method="Nelder-Mead", options={"xatol": 1e-5}).x
    assert np.hypot(*(truth - (16.3, 14.6))) > 0.1
    assert star_place(light, fwhm) == pytest.approx(tuple(truth), abs=1e-3)


def test_without_light_there_is_no_place() -> None:
    assert np.isnan(star_place(np.zeros((9, 9)), 3.0)).all()
    assert np.isnan(star_place(-airy(_X - 16, _Y - 15), 4.0)).all()


@pytest.mark.parametrize(("level", "count"), [(2.0, 0), (0.8, 5), (0.5, 13)])
def test_a_top_that_was_cut_off_is_seen(level: float, count: int) -> None:
    star = airy(_X - 16, _Y - 15)
    assert flat_top(np.minimum(star, level)) == (0 if level > 1 else int((star >= level).sum()))
    assert (flat_top(np.minimum(star, level)) > 0) is (count > 0)


def test_four_equal_pixels_are_symmetry_and_a_flat_image_is_none() -> None:
    image = np.zeros((9, 9))
    image[4:6, 4:6] = 1.0
    assert flat_top(image) == 0
    image[4, 6] = 1.0
    assert flat_top(image) == 5
    assert flat_top(np.ones((5, 5))) == 0
    assert flat_top(np.full((5, 5), np.nan)) == 0
    image[0, 0] = np.nan
    assert flat_top(image) == 5


def test_the_radius_of_a_saturated_core_is_that_of_its_farthest_pixel() -> None:
    rng = np.random.default_rng(1)
    stars = airy(_X - 16, _Y - 15) + 1e-3 * rng.normal(size=(5, 31, 33))
    assert saturated_radius(stars, (16.0, 15.0), 10.0) == 0.0
    cut = np.minimum(stars, 0.5)
    wanted = np.median([np.hypot(_X - 16, _Y - 15)[frame == 0.5].max() for frame in cut])
    assert saturated_radius(cut, (16.0, 15.0), 10.0) == wanted > 1.5
    assert saturated_radius(cut, (16.0, 15.0), float(wanted)) == wanted
    assert saturated_radius(np.concatenate([cut[:2], stars[:3]]), (16.0, 15.0), 10.0) == 0.0
    assert saturated_radius(cut, (30.0, 2.0), 3.0) == 0.0
    cut[:, 15, 16] = np.nan
    assert saturated_radius(cut, (16.0, 15.0), 10.0) == wanted
