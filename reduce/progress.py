"""How far a reduction is, for those who watch."""

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from reduce.task import Raw, Task

__all__ = ["Bar"]


class Bar:
    """Progress of all tasks with the estimated time; silent where nobody looks."""

    def __init__(self, tasks: Sequence[Task], *, show: bool) -> None:
        self._weights = {task.key: _weight(task) for task in tasks}
        self._shown = show and sys.stderr.isatty()
        self._done = 0.0
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not self._shown,
        )
        self._context = self._progress if self._shown else nullcontext()
        self._bar = self._progress.add_task("reducing", total=sum(self._weights.values()) or 1.0)

    def __enter__(self) -> Self:
        self._context.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._context.__exit__(None, None, None)

    def part(self, task: Task, fraction: float) -> None:
        """Show a task that has come so far, 0 to 1."""
        self._show(task, self._done + fraction * self._weights[task.key])

    def finished(self, task: Task) -> None:
        """Show a task that has ended."""
        self._done += self._weights[task.key]
        self._show(task, self._done)

    def _show(self, task: Task, completed: float) -> None:
        if self._shown:
            self._progress.update(self._bar, completed=completed, description=task.recipe)


_LEVEL2_PLANES = 100.0  # a level 2 process costs about as much as reading this many raw planes


def _weight(task: Task) -> float:
    """Cost in planes read."""
    raw = [one.frame for used in task.inputs.values() for one in used if isinstance(one, Raw)]
    return float(sum(frame.ndit for frame in raw)) if raw else _LEVEL2_PLANES
