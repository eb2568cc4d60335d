"""One star, one row: whatever it was called, and whenever its name was understood."""

import itertools
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import connection, transaction

from hcvo.catalogue.models import Observation, Product, Target
from hcvo.config import Resolver as ResolverSettings
from hcvo.config import Settings
from hcvo.model.motion import julian_year, separation_arcsec
from ingest.pointing import Pointing, pointing_of
from ingest.raw import ingest_raw
from ingest.report import IngestReport
from ingest.resolve import Resolved, Resolver, load_dictionary
from ingest.targets import identify_again, target_row
from reduce.classify import read_raw_frame
from tests.hcvo.catalogue import rows
from tests.ingest import frames

MJD = 57056.2
STAR = Resolved("HD 1", ("HD 1", "HIP 422"), "simbad", 30.0, -40.0, 2000.0, 900.0, -500.0, 50.0)


def _resolver(*stars: Resolved) -> Resolver:
    known = {name.replace(" ", "").casefold(): star for star in stars for name in star.names}
    return Resolver(ResolverSettings(online=False), stars=known)


def _at(mjd: float, name: str = "HIP 422", off_arcsec: float = 0.0) -> Pointing:
    ra, dec = STAR.at_mjd(mjd)
    return Pointing(name, ra, dec + off_arcsec / 3600.0, mjd)


def _enter(
    pointing: Pointing, *stars: Resolved
) -> tuple[Target, tuple[float | None, float | None], list[str]]:
    report = IngestReport()
    with transaction.atomic():
        target, *place = target_row(pointing, _resolver(*stars), report)
    return target, (place[0], place[1]), report.notes


def _followers(target: Target) -> tuple[Observation, Product]:
    """An observation and a product of a target."""
    product = rows.family(**rows.PUBLIC)
    observation = product.observation
    assert observation is not None
    observation.target = product.target = target
    observation.save()
    product.target_name = target.main_name
    product.save()
    return observation, product


def test_a_name_understood_later_takes_over_the_row(catalogue: Settings) -> None:
    del catalogue
    before, place, notes = _enter(_at(MJD, off_arcsec=3.0))
    assert (before.source, before.main_name, len(notes)) == ("pointing", "HIP 422", 1)
    assert place[1] == pytest.approx(STAR.at_mjd(MJD)[1] + 3.0 / 3600)
    observation, product = _followers(before)
    after, _, _ = _enter(_at(MJD + 700), STAR)
    assert (after.pk, after.main_name, after.source, after.pm_ra) == (before.pk, "HD 1", "simbad", 900.0)
    assert after.pi_names == ["HIP 422"]
    observation.refresh_from_db()
    product.refresh_from_db()
    assert observation.target_id == product.target_id == after.pk
    assert product.target_name == "HD 1"
    there = STAR.at_mjd(observation.t_min)
    assert separation_arcsec(observation.s_ra or 0, observation.s_dec or 0, *there) < 1e-6


def test_a_name_not_understood_any_more_finds_the_row_and_its_position(catalogue: Settings) -> None:
    """Off line after on line: the archive knows the star by now."""
    del catalogue
    known, _, _ = _enter(_at(MJD), STAR)
    later = MJD + 3000.0
    for name in ("HIP 422", "hd_1"):
        found, place, notes = _enter(_at(later, name, off_arcsec=4.0))
        assert (found.pk, place, notes) == (known.pk, STAR.at_mjd(later), [])


@pytest.mark.parametrize(
    "order", list(itertools.permutations([("HIP 422", False), ("HD 1", False), ("HD 1", True)]))
)
def test_in_whatever_order_names_come_in_it_ends_as_one_row(
    catalogue: Settings, order: tuple[tuple[str, bool], ...]
) -> None:
    del catalogue
    for night, (name, understood) in enumerate(order):
        target, _, _ = _enter(_at(MJD + 400 * night, name), *([STAR] if understood else []))
        _followers(target)
    _enter(_at(MJD + 2000), STAR)
    (row,) = Target.objects.filter(dec__lt=-30)
    assert (row.main_name, row.observations.count(), row.flag) == ("HD 1", 3, "")
    assert set(Product.objects.values_list("target_name", flat=True)) == {"HD 1"}
    assert Product.objects.filter(target=row).count() == 3


def test_two_names_of_the_resolvers_for_one_star_are_one_row(catalogue: Settings) -> None:
    """The dictionary and SIMBAD may prefer another name of the same star."""
    del catalogue
    first, _, _ = _enter(_at(MJD), STAR)
    other = replace(STAR, name="HIP 422", names=("HIP 422", "HD 1"), source="dictionary")
    again, _, _ = _enter(_at(MJD), other)
    assert (again.pk, Target.objects.count()) == (first.pk, 1)


@pytest.mark.parametrize(("off", "stars"), [(9.0, 1), (11.0, 2), (3600.0, 2)])
def test_an_unknown_name_at_two_places(catalogue: Settings, off: float, stars: int) -> None:
    del catalogue
    place = Pointing("Kalliope", 10.0, -20.0, MJD)
    first, _, _ = _enter(place)
    again, _, notes = _enter(replace(place, name="KALLIOPE", dec_deg=-20.0 + off / 3600, mjd=MJD + 365))
    assert Target.objects.count() == stars
    if stars == 1:
        assert (again.pk, again.flag) == (first.pk, "")
    else:
        first.refresh_from_db()
        assert "two stars?" in first.flag
        assert first.flag == again.flag
        assert not any(character.isdigit() for character in again.flag)  # tells nothing of the other
        assert any(f"{off:.0f} arcsec from where" in note for note in notes)


def test_an_unknown_star_is_followed_by_the_proper_motion_the_telescope_used(catalogue: Settings) -> None:
    del catalogue
    for mjd in (MJD, MJD + 9000.0):  # 25 arcsec later
        ra, dec = STAR.at_mjd(mjd)
        target, place, _ = _enter(Pointing("fast one", ra, dec, mjd, STAR.pm_ra, STAR.pm_dec))
        assert place == (ra, dec)
    assert (Target.objects.get().pk, target.flag) == (target.pk, "")


def test_a_name_that_turns_out_to_lie_elsewhere_is_flagged_not_moved(catalogue: Settings) -> None:
    del catalogue
    before, _, _ = _enter(_at(MJD, off_arcsec=140.0))
    after, _, notes = _enter(_at(MJD, off_arcsec=140.0), STAR)
    assert (after.pk, after.source) == (before.pk, "pointing")
    assert after.flag.startswith("HD 1 (simbad) lies 140.0 arcsec")
    assert after.flag in notes[0]
    identify_again(list(_frame_of(after)), _resolver(STAR), IngestReport())
    after.refresh_from_db()
    assert after.source == "pointing"


def _frame_of(target: Target) -> list[str]:
    observation, _ = _followers(target)
    return list(observation.frames.values_list("dp_id", flat=True))


def test_the_same_files_again_understand_a_name_that_is_known_now(catalogue: Settings) -> None:
    del catalogue
    before, _, _ = _enter(_at(MJD))
    names = _frame_of(before)
    report = IngestReport()
    identify_again(names, _resolver(), report)
    assert (Target.objects.get(pk=before.pk).source, report.notes) == ("pointing", [])
    identify_again([], _resolver(STAR), report)
    assert (Target.objects.get(pk=before.pk).source, report.notes) == ("pointing", [])
    identify_again(names, _resolver(STAR), report)
    assert Target.objects.get(pk=before.pk).main_name == "HD 1"
    assert report.notes == ["HIP 422: now known as HD 1 (simbad); its observations follow"]


def test_programs_at_the_same_time_make_one_row(catalogue: Settings) -> None:
    del catalogue

    def work() -> None:
        try:
            together.wait()
            found.append(_enter(_at(MJD))[0].pk)
        finally:
            connection.close()

    found: list[int] = []
    together = threading.Barrier(4)
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert (len(found), len(set(found)), Target.objects.count()) == (4, 1, 1)


def test_the_star_of_simulated_nights_is_one_row(catalogue: Settings, tmp_path: Path) -> None:
    """A site that had met the name before the dictionary knew it showed two."""
    star = load_dictionary()["hcvosim1"]
    ra, dec = star.at_mjd(MJD)
    with transaction.atomic():
        target_row(Pointing("HCVO SIM 1", ra, dec, MJD), _resolver(), IngestReport())
    cards = frames.header(target="HCVO SIM 1", pointing=(ra, dec))
    ingest_raw([frames.write_frame(tmp_path, cards)], read_raw_frame, catalogue)
    row = Target.objects.get()
    assert (row.source, row.flag) == ("dictionary", "")
    assert row.observations.count() == 1


def _cards(**changes: object) -> dict[str, object]:
    """As a real header of 2020 has them: the pointing 3 arcsec from the target."""
    return {
        "RA": 191.084536, "DEC": -8.67217, "ESO TEL TARG ALPHA": 124420.236, "ESO TEL TARG DELTA": -84016.833,
        "ESO TEL TARG PMA": 0.00752, "ESO TEL TARG PMD": -0.01444,
    } | changes  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "dpr", "followed"),
    [
        ({}, frames.SCIENCE, True),
        ({"RA": None, "DEC": None}, frames.SCIENCE, True),
        ({"DEC": -8.70}, frames.SCIENCE, False),  # the telescope looked elsewhere
        ({"DEC": -8.70}, ("SCIENCE", "SKY", "IMAGE,DUAL", "IRDIS"), True),  # as it does for skies
        ({"ESO TEL TARG ALPHA": 124460.0}, frames.SCIENCE, False),  # no packed number
        ({"ESO TEL TARG DELTA": None}, frames.SCIENCE, False),
    ],
)
def test_position_of_a_header(
    tmp_path: Path, changes: dict[str, object], dpr: tuple[str, str, str, str], *, followed: bool
) -> None:
    header = frames.header(dpr, pointing=None, target="HD 110697")
    cards = {key: value for key, value in _cards(**changes).items() if value is not None}
    for key, value in cards.items():
        header[f"HIERARCH {key}" if key.startswith("ESO") else key] = value
    found = pointing_of(read_raw_frame(frames.write_frame(tmp_path, header)))
    if not followed:
        assert (found.ra_deg, found.dec_deg, found.pm_ra) == (cards["RA"], cards["DEC"], None)
        return
    years = julian_year(found.mjd) - 2000.0
    assert found.dec_deg == pytest.approx(-(8 + 40 / 60 + (16.833 + 0.01444 * years) / 3600), abs=1e-9)
    assert found.ra_deg == pytest.approx(15 * (12 + 44 / 60 + 20.236 / 3600), abs=1e-4)
    assert (found.pm_ra, found.pm_dec) == (7.52, -14.44)
