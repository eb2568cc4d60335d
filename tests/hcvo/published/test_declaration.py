import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import yaml
from astropy.io.votable.ucd import parse_ucd
from django.db import connection

from hcvo.config import Settings
from hcvo.errors import ConfigError
from hcvo.published.ddl import dc_products_sql
from hcvo.published.declaration import FOLDER, View, load_view, views
from hcvo.published.render import rd_columns, rd_table

OBSCORE = {  # ObsCore 1.1, table 4
    "dataproduct_type", "calib_level", "obs_collection", "obs_id", "obs_publisher_did", "access_url",
    "access_format", "access_estsize", "target_name", "s_ra", "s_dec", "s_fov", "s_region",
    "s_resolution", "s_xel1", "s_xel2", "t_min", "t_max", "t_exptime", "t_resolution", "t_xel", "em_min",
    "em_max", "em_res_power", "em_xel", "o_ucd", "pol_states", "pol_xel", "facility_name",
    "instrument_name",
}  # fmt: skip
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def _declared(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    return content


def _written(tmp_path: Path, name: str, content: dict[str, Any]) -> Path:
    path = tmp_path / f"{name}.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_every_view_of_the_design_is_there_in_an_order_that_keys_allow() -> None:
    assert {"observation", "product", "target", "detection", "contrast", "process", "process_input",
            "ao_condition", "missing_calibration", "science_plane", "quality"} <= set(views())  # fmt: skip
    seen: set[str] = set()
    for view in views().values():
        assert {key.view for key in view.foreign} <= seen, view.name
        seen.add(view.name)


def test_foreign_keys_point_to_columns_that_exist() -> None:
    for view in views().values():
        for key in view.foreign:
            there = {column.name: column for column in views()[key.view].columns}
            here = {column.name: column for column in view.columns}
            for source, target in zip(key.columns, key.refers, strict=True):
                assert here[source].type == there[target].type, (view.name, source)


def test_product_has_the_thirty_columns_of_obscore_with_real_where_obscore_casts() -> None:
    columns = {column.name: column for column in views()["product"].columns}
    assert len(OBSCORE) == 30
    assert set(columns) >= OBSCORE
    assert {columns[name].type for name in ("em_min", "em_max", "s_fov")} == {"real"}
    assert {column.std for name, column in columns.items() if name in OBSCORE} == {True}


@pytest.mark.parametrize("name", NAMES)
def test_every_ucd_is_of_the_vocabulary(name: str) -> None:
    for column in views()[name].columns:
        if column.ucd:
            parse_ucd(column.ucd, check_controlled_vocabulary=True)


@pytest.mark.parametrize(
    ("where", "key"), [((), "colour"), (("columns", 0), "units"), (("foreign", 0), "table")]
)
def test_an_unknown_key_is_refused(tmp_path: Path, where: tuple[Any, ...], key: str) -> None:
    content = _declared("product")
    part: Any = content
    for step in where:
        part = part[step]
    part[key] = "x"
    with pytest.raises(ConfigError, match=key):
        load_view(_written(tmp_path, "product", content))


@pytest.mark.parametrize(
    ("key", "value", "word"),
    [
        ("primary", ["nothing"], "nothing"),
        ("where", "", "guards"),
        ("name", "other", "other"),
        ("description", "", "description"),
    ],
)
def test_an_impossible_declaration_is_refused(tmp_path: Path, key: str, value: object, word: str) -> None:
    content = _declared("target") | {key: value}
    with pytest.raises(ConfigError, match=word):
        load_view(_written(tmp_path, "target", content))


def test_a_column_declared_twice_is_refused(tmp_path: Path) -> None:
    content = _declared("target")
    content["columns"].append(content["columns"][0])
    with pytest.raises(ConfigError, match="target_id"):
        load_view(_written(tmp_path, "target", content))


@pytest.mark.parametrize("name", NAMES)
def test_the_database_has_what_is_declared(postgres_site: Settings, name: str) -> None:
    del postgres_site
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum",
            [_view(name).qualified],
        )
        found = cursor.fetchall()
    declared = [
        (c.name, c.type.replace("timestamp", "timestamp without time zone")) for c in _view(name).columns
    ]
    assert found == declared


@pytest.mark.parametrize("name", NAMES)
def test_rd_table_is_well_formed_and_complete(name: str) -> None:
    table = ET.fromstring(rd_table(name, extra="<mixin>//obscore#publishObscoreLike</mixin>"))
    assert table.get("id") == name
    assert [c.get("name") for c in table.iter("column")] == [c.name for c in _view(name).columns]
    for element, column in zip(table.iter("column"), _view(name).columns, strict=True):
        assert element.get("unit", "") == column.unit
        assert element.get("ucd", "") == column.ucd
        integer = column.type in {"smallint", "integer", "bigint"}
        assert (element.find("values") is not None) == (integer and not column.required)
    assert table.find("mixin") is not None
    assert rd_columns(name) in rd_table(name)


def test_an_unknown_view_is_a_clear_error() -> None:
    with pytest.raises(ConfigError, match="there are"):
        rd_table("spectra")


def test_dc_products_has_the_columns_of_dachs(postgres_site: Settings) -> None:
    with connection.cursor() as cursor:
        cursor.execute(dc_products_sql(postgres_site.store) + " LIMIT 0")
        assert [column.name for column in cursor.description] == [
            "accref", "owner", "embargo", "mime", "accesspath", "sourcetable", "preview", "datalink",
            "preview_mime",
        ]  # fmt: skip


def _view(name: str) -> View:
    return views()[name]
