"""Which measurement of the star is kept where spots contradict each other."""

from pathlib import Path

import pytest

from reduce.exposure import read_exposure
from reduce.recipes.centre_methods import Found, Place
from reduce.recipes.centre_table import kept_rows
from tests.reduce.raw_files import irdis_cards, write_raw


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> Place:
    exposure = read_exposure(write_raw(tmp_path, irdis_cards()))
    return Place(exposure, "A", "center", 0, 2, exposure.frame.mjd_obs)


def _found(place: Place, name: str, method: str, error: float, mismatch: float = float("nan")) -> Found:
    return Found(place._replace(name=name), 0, method, 485.0, 520.0, error, mismatch=mismatch)


def _kept(found: list[Found]) -> list[tuple[str, str]]:
    return [(row.found.place.name, row.found.method) for row in kept_rows(found) if row.kept]


def test_spots_that_contradict_each_other_give_way_to_another_file(place: Place) -> None:
    found = [
        _found(place, "A", "waffle", 0.01, 2.0),
        _found(place, "A", "halo", 0.1),
        _found(place, "B", "waffle", 0.1, 4000.0),
        _found(place, "B", "halo", 0.3),
    ]
    assert _kept(found) == [("A", "waffle")]


def test_without_another_good_file_they_give_way_to_a_good_halo(place: Place) -> None:
    found = [_found(place, "B", "waffle", 0.1, 4000.0), _found(place, "B", "halo", 0.3)]
    assert _kept(found) == [("B", "halo")]


def test_where_nothing_is_good_they_are_kept(place: Place) -> None:
    found = [_found(place, "B", "waffle", 0.8, 4000.0), _found(place, "B", "halo", 0.9)]
    assert _kept(found) == [("B", "waffle")]
    assert not any(all(row.quality) for row in kept_rows(found) if row.kept)


@pytest.mark.parametrize(("mismatch", "kept"), [(13.7, True), (13.9, False)])
def test_one_in_a_thousand_is_no_accident(place: Place, mismatch: float, kept: bool) -> None:  # noqa: FBT001
    found = [_found(place, "A", "waffle", 0.01, 2.0), _found(place, "B", "waffle", 0.01, mismatch)]
    assert (("B", "waffle") in _kept(found)) is kept


def test_a_place_that_is_too_uncertain_gives_way(place: Place) -> None:
    found = [_found(place, "A", "waffle", 0.01, 2.0), _found(place, "B", "waffle", 0.71, 2.0)]
    assert _kept(found) == [("A", "waffle")]
