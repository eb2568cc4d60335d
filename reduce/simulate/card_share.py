"""How much of real raw headers the simulated ones have: keywords present, with the same type of value."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Share", "card_share", "card_types", "real_headers"]

_WIDTH = 80
_APART = "ESO INS2"
"""Cards of the IFS; IRDIS has INS1 in their place."""


@dataclass(frozen=True, slots=True)
class Share:
    """What a comparison gave: share of the real cards met, and those missing or of another type."""

    share: float
    missing: tuple[str, ...]
    differing: tuple[str, ...]


def card_types(text: str) -> dict[str, str]:
    """Types by keyword.

    Parameters
    ----------
    text : str
        Header, one card a line or 80 characters each.

    Returns
    -------
    dict[str, str]
        'text', 'logical', 'integer' or 'real' by keyword, without HIERARCH.
    """
    lines = text.splitlines() if "\n" in text else [text[i : i + _WIDTH] for i in range(0, len(text), _WIDTH)]
    types = {}
    for line in lines:
        keyword, equals, value = line.partition("=")
        if equals:
            types[keyword.replace("HIERARCH", "").strip()] = _type(value.strip())
    return types


def _type(value: str) -> str:
    if value.startswith("'"):
        return "text"
    bare = value.split("/", maxsplit=1)[0].strip()
    if bare in {"T", "F"}:
        return "logical"
    return "integer" if bare.lstrip("+-").isdigit() else "real"


def card_share(real: Mapping[str, str], simulated: Mapping[str, str]) -> Share:
    """Compare one real header with one of ours, IFS cards apart."""
    wanted = {key: kind for key, kind in real.items() if not key.startswith(_APART)}
    missing = tuple(key for key in wanted if key not in simulated)
    differing = tuple(key for key in wanted if key in simulated and simulated[key] != wanted[key])
    return Share(1.0 - (len(missing) + len(differing)) / len(wanted), missing, differing)


def real_headers(folder: Path) -> dict[str, tuple[str, dict[str, str]]]:
    """DPR TYPE and card types of each real header by file name."""
    found = {}
    for path in sorted(folder.glob("*.hdr.txt")):
        text = path.read_text(encoding="ascii")
        kind = next(line.split("'")[1].strip() for line in text.splitlines() if "ESO DPR TYPE" in line)
        found[path.name] = (kind, card_types(text))
    return found
