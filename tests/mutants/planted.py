"""Faults made by hand that would be wrong on the sky: the table planted.toml, of which every one must die.

cosmic-ray's faults are many and small; these are few and are what people get wrong: a sign, a clock, an axis,
a field, a filter.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hcvo.report import Row
from tests.mutants.bench import Verdict
from tests.mutants.population import Mutant, text_mutant
from tests.mutants.targets import Target, TextMutant

__all__ = ["Planted", "planted_mutant", "planted_row", "planted_target", "read_planted"]

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Planted:
    """One fault.

    Attributes
    ----------
    kind : str
        What is wrong: 'angle sign', 'time offset'.
    file : str
        Path from the root.
    before, after : str
        Text that stands there once, and what it becomes.
    quick : tuple[str, ...]
        Tests that must notice, run with numba's compiler off.
    tests : tuple[str, ...]
        Tests that must notice, run with everything compiled.
    """

    kind: str
    file: str
    before: str
    after: str
    quick: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()


def read_planted(path: Path = _HERE / "planted.toml") -> tuple[Planted, ...]:
    """Read the table.

    Parameters
    ----------
    path : Path
        TOML with one ``[[planted]]`` a fault; unknown keys are refused.

    Returns
    -------
    tuple[Planted, ...]
        In the order of the file.
    """
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return tuple(
        Planted(**entry | {key: tuple(value) for key, value in entry.items() if isinstance(value, list)})
        for entry in table["planted"]
    )


def planted_mutant(planted: Planted, root: Path) -> Mutant:
    """The fault put in.

    Parameters
    ----------
    planted : Planted
        Its text must stand in the file once: ValueError.
    root : Path
        Of the checkout.

    Returns
    -------
    Mutant
        With `kind` as its operator.
    """
    mutant = text_mutant(TextMutant(planted.file, planted.before, planted.after), root)
    return replace(mutant, operator=planted.kind)


def planted_target(kind: str, entries: Sequence[Planted]) -> Target:
    """All tests that the faults of one kind need, for the run without a fault.

    Parameters
    ----------
    kind : str
        Of the faults.
    entries : Sequence[Planted]
        Of that kind, or one of them.

    Returns
    -------
    Target
        Named after the kind.
    """
    quick, tests = (
        tuple(dict.fromkeys(test for entry in entries for test in getattr(entry, key)))
        for key in ("quick", "tests")
    )
    return Target(f"planted {kind}", "", quick, tests, python=False)


def planted_row(kind: str, verdicts: Sequence[Verdict], failure: str = "") -> Row:
    """A kind's line of the report.

    Parameters
    ----------
    kind : str
        Of the faults.
    verdicts : Sequence[Verdict]
        On each of them.
    failure : str
        Why there are none, if so.

    Returns
    -------
    Row
        Met if every one died.
    """
    if failure:
        return Row(f"planted {kind}", failure.splitlines()[0], None, "%", "all", ok=False)
    killed = sum(verdict.outcome != "survived" for verdict in verdicts)
    share = 100.0 * killed / len(verdicts)
    said = f"killed {killed} of {len(verdicts)}"
    return Row(f"planted {kind}", said, share, "%", "all", ok=killed == len(verdicts))
