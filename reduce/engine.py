"""The engine: orders recipes by what they consume and make, runs each task, goes on when one fails."""

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Literal

import structlog

from hcvo.errors import InputError, ReductionError
from hcvo.model.frame import RawFrame
from reduce.associate import Made, Plan, Task, plan
from reduce.process import Begun, Run, begin, concluded, run_recipe
from reduce.progress import Bar
from reduce.recipe import Recipe, Recorder, SourceFile
from reduce.recipes import REGISTRY
from reduce.selection import Choice, algorithms_in, check_recipes, follows, references_of, selected
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
    cluster: str = "",
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
        Processes that a recipe may use for its files, and level 2 processes side by side; products do not
        depend on it.
    cluster : str
        Address of a Dask scheduler for the processes of level 2; '' keeps them on this machine.
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
        cluster=cluster,
    )


def run_plan(  # noqa: PLR0913 - what reduce_frames offers, each by name
    planned: Plan,
    recipes: Iterable[Recipe],
    recorder: Recorder,
    staging: Path,
    logs: Path,
    *,
    parameters: _Parameters | None = None,
    progress: bool = False,
    workers: int = 1,
    cluster: str = "",
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
        Processes that a recipe may use for its files, and level 2 processes side by side; products do not
        depend on it.
    cluster : str
        Address of a Dask scheduler for the processes of level 2; '' keeps them on this machine.

    Returns
    -------
    Summary
        A task that fails is recorded, and what does not depend on it goes on.
    """
    by_name = {recipe.name: recipe for recipe in in_order(recipes)}
    rank = {name: position for position, name in enumerate(by_name)}
    tasks = sorted(planned.tasks, key=lambda task: rank[task.recipe])
    state = _State(list(planned.refusals))
    place = _Place(recorder, staging, logs, workers, parameters or {})
    apart = set(algorithms_in(REGISTRY)) if workers > 1 or cluster else set()
    with Bar(tasks, show=progress) as bar:
        for together, group in groupby(tasks, lambda task: task.recipe in apart):
            if together:
                _side_by_side(list(group), by_name, place, state, bar, cluster)
                continue
            for task in group:
                _run_task(task, by_name[task.recipe], place, state, bar)
    return state.summary()


def _side_by_side(
    tasks: Sequence[Task],
    by_name: Mapping[str, Recipe],
    place: "_Place",
    state: "_State",
    bar: Bar,
    address: str,
) -> None:
    """Run tasks that do not wait for each other on a cluster; all is recorded here."""
    from reduce.side_by_side import cluster  # noqa: PLC0415 - Dask takes a second to load, few need it

    begun: list[tuple[Task, Begun]] = []
    for task in tasks:
        found = _begun(task, by_name[task.recipe], place, state)
        if isinstance(found, Begun):
            begun.append((task, found))
        else:
            bar.finished(task)
    waiting = dict(enumerate(begun))
    try:
        with cluster(min(place.workers, max(len(begun), 1)), address) as workers:
            for number, result in workers.each([process for _, process in begun]):
                task, process = waiting.pop(number)
                try:
                    with concluded(process, place.recorder):
                        outputs = place.recorder.finish(process.process_id, result())
                        state.runs[task.key] = Run(tuple(outputs), reused=False)
                except Exception as error:  # noqa: BLE001 - the engine's loop, as in _done
                    state.fail(task, error)
                bar.finished(task)
    finally:
        for _, process in waiting.values():
            place.recorder.fail(process.process_id, "stopped before it ended")
            shutil.rmtree(process.staging / str(process.process_id), ignore_errors=True)


def _begun(task: Task, recipe: Recipe, place: "_Place", state: "_State") -> Begun | None:
    """A task recorded as running; None where it was done before or cannot run."""
    if missing := stopped_by(task, state.runs):
        state.refusals.append(f"{task.key}: not run, because this failed: {'; '.join(missing)}")
        return None
    try:
        found = begin(
            recipe,
            inputs_of(task, recipe, state.runs, state.unusable),
            place.parameters.get(recipe.name),
            recorder=place.recorder,
            staging=place.staging,
            logs=place.logs,
        )
    except Exception as error:  # noqa: BLE001 - the engine's loop, as in _done
        state.fail(task, error)
        return None
    if isinstance(found, Run):
        state.runs[task.key] = found
        return None
    return found


@dataclass(frozen=True, slots=True)
class _Place:
    """Where and with what a task runs: recorder, folders, processes that it may use, parameters by recipe."""

    recorder: Recorder
    staging: Path
    logs: Path
    workers: int
    parameters: _Parameters


@dataclass(slots=True)
class _State:
    """What has happened so far; a task that failed or was skipped has no run."""

    refusals: list[str]
    runs: dict[str, Run] = field(default_factory=dict)
    unusable: set[Path] = field(default_factory=set)  # raw files that some recipe could not read
    failed: int = 0

    def fail(self, task: Task, error: Exception) -> None:
        """Count a process that failed, and tell of it."""
        self.failed += 1
        self.refusals.append(f"{task.key}: {error}")
        structlog.get_logger().warning("process failed", task=task.key, error=str(error))

    def summary(self) -> Summary:
        reused = sum(run.reused for run in self.runs.values())
        outputs = [output for run in self.runs.values() for output in run.outputs]
        paths = tuple(dict.fromkeys(output.path for output in outputs))
        return Summary(len(self.runs) - reused, reused, self.failed, paths, tuple(self.refusals))


def _run_task(
    task: Task,
    recipe: Recipe,
    place: _Place,
    state: _State,
    bar: Bar,
) -> None:
    """Run a task, or what is planned instead of it when it fails."""
    attempt: Task | None = task
    while attempt is not None and not _done(attempt, recipe, place, state, bar):
        attempt = attempt.instead
    bar.finished(task)


def _done(
    task: Task,
    recipe: Recipe,
    place: _Place,
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
                place.parameters.get(recipe.name),
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
