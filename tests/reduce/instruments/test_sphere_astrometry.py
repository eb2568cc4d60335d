"""Plate scale and true north: one row holds until a better one begins; each row has a source."""

from datetime import date

import pytest

from hcvo.errors import ReductionError
from reduce.instruments.sphere_astrometry import TABLE, Astrometry, astrometry_at


def _row(since: date, name: str, scale: float) -> Astrometry:
    return Astrometry(since, name, scale, 0.01, -1.7, 0.1, "told")


_ROWS = (
    _row(date(2014, 5, 1), "", 1.0),
    _row(date(2014, 5, 1), "DB_K12", 2.0),
    _row(date(2016, 9, 1), "", 3.0),
    _row(date(2018, 1, 1), "DB_K12", 4.0),
)


@pytest.mark.parametrize(
    ("night", "name", "scale"),
    [
        (date(2014, 5, 1), "DB_H23", 1.0),
        (date(2014, 5, 1), "DB_K12", 2.0),
        (date(2016, 8, 31), "DB_K12", 2.0),
        (date(2016, 9, 1), "DB_K12", 3.0),
        (date(2016, 9, 1), "DB_H23", 3.0),
        (date(2019, 1, 1), "DB_K12", 4.0),
        (date(2019, 1, 1), "DB_H23", 3.0),
    ],
)
def test_the_latest_row_that_fits_holds_and_a_filters_own_before_a_general_one(
    night: date, name: str, scale: float
) -> None:
    assert astrometry_at(night, name, _ROWS).scale_mas == scale
    assert astrometry_at(night, name, _ROWS[::-1]).scale_mas == scale


def test_before_first_light_there_is_none() -> None:
    with pytest.raises(ReductionError, match="no plate scale for 2014-04-30: SPHERE's begin on 2014-05-01"):
        astrometry_at(date(2014, 4, 30), "DB_H23", _ROWS[::-1])


def test_every_row_has_errors_and_a_source() -> None:
    for row in TABLE:
        assert row.source
        assert 0 < row.scale_err_mas < 0.1
        assert 0 < row.north_err_deg < 0.5
    for name in ("DB_H23", "DB_K12", "BB_J"):  # Maire et al. 2016
        row = astrometry_at(date(2015, 2, 3), name)
        assert (row.scale_mas, row.scale_err_mas) == (12.255, 0.009)
        assert (row.north_deg, row.north_err_deg) == (-1.75, 0.08)
        assert row.source.startswith("Maire et al. 2016")


@pytest.mark.parametrize("name", ["DB_H23", "DB_K12"])
def test_the_table_begins_with_the_first_light_and_knows_what_was_measured(name: str) -> None:
    row = astrometry_at(date(2014, 5, 1), name)
    assert row.filter == ("DB_H23" if name == "DB_H23" else "")
    assert ("used for every filter" in row.source) is (name != "DB_H23")
    with pytest.raises(ReductionError, match="no plate scale for 2014-04-30: SPHERE's begin on 2014-05-01"):
        astrometry_at(date(2014, 4, 30), name)
