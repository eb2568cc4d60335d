"""The real astroquery client asks a TAP service with SIMBAD's table names, served by a DaCHS of ours."""

import shutil
from pathlib import Path

import pytest
from astroquery.simbad import SimbadClass
from pyvo.dal import TAPService

from hcvo.catalogue.models import Target
from hcvo.config import Resolver as ResolverSettings
from hcvo.config import Settings
from hcvo.errors import ResolveError
from hcvo.model.motion import separation_arcsec
from hcvo.site import dachs
from hcvo.site.account import server_account
from hcvo.site.database import connect
from ingest.pointing import Pointing
from ingest.raw import ingest_raw
from ingest.report import IngestReport, Outcome
from ingest.resolve import Resolver
from ingest.targets import target_row
from reduce.classify import read_raw_frame
from tests.ingest import frames

STANDIN = Path(__file__).parents[1] / "standin" / "simbad"
EPOCH_MJD = 58849.0  # 2020-01-01

pytestmark = [
    pytest.mark.filterwarnings("ignore:Unknown xsi.type:UserWarning"),  # of pyvo, in capabilities
    pytest.mark.filterwarnings("ignore::pyvo.utils.xml.exceptions.UnknownElementWarning"),
]


@pytest.fixture(scope="module")
def simbad(live_site: Settings) -> str:
    """Address of a TAP service that holds the stand-in."""
    account = server_account(live_site)
    with connect(live_site) as session, session.cursor() as cursor:
        cursor.execute("GRANT CREATE, USAGE ON SCHEMA public TO gavoadmin")
    session.close()
    folder = live_site.dachs_inputs / "simbad"
    shutil.copytree(STANDIN, folder, dirs_exist_ok=True)
    account.own(folder, 0o755)
    dachs.run(live_site, account, "imp", "simbad/q")
    return f"{live_site.base_url}/tap"


@pytest.fixture
def resolver(simbad: str) -> Resolver:
    return Resolver(ResolverSettings(simbad_url=simbad), stars={})


def test_the_stand_in_answers_what_astroquery_itself_asks(simbad: str) -> None:
    class Client(SimbadClass):  # type: ignore[misc] # astroquery ships no types
        @property
        def tap(self) -> TAPService:
            return TAPService(simbad)

    (row,) = Client().query_object("HIP 76001")
    assert (row["main_id"], row["ra"]) == ("HD 138138", 233.1)
    table = Client().query_objects(["HD 209100", "no such star", "HIP 76001"])
    assert {str(row["main_id"]) for row in table if row["main_id"]} == {"* eps Ind", "HD 138138"}


def test_a_name_leads_to_the_star_with_all_its_names(resolver: Resolver) -> None:
    star = resolver.resolve("HIP_76001")
    assert star is not None
    assert (star.name, star.names, star.source) == ("HD 138138", ("HD 138138", "HIP 76001"), "simbad")
    assert (star.ra, star.dec, star.pm_ra, star.pm_dec, star.parallax) == (233.1, -46.2, -30.5, 12.25, 10.5)
    assert star.facts == {"sp_type": "G8V", "rv": -12.5, "mag_v": 7.25, "mag_g": 7.0625, "mag_h": 5.5}
    assert star.references == {
        "position": "2020yCat.1350....0G", "pm": "2020yCat.1350....0G", "parallax": "2020yCat.1350....0G",
        "sp_type": "2006AJ....132..161G", "rv": "2018A&A...616A...1G", "mag_v": "2000A&A...355L..27H",
        "mag_g": "2020yCat.1350....0G", "mag_h": "2003yCat.2246....0C",
    }  # fmt: skip
    assert resolver.trouble == ""


def test_a_star_without_proper_motion_has_none(resolver: Resolver) -> None:
    star = resolver.resolve("TYC 8624-931-1")
    assert star is not None
    assert (star.pm_ra, star.parallax) == (None, None)
    assert (star.facts, star.references) == ({}, {"position": "2020yCat.1350....0G"})


def test_a_quote_in_a_name_is_no_trouble(resolver: Resolver) -> None:
    star = resolver.resolve("V* d'Artagnan")
    assert star is not None
    assert star.name == "TYC 8624-931-1"


def test_an_unknown_name_leads_nowhere(resolver: Resolver) -> None:
    assert resolver.resolve("Kalliope") is None
    assert resolver.trouble == ""


def test_a_name_of_two_stars_is_refused(resolver: Resolver) -> None:
    with pytest.raises(ResolveError, match="2 stars in SIMBAD: NAME Twin A, NAME Twin B"):
        resolver.resolve("Twin")


def test_the_cross_check_follows_a_fast_star(resolver: Resolver, catalogue: Settings) -> None:
    """Epsilon Indi has moved 94 arcsec since 2000: agreement needs the epoch."""
    del catalogue
    report = IngestReport()
    star = resolver.resolve("eps Ind")
    assert star is not None
    ra, dec = star.at_mjd(EPOCH_MJD)
    assert separation_arcsec(ra, dec, star.ra, star.dec) == pytest.approx(4.705 * 20.0, rel=1e-3)
    target, *place = target_row(Pointing("eps Ind", ra, dec, EPOCH_MJD), resolver, report)
    assert (target.source, target.flag, place, report.notes) == ("simbad", "", [ra, dec], [])
    old = target_row(Pointing("eps Ind", star.ra, star.dec, EPOCH_MJD), resolver, report)[0]
    assert (old.source, old.pk != target.pk) == ("pointing", True)
    assert "94.1 arcsec" in report.notes[0]


def test_a_night_that_came_in_off_line_is_understood_when_simbad_answers(
    catalogue: Settings, simbad: str, tmp_path: Path
) -> None:
    cards = frames.header(target="HIP_76001", pointing=(233.1, -46.2))
    path = frames.write_frame(tmp_path, cards)
    ingest_raw([path], read_raw_frame, catalogue)
    before = Target.objects.get()
    online = catalogue.model_copy(update={"resolver": ResolverSettings(simbad_url=simbad)})
    report = ingest_raw([path], read_raw_frame, online)
    after = Target.objects.get()
    assert (before.source, after.source, before.pk) == ("pointing", "simbad", after.pk)
    assert (after.main_name, after.pi_names) == ("HD 138138", ["HIP_76001"])
    assert report.entries[0].outcome is Outcome.KNOWN
    assert report.notes == ["HIP_76001: now known as HD 138138 (simbad); its observations follow"]


def test_a_name_of_two_stars_keeps_the_pointing(resolver: Resolver, catalogue: Settings) -> None:
    del catalogue
    report = IngestReport()
    target, *place = target_row(Pointing("Twin", 10.0, 10.0, EPOCH_MJD), resolver, report)
    assert (target.source, place) == ("pointing", [10.0, 10.0])
    assert "leads to 2 stars" in report.notes[0]
