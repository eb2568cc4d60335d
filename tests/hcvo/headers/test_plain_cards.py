"""The fast reader of headers against astropy: the same values, or it says that it does not know."""

import math
import warnings
from pathlib import Path

import pytest
from astropy.io import fits
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hcvo.headers.plain_cards import plain_cards
from hcvo.model.frame import CardValue

_printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=75)
_short = st.from_regex(r"[A-Z][A-Z0-9_-]{0,7}", fullmatch=True)
_long = st.from_regex(r"ESO [A-Z]{2,5}[0-9]? [A-Z0-9_-]{1,12}( [A-Z]{1,5})?", fullmatch=True)
_values = (
    st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _printable
    | st.just(fits.card.Undefined())
)


def _by_astropy(text: str) -> dict[str, CardValue]:
    """As the slow way of `reduce.classify` has it."""
    cards: dict[str, CardValue] = {}
    for card in fits.Header.fromstring(text).cards:
        keyword, value = str(card.keyword), card.value
        if keyword in ("", "CONTINUE"):
            continue
        value = None if isinstance(value, fits.card.Undefined) else value
        if keyword in ("COMMENT", "HISTORY") and keyword in cards:
            value = f"{cards[keyword]}\n{value}"
        cards[keyword] = value
    return cards


def _same(text: str) -> None:
    found = plain_cards(text)
    if found is None:
        return
    wanted = _by_astropy(text)
    assert list(found) == list(wanted)
    for keyword, value in wanted.items():
        assert type(found[keyword]) is type(value), keyword
        assert found[keyword] == value, keyword


@settings(max_examples=300, deadline=None)
@given(
    cards=st.lists(st.tuples(_short | _long, _values, _printable), max_size=12), remarks=st.lists(_printable)
)
@example(
    cards=[("A", "it's", ""), ("B", "''", ""), ("C", "", ""), ("D", "a / b", "c"), ("E", " x", "")],
    remarks=[""],
)
@example(cards=[("LONG", "x" * 200, "runs on"), ("AND", "a&", "")], remarks=["END", "HIERARCH A = 1"])
def test_headers_that_astropy_writes_are_read_as_astropy_reads_them(
    cards: list[tuple[str, CardValue, str]], remarks: list[str]
) -> None:
    header = fits.Header()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for keyword, value, comment in cards:
            if keyword not in ("COMMENT", "HISTORY", "CONTINUE", "END", "HIERARCH", "SIMPLE", "XTENSION"):
                try:
                    header[keyword] = (value, comment)
                except ValueError:  # what does not fit is not written
                    continue
        for remark in remarks:
            header.add_history(remark)
            header.add_comment(remark)
        text = header.tostring()
        _same(text)


_PIECES = st.sampled_from([*"'&/ TF109-+.EDex(,)", "''", "NaN"])
_KEYS = ("KEY     = ", "HIERARCH ESO A B = ", "KEY= ", "KEY     =", "KEY   X = ", "KEY      ")


@settings(max_examples=500, deadline=None)
@given(key=st.sampled_from(_KEYS), rest=st.lists(_PIECES, max_size=14).map("".join))
@example(key="KEY     = ", rest="1.D5")
@example(key="KEY     = ", rest="007 / a")
@example(key="KEY     = ", rest="1e5")
@example(key="KEY     = ", rest="(1, 2)")
@example(key="KEY     = ", rest="'a' b")
@example(key="KEY     = ", rest="T/")
@example(key="KEY     = ", rest="+.5E-3/")
def test_of_cards_by_hand_it_reads_what_astropy_reads_or_nothing(key: str, rest: str) -> None:
    text = (f"{key}{rest}".ljust(80) + "END".ljust(80)).ljust(2880)
    if plain_cards(text) is None:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _same(text)


@pytest.mark.parametrize(
    "card", ["KEY     = 'runs on&'", "KEY     = (1.0, 2.0)", "key     = 1", "KEY     = NaN",
             "HIERARCH ESO a = 1", "CONTINUE  'x'", "NOTHING"]
)  # fmt: skip
def test_what_is_not_plain_is_left_to_astropy(card: str) -> None:
    assert plain_cards((card.ljust(80) + "END".ljust(80)).ljust(2880)) is None


def test_a_header_without_an_end_is_none() -> None:
    assert plain_cards("KEY     =                    1".ljust(80) + " " * 80) is None


def test_real_headers_of_eso_are_plain(shared_data: Path) -> None:
    files = sorted((shared_data / "raw_headers").glob("*.hdr.txt"))
    assert files
    for path in files:
        lines = [line.ljust(80) for line in path.read_text(encoding="ascii").splitlines()]
        lines = [
            line for line in lines if len(line) == 80 and line.strip() not in ("", "END")
        ]  # copied longer
        text = "".join([*lines, "END".ljust(80)])
        text = text.ljust(-(-len(text) // 2880) * 2880)
        found = plain_cards(text)
        assert found is not None, path
        assert len(found) > 100
        _same(text)
        assert all(not isinstance(value, float) or math.isfinite(value) for value in found.values())
