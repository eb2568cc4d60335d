"""An unocculted star: sides and limits of the search, widths and angles of the fit, refusals."""

import numpy as np
import pytest

from reduce.kernels.photometry import find_star, fit_star, half_maximum_width, normalised, without_core

_SIGMA = 4.0 / 2.3548200450309493


def _gauss(
    shape: tuple[int, int], x: float, y: float, fwhm: tuple[float, float] = (4.0, 4.0), turn: float = 0.0
) -> np.ndarray:
    rows, columns = np.indices(shape)
    along = (columns - x) * np.cos(turn) + (rows - y) * np.sin(turn)
    across = (rows - y) * np.cos(turn) - (columns - x) * np.sin(turn)
    return np.asarray(np.exp(-4.0 * np.log(2.0) * ((along / fwhm[0]) ** 2 + (across / fwhm[1]) ** 2)))


def test_the_brightest_peak_within_reach_is_found() -> None:
    image = _gauss((50, 70), 20.2, 30.7) + 3.0 * _gauss((50, 70), 60.0, 10.0)
    image[31, 15] += 6.0  # a hot pixel is no star: smoothing spreads it
    assert find_star(image, (22.0, 29.0), 6.0, 4.0) == (20, 31)
    assert find_star(image, (22.0, 29.0), 60.0, 4.0) == (60, 10)
    assert find_star(image, (60.0, 10.0), 0.0, 4.0) == (60, 10)


def test_the_reach_is_a_circle_that_meets_its_rim() -> None:
    image = np.zeros((41, 61))
    image[20, 35] = image[26, 36] = 1.0
    image[20, 36] = 5.0
    assert find_star(image, (30.0, 20.0), 6.0, 0.5) == (36, 20)
    assert find_star(image, (30.0, 20.0), 5.99, 0.5) == (35, 20)
    assert find_star(image, (36.0, 26.0), 5.5, 0.5) == (36, 26)
    with pytest.raises(
        ValueError, match=r"no pixel within 3.0 px of \(70.0, 20.0\) in an image of \(41, 61\)"
    ):
        find_star(image, (70.0, 20.0), 3.0, 0.5)


@pytest.mark.parametrize("place", [(22.0, 19.0), (22.43, 18.61), (21.7, 19.49)])
def test_a_planted_core_comes_back(place: tuple[float, float]) -> None:
    image = 500.0 * _gauss((40, 50), *place) + 30.0
    star = fit_star(image, (22.0, 19.0), 3.6)
    assert star == pytest.approx((*place, 4.0, 500.0, 30.0), rel=1e-5)


@pytest.mark.parametrize("turn", [0.0, 0.6, np.pi / 2, 2.2])
def test_the_width_is_the_geometric_mean_whatever_the_ellipse_looks_like(turn: float) -> None:
    star = fit_star(_gauss((41, 41), 20.2, 19.7, (3.2, 5.0), turn), (20, 20), 4.0)
    assert star.fwhm == pytest.approx(4.0, rel=1e-5)
    assert (star.x, star.y) == pytest.approx((20.2, 19.7), abs=1e-5)


def test_only_the_core_is_fitted() -> None:
    image = _gauss((41, 41), 20.0, 20.0)
    away = np.hypot(*(np.indices((41, 41)) - 20))
    image[away > 4.4] = 50.0
    assert fit_star(image, (20.0, 20.0), 4.0).fwhm == pytest.approx(4.0, rel=1e-5)
    image[away > 4.2] = 50.0
    image[20, 24] = image[20, 16] = image[24, 20] = image[16, 20] = 50.0  # 4 px away: inside
    with_rim = _gauss((41, 41), 20.0, 20.0)
    with_rim[20, 24] = 0.5
    assert fit_star(with_rim, (20.0, 20.0), 4.0).fwhm != pytest.approx(4.0, rel=1e-3)


@pytest.mark.parametrize("turn", [0.0, 0.7, 2.0])
def test_a_star_is_parted_from_the_rest(turn: float) -> None:
    star = 300.0 * _gauss((41, 45), 22.3, 19.6, (3.4, 4.8), turn)
    y, x = np.indices((41, 45))
    rest = np.where(np.hypot(x - 22, y - 20) > 6, 0.1 * x, 7.0)  # no part of the fitted core
    image = star + rest
    image[20, 23] = np.nan
    core, left = without_core(image, (22.0, 20.0), 4.0)
    np.testing.assert_allclose(core, star, atol=1e-4)
    there = np.isfinite(image)
    np.testing.assert_allclose(left[there], rest[there], atol=1e-4)
    assert np.argwhere(np.isnan(left)).tolist() == [[20, 23]]


def test_too_few_good_pixels_are_no_star() -> None:
    image = _gauss((41, 41), 20, 20)
    image[np.hypot(*(np.indices((41, 41)) - 20)) > 1.0] = np.nan
    with pytest.raises(ValueError, match="5 good pixels, wanted more than 7"):
        fit_star(image, (20.0, 20.0), 4.0)


@pytest.mark.parametrize("shape", [(21, 31), (31, 21)])
def test_a_star_at_the_edge_is_refused(shape: tuple[int, int]) -> None:
    right, top = shape[1] - 1.0, shape[0] - 1.0
    for x, y in ((5.0, 10.0), (right - 5.0, 10.0), (10.0, 5.0), (10.0, top - 5.0)):
        assert fit_star(_gauss(shape, x, y), (x, y), 4.0).x == pytest.approx(x, abs=1e-6)
    for x, y in ((4.0, 10.0), (right - 4.0, 10.0), (10.0, 4.0), (10.0, top - 4.0)):
        with pytest.raises(ValueError, match="within 5 px of the image's edge"):
            fit_star(_gauss(shape, x, y), (x, y), 4.0)


@pytest.mark.parametrize("image", [-_gauss((31, 31), 15, 15), np.indices((31, 31))[0] * 1.0])
def test_what_is_no_star_is_refused(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="no star at"):
        fit_star(image, (15.0, 15.0), 4.0)


def test_a_psf_is_scaled_to_unit_flux_in_one_fwhm() -> None:
    psf = normalised(np.full((11, 15), 8.0), 4.0)
    assert psf[3, 3] == pytest.approx(4.0 / (np.pi * 16.0), rel=1e-4)
    assert psf.dtype == np.float32
    core = np.zeros((11, 15))
    core[5, 7] = 20.0  # the middle pixel alone
    assert normalised(core, 3.0)[5, 7] == 1.0
    for bad in (np.zeros((11, 11)), np.full((11, 11), np.nan), -core[:, 2:13]):
        with pytest.raises(ValueError, match="wanted more than 0"):
            normalised(bad, 3.0)


@pytest.mark.parametrize("size", [31, 63])
@pytest.mark.parametrize("fwhm", [3.0, 4.4, 7.0])
def test_half_of_the_peak_is_reached_at_half_the_width(size: int, fwhm: float) -> None:
    psf = 1e4 * _gauss((size, size), size // 2, size // 2, (fwhm, fwhm))
    assert half_maximum_width(psf) == pytest.approx(fwhm, rel=4e-3)


def test_a_second_star_does_not_widen_the_first() -> None:
    psf = _gauss((41, 41), 20, 20) + 5.0 * _gauss((41, 41), 34, 30)
    assert half_maximum_width(psf) == pytest.approx(4.0, rel=4e-3)


@pytest.mark.parametrize("psf", [np.ones((21, 21)), np.zeros((21, 21)), -_gauss((21, 21), 10, 10)])
def test_a_profile_that_never_falls_has_no_width(psf: np.ndarray) -> None:
    with pytest.raises(ValueError, match="does not fall to half its peak"):
        half_maximum_width(psf)


def test_the_search_smooths_by_the_width_of_a_star() -> None:
    """Smoothed too little a hot pixel would win, smoothed too much a wide nebula."""
    star, nebula = _gauss((61, 101), 20.0, 30.0), 0.5 * _gauss((61, 101), 70.0, 30.0, (9.42, 9.42))
    hot = np.zeros_like(star)
    hot[30, 70] = 8.0
    for other in (nebula, hot):
        assert find_star(star + other, (45.0, 30.0), 45.0, 4.0) == (20, 30)


def _quadratic(a: float, b: float, c: float) -> np.ndarray:
    y, x = np.indices((41, 41)) - 20.0
    return np.asarray(np.exp(-(a * x**2 + b * y**2 + c * x * y)))


def test_a_ridge_that_rises_away_from_its_middle_is_no_star() -> None:
    """An ellipse has 4 a b > c^2: just so, and just not."""
    star = fit_star(_quadratic(0.10, 0.10, 0.19), (20, 20), 4.0)
    assert star.fwhm == pytest.approx(2 * np.sqrt(np.log(2)) / (0.01 - 0.19**2 / 4) ** 0.25, rel=1e-4)
    for form in ((0.1, 0.1, 0.21), (0.1, 0.1, -0.21), (0.1, -0.02, 0.0), (-0.02, -0.02, 0.0)):
        with pytest.raises(ValueError, match="no star at"):
            fit_star(_quadratic(*form), (20, 20), 4.0)


def test_a_dip_is_no_star() -> None:
    with pytest.raises(ValueError, match="no star at"):
        fit_star(1.0 - 0.5 * _gauss((41, 41), 20, 20), (20, 20), 4.0)


@pytest.mark.parametrize(("right", "up"), [(1, 0), (-1, 0), (0, 1), (0, -1)])
def test_a_star_outside_of_what_is_fitted_is_not_taken(right: int, up: int) -> None:
    inside = fit_star(_gauss((41, 41), 20 + 4.8 * right, 20 + 4.8 * up, (8.0, 8.0)), (20, 20), 4.0)
    assert (inside.x, inside.y) == pytest.approx((20 + 4.8 * right, 20 + 4.8 * up), abs=1e-4)
    with pytest.raises(ValueError, match="no star at"):
        fit_star(_gauss((41, 41), 20 + 5.5 * right, 20 + 5.5 * up, (8.0, 8.0)), (20, 20), 4.0)


def test_a_faint_psf_is_scaled_all_the_same() -> None:
    assert normalised(np.full((11, 15), 1e-6), 4.0)[3, 3] == pytest.approx(4.0 / (np.pi * 16.0), rel=1e-4)


def test_the_size_of_the_numbers_does_not_matter() -> None:
    for scale in (1e-6, 1e-3, 1e6):
        star = fit_star(scale * _gauss((41, 41), 20.3, 19.8), (20, 20), 4.0)
        assert star == pytest.approx((20.3, 19.8, 4.0, scale, 0.0), rel=1e-5, abs=1e-5 * scale)
    with pytest.raises(ValueError, match="no star at"):
        fit_star(np.zeros((41, 41)), (20, 20), 4.0)


def test_seven_pixels_are_as_many_as_there_are_unknowns() -> None:
    image = _gauss((41, 41), 20, 20)
    away = np.hypot(*(np.indices((41, 41)) - 20))
    image[away > 1.0] = np.nan
    image[21, 21] = image[19, 19] = 0.8
    with pytest.raises(ValueError, match="7 good pixels, wanted more than 7"):
        fit_star(image, (20, 20), 4.0)


@pytest.mark.parametrize("shape", [(31, 51), (51, 31)])
def test_a_psf_need_not_be_square_to_have_a_width(shape: tuple[int, int]) -> None:
    psf = _gauss(shape, shape[1] // 2, shape[0] // 2)
    assert half_maximum_width(psf) == pytest.approx(4.0, rel=4e-3)


@pytest.mark.parametrize(("fwhm", "near"), [(1.8, 0.05), (2.0, 0.03), (2.3, 0.01)])
def test_a_narrow_psf_has_its_width_from_few_pixels(fwhm: float, near: float) -> None:
    assert half_maximum_width(_gauss((21, 21), 10, 10, (fwhm, fwhm))) == pytest.approx(fwhm, rel=near)
