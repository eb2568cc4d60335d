"""What is no waffle spot: discs, limits and chi squared against the same done the long way."""

import numpy as np
import pytest
from scipy import optimize, special

from reduce.kernels.spot_checks import band_passed, neighbour, quiet, without_worst
from reduce.kernels.spots import spot_offsets


def test_a_neighbour_is_the_disc_about_the_brightest_of_what_is_apart() -> None:
    light = np.random.default_rng(1).uniform(size=(15, 27))
    light[4, 20], light[11, 6], light[7, 13] = 8.0, 7.0, 90.0
    rows, columns = np.indices(light.shape)
    apart = np.hypot(rows - 7, columns - 13) > 3.0
    apart[4, 21] = False
    found = neighbour(light, apart, 7.5, 2.5)
    assert found is not None
    np.testing.assert_array_equal(found, apart & (np.hypot(rows - 4, columns - 20) <= 3.0))
    assert neighbour(light, apart, 8.0, 2.5) is None


def test_a_point_comes_out_as_the_difference_of_two_gaussians() -> None:
    image, width = np.zeros((81, 91)), 2.0
    image[40, 45] = 100.0
    found = band_passed(image, np.ones(image.shape, bool), width)
    for off in (0, 2, 5, 9):
        wanted = [
            100.0 * np.exp(-0.5 * (off / sigma) ** 2) / (2 * np.pi * sigma**2) for sigma in (width, 4 * width)
        ]
        assert found[40, 45 + off] == pytest.approx(wanted[0] - wanted[1], abs=0.01)
        assert found[40 - off, 45] == pytest.approx(found[40, 45 + off])


def test_far_within_what_is_not_known_a_tenth_of_the_weight_is_the_least() -> None:
    known = np.ones((61, 121), bool)
    known[:, 60:] = False
    found = band_passed(np.where(known, 7.0, 1e6), known, 2.0)[30]
    np.testing.assert_allclose(found[:55], 0.0, atol=1e-3)
    for column in (63, 64, 66):
        near, far = (special.ndtr((59.5 - column) / sigma) for sigma in (2.0, 8.0))
        assert found[column] == pytest.approx(7.0 * (min(near / 0.1, 1.0) - min(far / 0.1, 1.0)), abs=0.2)


@pytest.mark.parametrize(("times", "kept"), [(3.9, True), (4.1, False)])
@pytest.mark.parametrize("count", [3, 4])
def test_four_times_the_usual_variance_is_loud(times: float, kept: bool, count: int) -> None:  # noqa: FBT001
    pattern = np.random.default_rng(2).normal(size=(9, 7))
    pattern = (pattern - pattern.mean()) / pattern.std()
    blanks = np.array([5.0 + pattern, -pattern, 2.0 + np.sqrt(times) * pattern, 1.0 + pattern])[:count]
    assert len(quiet(blanks)) == count - (not kept)
    assert len(quiet(blanks[1:3])) == 2


def _chi_squared(places: np.ndarray, covariances: np.ndarray, offsets: np.ndarray, left_out: int) -> float:
    """The best pattern, moved, turned and stretched, found by search."""
    radius = np.hypot(*offsets.T).mean()
    whole = covariances + (0.004 * radius) ** 2 * np.eye(2)
    used = [spot for spot in range(4) if spot != left_out]

    def off(p: np.ndarray) -> np.ndarray:
        made = p[:2] + offsets @ np.array([[p[2], p[3]], [-p[3], p[2]]])
        roots = [np.linalg.inv(np.linalg.cholesky(whole[spot])) for spot in used]
        return np.concatenate(
            [root @ (places[spot] - made[spot]) for root, spot in zip(roots, used, strict=True)]
        )

    return float(2.0 * optimize.least_squares(off, [*places.mean(axis=0), 1.0, 0.0]).cost)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("orientation", ["+", "x"])
def test_the_spot_left_out_is_that_whose_absence_fits_best(seed: int, orientation: str) -> None:
    rng = np.random.default_rng(seed)
    offsets = spot_offsets(60.0, orientation)
    roots = rng.normal(size=(4, 2, 2)) * 0.2
    covariances = roots @ roots.transpose(0, 2, 1) + 0.01 * np.eye(2)
    places = offsets + np.array([80.3, 79.6]) + rng.normal(size=(4, 2))
    wanted = [_chi_squared(places, covariances, offsets, spot) for spot in range(4)]
    best = int(np.argmin(wanted))
    found = without_worst(places, covariances, offsets, np.zeros(4, bool))
    assert found.left_out == best
    assert found.mismatch == pytest.approx(wanted[best], rel=1e-4)
    assert found.rival == pytest.approx(min(wanted[best - 1], wanted[(best + 1) % 4]), rel=1e-4)
    for suspect in range(4):
        told = without_worst(places, covariances, offsets, np.arange(4) == suspect)
        assert told.left_out == suspect
        assert told.mismatch == pytest.approx(wanted[suspect], rel=1e-4)
        assert told.rival == np.inf
    both = without_worst(places, covariances, offsets, np.array([True, True, False, False]))
    assert both == found
