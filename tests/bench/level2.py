"""``make bench-level2``: time and memory of our kernels beside VIP and pyklip on the same synthetic cubes.

Each side of a race is a process of its own, warmed up on a small crop; they run in turn, so that what else
the machine does falls on all, and the least of the turns counts. The peers live in an environment of their
own below build/. All have two cores: as two processes, as two threads, or one thread where that is faster.
JOBS may name races by how they begin, and ``growth``, ``scale``, ``memory``; without, all run but ``memory``.
The report is written whatever happens; a race that failed is a row without a figure.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hcvo.report import Row, publish_report
from tests.bench import level2_growth, memory_level2, scale_level2
from tests.bench.level2_cubes import SHAPES, write_cubes
from tests.bench.level2_ours import way_of
from tests.bench.level2_peers import peers_python
from tests.bench.level2_rows import Outcome, Race, race_rows, whole_rows
from tests.bench.level2_side import Side
from tests.bench.peer_level2 import peers_of

_ROUNDS, _FEWEST = 15, 3
_LONG_S = 20.0  # a job that takes longer has one turn
_PATIENCE_S = 4.0  # no more than `_FEWEST` turns once a side has had this long
_HOPELESS = 3.0  # an option this many times slower than the best of its camp has no further turn

_RACES = (
    Race("derotation", "small", 4),
    Race("derotation, exact", "small", 30),
    Race("derotation, coarse", "small"),
    Race("temporal median", "full", 4),
    Race("cADI", "small", 4, whole="small"),
    Race("cADI", "full", 4, whole="full"),
    Race("PCA", "small", 6, whole="small"),
    Race("PCA", "full", 5, whole="full"),
    Race("PCA grid of 20", "small", 8, whole="small"),
    Race("PCA grid of 20", "full", whole="full"),
    Race("annular PCA", "small", 5, whole="small"),
    Race("annular PCA", "full", whole="full"),
    Race("LOCI", "small", 8, whole="small"),
    Race("LOCI", "full", whole="full"),
    Race("LOCI, zones of 120 px", "small", 8),
    Race("T-LOCI", "small"),
    Race("S/N map", "small", 150, whole="small"),
    Race("S/N map", "full", whole="full"),
    Race("S/N map beside VIP's approximate one", "small"),
    Race("contrast curve", "small-empty", 20, whole="small"),
    Race("contrast curve", "full", whole="full"),
    Race("candidate", "small", 60, whole="small"),
    Race("candidate", "full", whole="full"),
    Race("ASDI", "ifs", 8, most_mib=1024.0),
    Race("PACO", "tiny", 150),
    Race("PACO", "small", whole="small"),
    Race("PACO", "full", whole="full"),
)
_FAILURES = (OSError, ValueError, KeyError, AssertionError, subprocess.SubprocessError)


def main(asked: Sequence[str]) -> None:
    """Race every job, or those whose names begin with one of `asked`; report."""
    rows: list[Row] = []
    try:
        with tempfile.TemporaryDirectory(prefix="hcvo-bench-") as folder:
            _run_all(Path(folder), asked, rows)
    finally:
        ok = publish_report("bench-level2", rows)
    sys.exit(0 if ok else 1)


def _run_all(cubes: Path, asked: Sequence[str], rows: list[Row]) -> None:
    """Rows are added as they come."""
    races = [r for r in _RACES if not asked or any(r.case.startswith(name) for name in asked)]
    outcomes = []
    write_cubes(cubes, tuple({r.cube for r in races}))
    python = peers_python() if races else Path()
    for race in races:
        with _noted(race.case, rows):
            outcomes.append(_run(race, cubes, python))
            rows += race_rows(outcomes[-1])
    counted = [race for race in _RACES if race.whole]
    if not asked:
        rows += whole_rows(counted, outcomes)
    parts: tuple[tuple[str, Callable[[], list[Row]], bool], ...] = (
        ("growth", lambda: level2_growth.rows(cubes, _our_side), True),
        ("scale", scale_level2.rows, True),
        ("memory", memory_level2.rows, False),
    )
    for name, made_by, usual in parts:
        if name in asked or (usual and not asked):
            with _noted(name, rows):
                rows += made_by()


@contextmanager
def _noted(case: str, rows: list[Row]) -> Iterator[None]:
    """A part that fails is a row without a figure, so that the others still count."""
    _say(f"{time.strftime('%H:%M:%S')} {case}")
    try:
        yield
    except _FAILURES as error:
        rows.append(Row(case, f"failed: {type(error).__name__} {error}"[:200], None, "", "", ok=False))


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)  # noqa: T201 - half an hour of silence else


def _run(race: Race, cubes: Path, python: Path) -> Outcome:
    cube = cubes / f"{race.cube}.npz"
    with ExitStack() as stack:
        ours = [stack.enter_context(_our_side(race.job, cube, threads)) for threads in (1, 2)]
        peers = [
            stack.enter_context(_peer_side(race.job, number, cube, python))
            for number in range(len(peers_of(race.job, race.cube)))
        ]
        _take_turns(ours, peers)
        for side in [*ours, *peers]:
            side.finish()
    return Outcome(race, ours, peers)


def _our_side(job: str, cube: Path, threads: int) -> Side:
    command = [sys.executable, "-m", "tests.bench.level2_ours", job, cube.stem, str(cube)]
    return Side(
        f"ours, {way_of(job, cube.stem).words}, {_count(threads, 'thread')}", command, threads, blas=1
    )


def _peer_side(job: str, number: int, cube: Path, python: Path) -> Side:
    option = peers_of(job, cube.stem)[number]
    script = Path(__file__).with_name("peer_level2.py")
    command = [str(python), str(script), job, cube.stem, str(number), str(cube)]
    share = option.share(SHAPES[cube.stem].size)
    words = f"{option.words}, {_count(option.processes, 'process')} of {_count(option.threads, 'thread')}"
    if share < 1:
        what = f"a crop of {option.crop} px" if option.crop else "a part of the work"
        words += f", EXTRAPOLATED x {1 / share:.3g} from {what}"
    return Side(words, command, option.threads, share=share)


def _count(number: int, noun: str) -> str:
    plural = "es" if noun.endswith("s") else "s"
    return f"{number} {noun}{plural if number > 1 else ''}"


def _take_turns(ours: Sequence[Side], peers: Sequence[Side]) -> None:
    """All once; then those who are not far behind their camp, three times at least if that is quick."""
    for number in range(_ROUNDS):
        for camp in (ours, peers):
            for side in camp:
                if number == 0 or _again(side, camp):
                    took = side.turn()
                    _say(f"  {took:8.3f} s  {side.words}")


def _again(side: Side, camp: Sequence[Side]) -> bool:
    if not side.seconds or min(side.seconds) > _LONG_S:
        return False
    best = min(other.best for other in camp if other.seconds)
    patient = len(side.seconds) < _FEWEST or sum(side.seconds) < _PATIENCE_S
    return patient and side.best <= _HOPELESS * best


if __name__ == "__main__":
    main(sys.argv[1:])
