import numpy as np
import pytest
from scipy import ndimage, stats

from reduce.kernels.aperture import aperture_flux, ring_size
from reduce.kernels.snr import prepare_rings, ring_noise, significance, snr_map

_FWHM = 4.6


def _noise(seed: int, size: int = 201) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(size, size))
    return np.asarray(ndimage.gaussian_filter(noise, 1.9))


def _by_hand(image: np.ndarray, x: int, y: int) -> float:
    """Eq. 9 of Mawet et al. 2014 with apertures summed one by one."""
    middle = image.shape[0] // 2
    radius = np.hypot(x - middle, y - middle)
    number = ring_size(radius, _FWHM)
    angles = np.arctan2(y - middle, x - middle) + 2 * np.pi * np.arange(number) / number
    flux = np.array(
        [
            aperture_flux(image, _FWHM, middle + radius * np.cos(a), middle + radius * np.sin(a))
            for a in angles
        ]
    )
    others = flux[1:]
    return float((flux[0] - others.mean()) / (others.std(ddof=1) * np.sqrt(1 + 1 / others.size)))


@pytest.mark.parametrize(("x", "y"), [(111, 100), (100, 80), (150, 130), (60, 70), (104, 109)])
def test_the_map_is_equation_9(x: int, y: int) -> None:
    snr, dof = snr_map(_noise(1), _FWHM)
    assert snr[y, x] == pytest.approx(_by_hand(_noise(1), x, y), abs=0.02)
    assert dof[y, x] == ring_size(np.hypot(x - 100, y - 100), _FWHM) - 2


def test_scale_and_offset_of_the_image_do_not_matter_and_the_sign_does() -> None:
    image = _noise(2, 101)
    snr, _ = snr_map(image, _FWHM)
    inside = np.isfinite(snr)
    assert np.max(np.abs(snr_map(3.0 * image + 7.0, _FWHM)[0] - snr)[inside]) <= 2e-3
    assert np.max(np.abs(snr_map(-image, _FWHM)[0] + snr)[inside]) <= 2e-3


def test_gaussian_noise_gives_students_distribution() -> None:
    """Std of the Gaussian equivalent 1 within 3 %, 3 sigma false alarms 1.35e-3 within Poisson."""
    far: list[float] = []
    for seed in range(6):
        z = significance(*snr_map(_noise(10 + seed), _FWHM))
        y, x = np.indices(z.shape)
        ring = (np.hypot(x - 100, y - 100) > 2 * _FWHM) & np.isfinite(z)
        far += z[ring].tolist()
    assert np.std(far) == pytest.approx(1.0, abs=0.03)
    independent = len(far) / (np.pi * _FWHM**2 / 4)
    expected = 1.35e-3 * independent
    found = np.mean(np.array(far) > 3) * independent
    assert abs(found - expected) <= 3 * np.sqrt(expected)


def test_five_sigma_is_the_tail_of_the_t_distribution() -> None:
    """At 2 FWHM (N = 12, 10 degrees of freedom) 5 sigma needs t = 11.7 (Mawet et al. 2014)."""
    threshold = stats.t.isf(2.867e-7, 10)
    assert threshold == pytest.approx(11.0, abs=0.8)
    assert float(significance(threshold, 10.0)) == pytest.approx(5.0, abs=1e-3)
    assert float(significance(5.0, 10.0)) == pytest.approx(stats.norm.isf(stats.t.sf(5.0, 10)), abs=1e-9)


def test_significance_is_odd_and_keeps_gaps() -> None:
    assert float(significance(-4.0, 9.0)) == pytest.approx(-float(significance(4.0, 9.0)))
    assert np.isnan(significance(np.nan, 9.0))
    assert np.isfinite(significance(1e4, 300.0))


def test_known_companions_are_no_noise() -> None:
    image = _noise(3, 101)
    image[80:83, 49:52] += 50.0
    x, y = 50, 19
    plain, more = snr_map(image, _FWHM)
    clean, fewer = snr_map(image, _FWHM, excluded=[(50.0, 81.0)])
    assert abs(plain[y, x]) < abs(clean[y, x]) + 5
    assert fewer[y, x] < more[y, x]
    rings = prepare_rings(image, _FWHM, [(50.0, 81.0)])
    assert ring_noise(rings, x, y)[2] < ring_noise(prepare_rings(image, _FWHM), x, y)[2] / 3


def test_noise_may_come_from_another_image() -> None:
    image = _noise(4, 101)
    bright = image.copy()
    bright[79:84, 48:53] += 1.0
    assert snr_map(bright, _FWHM, noise=image)[0][81, 50] > snr_map(image, _FWHM)[0][81, 50] + 5
    with pytest.raises(ValueError, match="noise image is"):
        snr_map(bright, _FWHM, noise=image[:51, :51])


def test_too_near_the_star_nothing_is_said() -> None:
    snr, dof = snr_map(_noise(5, 51), _FWHM)
    assert np.isnan(snr[25, 25])
    assert np.isnan(snr[25, 27])  # 2 px: two apertures at most
    assert np.isnan(dof[25, 25])
