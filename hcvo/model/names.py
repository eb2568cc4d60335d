"""Names: of stars, compared as observers write them; of anything, as a part of an address."""

import re
import unicodedata

__all__ = ["normalised", "url_safe"]


def normalised(name: str) -> str:
    """A name without what observers write differently: case, blanks, '*', '_', hyphen after a catalogue."""
    return re.sub(r"[\s_*]+|(?<=[A-Za-z])-(?=\d)", "", name).casefold()


def url_safe(text: str) -> str:
    """A name that stands in access keys and identifiers as it is, nothing escaped.

    Letters without accents, digits, '.', '_' and '-' stay. A '+' before a digit becomes 'p', so that
    BD+20 5 (BDp20-5) and BD-20 5 (BD-20-5) keep names of their own; any other run of characters becomes '-'.

    Parameters
    ----------
    text : str
        Any text; '/' does not count as a separator.

    Returns
    -------
    str
        Of ``[A-Za-z0-9._-]``; '' for ''.
    """
    plain = re.sub(r"[\u0300-\u036f]", "", unicodedata.normalize("NFKD", text))
    return re.sub(r"[^A-Za-z0-9._-]+", "-", re.sub(r"\+(?=[0-9])", "p", plain))
