"""``make bench-level2``: time and memory of our kernels beside VIP and pyklip on the same synthetic cubes.

Each side of a race is a process of its own; they run in turn, so that what else the machine does falls on
all, and the least of the rounds counts. The peers live in an environment of their own below build/. Ours has
one thread; the peers have two, as processes or in BLAS, whichever is faster.
"""

import math
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from hcvo.report import Row, publish_report
from tests.bench import scale_level2
from tests.bench.level2_cubes import SHAPES, write_cubes
from tests.bench.level2_ours import OURS
from tests.bench.level2_peers import peers_python
from tests.bench.level2_side import Side
from tests.bench.peer_level2 import PEERS

_ROUNDS = 5
_PATIENCE_S = 25.0  # no further round once the peers of a job have taken this long
_HOPELESS = 1.6  # an option this many times slower than the best has no further turn
_WHOLE_GOAL = 8.0


@dataclass(frozen=True, slots=True)
class _Race:
    """A job on a cube, and how many times faster than the fastest peer we want to be."""

    job: str
    cube: str
    goal: float | None = None
    most_mib: float | None = None
    counted: bool = True  # in the ratio of the whole set

    @property
    def case(self) -> str:
        return f"{self.job}, {self.cube}"


_RACES = (
    _Race("derotation", "small", 4),
    _Race("derotation, exact", "small", 30),
    _Race("derotation, coarse", "small", counted=False),
    _Race("temporal median", "full", 4),
    _Race("cADI", "small", 4),
    _Race("cADI", "full", 4),
    _Race("cADI, ready for injections", "full", counted=False),
    _Race("PCA", "small", 6),
    _Race("PCA", "full", 5),
    _Race("PCA, ready for injections", "full", counted=False),
    _Race("PCA grid of 20", "small", 8),
    _Race("annular PCA", "small", 5),
    _Race("LOCI", "small", 8),
    _Race("T-LOCI", "small", counted=False),
    _Race("S/N map", "small", 150),
    _Race("contrast curve", "small-empty", 20),
    _Race("candidate", "small", 60),
    _Race("ASDI", "ifs", 8, most_mib=1024.0),
    _Race("PACO", "tiny", 150),
)
_GROWING = ("derotation", "cADI", "PCA", "annular PCA", "LOCI", "T-LOCI", "candidate")
_DOUBLED = ("small", "small-twice")


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How a race ended."""

    ours: Side | None
    peers: list[Side] = field(default_factory=list)

    @property
    def best_peer(self) -> Side | None:
        ended = [side for side in self.peers if side.seconds]
        return min(ended, key=lambda side: side.best) if ended else None


def main(asked: Sequence[str]) -> None:
    """Race every job, or those whose names begin with one of `asked`; report."""
    races = [r for r in _RACES if not asked or any(r.case.startswith(name) for name in asked)]
    python = peers_python()
    rows: list[Row] = []
    totals: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory(prefix="hcvo-bench-") as folder:
        cubes = Path(folder)
        write_cubes(cubes, tuple({r.cube for r in races} | set(_DOUBLED)))
        for race in races:
            print(race.case, file=sys.stderr, flush=True)  # noqa: T201 - half an hour of silence else
            outcome = _run(race, cubes, python)
            rows += _rows(race, outcome)
            if race.counted and outcome.ours and outcome.ours.seconds and outcome.best_peer:
                totals.append((outcome.best_peer.best, outcome.ours.best))
        rows.append(_whole(totals, sum(race.counted for race in races)))
        rows += _growth_rows([j for j in _GROWING if j in {r.job for r in races}], cubes)
    if len(races) == len(_RACES):
        rows += scale_level2.rows()
    sys.exit(0 if publish_report("bench-level2", rows) else 1)


def _run(race: _Race, cubes: Path, python: Path) -> _Outcome:
    cube = cubes / f"{race.cube}.npz"
    with ExitStack() as stack:
        ours = stack.enter_context(_our_side(race.job, cube)) if race.job in OURS else None
        peers = [
            stack.enter_context(_peer_side(race.job, number, cube, python))
            for number in range(len(PEERS.get(race.job, ())))
        ]
        _rounds(ours, peers)
        for side in [*([ours] if ours else []), *peers]:
            side.finish()
    return _Outcome(ours, peers)


def _our_side(job: str, cube: Path) -> Side:
    command = [sys.executable, "-m", "tests.bench.level2_ours", job, str(cube)]
    return Side(f"ours, {OURS[job].words}", command, threads=1)


def _peer_side(job: str, number: int, cube: Path, python: Path) -> Side:
    option = PEERS[job][number]
    script = Path(__file__).with_name("peer_level2.py")
    command = [str(python), str(script), job, str(number), str(cube)]
    words = f"{option.words}, {option.processes} process{'es' * (option.processes > 1)}"
    return Side(words, command, threads=3 - option.processes)


def _rounds(ours: Side | None, peers: Sequence[Side]) -> None:
    """In turn; slow options have one, and none has another once all patience is used up."""
    spent = 0.0
    if ours:
        ours.turn()  # compiles, or reads what was compiled
        ours.seconds.clear()
    racing = list(peers)
    for number in range(_ROUNDS):
        if ours:
            ours.turn()
        if number and spent > _PATIENCE_S:
            continue
        spent += sum(side.turn() for side in racing)
        best = min((side.best for side in racing if side.seconds), default=math.inf)
        racing = [side for side in racing if side.seconds and side.best <= _HOPELESS * best]


def _rows(race: _Race, outcome: _Outcome) -> list[Row]:
    ours, peer, case = outcome.ours, outcome.best_peer, race.case
    rows = [_time_row(case, ours, "ours")]
    rows += [_time_row(case, side, side.words) for side in outcome.peers]
    if race.goal is not None:
        ratio = peer.best / ours.best if ours and ours.seconds and peer else None
        met = ratio is not None and ratio >= race.goal
        rows.append(Row(case, "times faster than the fastest peer", ratio, "", f">= {race.goal:g}", ok=met))
    limit = race.most_mib
    for side in (ours, peer):
        if side is None or not side.seconds:
            continue
        met = side is peer or limit is None or side.peak_mib <= limit
        goal = f"<= {limit:g}" if limit is not None and side is ours else ""
        words = f"peak memory, {side.words}"
        rows.append(Row(case, words, side.peak_mib, "MiB", goal, ok=met))
    return rows


def _time_row(case: str, side: Side | None, words: str) -> Row:
    """Least time; one of a peer that failed says so and is no fault of ours."""
    if side is None or not side.seconds:
        return Row(case, f"time, {words}", None, "s", "", ok=words != "ours")
    return Row(case, f"time, {side.words}", side.best, "s", "", ok=True)


def _whole(totals: Sequence[tuple[float, float]], races: int) -> Row:
    """Sum over the jobs; met only if every race had both sides."""
    theirs, ours = (sum(pair[side] for pair in totals) for side in (0, 1))
    ratio = theirs / ours if totals else None
    met = ratio is not None and ratio >= _WHOLE_GOAL and len(totals) == races
    case = f"the whole set, {len(totals)} of {races} jobs: {theirs:.1f} s against {ours:.1f} s"
    return Row(case, "times faster than the fastest peers", ratio, "", f">= {_WHOLE_GOAL:g}", ok=met)


def _growth_rows(jobs: Sequence[str], cubes: Path) -> list[Row]:
    """How our time grows when frames double: time goes as frames to this power."""
    rows = []
    few, many = (SHAPES[name].frames for name in _DOUBLED)
    for job in jobs:
        case = f"{job}, {few} to {many} frames of {SHAPES[_DOUBLED[0]].size} px"
        if job not in OURS:
            rows.append(Row(case, "power of the number of frames", None, "", "", ok=False))
            continue
        with ExitStack() as stack:
            sides = [stack.enter_context(_our_side(job, cubes / f"{name}.npz")) for name in _DOUBLED]
            for _ in range(_ROUNDS):
                for side in sides:
                    side.turn()
        ended = all(side.seconds for side in sides)
        power = math.log(sides[1].best / sides[0].best) / math.log(many / few) if ended else None
        rows.append(Row(case, "power of the number of frames", power, "", "", ok=ended))
    return rows


if __name__ == "__main__":
    main(sys.argv[1:])
