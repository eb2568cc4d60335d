from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import TETE, AltAz, EarthLocation, SkyCoord
from astropy.io import fits
from astropy.time import Time

from reduce.simulate.sky import (
    HEIGHT_M,
    LATITUDE_DEG,
    LONGITUDE_DEG,
    Companion,
    Target,
    local_sky,
    offset_on_sky,
)

SITE = EarthLocation.from_geodetic(LONGITUDE_DEG * u.deg, LATITUDE_DEG * u.deg, HEIGHT_M * u.m)
START = datetime(2018, 4, 21, 2, 0)  # noqa: DTZ001 - UTC throughout
INSTANTS = [START + timedelta(minutes=20 * step) for step in range(13)]


def star(dec_deg: float) -> Target:
    return Target("T", 197.9, dec_deg, 0.0, 0.0, 1.0, 5.0)


@pytest.mark.parametrize("dec_deg", [-75.0, -37.4, -20.0, 12.0])
def test_horizontal_place_is_astropys_without_air(dec_deg: float) -> None:
    target = star(dec_deg)
    ours = local_sky(target, INSTANTS)
    when = Time(INSTANTS, scale="utc")
    theirs = target.at(when[0]).transform_to(AltAz(obstime=when, location=SITE))
    np.testing.assert_allclose(ours.altitude, theirs.alt.deg, atol=2e-4)
    turn = (ours.azimuth - (theirs.az.deg - 180.0) + 180.0) % 360.0 - 180.0
    np.testing.assert_allclose(turn * np.cos(np.radians(ours.altitude)), 0.0, atol=2e-4)


@pytest.mark.parametrize("dec_deg", [-75.0, -37.4, -20.0, 12.0])
def test_parallactic_angle_is_the_position_angle_of_astropys_zenith(dec_deg: float) -> None:
    target = star(dec_deg)
    ours = local_sky(target, INSTANTS)
    for when, angle in zip(INSTANTS, ours.parallactic, strict=True):
        frame = TETE(obstime=Time(when, scale="utc"), location=SITE)
        horizon = AltAz(alt=90 * u.deg, az=0 * u.deg, obstime=frame.obstime, location=SITE)
        zenith = SkyCoord(horizon).transform_to(frame)
        place = target.at(frame.obstime).transform_to(frame)
        expected = place.position_angle(zenith).deg
        assert (angle - expected + 180.0) % 360.0 - 180.0 == pytest.approx(0.0, abs=5e-3)


def test_companion_turns_with_the_north_of_date() -> None:
    target = star(-37.4)
    pointing = local_sky(target, INSTANTS[:1])
    frame = TETE(obstime=Time(INSTANTS[0], scale="utc"), location=SITE)
    place = target.at(frame.obstime)
    planet = place.directional_offset_by(62 * u.deg, 5000 * u.mas)
    apparent = place.transform_to(frame)
    separation, angle = offset_on_sky(pointing, Companion(5000.0, 62.0, (1.0, 1.0)))
    assert angle[0] == pytest.approx(apparent.position_angle(planet.transform_to(frame)).deg, abs=1e-3)
    assert separation[0] == pytest.approx(apparent.separation(planet.transform_to(frame)).mas, rel=2e-4)
    assert abs(angle[0] - 62.0) > 0.03


def test_proper_motion_moves_the_star() -> None:
    target = Target("T", 100.0, -60.0, 2000.0, -1000.0, 5.0, 5.0)
    moved = target.at(Time("2018-01-01"))
    assert moved.dec.deg == pytest.approx(-60.0 - 18 * 1.0 / 3600, abs=1e-5)
    assert moved.ra.deg == pytest.approx(100.0 + 18 * 2.0 / 3600 / np.cos(np.radians(60)), abs=2e-5)


def test_real_header_gives_its_own_angles(shared_data: Path) -> None:
    text = (shared_data / "raw_headers" / "SPHER.2020-03-08T07_20_53.733.hdr.txt").read_text()
    lines = [line for line in text.splitlines() if "TILT" not in line and "DCNM16" not in line]
    header = fits.Header([fits.Card.fromstring(line) for line in lines if "=" in line])
    target = Target("A124420", header["RA"], header["DEC"], 7.52, -14.44, 1.0, 5.0)
    start = datetime.fromisoformat(header["DATE-OBS"] + "00")
    end = datetime.fromisoformat(header["ESO DET FRAM UTC"] + "00")
    ours = local_sky(target, [start, end])
    assert ours.parallactic[0] == pytest.approx(header["ESO TEL PARANG START"], abs=0.03)
    assert ours.parallactic[1] == pytest.approx(header["ESO TEL PARANG END"], abs=0.03)
    assert ours.altitude[0] == pytest.approx(header["ESO TEL ALT"], abs=0.02)
    assert ours.azimuth[0] == pytest.approx(header["ESO TEL AZ"], abs=0.05)
    assert ours.sidereal_s[0] == pytest.approx(header["LST"], abs=2.0)
