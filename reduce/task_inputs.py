"""The files a task gets: products of what ran before it, and raw frames without those that are unusable."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path

from hcvo.model.provenance import Output
from reduce.process import Run
from reduce.recipe import Recipe, SourceFile
from reduce.task import Made, Raw, Task

__all__ = ["Inputs", "inputs_of", "left_out", "stopped_by"]

Inputs = Mapping[str, Sequence[SourceFile]]


def stopped_by(task: Task, runs: Mapping[str, Run]) -> list[str]:
    """Keys of tasks that made nothing and without which this one cannot run."""
    return [one.task for one in _lost(task, runs) if one.without is None]


def left_out(task: Task, runs: Mapping[str, Run]) -> list[str]:
    """Keys of tasks that made nothing and without which this one goes on."""
    return [one.task for one in _lost(task, runs) if one.without is not None]


def inputs_of(task: Task, recipe: Recipe, runs: Mapping[str, Run], unusable: AbstractSet[Path]) -> Inputs:
    """Files of a task by role.

    Parameters
    ----------
    task : Task
        That nothing stops.
    recipe : Recipe
        Its recipe; its first role takes the match level of what is left out, so that the product has it.
    runs : Mapping[str, Run]
        Tasks done, by key.
    unusable : AbstractSet[Path]
        Raw files that no recipe can use; left out where the role has enough others.

    Returns
    -------
    Inputs
        As `reduce.process.run_recipe` wants them.
    """
    files = {role: _files(used, runs) for role, used in task.inputs.items()}
    for consume in recipe.consumes:
        usable = [source for source in files.get(consume.role, ()) if source.path not in unusable]
        if len(usable) >= max(consume.minimum, 1):
            files[consume.role] = usable
    if lost := _lost(task, runs):
        level, main = max(one.without or 0 for one in lost), recipe.consumes[0].role
        files[main] = [replace(one, match_level=max(one.match_level, level)) for one in files[main]]
    return files


def _lost(task: Task, runs: Mapping[str, Run]) -> list[Made]:
    made = [one for used in task.inputs.values() for one in used if isinstance(one, Made)]
    return list({one.task: one for one in made if one.task not in runs}.values())


def _files(used: Sequence[Raw | Made | SourceFile], runs: Mapping[str, Run]) -> list[SourceFile]:
    files: list[SourceFile] = []
    for one in used:
        if isinstance(one, Raw):
            frame = one.frame
            files.append(SourceFile(frame.path, frame.sha256, frame.dp_id, one.level, frame.obs_id))
        elif isinstance(one, SourceFile):
            files.append(one)
        elif one.task in runs:
            made = [output for output in runs[one.task].outputs if output.kind == one.kind]
            files.extend(_product(output, one.level) for output in made)
    return files


def _product(output: Output, level: int) -> SourceFile:
    return SourceFile(output.path, output.sha256, output.path.name, level)
