"""Companions beside, on and between waffle spots: the star stays where it was planted."""

import numpy as np
import pytest

from reduce.kernels.spot_checks import band_passed, neighbour, quiet, without_worst
from reduce.kernels.spots import Spots, fit_spots, spot_offsets

_FWHM, _WIDTH = 4.4, 1.87
_STAR = (80.3, 79.6)
_OFFSETS = spot_offsets(60.0, "+")


def _light(places: list[tuple[float, float, float]], noise: float = 1.0) -> np.ndarray:
    """Points of light (x, y, peak), in noise."""
    rows, columns = np.indices((161, 161))
    image = noise * np.random.default_rng(11).normal(size=(161, 161)) + 20.0
    for x, y, peak in places:
        image += peak * np.exp(-0.5 * ((columns - x) ** 2 + (rows - y) ** 2) / _WIDTH**2)
    return np.asarray(image)


def _spots(peak: float = 200.0) -> list[tuple[float, float, float]]:
    return [(_STAR[0] + x, _STAR[1] + y, peak) for x, y in _OFFSETS]


def _fitted(*others: tuple[float, float, float], spread: float = 0.0) -> Spots:
    return fit_spots(_light([*_spots(), *others]), _OFFSETS, (80.0, 80.0), _FWHM, spread)


@pytest.mark.parametrize("spread", [0.0, 3.0])
@pytest.mark.parametrize("brightness", [60.0, 300.0, 3000.0])
@pytest.mark.parametrize("away", [(12.6, -6.0), (0.0, 9.0), (-8.0, 7.0)])
def test_a_companion_beside_a_spot_does_not_take_its_place(
    away: tuple[float, float], brightness: float, spread: float
) -> None:
    place = _OFFSETS[0] + _STAR
    found = _fitted((place[0] + away[0], place[1] + away[1], brightness), spread=spread)
    assert np.hypot(*(found.places[0] - place)) < (0.1 if brightness < 1000 else 1.0)
    assert np.hypot(found.x - _STAR[0], found.y - _STAR[1]) < 0.06
    assert found.error < 0.05
    assert found.radius == pytest.approx(60.0, abs=0.3)


@pytest.mark.parametrize("number", range(4))
def test_a_companion_on_a_spot_leaves_the_star_to_the_other_pair(number: int) -> None:
    place = _OFFSETS[number] + _STAR
    found = _fitted((place[0] + 2.6, place[1] + 2.6, 400.0))
    assert list(np.flatnonzero(~found.used)) == [number]
    assert np.hypot(found.x - _STAR[0], found.y - _STAR[1]) < 0.06
    assert found.error < 0.05
    assert found.mismatch < 9.2


def test_four_good_spots_are_all_used() -> None:
    assert _fitted().used.all()


def test_a_companion_at_a_blank_place_makes_no_error() -> None:
    turned = spot_offsets(60.0, "x")[1] + _STAR
    alone, with_it = _fitted(), _fitted((turned[0], turned[1], 500.0))
    assert with_it.error < 0.02  # three blank places may show a speckle or two in noise alone
    assert (with_it.x, with_it.y) == pytest.approx((alone.x, alone.y), abs=0.01)


def test_only_what_is_apart_and_over_the_limit_is_a_neighbour() -> None:
    light = np.zeros((21, 21))
    light[4, 5], light[10, 10] = 3.0, 9.0
    apart = np.ones((21, 21), bool)
    apart[8:13, 8:13] = False
    assert neighbour(light, apart, 3.0, 2.0) is None
    assert neighbour(light, np.zeros((21, 21), bool), -1.0, 2.0) is None
    found = neighbour(light, apart, 2.9, 2.0)
    assert found is not None
    rows, columns = np.nonzero(found)
    assert (rows.mean(), columns.mean()) == (4.0, 5.0)
    assert np.hypot(rows - 4, columns - 5).max() == pytest.approx(np.sqrt(5.0))


def test_a_level_and_what_is_not_known_leave_nothing_in_the_band() -> None:
    known = np.ones((41, 41), bool)
    known[20, 15:18] = False
    image = np.where(known, 7.0, 1e6)
    np.testing.assert_allclose(band_passed(image, known, 1.5), 0.0, atol=1e-9)


def test_loud_blank_places_are_left_out_where_three_tell() -> None:
    rng = np.random.default_rng(4)
    blanks = rng.normal(size=(4, 9, 9))
    blanks[2, 4, 4] += 40.0
    np.testing.assert_array_equal(quiet(blanks), blanks[[0, 1, 3]])
    np.testing.assert_array_equal(quiet(blanks[1:3]), blanks[1:3])


@pytest.mark.parametrize("number", range(4))
def test_the_spot_off_the_pattern_is_named_however_that_is_turned(number: int) -> None:
    turn = np.radians(1.3)
    turned = 1.01 * _OFFSETS @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    places = turned + _STAR
    places[number] += (3.0, -4.0)
    found = without_worst(places, np.tile(0.01 * np.eye(2), (4, 1, 1)), _OFFSETS, np.zeros(4, bool))
    assert found.left_out == number
    assert found.mismatch < 1e-9
    assert found.rival > 9.2


def test_the_only_spot_with_a_neighbour_is_the_one_to_leave_out() -> None:
    places = _OFFSETS + _STAR
    places[2] += (0.1, 0.1)
    crowded = np.array([True, False, False, False])
    found = without_worst(places, np.tile(0.01 * np.eye(2), (4, 1, 1)), _OFFSETS, crowded)
    assert (found.left_out, found.rival) == (0, np.inf)
    crowded[1] = True
    assert without_worst(places, np.tile(0.01 * np.eye(2), (4, 1, 1)), _OFFSETS, crowded).left_out == 2
