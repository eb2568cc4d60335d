"""The publishing registry: every record valid and complete, coverage of public data only."""

import time
import urllib.parse
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from astropy import units as u
from astropy.coordinates import Latitude, Longitude
from mocpy import MOC

from hcvo.catalogue.models import Observation, Product
from hcvo.errors import SiteError
from hcvo.site import coverage, dachs
from hcvo.site.account import server_account
from tests.hcvo.site.archive import DEC, RA, Planted
from tests.hcvo.site.test_services import get_url

_OAI = "{http://www.openarchives.org/OAI/2.0/}"
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_STD = "ivo://ivoa.net/std"
_VOSI = {f"{_STD}/VOSI#availability": "availability", f"{_STD}/VOSI#capabilities": "capabilities"}
_RA, _DEC, _MJD = (RA + 90) % 360, -DEC, 57000.0
"""Of what is not public."""
_PATIENCE_S = 30.0
"""DaCHS reads a descriptor again 10 s after the last time, at the earliest."""
SERVICES = {
    "tap": ("Archive", {f"{_STD}/TAP": "tap"}),
    "hci/sia/v2": ("Archive", {f"{_STD}/SIA#query-2.0": "hci/sia/v2/siap2.xml?"}),
    "hci/sia/v1": ("Archive", {f"{_STD}/SIA": "hci/sia/v1/siap.xml?"}),
    "hci/cone/observations": ("Archive", {f"{_STD}/ConeSearch": "hci/cone/observations/scs.xml?"}),
    "hci/cone/targets": ("Archive", {f"{_STD}/ConeSearch": "hci/cone/targets/scs.xml?"}),
    "hci/cone/detections": ("Archive", {f"{_STD}/ConeSearch": "hci/cone/detections/scs.xml?"}),
    "hci/dl/links": ("Archive", {f"{_STD}/DataLink#links-1.1": "hci/dl/links/dlmeta"}),
    "hci/soda/cutout": ("Archive", {f"{_STD}/SODA#sync-1.0": "hci/soda/cutout/dlget"}),
    "__system__/services/registry": ("Registry", {f"{_STD}/Registry": "oai.xml"}),
}
"""Local part of each published service to its type, and the addresses of its standards."""
COLLECTIONS = ("hci/q/collection", "hci_epn/q/collection", "__system__/obscore/ObsCore")
_COVERED = ("hci/sia/v2", "hci/sia/v1", "hci/cone/observations", "hci/cone/targets", "hci/cone/detections",
            "hci/soda/cutout", "hci/dl/links", "hci/q/collection", "hci_epn/q/collection")  # fmt: skip


def asked(planted: Planted, verb: str, **parameters: str) -> bytes:
    query = urllib.parse.urlencode({"verb": verb, **parameters})
    return get_url(f"{planted.settings.base_url}/oai.xml?{query}")


def resources(planted: Planted) -> dict[str, ET.Element]:
    """Local part of each identifier to its record."""
    tree = ET.fromstring(asked(planted, "ListRecords", metadataPrefix="ivo_vor", set="ivo_managed"))
    root = f"ivo://{planted.settings.dachs.authority}"
    return {
        str(one.findtext("identifier")).removeprefix(root).removeprefix("/"): one
        for one in (metadata[0] for metadata in tree.iter(f"{_OAI}metadata"))
    }


@pytest.fixture(scope="module")
def hidden(planted: Planted) -> Iterator[Product]:
    """An observation and its image that are private, elsewhere, at another time and wavelength."""
    later = {"release_time": datetime.now(UTC) + timedelta(days=3650)}
    product = Product.objects.get(accref=planted.accref("embargoed"))
    observation = product.observation
    assert observation is not None
    product.pk = None
    observation.pk = None
    there = {"s_ra": _RA, "s_dec": _DEC, "t_min": _MJD, "t_max": _MJD + 0.1, **later}
    for name, value in there.items():
        setattr(observation, name, value)
        setattr(product, name, value)
    observation.obs_id, observation.group_key = "SPHERE.IRDIS.3.2014-12-09T00:00:00", "SPHERE IRDIS 3"
    observation.save()
    product.observation, product.obs_id = observation, observation.obs_id
    product.accref, product.name = "2014/elsewhere.fits", "elsewhere.fits"
    product.em_min, product.em_max, product.s_region = 9e-7, 1e-6, None
    product.save()
    yield product
    product.delete()
    observation.delete()


def covering(planted: Planted, start: float) -> dict[str, ET.Element]:
    """Records as soon as all tell that the data begin at a time, MJD."""
    end = time.monotonic() + _PATIENCE_S
    while True:
        found = resources(planted)
        told = {found[local].findtext("coverage/temporal", "0").split()[0] for local in _COVERED}
        if {float(number) for number in told} == {start}:
            return found
        assert time.monotonic() < end, f"the records tell of {told}"
        time.sleep(1)


@pytest.fixture(scope="module")
def records(planted: Planted, hidden: Product) -> dict[str, ET.Element]:
    """Records after the coverage was computed while something was private."""
    assert hidden.pk
    coverage.refresh(planted.settings)
    return covering(planted, 58229.0)


def test_all_answers_are_valid_by_the_schemas(planted: Planted, records: dict[str, ET.Element]) -> None:
    assert records
    authority = f"ivo://{planted.settings.dachs.authority}"
    account = server_account(planted.settings)
    questions = [
        ("Identify", {}),
        ("ListSets", {}),
        ("ListMetadataFormats", {}),
        ("ListIdentifiers", {"metadataPrefix": "ivo_vor"}),
        ("ListRecords", {"metadataPrefix": "ivo_vor"}),
        ("ListRecords", {"metadataPrefix": "oai_dc"}),
        *(("GetRecord", {"metadataPrefix": "ivo_vor", "identifier": f"{authority}/{local}".rstrip("/")})
          for local in ("", "org", *SERVICES, *COLLECTIONS)),
    ]  # fmt: skip
    paths = []
    for number, (verb, parameters) in enumerate(questions):
        paths.append(planted.settings.sockets / f"oai-{number}.xml")
        account.write(paths[-1], asked(planted, verb, **parameters).decode())
    said = dachs.run(planted.settings, account, "adm", "xsdValidate", *map(str, paths)).splitlines()
    assert [line for line in said if not line.endswith("-- valid")] == []
    assert len(said) == len(questions)


def test_what_is_not_valid_is_seen(planted: Planted) -> None:
    account = server_account(planted.settings)
    path = planted.settings.sockets / "oai-broken.xml"
    account.write(path, asked(planted, "Identify").decode().replace("deletedRecord>", "deleted>"))
    with pytest.raises(SiteError, match="deleted"):
        dachs.run(planted.settings, account, "adm", "xsdValidate", str(path))


def test_every_service_and_collection_has_its_record(records: dict[str, ET.Element]) -> None:
    assert set(records) == {"", "org", "~", *SERVICES, *COLLECTIONS}


@pytest.mark.parametrize("local", SERVICES)
def test_a_service_tells_type_and_capabilities(
    planted: Planted, records: dict[str, ET.Element], local: str
) -> None:
    kind, standards = SERVICES[local]
    record, base = records[local], planted.settings.base_url
    assert record.findtext("content/type") == kind
    told: dict[str | None, set[str | None]] = {}
    for one in record.iter("capability"):
        urls = [
            found.findtext("accessURL")
            for found in one.iter("interface")
            if found.get("role", "std") == "std" or one.get("standardID") is None
        ]
        told.setdefault(one.get("standardID"), set()).update(urls)
    place = "__system__/tap/run" if local == "tap" else local  # both names answer
    wanted = standards | {name: f"{place}/{path}" for name, path in _VOSI.items()}
    for standard, path in wanted.items():
        assert f"{base}/{path}" in told[standard]


@pytest.mark.parametrize("local", SERVICES)
def test_addresses_of_records_answer(planted: Planted, records: dict[str, ET.Element], local: str) -> None:
    assert records[local].findtext("curation/publisher")
    for path in _VOSI.values():
        assert b"<" in get_url(f"{planted.settings.base_url}/{local}/{path}")
    assert get_url(str(records[local].findtext("content/referenceURL")))


def test_authority_and_organisation_name_each_other(planted: Planted, records: dict[str, ET.Element]) -> None:
    root = f"ivo://{planted.settings.dachs.authority}"
    assert (records[""].get(_TYPE), records["org"].get(_TYPE)) == ("vg:Authority", "vr:Organisation")
    managing = records[""].find("managingOrg")
    assert managing is not None
    assert managing.get("ivo-id") == f"{root}/org"
    assert records["__system__/services/registry"].findtext("managedAuthority") == root[6:]
    for local, record in records.items():
        publisher = record.find("curation/publisher")
        assert publisher is not None
        assert publisher.get("ivo-id") == f"{root}/org", local
        assert record.get("status") == "active"


def test_the_registry_identifies_itself(planted: Planted) -> None:
    tree = ET.fromstring(asked(planted, "Identify"))
    assert tree.findtext(f"{_OAI}Identify/{_OAI}baseURL") == f"{planted.settings.base_url}/oai.xml"
    sets = ET.fromstring(asked(planted, "ListSets"))
    assert "ivo_managed" in [one.text for one in sets.iter(f"{_OAI}setSpec")]


def covers(moc: MOC, ra: float, dec: float) -> bool:
    return bool(moc.contains_lonlat(Longitude([ra] * u.deg), Latitude([dec] * u.deg))[0])


def delivered(planted: Planted) -> MOC:
    """The MOC file as it is delivered."""
    path = planted.settings.state / "moc.fits"
    path.write_bytes(get_url(f"{planted.settings.base_url}/{coverage.MOC}"))
    return MOC.from_fits(path)


@pytest.mark.parametrize("local", _COVERED)
def test_records_tell_where_and_when_public_data_lie(records: dict[str, ET.Element], local: str) -> None:
    told = records[local].find("coverage")
    assert told is not None
    assert told.findtext("waveband") == "Infrared"
    moc = MOC.from_string(str(told.findtext("spatial")))
    assert covers(moc, RA, DEC)
    assert moc.sky_fraction < 1e-5
    assert [float(number) for number in str(told.findtext("temporal")).split()] == [58229.0, 58229.04]
    energies = [6.62607015e-34 * 299792458.0 / length for length in (1.7e-6, 1.5e-6)]  # J
    assert [float(number) for number in str(told.findtext("spectral")).split()] == pytest.approx(energies)


def test_the_moc_is_delivered_and_named(planted: Planted, records: dict[str, ET.Element]) -> None:
    footprint = records["hci/sia/v2"].find("coverage/footprint")
    assert footprint is not None
    assert footprint.text == f"{planted.settings.base_url}/{coverage.MOC}"
    moc = delivered(planted)
    assert covers(moc, RA, DEC)
    assert not covers(moc, _RA, _DEC)


def test_what_is_released_comes_in(planted: Planted, records: dict[str, ET.Element], hidden: Product) -> None:
    assert records
    just_now = datetime.now(UTC) - timedelta(seconds=1)
    Product.objects.filter(pk=hidden.pk).update(release_time=just_now)
    assert hidden.observation is not None
    Observation.objects.filter(pk=hidden.observation.pk).update(release_time=just_now)
    coverage.refresh(planted.settings)
    covering(planted, _MJD)
    assert covers(delivered(planted), _RA, _DEC)
