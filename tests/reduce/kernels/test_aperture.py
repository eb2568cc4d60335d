import numpy as np
import pytest

from reduce.kernels.aperture import aperture_flux, aperture_map, disc_weights, ring_size
from tests.reduce.kernels.planted import airy, airy_flux


@pytest.mark.parametrize(("x", "y", "radius"), [(5.0, 5.0, 2.3), (4.7, 5.4, 1.1), (5.5, 5.5, 0.4)])
def test_shares_add_up_to_the_area_of_the_disc(x: float, y: float, radius: float) -> None:
    assert disc_weights(11, radius, x, y).sum() == pytest.approx(np.pi * radius**2, rel=1e-4)


def test_a_pixel_wholly_inside_counts_whole_and_one_outside_not_at_all() -> None:
    weights = disc_weights(11, 3.0, 5.0, 5.0)
    assert weights[5, 5] == pytest.approx(1.0)
    assert weights[5, 9] == 0.0
    assert np.allclose(weights, weights.T, atol=1e-4)


def test_flux_of_an_airy_pattern() -> None:
    y, x = np.mgrid[:41, :41]
    fine = airy(x - 20.3, y - 19.8, 9.0)
    assert aperture_flux(fine, 9.0, 20.3, 19.8) == pytest.approx(airy_flux(9.0), rel=5e-3)


def test_the_map_holds_the_flux_at_every_pixel() -> None:
    image = np.random.default_rng(2).normal(size=(31, 31))
    flux = aperture_map(image, 4.2)
    for x, y in ((15, 15), (10, 20), (23, 7)):
        assert flux[y, x] == pytest.approx(aperture_flux(image, 4.2, x, y), abs=1e-4)


def test_an_aperture_that_leaves_the_image_has_no_flux() -> None:
    assert np.isnan(aperture_flux(np.ones((11, 11)), 4.0, 1.0, 5.0))
    assert np.isnan(aperture_map(np.ones((11, 11)), 4.0)[5, 0])


def test_an_aperture_on_missing_data_has_no_flux() -> None:
    image = np.ones((21, 21))
    image[10, 11] = np.nan
    assert np.isnan(aperture_flux(image, 4.0, 10.0, 10.0))
    assert np.isnan(aperture_map(image, 4.0)[10, 10])
    assert aperture_flux(image, 4.0, 5.0, 10.0) == pytest.approx(np.pi * 4, rel=1e-4)


@pytest.mark.parametrize(("radius", "number"), [(0.4, 0), (0.5, 2), (1.0, 6), (2.0, 12), (3.0, 18)])
def test_apertures_side_by_side_on_a_ring(radius: float, number: int) -> None:
    """Six discs fit around one; at 2 diameters 12 (Mawet et al. 2014 count 2 pi r)."""
    assert ring_size(radius * 4.0, 4.0) == number
