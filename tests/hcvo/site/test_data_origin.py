"""Every VOTable tells where it comes from: INFOs of the IVOA note Data Origin."""

import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import requests
from pyvo.dal import AsyncTAPJob

from hcvo.catalogue.models import Process, Product
from hcvo.site.database import connect
from tests.hcvo.site.archive import DEC, RA, Planted

_QUERY = "SELECT TOP 1 obs_id FROM hci.product WHERE kind = 'image'"
_JOIN = "SELECT TOP 1 o.obs_id FROM hci.observation AS o JOIN hci.product AS p ON p.obs_id = o.obs_id"

Infos = dict[str, list[str]]


def infos_of(document: bytes) -> Infos:
    """Name to values of the INFOs of a VOTable."""
    told: Infos = {}
    for element in ET.fromstring(document).iter():
        if element.tag.rpartition("}")[2] == "INFO":
            told.setdefault(element.attrib["name"], []).append(element.attrib["value"])
    return told


def answer(url: str, posted: dict[str, str] | None = None) -> bytes:
    data = urllib.parse.urlencode(posted).encode() if posted is not None else None
    with urllib.request.urlopen(url, data, timeout=60) as given:
        content: bytes = given.read()
        return content


def asked_async(base: str, parameters: dict[str, str]) -> bytes:
    """The result of an asynchronous query."""
    with requests.Session() as session:
        job = AsyncTAPJob.create(f"{base}/tap", parameters["QUERY"], session=session)
        job.run().wait(timeout=60)
        job.raise_if_error()
        content = answer(job.result_uri)
        job.delete()
        return content


def sync(base: str, query: str) -> tuple[str, dict[str, str]]:
    return f"{base}/tap/sync", {"LANG": "ADQL", "QUERY": query}


def by_get(place: str, parameters: dict[str, str]) -> bytes:
    return answer(f"{place}?{urllib.parse.urlencode(parameters)}")


PROTOCOLS = {
    "tap": ("tap/sync", "tap", "ivo://ivoa.net/std/TAP"),
    "sia2": ("hci/sia/v2/siap2.xml", "hci/sia/v2", "ivo://ivoa.net/std/SIA#query-2.0"),
    "sia1": ("hci/sia/v1/siap.xml", "hci/sia/v1", "ivo://ivoa.net/std/SIA"),
    "cone": ("hci/cone/targets/scs.xml", "hci/cone/targets", "ivo://ivoa.net/std/ConeSearch"),
    "datalink": ("hci/dl/links/dlmeta", "hci/dl/links", "ivo://ivoa.net/std/DataLink#links-1.1"),
}


def question(planted: Planted, protocol: str) -> dict[str, str]:
    return {
        "tap": {"LANG": "ADQL", "QUERY": _QUERY},
        "sia2": {"POS": f"CIRCLE {RA} {DEC} 0.1"},
        "sia1": {"POS": f"{RA},{DEC}", "SIZE": "0.1"},
        "cone": {"RA": str(RA), "DEC": str(DEC), "SR": "0.1"},
        "datalink": {"ID": planted.did("image")},
    }[protocol]


def check_origin(planted: Planted, told: Infos, protocol: str) -> None:
    _, service, standard = PROTOCOLS[protocol]
    authority = f"ivo://{planted.settings.dachs.authority}"
    assert told["service_protocol"] == [standard]
    assert told["data_ivoid"] == [f"{authority}/hci/q/collection"]
    assert told["service_ivoid"] == [f"{authority}/{service}"]
    assert told["resource_version"] == ["1"]
    assert [date[:10] for date in told["publication_date"]] == ["2026-01-01"]
    assert told["rights_uri"] == ["https://spdx.org/licenses/CC-BY-4.0.html"]
    assert told["publisher"] == ["High-Contrast Archive"]
    (updated,) = told["last_update_date"]
    age = datetime.now(UTC) - datetime.fromisoformat(updated).replace(tzinfo=UTC)
    assert timedelta(0) <= age < timedelta(hours=3)  # processes of tests end when they are planted
    assert len(told["request_date"]) == 1


def check_request(told: Infos, place: str, parameters: dict[str, str]) -> None:
    (request,) = told["request"]
    address, _, query = request.partition("?")
    assert address == place
    given = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
    assert parameters.items() <= given.items()


@pytest.mark.parametrize("send", [by_get, answer], ids=["GET", "POST"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_tells_its_origin(
    planted: Planted, protocol: str, send: Callable[[str, dict[str, str]], bytes]
) -> None:
    place = f"{planted.settings.base_url}/{PROTOCOLS[protocol][0]}"
    parameters = question(planted, protocol)
    told = infos_of(send(place, parameters))
    check_origin(planted, told, protocol)
    check_request(told, place, parameters)


def test_the_request_can_be_sent_again(planted: Planted) -> None:
    place, parameters = sync(planted.settings.base_url, _QUERY)
    told = infos_of(answer(place, parameters))
    again = infos_of(answer(told["request"][0]))
    assert again["query"] == told["query"] == [_QUERY]
    assert again["request"] == told["request"]


def test_results_of_asynchronous_queries_tell_it_too(planted: Planted) -> None:
    place, parameters = sync(planted.settings.base_url, _QUERY)
    told = infos_of(asked_async(planted.settings.base_url, parameters))
    check_origin(planted, told, "tap")
    check_request(told, place.replace("sync", "async"), parameters)


@pytest.mark.parametrize("query", [_JOIN, "SELECT TOP 1 obs_id FROM ivoa.obscore"], ids=["join", "ObsCore"])
def test_joins_and_obscore_come_from_the_collection(planted: Planted, query: str) -> None:
    told = infos_of(by_get(*sync(planted.settings.base_url, query)))
    check_origin(planted, told, "tap")


def test_epn_tap_has_its_own_record(planted: Planted) -> None:
    query = "SELECT TOP 1 granule_uid FROM hci_epn.epn_core"
    told = infos_of(by_get(*sync(planted.settings.base_url, query)))
    assert told["data_ivoid"] == [f"ivo://{planted.settings.dachs.authority}/hci_epn/q/collection"]


def test_answers_without_rows_and_descriptions_tell_it(planted: Planted) -> None:
    base = planted.settings.base_url
    unknown = urllib.parse.urlencode({"ID": planted.did("image") + "x"})
    for protocol, place in (
        ("sia2", f"{base}/hci/sia/v2/siap2.xml?MAXREC=0"),
        ("sia1", f"{base}/hci/sia/v1/siap.xml?FORMAT=METADATA"),
        ("datalink", f"{base}/hci/dl/links/dlmeta?{unknown}"),
    ):
        told = infos_of(answer(place))
        check_origin(planted, told, protocol)
        assert told["request"] == [place]


def test_protocols_are_those_of_the_capabilities(planted: Planted) -> None:
    for place, service, standard in PROTOCOLS.values():
        capabilities = answer(f"{planted.settings.base_url}/{service}/capabilities").decode()
        assert f'standardid="{standard}"'.lower() in capabilities.lower(), place


def test_no_password_is_told(planted: Planted) -> None:
    place, parameters = sync(planted.settings.base_url, _QUERY)
    secret = {"UPLOAD": "mine,http://somebody:Zqsecret@127.0.0.1:1/x.vot", "password": "Zqsecret"}
    address = f"{planted.settings.base_url}/hci/cone/targets/scs.xml"
    cone = {**question(planted, "cone"), "password": "Zqsecret", "note": "http://me:Zqsecret@example.org/"}
    content = by_get(address, cone)
    assert b"Zqsecret" not in content
    assert "note=http%3A%2F%2Fexample.org%2F" in infos_of(content)["request"][0]
    told = infos_of(by_get(place, {**parameters, "password": secret["password"]}))
    assert "Zqsecret" not in told["request"][0]


def test_what_is_private_makes_the_archive_no_newer(planted: Planted) -> None:
    def newest() -> datetime:
        session = connect(planted.settings, user="gavo")
        try:
            with session.cursor() as ask:
                ask.execute("SELECT time FROM dc.last_update")
                (told,) = ask.fetchone() or (None,)
                assert isinstance(told, datetime)
                return told.replace(tzinfo=UTC)
        finally:
            session.close()

    before = newest()
    hidden = Product.objects.get(accref=planted.accref("embargoed"))
    process = Process.objects.get(pk=hidden.process_id)
    ended, release = process.ended, hidden.release_time
    try:
        Process.objects.filter(pk=process.pk).update(ended=datetime.now(UTC))
        assert newest() == before
        just_now = datetime.now(UTC) - timedelta(milliseconds=1)
        Product.objects.filter(pk=hidden.pk).update(release_time=just_now)
        assert newest() == just_now
    finally:
        Process.objects.filter(pk=process.pk).update(ended=ended)
        Product.objects.filter(pk=hidden.pk).update(release_time=release)
