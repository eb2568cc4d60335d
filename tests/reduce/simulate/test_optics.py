import numpy as np
import pytest
from scipy.special import j1

from reduce.simulate.instrument import FILTERS, PIXEL_MAS, Y_STRETCH
from reduce.simulate.optics import Grid, Optics, aperture_sum, lambda_over_d, make_optics
from reduce.simulate.scene import fwhm_pixels


@pytest.fixture(scope="module")
def optics() -> Optics:
    return make_optics()


def round_pupil(samples: int = 200) -> Optics:
    fine = (np.arange(samples * 5) + 0.5) / (samples * 5) - 0.5
    disc = (np.hypot(fine[:, None], fine[None, :]) < 0.5).astype(float)
    pupil = disc.reshape(samples, 5, samples, 5).mean(axis=(1, 3)).astype(np.float32)
    return Optics(pupil, (np.arange(samples) + 0.5) / samples - 0.5)


def test_lambda_over_d_of_the_documented_bands() -> None:
    assert lambda_over_d(1.593) == pytest.approx(41.07, abs=0.01)
    assert lambda_over_d(2.110) == pytest.approx(54.40, abs=0.01)


def test_round_pupil_gives_the_airy_pattern() -> None:
    u = np.linspace(0.05, 6.0, 60)
    ours = round_pupil().profile(u * lambda_over_d(1.6), 1.6)
    airy = (2 * j1(np.pi * u) / (np.pi * u)) ** 2
    np.testing.assert_allclose(ours, airy, atol=3e-4)


def test_source_lies_where_it_is_put_and_energy_is_kept(optics: Optics) -> None:
    grid = Grid(400, 430, 201, 181, (497.3, 521.8))
    shift = (61.3, -145.0)
    image = optics.psf(grid, 1.593, shift).astype(float)
    y, x = np.mgrid[grid.y0 : grid.y0 + grid.height, grid.x0 : grid.x0 + grid.width]
    weight = image * (image > 0.02)
    assert (weight * x).sum() / weight.sum() == pytest.approx(497.3 + 61.3 / PIXEL_MAS, abs=0.02)
    assert (weight * y).sum() / weight.sum() == pytest.approx(521.8 - 145.0 / PIXEL_MAS / Y_STRETCH, abs=0.02)
    assert image.sum() == pytest.approx(optics.energy(1.593), rel=0.01)
    assert image.max() <= 1.0


def test_width_grows_with_wavelength_as_real_images_do(optics: Optics) -> None:
    h2, h3 = FILTERS["DB_H23"].bands
    narrow, wide = fwhm_pixels(optics, h2), fwhm_pixels(optics, h3)
    assert wide / narrow == pytest.approx(1.667 / 1.593, rel=2e-3)
    assert narrow * PIXEL_MAS / lambda_over_d(1.593) == pytest.approx(1.17, abs=0.03)


def test_aperture_counts_covered_area() -> None:
    flat = np.ones((40, 40), dtype=np.float32)
    for diameter in (3.9, 4.1, 7.5):
        assert aperture_sum(flat, 20.3, 19.6, diameter) == pytest.approx(np.pi * diameter**2 / 4, rel=1e-4)
