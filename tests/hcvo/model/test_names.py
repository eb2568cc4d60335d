import re
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcvo.model.names import url_safe
from hcvo.model.product import ProductKind
from hcvo.store import accref
from ingest.raw import raw_accref
from reduce.recipes.external_cube import ExternalCubeParameters, observation_name
from tests.hcvo.centre import toy

START = datetime(2013, 2, 1, 4, 5, 6)  # noqa: DTZ001 - only its text matters
text = st.text(max_size=20)


@given(text, text, text)
def test_access_keys_need_no_escapes(target: str, instrument: str, filter_: str) -> None:
    facts: Any = toy.facts(ProductKind.IMAGE, 7, "1")
    object.__setattr__(facts, "obs_id", observation_name(instrument, target, START))
    object.__setattr__(facts, "filter", filter_)
    key = accref(facts)
    assert re.fullmatch(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+/[A-Za-z0-9._-]+\.fits", key)
    assert quote(key) == key
    assert ".." not in key.split("/")


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("BD+20 5", "BDp20-5"),
        ("BD-20 5", "BD-20-5"),
        ("* bet Pic", "bet-Pic"),
        ("beta_Pic", "beta-Pic"),
        ("WISE J0855+0714", "WISE-J0855p0714"),
        ("A+B", "A-B"),
        ("d'Artagnan", "d-Artagnan"),
        ("Ménard 1", "Menard-1"),
        ("?", "star"),
    ],
)
def test_slugs_of_stars(name: str, slug: str) -> None:
    assert observation_name("NACO", name, START) == f"NACO.{slug}.2013-02-01T04:05:06"


def test_accents_and_runs() -> None:
    assert url_safe("L' #2") == "L-2"
    assert url_safe("") == ""


def test_raw_frames_keep_their_name() -> None:
    name = "SPHER.2015-02-03T05:10:20.456"
    assert raw_accref(name) == "raw/SPHER.2015-02-03T05-10-20.456.fits"


def test_a_name_that_no_card_can_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="String should match pattern"):
        ExternalCubeParameters.model_validate(
            {"pixel_scale_mas": 12.0, "fwhm_px": 4.0, "wavelength_um": 1.6, "filter": "H",
             "instrument": "NACO", "date": "2013-02-01", "target": "β Pic", "ra_deg": 1, "dec_deg": 2}
        )  # fmt: skip
