"""What a truth run, a bench or the demo says: a table for people, the same rows as JSON.

A figure that could not be had is a row too, with `value` None and `ok` false.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from hcvo.config import CHECKOUT
from hcvo.store import write_aside

__all__ = ["Row", "publish_report", "report_path"]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: of what case, how much, what was wanted, whether it was met."""

    case: str
    quantity: str
    value: float | str | None
    unit: str
    goal: str
    ok: bool


def report_path(target: str) -> Path:
    """Where the report of a make target lies."""
    return CHECKOUT / "build" / "reports" / f"{target}.json"


def publish_report(target: str, rows: Sequence[Row], console: Console | None = None) -> bool:
    """Print the table and write ``build/reports/<target>.json``.

    Parameters
    ----------
    target : str
        Name of the make target, 'truth-spine'.
    rows : Sequence[Row]
        The figures, in the order to be shown.
    console : Console | None
        Where to print; None for standard output.

    Returns
    -------
    bool
        True if there are rows and each is ok: the command's exit code.
    """
    console = console or Console()
    table = Table(title=target)
    for heading in ("case", "quantity", "value", "unit", "goal", "ok"):
        table.add_column(heading, justify="right" if heading == "value" else "left")
    for row in rows:
        value = f"{row.value:.6g}" if isinstance(row.value, float) else str(row.value)
        shown = "[green]yes[/]" if row.ok else "[red]NO[/]"
        table.add_row(row.case, row.quantity, value, row.unit, row.goal, shown)
    console.print(table)
    path = report_path(target)
    with write_aside(path) as aside:
        aside.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    console.print(f"{sum(row.ok for row in rows)} of {len(rows)} met; {path.relative_to(CHECKOUT)}")
    return bool(rows) and all(row.ok for row in rows)
