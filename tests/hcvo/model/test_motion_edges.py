"""Epochs, places along a great circle and distances, against astropy and against places known beforehand."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.time import Time

from hcvo.model.motion import julian_year, position_at, separation_arcsec


@pytest.mark.parametrize("mjd", [51544.5, 41684.0, 60310.25])
def test_the_epoch_is_astropys(mjd: float) -> None:
    assert julian_year(mjd) == pytest.approx(Time(mjd, format="mjd", scale="tt").jyear, abs=1e-9)


@pytest.mark.parametrize(("ra", "dec"), [(86.8, -51.07), (0.00001, 12.0), (359.99999, 70.0), (200.0, -88.9)])
@pytest.mark.parametrize("motion", [(350.0, -820.0), (-1700.0, 40.0)])
def test_a_star_moves_as_astropy_moves_it_on_a_great_circle(
    ra: float, dec: float, motion: tuple[float, float]
) -> None:
    years = 25.5
    found = SkyCoord(*position_at(ra, dec, *motion, years), unit="deg")
    begin = SkyCoord(ra, dec, unit="deg")
    angle = np.arctan2(*motion) * u.rad
    wanted = begin.directional_offset_by(angle, np.hypot(*motion) * years * u.mas)
    assert found.separation(wanted).mas < 0.05  # third order in the angle moved


def test_right_ascension_stays_within_a_turn() -> None:
    ra, _ = position_at(0.0, 0.0, -1000.0, 0.0, 1.0)
    assert ra == pytest.approx(360.0 - 1.0 / 3600.0, abs=1e-9)
    ra, dec = position_at(359.9999, 0.0, 1000.0, 500.0, 1.0)
    assert (ra, dec) == pytest.approx((1.0 / 3600.0 - 0.0001, 0.5 / 3600.0), abs=1e-9)
    assert position_at(123.4, -56.7, 0.0, 0.0, 10.0) == pytest.approx((123.4, -56.7), abs=1e-12)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((10.0, 20.0), (10.0, 20.0)),
        ((10.0, 20.0), (10.0001, 20.0)),
        ((10.0, 60.0), (10.0, 60.001)),
        ((359.999, -60.0), (0.001, -60.002)),
        ((0.0, 90.0), (123.0, -90.0)),
        ((30.0, 40.0), (210.0, -40.0)),
        ((45.0, -10.0), (200.0, 35.0)),
    ],
)
def test_distances_are_astropys(one: tuple[float, float], other: tuple[float, float]) -> None:
    wanted = SkyCoord(*one, unit="deg").separation(SkyCoord(*other, unit="deg")).arcsec
    rounding = 1e-9 if wanted < 6e5 else 0.01  # the haversine is worst at half a turn
    assert separation_arcsec(*one, *other) == pytest.approx(wanted, rel=1e-9, abs=rounding)


def test_opposite_places_are_half_a_turn_apart_whatever_the_rounding() -> None:
    for ra, dec in np.random.default_rng(1).uniform((0, -90), (360, 90), size=(300, 2)):
        assert separation_arcsec(ra, dec, ra + 180.0, -dec) == pytest.approx(180.0 * 3600.0, rel=1e-7)
