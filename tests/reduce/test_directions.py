"""Angles of whole files against astropy's horizon frame up to the zenith; what cannot be told is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import TETE, AltAz, EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers

from hcvo.errors import HeaderError, ReductionError
from reduce.ephemeris import Directions, directions, place_at, sidereal_time
from reduce.exposure import Site, read_exposure
from tests.reduce.raw_files import irdis_cards, real_raw, write_raw

_PARANAL = Site(-24.6268, -70.4045, 2648.0)
_ON_SKY = ("07_05_15.511", "07_12_03.720", "07_20_53.733", "07_48_21.618")
_MJD = 58229.14


def _packed(value: float) -> float:
    sign, value = np.sign(value), abs(value)
    whole, minutes = int(value), (value % 1) * 60
    return float(sign * (whole * 10000 + int(minutes) * 100 + (minutes % 1) * 60))


def _transit(
    tmp_path: Path, zenith_deg: float, *, ndit: int, dit: float
) -> tuple[Directions, SkyCoord, Time]:
    """A file about the transit of a star that culminates so far north of the zenith; its place of date."""
    location = EarthLocation.from_geodetic(_PARANAL.longitude_deg, _PARANAL.latitude_deg, _PARANAL.height_m)
    when = Time(_MJD, format="mjd", scale="utc", location=location)
    lead_s = ndit * (dit + 1.0) / 2
    ra = float(sidereal_time(np.array([_MJD]), _PARANAL)[0])
    star = SkyCoord(
        ra * u.deg, (_PARANAL.latitude_deg + zenith_deg) * u.deg, frame=TETE(obstime=when, location=location)
    )
    start = Time(_MJD - lead_s / 86400, format="mjd", scale="utc").isot
    cards = irdis_cards(
        start=start,
        ndit=ndit,
        dit=dit,
        ESO_INS4_DROT2_RA=_packed(star.ra.deg / 15),
        ESO_INS4_DROT2_DEC=_packed(star.dec.deg),
    )
    return directions(read_exposure(write_raw(tmp_path, cards))), star, when


def _horizon_angle(star: SkyCoord, mjd: np.ndarray) -> np.ndarray:
    """Position angle of the zenith by astropy's way from star to horizon: no spherical triangle."""
    location = star.frame.location
    found = []
    for each in mjd:
        when = Time(each, format="mjd", scale="utc")
        frame = AltAz(obstime=when, location=location)
        up = star.transform_to(frame)
        above = SkyCoord(up.az, up.alt + 2 * u.arcsec, frame=frame).transform_to(star.frame)
        found.append(star.position_angle(above).deg)
    return np.array(found)


@pytest.mark.parametrize("zenith_deg", [-30.0, -0.6, 0.6, 16.0])
def test_middles_agree_with_the_horizon_frame_even_near_the_zenith(tmp_path: Path, zenith_deg: float) -> None:
    seen, star, _ = _transit(tmp_path, zenith_deg, ndit=9, dit=60.0)
    with iers.conf.set_temp("auto_download", False):  # noqa: FBT003 - astropy's own signature
        truth = _horizon_angle(star, seen.times.middle)
    difference = (seen.parang - truth + 180) % 360 - 180
    assert np.abs(difference).max() < 0.01


@pytest.mark.parametrize(("zenith_deg", "sense"), [(0.3, -1), (0.02, -1), (-0.3, 1), (-0.02, 1)])
def test_a_star_through_the_zenith_turns_half_round_without_a_jump(
    tmp_path: Path, zenith_deg: float, sense: int
) -> None:
    seen, _, _ = _transit(tmp_path, zenith_deg, ndit=15, dit=60.0)
    turned = sense * np.diff(seen.parang)
    assert np.all((turned > 0) & (turned < 180))
    assert np.all(sense * seen.smear > 0)
    assert turned.sum() == pytest.approx(180, abs=25)
    middle = len(seen.parang) // 2
    assert seen.parang[middle] == pytest.approx(180.0 if zenith_deg > 0 else 0.0, abs=5.0 / abs(zenith_deg))
    gaps = seen.parang[1:] - seen.parang[:-1] - (seen.smear[1:] + seen.smear[:-1]) / 2
    assert (
        np.abs(gaps[:4]).max() < 0.1 * np.abs(seen.smear).max()
    )  # smears add up to the way but for overheads


def test_smear_is_the_rate_times_the_integration(tmp_path: Path) -> None:
    """At transit the field turns at 15 arcsec a second x cos(latitude) / sin(zenith distance)."""
    seen, _, _ = _transit(tmp_path, -30.0, ndit=3, dit=40.0)
    rate = 15.041 / 3600 * np.cos(np.radians(_PARANAL.latitude_deg)) / np.sin(np.radians(30.0))
    assert seen.smear == pytest.approx(np.full(3, rate * 40.0), rel=2e-3)


@pytest.mark.parametrize("name", _ON_SKY)
def test_start_and_end_agree_with_the_telescope(shared_data: Path, tmp_path: Path, name: str) -> None:
    exposure = read_exposure(
        real_raw(shared_data / "raw_headers" / f"SPHER.2020-03-08T{name}.hdr.txt", tmp_path)
    )
    seen, cards = directions(exposure), exposure.frame.cards
    told = [float(str(cards[f"ESO TEL PARANG {word}"])) for word in ("START", "END")]
    assert seen.parang[0] - seen.smear[0] / 2 == pytest.approx(told[0], abs=0.05)
    assert seen.parang[-1] + seen.smear[-1] / 2 == pytest.approx(told[1], abs=0.05)
    assert np.all(seen.smear < 0)


@pytest.mark.parametrize("name", _ON_SKY)
def test_the_telescopes_place_of_date_follows_from_the_catalogues(
    shared_data: Path, tmp_path: Path, name: str
) -> None:
    """Proper motion, precession, aberration: to the 3 arcsec by which the telescope was offset."""
    exposure = read_exposure(
        real_raw(shared_data / "raw_headers" / f"SPHER.2020-03-08T{name}.hdr.txt", tmp_path)
    )
    pointing, mjd = exposure.pointing(), exposure.frame.mjd_obs
    ra, dec = place_at(pointing, mjd)
    with iers.conf.set_temp("auto_download", False):  # noqa: FBT003 - astropy's own signature
        of_date = SkyCoord(ra * u.deg, dec * u.deg).transform_to(TETE(obstime=Time(mjd, format="mjd")))
    there = SkyCoord(pointing.ra_of_date_deg * u.deg, pointing.dec_of_date_deg * u.deg, frame=of_date.frame)
    assert of_date.separation(there).arcsec < 3.5


def test_proper_motion_counts_from_the_epoch_of_the_card(tmp_path: Path) -> None:
    cards = irdis_cards(ESO_TEL_TARG_EPOCH=2010.0, ESO_TEL_TARG_PMD=1.0, ESO_TEL_TARG_PMA=0.0)
    later = read_exposure(write_raw(tmp_path, cards)).pointing()
    assert later.epoch_yr == 2010.0
    _, dec = place_at(later, 51544.5 + 18 * 365.25)
    assert (dec - later.dec_icrs_deg) * 3600 == pytest.approx(8.0, abs=1e-6)


def test_field_tracking_does_not_smear(tmp_path: Path) -> None:
    seen = directions(read_exposure(write_raw(tmp_path, irdis_cards(ESO_INS4_DROT2_MODE="SKY"))))
    assert seen.smear.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("mode", ["STAT", "", "ELEVATOR"])
def test_a_derotator_that_does_neither_is_refused(tmp_path: Path, mode: str) -> None:
    exposure = read_exposure(write_raw(tmp_path, irdis_cards(ESO_INS4_DROT2_MODE=mode)))
    with pytest.raises(ReductionError, match=f"DROT2 MODE is '{mode}', wanted 'ELEV'.*or 'SKY'"):
        directions(exposure)


def test_clocks_without_room_for_the_integrations_are_named(tmp_path: Path) -> None:
    cards = irdis_cards(ndit=4, dit=16.0, ESO_DET_FRAM_UTC="2018-04-21T03:27:00.000")
    exposure = read_exposure(write_raw(tmp_path, cards))
    with pytest.raises(ReductionError, match=r"SPHER.*4 integrations of 16.0 s do not fit in 30.366 s.*NDIT"):
        directions(exposure)


def test_a_place_of_another_equinox_is_refused(tmp_path: Path) -> None:
    exposure = read_exposure(write_raw(tmp_path, irdis_cards(ESO_TEL_TARG_EQUINOX=1950.0)))
    with pytest.raises(HeaderError, match="EQUINOX is 1950, wanted 2000"):
        exposure.pointing()


@pytest.mark.parametrize(("night", "corrected"), [("2016-07-12T09:59", True), ("2016-07-12T21:00", False)])
def test_whole_nights_have_the_derotators_error(tmp_path: Path, night: str, corrected: bool) -> None:  # noqa: FBT001
    """The night that began on July 11 ends on July 12; the repair was between it and the next."""
    cards = irdis_cards(start=f"{night}:00.000", ESO_TEL_ALT=62.0, ESO_INS4_DROT2_BEGIN=30.6)
    assert directions(read_exposure(write_raw(tmp_path, cards))).correction == pytest.approx(
        0.8 if corrected else 0.0
    )


def test_pupil_tracking_has_its_offset_and_true_north(tmp_path: Path) -> None:
    seen = directions(read_exposure(write_raw(tmp_path, irdis_cards())))
    assert seen.angle - seen.parang == pytest.approx([135.99 - 1.75] * 2, abs=1e-9)
    assert (seen.pupil_offset, seen.instrument_offset, seen.true_north) == (135.99, 0.0, -1.75)


@pytest.mark.parametrize("name", _ON_SKY)
def test_the_headers_own_angles_are_the_measure_of_the_clocks(
    shared_data: Path, tmp_path: Path, name: str
) -> None:
    path = shared_data / "raw_headers" / f"SPHER.2020-03-08T{name}.hdr.txt"
    exposure = read_exposure(real_raw(path, tmp_path))
    assert directions(exposure).parang_off < 0.02
    cards = dict(exposure.frame.cards) | {
        "ESO TEL PARANG END": float(str(exposure.frame.cards["ESO TEL PARANG END"])) + 1.0
    }
    late = replace(exposure, frame=replace(exposure.frame, cards=cards))
    with pytest.raises(ReductionError, match=r"TEL PARANG START, END .* one of them is wrong"):
        directions(late)


@pytest.mark.parametrize(
    ("off", "refused"), [(0.0, False), (0.2, False), (0.5, True), (-0.5, True), (360.0, False)]
)
def test_angles_that_the_clocks_do_not_give_are_refused(
    tmp_path: Path,
    off: float,
    refused: bool,  # noqa: FBT001
) -> None:
    bare = read_exposure(write_raw(tmp_path, irdis_cards(dit=1.0)))
    own = directions(bare)
    assert np.isnan(own.parang_off)
    start, end = (float(own.parang[at] + sign * own.smear[at] / 2) for at, sign in ((0, -1), (-1, 1)))
    told = {"ESO TEL PARANG START": start, "ESO TEL PARANG END": end + off}
    exposure = replace(bare, frame=replace(bare.frame, cards=dict(bare.frame.cards) | told))
    if refused:
        with pytest.raises(ReductionError, match=r"wanted within 0\.3"):
            directions(exposure)
    else:
        assert directions(exposure).parang_off == pytest.approx(off % 360, abs=2e-3)
