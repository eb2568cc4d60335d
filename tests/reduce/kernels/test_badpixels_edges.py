"""Which pixels stand out, and what fills them: thresholds met exactly, surfaces returned exactly."""

import numpy as np
import pytest
from scipy import ndimage

from reduce.kernels.badpixels import noisy, plan_repair, regions, repaired, standing_out


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


def test_one_bad_pixel_takes_the_twelve_neighbour_rule() -> None:
    image = np.random.default_rng(2).normal(size=(9, 9))
    bad = np.zeros((9, 9), bool)
    bad[4, 4] = True
    sides = image[[3, 5, 4, 4], [4, 4, 3, 5]].sum()
    diagonals = image[[3, 3, 5, 5], [3, 5, 3, 5]].sum()
    beyond = image[[2, 6, 4, 4], [4, 4, 2, 6]].sum()
    image[4, 4] = np.nan
    found = repaired(image, bad, plan_repair(bad))
    assert found[4, 4] == pytest.approx((8 * sides - 2 * diagonals - beyond) / 20)
    np.testing.assert_array_equal(found[~bad], image[~bad])
    assert np.isnan(image[4, 4])


@pytest.mark.parametrize("shape", [(12, 15), (15, 12)])
def test_a_smooth_surface_comes_back(shape: tuple[int, int]) -> None:
    y, x = np.indices(shape, dtype=np.float64)
    plane = 3.0 + 0.5 * x - 0.25 * y
    cubic = 0.01 * x**3 - 0.02 * y**3 + 0.1 * x * y + x - 2.0
    bad = np.zeros(shape, bool)
    bad[3:6, 4:8] = bad[9, 8] = bad[9, 9] = True
    plan = plan_repair(bad)
    np.testing.assert_allclose(repaired(np.where(bad, 1e9, cubic), bad, plan), cubic, atol=1e-8)
    np.testing.assert_allclose(repaired(np.where(bad, np.inf, plane), bad, plan), plane, atol=1e-9)


def test_a_rim_pixel_is_filled_from_inside() -> None:
    image = np.full((7, 7), 4.0)
    bad = np.zeros((7, 7), bool)
    bad[0, 0] = bad[6, 3] = bad[2, 6] = True
    np.testing.assert_allclose(repaired(np.where(bad, np.nan, image), bad, plan_repair(bad)), 4.0)


def test_nothing_bad_is_nothing_done_and_all_bad_is_refused() -> None:
    image = np.random.default_rng(3).normal(size=(4, 5)).astype(np.float32)
    none = np.zeros((4, 5), bool)
    found = repaired(image, none, plan_repair(none))
    np.testing.assert_array_equal(found, image)
    assert found is not image
    with pytest.raises(ValueError, match="all 20 pixels are bad"):
        plan_repair(np.ones((4, 5), bool))
