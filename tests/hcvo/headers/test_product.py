"""A product header carries its facts there and back, through a real file."""

from dataclasses import fields
from pathlib import Path
from types import UnionType
from typing import get_args, get_type_hints

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from hcvo.errors import HeaderError
from hcvo.headers.product import CARDS, product_header, read_product_facts
from hcvo.model.product import ProductFacts, ProductKind

_TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="'"), max_size=40)
_NUMBER = st.integers(-(10**12), 10**12).map(lambda value: value / 10**6)
_BY_TYPE: dict[object, st.SearchStrategy[object]] = {
    str: _TEXT,
    int: st.integers(0, 2**31),
    float: _NUMBER,
    ProductKind: st.sampled_from(ProductKind),
    tuple[str, ...]: st.lists(_TEXT.filter(bool), max_size=12).map(tuple),
}


def _strategy(hint: object) -> st.SearchStrategy[object]:
    if isinstance(hint, UnionType):
        return st.none() | _BY_TYPE[get_args(hint)[0]]
    return _BY_TYPE[hint]


@st.composite
def facts(draw: st.DrawFn) -> ProductFacts:
    hints = get_type_hints(ProductFacts)
    return ProductFacts(**{name: draw(_strategy(hint)) for name, hint in hints.items()})  # type: ignore[arg-type]


@given(facts())
@settings(max_examples=60)
def test_facts_survive_the_text_of_a_header(given_facts: ProductFacts) -> None:
    text = product_header(given_facts).tostring()
    assert read_product_facts(fits.Header.fromstring(text)) == given_facts


def test_facts_survive_a_file(tmp_path: Path) -> None:
    path = tmp_path / "product.fits"
    original = _sample()
    fits.writeto(path, np.zeros((3, 3), np.float32), product_header(original))
    assert read_product_facts(fits.getheader(path)) == original


def test_every_fact_has_its_card() -> None:
    assert {f.name for f in fields(ProductFacts)} == {*CARDS, "provenance"}
    assert len({keyword for keyword, _ in CARDS.values()}) == len(CARDS)


def test_a_missing_card_is_named() -> None:
    header = product_header(_sample())
    del header["PROCID"]
    with pytest.raises(HeaderError, match="PROCID is missing"):
        read_product_facts(header)


def test_an_unknown_kind_is_named() -> None:
    header = product_header(_sample())
    header["PRODKIND"] = "spectrum"
    with pytest.raises(HeaderError, match="'spectrum', wanted one of dark"):
        read_product_facts(header)


def _sample() -> ProductFacts:
    return ProductFacts(
        kind=ProductKind.IMAGE, level=3, instrument="SPHERE", telescope="ESO-VLT-U3", arm="IRDIS",
        algorithm="pca", filter="DB_H23", obs_id="SPHERE.IRDIS.2485392.2020-03-08T07:05:15",
        target_name="HD 1", ra_deg=191.08, dec_deg=-8.67, programme="0104.C-0007(B)", ob_id=2485392,
        night="2020-03-07", mjd_start=58916.3, mjd_end=58916.35, exptime_s=2048.0, dit_s=64.0, ncombine=4,
        wavelength_min_nm=1566.0, wavelength_max_nm=1694.0, pixel_scale_mas=12.255, fwhm_mas=41.0,
        coronagraph="N_ALC_YJH_S", derotator_mode="ELEV", technique="IMAGE,DUAL,CORONOGRAPHY",
        field_rotation_deg=41.5, match_level=0, process_id=12, recipe="pca", recipe_version="0.1.0",
        provenance=("SPHER.2020-03-08T07:12:03.720", "a_cube_3.fits"), axes="y,x", unit="adu",
    )  # fmt: skip
