"""Numbers of quality control in a product's header: ``HIERARCH HCVO QC <NAME>``, and back."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from astropy.io import fits

__all__ = ["QC_CARDS", "QualityNumber", "qc_cards", "read_qc"]

_PREFIX = "HCVO QC "
_PLAIN = ("CENTRERR", "PIXSCERR", "NORTHERR")
"""Cards without the prefix that tell of quality all the same."""

QC_CARDS = (*(f"{name:<8}=".encode() for name in _PLAIN), f"HIERARCH {_PREFIX}".encode())
"""Beginnings of the cards in a header's text."""
_CARD = 80
_DIGITS = 6
_UNIT = re.compile(r"^\[([^\]]*)\]\s*(.*)$")


@dataclass(frozen=True, slots=True)
class QualityNumber:
    """One number or word of quality control.

    Attributes
    ----------
    name : str
        'FRAMES KEPT'.
    value : float | None
        Its number; 1 or 0 for yes or no; None for a word.
    text : str
        As a reader sees it.
    unit : str
        '' for none.
    meaning : str
        In some words.
    """

    name: str
    value: float | None
    text: str
    unit: str
    meaning: str


def qc_cards(values: Mapping[str, tuple[object, str]]) -> dict[str, tuple[object, str]]:
    """Cards of a product's primary header.

    Parameters
    ----------
    values : Mapping[str, tuple[object, str]]
        Name in capitals to value and '[unit] meaning'.

    Returns
    -------
    dict[str, tuple[object, str]]
        Keyword to value, with six digits, and as much of the comment as the card holds; what is not finite
        is left out.
    """
    known = {name: pair for name, pair in values.items() if not _unknown(pair[0])}
    return {f"HIERARCH {_PREFIX}{name}": _fitted(name, *pair) for name, pair in known.items()}


def read_qc(header: fits.Header) -> tuple[QualityNumber, ...]:
    """Numbers of quality control of a product.

    Parameters
    ----------
    header : fits.Header
        Primary header.

    Returns
    -------
    tuple[QualityNumber, ...]
        In the header's order.
    """
    cards = [card for card in header.cards if card.keyword.startswith(_PREFIX) or card.keyword in _PLAIN]
    return tuple(_number(card) for card in cards)


def _unknown(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _fitted(name: str, value: object, comment: str) -> tuple[object, str]:
    if isinstance(value, float):
        value = float(f"{value:.{_DIGITS}g}")
    room = _CARD - len(str(fits.Card(f"HIERARCH {_PREFIX}{name}", value)).rstrip()) - len(" / ")
    if len(comment) > room:
        comment = comment[: max(room, 0)].rpartition(" ")[0]
    return value, comment


def _number(card: fits.Card) -> QualityNumber:
    split = _UNIT.match(card.comment)
    unit, meaning = split.groups() if split else ("", card.comment)
    value = float(card.value) if isinstance(card.value, bool | int | float) else None
    if isinstance(card.value, bool):
        text = "yes" if card.value else "no"
    else:
        text = f"{card.value:.{_DIGITS}g}" if isinstance(card.value, float) else str(card.value)
    return QualityNumber(card.keyword.removeprefix(_PREFIX), value, text, unit, meaning)
