"""Provenance as tables and as PROV-JSON: the whole chain, nothing of it private."""

import json
import urllib.error
import urllib.parse
import urllib.request

import pytest
from prov.model import ProvActivity, ProvAgent, ProvDocument, ProvEntity, ProvGeneration, ProvUsage
from pyvo.dal import TAPService
from pyvo.dal.adhoc import DatalinkResults

from hcvo.catalogue.models import ProcessInput, Product, Programme
from tests.hcvo.site.archive import Planted

pytestmark = [
    pytest.mark.filterwarnings("ignore:Unknown xsi.type:UserWarning"),  # of pyvo, in capabilities
    pytest.mark.filterwarnings("ignore::pyvo.utils.xml.exceptions.UnknownElementWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:prov.*"),
]
_RAW = "SPHER.2018-04-21T00:00:00.000"


@pytest.fixture(scope="module")
def tap(planted: Planted) -> TAPService:
    return TAPService(f"{planted.settings.base_url}/tap")


def _document(planted: Planted, kind: str) -> str:
    query = urllib.parse.urlencode({"ID": planted.did(kind)})
    url = f"{planted.settings.base_url}/hci/dl/links/dlmeta?{query}"
    (link,) = [
        link for link in DatalinkResults.from_result_url(url) if link["local_semantics"] == "provenance"
    ]
    assert (link["semantics"], link["content_type"]) == ("#documentation", "application/json")
    with urllib.request.urlopen(link["access_url"], timeout=30) as answer:
        assert answer.headers["content-type"].startswith("application/json")
        return str(answer.read().decode())


def _read(text: str) -> ProvDocument:
    document = ProvDocument.deserialize(content=text, format="json")
    assert isinstance(document, ProvDocument)
    return document


def test_a_document_goes_back_to_the_raw_frame(planted: Planted) -> None:
    document = _read(_document(planted, "snr"))
    entities = {str(one.identifier).removeprefix("hca:~?") for one in document.get_records(ProvEntity)}
    dark = f"raw/{_RAW.replace('T00:', 'T12:')}.fits"
    assert entities == {planted.accref("snr"), planted.accref("cube"), planted.accref("dark"),
                        f"raw/{_RAW}.fits", dark}  # fmt: skip
    names = {
        str(value)
        for one in document.get_records(ProvActivity)
        for name, value in one.extra_attributes
        if str(name) == "voprov:name"
    }
    assert names == {"pca", "irdis_cube", "irdis_dark"}
    assert len(list(document.get_records(ProvGeneration))) == 3
    assert len(list(document.get_records(ProvUsage))) == 4


def test_a_document_names_who_answers(planted: Planted) -> None:
    """The archive of products and processes, the PI of what is of a public observation."""
    observation = Product.objects.get(accref=planted.accref("snr")).observation
    assert observation is not None
    before = observation.programme
    led_by = Programme.objects.create(programme="0101.C-0002(B)", pi="A. Starr")
    observation.programme = led_by
    observation.save()
    try:
        text = _document(planted, "snr")
    finally:
        observation.programme = before
        observation.save()
        led_by.delete()
    document = _read(text)
    told = json.loads(text)
    assert {str(one.identifier) for one in document.get_records(ProvAgent)} == {
        "hca:org", "hca:pi?0101.C-0002(B)"
    }  # fmt: skip
    assert told["agent"]["hca:org"]["prov:type"]["$"] == "prov:Organization"
    assert told["agent"]["hca:pi?0101.C-0002(B)"]["voprov:name"] == "A. Starr"
    due = [(one["prov:entity"], one["prov:role"]) for one in told["wasAttributedTo"].values()]
    assert sorted(due) == sorted(
        [(f"hca:~?{planted.accref(kind)}", "creator") for kind in ("snr", "cube", "dark")]
        + [(f"hca:~?{planted.accref(kind)}", "principal investigator") for kind in ("snr", "cube")]
        + [(f"hca:~?raw/{_RAW}.fits", "principal investigator")]
    )
    led = {(one["prov:agent"], one["prov:role"]) for one in told["wasAssociatedWith"].values()}
    assert led == {("hca:org", "operator")}
    assert len(told["wasAssociatedWith"]) == 3
    assert "A. Starr" not in _document(planted, "snr")


def test_of_a_raw_frame_there_is_the_frame_alone(planted: Planted) -> None:
    did = f"ivo://{planted.settings.dachs.authority}/~?raw/{_RAW}.fits"
    url = f"{planted.settings.base_url}/hci/dl/provenance/dlget?{urllib.parse.urlencode({'ID': did})}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert set(json.load(answer)) == {"prefix", "entity"}


def test_what_is_embargoed_has_no_document_and_is_in_no_other(planted: Planted) -> None:
    accref = planted.accref("embargoed")
    query = urllib.parse.urlencode({"ID": planted.did("embargoed")})
    url = f"{planted.settings.base_url}/hci/dl/provenance/dlget?{query}"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url, timeout=30)
    assert refused.value.code == 404
    cube = Product.objects.get(accref=planted.accref("cube"))
    hidden = Product.objects.get(accref=accref)
    read = ProcessInput.objects.create(
        process=cube.process, role="secret", name=hidden.name, sha256=hidden.sha256, product=hidden,
        release_time=cube.process.release_time,
    )  # fmt: skip
    try:
        text = _document(planted, "snr")
    finally:
        read.delete()
    assert hidden.name not in text
    assert "secret" not in text


def test_tables_have_the_attributes_of_the_model(tap: TAPService) -> None:
    rows = tap.search("SELECT table_name, utype FROM tap_schema.columns WHERE utype LIKE 'prov:%'")
    utypes = {row["utype"] for row in rows if row["table_name"].startswith("hci.prov_")}
    assert utypes >= {
        "prov:Entity.id", "prov:Entity.name", "prov:Entity.location", "prov:Entity.generatedAtTime",
        "prov:Activity.id", "prov:Activity.name", "prov:Activity.startTime", "prov:Activity.stopTime",
        "prov:Used.activity", "prov:Used.entity", "prov:Used.role", "prov:WasGeneratedBy.entity",
        "prov:WasGeneratedBy.activity", "prov:Parameter.name", "prov:Parameter.value", "prov:Agent.id",
        "prov:Agent.name", "prov:Agent.type", "prov:WasAssociatedWith.activity",
        "prov:WasAssociatedWith.agent", "prov:WasAttributedTo.entity", "prov:WasAttributedTo.agent",
    }  # fmt: skip


def test_tables_join_from_a_map_to_its_raw_frames(tap: TAPService, planted: Planted) -> None:
    rows = tap.search(
        "SELECT e.name FROM hci.prov_was_generated_by AS g"
        " JOIN hci.prov_used AS u ON u.activity = g.activity"
        " JOIN hci.prov_was_generated_by AS g1 ON g1.entity = u.entity"
        " JOIN hci.prov_used AS u1 ON u1.activity = g1.activity"
        " JOIN hci.prov_entity AS e ON e.id = u1.entity"
        f" WHERE g.entity = '{planted.did('snr')}' AND u1.role = 'science'"
    )
    assert [row["name"] for row in rows] == [_RAW]
