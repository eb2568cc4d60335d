"""EPN-TAP 2.0: columns, units and value domains of the standard's own list (REC 2.0, tables 1 to 3)."""

import urllib.parse
import urllib.request

import numpy as np
import pytest
from pyvo.dal import TAPService
from pyvo.dal.adhoc import DatalinkResults

from hcvo.catalogue.models import Product
from hcvo.published.declaration import views
from tests.hcvo.site.archive import DEC, RA, Planted

pytestmark = [
    pytest.mark.filterwarnings("ignore:Unknown xsi.type:UserWarning"),  # of pyvo, in capabilities
    pytest.mark.filterwarnings("ignore::pyvo.utils.xml.exceptions.UnknownElementWarning"),
]

_TEXT, _DOUBLE = "char", "double"
_PAIRS = {
    "time_sampling_step": "s",
    "time_exp": "s",
    "spectral_range": "Hz",
    "spectral_sampling_step": "Hz",
    "spectral_resolution": "",
    "incidence": "deg",
    "emergence": "deg",
    "phase": "deg",
}
MANDATORY = {
    "granule_uid": (_TEXT, ""),
    "granule_gid": (_TEXT, ""),
    "obs_id": (_TEXT, ""),
    "dataproduct_type": (_TEXT, ""),
    "measurement_type": (_TEXT, ""),
    "processing_level": ("int", ""),
    "target_name": (_TEXT, ""),
    "target_class": (_TEXT, ""),
    "time_min": (_DOUBLE, "d"),
    "time_max": (_DOUBLE, "d"),
    **{f"{name}_{end}": (_DOUBLE, unit) for name, unit in _PAIRS.items() for end in ("min", "max")},
    **{f"c{n}{end}": (_DOUBLE, ("deg", "deg", "AU")[n - 1]) for n in (1, 2, 3) for end in ("min", "max")},
    **{
        f"c{n}_resol_{end}": (_DOUBLE, ("deg", "deg", "AU")[n - 1])
        for n in (1, 2, 3)
        for end in ("min", "max")
    },
    "s_region": (_TEXT, ""),
    "spatial_frame_type": (_TEXT, ""),
    "instrument_host_name": (_TEXT, ""),
    "instrument_name": (_TEXT, ""),
    "service_title": (_TEXT, ""),
    "creation_date": (_TEXT, ""),
    "modification_date": (_TEXT, ""),
    "release_date": (_TEXT, ""),
}
VALUE_REQUIRED = {
    "granule_uid", "granule_gid", "obs_id", "dataproduct_type", "target_class", "spatial_frame_type",
    "service_title", "creation_date", "modification_date", "release_date",
}  # fmt: skip
TYPES = {"im", "ma", "sp", "ds", "sc", "pr", "pf", "vo", "mo", "cu", "ts", "ca", "ci", "sv", "ev"}
LIGHT = 299792458


@pytest.fixture(scope="module")
def tap(planted: Planted) -> TAPService:
    return TAPService(f"{planted.settings.base_url}/tap")


def test_the_list_is_as_long_as_the_standards() -> None:
    assert len(MANDATORY) == 46


def test_every_mandatory_column_is_there_with_type_and_unit(tap: TAPService) -> None:
    fields = {
        field.name: field
        for field in tap.search("SELECT TOP 1 * FROM hci_epn.epn_core").votable.get_first_table().fields
    }
    for name, (datatype, unit) in MANDATORY.items():
        assert fields[name].datatype in ({datatype, "unicodeChar"} if datatype == _TEXT else {datatype}), name
        assert str(fields[name].unit or "") == unit, name
    assert {"access_url", "access_format", "access_estsize"} <= set(fields)  # all three, or none


def test_the_table_is_found_by_the_utype_of_the_standard(tap: TAPService) -> None:
    rows = tap.search(
        "SELECT table_name FROM tap_schema.tables WHERE utype = 'ivo://ivoa.net/std/epntap#table-2.0'"
    )
    assert [row["table_name"] for row in rows] == ["hci_epn.epn_core"]


def test_each_public_product_has_a_row_whose_values_are_of_the_standard(
    tap: TAPService, planted: Planted
) -> None:
    table = tap.search("SELECT * FROM hci_epn.epn_core").to_table()
    assert sorted(table["granule_uid"]) == sorted(
        planted.accref(kind) for kind in planted.files if kind != "embargoed"
    )
    for name in VALUE_REQUIRED:
        assert not np.any(np.ma.getmaskarray(table[name])), name
        assert all(str(value) for value in table[name]), name
    assert set(table["dataproduct_type"]) <= TYPES
    assert set(table["target_class"]) == {"star", "calibration"}
    assert set(table["processing_level"]) == {3, 5, 6}
    assert set(table["spatial_frame_type"]) == {"celestial"}
    kinds = dict(zip(table["granule_gid"], table["dataproduct_type"], strict=True))
    assert (kinds["image"], kinds["contrast"], kinds["candidates"], kinds["cube"]) == ("im", "pr", "ca", "cu")


def test_conversions_are_exact(tap: TAPService, planted: Planted) -> None:
    (row,) = tap.search(
        f"SELECT * FROM hci_epn.epn_core WHERE granule_uid = '{planted.accref('image')}'"
    ).to_table()
    product = Product.objects.get(accref=planted.accref("image"))
    assert row["time_min"] == product.t_min + 2400000.5
    assert row["time_max"] == product.t_max + 2400000.5
    assert row["spectral_range_min"] == LIGHT / float(np.float32(product.em_max))
    assert row["spectral_range_max"] == LIGHT / float(np.float32(product.em_min))
    assert row["time_exp_min"] == row["time_exp_max"] == product.t_exptime
    half = float(np.float32(product.s_fov)) / 2
    assert (row["c2min"], row["c2max"]) == pytest.approx((DEC - half, DEC + half), abs=1e-12)
    wide = np.degrees(np.arcsin(np.sin(np.radians(half)) / np.cos(np.radians(DEC))))
    assert (row["c1min"], row["c1max"]) == pytest.approx((RA - wide, RA + wide), abs=1e-10)


@pytest.mark.parametrize(("ra", "wraps"), [(0.0, True), (359.9999, True), (0.5, False)])
def test_a_field_across_right_ascension_zero_has_its_edges_on_both_sides(
    tap: TAPService,
    planted: Planted,
    ra: float,
    wraps: bool,  # noqa: FBT001 - a parameter
) -> None:
    accref = planted.accref("snr")
    Product.objects.filter(accref=accref).update(s_ra=ra)
    try:
        (row,) = tap.search(f"SELECT c1min, c1max FROM hci_epn.epn_core WHERE granule_uid = '{accref}'")
    finally:
        Product.objects.filter(accref=accref).update(s_ra=RA)
    assert 0 <= row["c1min"] < 360
    assert 0 <= row["c1max"] < 360
    assert bool(row["c1min"] > row["c1max"]) is wraps


def test_links_of_a_row_lead_to_the_file_its_picture_and_what_belongs_to_it(
    tap: TAPService, planted: Planted
) -> None:
    (row,) = tap.search(
        "SELECT access_url, thumbnail_url, datalink_url FROM hci_epn.epn_core"
        f" WHERE granule_uid = '{planted.accref('image')}'"
    )
    with urllib.request.urlopen(row["access_url"], timeout=30) as answer:
        assert answer.read() == planted.files["image"].read_bytes()
    with urllib.request.urlopen(row["thumbnail_url"], timeout=30) as answer:
        assert answer.read()[1:4] == b"PNG"
    assert planted.did("image") in urllib.parse.unquote(row["datalink_url"])
    links = DatalinkResults.from_result_url(row["datalink_url"])
    assert "#this" in [link["semantics"] for link in links]


def test_the_declaration_is_the_one_of_the_table() -> None:
    assert views()["epn_core"].qualified == "hci_epn.epn_core"
    assert {column.name for column in views()["epn_core"].columns} >= set(MANDATORY)
