"""Names of stars, compared as observers write them."""

import re

__all__ = ["normalised"]


def normalised(name: str) -> str:
    """A name without what observers write differently: case, blanks, '*', '_', hyphen after a catalogue."""
    return re.sub(r"[\s_*]+|(?<=[A-Za-z])-(?=\d)", "", name).casefold()
