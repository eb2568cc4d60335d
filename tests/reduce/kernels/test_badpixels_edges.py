"""Which pixels stand out, and what fills them: thresholds met exactly, surfaces returned exactly."""

import numpy as np
import pytest
from scipy import ndimage

from reduce.kernels.badpixels import flickering, noisy, regions, standing_out


def _field() -> np.ndarray:
    return np.random.default_rng(1).normal(100.0, 1.0, size=(21, 23))


def test_pixels_stand_out_by_robust_deviations_from_their_surroundings() -> None:
    image = _field()
    image[5, 7], image[12, 3], image[2, 2] = 130.0, 70.0, np.nan
    filled = np.where(np.isfinite(image), image, np.median(image[np.isfinite(image)]))
    away = np.abs(filled - ndimage.median_filter(filled, 5, mode="mirror"))
    level = 1.4826 * np.median(away)
    order = np.sort(away[np.isfinite(image)].ravel())
    for wanted in (2, 10, 40):
        sigma = (order[-wanted] + order[-wanted - 1]) / 2 / level
        found = standing_out(image, sigma)
        assert found.sum() == wanted + 1
        assert found[5, 7]
        assert found[12, 3]
        assert found[2, 2]


def test_the_square_can_be_wider() -> None:
    image = np.zeros((15, 15))
    image[np.indices((15, 15)).sum(axis=0) % 2 == 0] = 0.1  # so that the deviation is not 0
    image[5:8, 5:8] = 9.0
    assert not standing_out(image, 5.0, size=3)[6, 6]
    assert standing_out(image, 5.0)[6, 6]
    assert standing_out(image, 5.0, size=7)[6, 6]


def test_a_pixel_among_gaps_is_compared_with_the_images_middle() -> None:
    image = np.random.default_rng(2).normal(100.0, 1.0, size=(30, 30))
    image[:10] += 900.0  # the mean is far from the middle
    image[20:25, 20:25] = np.nan
    image[22, 22] = 100.0
    assert not standing_out(image, 8.0)[22, 22]
    image[22, 22] = 370.0
    assert standing_out(image, 8.0)[22, 22]


def test_an_image_without_data_is_all_bad() -> None:
    assert standing_out(np.full((5, 5), np.nan), 5.0).all()


def test_noise_is_judged_by_its_logarithm() -> None:
    level = np.exp(np.arange(25.0) - 12.0).reshape(5, 5)  # median 1, deviation of the logarithm 6 x 1.4826
    found = noisy(level, 1.0)
    assert found.sum() == 4  # logarithms 9, 10, 11, 12 are above 8.8956
    assert found.ravel()[-4:].all()
    assert noisy(level, 10.5 / 8.8956).sum() == 2
    assert noisy(level, 11.5 / 8.8956).sum() == 1


def test_noise_far_above_the_typical_whatever_that_is() -> None:
    rng = np.random.default_rng(4)
    logarithm = 5.0 + rng.normal(size=(11, 11)) ** 2  # median and mean differ, and are not 0
    away = logarithm - np.median(logarithm)
    spread = 1.4826 * np.median(np.abs(away))
    for sigma in (1.0, 2.0, 3.0, 4.0):
        np.testing.assert_array_equal(noisy(np.exp(logarithm), sigma), away > sigma * spread)


def test_unknown_noise_is_no_bad_noise() -> None:
    level = np.exp(np.arange(25.0) - 12.0).reshape(5, 5)
    level[0, 0], level[0, 1], level[0, 2] = np.nan, 0.0, -1.0
    found = noisy(level, 1.0)
    assert not found[0].any()
    assert found[4, 4]
    nothing = noisy(np.full((3, 4), np.nan), 1.0)
    assert nothing.shape == (3, 4)
    assert nothing.dtype == bool
    assert not nothing.any()


def test_a_region_hangs_together_by_sides() -> None:
    bad = np.zeros((8, 8), bool)
    bad[1, 1:5] = True
    bad[4, 4] = bad[5, 5] = bad[6, 6] = bad[7, 7] = True
    np.testing.assert_array_equal(regions(bad, 4), bad & (np.arange(8) == 1)[:, None])
    assert not regions(bad, 5).any()
    np.testing.assert_array_equal(regions(bad, 1), bad)


@pytest.mark.parametrize(
    ("planes", "jumps", "bad"), [(2, 1, False), (3, 1, True), (11, 1, True), (12, 1, False), (12, 2, True)]
)
def test_a_pixel_flickers_where_values_were_left_out(planes: int, jumps: int, *, bad: bool) -> None:
    kept = np.full((4, 5), planes)
    kept[2, 3] -= jumps
    found = flickering(kept, planes)
    assert found[2, 3] == bad
    assert found.sum() == int(bad)
