from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from reduce.simulate.instrument import FILTERS, PIXEL_MAS, Y_STRETCH
from reduce.simulate.optics import Optics, aperture_sum, lambda_over_d, make_optics
from reduce.simulate.scene import (
    Trail,
    aperture_flux,
    companions_light,
    coronagraphic_star,
    fwhm_pixels,
    unocculted_star,
)
from reduce.simulate.speckles import (
    DECORRELATION_PER_S,
    Turbulence,
    Wavefront,
    coronagraph_transmission,
    halo_profile,
    static_profile,
)

H2, H3 = FILTERS["DB_H23"].bands
STAR = (485.4, 519.7)


@pytest.fixture(scope="module")
def optics() -> Optics:
    return make_optics()


def centroid(image: NDArray[np.float32], x: float, y: float, reach: int = 5) -> tuple[float, float]:
    """Centre of a Gaussian-weighted window that settles on the source."""
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    for _ in range(30):
        near = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / reach) * image
        total = near.sum()
        x, y = x + 2 * ((near * columns).sum() / total - x), y + 2 * ((near * rows).sum() / total - y)
    return float(x), float(y)


@pytest.mark.parametrize(("dx", "dy"), [(120.0, 260.5), (-200.0, 0.0), (310.0, -733.0)])
def test_companion_lies_where_anamorphism_puts_it(optics: Optics, dx: float, dy: float) -> None:
    trail = Trail(np.array([dx]), np.array([dy]), 1.0)
    image = companions_light(optics, H2, STAR, [trail], Turbulence())
    expected = STAR[0] + dx / PIXEL_MAS, STAR[1] + dy / PIXEL_MAS / Y_STRETCH
    assert centroid(image, *expected) == pytest.approx(expected, abs=0.01)


def test_companion_has_its_contrast(optics: Optics) -> None:
    width = fwhm_pixels(optics, H2)
    grid_star = (485.0, 520.0)
    trail = Trail(np.array([40 * PIXEL_MAS]), np.array([0.0]), 3e-4)
    image = companions_light(optics, H2, grid_star, [trail], Turbulence(peak=1.1))
    flux = aperture_sum(image, 525.0, 520.0, width)
    assert flux / aperture_flux(optics, H2, width) == pytest.approx(3e-4 * 1.1, rel=0.02)


def test_rotation_smears_along_the_arc_and_keeps_flux(optics: Optics) -> None:
    still = Trail(np.zeros(7), np.full(7, 800.0), 1.0)
    turn = np.radians(np.linspace(-1.5, 1.5, 7))
    moving = Trail(-800.0 * np.sin(turn), 800.0 * np.cos(turn), 1.0)
    sharp, smeared = (companions_light(optics, H2, STAR, [each], Turbulence()) for each in (still, moving))
    assert smeared.sum() == pytest.approx(sharp.sum(), rel=1e-3)
    assert smeared.max() < 0.9 * sharp.max()


def test_mask_hides_the_middle_only() -> None:
    passed = coronagraph_transmission(np.array([10.0, 92.5, 150.0, 200.0, 800.0]))
    assert passed[0] < 1e-6
    assert passed[1] == pytest.approx(0.5)
    assert passed[2:] == pytest.approx([1.0, 1.0, 1.0], abs=0.025)


@pytest.mark.parametrize("orientation", ["+", "x"])
def test_four_spots_around_the_star(optics: Optics, orientation: str) -> None:
    wavefront = Wavefront(optics, np.random.default_rng(1))
    instant = wavefront.instant(Turbulence())
    image = coronagraphic_star(optics, wavefront, instant, H2, STAR, 64.0, orientation)
    radius = 14.14 * 0.97 * lambda_over_d(1.593)
    first = 0.0 if orientation == "+" else 45.0
    places = []
    for angle in np.radians(first + 90 * np.arange(4)):
        x = STAR[0] + radius * np.cos(angle) / PIXEL_MAS
        y = STAR[1] + radius * np.sin(angle) / PIXEL_MAS / Y_STRETCH
        found = centroid(image, x, y)
        assert found == pytest.approx((x, y), abs=0.3)
        assert image[round(y), round(x)] > 1e-3
        places.append(found)
    assert np.mean(places, axis=0) == pytest.approx(STAR, abs=0.1)


def test_spots_follow_strehl_and_transparency_as_a_companion_does(optics: Optics) -> None:
    wavefront = Wavefront(optics, np.random.default_rng(1))
    instant = wavefront.instant(Turbulence())
    radius = 14.14 * 0.97 * lambda_over_d(1.593) / PIXEL_MAS

    def light(turbulence: Turbulence) -> float:
        weather = replace(instant, turbulence=turbulence)
        with_spots, without = (
            coronagraphic_star(optics, wavefront, weather, H2, STAR, 1e6, waffle) for waffle in ("+", "")
        )
        x, y = round(STAR[0] + radius), round(STAR[1])
        return aperture_sum(with_spots - without, x, y, 4.0)

    hazy = light(Turbulence(peak=0.45, clear=0.75))
    assert hazy / light(Turbulence()) == pytest.approx(0.45, rel=0.03)


def test_star_beside_the_mask_peaks_at_one(optics: Optics) -> None:
    image = unocculted_star(optics, H2, (500.0, 480.0), Turbulence(peak=0.97))
    assert image[480, 500] == image.max()
    assert image.max() == pytest.approx(0.97, rel=0.01)


def ring(image: NDArray[np.float32], scale_mas: float, u: float) -> NDArray[np.float64]:
    angle = np.linspace(0, 2 * np.pi, 240, endpoint=False)
    x = STAR[0] + u * scale_mas * np.cos(angle) / PIXEL_MAS
    y = STAR[1] + u * scale_mas * np.sin(angle) / PIXEL_MAS / Y_STRETCH
    return np.asarray(map_coordinates(image, [y, x], order=3), dtype=np.float64)


def test_speckles_scale_with_wavelength_and_hold_the_profile(optics: Optics) -> None:
    wavefront = Wavefront(optics, np.random.default_rng(5))
    instant = wavefront.instant(Turbulence())
    left, right = (coronagraphic_star(optics, wavefront, instant, band, STAR, 1e6, "") for band in (H2, H3))
    for u in (5.0, 8.0, 12.0):
        scaled = np.corrcoef(ring(left, lambda_over_d(1.593), u), ring(right, lambda_over_d(1.667), u))[0, 1]
        unscaled = np.corrcoef(ring(left, lambda_over_d(1.593), u), ring(right, lambda_over_d(1.593), u))[
            0, 1
        ]
        assert scaled > 0.97
        assert scaled > unscaled
    means = [ring(left, lambda_over_d(1.593), u).mean() for u in np.arange(7.0, 14.0, 0.5)]
    wanted = [halo_profile(np.array(u)) + static_profile(np.array(u)) for u in np.arange(7.0, 14.0, 0.5)]
    assert np.mean(means) == pytest.approx(np.mean(wanted), rel=0.15)


def test_averaging_calms_the_fast_speckles(optics: Optics) -> None:
    wavefront = Wavefront(optics, np.random.default_rng(5))
    instants = [wavefront.instant(Turbulence()) for _ in range(8)]
    scatter = []
    for dit_s in (4.0, 64.0):
        images = [
            ring(coronagraphic_star(optics, wavefront, each, H2, STAR, dit_s, ""), lambda_over_d(1.593), 18.0)
            for each in instants
        ]
        scatter.append(np.std(images, axis=0).mean())
    assert scatter[0] / scatter[1] == pytest.approx(4.0, rel=0.3)


def test_lasting_speckles_age_linearly(optics: Optics) -> None:
    wavefront = Wavefront(optics, np.random.default_rng(8))
    before = wavefront.draw()
    wavefront._now = before
    wavefront.age(1000.0)
    after = wavefront._now
    overlap = abs(np.vdot(before, after)) / np.linalg.norm(before) / np.linalg.norm(after)
    assert 1 - overlap**2 == pytest.approx(1000.0 * DECORRELATION_PER_S, rel=0.15)
    assert np.linalg.norm(after) == pytest.approx(np.linalg.norm(before), rel=0.02)
