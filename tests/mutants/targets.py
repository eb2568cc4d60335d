"""What is mutated, and which tests must notice: the tables targets.toml and equivalent.toml."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Equivalent", "Target", "TextMutant", "read_equivalents", "read_targets"]

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class TextMutant:
    """A fault in text that is no Python: `before`, found once in `file`, becomes `after`."""

    file: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Target:
    """One module under test.

    Attributes
    ----------
    name : str
        For ``--module`` and the report.
    module : str
        Path from the root.
    quick : tuple[str, ...]
        Test files run first, with numba's compiler off.
    tests : tuple[str, ...]
        Test files run with everything compiled, for what `quick` let live.
    python : bool
        Whether cosmic-ray's operators are applied.
    within : tuple[str, ...]
        Only these functions; all if empty.
    fresh : bool
        Whether compiled functions of other files call this one's: their cache would hide the fault.
    text : tuple[TextMutant, ...]
        Further faults.
    """

    name: str
    module: str
    quick: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    python: bool = True
    within: tuple[str, ...] = ()
    fresh: bool = False
    text: tuple[TextMutant, ...] = ()


@dataclass(frozen=True, slots=True)
class Equivalent:
    """Changes of one line, or run of lines, that no test can see, with the reason."""

    file: str
    within: str
    before: str
    after: tuple[str, ...]
    why: str


def read_targets(path: Path = _HERE / "targets.toml") -> tuple[Target, ...]:
    """Read the table of targets.

    Parameters
    ----------
    path : Path
        TOML with one ``[[target]]`` a module; unknown keys are refused.

    Returns
    -------
    tuple[Target, ...]
        In the order of the file.
    """
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return tuple(_target(entry) for entry in table["target"])


def _target(entry: dict[str, Any]) -> Target:
    lists = {key: tuple(value) for key, value in entry.items() if isinstance(value, list)}
    return Target(**entry | lists | {"text": tuple(TextMutant(**text) for text in entry.get("text", ()))})


def read_equivalents(path: Path = _HERE / "equivalent.toml") -> tuple[Equivalent, ...]:
    """Read the reviewed list of changes that change nothing.

    Parameters
    ----------
    path : Path
        TOML with one ``[[equivalent]]`` a change.

    Returns
    -------
    tuple[Equivalent, ...]
        In the order of the file.
    """
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return tuple(
        Equivalent(**entry | {"after": tuple(entry["after"])}) for entry in table.get("equivalent", ())
    )
