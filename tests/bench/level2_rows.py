"""What the races of ``make bench-level2`` say: rows of a report."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hcvo.report import Row
from tests.bench.level2_side import Side

__all__ = ["Outcome", "Race", "race_rows", "whole_rows"]

_WHOLE_GOAL = 8.0
_FASTER = "times faster than the fastest peer"


@dataclass(frozen=True, slots=True)
class Race:
    """A job on a cube.

    Attributes
    ----------
    job, cube : str
        Names.
    goal : float | None
        How many times faster than the fastest peer we want to be.
    whole : str
        Which whole set it belongs to: 'small', 'full'; '' is none.
    most_mib : float | None
        Memory that we want to do with.
    """

    job: str
    cube: str
    goal: float | None = None
    whole: str = ""
    most_mib: float | None = None

    @property
    def case(self) -> str:
        """Name of the race."""
        return f"{self.job}, {self.cube}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a race ended: the sides of both camps."""

    race: Race
    ours: Sequence[Side]
    peers: Sequence[Side]

    @property
    def pair(self) -> tuple[Side, Side] | None:
        """Our fastest side and the peers'; None if a camp has none that ended."""
        ours, peer = _fastest(self.ours), _fastest(self.peers)
        return (ours, peer) if ours and peer else None


def _fastest(sides: Sequence[Side]) -> Side | None:
    ended = [side for side in sides if side.seconds]
    return min(ended, key=lambda side: side.best) if ended else None


def race_rows(outcome: Outcome) -> list[Row]:
    """Times, the ratio, and the peak memory of the fastest on each side.

    Parameters
    ----------
    outcome : Outcome
        Of a race.

    Returns
    -------
    list[Row]
        A peer that failed says so and is no fault of ours, unless no peer is left.
    """
    race = outcome.race
    rows = [_time_row(race.case, side, ok=bool(side.seconds)) for side in outcome.ours]
    rows += [_time_row(race.case, side, ok=True) for side in outcome.peers]
    if outcome.peers:
        rows.append(_ratio_row(outcome))
    rows += [
        Row(race.case, f"peak memory, {side.words}", side.peak_mib, "MiB", "", ok=True)
        for side in (_fastest(outcome.peers),)
        if side and side.share == 1
    ]
    own, most = _fastest(outcome.ours), race.most_mib
    goal = "" if most is None else f"<= {most:g}"
    if own:
        met = most is None or own.peak_mib <= most
        rows.append(Row(race.case, f"peak memory, {own.words}", own.peak_mib, "MiB", goal, ok=met))
    return rows


def _time_row(case: str, side: Side, *, ok: bool) -> Row:
    words = f"time, {side.words}, {len(side.seconds)} turn{'s' * (len(side.seconds) != 1)}"
    return Row(case, words, side.best if side.seconds else None, "s", "", ok=ok)


def _ratio_row(outcome: Outcome) -> Row:
    race, pair = outcome.race, outcome.pair
    goal = "" if race.goal is None else f">= {race.goal:g}"
    if pair is None:
        return Row(race.case, _FASTER, None, "", goal, ok=False)
    ratio = pair[1].best / pair[0].best
    words = _FASTER if pair[1].share == 1 else f"{_FASTER}, whose time is EXTRAPOLATED"
    return Row(race.case, words, ratio, "", goal, ok=race.goal is None or ratio >= race.goal)


def whole_rows(counted: Sequence[Race], outcomes: Sequence[Outcome]) -> list[Row]:
    """For each cube the jobs of the set: sum of the times against sum, and geometric mean of the ratios.

    Parameters
    ----------
    counted : Sequence[Race]
        Races that belong to a whole set.
    outcomes : Sequence[Outcome]
        Of those that were run.

    Returns
    -------
    list[Row]
        The sums meet their goal only if no job is missing.
    """
    rows = []
    for name in dict.fromkeys(race.whole for race in counted):
        wanted = [race.case for race in counted if race.whole == name]
        pairs = [(o.race, *o.pair) for o in outcomes if o.race.case in wanted and o.pair]
        jobs = ", ".join(race.job + "*" * (peer.share < 1) for race, _, peer in pairs)
        marks = "; * is extrapolated" if any(peer.share < 1 for *_, peer in pairs) else ""
        case = f"whole set on the {name} cube, {len(pairs)} of {len(wanted)} jobs: {jobs}{marks}"
        rows += _sums(case, pairs, complete=len(pairs) == len(wanted))
    return rows


def _sums(case: str, pairs: Sequence[tuple[Race, Side, Side]], *, complete: bool) -> list[Row]:
    if not pairs:
        return [Row(case, _FASTER, None, "", f">= {_WHOLE_GOAL:g}", ok=False)]
    ours, theirs = sum(own.best for _, own, _ in pairs), sum(peer.best for *_, peer in pairs)
    ratios = {race.job: peer.best / own.best for race, own, peer in pairs}
    mean = math.exp(sum(map(math.log, ratios.values())) / len(ratios))
    least = min(ratios, key=lambda job: ratios[job])
    longest = max(pairs, key=lambda pair: pair[2].best)
    rest = (theirs - longest[2].best) / max(ours - longest[1].best, 1e-9)
    met = complete and theirs / ours >= _WHOLE_GOAL
    return [
        Row(case, "time, ours", ours, "s", "", ok=True),
        Row(case, "time, the fastest peers", theirs, "s", "", ok=True),
        Row(case, "times faster, sum against sum", theirs / ours, "", f">= {_WHOLE_GOAL:g}", ok=met),
        Row(case, f"the same without the peers' longest, {longest[0].job}", rest, "", "", ok=True),
        Row(case, "geometric mean of the ratios", mean, "", "", ok=True),
        Row(case, f"smallest ratio, {least}", ratios[least], "", "", ok=True),
    ]
