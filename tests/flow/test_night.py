"""Raw frames in, published products out: what TAP says is what was planted."""

import pytest
import pyvo

from hcvo.report import Row
from hcvo.site.demo import CANDIDATES_QUERY, METHODS, ask, found_by
from hcvo.site.planted import compare, read_truth
from tests.flow.conftest import Reduced


def test_bad_files_are_named_and_the_rest_goes_in(reduced: Reduced) -> None:
    flat = " ".join(reduced.ingested.split())
    assert "refused notes.txt" in flat
    assert "refused SPHER.2018-04-21T12:00:00.000.fits" in flat
    frames = ask(reduced.operator.settings, "SELECT count(*) AS n FROM hci.raw_frame")
    assert frames["n"][0] == len(list(reduced.raw.glob("SPHER.*.fits"))) - 1


def test_tap_tells_the_planted_companions(reduced: Reduced) -> None:
    settings = reduced.operator.settings
    obs_id = str(ask(settings, "SELECT obs_id FROM hci.observation WHERE n_science > 0")["obs_id"][0])
    answer = ask(settings, CANDIDATES_QUERY.format(obs_id=obs_id))
    answer = answer[answer["process_id"] <= reduced.last_process]  # another test reduces it with 4 components
    for method in METHODS:
        rows = compare(method, read_truth(reduced.truth), found_by(answer, method), 12.255)
        # A quick night has a quarter of the demo's frames: less S/N, half a pixel, errors still true.
        missed = [row for row in rows if not (row.ok or row.quantity == "snr" or _near_enough(row))]
        assert missed == []


def test_every_product_leads_back_to_raw_frames(reduced: Reduced) -> None:
    query = (
        "SELECT p.accref, count(i.name) AS n FROM hci.product AS p "
        "LEFT OUTER JOIN hci.process_input AS i ON p.process_id = i.process_id GROUP BY p.accref"
    )
    answer = ask(reduced.operator.settings, query)
    assert len(answer) >= 12
    assert min(answer["n"]) >= 1


def test_the_same_commands_again_change_nothing(reduced: Reduced) -> None:
    settings = reduced.operator.settings
    before = [ask(settings, f"SELECT count(*) AS n FROM hci.{one}")["n"][0] for one in _TABLES]
    reduced.operator.run("ingest", "raw", str(reduced.raw), "--release", "now")
    again = reduced.operator.run("reduce", "--night", "2018-04-20", "--target", "hcvo sim 1")
    assert again.strip().rpartition("\n")[2].startswith("0 processes done")
    assert [ask(settings, f"SELECT count(*) AS n FROM hci.{one}")["n"][0] for one in _TABLES] == before


# pyvo does not know every element of DaCHS's capabilities
@pytest.mark.filterwarnings("ignore:.*Unknown (xsi|element)")
def test_sia2_finds_the_star_and_its_file_opens(reduced: Reduced) -> None:
    settings = reduced.operator.settings
    service = pyvo.dal.SIA2Service(f"{settings.base_url}/hci/sia/v2/siap2.xml")
    target = ask(settings, "SELECT ra, dec FROM hci.target")[0]
    records = service.search(pos=(target["ra"], target["dec"], 0.01), calib_level=3, data_type="image")
    assert {record["instrument_name"] for record in records} == {"SPHERE/IRDIS"}
    links = records[0].getdatalink()
    assert "#this" in {str(link.semantics) for link in links}


_TABLES = ("target", "observation", "raw_frame", "process", "product", "detection", "contrast")


def _near_enough(row: Row) -> bool:
    return row.quantity == "position off" and isinstance(row.value, float) and row.value <= 0.5
