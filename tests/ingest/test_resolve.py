from pathlib import Path

import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from hcvo.catalogue.models import Observation, Target
from hcvo.config import Resolver as ResolverSettings
from hcvo.config import Settings
from hcvo.errors import ConfigError
from hcvo.model.motion import position_at, separation_arcsec
from hcvo.model.names import normalised
from ingest.raw import ingest_raw
from ingest.resolve import Resolver, load_dictionary
from reduce.classify import read_raw_frame
from tests.ingest import frames

OFFLINE = ResolverSettings(online=False)


@pytest.mark.parametrize("name", ["bet Pic", "beta_Pic", "BETA PICTORIS", "* bet Pic", "HD39060", "HD-39060"])
def test_the_dictionary_knows_names_however_written(name: str) -> None:
    star = Resolver(OFFLINE).resolve(name)
    assert star is not None
    assert star.name == "* bet Pic"


def test_nobody_answers_off_line_and_it_says_so() -> None:
    resolver = Resolver(OFFLINE)
    assert resolver.resolve("HD 1234567") is None
    assert "online is false" in resolver.trouble


def test_a_dead_service_is_asked_once() -> None:
    resolver = Resolver(ResolverSettings(simbad_url="http://127.0.0.1:9/tap", timeout_s=0.5))
    assert resolver.resolve("HD 1") is None
    assert "127.0.0.1:9" in resolver.trouble
    resolver.settings = ResolverSettings(simbad_url="would fail loudly: no address")
    assert resolver.resolve("HD 2") is None


def test_the_shipped_dictionary_is_sound() -> None:
    assert len({star.name for star in load_dictionary().values()}) >= 5


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('[[target]]\nname="a"\nra=1\ndec=2\nmag=3', "mag"),
        ('[[target]]\nname="a"\nra=1\ndec=2\nage=3', "add age_ref"),
        ('[[target]]\nname="a"\nra=1', "dec"),
        ('[[target]]\nname="a"\nra=1\ndec=2\n[[target]]\nname="A "\nra=3\ndec=2', "two stars"),
    ],
)
def test_a_faulty_dictionary_is_refused(tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / "targets.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=word):
        load_dictionary(path)


def test_normalised_keeps_what_tells_stars_apart() -> None:
    assert normalised("HD 1-2") != normalised("HD 12")
    assert normalised("BD-20 5") == normalised("BD-20_5") != normalised("BD+20 5")
    assert normalised("CD+20 5") != normalised("CD-20 5")


@given(
    ra=st.floats(0, 359.999),
    dec=st.floats(-80, 80),
    pm_ra=st.floats(-5000, 5000),
    pm_dec=st.floats(-5000, 5000),
)
def test_a_star_moves_by_its_proper_motion(ra: float, dec: float, pm_ra: float, pm_dec: float) -> None:
    moved = position_at(ra, dec, pm_ra, pm_dec, 20.0)
    assert separation_arcsec(ra, dec, *moved) == pytest.approx(
        (pm_ra**2 + pm_dec**2) ** 0.5 * 20.0 / 1000.0, rel=1e-5, abs=1e-8
    )
    if abs(pm_dec) > 1:
        assert (moved[1] > dec) == (pm_dec > 0) or abs(pm_dec) < 1e-2 * abs(pm_ra)


def test_proper_motion_agrees_with_astropy() -> None:
    star = SkyCoord(
        ra=346.8696488 * u.deg,
        dec=21.1342531 * u.deg,
        pm_ra_cosdec=107.93 * u.mas / u.yr,
        pm_dec=-49.63 * u.mas / u.yr,
        distance=39.4 * u.pc,
        radial_velocity=0 * u.km / u.s,
        obstime=Time("J2000.0"),
    ).apply_space_motion(new_obstime=Time("J2016.5"))
    ours = position_at(346.8696488, 21.1342531, 107.93, -49.63, 16.5)
    assert separation_arcsec(*ours, star.ra.deg, star.dec.deg) < 1e-4


def test_a_pointing_that_agrees_gets_the_star_at_its_epoch(catalogue: Settings, tmp_path: Path) -> None:
    ingest_raw([frames.write_frame(tmp_path, frames.header())], read_raw_frame, catalogue)
    observation = Observation.objects.get()
    star = Resolver(OFFLINE).resolve("bet Pic")
    assert star is not None
    moved = separation_arcsec(star.ra, star.dec, observation.s_ra or 0, observation.s_dec or 0)
    assert moved == pytest.approx(0.08323 * 15.09, rel=1e-3)  # 83.2 mas/yr since 2000
    assert observation.target.pointing_offset == pytest.approx(0, abs=0.1)


def test_a_pointing_that_disagrees_is_kept_and_reported(catalogue: Settings, tmp_path: Path) -> None:
    away = (frames.BET_PIC[0], frames.BET_PIC[1] + 144.0 / 3600)
    path = frames.write_frame(tmp_path, frames.header(pointing=away))
    report = ingest_raw([path], read_raw_frame, catalogue)
    target = Target.objects.get()
    assert (target.source, target.main_name, target.ra, target.dec) == ("pointing", "beta_Pic", *away)
    assert target.pointing_offset == pytest.approx(144.0, abs=0.1)
    assert "* bet Pic" in target.flag
    assert any("144.0 arcsec" in note for note in report.notes)
    observation = Observation.objects.get()
    assert (observation.s_ra, observation.s_dec) == away


def test_an_unknown_name_takes_the_pointing_and_says_so(catalogue: Settings, tmp_path: Path) -> None:
    here, there = (10.0, -20.0), (50.0, -20.0)
    for minute, place in enumerate((here, there, here)):
        cards = frames.header(minute=minute, target="Kalliope", pointing=place, ob_id=minute + 1)
        report = ingest_raw([frames.write_frame(tmp_path, cards)], read_raw_frame, catalogue)
    assert any(note.startswith("Kalliope: SIMBAD is not asked") for note in report.notes)
    assert Target.objects.filter(main_name="Kalliope").count() == 2


def test_neither_name_nor_pointing_is_a_refusal(catalogue: Settings, tmp_path: Path) -> None:
    cards = frames.header(target="nobody", pointing=None)
    report = ingest_raw([frames.write_frame(tmp_path, cards)], read_raw_frame, catalogue)
    assert "no position" in report.entries[0].reason
    assert Observation.objects.count() == 0
