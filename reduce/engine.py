"""The engine: orders recipes by what they consume and make, runs each task, goes on when one fails."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

import structlog
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from hcvo.errors import ReductionError
from hcvo.model.frame import RawFrame
from hcvo.model.product import ProductKind
from hcvo.model.provenance import Output
from reduce.associate import Made, Plan, Raw, Task, plan
from reduce.process import Run, run_recipe
from reduce.recipe import Recipe, Recorder, SourceFile
from reduce.recipes import REGISTRY

__all__ = ["Level", "Summary", "in_order", "reduce_frames", "run_plan", "run_recipe"]

Level = Literal["level1", "level2"]
_Parameters = Mapping[str, Mapping[str, object]]
_OF_LEVEL1 = frozenset({"quality"})  # what is made of a cube and still is level 1
_KINDS = frozenset(str(kind) for kind in ProductKind)


@dataclass(frozen=True, slots=True)
class Summary:
    """What a reduction did.

    Attributes
    ----------
    done, reused, failed : int
        Processes that ran, that had run before with the same key, that failed.
    products : tuple[Path, ...]
        Product files of the processes done or reused, where they now lie.
    refusals : tuple[str, ...]
        What could not be reduced and why: bad files, missing calibrations, failed recipes.
    """

    done: int
    reused: int
    failed: int
    products: tuple[Path, ...]
    refusals: tuple[str, ...]


def in_order(recipes: Iterable[Recipe]) -> list[Recipe]:
    """Sort recipes so that each comes after those that make what it consumes.

    Parameters
    ----------
    recipes : Iterable[Recipe]
        In any order; among equals it is kept.

    Returns
    -------
    list[Recipe]
        Sorted.

    Raises
    ------
    ReductionError
        If they wait for each other in a circle.
    """
    waiting, ordered = list(recipes), []
    while waiting:
        pending = [set(recipe.makes) for recipe in waiting]
        for position, recipe in enumerate(waiting):
            needs = {kind for consume in recipe.consumes for kind in consume.classes}
            others = set().union(*(makes for at, makes in enumerate(pending) if at != position))
            if not needs & others:
                ordered.append(waiting.pop(position))
                break
        else:
            names = ", ".join(recipe.name for recipe in waiting)
            raise ReductionError(f"recipes {names} wait for each other's products; one must consume less")
    return ordered


def reduce_frames(  # noqa: PLR0913 - what the commands offer, each by name
    frames: Sequence[RawFrame],
    *,
    recorder: Recorder,
    staging: Path,
    logs: Path,
    target: str | None = None,
    until: Level = "level2",
    parameters: _Parameters | None = None,
    progress: bool = True,
    workers: int = 1,
    on_plan: Callable[[Plan], object] = lambda _: None,
) -> Summary:
    """Reduce frames: associate, then run every task and the level 2 recipes on every cube.

    Parameters
    ----------
    frames : Sequence[RawFrame]
        Science and calibrations, of any class; those that no task needs are left alone.
    recorder : Recorder
        Where processes are recorded and products go.
    staging : Path
        Folder for files being written, on the file system of their final place.
    logs : Path
        Folder of log files, one a process.
    target : str | None
        Only this target.
    until : Level
        Last level to make.
    parameters : _Parameters | None
        Recipe name to parameters that differ from the defaults.
    progress : bool
        Show a progress bar where standard error is a terminal.
    workers : int
        Processes that a recipe may use for its files; products do not depend on it.
    on_plan : Callable[[Plan], object]
        Told the plan before anything runs.

    Returns
    -------
    Summary
        Counts, products, refusals.

    Raises
    ------
    ReductionError
        If parameters are given for a recipe that does not exist.
    """
    unknown = set(parameters or {}) - {recipe.name for recipe in REGISTRY}
    if unknown:
        known = ", ".join(recipe.name for recipe in REGISTRY)
        raise ReductionError(
            f"parameters for {', '.join(sorted(unknown))}: no such recipe; there are {known}"
        )
    made = plan(frames, target)
    on_plan(made)
    made = _with_followers(made, REGISTRY, until)
    return run_plan(
        made,
        REGISTRY,
        recorder,
        staging,
        logs,
        parameters=parameters,
        progress=progress,
        workers=workers,
    )


def run_plan(
    planned: Plan,
    recipes: Iterable[Recipe],
    recorder: Recorder,
    staging: Path,
    logs: Path,
    *,
    parameters: _Parameters | None = None,
    progress: bool = False,
    workers: int = 1,
) -> Summary:
    """Run the tasks of a plan.

    Parameters
    ----------
    planned : Plan
        Tasks in any order, and what could not be planned.
    recipes : Iterable[Recipe]
        Those the tasks name.
    recorder : Recorder
        Where processes are recorded and products go.
    staging : Path
        Folder for files being written.
    logs : Path
        Folder of log files.
    parameters : _Parameters | None
        Recipe name to parameters that differ from the defaults.
    progress : bool
        Show a progress bar where standard error is a terminal.
    workers : int
        Processes that a recipe may use for its files; products do not depend on it.

    Returns
    -------
    Summary
        A task that fails is recorded, and what does not depend on it goes on.
    """
    by_name = {recipe.name: recipe for recipe in in_order(recipes)}
    rank = {name: position for position, name in enumerate(by_name)}
    tasks = sorted(planned.tasks, key=lambda task: rank[task.recipe])
    state = _State(list(planned.refusals))
    place = _Place(recorder, staging, logs, workers)
    with _Bar(tasks, show=progress) as bar:
        for task in tasks:
            _run_task(task, by_name[task.recipe], place, parameters or {}, state, bar)
    return state.summary()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a task runs: recorder, folders, and how many processes it may use."""

    recorder: Recorder
    staging: Path
    logs: Path
    workers: int


@dataclass(slots=True)
class _State:
    """What has happened so far; a task that failed or was skipped has no run."""

    refusals: list[str]
    runs: dict[str, Run] = field(default_factory=dict)
    failed: int = 0

    def summary(self) -> Summary:
        reused = sum(run.reused for run in self.runs.values())
        outputs = [output for run in self.runs.values() for output in run.outputs]
        paths = tuple(dict.fromkeys(output.path for output in outputs))
        return Summary(len(self.runs) - reused, reused, self.failed, paths, tuple(self.refusals))


def _run_task(
    task: Task,
    recipe: Recipe,
    place: _Place,
    parameters: _Parameters,
    state: _State,
    bar: "_Bar",
) -> None:
    missing = [one.task for used in task.inputs.values() for one in used if isinstance(one, Made)]
    missing = [key for key in dict.fromkeys(missing) if key not in state.runs]
    if missing:
        state.refusals.append(f"{task.key}: not run, because this failed: {'; '.join(missing)}")
        bar.finished(task)
        return
    inputs = {role: _files(used, state.runs) for role, used in task.inputs.items()}
    try:
        state.runs[task.key] = run_recipe(
            recipe,
            inputs,
            parameters.get(recipe.name),
            recorder=place.recorder,
            staging=place.staging,
            logs=place.logs,
            on_progress=lambda fraction: bar.part(task, fraction),
            workers=place.workers,
        )
    except Exception as error:  # noqa: BLE001 - the engine's loop: a failed process does not stop the others
        state.failed += 1
        state.refusals.append(f"{task.key}: {error}")
        structlog.get_logger().warning("process failed", task=task.key, error=str(error))
    bar.finished(task)


def _files(used: Sequence[Raw | Made], runs: Mapping[str, Run]) -> list[SourceFile]:
    files: list[SourceFile] = []
    for one in used:
        if isinstance(one, Raw):
            frame = one.frame
            files.append(SourceFile(frame.path, frame.sha256, frame.dp_id, one.level, frame.obs_id))
        else:
            made = [output for output in runs[one.task].outputs if output.kind == one.kind]
            files.extend(_product(output, one.level) for output in made)
    return files


def _product(output: Output, level: int) -> SourceFile:
    return SourceFile(output.path, output.sha256, output.path.name, level)


def _with_followers(planned: Plan, recipes: Iterable[Recipe], until: Level = "level2") -> Plan:
    """Add the recipes that live on products alone: one task for each task that makes their input."""
    tasks = list(planned.tasks)
    by_name = {recipe.name: recipe for recipe in recipes}
    for recipe in in_order(by_name.values()):
        if len(recipe.consumes) != 1 or not recipe.consumes[0].classes <= _KINDS:
            continue  # planned by association, or started by hand
        if until == "level1" and not recipe.makes <= _OF_LEVEL1:
            continue
        consume = recipe.consumes[0]
        for task in list(tasks):
            for kind in sorted(consume.classes & by_name[task.recipe].makes):
                made = (Made(task.key, kind),)
                tasks.append(Task(f"{recipe.name} of {task.key}", recipe.name, {consume.role: made}))
    return Plan(tuple(tasks), planned.refusals)


class _Bar:
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
        self._show(task, self._done + fraction * self._weights[task.key])

    def finished(self, task: Task) -> None:
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
