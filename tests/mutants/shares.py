"""From verdicts to the report: one row a module, and one for all of them together.

The goal is set on the whole. A module of which 40 mutants were drawn is known to 5 % (1 sigma) at a share of
90 %, so a single module is held to a lower mark: what lies below that is no accident of the draw.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hcvo.report import Row
from tests.mutants.bench import Verdict
from tests.mutants.targets import Target

__all__ = ["Share", "whole"]

_GOAL = 0.90
_GOAL_OF_ONE = 0.80


@dataclass(frozen=True, slots=True)
class Share:
    """What is known of one target.

    Attributes
    ----------
    target : Target
        Which.
    population : int
        Its mutants, without those known to change nothing.
    equivalent : int
        How many are known to change nothing: they are not tried.
    verdicts : tuple[Verdict, ...]
        Of those tried.
    stale : Sequence[str]
        Entries of equivalent.toml that no mutant answers to any more.
    failure : str
        Why there are no verdicts, if so.
    """

    target: Target
    population: int
    equivalent: int
    verdicts: tuple[Verdict, ...]
    stale: Sequence[str] = ()
    failure: str = ""

    @property
    def survivors(self) -> tuple[Verdict, ...]:
        """Mutants that no test noticed."""
        return tuple(verdict for verdict in self.verdicts if verdict.outcome == "survived")

    @property
    def killed(self) -> float:
        """Share of those tried; NaN if none was."""
        return 1.0 - len(self.survivors) / len(self.verdicts) if self.verdicts else float("nan")

    def row(self) -> Row:
        """The module's line of the report."""
        goal = f">= {_GOAL_OF_ONE:.0%}"
        if self.failure or not self.verdicts:
            why = self.failure.splitlines()[0] if self.failure else "no mutant"
            return Row(self.target.name, why, None, "%", goal, ok=False)
        tried = len(self.verdicts)
        said = f"killed {tried - len(self.survivors)} of {tried}"
        if tried < self.population:
            said += f" drawn from {self.population}"
        if self.equivalent:
            said += f", {self.equivalent} equivalent apart"
        if self.stale:
            said += f", {len(self.stale)} stale in equivalent.toml"
        ok = self.killed >= _GOAL_OF_ONE and not self.stale
        return Row(self.target.name, said, 100.0 * self.killed, "%", goal, ok)


def whole(shares: Sequence[Share]) -> Row:
    """All modules together, each with the weight of its number of mutants.

    Parameters
    ----------
    shares : Sequence[Share]
        Of the modules.

    Returns
    -------
    Row
        The share of all mutants killed, with what the draw leaves open (1 sigma); not met if a module has no
        verdicts.
    """
    counts = np.array([share.population for share in shares])
    tried = np.array([len(share.verdicts) for share in shares])
    killed = np.array([share.killed for share in shares])
    total = float(counts @ killed / counts.sum())
    # drawn without replacement: nothing is left open where all were tried; (k + 1) / (n + 2) is never 0 or 1
    likely = (killed * tried + 1) / (tried + 2)
    open_share = likely * (1 - likely) / np.maximum(tried, 1) * (1 - tried / np.maximum(counts, 1))
    error = float(np.sqrt(counts**2 @ np.maximum(open_share, 0.0)) / counts.sum())
    said = f"of {counts.sum()} mutants, {tried.sum()} tried, modules weighted; +- {100 * error:.1f}"
    value = None if np.isnan(total) else 100.0 * total
    return Row("all modules", said, value, "%", f">= {_GOAL:.0%}", ok=total >= _GOAL)
