"""One run of one recipe: recorded before it starts, its products visible all at once or never."""

import shutil
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from pydantic import ValidationError
from threadpoolctl import threadpool_limits

from hcvo.errors import ConfigError, ReductionError
from hcvo.log import process_log
from hcvo.model.product import ProductFacts
from hcvo.model.provenance import Input, Output, ProcessKey
from hcvo.store import file_name, sha256_of
from reduce.environment import code_version, host, libraries
from reduce.foreign_error import in_our_words, warnings_into
from reduce.recipe import Parameters, Recipe, Recorder, SourceFile

__all__ = ["Begun", "Run", "begin", "concluded", "run_recipe", "work"]

_Inputs = Mapping[str, Sequence[SourceFile]]


@dataclass(frozen=True, slots=True)
class Run:
    """Products of a process, and whether an earlier one with the same key made them."""

    outputs: tuple[Output, ...]
    reused: bool


class _Means(NamedTuple):
    """What a recipe may use: a listener to its progress, and so many processes."""

    on_progress: Callable[[float], None]
    workers: int


@dataclass(slots=True)
class _Job:
    """What the running recipe may ask; see `reduce.recipe.Job`."""

    process_id: int
    version: str
    log: structlog.stdlib.BoundLogger
    folder: Path
    on_progress: Callable[[float], None]
    workers: int
    outputs: list[Output] = field(default_factory=list)

    def path_for(self, facts: ProductFacts) -> Path:
        return self.folder / file_name(facts)

    def done(self, facts: ProductFacts, path: Path, preview: Path | None = None) -> Output:
        output = Output(str(facts.kind), path, sha256_of(path), path.stat().st_size, preview)
        self.outputs.append(output)
        self.log.info("product", kind=output.kind, file=path.name, size=output.size)
        return output

    def progress(self, fraction: float) -> None:
        self.on_progress(min(max(fraction, 0.0), 1.0))


def run_recipe(
    recipe: Recipe,
    inputs: _Inputs,
    parameters: Mapping[str, object] | Parameters | None,
    *,
    recorder: Recorder,
    staging: Path,
    logs: Path,
    on_progress: Callable[[float], None] = lambda _: None,
    workers: int = 1,
) -> Run:
    """Run a recipe, or find the process that did the same before.

    Parameters
    ----------
    recipe : Recipe
        What to run.
    inputs : _Inputs
        Files by role.
    parameters : Mapping[str, object] | Parameters | None
        Those that differ from the defaults, or all of them.
    recorder : Recorder
        Where it is recorded.
    staging : Path
        Folder for files being written, on the file system of their final place.
    logs : Path
        Folder of log files, one a process.
    on_progress : Callable[[float], None]
        Told how far the recipe is, 0 to 1.
    workers : int
        Processes that the recipe may use; no part of the key, products do not depend on it.

    Returns
    -------
    Run
        Products where they now lie.

    Notes
    -----
    What stops the recipe is raised after it is recorded and the recipe's files are removed: see `concluded`.
    ConfigError for an impossible parameter and ReductionError for a wrong number of inputs come before
    anything is recorded.
    """
    begun = begin(recipe, inputs, parameters, recorder=recorder, staging=staging, logs=logs)
    if isinstance(begun, Run):
        return begun
    with concluded(begun, recorder):
        outputs = _execute(recipe, begun, _Means(on_progress, workers))
        return Run(tuple(recorder.finish(begun.process_id, outputs)), reused=False)


@dataclass(frozen=True, slots=True)
class Begun:
    """A process that is recorded as running; goes to other programs by pickle.

    Attributes
    ----------
    recipe : str
        Name of its recipe.
    process_id : int
        Its number.
    key : ProcessKey
        What it does.
    inputs : Mapping[str, Sequence[SourceFile]]
        Files by role.
    chosen : Parameters
        All parameters.
    staging, log_path : Path
        Where its files and its log go.
    """

    recipe: str
    process_id: int
    key: ProcessKey
    inputs: _Inputs
    chosen: Parameters
    staging: Path
    log_path: Path


def begin(
    recipe: Recipe,
    inputs: _Inputs,
    parameters: Mapping[str, object] | Parameters | None,
    *,
    recorder: Recorder,
    staging: Path,
    logs: Path,
) -> Begun | Run:
    """Record that a process begins, or find the one that did the same before.

    Parameters
    ----------
    recipe : Recipe
        What will run.
    inputs : _Inputs
        Files by role.
    parameters : Mapping[str, object] | Parameters | None
        Those that differ from the defaults, or all of them.
    recorder : Recorder
        Where it is recorded.
    staging : Path
        Folder for files being written, on the file system of their final place.
    logs : Path
        Folder of log files, one a process.

    Returns
    -------
    Begun | Run
        A run when there is nothing to do; else what `work` wants, to be done within `concluded`.
    """
    chosen = _chosen(recipe, parameters)
    _check_inputs(recipe, inputs)
    key = ProcessKey(recipe.name, code_version(), chosen.model_dump(mode="json"), _key_inputs(inputs))
    found = recorder.find(key)
    if found is not None:
        return Run(tuple(found), reused=True)
    log_path = logs / f"{recipe.name}-{key.digest[:12]}.jsonl"
    process_id = recorder.begin(key, log_path)
    return Begun(recipe.name, process_id, key, inputs, chosen, staging, log_path)


@contextmanager
def concluded(begun: Begun, recorder: Recorder) -> Iterator[None]:
    """Record a process as failed, in our words, if what is done within fails; clear its folder in any case.

    Parameters
    ----------
    begun : Begun
        The process.
    recorder : Recorder
        Where it is recorded.

    Yields
    ------
    None
        To the work and to `Recorder.finish`.

    Raises
    ------
    BaseException
        What stopped it.
    """
    try:
        with in_our_words(begun.log_path):
            yield
    except BaseException as error:
        recorder.fail(begun.process_id, f"{type(error).__name__}: {error}")
        raise
    finally:
        shutil.rmtree(begun.staging / str(begun.process_id), ignore_errors=True)


def work(recipe: Recipe, begun: Begun) -> list[Output]:
    """Do a process that was begun, in this program or another, on the same file systems.

    Parameters
    ----------
    recipe : Recipe
        Its recipe.
    begun : Begun
        What to do.

    Returns
    -------
    list[Output]
        Files in the staging folder, for `Recorder.finish`.
    """
    with in_our_words(begun.log_path):
        return _execute(recipe, begun, _Means(lambda _: None, 1))


def _execute(recipe: Recipe, begun: Begun, means: _Means) -> list[Output]:
    key, chosen = begun.key, begun.chosen
    folder = begun.staging / str(begun.process_id)
    folder.mkdir(parents=True)
    log, stream = process_log(begun.log_path)
    log = log.bind(process=begun.process_id, recipe=recipe.name)
    job = _Job(begun.process_id, key.version, log, folder, *means)
    try:
        log.info(
            "begin", version=key.version, host=host(), libraries=dict(libraries()), parameters=key.parameters
        )
        for read in sorted(key.inputs):
            log.info("input", role=read.role, name=read.name, sha256=read.sha256)
        with threadpool_limits(limits=1), warnings_into(log):
            recipe.run(begun.inputs, chosen, job)
        _check_outputs(recipe, job.outputs)
        log.info("end", products=len(job.outputs))
    except BaseException as error:
        log.error("failed", error=str(error), trace=traceback.format_exc())  # noqa: TRY400 - trace is in it
        raise
    finally:
        stream.close()
    return job.outputs


def _chosen(recipe: Recipe, parameters: Mapping[str, object] | Parameters | None) -> Parameters:
    values: Any = parameters.model_dump() if isinstance(parameters, Parameters) else dict(parameters or {})
    try:
        return recipe.parameters(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        known = ", ".join(recipe.parameters.model_fields)
        raise ConfigError(
            f"recipe {recipe.name}, parameter {name} = {first['input']!r}: {first['msg']}; it has {known}"
        ) from error


def _check_inputs(recipe: Recipe, inputs: _Inputs) -> None:
    unknown = set(inputs) - {consume.role for consume in recipe.consumes}
    if unknown:
        raise ReductionError(f"recipe {recipe.name} has no input {', '.join(sorted(unknown))}")
    for consume in recipe.consumes:
        count = len(inputs.get(consume.role, ()))
        if not consume.minimum <= count <= consume.maximum:
            raise ReductionError(
                f"recipe {recipe.name}, input {consume.role}: {count} files, "
                f"wanted {consume.minimum} to {consume.maximum} of {' or '.join(sorted(consume.classes))}"
            )


def _check_outputs(recipe: Recipe, outputs: Sequence[Output]) -> None:
    odd = {output.kind for output in outputs} - recipe.makes
    if odd or not outputs:
        raise ReductionError(
            f"recipe {recipe.name} made {', '.join(sorted(odd)) or 'nothing'}, "
            f"declares {', '.join(sorted(recipe.makes))}"
        )


def _key_inputs(inputs: _Inputs) -> tuple[Input, ...]:
    return tuple(
        Input(role, source.sha256, source.name)
        for role in sorted(inputs)
        for source in sorted(inputs[role], key=lambda s: (s.name, s.sha256))
    )
