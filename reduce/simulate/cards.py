"""Expand the table of card patterns into HIERARCH ESO cards."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files

import numpy as np
import yaml
from astropy.io import fits

__all__ = ["Fact", "expand", "hierarch_cards"]

Fact = bool | int | float | str
_LINE = 80
_BRACES = re.compile(r"\{([^}]*)\}")


def hierarch_cards(
    groups: Mapping[str, str], facts: Mapping[str, Fact], rng: np.random.Generator
) -> list[fits.Card]:
    """Cards of the wanted groups in the order ESO writes them: by keyword.

    Parameters
    ----------
    groups : Mapping[str, str]
        Group of the table and the prefix of its cards: ``{"OBS_SKY": "OBS"}``.
    facts : Mapping[str, Fact]
        Values that depend on the exposure.
    rng : np.random.Generator
        Scatter of the sensors.

    Returns
    -------
    list[fits.Card]
        Sorted by group prefix, then by keyword.
    """
    made: dict[str, fits.Card] = {}
    for group, prefix in groups.items():
        for pattern, value, comment in _table()[group]:
            for name in expand(pattern):
                keyword = f"{prefix} {name}"
                made[keyword] = _card(keyword, _value(value, name, facts, rng), comment)
    return [made[keyword] for keyword in sorted(made, key=lambda key: key.split(" "))]


def expand(pattern: str) -> Iterator[str]:
    """Write out ``A{1-2,4} {X,Y}``: A1 X, A1 Y, A2 X ..."""
    match = _BRACES.search(pattern)
    if match is None:
        yield pattern
        return
    for choice in _choices(match[1]):
        yield from expand(pattern[: match.start()] + choice + pattern[match.end() :])


def _choices(text: str) -> Iterator[str]:
    for part in text.split(","):
        limits = re.fullmatch(r"(\d+)-(\d+)", part)
        if limits:
            yield from (str(number) for number in range(int(limits[1]), int(limits[2]) + 1))
        else:
            yield part


@cache
def _table() -> dict[str, list[tuple[str, Fact, str]]]:
    text = files("reduce.simulate").joinpath("cards.yaml").read_text(encoding="utf-8")
    return {group: [tuple(row) for row in rows] for group, rows in yaml.safe_load(text).items()}


def _value(rule: Fact, name: str, facts: Mapping[str, Fact], rng: np.random.Generator) -> Fact:
    if not isinstance(rule, str):
        return rule
    if rule.startswith("="):
        return facts[rule[1:]]
    if rule.startswith("~"):
        mean, scatter, decimals = rule[1:].split(",")
        return round(float(mean) + float(scatter) * float(rng.standard_normal()), int(decimals))
    if "$" in rule and "$Rev" not in rule:
        return rule.replace("$", re.findall(r"\d+", name)[-1])
    return rule


def _card(keyword: str, value: Fact, comment: str) -> fits.Card:
    """A card with its comment cut to the line's end, as ESO does."""
    bare = fits.Card(f"HIERARCH ESO {keyword}", value).image.rstrip()
    room = _LINE - len(bare) - 3
    return fits.Card(f"HIERARCH ESO {keyword}", value, comment[: max(room, 0)].rstrip())
