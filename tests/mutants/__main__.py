"""``python -m tests.mutants``: put faults in, count those the tests see, show the rest."""

import queue
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console

from hcvo.config import CHECKOUT
from hcvo.report import publish_report
from hcvo.store import write_aside
from tests.mutants.bench import BaselineError, Bench, Verdict
from tests.mutants.population import Mutant, mutants_of, sampled
from tests.mutants.shares import Share, whole
from tests.mutants.targets import Equivalent, Target, read_equivalents, read_targets


@click.command()
@click.option("--module", "names", multiple=True, help="Only this target; may be given several times.")
@click.option(
    "--sample", default=40, show_default=True, help="At most this many mutants a module, drawn; 0 tries all."
)
@click.option("--seed", default=1, show_default=True, help="Of the draw.")
@click.option("--workers", default=2, show_default=True, help="Copies of the tree at work.")
@click.option("--report", default="mutants", show_default=True, help="Name of the report.")
@click.option("--list", "only_list", is_flag=True, help="Count the mutants, try none.")
def main(
    names: tuple[str, ...], sample: int, seed: int, workers: int, report: str, *, only_list: bool
) -> None:
    """Mutation testing of kernels, angles, times, WCS and the public-or-not rule."""
    console = Console()
    targets = [target for target in read_targets() if not names or target.name in names]
    unknown = set(names) - {target.name for target in targets}
    if unknown:
        raise click.UsageError(f"no target called {', '.join(sorted(unknown))}; see targets.toml")
    if only_list:
        for target in targets:
            console.print(f"{target.name:20} {len(mutants_of(target, CHECKOUT)):5}")
        return
    began = time.monotonic()
    shares: list[Share] = []
    with ExitStack() as stack:
        benches = [stack.enter_context(Bench(CHECKOUT)) for _ in range(workers)]
        for target in targets:
            started = time.monotonic()
            shares.append(_share(target, sample, seed, benches))
            said, seconds = shares[-1].row().quantity, time.monotonic() - started
            console.print(f"{target.name:16} {said} ({seconds:.0f} s)", highlight=False)
    survivors = _write_survivors(shares, report)
    rows = [share.row() for share in shares]
    ok = publish_report(report, [*rows, whole(shares)] if len(rows) > 1 else rows, console)
    console.print(f"{(time.monotonic() - began) / 60:.1f} min; survivors: {survivors.relative_to(CHECKOUT)}")
    raise SystemExit(0 if ok else 1)


def _share(target: Target, sample: int, seed: int, benches: Sequence[Bench]) -> Share:
    population = mutants_of(target, CHECKOUT)
    drawn = sampled(population, sample or len(population), seed)
    known = read_equivalents()
    tried = [mutant for mutant in drawn if not _equivalent(mutant, known)]
    equivalent = sum(_equivalent(mutant, known) for mutant in population)
    found = Share(target, len(population) - equivalent, equivalent, (), _stale(population, known))
    try:
        return replace(found, verdicts=_judged(target, tried, benches))
    except BaselineError as error:
        return replace(found, failure=str(error))


def _equivalent(mutant: Mutant, known: Sequence[Equivalent]) -> bool:
    return any(
        (mutant.file, mutant.within, mutant.before) == (entry.file, entry.within, entry.before)
        and mutant.after in entry.after
        for entry in known
    )


def _stale(population: Sequence[Mutant], known: Sequence[Equivalent]) -> list[str]:
    """Entries of the reviewed list that no mutant of these files answers to: the code has moved on."""
    files = {mutant.file for mutant in population}
    there = {(mutant.file, mutant.within, mutant.before, mutant.after) for mutant in population}
    return [
        f"equivalent.toml: no such mutant in {entry.file} ({entry.within}): {entry.before} -> {after}"
        for entry in known
        if entry.file in files
        for after in entry.after
        if (entry.file, entry.within, entry.before, after) not in there
    ]


def _judged(target: Target, mutants: Sequence[Mutant], benches: Sequence[Bench]) -> tuple[Verdict, ...]:
    """Judge mutants on all benches at once.

    Raises
    ------
    BaselineError
        The first of any bench.
    """
    waiting: queue.SimpleQueue[Mutant] = queue.SimpleQueue()
    for mutant in mutants:
        waiting.put(mutant)
    verdicts: list[Verdict] = []
    failures: list[BaselineError] = []

    def work(bench: Bench) -> None:
        try:
            bench.baseline(target)
            while not failures:
                verdicts.append(bench.judge(target, waiting.get_nowait()))
        except queue.Empty:
            return
        except BaselineError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(bench,)) for bench in benches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return tuple(sorted(verdicts, key=lambda v: (v.mutant.file, v.mutant.line, v.mutant.operator)))


def _write_survivors(shares: Sequence[Share], report: str) -> Path:
    parts = [part for share in shares for part in (share.failure, *share.stale) if part]
    for verdict in (verdict for share in shares for verdict in share.survivors):
        mutant = verdict.mutant
        place = f"{mutant.file}:{mutant.line} in {mutant.within} ({mutant.operator})"
        parts.append(f"{place}\n{mutant.diff()}")
    path = CHECKOUT / "build" / "reports" / f"{report}-survivors.txt"
    with write_aside(path) as aside:
        aside.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    main()
