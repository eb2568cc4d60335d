"""Image search: every parameter of SIA 2 against rows known by construction; SIA 1 for old clients."""

import urllib.parse
from collections.abc import Iterator
from io import BytesIO

import pytest
from astropy import units as u
from astropy.io.votable import parse
from astropy.time import Time
from pyvo.dal import SIA2Service, SIAService
from pyvo.dal.exceptions import DALQueryError
from pyvo.dal.sia2 import SIA2Results

from hcvo.headers.wcs import celestial_header
from tests.hcvo.site.archive import Planted
from tests.hcvo.site.asking import ask
from tests.hcvo.site.image_rows import COLLECTION, plant_images, remove_images

pytestmark = [
    pytest.mark.filterwarnings("ignore:Unknown xsi.type:UserWarning"),  # of pyvo, in capabilities
    pytest.mark.filterwarnings("ignore::pyvo.utils.xml.exceptions.UnknownElementWarning"),
]

ALL = {"first", "second", "unknown", "pole", "seam"}
BOTH = {"COLLECTION": [COLLECTION, f"{COLLECTION}-2"]}


@pytest.fixture(scope="module")
def images(planted: Planted) -> Iterator[dict[str, str]]:
    del planted
    remove_images()
    yield plant_images()
    remove_images()


@pytest.fixture(scope="module")
def address(planted: Planted) -> str:
    return f"{planted.settings.base_url}/hci/sia/v2/siap2.xml"


def found(address: str, images: dict[str, str], **parameters: object) -> set[str]:
    """Names of the planted rows that a search shows."""
    query = urllib.parse.urlencode(BOTH | parameters, doseq=True)
    results = SIA2Results.from_result_url(f"{address}?{query}")
    names = {accref: name for name, accref in images.items()}
    return {names[str(did).partition("?")[2]] for did in results["obs_publisher_did"]}


ON_THE_SKY = ALL - {"unknown"}
SHAPES: list[tuple[str | list[str], set[str]]] = [
    ("CIRCLE 100 20 0.01", {"first"}),
    ("CIRCLE 100 20 0", {"first"}),
    ("CIRCLE 100.01 20 0.0095", {"first"}),  # over the edge, 0.001 / cos(20 deg) off the centre
    ("CIRCLE 100.01 20 0.008", set()),
    ("CIRCLE 280 -30 91", {"second", "seam"}),  # 85.2 deg away; `first` is 170 deg away
    ("CIRCLE 100 20 180", ON_THE_SKY),
    ("RANGE 99 101 19 21", {"first"}),
    ("RANGE 100 100 20 20", {"first"}),
    ("RANGE 99 101 -21 -19", set()),
    ("RANGE 0 360 19 21", {"first"}),
    ("RANGE 10 350 4 6", set()),
    ("RANGE 0 1 4 6", {"seam"}),
    ("RANGE 359.99 360 4 6", {"seam"}),
    ("RANGE 0 360 89 +Inf", {"pole"}),
    ("RANGE 0 360 -Inf -20", {"second"}),
    ("RANGE 200 +Inf -Inf +Inf", {"second", "seam"}),
    ("RANGE -Inf 200 -Inf +Inf", {"first", "seam", "pole"}),
    ("RANGE -Inf +Inf -Inf +Inf", ON_THE_SKY),
    ("POLYGON 99 19 101 19 101 21 99 21", {"first"}),
    ("POLYGON 99 19 101 19 101 21 99 21 99 19", {"first"}),  # closed
    ("POLYGON 99 21 101 21 101 19 99 19", {"first"}),  # the other way round
    ("POLYGON 98 19 99 19 99 21", set()),
    ("POLYGON 99 19 101 19 101 21 100.5 19.5 99.5 19.5 99 21", set()),  # a U that leaves it out
    ("POLYGON 0 89 90 89 180 89 270 89", {"pole"}),
    ("POLYGON 60 0 140 0 140 40 60 40", {"first"}),
    ("POLYGON 359 4 1 4 1 6 359 6", {"seam"}),
    (["CIRCLE 100 20 0.01", "RANGE 279 281 -31 -29"], {"first", "second"}),
]
NEAR_INFRARED = {"first", "pole", "seam"}
VALUES: list[tuple[str, str | list[str], set[str]]] = [
    ("BAND", "1.6e-6", NEAR_INFRARED),
    ("BAND", "1.8e-6", set()),
    ("BAND", "1.65e-6 1.8e-6", NEAR_INFRARED),
    ("BAND", "1.7e-6 1.8e-6", NEAR_INFRARED),  # the ends belong to it
    ("BAND", "1.8e-6 2.0e-6", {"second"}),
    ("BAND", "-Inf 1.8e-6", NEAR_INFRARED),
    ("BAND", "1.8e-6 +Inf", {"second"}),
    ("BAND", "-Inf +Inf", ON_THE_SKY),
    ("BAND", "-1e300 1e300", ON_THE_SKY),
    ("BAND", ["1.6e-6", "2.1e-6 2.2e-6"], ON_THE_SKY),
    ("TIME", "58000.05", ALL - {"second"}),
    ("TIME", "58000.1 58500", ALL - {"second"}),
    ("TIME", "58000.2 58500", set()),
    ("TIME", "58500 +Inf", {"second"}),
    ("TIME", "-Inf 58500", ALL - {"second"}),
    ("TIME", ["58000.05", "59000.05"], ALL),
    ("POL", "I", NEAR_INFRARED),
    ("POL", "U", {"second"}),
    ("POL", ["I", "Q"], ON_THE_SKY),
    ("POL", "%", set()),
    ("POL", "V", set()),
    ("FOV", "0.002", NEAR_INFRARED),
    ("FOV", "0.003 0.004", {"second"}),
    ("FOV", "-Inf 0.003", NEAR_INFRARED),
    ("FOV", ["-Inf 0.001", "0.003 +Inf"], {"second"}),
    ("SPATRES", "0.04", NEAR_INFRARED),
    ("SPATRES", "-Inf 0.05", NEAR_INFRARED),
    ("SPATRES", "0.05 +Inf", {"second"}),
    ("SPECRP", "20 +Inf", {"second"}),
    ("SPECRP", "-Inf 12", NEAR_INFRARED),
    ("EXPTIME", "-Inf 1000", ALL - {"second"}),
    ("EXPTIME", "3600", {"second"}),
    ("EXPTIME", "101 3599", set()),
    ("TIMERES", "-Inf 10", NEAR_INFRARED),
    ("TIMERES", "10 +Inf", {"second"}),
    ("ID", "ivo://org.hcvo.test/~?Sia/first.fits", {"first"}),
    ("ID", "IVO://ORG.HCVO.test/~?sia/FIRST.fits", {"first"}),
    (
        "ID",
        ["ivo://org.hcvo.test/~?Sia/first.fits", "ivo://org.hcvo.test/~?Sia/pole.fits"],
        {"first", "pole"},
    ),
    ("ID", "ivo://org.hcvo.test/~?Sia/firs%", set()),
    ("COLLECTION", COLLECTION, ALL - {"second"}),
    ("COLLECTION", COLLECTION.lower(), set()),
    ("FACILITY", "Gemini South", {"second"}),
    ("FACILITY", "Gemini", set()),
    ("INSTRUMENT", "SPHERE/IRDIS", ALL - {"second"}),
    ("INSTRUMENT", ["SPHERE/IRDIS", "GPI"], ALL),
    ("DPTYPE", "image", ALL - {"second"}),
    ("DPTYPE", "cube", {"second"}),
    ("DPTYPE", "measurements", set()),
    ("CALIB", "2", {"second"}),
    ("CALIB", ["2", "3"], ALL),
    ("CALIB", "4", set()),
    ("TARGET", "HD 1", {"first"}),
    ("TARGET", "hd 1", {"second"}),
    ("TARGET", "HD", set()),
    ("FORMAT", "image/fits", ALL - {"second"}),
    ("FORMAT", ["image/fits", "application/fits"], ALL),
]


@pytest.mark.parametrize(("value", "wanted"), SHAPES)
def test_pos(address: str, images: dict[str, str], value: str, wanted: set[str]) -> None:
    assert found(address, images, POS=value) == wanted


@pytest.mark.parametrize(("name", "value", "wanted"), VALUES)
def test_a_parameter(address: str, images: dict[str, str], name: str, value: str, wanted: set[str]) -> None:
    assert found(address, images, **{name: value}) == wanted


def test_parameters_together_are_all_asked_for(address: str, images: dict[str, str]) -> None:
    assert found(address, images, BAND="1.6e-6", TARGET=["HD 1", "hd 1", "HD 4"]) == {"first", "seam"}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("POS", "CIRCLE 1 2", "wanted: CIRCLE ra dec radius"),
        ("POS", "CIRCLE 10 95 1", "dec in -90..90"),
        ("POS", "CIRCLE 10 NaN 1", "no region"),
        ("POS", "CIRCLE 10 5 -1", "radius in 0..180"),
        ("POS", "RANGE 20 10 0 1", "no region"),
        ("POS", "RANGE +Inf 10 0 1", "no region"),
        ("POS", "POLYGON 1 1 2 2", "no region"),
        ("POS", "POLYGON 1 1 2 2 1 1 3 3", "no region"),
        ("POS", "SQUARE 1 1 2 2", "no region"),
        ("POS", "POLYGON 1 1 2 2 2 1 1 2", "crosses itself"),
        ("POS", "POLYGON 359 -1 1 1 1 -1 359 1", "crosses itself"),
        ("POS", "POLYGON 0 0 120 0 240 0", "smaller than half of the sky"),
        ("POS", "POLYGON 0 0 180 0 90 10", "smaller than half of the sky"),
        ("BAND", "2e-6 1e-6", "no interval"),
        ("BAND", "NaN 1", "no interval"),
        ("BAND", "red", "not a valid literal"),
        ("CALIB", "raw", "not a valid literal"),
        ("RESPONSEFORMAT", "nonsense", "not a valid value"),
    ],
)
def test_what_cannot_be_is_refused_and_said(address: str, name: str, value: str, said: str) -> None:
    query = urllib.parse.urlencode({name: value})
    with pytest.raises(DALQueryError, match=said):
        SIA2Results.from_result_url(f"{address}?{query}")


def test_maxrec_zero_is_the_table_without_rows(address: str, images: dict[str, str]) -> None:
    del images
    results = SIA2Service(address).search(collection=COLLECTION, maxrec=0)
    assert len(results) == 0
    assert {"obs_publisher_did", "s_region", "access_url"} <= set(results.fieldnames)


def test_an_answer_describes_the_service(address: str, images: dict[str, str]) -> None:
    del images
    answer = parse(BytesIO(ask(f"{address}?COLLECTION={COLLECTION}").body))
    (this,) = (resource for resource in answer.resources if resource.name == "this")
    assert (this.type, this.utype) == ("meta", "adhoc:service")
    told = {param.name: param.value for param in this.params}
    assert told == {"standardID": "ivo://ivoa.net/std/SIA#query-2.0", "accessURL": address}
    parameters = {param.name for group in this.groups for param in group.entries}
    assert parameters == {name for name, _, _ in VALUES} | {"POS", "MAXREC"}


@pytest.mark.parametrize(("maxrec", "status"), [(1, "OVERFLOW"), (4, "OK"), (5, "OK")])
def test_overflow_is_told(address: str, images: dict[str, str], maxrec: int, status: str) -> None:
    del images
    answer = ask(f"{address}?COLLECTION={COLLECTION}&MAXREC={maxrec}")
    table = parse(BytesIO(answer.body)).resources[0]
    assert [info.value for info in table.infos if info.name == "QUERY_STATUS"] == [status]
    assert len(table.tables[0].array) == min(maxrec, 4)


@pytest.mark.parametrize(
    ("form", "media_type", "start"),
    [
        ("votable", "application/x-votable+xml", b"<?xml"),
        ("application/x-votable+xml", "application/x-votable+xml", b"<?xml"),
        ("text/csv", "text/csv", b"image,"),
        ("fits", "application/fits", b"SIMPLE  ="),
    ],
)
def test_responseformat(
    address: str, images: dict[str, str], form: str, media_type: str, start: bytes
) -> None:
    del images
    query = urllib.parse.urlencode({"COLLECTION": COLLECTION, "RESPONSEFORMAT": form})
    answer = ask(f"{address}?{query}")
    assert answer.headers["content-type"].startswith(media_type)
    assert answer.body.startswith(start)


def test_pyvo_asks_in_its_own_words(address: str, images: dict[str, str]) -> None:
    rows = SIA2Service(address).search(
        pos=(100.0 * u.deg, 20.0 * u.deg, 0.01 * u.deg),
        band=(1.5 * u.um, 1.7 * u.um),
        time=Time(58000.05, format="mjd"),
        pol="I",
        field_of_view=(1e-3 * u.deg, 3e-3 * u.deg),
        spatial_resolution=(10 * u.mas, 50 * u.mas),
        spectral_resolving_power=(1, 20),
        exptime=(0 * u.s, 200 * u.s),
        timeres=(1 * u.s, 5 * u.s),
        publisher_did="ivo://org.hcvo.test/~?Sia/first.fits",
        facility="VLT UT3",
        collection=COLLECTION,
        instrument="SPHERE/IRDIS",
        data_type="image",
        calib_level=3,
        target_name="HD 1",
        res_format="image/fits",
        maxrec=10,
    )
    assert [str(row["obs_id"]) for row in rows] == ["SIA.first"]
    assert rows[0].access_url.endswith(f"/getproduct/{images['first']}")


@pytest.fixture(scope="module")
def old(planted: Planted) -> SIAService:
    return SIAService(f"{planted.settings.base_url}/hci/sia/v1/siap.xml?")


@pytest.mark.parametrize(
    ("place", "size", "intersect", "wanted"),
    [
        ((100.0, 20.0), 0.01, "OVERLAPS", {"first"}),
        ((100.0, 20.0), 0.01, "ENCLOSED", {"first"}),
        ((100.0, 20.0), 0.0001, "COVERS", {"first"}),
        ((100.0, 20.0), 0.01, "COVERS", set()),
        ((100.001, 20.0), 0.01, "CENTER", {"first"}),
        ((100.003, 20.0), 0.01, "CENTER", set()),
        ((100.003, 20.0), 0.01, "OVERLAPS", {"first"}),
        ((100.003, 20.0), 0.002, "ENCLOSED", set()),
        ((0.0, 5.0), 0.01, "OVERLAPS", {"seam"}),
        ((200.0, 90.0), 0.1, "OVERLAPS", {"pole"}),
        ((280.0, -30.0), 0.01, "OVERLAPS", set()),  # a calibrated sequence is not north up
        ((200.0, 0.0), 1.0, "OVERLAPS", set()),
    ],
)
def test_the_old_protocol_finds_images_north_up(
    old: SIAService,
    images: dict[str, str],
    place: tuple[float, float],
    size: float,
    intersect: str,
    wanted: set[str],
) -> None:
    names = {accref: name for name, accref in images.items()}
    rows = old.search(pos=place, size=size, intersect=intersect)
    assert {names[str(row["obs_publisher_did"]).partition("?")[2]] for row in rows} == wanted


def test_the_old_protocol_tells_the_coordinates_of_the_file(old: SIAService, images: dict[str, str]) -> None:
    (row,) = old.search(pos=(100.0, 20.0), size=0.01)
    header = celestial_header(61, 12.25, 100.0, 20.0)
    assert row.acref.endswith(f"/getproduct/{images['first']}")
    assert (row.naxes, list(row.naxis.value)) == (2, [61, 61])
    assert list(row["wcs_refPixel"]) == [header["CRPIX1"], header["CRPIX2"]]
    assert list(row["wcs_refValues"]) == [header["CRVAL1"], header["CRVAL2"]]
    wanted = [header[f"CD{i}_{j}"] for i in (1, 2) for j in (1, 2)]
    assert list(row["wcs_cdmatrix"]) == pytest.approx(wanted, rel=1e-6, abs=1e-12)
    assert row.pos.ra.deg == pytest.approx(100.0)


@pytest.mark.parametrize(("form", "count"), [("ALL", 1), ("image/fits", 1), ("GRAPHIC", 0), ("image/png", 0)])
def test_formats_of_the_old_protocol(old: SIAService, images: dict[str, str], form: str, count: int) -> None:
    del images
    assert len(old.search(pos=(100.0, 20.0), size=0.01, format=form)) == count


def test_the_old_protocol_describes_itself(planted: Planted) -> None:
    answer = ask(f"{planted.settings.base_url}/hci/sia/v1/siap.xml?FORMAT=METADATA").body
    for name in (b"INPUT:POS", b"INPUT:SIZE", b"INPUT:INTERSECT", b"VOX:Image_AccessReference"):
        assert name in answer
