"""Tables of level 2 as text: ECSV (APE 6) and VOTable 1.4, each with the cards of its product."""

from collections.abc import Callable
from pathlib import Path

from astropy.io import fits
from astropy.io.votable import from_table, parse
from astropy.io.votable.tree import Info
from astropy.table import Table

from hcvo.errors import HeaderError

__all__ = ["TEXT_SUFFIXES", "cards_in_table", "write_text_table"]

_CARD = "card"
"""Name of an INFO that holds a card."""


def write_text_table(table: Table, header: fits.Header, path: Path) -> None:
    """Write a table as text, in the format that the name's ending tells.

    Parameters
    ----------
    table : Table
        Columns with unit, description and UCD.
    header : fits.Header
        Cards of the product; they stand in the file word by word.
    path : Path
        Ends in ``.ecsv`` or ``.vot``.
    """
    _WRITERS[path.suffix](table, _images(header), path)


def cards_in_table(path: Path) -> fits.Header:
    """Header of a product that is a table of text.

    Parameters
    ----------
    path : Path
        A file of `write_text_table`.

    Returns
    -------
    fits.Header
        Its cards.

    Raises
    ------
    HeaderError
        If it holds none.
    """
    cards = _READERS[path.suffix](path)
    if not cards:
        raise HeaderError(f"{path}: no cards of a product in this table; not a table of hcvo?")
    return fits.Header.fromstring("\n".join(cards), sep="\n")


def _images(header: fits.Header) -> list[str]:
    return str(header.tostring(sep="\n", endcard=False, padding=False)).split("\n")


def _write_ecsv(table: Table, cards: list[str], path: Path) -> None:
    held = table.copy()
    held.meta["cards"] = cards
    held.write(path, format="ascii.ecsv", delimiter=",", overwrite=True)


def _read_ecsv(path: Path) -> list[str]:
    cards = Table.read(path, format="ascii.ecsv").meta.get("cards", [])
    return [str(card) for card in cards]


def _write_votable(table: Table, cards: list[str], path: Path) -> None:
    votable = from_table(table)
    votable.resources[0].infos.extend(Info(name=_CARD, value=card) for card in cards)
    votable.to_xml(str(path))


def _read_votable(path: Path) -> list[str]:
    infos = parse(path).resources[0].infos
    return [str(info.value) for info in infos if info.name == _CARD]


_WRITERS: dict[str, Callable[[Table, list[str], Path], None]] = {".ecsv": _write_ecsv, ".vot": _write_votable}
_READERS: dict[str, Callable[[Path], list[str]]] = {".ecsv": _read_ecsv, ".vot": _read_votable}
TEXT_SUFFIXES = frozenset(_WRITERS)
"""Endings of tables of text."""
