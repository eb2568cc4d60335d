"""Parts of the fit of the spots: model, errors, speckles, the star amid; against sums done the long way."""

import numpy as np
import pytest
from scipy import ndimage, optimize

from reduce.kernels.spot_fit import Fit, speckle_level
from reduce.kernels.spots import (
    Spots,
    _blank_cut,
    _Box,
    _middle,
    coarse_centre,
    fit_spots,
    spot_offsets,
)

_FWHM = 4.0


def _spot(
    shape: tuple[int, int],
    place: tuple[float, float],
    outward: tuple[float, float],
    widths: tuple[float, float],
) -> np.ndarray:
    rows, columns = np.indices(shape)
    x, y = columns - place[0], rows - place[1]
    along, across = outward[0] * x + outward[1] * y, outward[0] * y - outward[1] * x
    return np.asarray(np.exp(-0.5 * ((along / widths[0]) ** 2 + (across / widths[1]) ** 2)))


@pytest.mark.parametrize("spread", [0.0, 0.1, 6.0])
def test_the_model_is_a_gaussian_drawn_out_evenly_along_the_radius(spread: float) -> None:
    box = _Box(np.zeros((3, 3)), (0, 0), (0.6, 0.8), 1, 1.7, spread)
    y, x = np.mgrid[-9:10, -9:10]
    p = np.array([1.0, 0.4, -0.7, 2.1, 1.5, 0.0, 0.0, 0.0])
    parts = (np.arange(101) + 0.5) / 101 - 0.5
    wanted = np.mean(
        [
            _spot((19, 19), (9.4 + 0.6 * part * spread, 8.3 + 0.8 * part * spread), (0.6, 0.8), (2.1, 1.5))
            for part in parts
        ],
        axis=0,
    )
    middle = np.mean([np.exp(-0.5 * (part * spread / 2.1) ** 2) for part in parts])
    np.testing.assert_allclose(box._shape(p, x, y), wanted / middle, atol=2e-3)


def _fitted(image: np.ndarray, place: tuple[float, float], spread: float = 0.0) -> Fit:
    return _Box.around(image, place, (30.0, 40.0), _FWHM, spread).fitted()


def test_a_fit_gives_back_the_spot_that_was_put_in() -> None:
    rng = np.random.default_rng(1)
    spot = 50.0 * _spot((41, 45), (22.3, 19.6), (0.6, 0.8), (2.4, 1.6))
    rows, columns = np.indices(spot.shape)
    found = _fitted(spot + 7.0 + 0.2 * columns - 0.1 * rows + 0.5 * rng.normal(size=spot.shape), (22.0, 20.0))
    assert found.place == pytest.approx((22.3, 19.6), abs=0.05)
    assert found.peak == pytest.approx(50.0, rel=0.03)
    assert found.width == pytest.approx(1.6, rel=0.03)
    assert found.side == 21
    assert found.white == pytest.approx(0.25, rel=0.15)
    field = np.sqrt(_spot((21, 21), (10.3, 9.6), (0.6, 0.8), (2.4, 1.6)))
    np.testing.assert_allclose(found.field.reshape(21, 21), field, atol=0.02)


def test_the_solution_is_how_pixels_move_the_spot() -> None:
    """A little light in one pixel moves peak and place as the rows of `solve` say."""
    spot = 50.0 * _spot((41, 45), (22.3, 19.6), (0.6, 0.8), (2.4, 1.6))
    first = _fitted(spot, (22.0, 20.0))
    for row, column in ((19, 24), (17, 21), (25, 20)):
        more = spot.copy()
        more[row, column] += 0.01
        second = _fitted(more, (22.0, 20.0))
        moved = [second.peak - first.peak, *(b - a for a, b in zip(first.place, second.place, strict=True))]
        pixel = (row - 10) * 21 + column - 12
        assert moved == pytest.approx((0.01 * first.solve[:3, pixel]).tolist(), rel=0.02, abs=1e-7)


def test_a_bad_pixel_has_no_share_in_the_solution() -> None:
    spot = 50.0 * _spot((41, 45), (22.3, 19.6), (0.6, 0.8), (2.4, 1.6))
    spot[18, 23] = np.nan
    found = _fitted(spot, (22.0, 20.0))
    assert found.place == pytest.approx((22.3, 19.6), abs=1e-4)
    assert np.all(found.solve[:, (18 - 10) * 21 + 23 - 12] == 0.0)


@pytest.mark.parametrize("spread", [0.0, 5.0])
def test_interference_is_the_sum_over_all_pairs_of_pixels(spread: float) -> None:
    rng, side, width, peak, speckle = np.random.default_rng(2), 19, 1.4, 300.0, 2.5
    solve, field = rng.normal(size=(8, side * side)), rng.uniform(size=side * side)
    fit = Fit((0.0, 0.0), solve, 0.0, peak, field, side, width, spread)
    y, x = (part.ravel() for part in np.indices((side, side)))
    apart = (x[:, None] - x) ** 2 + (y[:, None] - y) ** 2
    weights = solve[[1, 2]] * field
    colours = 1.0 + spread / (2.3548 * width)
    wanted = 2 * peak * speckle / colours * weights @ np.exp(-apart / (8 * width**2)) @ weights.T
    np.testing.assert_allclose(fit._interference(speckle), wanted, atol=0.01 * wanted.max())


def test_without_blank_places_the_errors_are_those_of_the_residuals() -> None:
    solve = np.zeros((8, 9))
    solve[1, :4], solve[2, 4:] = 0.5, 0.1
    fit = Fit((0.0, 0.0), solve, 4.0, 1.0, np.ones(9), 3, 1.0, 0.0)
    np.testing.assert_allclose(fit.covariance(np.empty(0)), [[4.0, 0.0], [0.0, 0.2]])
    flat = fit.covariance(np.zeros((5, 3, 3)))
    np.testing.assert_allclose(flat, [[4.0, 0.0], [0.0, 0.2]])
    loud = 10.0 * np.tile(np.eye(3), (5, 1, 1))
    rows = (loud[0].ravel() * solve[1:3]).sum(axis=1) ** 2
    np.testing.assert_allclose(
        np.diag(fit.covariance(loud) - fit._interference(speckle_level(loud, 1.0))), rows
    )


def test_speckles_are_told_from_the_noise_of_pixels() -> None:
    """Fields of mean intensity 3 that are coherent over exp(-d^2 / 8 w^2), on a slope, in white noise."""
    rng, width, side = np.random.default_rng(3), 1.5, 21
    cuts = []
    for _ in range(12):
        field = rng.normal(size=(2, 240, 240))
        smooth = np.array([ndimage.gaussian_filter(part, np.sqrt(2) * width, mode="wrap") for part in field])
        light = (smooth**2).sum(axis=0)
        light *= 3.0 / light.mean()
        light += 0.3 * np.arange(240) + rng.normal(size=light.shape)
        cuts += [light[r : r + side, c : c + side] for r in range(0, 210, 30) for c in range(0, 210, 30)]
    assert speckle_level(np.array(cuts), width) == pytest.approx(3.0, rel=0.1)
    quiet = rng.normal(size=(500, side, side))
    assert speckle_level(quiet, width) < 0.2
    y, x = np.mgrid[-1 : 1 : 1j * side, -1 : 1 : 1j * side]
    for surface in (x**2, y**2, x * y, x, y):
        assert speckle_level(quiet + 20.0 * surface, width) < 0.2


def test_the_star_amid_weighs_each_spot_by_its_errors() -> None:
    """Two pairs of opposite spots: each pair's middle is the star, weighted along each direction."""
    star = np.array([5.0, -3.0])
    arms = np.array([[10.0, 1.0], [-2.0, 11.0]])
    exact = np.array([star + arms[0], star + arms[1], star - arms[0], star - arms[1]])
    errors = np.array([[0.1, 0.2], [0.3, 0.1], [0.1, 0.4], [0.3, 0.2]])
    covariances = np.array([np.diag(each**2) for each in errors])
    found, covariance, mismatch = _middle(exact, covariances)
    np.testing.assert_allclose(found, star, atol=1e-9)
    pairs = [(errors[k] ** 2 + errors[k + 2] ** 2) / 4 for k in (0, 1)]
    wanted = 1 / (1 / pairs[0] + 1 / pairs[1])
    np.testing.assert_allclose(np.diag(covariance), wanted, rtol=1e-6)
    assert mismatch < 1e-9
    off = np.array([0.4, -0.6])
    moved, _, crooked = _middle(exact + np.array([off, [0, 0], off, [0, 0]]), covariances)
    np.testing.assert_allclose(moved - star, off * wanted / pairs[0], rtol=1e-6)
    assert crooked == pytest.approx((off**2 / (pairs[0] + pairs[1])).sum(), rel=1e-6)


@pytest.mark.parametrize(("mismatch", "factor"), [(9.0, 1.0), (9.4, np.sqrt(4.7))])
def test_the_error_grows_with_the_mismatch_where_that_is_no_accident(mismatch: float, factor: float) -> None:
    """One spot is pushed outwards until the four are that far from being opposite."""
    offsets = spot_offsets(44.0, "+")
    noise = np.random.default_rng(4).normal(size=(131, 131))

    def seen(push: float) -> Spots:
        image = noise.copy()
        for number, (dx, dy) in enumerate(offsets):
            place = (65.0 + dx + (push if number == 0 else 0.0), 65.0 + dy)
            image += 300.0 * _spot((131, 131), place, (1.0, 0.0), (1.7, 1.7))
        return fit_spots(image, offsets, (65.0, 65.0), _FWHM)

    pushed = seen(float(optimize.brentq(lambda push: seen(push).mismatch - mismatch, 0.0, 0.2, xtol=1e-5)))
    assert pushed.mismatch == pytest.approx(mismatch, abs=0.15)
    assert pushed.error == pytest.approx(seen(0.0).error * factor, rel=0.05)


def _with_speckles() -> tuple[np.ndarray, np.ndarray]:
    offsets = spot_offsets(40.0, "x")
    image = 9.0 * ndimage.gaussian_filter(np.random.default_rng(5).normal(size=(131, 131)), 1.5) ** 2 * 28
    for dx, dy in offsets:
        image += 100.0 * _spot((131, 131), (65.2 + dx, 64.9 + dy), (1.0, 0.0), (1.7, 1.7))
    return image, offsets


def test_no_colours_means_no_spread() -> None:
    image, offsets = _with_speckles()
    plain = fit_spots(image, offsets, (65.0, 65.0), _FWHM)
    told = fit_spots(image, offsets, (65.0, 65.0), _FWHM, 0.0)
    assert (plain.x, plain.y, plain.error) == (told.x, told.y, told.error)


def test_the_error_of_a_spot_is_the_mean_of_its_axes() -> None:
    image, offsets = _with_speckles()
    found = fit_spots(image, offsets, (65.0, 65.0), _FWHM)
    blanks = [cut for offset in offsets for cut in _blank_cut(image, (65.0, 65.0), offset, 10)]
    assert len(blanks) == 4
    for (dx, dy), error in zip(offsets, found.place_errors, strict=True):
        fit = _Box.around(image, (65.0 + dx, 65.0 + dy), (dx, dy), _FWHM, 0.0).fitted()
        covariance = fit.covariance(np.array(blanks))
        assert error == pytest.approx(np.sqrt((covariance[0, 0] + covariance[1, 1]) / 2))


@pytest.mark.parametrize(("radius", "there"), [(26.0, False), (26.2, True)])
def test_blank_places_are_free_of_spots(radius: float, there: bool) -> None:  # noqa: FBT001
    """Half-way to the next spot: as far off as two squares of 21 px need."""
    image = np.zeros((131, 131))
    image[65 + 18 : 65 + 19, 65 + 18 : 65 + 19] = 9.0
    cuts = _blank_cut(image, (65.0, 65.0), np.array([radius, 0.0]), 10)
    assert len(cuts) == there
    if there:
        assert cuts[0].shape == (21, 21)
        turned = radius / np.sqrt(2.0)
        assert cuts[0][10 + 18 - round(turned), 10 + 18 - round(turned)] == 9.0


def test_blank_places_must_be_whole_and_known() -> None:
    image = np.full((131, 131), 4.0)
    image[:, 90] = np.nan
    offset = np.array([0.0, -36.0])  # turned by 45 degrees: (25.5, -25.5)
    (cut,) = _blank_cut(image, (65.0, 65.0), offset, 12)
    assert np.all(cut == 4.0)
    assert _blank_cut(image, (93.0, 65.0), offset, 12) != []
    assert _blank_cut(image, (94.0, 65.0), offset, 12) == []
    assert _blank_cut(image, (65.0, 37.0), offset, 12) != []
    assert _blank_cut(image, (65.0, 36.0), offset, 12) == []
    assert _blank_cut(np.full((131, 131), np.nan), (65.0, 65.0), offset, 12) == []


def test_spots_that_stand_obliquely_are_found_where_they_stand() -> None:
    turn = np.radians(20.0)
    offsets = spot_offsets(35.0, "+") @ np.array(
        [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]
    )
    image = np.zeros((121, 131))
    for dx, dy in offsets:
        image += 100.0 * _spot((121, 131), (68.0 + dx, 57.0 + dy), (1.0, 0.0), (1.7, 1.7))
    found = coarse_centre(image, offsets, (65.0, 60.0), 8, _FWHM)
    assert (found.x, found.y) == (68.0, 57.0)


@pytest.mark.parametrize(("spread", "reach"), [(0.0, 10), (6.0, 13), (6.1, 14)])
def test_the_square_reaches_past_the_ends_of_the_band(spread: float, reach: int) -> None:
    """2.5 widths beyond the shortest and the longest wavelength's place."""
    image = np.arange(61.0 * 71).reshape(61, 71)
    box = _Box.around(image, (33.4, 29.6), (3.0, 4.0), _FWHM, spread)
    assert box.reach == reach
    assert box.corner == (33, 30)
    assert box.cut[reach, reach] == image[30, 33]
    assert box.outward == pytest.approx((0.6, 0.8))


def test_what_is_apart_lies_further_than_a_width_from_the_drawn_out_spot() -> None:
    """Distances from the line over which the band draws the spot out, in steps along it."""
    box = _Box(np.zeros((25, 25)), (0, 0), (0.6, 0.8), 12, _FWHM / 2.3548200450309493, 6.0)
    y, x = np.mgrid[-12:13, -12:13]
    steps = np.linspace(-3.0, 3.0, 601)
    place = (1.3, -2.2)
    away = np.min([np.hypot(x - place[0] - 0.6 * s, y - place[1] - 0.8 * s) for s in steps], axis=0)
    clear = np.abs(away - _FWHM) > 1e-3
    np.testing.assert_array_equal(box._apart(place)[clear], (away > _FWHM)[clear])
