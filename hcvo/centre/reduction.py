"""Reduction driven from the catalogue: frames out of it, processes and products back into it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

from hcvo.catalogue.frames import frames_for, observations_of
from hcvo.catalogue.models import Observation, Product
from hcvo.catalogue.setup import answering, setup_django
from hcvo.centre.catalogue_recorder import CatalogueRecorder
from hcvo.centre.missing import enter_missing
from hcvo.centre.recovery import recover
from hcvo.centre.references import reference_sources
from hcvo.config import Settings
from hcvo.errors import HcvoError
from hcvo.model.frame import RawFrame
from hcvo.model.product import ProductKind
from reduce.associate import Plan, Task, plan
from reduce.engine import Level, Summary, in_order, reduce_frames, run_plan
from reduce.process import run_recipe
from reduce.recipe import Recipe, Recorder, SourceFile
from reduce.recipes import REGISTRY
from reduce.selection import Choice, follows, references_of, selected

__all__ = ["Request", "frames_of", "level2_of", "plan_catalogue", "reduce_catalogue"]


@dataclass(frozen=True, slots=True)
class Request:
    """What to reduce: a night, a target or both; how far; with which parameters.

    Attributes
    ----------
    night : date | None
        Local date at which the night began.
    target : str | None
        Any name of the star.
    until : Level
        Last level to make.
    choice : Choice
        Algorithms and parameters.
    workers : int
        Processes that a recipe may use for its files, and level 2 processes side by side.
    cluster : str
        Address of a Dask scheduler for the processes of level 2; '' keeps them on this machine.
    """

    night: date | None
    target: str | None
    until: Level
    choice: Choice
    workers: int = 1
    cluster: str = ""


def plan_catalogue(settings: Settings, request: Request, *, enter: bool = False) -> Plan:
    """What `reduce_catalogue` would run.

    Parameters
    ----------
    settings : Settings
        The site.
    request : Request
        What to reduce.
    enter : bool
        Enter the missing calibrations into the catalogue; nothing is written otherwise.

    Returns
    -------
    Plan
        Tasks, refusals, and how each sequence came by its calibrations.
    """
    setup_django(settings)
    with answering(settings):
        planned = plan(frames_for(_with_frames(observations_of(request.night, request.target))))
        if enter:
            enter_missing(planned)
        return planned


def frames_of(settings: Settings, request: Request) -> list[RawFrame]:
    """Frames that a request is about, calibrations and telemetry among them.

    Parameters
    ----------
    settings : Settings
        The site.
    request : Request
        What is asked for.

    Returns
    -------
    list[RawFrame]
        Of the catalogue.
    """
    setup_django(settings)
    with answering(settings):
        return list(frames_for(_with_frames(observations_of(request.night, request.target))))


def reduce_catalogue(settings: Settings, request: Request, *, progress: bool = True) -> Summary:
    """Reduce observations of the catalogue; what ran before with the same key is not run again.

    Processes that a crash left behind are cleared away first.

    Parameters
    ----------
    settings : Settings
        The site.
    request : Request
        What to reduce.
    progress : bool
        Show a progress bar where standard error is a terminal.

    Returns
    -------
    Summary
        Counts, products, refusals.
    """
    with answering(settings):
        recover(settings)
        observations = observations_of(request.night, request.target)
        recorder = CatalogueRecorder(settings)
        framed = _with_frames(observations)
        summary = Summary(0, 0, 0, (), ())
        if framed:
            summary = reduce_frames(
                frames_for(framed),
                on_plan=enter_missing,
                recorder=recorder,
                staging=settings.staging,
                logs=settings.logs / "processes",
                until=request.until,
                choice=_with_references(settings, request.choice, framed),
                progress=progress,
                workers=request.workers,
                cluster=request.cluster,
            )
        if request.until == "level2":
            tasks = _level2_tasks(settings, _external_cubes(observations), request.choice)
            after = run_plan(
                Plan(tuple(tasks), ()),
                REGISTRY,
                recorder,
                settings.staging,
                settings.logs / "processes",
                parameters=request.choice.parameters,
                progress=progress,
                workers=request.workers,
                cluster=request.cluster,
            )
            summary = _added(summary, after)
    return summary


def _level2_tasks(settings: Settings, cubes: Sequence[Product], choice: Choice) -> Iterator[Task]:
    """Every level 2 recipe wanted on cubes that came from elsewhere."""
    for cube in cubes:
        source = SourceFile(settings.store / cube.accref, cube.sha256, cube.name, cube.match_level)
        for recipe in _level2_recipes(choice):
            yield Task(
                f"{recipe.name} of {cube.name}", recipe.name, _inputs(settings, recipe, source, choice)
            )


def _inputs(
    settings: Settings, recipe: Recipe, cube: SourceFile, choice: Choice
) -> dict[str, tuple[SourceFile, ...]]:
    """A cube, and what stands beside it, by role."""
    inputs: dict[str, tuple[SourceFile, ...]] = {recipe.consumes[0].role: (cube,)}
    for beside in recipe.consumes[1:]:
        own = Product.objects.filter(name=cube.name)
        inputs[beside.role] = tuple(references_of(choice) or reference_sources(settings, own))
    return inputs


def level2_of(
    settings: Settings,
    cube: SourceFile,
    choice: Choice,
    recorder: Recorder,
    on_progress: Callable[[str, float], None] = lambda _recipe, _fraction: None,
) -> Summary:
    """Run level 2 recipes on one cube; one that fails does not stop the others.

    Parameters
    ----------
    settings : Settings
        The site.
    cube : SourceFile
        A level 1 cube.
    choice : Choice
        Algorithms and parameters.
    recorder : Recorder
        Where processes are recorded.
    on_progress : Callable[[str, float], None]
        Told the recipe and how far it is, 0 to 1.

    Returns
    -------
    Summary
        Counts, products, refusals.
    """
    summary = Summary(0, 0, 0, (), ())
    for recipe in _level2_recipes(choice):
        inputs = _inputs(settings, recipe, cube, choice)
        try:
            run = run_recipe(
                recipe,
                inputs,
                choice.parameters.get(recipe.name),
                recorder=recorder,
                staging=settings.staging,
                logs=settings.logs / "processes",
                on_progress=partial(on_progress, recipe.name),
            )
        except HcvoError as error:
            summary = _added(summary, Summary(0, 0, 1, (), (f"{recipe.name} of {cube.name}: {error}",)))
        else:
            paths = tuple(output.path for output in run.outputs)
            summary = _added(summary, Summary(int(not run.reused), int(run.reused), 0, paths, ()))
    return summary


def _level2_recipes(choice: Choice) -> list[Recipe]:
    wanted = frozenset({ProductKind.CUBE.value})
    return [
        one
        for one in in_order(selected(REGISTRY, choice.algorithms))
        if follows(one) and one.consumes[0].classes == wanted
    ]


def _with_references(settings: Settings, choice: Choice, observations: Sequence[Observation]) -> Choice:
    """Cubes of the catalogue as references for cubes that are there, where some are wanted and none given."""
    if choice.references or not any(one.consumes[1:] for one in _level2_recipes(choice)):
        return choice
    own = Product.objects.filter(observation__in=observations, kind=ProductKind.CUBE)
    found = [source.path for source in reference_sources(settings, own)]
    return replace(choice, references=found)


def _with_frames(observations: Sequence[Observation]) -> list[Observation]:
    return [one for one in observations if one.n_frames]


def _external_cubes(observations: Sequence[Observation]) -> list[Product]:
    without = [one.pk for one in observations if not one.n_frames]
    return list(Product.objects.filter(observation__in=without, kind=ProductKind.CUBE).order_by("pk"))


def _added(one: Summary, other: Summary) -> Summary:
    return Summary(
        one.done + other.done,
        one.reused + other.reused,
        one.failed + other.failed,
        one.products + other.products,
        one.refusals + other.refusals,
    )
