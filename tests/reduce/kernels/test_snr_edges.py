"""The t statistic of Mawet et al. 2014 against a plain reading of its definition; its Gaussian equivalent."""

import numpy as np
import pytest
from scipy import ndimage, stats

from reduce.kernels.aperture import aperture_map
from reduce.kernels.snr import prepare_rings, ring_noise, significance, snr_map

_FWHM = 3.0


def _image(seed: int = 1, shape: tuple[int, int] = (31, 31)) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape) + 7.0


def _ring(
    image: np.ndarray, x: float, y: float, excluded: tuple[tuple[float, float], ...] = ()
) -> np.ndarray:
    """Values of the noise apertures on the ring of (x, y)."""
    flux = aperture_map(image, _FWHM).astype(np.float64)
    gap = np.isnan(flux)
    cx, cy = image.shape[1] // 2, image.shape[0] // 2
    radius, first = np.hypot(x - cx, y - cy), np.arctan2(y - cy, x - cx)
    number = int(np.pi / np.arcsin(_FWHM / 2 / radius) + 1e-9)
    others = [(ex, ey) for ex, ey in excluded if np.hypot(x - ex, y - ey) >= _FWHM / 2]
    values = []
    for k in range(1, number):
        angle = first + 2 * np.pi * k / number
        px, py = cx + radius * np.cos(angle), cy + radius * np.sin(angle)
        if not (0 <= px <= image.shape[1] - 1 and 0 <= py <= image.shape[0] - 1):
            continue
        touched = gap[int(py) : int(py) + 2, int(px) : int(px) + 2]
        if touched.any() or any(np.hypot(px - ex, py - ey) < _FWHM for ex, ey in others):
            continue
        filled = np.where(gap, np.median(flux[~gap]), flux)
        values.append(ndimage.map_coordinates(filled, [[py], [px]], order=3, mode="mirror")[0])
    return np.array(values)


@pytest.mark.parametrize("place", [(15.0, 20.0), (9.0, 12.0), (22.3, 15.6), (15.0, 26.0), (18.0, 4.2)])
@pytest.mark.parametrize("excluded", [(), ((8.0, 9.0), (20.5, 22.5))])
def test_the_noise_is_that_of_the_other_apertures_on_the_ring(
    place: tuple[float, float], excluded: tuple[tuple[float, float], ...]
) -> None:
    image = _image()
    image[13, 20] = np.nan
    wanted = _ring(image, *place, excluded)
    count, mean, deviation = ring_noise(prepare_rings(image, _FWHM, excluded), *place)
    assert count == len(wanted)
    assert mean == pytest.approx(wanted.mean(), rel=1e-5)
    assert deviation == pytest.approx(wanted.std(ddof=1), rel=1e-4)


def test_a_companion_that_is_tested_keeps_its_neighbours_as_noise() -> None:
    """Its place is between pixels: a neighbour on the ring of the peak pixel is closer to it than 1 FWHM."""
    image = _image()
    free = ring_noise(prepare_rings(image, _FWHM), 20.0, 15.0)
    for near in ((20.4, 15.4), (20.0, 16.49), (18.51, 15.0)):
        assert ring_noise(prepare_rings(image, _FWHM, [near]), 20.0, 15.0) == free
    for apart in ((20.0, 16.51), (18.49, 15.0)):
        assert ring_noise(prepare_rings(image, _FWHM, [apart]), 20.0, 15.0)[0] < free[0]
    both = prepare_rings(image, _FWHM, [(20.4, 15.4), (10.0, 15.0)])
    assert 0 < ring_noise(both, 20.0, 15.0)[0] < free[0]


def test_a_look_up_that_touches_a_gap_with_any_corner_is_left_out() -> None:
    rng = np.random.default_rng(8)
    image = _image(8)
    for x, y in ((9, 20), (21, 22), (20, 9), (8, 11), (15, 24)):
        image[y, x] = np.nan
    rings = prepare_rings(image, _FWHM)
    for x, y in rng.uniform(4.0, 26.0, size=(150, 2)):
        if np.hypot(x - 15, y - 15) > _FWHM:
            assert ring_noise(rings, x, y)[0] == len(_ring(image, x, y))


@pytest.mark.parametrize("shape", [(31, 21), (21, 31)])
def test_a_ring_that_leaves_the_image_is_counted_where_there_are_data(shape: tuple[int, int]) -> None:
    image = _image(2, shape)
    long = (10.0, 27.0) if shape[0] > shape[1] else (27.0, 10.0)
    wanted = _ring(image, *long)
    count, mean, deviation = ring_noise(prepare_rings(image, _FWHM), *long)
    assert 2 <= count == len(wanted) < 20
    assert (mean, deviation) == pytest.approx((wanted.mean(), wanted.std(ddof=1)), rel=1e-4)


def test_t_and_its_degrees_of_freedom_at_every_pixel() -> None:
    image, noise = _image(3, (23, 25)), _image(4, (23, 25))
    snr, dof = snr_map(image, _FWHM, noise=noise, excluded=[(14.0, 15.0)])
    flux = aperture_map(image, _FWHM)
    for x, y in ((12, 16), (7, 11), (18, 9), (12, 14), (2, 3)):
        ring = _ring(noise, x, y, ((14.0, 15.0),))
        wanted = (flux[y, x] - ring.mean()) / (ring.std(ddof=1) * np.sqrt(1 + 1 / len(ring)))
        assert snr[y, x] == pytest.approx(wanted, rel=1e-3)
        assert dof[y, x] == len(ring) - 1
    radius = np.hypot(*(np.indices(flux.shape).T - (11, 12)).T)
    assert np.isfinite(snr[(radius >= _FWHM) & (radius <= 9.0)]).all()
    assert np.isnan(snr[~np.isfinite(flux)]).all()
    np.testing.assert_array_equal(np.isfinite(snr), np.isfinite(dof))


def test_the_image_itself_gives_the_noise_unless_another_does() -> None:
    image = _image(5)
    np.testing.assert_array_equal(snr_map(image, _FWHM)[0], snr_map(image, _FWHM, noise=image)[0])
    with pytest.raises(ValueError, match=r"noise image is \(9, 9\), wanted \(31, 31\)"):
        snr_map(image, _FWHM, noise=_image(5, (9, 9)))


def test_close_to_the_star_there_is_no_statistic() -> None:
    rings = prepare_rings(_image(6), _FWHM)
    for radius, count in ((0.0, 0), (1.4999, 0), (1.5, 1), (1.7, 1), (1.75, 2), (3.0, 5)):
        found = ring_noise(rings, 15.0 + radius, 15.0)
        assert found[0] == count
        assert np.isfinite(found[1:]).all() == (count >= 2)
    snr, dof = snr_map(_image(6), _FWHM)
    assert np.isnan(snr[15, 14:17]).all()
    assert dof[15, 17] == 1.0  # 2 pixels out: three apertures, two of noise
    assert dof[15, 18] == 4.0


def test_an_image_without_scatter_has_no_statistic() -> None:
    snr, dof = snr_map(np.zeros((21, 21)), _FWHM)
    assert np.isnan(snr).all()
    assert np.isnan(dof).all()


def test_only_apertures_within_one_fwhm_of_a_companion_are_left_out() -> None:
    image = _image(7)
    number = int(np.pi / np.arcsin(_FWHM / 18.0))
    step = 2 * np.pi / number
    x, y = 15.0 + 9.0 * np.cos(step), 15.0 + 9.0 * np.sin(step)  # the first noise aperture of (24, 15)
    for away, left_out in ((0.0, 1), (2.99, 1), (3.01, 0)):
        outward = (x + away * np.cos(step), y + away * np.sin(step))
        count, *_ = ring_noise(prepare_rings(image, _FWHM, [outward]), 24.0, 15.0)
        assert count == number - 1 - left_out


@pytest.mark.parametrize("dof", [1.0, 4.0, 30.0, 200.0])
def test_significance_has_the_false_positive_fraction_of_t(dof: float) -> None:
    t = np.array([-6.0, -1.0, 0.0, 0.5, 3.0, 8.0])
    np.testing.assert_allclose(significance(t, dof), stats.norm.isf(stats.t.sf(t, dof)), atol=1e-9)


def test_significance_stays_finite_and_keeps_its_sign() -> None:
    assert 36.5 < significance(1e6, 100.0) < 38.0
    assert -38.0 < significance(-1e6, 100.0) < -36.5
    assert np.isnan(significance(np.nan, 5.0))
    assert np.isnan(significance(3.0, np.nan))
