"""``make truth-level2``: level 2 against planted truth, algorithm after algorithm.

The cubes come from the simulator, companions drawn by its own optics; what is measured is what
users get: the recipe's own set-up, blind search, errors from injected copies, the contrast curve.
Then beta Pictoris b in real frames.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import click
import numpy as np

from hcvo.report import Row, publish_report
from tests.truth.level2_algorithms import METHODS, STRATEGIES
from tests.truth.level2_betapic import beta_pictoris
from tests.truth.level2_limits import at_limit, azimuth_rows, limit_rows, throughputs
from tests.truth.level2_pulls import pull_rows, recover
from tests.truth.level2_statistic import (
    NOISE_CUBES,
    alarm_draws,
    alarm_rows,
    noise_draws,
    noise_rows,
    tail_rows,
)
from tests.truth.level2_strategies import asdi_gains, asdi_rows, rdi_rows, rdi_throughputs

__all__ = ["main", "parts_of"]

_PULL_CUBES = 52  # 208 companions
_LIMIT_CUBES = 80  # 320 companions at each separation: the share above 5 is known to 0.03
_EVEN_CUBES = 20
_STRATEGY_CUBES = 4
_ALARM_IMAGES, _ALARM_BATCH = 1_000_000, 12_500  # 1350 alarms a ring: known to 3 %
_NOISE_BATCH = 250
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of figure: calls that make it, spread over the workers, and what makes rows of their results.

    Attributes
    ----------
    name : str
        'pulls', 'limits' ...
    call : Callable[..., Any]
        Importable, for other processes.
    arguments : Sequence[tuple[Any, ...]]
        Of each call.
    rows : Callable[[list[Any]], list[Row]]
        Results in the order of the calls to rows.
    """

    name: str
    call: Callable[..., Any]
    arguments: Sequence[tuple[Any, ...]]
    rows: Callable[[list[Any]], list[Row]]


def parts_of(name: str) -> list[Part]:
    """Figures of one algorithm or strategy.

    Parameters
    ----------
    name : str
        Algorithm.

    Returns
    -------
    list[Part]
        In the order in which they are shown.
    """

    def seeds(number: int) -> list[tuple[str, int]]:
        return [(name, seed) for seed in range(number)]

    pulls = Part("pulls", recover, seeds(_PULL_CUBES), lambda made: pull_rows(name, made))
    if name in STRATEGIES:
        return [pulls, *([_GAINS[name]] if name in _GAINS else [])]
    batches = [(name, seed, _NOISE_BATCH) for seed in range(NOISE_CUBES // _NOISE_BATCH)]
    return [
        pulls,
        Part("limits", at_limit, seeds(_LIMIT_CUBES), lambda made: limit_rows(name, made)),
        Part("azimuth", throughputs, seeds(_EVEN_CUBES), lambda made: azimuth_rows(name, made)),
        Part("noise", noise_draws, batches, lambda made: noise_rows(name, np.concatenate(made))),
        Part("betapic", beta_pictoris, [(name,)], lambda made: made[0]),
    ]


_GAINS = {
    "pca_asdi": Part("gain", asdi_gains, [(seed,) for seed in range(_STRATEGY_CUBES)], asdi_rows),
    "pca_rdi": Part("near", rdi_throughputs, [(seed,) for seed in range(_STRATEGY_CUBES)], rdi_rows),
}


def _of_the_statistic() -> list[Part]:
    batches = [(seed, _ALARM_BATCH) for seed in range(_ALARM_IMAGES // _ALARM_BATCH)]
    return [
        Part("alarms", alarm_draws, batches, lambda made: alarm_rows(np.sum(made, axis=0), _ALARM_IMAGES)),
        Part("tail", tail_rows, [()], lambda made: made[0]),
    ]


@click.command()
@click.argument("algorithms", nargs=-1, type=click.Choice([*METHODS, *STRATEGIES]))
@click.option("--workers", type=int, default=2, show_default=True, help="Processes, one thread each.")
@click.option(
    "--part", "wanted", multiple=True, help="Only these figures: pulls, limits, azimuth, noise, ..."
)
def main(*, algorithms: tuple[str, ...], workers: int, wanted: tuple[str, ...]) -> None:
    """Run the ALGORITHMS (all when none is given)."""
    names = algorithms or (*METHODS, *STRATEGIES)
    parts = [part for name in names for part in parts_of(name)]
    parts = [part for part in [*_of_the_statistic(), *parts] if not wanted or part.name in wanted]
    os.environ.update(dict.fromkeys(_THREADS, "1"))  # before the workers load BLAS
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting = [[pool.submit(part.call, *given) for given in part.arguments] for part in parts]
        rows = [row for part, calls in zip(parts, waiting, strict=True) for row in _shown(part, calls)]
    sys.exit(0 if publish_report("truth-level2", rows) else 1)


def _shown(part: Part, calls: Sequence[Future[Any]]) -> list[Row]:
    """Rows of one part, told as soon as they are there."""
    rows = part.rows([call.result() for call in calls])
    missed = [row for row in rows if not row.ok]
    click.echo(f"{part.name}: {len(rows) - len(missed)} of {len(rows)} met", err=True)
    for row in missed:
        click.echo(f"   missed {row.case}: {row.quantity} {row.value} {row.unit}, goal {row.goal}", err=True)
    return rows


if __name__ == "__main__":
    main()
