"""Times and angles against the real headers and against astropy's own horizon frame."""

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import TETE, AltAz, EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers
from hypothesis import given
from hypothesis import strategies as st

from hcvo.errors import HeaderError
from hcvo.headers.packed import unpacked
from reduce.ephemeris import directions, icrs_rotation, place_at, sidereal_time
from reduce.exposure import Exposure, Pointing, Site, read_exposure
from reduce.kernels.angles import parallactic_angle, plane_times
from tests.reduce.raw_files import irdis_cards, real_raw, write_raw

_PARANAL = Site(-24.6268, -70.4045, 2648.0)
_ON_SKY = ("07_05_15.511", "07_12_03.720", "07_20_53.733", "07_48_21.618")


def _real(shared_data: Path, tmp_path: Path, name: str) -> Exposure:
    return read_exposure(real_raw(shared_data / "raw_headers" / f"SPHER.2020-03-08T{name}.hdr.txt", tmp_path))


@pytest.mark.parametrize("name", _ON_SKY)
def test_parallactic_angles_agree_with_the_telescope(shared_data: Path, tmp_path: Path, name: str) -> None:
    exposure = _real(shared_data, tmp_path, name)
    frame, pointing = exposure.frame, exposure.pointing()
    times = plane_times(
        frame.mjd_obs, exposure.written_mjd, frame.ndit, exposure.real_dit_s, exposure.delay_s
    )
    ends = np.array([times.start[0], times.end[-1]])
    hour_angle = sidereal_time(ends, exposure.site()) - pointing.ra_of_date_deg
    found = parallactic_angle(hour_angle, pointing.dec_of_date_deg, exposure.site().latitude_deg)
    told = [frame.cards["ESO TEL PARANG START"], frame.cards["ESO TEL PARANG END"]]
    assert found == pytest.approx(told, abs=0.02)


def test_the_real_sequence_turns_smoothly(shared_data: Path, tmp_path: Path) -> None:
    seen = [directions(_real(shared_data, tmp_path, name)) for name in _ON_SKY]
    angle = np.concatenate([one.angle for one in seen])
    middle = np.concatenate([one.times.middle for one in seen])
    assert np.all(np.diff(middle) > 0)
    assert np.all(np.diff(angle) < 0)
    assert angle[0] == pytest.approx(147.5 + 135.99 - 1.75, abs=0.3)
    assert {one.correction for one in seen} == {0.0}  # ALT - 2 BEGIN is 1 degree here, and must not enter
    assert [one.icrs_rotation for one in seen] == pytest.approx([seen[0].icrs_rotation] * 4, abs=1e-4)
    assert abs(seen[0].icrs_rotation) == pytest.approx(0.023, abs=0.001)


@pytest.mark.parametrize("dec", [-80.0, -37.0, -25.0, -24.0, 10.0, 30.0])
def test_against_the_horizon_frame_of_astropy(dec: float) -> None:
    place = EarthLocation.from_geodetic(_PARANAL.longitude_deg, _PARANAL.latitude_deg, _PARANAL.height_m)
    mjd = 58229.0 + np.linspace(0.05, 0.35, 13)
    with iers.conf.set_temp("auto_download", False):  # noqa: FBT003 - astropy's own signature
        when = Time(mjd, format="mjd", scale="utc")
        star = SkyCoord(200 * u.deg, dec * u.deg).transform_to(TETE(obstime=when))
        horizon = AltAz(obstime=when, location=place)  # no pressure: no refraction
        up = star.transform_to(horizon)
        towards_zenith = SkyCoord(up.az, up.alt + 1e-3 * u.deg, frame=horizon).transform_to(
            TETE(obstime=when)
        )
        truth = star.position_angle(towards_zenith).wrap_at(180 * u.deg).deg
        hour_angle = sidereal_time(mjd, _PARANAL) - star.ra.deg
    found = np.array(
        [
            parallactic_angle(np.array([h]), d, _PARANAL.latitude_deg)[0]
            for h, d in zip(hour_angle, star.dec.deg, strict=True)
        ]
    )
    high = up.alt.deg < 89
    difference = (found - truth + 180) % 360 - 180
    assert (
        np.abs(difference[high]).max() < 0.02
    )  # diurnal aberration and polar motion are in astropy's, 0.3 arcsec


@pytest.mark.parametrize(("ra", "dec"), [(191.08, -8.67), (197.93, -37.4), (10.0, 60.0), (86.8, -51.07)])
def test_turn_to_icrs_is_precession(ra: float, dec: float) -> None:
    """Precession turns north by n sin(ra) / cos(dec) with n = 20.04 arcsec a year."""
    years = 18.3
    turn = icrs_rotation(ra, dec, 51544.5 + years * 365.25)
    expected = 20.04 / 3600 * years * np.sin(np.radians(ra)) / np.cos(np.radians(dec))
    assert -turn == pytest.approx(expected, abs=0.005 / np.cos(np.radians(dec)))  # nutation, aberration


def test_turn_to_icrs_by_position_angles_of_two_stars() -> None:
    """A pair of stars has one position angle in ICRS and another of date: the difference is the turn."""
    mjd = 58229.2
    star, other = SkyCoord(197.93 * u.deg, -37.40 * u.deg), SkyCoord(197.9305 * u.deg, -37.3997 * u.deg)
    frame = TETE(obstime=Time(mjd, format="mjd", scale="utc"))
    of_date = star.transform_to(frame).position_angle(other.transform_to(frame)).deg
    assert star.position_angle(other).deg - of_date == pytest.approx(
        icrs_rotation(197.93, -37.40, mjd), abs=1e-4
    )


def test_proper_motion_moves_the_star() -> None:
    pointing = Pointing(0, 0, 191.0, 60.0, 1.0, -2.0, 0, 0, 0)
    ra, dec = place_at(pointing, 51544.5 + 10 * 365.25)
    assert (ra - 191.0) * np.cos(np.radians(60.0)) * 3600 == pytest.approx(10.0)
    assert (dec - 60.0) * 3600 == pytest.approx(-20.0)


def test_field_tracking_has_no_parallactic_angle(tmp_path: Path) -> None:
    cards = irdis_cards(ESO_INS4_DROT2_MODE="SKY", ESO_INS4_DROT2_POSANG=12.5)
    seen = directions(read_exposure(write_raw(tmp_path, cards)))
    assert seen.angle.tolist() == [12.5 - 1.75] * 2


@pytest.mark.parametrize(
    ("start", "corrected"), [("2016-07-11T03:26:29.634", True), ("2016-07-13T03:26:29.634", False)]
)
def test_derotator_is_corrected_before_its_repair_only(tmp_path: Path, start: str, corrected: bool) -> None:  # noqa: FBT001
    cards = irdis_cards(start=start, ESO_TEL_ALT=62.0, ESO_INS4_DROT2_BEGIN=30.6)
    seen = directions(read_exposure(write_raw(tmp_path, cards)))
    assert seen.correction == pytest.approx(0.8 if corrected else 0.0)
    fixed = seen.pupil_offset + seen.true_north
    assert seen.angle - seen.parang == pytest.approx(np.full(2, fixed + seen.correction))


@given(st.booleans(), st.integers(0, 89), st.integers(0, 59), st.floats(0, 59.999))
def test_packed_angles(negative: bool, degrees: int, minutes: int, seconds: float) -> None:  # noqa: FBT001
    packed = degrees * 10000 + minutes * 100 + seconds
    value = degrees + minutes / 60 + seconds / 3600
    assert unpacked(-packed if negative else packed) == pytest.approx(-value if negative else value, abs=1e-9)


def test_packed_angles_of_the_real_headers() -> None:
    assert unpacked(-84656.84546) == pytest.approx(-(8 + 46 / 60 + 56.84546 / 3600), abs=1e-10)
    with pytest.raises(HeaderError, match="76 minutes"):
        unpacked(-87656.8)
