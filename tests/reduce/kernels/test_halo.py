"""The centre of half-turn symmetry: planted stray light whose centre is known exactly."""

import numpy as np
import pytest
from scipy import ndimage

from reduce.kernels.halo import halo_centre

_FWHM = 3.4
_RING = (12.0, 60.0)
_SIZE = 181


def _light(star: tuple[float, float], rng: np.random.Generator, lopsided: float = 0.4) -> np.ndarray:
    """A falling halo with a ring, elongated by wind, and speckles in pairs but for the lopsided part."""
    rows, columns = np.indices((_SIZE, _SIZE))
    x, y = columns - star[0], rows - star[1]
    radius = np.hypot(x, y)
    halo = 300.0 / (1 + (radius / 12.0) ** 2) * (1 + 0.3 * (x**2 - y**2) / np.maximum(radius**2, 1))
    halo += 20.0 * np.exp(-0.5 * ((radius - 45.0) / 6.0) ** 2)
    middle = _SIZE // 2
    speckles = ndimage.fourier_shift(
        np.fft.fft2(_speckles(rng, lopsided)), (star[1] - middle, star[0] - middle)
    )
    return np.asarray(halo * (0.5 + np.fft.ifft2(speckles).real) + rng.normal(size=halo.shape))


def _speckles(rng: np.random.Generator, lopsided: float) -> np.ndarray:
    """Intensity of mean 1 about the middle pixel of a field whose odd part is that much of its even part."""
    field = ndimage.gaussian_filter(rng.normal(size=(_SIZE, _SIZE)), _FWHM / 2.35, mode="wrap")
    turned = field[::-1, ::-1]
    intensity = ((field + turned) + lopsided * (field - turned)) ** 2
    return np.asarray(intensity / intensity.mean())


def test_the_centre_is_found_within_its_error() -> None:
    rng = np.random.default_rng(4)
    pulls, off = [], []
    for _ in range(10):
        star = tuple(90.0 + rng.uniform(-6, 6, 2))
        found = halo_centre(_light((star[0], star[1]), rng), (90.0, 90.0), 9, _RING, _FWHM)
        off.append((found.x - star[0], found.y - star[1]))
        pulls.append(np.array(off[-1]) / found.error)
    assert np.sqrt(np.mean(np.square(off))) < 0.15
    assert 0.7 < np.sqrt(np.mean(np.square(pulls))) < 1.3


def test_light_with_perfect_symmetry_gives_the_centre_exactly() -> None:
    rng = np.random.default_rng(5)
    found = halo_centre(_light((91.3, 87.8), rng, lopsided=0.0), (90.0, 90.0), 8, _RING, _FWHM)
    assert (found.x, found.y) == pytest.approx((91.3, 87.8), abs=0.05)
    assert found.agreement > 0.7
    assert found.error < 0.05


def test_companions_and_bad_pixels_do_not_pull() -> None:
    rng = np.random.default_rng(6)
    image = _light((88.4, 91.7), rng, lopsided=0.2)
    alone = halo_centre(image, (90.0, 90.0), 8, _RING, _FWHM)
    rows, columns = np.indices(image.shape)
    for x, y in ((120.0, 100.0), (70.0, 130.0)):
        image += 2000.0 * np.exp(-0.5 * np.hypot(columns - x, rows - y) ** 2 / 1.45**2)
    image[rng.random(image.shape) < 0.02] = np.nan
    found = halo_centre(image, (90.0, 90.0), 8, _RING, _FWHM)
    assert np.hypot(found.x - alone.x, found.y - alone.y) < 0.1
    assert np.hypot(found.x - 88.4, found.y - 91.7) < 0.3


def test_a_shifted_image_has_a_shifted_centre() -> None:
    image = _light((90.2, 89.6), np.random.default_rng(7))
    first = halo_centre(image, (90.0, 90.0), 6, _RING, _FWHM)
    moved = halo_centre(np.roll(image, (3, -4), axis=(0, 1)), (90.0, 90.0), 6, _RING, _FWHM)
    assert (moved.x - first.x, moved.y - first.y) == pytest.approx((-4.0, 3.0), abs=0.02)
    half = ndimage.shift(image, (0.5, 0.0), order=5)
    found = halo_centre(half, (90.0, 90.0), 6, _RING, _FWHM)
    assert (found.x - first.x, found.y - first.y) == pytest.approx((0.0, 0.5), abs=0.05)


@pytest.mark.parametrize("near", [(60.0, 90.0), (120.0, 90.0), (90.0, 60.0), (90.0, 120.0)])
def test_a_ring_that_leaves_the_image_is_refused(near: tuple[float, float]) -> None:
    image = np.ones((_SIZE, _SIZE))
    with pytest.raises(ValueError, match=r"ring of 60 px about .* leaves the image of \(181, 181\)"):
        halo_centre(image, near, 6, _RING, _FWHM)


def test_an_empty_image_has_no_centre() -> None:
    with pytest.raises(ValueError, match="looks the same when turned"):
        halo_centre(np.full((_SIZE, _SIZE), 7.0), (90.0, 90.0), 6, _RING, _FWHM)
