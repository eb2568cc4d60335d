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
from hcvo.report import Row, publish_report
from hcvo.store import write_aside
from tests.mutants.bench import BaselineError, Bench, Verdict
from tests.mutants.planted import Planted, planted_mutant, planted_row, planted_target, read_planted
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
@click.option("--planted", "only_planted", is_flag=True, help="Only the faults made by hand.")
@click.option("--list", "only_list", is_flag=True, help="Count the mutants, try none.")
def main(
    names: tuple[str, ...],
    sample: int,
    seed: int,
    workers: int,
    report: str,
    *,
    only_planted: bool,
    only_list: bool,
) -> None:
    """Mutation testing of kernels, angles, times, WCS and the public-or-not rule."""
    console = Console()
    planted = () if names else read_planted()
    targets = () if only_planted else _chosen(names)
    if only_list:
        for kind in dict.fromkeys(entry.kind for entry in planted):
            console.print(f"planted {kind:20} {sum(entry.kind == kind for entry in planted):5}")
        for target in targets:
            console.print(f"{target.name:20} {len(mutants_of(target, CHECKOUT)):5}")
        return
    began = time.monotonic()
    with ExitStack() as stack:
        benches = [stack.enter_context(Bench(CHECKOUT)) for _ in range(workers)]
        rows, survivors = _planted(planted, benches, console)
        shares = _shares(targets, sample, seed, benches, console)
    path = _write_survivors(shares, survivors, report)
    rows += [share.row() for share in shares]
    ok = publish_report(report, [*rows, whole(shares)] if len(shares) > 1 else rows, console)
    console.print(f"{(time.monotonic() - began) / 60:.1f} min; survivors: {path.relative_to(CHECKOUT)}")
    raise SystemExit(0 if ok else 1)


def _chosen(names: tuple[str, ...]) -> tuple[Target, ...]:
    targets = read_targets()
    unknown = set(names) - {target.name for target in targets}
    if unknown:
        raise click.UsageError(f"no target called {', '.join(sorted(unknown))}; see targets.toml")
    return tuple(target for target in targets if not names or target.name in names)


def _planted(
    planted: Sequence[Planted], benches: Sequence[Bench], console: Console
) -> tuple[list[Row], list[Verdict]]:
    """A row a kind, and what lives."""
    rows: list[Row] = []
    survivors: list[Verdict] = []
    for kind in dict.fromkeys(entry.kind for entry in planted):
        entries = [entry for entry in planted if entry.kind == kind]
        try:
            cases = [(planted_target(kind, [entry]), planted_mutant(entry, CHECKOUT)) for entry in entries]
            verdicts = _judged(planted_target(kind, entries), cases, benches)
        except (BaselineError, ValueError) as error:  # tests fail as it is; a text is no longer there
            console.print(str(error), highlight=False)
            rows.append(planted_row(kind, (), str(error)))
        else:
            rows.append(planted_row(kind, verdicts))
            survivors += [verdict for verdict in verdicts if verdict.outcome == "survived"]
        console.print(f"{rows[-1].case}: {rows[-1].quantity}", highlight=False)
    return rows, survivors


def _shares(
    targets: Sequence[Target], sample: int, seed: int, benches: Sequence[Bench], console: Console
) -> list[Share]:
    shares: list[Share] = []
    for target in targets:
        started = time.monotonic()
        shares.append(_share(target, sample, seed, benches))
        said, seconds = shares[-1].row().quantity, time.monotonic() - started
        console.print(f"{target.name:16} {said} ({seconds:.0f} s)", highlight=False)
    return shares


def _share(target: Target, sample: int, seed: int, benches: Sequence[Bench]) -> Share:
    population = mutants_of(target, CHECKOUT)
    drawn = sampled(population, sample or len(population), seed)
    known = read_equivalents()
    tried = [mutant for mutant in drawn if not _equivalent(mutant, known)]
    equivalent = sum(_equivalent(mutant, known) for mutant in population)
    found = Share(target, len(population) - equivalent, equivalent, (), _stale(population, known))
    try:
        return replace(found, verdicts=_judged(target, [(target, mutant) for mutant in tried], benches))
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


def _judged(
    whole_target: Target, cases: Sequence[tuple[Target, Mutant]], benches: Sequence[Bench]
) -> tuple[Verdict, ...]:
    """Judge mutants on all benches at once, each by its tests; `whole_target` has all of them.

    Raises
    ------
    BaselineError
        The first of any bench.
    """
    waiting: queue.SimpleQueue[tuple[Target, Mutant]] = queue.SimpleQueue()
    for case in cases:
        waiting.put(case)
    verdicts: list[Verdict] = []
    failures: list[BaselineError] = []

    def work(bench: Bench) -> None:
        try:
            bench.baseline(whole_target)
            while not failures:
                verdicts.append(bench.judge(*waiting.get_nowait()))
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


def _write_survivors(shares: Sequence[Share], planted: Sequence[Verdict], report: str) -> Path:
    parts = [part for share in shares for part in (share.failure, *share.stale) if part]
    for verdict in (*planted, *(verdict for share in shares for verdict in share.survivors)):
        mutant = verdict.mutant
        place = f"{mutant.file}:{mutant.line} in {mutant.within} ({mutant.operator})"
        parts.append(f"{place}\n{mutant.diff()}")
    path = CHECKOUT / "build" / "reports" / f"{report}-survivors.txt"
    with write_aside(path) as aside:
        aside.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    main()
