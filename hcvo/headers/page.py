"""Headers of products that are pages: the same cards as a FITS product has, inside the HTML."""

import html
import re
from collections.abc import Mapping
from pathlib import Path

from astropy.io import fits

from hcvo.errors import HeaderError
from hcvo.headers.plain_cards import plain_cards
from hcvo.headers.quality import QC_CARDS
from hcvo.headers.text_tables import TEXT_SUFFIXES, cards_in_table
from hcvo.model.frame import CardValue

__all__ = ["PAGE_SUFFIX", "cards_in_page", "product_cards", "quick_cards"]

PAGE_SUFFIX = ".html"
_BEGIN, _END = '<pre id="hcvo-cards">', "</pre>"
_BLOCK = 2880
_LAST_CARD = re.compile(rb"(?s)\A(?:.{80})*?END {77}")
_CARDS = re.compile(f"{_BEGIN}(.*?){_END}", re.DOTALL)


def cards_in_page(header: fits.Header) -> str:
    """The element of a page that holds a header, for readers and for `product_cards`."""
    return _BEGIN + html.escape(header.tostring(sep="\n", endcard=False, padding=False)) + _END


def quick_cards(path: Path) -> Mapping[str, CardValue] | None:
    """Primary header of a FITS product without comments, many times faster than `product_cards`.

    Parameters
    ----------
    path : Path
        A product file of ours.

    Returns
    -------
    Mapping[str, CardValue] | None
        Keyword to value. None for a page or text, for a header that is not plain, and for one with numbers of
        quality control: their units stand in comments.
    """
    if path.suffix != ".fits":
        return None
    blocks: list[bytes] = []
    with path.open("rb") as stream:
        while not (blocks and _LAST_CARD.search(blocks[-1])):
            blocks.append(stream.read(_BLOCK))
            if len(blocks[-1]) < _BLOCK:
                return None
    text = b"".join(blocks)
    if not text.startswith(b"SIMPLE  =") or not text.isascii() or any(word in text for word in QC_CARDS):
        return None
    return plain_cards(text.decode("ascii"))


def product_cards(path: Path) -> fits.Header:
    """Primary header of a product file, FITS, page or text table.

    Parameters
    ----------
    path : Path
        A product file of ours.

    Returns
    -------
    fits.Header
        Its cards.

    Raises
    ------
    HeaderError
        If a page holds none.
    """
    if path.suffix in TEXT_SUFFIXES:
        return cards_in_table(path)
    if path.suffix != PAGE_SUFFIX:
        return fits.getheader(path)
    found = _CARDS.search(path.read_text(encoding="utf-8"))
    if found is None:
        raise HeaderError(f"{path}: no cards of a product in this page; not a page of hcvo?")
    return fits.Header.fromstring(html.unescape(found[1]), sep="\n")
