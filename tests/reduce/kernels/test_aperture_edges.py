"""Apertures against areas and brute force; where they leave the data; how many fit on a ring."""

import numpy as np
import pytest

from reduce.kernels.aperture import aperture_flux, aperture_map, disc_weights, ring_size


def _plane(ny: int = 11, nx: int = 13) -> np.ndarray:
    y, x = np.indices((ny, nx), dtype=np.float64)
    return x + 100.0 * y


@pytest.mark.parametrize(
    ("radius", "x", "y"), [(2.0, 4.0, 4.0), (1.37, 3.8, 4.45), (0.4, 4.2, 3.9), (2.6, 3.5, 4.5)]
)
def test_the_shares_add_up_to_the_area_of_the_disc(radius: float, x: float, y: float) -> None:
    weights = disc_weights(9, radius, x, y)
    assert weights.sum() == pytest.approx(np.pi * radius**2, abs=6e-5)
    assert weights.min() == 0.0
    assert weights.max() <= 1.0 + 1e-12


def test_each_share_is_that_of_a_fine_grid_in_the_pixel() -> None:
    fine = (np.arange(9 * 100) + 0.5) / 100 - 0.5
    inside = np.hypot(fine[None] - 3.8, fine[:, None] - 4.45) < 1.87
    wanted = inside.reshape(9, 100, 9, 100).mean(axis=(1, 3))
    np.testing.assert_allclose(disc_weights(9, 1.87, 3.8, 4.45), wanted, atol=2e-3)


@pytest.mark.parametrize("fwhm", [1.0, 2.0, 3.3, 4.0, 5.0])
def test_a_sloping_image_has_area_times_the_value_at_the_centre(fwhm: float) -> None:
    for x, y in ((6.0, 5.0), (6.5, 5.0), (6.0, 4.5), (7.0, 5.0)):
        wanted = np.pi / 4 * fwhm**2 * (x + 100.0 * y)
        assert aperture_flux(_plane(), fwhm, x, y) == pytest.approx(wanted, rel=1e-4)


def test_between_pixels_each_has_its_share() -> None:
    image = np.random.default_rng(1).normal(size=(11, 13))
    for x, y in ((6.3, 4.8), (5.7, 5.4), (6.49, 5.49)):
        fine_x, fine_y = (np.arange(13 * 200) + 0.5) / 200 - 0.5, (np.arange(11 * 200) + 0.5) / 200 - 0.5
        inside = np.hypot(fine_x[None] - x, fine_y[:, None] - y) < 2.1
        share = inside.reshape(11, 200, 13, 200).mean(axis=(1, 3))
        assert aperture_flux(image, 4.2, x, y) == pytest.approx(float((share * image).sum()), abs=3e-3)


@pytest.mark.parametrize("shape", [(9, 13), (13, 9)])
def test_an_aperture_whose_square_leaves_the_image_has_no_flux(shape: tuple[int, int]) -> None:
    image, right, top = _plane(*shape), shape[1] - 1.0, shape[0] - 1.0
    for x, y in ((3.0, 4.0), (right - 3.0, 4.0), (4.0, 3.0), (4.0, top - 3.0)):
        assert np.isfinite(aperture_flux(image, 4.0, x, y))
    for x, y in ((2.0, 4.0), (right - 2.0, 4.0), (4.0, 2.0), (4.0, top - 2.0), (4.0, 40.0), (40.0, 4.0)):
        assert np.isnan(aperture_flux(image, 4.0, x, y))


def test_a_wide_aperture_is_whole() -> None:
    image = np.ones((31, 31))
    for fwhm in (7.4, 9.2, 12.6):
        assert aperture_flux(image, fwhm, 15.4, 14.7) == pytest.approx(np.pi / 4 * fwhm**2, rel=1e-4)


def test_a_gap_counts_where_the_disc_touches_it_only() -> None:
    image = _plane()
    image[5, 8] = np.nan
    assert np.isnan(aperture_flux(image, 3.1, 6.0, 5.0))
    assert np.isfinite(aperture_flux(image, 2.9, 6.0, 5.0))


def test_the_map_holds_the_flux_at_each_pixel_and_nothing_at_the_rim() -> None:
    image = np.random.default_rng(1).normal(size=(11, 13))
    for fwhm, rim in ((3.0, 1), (3.1, 2), (4.4, 2), (1.0, 0), (1.2, 1)):
        flux = aperture_map(image, fwhm)
        known = np.zeros(flux.shape, bool)
        known[rim : 11 - rim, rim : 13 - rim] = True
        np.testing.assert_array_equal(np.isfinite(flux), known)
        for x, y in ((6, 5), (4, 6)):
            assert flux[y, x] == pytest.approx(aperture_flux(image, fwhm, x, y), rel=1e-5)


def test_touching_apertures_fill_a_ring_of_their_number() -> None:
    for number in range(2, 80):
        radius = 4.3 / (2 * np.sin(np.pi / number))
        assert ring_size(radius * (1 + 1e-12), 4.3) == number
        assert ring_size(radius * 1.0001, 4.3) == number
        if number > 2:
            assert ring_size(radius * 0.9999, 4.3) == number - 1
    assert ring_size(2.1499, 4.3) == 0
    assert ring_size(2.15, 4.3) == 2
