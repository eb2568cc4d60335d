import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from reduce.simulate.card_share import card_share, card_types, real_headers
from reduce.simulate.cards import expand, hierarch_cards
from reduce.simulate.headers import packed
from reduce.simulate.night import Night
from reduce.simulate.realism import header_rows


def test_patterns_expand() -> None:
    assert list(expand("A{1-2,4} {X,Y}")) == ["A1 X", "A1 Y", "A2 X", "A2 Y", "A4 X", "A4 Y"]
    assert list(expand("DIT")) == ["DIT"]


def test_cards_are_sorted_and_fit_their_line() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cards = hierarch_cards({"OBS": "OBS"}, dict.fromkeys(_FACTS, "x"), np.random.default_rng(1))
    keywords = [card.keyword for card in cards]
    assert keywords == sorted(keywords, key=lambda key: key.split(" "))
    assert all(len(card.image) == 80 for card in cards)


_FACTS = ("ob_id", "ob_name", "programme", "ob_start")


@pytest.mark.parametrize(
    ("angle", "hours", "number"),
    [
        (191.346971, True, 124523.27304),
        (-8.78245, False, -84656.82),
        (0.5, False, 3000.0),
        (359.9999, True, 235959.976),
    ],
)
def test_packed_angles(angle: float, number: float, *, hours: bool) -> None:
    assert packed(angle, hours=hours) == pytest.approx(number, abs=1e-3)


def test_real_headers_are_met(shared_data: Path, default_plan: Night) -> None:
    rows = header_rows(default_plan, shared_data / "raw_headers")
    assert len(rows) == 5
    for row in rows:
        assert row.ok, row
        assert row.value is not None


def test_share_counts_missing_and_wrong_types() -> None:
    real = {"A": "text", "B": "real", "C": "integer", "D": "logical", "ESO INS2 X": "text"}
    ours = card_types("A       = 'x'\nB       = 3 / n\nC       = 3\nZ       = T\n")
    met = card_share(real, ours)
    assert met.share == pytest.approx(0.5)
    assert met.missing == ("D",)
    assert met.differing == ("B",)


def test_types_of_real_cards_are_astropys(shared_data: Path) -> None:
    kinds = {str: "text", bool: "logical", int: "integer", float: "real"}
    folder = shared_data / "raw_headers"
    path = folder / "SPHER.2020-03-08T07_20_53.733.hdr.txt"
    types = real_headers(folder)[path.name][1]
    lines = [line for line in path.read_text().splitlines() if "=" in line and len(line) > 30]
    for line in lines:
        if "TILT" in line or "DCNM16" in line:
            continue  # cut by ESO: astropy reads the next line into them
        card = fits.Card.fromstring(line)
        assert types[card.keyword] == kinds[type(card.value)], line
