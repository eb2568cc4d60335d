"""The engine: orders recipes by what they consume and make, runs each task, goes on when one fails."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import structlog

from hcvo.errors import InputError, ReductionError
from hcvo.model.frame import RawFrame
from reduce.associate import Made, Plan, Task, plan
from reduce.process import Run, run_recipe
from reduce.progress import Bar
from reduce.recipe import Recipe, Recorder, SourceFile
from reduce.recipes import REGISTRY
from reduce.selection import Choice, check_recipes, follows, references_of, selected
from reduce.task_inputs import Inputs, inputs_of, left_out, stopped_by

__all__ = ["Level", "Summary", "in_order", "reduce_frames", "run_plan", "run_recipe"]

Level = Literal["level1", "level2"]
_Parameters = Mapping[str, Mapping[str, object]]
_OF_LEVEL1 = frozenset({"quality"})  # what is made of a cube and still is level 1


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
    choice: Choice | None = None,
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
    choice : Choice | None
        Algorithms and parameters; None takes the defaults.
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

    See Also
    --------
    hcvo.errors.ConfigError : raised if an algorithm or the recipe of a parameter does not exist.
    """
    choice = choice or Choice()
    check_recipes(REGISTRY, choice.parameters)
    followers = selected(REGISTRY, choice.algorithms)
    made = plan(frames, target)
    on_plan(made)
    wanted = any(one.consumes[1:] for one in followers if follows(one))
    made = _with_followers(made, followers, until, references_of(choice) if wanted else ())
    return run_plan(
        made,
        REGISTRY,
        recorder,
        staging,
        logs,
        parameters=choice.parameters,
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
    with Bar(tasks, show=progress) as bar:
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
    unusable: set[Path] = field(default_factory=set)  # raw files that some recipe could not read
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
    bar: Bar,
) -> None:
    """Run a task, or what is planned instead of it when it fails."""
    attempt: Task | None = task
    while attempt is not None and not _done(attempt, recipe, place, parameters, state, bar):
        attempt = attempt.instead
    bar.finished(task)


def _done(
    task: Task,
    recipe: Recipe,
    place: _Place,
    parameters: _Parameters,
    state: _State,
    bar: Bar,
) -> bool:
    """Whether a task ran; a raw file that is unusable is left out where there are others."""
    if missing := stopped_by(task, state.runs):
        state.refusals.append(f"{task.key}: not run, because this failed: {'; '.join(missing)}")
        return False
    if missing := left_out(task, state.runs):
        structlog.get_logger().warning("goes on without what failed", task=task.key, failed=missing)
    again = True
    while again:
        inputs = inputs_of(task, recipe, state.runs, state.unusable)
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
            if isinstance(error, InputError) and error.path is not None:
                state.unusable.add(error.path)
            again = _count(inputs_of(task, recipe, state.runs, state.unusable)) < _count(inputs)
            state.refusals.append(f"{error}; left out" if again else f"{task.key}: {error}")
            structlog.get_logger().warning("process failed", task=task.key, error=str(error))
        else:
            return True
    return False


def _count(inputs: Inputs) -> int:
    return sum(map(len, inputs.values()))


def _with_followers(
    planned: Plan,
    recipes: Iterable[Recipe],
    until: Level = "level2",
    references: Sequence[SourceFile] = (),
) -> Plan:
    """Add the recipes that live on products alone: one task for each task that makes their input."""
    tasks = list(planned.tasks)
    by_name = {recipe.name: recipe for recipe in recipes}
    for recipe in in_order(by_name.values()):
        if not follows(recipe):
            continue  # planned by association, or started by hand
        if until == "level1" and not recipe.makes <= _OF_LEVEL1:
            continue
        consume = recipe.consumes[0]
        for task in list(tasks):
            for kind in sorted(consume.classes & by_name[task.recipe].makes):
                inputs: dict[str, tuple[Made | SourceFile, ...]] = {consume.role: (Made(task.key, kind),)}
                for beside in recipe.consumes[1:]:
                    others = (one.key for one in planned.tasks if one.recipe == task.recipe and one != task)
                    inputs[beside.role] = tuple(references) or tuple(Made(o, kind, without=0) for o in others)
                tasks.append(Task(f"{recipe.name} of {task.key}", recipe.name, inputs))
    return Plan(tuple(tasks), planned.refusals)
