"""Tables of text hold what the FITS table holds, and the product's cards."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io.votable import parse
from astropy.io.votable.ucd import check_ucd
from astropy.table import Table

from hcvo.errors import HeaderError
from hcvo.headers.level2_tables import CandidateRow, ContrastRow, as_table
from hcvo.headers.page import product_cards
from hcvo.headers.product import product_header, read_product_facts
from hcvo.headers.text_tables import write_text_table
from hcvo.model.product import ProductKind
from tests.reduce.recipes.facts import FACTS


def _row(sep: float) -> ContrastRow:
    return ContrastRow(
        channel=-1,
        wavelength=1.6,
        sep=sep,
        contrast=float("nan") if sep < 100 else 1e-5 / 3,
        dmag=12.5,
        nsigma=5.0,
        dof=20.0,
        throughput=0.7,
        small_sample=True,
        throughput_corr=True,
        coronagraph_corr=False,
    )


@pytest.mark.parametrize("suffix", [".ecsv", ".vot"])
def test_rows_units_and_cards_come_back(tmp_path: Path, suffix: str) -> None:
    rows, path = [_row(50.0), _row(200.0)], tmp_path / f"curve{suffix}"
    header = product_header(FACTS)
    header["NOTE"] = ('it\'s <odd> & "quoted"', "a card")
    write_text_table(as_table(rows, ContrastRow), header, path)
    back = Table.read(path, format="ascii.ecsv" if suffix == ".ecsv" else "votable")
    assert list(back["sep"]) == [50.0, 200.0]
    assert back["contrast"][1] == 1e-5 / 3
    assert np.isnan(np.ma.filled(back["contrast"][0], np.nan))
    assert str(back["sep"].unit) == "mas"
    assert back["sep"].description == "separation"
    assert bool(back["small_sample"][0]) is True
    assert bool(back["coronagraph_corr"][0]) is False
    found = product_cards(path)
    assert read_product_facts(found) == FACTS
    assert found["NOTE"] == header["NOTE"]


def test_an_empty_list_is_a_table_too(tmp_path: Path) -> None:
    for suffix in (".ecsv", ".vot"):
        path = tmp_path / f"none{suffix}"
        write_text_table(as_table([], CandidateRow), product_header(FACTS), path)
        assert read_product_facts(product_cards(path)) == FACTS


@pytest.mark.parametrize("kind", [CandidateRow, ContrastRow])
def test_every_column_has_a_ucd_that_is_one(tmp_path: Path, kind: type) -> None:
    path = tmp_path / "table.vot"
    write_text_table(as_table([], kind), product_header(FACTS), path)
    for field in parse(path).get_first_table().fields:
        assert check_ucd(field.ucd, check_controlled_vocabulary=True, has_colon=False), field.name


def test_a_table_of_others_is_told(tmp_path: Path) -> None:
    path = tmp_path / "other.ecsv"
    Table({"a": [1.0]}).write(path, format="ascii.ecsv")
    with pytest.raises(HeaderError, match="no cards of a product in this table"):
        product_cards(path)


def test_kinds_tell_ending_and_media_type() -> None:
    assert {kind.value: (kind.suffix, kind.mime) for kind in ProductKind if kind.mime} == {
        "quality": (".html", "text/html"),
        "contrast-ecsv": (".ecsv", "text/csv"),
        "contrast-votable": (".vot", "application/x-votable+xml"),
        "candidates-ecsv": (".ecsv", "text/csv"),
        "candidates-votable": (".vot", "application/x-votable+xml"),
    }
    assert ProductKind.CUBE.suffix == ".fits"
