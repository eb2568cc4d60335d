"""Headers of products that are pages: the same cards as a FITS product has, inside the HTML."""

import html
import re
from pathlib import Path

from astropy.io import fits

from hcvo.errors import HeaderError
from hcvo.headers.text_tables import TEXT_SUFFIXES, cards_in_table

__all__ = ["PAGE_SUFFIX", "cards_in_page", "product_cards"]

PAGE_SUFFIX = ".html"
_BEGIN, _END = '<pre id="hcvo-cards">', "</pre>"
_CARDS = re.compile(f"{_BEGIN}(.*?){_END}", re.DOTALL)


def cards_in_page(header: fits.Header) -> str:
    """The element of a page that holds a header, for readers and for `product_cards`."""
    return _BEGIN + html.escape(header.tostring(sep="\n", endcard=False, padding=False)) + _END


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
