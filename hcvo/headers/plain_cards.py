"""Cards of a plain FITS header in one pass, many times faster than by `astropy.io.fits.Header`.

Plain are fixed and free-format cards of text, logical values, whole and real numbers, without a value,
ESO's HIERARCH cards, COMMENT and HISTORY (FITS 4.0, sections 4.1 and 4.2). Of anything else, such as text
that runs on, complex numbers, keywords in small letters or a broken card, nothing is guessed: it is left to
astropy.
"""

import re
from typing import TypeAlias

from hcvo.model.frame import CardValue

__all__ = ["plain_cards"]

_CARD = 80
_END = "END".ljust(_CARD)
_PLAIN = re.compile(
    r"(?:"
    r"(?:HIERARCH ([A-Z0-9_-]+(?: [A-Z0-9_-]+)*) *=|(?=.{8}= )(?!COMMENT |HISTORY )([A-Z0-9_-]{1,8}) *= ) *"
    r"(?:((?!''.*')'[^']*(?:''[^']*)*')"  # '' and one more quote: astropy's to read
    r"|([+-]?\d+)(?= |/|\Z)"
    r"|([+-]?(?:\d+\.\d*|\.\d+|\d+(?=[EDed]))(?:[EDed][+-]?\d+)?)(?= |/|\Z)"
    r"|([TF])(?= |/|\Z))? *(?:/.*)?"
    r"|(COMMENT|HISTORY)(?: (.*))?"
    r"|( {80}))\Z"
)
_REMARKS = ("COMMENT", "HISTORY")
_MANY = 200_000  # cards remembered: of a night's frames most are the same

_Card: TypeAlias = tuple[str, CardValue]
_known: dict[str, _Card] = {}


def plain_cards(text: str) -> dict[str, CardValue] | None:
    """Read the cards of a header.

    Parameters
    ----------
    text : str
        Cards of 80 printable characters up to END, without line ends.

    Returns
    -------
    dict[str, CardValue] | None
        Keyword to value, of repeated keywords the last; ``HIERARCH`` left off, COMMENT and HISTORY joined by
        line ends, blank cards left out, None where a card has no value. None if a card is not plain.
    """
    cards: dict[str, CardValue] = {}
    for at in range(0, len(text), _CARD):
        line = text[at : at + _CARD]
        card = _known.get(line)
        if card is None:
            if line == _END:
                return cards
            card = _read(line)
            if card is None:
                return None
            if len(_known) >= _MANY:
                _known.clear()
            _known[line] = card
        keyword, value = card
        if keyword in _REMARKS and keyword in cards:
            value = f"{cards[keyword]}\n{value}"
        if keyword:
            cards[keyword] = value
    return None


def _read(line: str) -> _Card | None:
    """Keyword and value of one card; '' of a blank one."""
    found = _PLAIN.match(line)
    if found is None:
        return None
    long, short, quoted, whole, real, logical, remark, told, _ = found.groups()
    keyword = long or short
    value: CardValue = None
    if quoted:
        value = quoted[1:-1].replace("''", "'").rstrip()
        if value.endswith("&"):
            return None
    elif whole:
        value = int(whole)
    elif real:
        value = float(real.upper().replace("D", "E"))
    elif logical:
        value = logical == "T"
    elif remark:
        keyword, value = remark, (told or "").rstrip()
    return keyword or "", value
