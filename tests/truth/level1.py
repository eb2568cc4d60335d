"""``make truth-level1``: level 1 against planted truth, scenario after scenario.

Each scenario is simulated, its raw frames alone are moved to another folder, and the program reduces that
folder as any user would; then the level 1 cubes are held against the truth.
"""

import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import click

from hcvo.report import Row, publish_report
from reduce.simulate.scenario import scenario_named, scenarios
from tests.truth.level1_figures import figures
from tests.truth.level1_night import make_night
from tests.truth.level1_pulls import pull_summary

__all__ = ["main", "run_scenario", "summary"]

_FALSE = 0.05


@click.command()
@click.argument("names", nargs=-1)
@click.option("--workers", type=int, default=1, show_default=True, help="Scenarios at a time.")
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep nights and products here; nights that lie here are not simulated again.",
)
def main(*, names: tuple[str, ...], workers: int, keep: Path | None) -> None:
    """Run the scenarios NAMES (all when none is given)."""
    wanted = names or tuple(scenarios())
    with ProcessPoolExecutor(workers) as pool:
        made = list(pool.map(run_scenario, wanted, [keep] * len(wanted)))
    rows = [row for part in made for row in part]
    sys.exit(0 if publish_report("truth-level1", [*rows, *(summary(rows) if len(wanted) > 1 else [])]) else 1)


def run_scenario(name: str, keep: Path | None = None) -> list[Row]:
    """Simulate, hide the truth, reduce, compare.

    Parameters
    ----------
    name : str
        Scenario of the table.
    keep : Path | None
        Where its folder stays; None for a temporary one.

    Returns
    -------
    list[Row]
        Its figures.
    """
    scenario = scenario_named(name)
    if keep is not None:
        rows = figures(make_night(scenario, keep / name))
    else:
        with tempfile.TemporaryDirectory(prefix=f"hcvo-{name}-") as folder:
            rows = figures(make_night(scenario, Path(folder)))
    missed = [row for row in rows if not row.ok]
    click.echo(f"{name}: {len(rows) - len(missed)} of {len(rows)} met", err=True)
    for row in missed:
        click.echo(f"   missed {row.case}: {row.quantity} {row.value} {row.unit}, goal {row.goal}", err=True)
    return rows


def summary(rows: Sequence[Row]) -> list[Row]:
    """What all scenarios together say of rejected frames and of quoted errors.

    Parameters
    ----------
    rows : Sequence[Row]
        Of all scenarios.

    Returns
    -------
    list[Row]
        Share of the bad and of the good frames that were rejected; pulls of the star's place.
    """
    made = []
    for quantity, low, goal in (
        ("bad frames rejected", 0.9, ">= 0.9"),
        ("good frames rejected", None, "<= 0.05"),
    ):
        counts = [
            (float(row.value), int(row.unit.removeprefix("of ")))
            for row in rows
            if row.quantity == quantity and isinstance(row.value, float)
        ]
        total = sum(number for _, number in counts)
        if not total:
            made.append(Row("all scenarios", quantity, None, "", goal, ok=False))
            continue
        share = sum(value * number for value, number in counts) / total
        ok = share >= low if low is not None else share <= _FALSE
        made.append(Row("all scenarios", quantity, share, f"of {total}", goal, ok))
    return made + pull_summary(rows)


if __name__ == "__main__":
    main()
