"""QC numbers and pages: what is written is read back."""

import math
from pathlib import Path

import pytest
from astropy.io import fits

from hcvo.errors import HeaderError
from hcvo.headers.page import cards_in_page, product_cards
from hcvo.headers.quality import qc_cards, read_qc


def _header(values: dict[str, tuple[object, str]]) -> fits.Header:
    header = fits.Header({"OBJECT": "star <& co>"})
    for keyword, (value, comment) in qc_cards(values).items():
        header[keyword] = (value, comment)
    return header


def test_numbers_words_and_answers_come_back_with_unit_and_meaning() -> None:
    header = _header(
        {
            "CENTRE ERROR": (0.123456789, "[pix] typical"),
            "FRAMES KEPT": (12, "planes kept"),
            "FRAMES WARNING": (True, ""),
            "FLUX BY": ("waffle", "what FLUX rests on"),
            "AO TAU0": (math.nan, "unknown"),
        }
    )
    error, kept, warned, word = read_qc(header)
    assert (error.name, error.value, error.unit, error.meaning) == (
        "CENTRE ERROR",
        0.123457,
        "pix",
        "typical",
    )
    assert (kept.value, kept.text, kept.unit, kept.meaning) == (12.0, "12", "", "planes kept")
    assert (warned.value, warned.text) == (1.0, "yes")
    assert (word.value, word.text) == (None, "waffle")


def test_a_comment_is_cut_at_a_word_and_the_card_is_whole() -> None:
    header = _header(
        {"FRAMES A LONG NAME": (-1.23456789e-11, "as much of a long comment as there is room for")}
    )
    (card,) = header.cards["HCVO*"]
    assert len(str(card)) == 80
    assert card.value == -1.23457e-11
    assert "as much of a long comment as there is room for".startswith(card.comment)


def test_cards_that_were_there_before_count_too() -> None:
    header = fits.Header()
    header["NORTHERR"] = (0.13, "[deg] true north")
    (north,) = read_qc(header)
    assert (north.name, north.value, north.unit) == ("NORTHERR", 0.13, "deg")


def test_a_page_holds_its_cards(tmp_path: Path) -> None:
    header = _header({"AO SEEING": (0.7, "[arcsec] median")})
    page = tmp_path / "x.html"
    page.write_text(f"<html><body>{cards_in_page(header)}</body></html>", encoding="utf-8")
    back = product_cards(page)
    assert back["OBJECT"] == "star <& co>"
    assert read_qc(back) == read_qc(header)
    page.write_text("<html></html>", encoding="utf-8")
    with pytest.raises(HeaderError, match="no cards"):
        product_cards(page)
