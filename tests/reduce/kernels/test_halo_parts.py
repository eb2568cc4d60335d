"""Parts of the halo's centre: flattening, coarse search, agreement wedge by wedge, its peak, its error."""

import numpy as np
import pytest
from scipy import ndimage, optimize, special

from reduce.kernels.halo import _coarse, _flattened, _peak, _refined, halo_centre

_WIDTH = 1.7  # standard deviation of a speckle, px
_FWHM = 2.3548200450309493 * _WIDTH


def _even(shape: tuple[int, int], centre: tuple[float, float], seed: int) -> np.ndarray:
    """Noise that is the same when turned by half a turn about (x, y), a multiple of half a pixel."""
    noise = np.random.default_rng(seed).normal(size=shape)
    rows, columns = np.indices(shape)
    row, column = round(2 * centre[1]) - rows, round(2 * centre[0]) - columns
    there = (row >= 0) & (column >= 0) & (row < shape[0]) & (column < shape[1])
    turned = noise[np.where(there, row, 0), np.where(there, column, 0)]
    return np.where(there, (noise + turned) / np.sqrt(2.0), noise)


def test_a_pedestal_is_gone_also_beside_bad_pixels_which_are_nothing() -> None:
    image = np.full((60, 70), 5000.0)
    image[np.random.default_rng(1).random(image.shape) < 0.3] = np.nan
    image[20:30, 30:40] = np.nan
    rough = image + np.random.default_rng(2).normal(size=image.shape)
    flat = _flattened(rough, _FWHM)
    assert np.all(flat[np.isnan(image)] == 0.0)
    assert flat[np.isfinite(image)].std() == pytest.approx(1.0, abs=0.2)
    np.testing.assert_allclose(_flattened(7.0 * rough - 300.0, _FWHM), flat, atol=1e-6)


def test_what_is_passed_lies_between_half_a_speckle_and_two_and_a_half() -> None:
    """Two waves come out in the proportion of the two Gaussians' transfer functions."""
    shape, waves = (240, 240), (6.0, 24.0)
    x = np.arange(240)
    image = np.tile(sum(np.cos(2 * np.pi * x / wave) for wave in waves), (240, 1))
    inner = _flattened(image, _FWHM)[120, 48:192]
    seen = [abs(np.exp(-2j * np.pi * np.arange(144) / wave) @ inner) for wave in waves]
    passed = [
        np.exp(-2 * (np.pi * 0.5 * _WIDTH / wave) ** 2) - np.exp(-2 * (np.pi * 2.5 * _WIDTH / wave) ** 2)
        for wave in waves
    ]
    assert seen[0] / seen[1] == pytest.approx(passed[0] / passed[1], rel=0.01)
    assert shape == image.shape


def test_the_light_is_taken_over_its_spread_six_speckles_about() -> None:
    """Stripes ten times as strong to the right: near the step the faint ones are measured by the strong."""
    stripes = np.where(np.arange(200) // 2 % 2, 1.0, -1.0)[:, None]
    image = np.where(np.arange(240) < 120, 1.0, 10.0) * stripes
    flat = np.sqrt((_flattened(image, _FWHM)[60:140] ** 2).mean(axis=0))
    far, near = flat[20], flat[104]
    beyond = special.ndtr(-(119.5 - 104) / (6.0 * _WIDTH))
    assert far == pytest.approx(1.0, abs=1e-3)
    assert near == pytest.approx(1 / np.sqrt(1 - beyond + 100 * beyond), rel=0.04)


def test_nothing_counts_for_more_than_three_spreads() -> None:
    image = np.random.default_rng(3).normal(size=(80, 80))
    image[40, 40], image[20, 60] = 1e5, -1e5
    flat = _flattened(image, _FWHM)
    assert (flat.max(), flat.min()) == (3.0, -3.0)
    assert flat[40, 40] == 3.0


@pytest.mark.parametrize(
    "centre", [(48.0, 35.0), (48.0, 45.0), (58.0, 35.0), (51.5, 43.5), (58.0, 45.0), (49.0, 38.5)]
)
def test_the_half_pixel_of_the_centre_is_found_anywhere_in_reach(centre: tuple[float, float]) -> None:
    flat = _even((80, 110), centre, 4)
    rows, columns = np.indices(flat.shape)
    hole = np.hypot(columns - 53, rows - 40) < 5
    flat[hole] = 40.0 * np.random.default_rng(5).normal(size=int(hole.sum()))  # the mask is not compared
    assert _coarse(flat, (52.8, 40.3), 5, (11.0, 24.0)) == centre


@pytest.mark.parametrize("centre", [(58.5, 40.0), (47.5, 40.0), (53.0, 45.5), (53.0, 34.5), (61.0, 42.0)])
def test_half_a_pixel_out_of_reach_is_out_of_reach(centre: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"nothing within 5 px of \(53.0, 40.0\) looks the same"):
        _coarse(_even((80, 110), centre, 4), (53.0, 40.0), 5, (11.0, 24.0))


def _agreements(flat: np.ndarray, near: tuple[int, int], reach: int, ring: tuple[float, float]) -> np.ndarray:
    """Image times itself turned about every half pixel in reach, the long way."""
    rows, columns = np.indices(flat.shape)
    x, y = columns - near[0], rows - near[1]
    half = int(ring[1]) + reach
    used = flat * ((np.maximum(abs(x), abs(y)) <= half) & (np.hypot(x, y) >= ring[0] - reach))
    padded = np.pad(used, 60)
    found = []
    for dy in range(-2 * reach, 2 * reach + 1):
        for dx in range(-2 * reach, 2 * reach + 1):
            turned = np.roll(
                padded[::-1, ::-1], (2 * (near[1] + 60) + dy + 1, 2 * (near[0] + 60) + dx + 1), (0, 1)
            )
            found.append((padded * turned).sum())
    return np.array(found)


@pytest.mark.parametrize(("sigmas", "enough"), [(6.3, False), (6.7, True)])
def test_the_best_place_must_stand_out_by_six_and_a_half(sigmas: float, enough: bool) -> None:  # noqa: FBT001
    noise, even = 0.4 + np.random.default_rng(6).normal(size=(64, 70)), _even((64, 70), (36.0, 30.5), 7)

    def stands_out(part: float) -> float:
        values = _agreements(noise + part * even, (35, 31), 3, (8.0, 20.0))
        spread = 1.4826 * np.median(np.abs(values - np.median(values)))
        return float((values.max() - np.median(values)) / spread)

    part = float(optimize.brentq(lambda part: stands_out(part) - sigmas, 0.15, 1.5, xtol=1e-3))
    flat = noise + part * even
    if enough:
        assert _coarse(flat, (35.0, 31.0), 3, (8.0, 20.0)) == (36.0, 30.5)
    else:
        with pytest.raises(ValueError, match="nothing within 3 px"):
            _coarse(flat, (35.0, 31.0), 3, (8.0, 20.0))


@pytest.mark.parametrize("centre", [(30.0, 41.0), (30.5, 41.0), (31.0, 40.5), (29.5, 41.5)])
def test_a_perfect_symmetry_agrees_wholly_in_every_wedge(centre: tuple[float, float]) -> None:
    flat = ndimage.gaussian_filter(_even((85, 75), centre, 8), 1.2)
    places, agreement = _refined(flat, np.array(centre) + np.array([0.2, -0.2]), (5.0, 20.0))
    assert agreement == pytest.approx(1.0, abs=0.05)
    np.testing.assert_allclose(places, np.tile(centre, (9, 1)), atol=0.06)


def test_each_wedge_is_left_out_in_turn_with_its_opposite() -> None:
    """Sums pixel by pixel; x and y, ring and wedges as they are defined."""
    flat = ndimage.gaussian_filter(np.random.default_rng(9).normal(size=(50, 60)), 1.0)
    place, ring = (47.2, 22.9), (4.0, 9.5)
    flat += 3.0 * ndimage.gaussian_filter(_even((50, 60), (47.0, 23.0), 10), 1.0)
    sums, power = np.zeros((8, 7, 7)), 0.0
    twice = (94, 46)
    for row in range(5, 45):
        for column in range(35, 60):
            x, y = column - place[0], row - place[1]
            if ring[0] <= np.hypot(x, y) <= ring[1]:
                wedge = int(np.degrees(np.arctan2(y, x)) % 180.0 // 22.5)
                power += flat[row, column] ** 2
                for dy in range(-3, 4):
                    for dx in range(-3, 4):
                        there = flat[twice[1] + dy - row, twice[0] + dx - column]
                        sums[wedge, dy + 3, dx + 3] += flat[row, column] * there
    whole, steps = sums.sum(axis=0), np.arange(-3, 4)
    wanted = [_peak(each, steps) for each in (whole, *(whole - part for part in sums))]
    places, agreement = _refined(flat, np.array(place), ring)
    np.testing.assert_allclose(places, (np.array(twice) + np.array(wanted)) / 2.0, atol=1e-4)
    assert agreement == pytest.approx(whole.max() / power, rel=1e-9)


def test_nothing_agrees_with_nothing_and_faint_light_as_well_as_bright() -> None:
    with pytest.raises(ValueError, match="looks the same when turned by half a turn"):
        _refined(np.zeros((50, 60)), np.array([30.0, 25.0]), (4.0, 9.5))
    flat = ndimage.gaussian_filter(_even((50, 60), (30.0, 25.0), 13), 1.2)
    (bright, one), (faint, other) = (
        _refined(scale * flat, np.array([30.0, 25.0]), (4.0, 15.0)) for scale in (1.0, 1e-4)
    )
    np.testing.assert_allclose(bright, faint, atol=1e-6)
    assert one == pytest.approx(other)


@pytest.mark.parametrize(
    ("form", "base"),
    [((0.3, 0.1, 0.0), 0.0), ((1.8, 0.4, 0.9), 0.5), ((0.3, 1.7, -0.8), 2.0), ((1.5, 1.6, -1.6), -0.3)],
)
@pytest.mark.parametrize("place", [(0.3, -0.8), (-1.6, 1.2)])
def test_the_peak_is_that_of_an_oblique_gaussian_on_any_ground(
    form: tuple[float, float, float], base: float, place: tuple[float, float]
) -> None:
    steps = np.arange(-3, 4)
    y, x = np.meshgrid(steps - place[1], steps - place[0], indexing="ij")
    values = 40.0 * (np.exp(-(form[0] * x**2 + form[1] * y**2 + form[2] * x * y)) + base)
    assert _peak(values, steps) == pytest.approx(place, abs=2e-3)


def _flawed(centre: tuple[float, float], wedge: int, off: tuple[float, float]) -> np.ndarray:
    """Speckles in pairs about a centre, but in one wedge of eight about another."""
    rows, columns = np.indices((150, 170))
    turn = np.degrees(np.arctan2(rows - centre[1], columns - centre[0])) % 180.0 // 22.5
    one, other = (
        ndimage.gaussian_filter(_even((150, 170), place, 11), 1.5)
        for place in (centre, (centre[0] + off[0], centre[1] + off[1]))
    )
    return np.asarray(np.where(turn == wedge, other, one))


@pytest.mark.parametrize("wedge", [0, 3, 7])
def test_the_error_is_what_one_part_of_the_sky_can_do(wedge: int) -> None:
    """One wedge of eight votes for a place (0.5, -1) px off: the jackknife's variance of such a mean."""
    centre, off = (88.0, 71.0), np.array([0.5, -1.0])
    found = halo_centre(_flawed(centre, wedge, (0.5, -1.0)), (86.0, 73.0), 5, (10.0, 60.0), 1.5 * 2.3548)
    shift = np.array([found.x, found.y]) - centre
    assert np.all(shift / off > 0.05)
    assert np.all(shift / off < 0.22)
    without = np.zeros((8, 2))
    without[np.arange(8) != wedge] = shift * 8 / 7
    spread = 7 / 8 * ((without - without.mean(axis=0)) ** 2).sum(axis=0)
    assert found.error == pytest.approx(np.sqrt(spread.mean()), rel=0.12)


@pytest.mark.parametrize("star", [(66.0, 90.0), (134.0, 90.0), (100.0, 66.0), (100.0, 114.0)])
def test_the_ring_may_just_touch_the_image(star: tuple[float, float]) -> None:
    image = ndimage.gaussian_filter(_even((181, 201), star, 12), 1.5)
    found = halo_centre(image, star, 6, (12.0, 60.0), 1.5 * 2.3548)
    assert (found.x, found.y) == pytest.approx(star, abs=0.05)
    further = np.array(star) + 0.1 * np.sign(np.array(star) - (100.0, 90.0))
    with pytest.raises(ValueError, match=r"leaves the image of \(181, 201\)"):
        halo_centre(image, (float(further[0]), float(further[1])), 6, (12.0, 60.0), 1.5 * 2.3548)


def _two_centres(off: tuple[float, float]) -> np.ndarray:
    """Inside the ring the light is even about another place, outside it is even about none."""
    rows, columns = np.indices((161, 171))
    radius = np.hypot(columns - 85.0, rows - 80.0)
    inner, ring = (
        ndimage.gaussian_filter(_even((161, 171), place, 14), 1.0)
        for place in ((85.0 + off[0], 80.0 + off[1]), (85.0, 80.0))
    )
    outside = ndimage.gaussian_filter(np.random.default_rng(15).normal(size=radius.shape), 1.0)
    return np.asarray(np.where(radius < 39.5, inner, np.where(radius < 47.5, ring, outside)))


@pytest.mark.parametrize("off", [(1.5, 0.0), (0.0, -1.5), (-1.5, 0.5)])
def test_the_ring_itself_decides_where_the_first_guess_was_drawn_aside(off: tuple[float, float]) -> None:
    found = halo_centre(_two_centres(off), (85.0, 80.0), 30, (40.0, 46.0), 2.3548)
    assert (found.x, found.y) == pytest.approx((85.0, 80.0), abs=0.05)


def test_a_ring_that_leads_far_off_the_first_guess_is_no_centre() -> None:
    with pytest.raises(ValueError, match="does not settle"):
        halo_centre(_two_centres((2.5, 0.0)), (85.0, 80.0), 30, (40.0, 46.0), 2.3548)
