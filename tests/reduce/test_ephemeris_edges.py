"""Angles near the pole, right ascensions near 0, sums of unlike parts, no network."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import TETE, SkyCoord
from astropy.time import Time
from astropy.utils import iers

from reduce.ephemeris import Directions, icrs_rotation, place_at, sidereal_time
from reduce.exposure import Pointing, Site
from reduce.kernels.angles import PlaneTimes


def test_the_angle_adds_every_part() -> None:
    times = PlaneTimes(*(np.zeros(2) for _ in range(3)))
    parang = np.array([10.0, 20.0])
    seen = Directions(times, parang, 100.0, 1000.0, 10000.0, 100000.0, 1e6, np.array([7e7, 7e7]))
    np.testing.assert_array_equal(seen.angle, [111110.0, 111120.0])


@pytest.mark.parametrize(("ra", "wanted"), [(359.9999, 0.000456), (0.0001, 0.000656), (200.0, 200.000556)])
def test_right_ascension_stays_within_a_turn(ra: float, wanted: float) -> None:
    found, _ = place_at(Pointing(0, 0, ra, 0.0, 0.2, 0.0, 0, 0, 0), 51544.5 + 10 * 365.25)
    assert found == pytest.approx(wanted, abs=1e-6)
    back, _ = place_at(Pointing(0, 0, 0.0001, 0.0, -0.2, 0.0, 0, 0, 0), 51544.5 + 10 * 365.25)
    assert back == pytest.approx(359.999544, abs=1e-6)


@pytest.mark.parametrize(("ra", "dec"), [(30.0, 88.5), (250.0, -88.8), (100.0, -60.0)])
def test_the_turn_is_that_at_the_star_even_near_the_pole(ra: float, dec: float) -> None:
    when = TETE(obstime=Time(58229.2, format="mjd", scale="utc"))
    star, north = SkyCoord(ra * u.deg, dec * u.deg), SkyCoord(ra * u.deg, (dec + 1e-4) * u.deg)
    with iers.conf.set_temp("auto_download", False):  # noqa: FBT003 - astropy's own signature
        turn = star.transform_to(when).position_angle(north.transform_to(when)).wrap_at(180 * u.deg).deg
    assert icrs_rotation(ra, dec, 58229.2) == pytest.approx(-turn, rel=5e-3)


def test_no_table_is_fetched_from_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def refuse(*args: object, **kwargs: object) -> str:
        asked.append((args, kwargs))
        raise OSError("no network here")

    monkeypatch.setattr(iers.iers, "download_file", refuse)
    monkeypatch.setattr(iers.IERS_Auto, "iers_table", None)
    sidereal_time(np.array([58229.2]), Site(-24.6, -70.4, 2648.0))
    icrs_rotation(100.0, -60.0, 58229.2)
    assert asked == []
