"""What the Virtual Observatory sees of an archive: everything public, nothing private."""

import urllib.error
import urllib.parse
import urllib.request

import pytest
import pyvo
from pyvo.dal import SCSService, SIA2Service, TAPService
from pyvo.dal.adhoc import DatalinkResults

from hcvo.catalogue.models import Product
from hcvo.config import Settings
from tests.hcvo.site.archive import DEC, RA, Planted

pytestmark = [
    pytest.mark.filterwarnings("ignore:Unknown xsi.type:UserWarning"),  # of pyvo, in capabilities
    pytest.mark.filterwarnings("ignore::pyvo.utils.xml.exceptions.UnknownElementWarning"),
]


@pytest.fixture(scope="module")
def tap(planted: Planted) -> TAPService:
    return TAPService(f"{planted.settings.base_url}/tap")


def links_of(planted: Planted, kind: str) -> DatalinkResults:
    query = urllib.parse.urlencode({"ID": planted.did(kind)})
    return DatalinkResults.from_result_url(f"{planted.settings.base_url}/hci/dl/links/dlmeta?{query}")


def get(settings: Settings, accref: str) -> bytes:
    with urllib.request.urlopen(f"{settings.base_url}/getproduct/{accref}", timeout=30) as answer:
        content: bytes = answer.read()
        return content


def test_tap_tells_every_public_product_with_its_address(tap: TAPService, planted: Planted) -> None:
    rows = tap.search("SELECT kind, access_url, preview FROM hci.product")
    public = set(planted.files) - {"embargoed"}
    assert sorted(row["kind"] for row in rows) == sorted(public)
    for row in rows:
        assert row["access_url"] == f"{planted.settings.base_url}/getproduct/{planted.accref(row['kind'])}"
        assert row["preview"] == f"{row['access_url']}?preview=True"


def test_tables_can_be_joined_to_the_raw_frames(tap: TAPService) -> None:
    rows = tap.search(
        "SELECT d.significance, r.dp_id FROM hci.detection AS d"
        " JOIN hci.process_input AS level2 ON level2.process_id = d.process_id"
        " JOIN hci.product AS cube ON cube.accref = level2.accref"
        " JOIN hci.process_input AS level1 ON level1.process_id = cube.process_id"
        " JOIN hci.raw_frame AS r ON r.dp_id = level1.dp_id"
    )
    assert [(row["significance"], row["dp_id"]) for row in rows] == [(9.0, "SPHER.2018-04-21T00:00:00.000")]


def test_a_committed_row_is_seen_at_once(tap: TAPService, planted: Planted) -> None:
    before = tap.search("SELECT accref FROM hci.product")
    dark = Product.objects.get(accref=planted.accref("dark"))
    dark.withdrawn = True
    dark.save()
    assert len(tap.search("SELECT accref FROM hci.product")) == len(before) - 1
    dark.withdrawn = False
    dark.save()
    assert len(tap.search("SELECT accref FROM hci.product")) == len(before)


@pytest.mark.parametrize("table", ["hci.product", "ivoa.obscore"])
def test_what_is_embargoed_is_in_no_table(tap: TAPService, planted: Planted, table: str) -> None:
    rows = tap.search(f"SELECT obs_publisher_did FROM {table}")
    assert planted.did("image") in list(rows["obs_publisher_did"])
    assert planted.did("embargoed") not in list(rows["obs_publisher_did"])


@pytest.mark.parametrize("table", ["archive.product", "dc.products", "pg_catalog.pg_class"])
def test_adql_reaches_no_table_that_is_not_published(tap: TAPService, table: str) -> None:
    with pytest.raises(pyvo.dal.DALQueryError, match="Could not locate table"):
        tap.search(f"SELECT TOP 1 * FROM {table}")


def test_datalink_tells_what_belongs_to_an_image(planted: Planted) -> None:
    links = {(link["semantics"], str(link["local_semantics"])): link for link in links_of(planted, "image")}
    assert set(links) == {
        ("#this", "image"),
        ("#preview-image", "preview"),
        ("#thumbnail", "thumbnail"),
        ("#detached-header", "header"),
        ("#documentation", "provenance"),
        ("#package", "tar"),
        ("#auxiliary", "snr"),
        ("#auxiliary", "psf"),
        ("#derivation", "contrast"),
        ("#derivation", "candidates"),
        ("#coderived", "residual"),
        ("#progenitor", "cube"),
        ("#dark", "dark"),
        ("#progenitor", "raw"),
        ("#progenitor", "raw-eso"),
        ("#calibration", "raw"),  # simulated: ESO does not have it
    }
    assert links["#derivation", "contrast"]["content_qualifier"] == "#spatial-profile"
    assert links["#derivation", "candidates"]["content_qualifier"] == "#measurements"
    assert links["#progenitor", "raw-eso"]["access_url"] == (
        "https://dataportal.eso.org/dataPortal/file/SPHER.2018-04-21T00:00:00.000"
    )
    for (_, name), link in links.items():
        if name in planted.files:
            assert get_url(link["access_url"]) == planted.files[name].read_bytes()
            assert link["content_length"] == planted.files[name].stat().st_size


def get_url(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        content: bytes = answer.read()
        return content


def test_a_lost_file_breaks_no_link_and_no_path_is_told(planted: Planted) -> None:
    lost = [planted.files["snr"], planted.files["image"].with_suffix(".png")]
    for path in lost:
        path.rename(path.with_suffix(".lost"))
    try:
        for kind in ("snr", "image"):
            query = urllib.parse.urlencode({"ID": planted.did(kind)})
            answer = get_url(f"{planted.settings.base_url}/hci/dl/links/dlmeta?{query}")
            assert b"Fault" not in answer
            assert str(planted.settings.state).encode() not in answer
            assert {"snr", "image", "cube"} <= {
                str(link["local_semantics"]) for link in links_of(planted, kind)
            }
    finally:
        for path in lost:
            path.with_suffix(".lost").rename(path)


def test_from_a_curve_the_image_is_what_it_was_made_from(planted: Planted) -> None:
    relations = {str(link["local_semantics"]): link["semantics"] for link in links_of(planted, "contrast")}
    assert relations["image"] == "#progenitor"
    assert relations["candidates"] == "#derivation"


def test_from_the_cube_the_images_are_derived(planted: Planted) -> None:
    relations = {str(link["local_semantics"]): link["semantics"] for link in links_of(planted, "cube")}
    assert relations["image"] == "#derivation"
    assert relations["psf"] == "#auxiliary"


def test_files_come_out_byte_by_byte(planted: Planted) -> None:
    assert get(planted.settings, planted.accref("image")) == planted.files["image"].read_bytes()
    assert get(planted.settings, f"{planted.accref('image')}?preview=True").startswith(b"\x89PNG")
    assert get(planted.settings, "raw/" + planted.raw.name) == planted.raw.read_bytes()


@pytest.mark.parametrize("suffix", ["", "?preview=True", "?scale=2"])
def test_an_embargoed_file_is_not_even_known(planted: Planted, suffix: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refusal:
        get(planted.settings, planted.accref("embargoed") + suffix)
    assert refusal.value.code == 404
    refusal.value.close()


@pytest.mark.parametrize("service", ["hci/dl/links", "__system__/obscore/dl", "__system__/products/dl"])
def test_datalink_does_not_know_what_is_embargoed(planted: Planted, service: str) -> None:
    query = urllib.parse.urlencode({"ID": planted.did("embargoed")})
    try:
        answer = get_url(f"{planted.settings.base_url}/{service}/dlmeta?{query}")
    except urllib.error.HTTPError as error:
        answer = error.read()
        error.close()
    assert b"getproduct" not in answer
    assert b"NotFoundFault" in answer or b"not found" in answer.lower()


def test_image_search_finds_images_and_cubes_only(planted: Planted) -> None:
    service = SIA2Service(f"{planted.settings.base_url}/hci/sia/v2/siap2.xml")
    found = service.search(pos=(RA, DEC, 0.01))
    assert {row["dataproduct_type"] for row in found} == {"image", "cube"}
    assert planted.did("image") in [row["obs_publisher_did"] for row in found]
    assert len(service.search(pos=(RA + 90, DEC, 0.01))) == 0
    assert len(service.search(pos=(RA, DEC, 0.01), calib_level=2)) < len(found)


@pytest.mark.parametrize(
    ("table", "column", "found"),
    [
        ("observations", "target_name", "* bet Pic"),
        ("targets", "target_name", "* bet Pic"),
        ("detections", "significance", 9.0),
    ],
)
def test_cone_search(planted: Planted, table: str, column: str, found: object) -> None:
    service = SCSService(f"{planted.settings.base_url}/hci/cone/{table}/scs.xml?")
    assert [row[column] for row in service.search(pos=(RA, DEC), radius=0.001)] == [found]
    assert len(service.search(pos=(RA, DEC + 0.1), radius=0.099)) == 0
    assert len(service.search(pos=(RA, DEC + 0.1), radius=0.101)) == 1
    assert len(service.search(pos=(RA + 180, -DEC), radius=179)) == 0
