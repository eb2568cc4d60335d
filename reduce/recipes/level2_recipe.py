"""How a recipe of level 2 is made of an algorithm: read the cube, run what all share, write the products."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar, runtime_checkable

from hcvo.model.product import ProductKind
from reduce.kernels.channels import Algorithm
from reduce.recipe import Consume, Job, Parameters, Recipe, SourceFile
from reduce.recipes.joint_cube import joined
from reduce.recipes.level1_cube import Level1Cube, read_level1
from reduce.recipes.level2 import Level2Parameters, Setting, run_level2
from reduce.recipes.part_of_job import PartOfJob
from reduce.recipes.write_level2 import Card, write_level2

__all__ = ["Level2Recipe", "Method", "Prepared", "Several", "level2_recipe"]

_MAKES = (
    ProductKind.RESIDUAL,
    ProductKind.IMAGE,
    ProductKind.CORRECTED,
    ProductKind.SNR,
    ProductKind.SIGNIFICANCE,
    ProductKind.CONTRAST,
    ProductKind.CONTRAST_ECSV,
    ProductKind.CONTRAST_VOTABLE,
    ProductKind.CANDIDATES,
    ProductKind.CANDIDATES_ECSV,
    ProductKind.CANDIDATES_VOTABLE,
)
_P = TypeVar("_P", bound=Level2Parameters)
_Files = Mapping[str, Sequence[SourceFile]]


class Method(Protocol):
    """An algorithm that is being set up for one cube."""

    def __call__(self, setting: Setting) -> Algorithm:
        """Make the algorithm for these channels and separations."""

    def cards(self) -> Sequence[Card]:
        """What it chose, for the headers; asked after the algorithm ran."""


@runtime_checkable
class Several(Protocol):
    """An algorithm that may be asked for in several settings at once, each with products of its own."""

    def each(self) -> Sequence[tuple[str, Method]]:
        """What to append to the algorithm's name, nothing where there is one setting; and the method."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A cube, and an algorithm set up for it.

    Attributes
    ----------
    name : str
        Of the algorithm; of several settings in one run each has its own.
    level1 : Level1Cube
        The data.
    parameters : Level2Parameters
        What was asked.
    method : Method
        The algorithm.
    turning : bool
        It lives on the turn of the field.
    """

    name: str
    level1: Level1Cube
    parameters: Level2Parameters
    method: Method
    turning: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Level2Recipe(Recipe):
    """Recipe of one algorithm.

    Attributes
    ----------
    prepare : Callable[[_Files, Parameters, Job], Sequence[Prepared]]
        Reads the cube and sets the algorithm up, once for each setting asked for: for those who measure
        it, e.g. `hcvo metrics`.
    """

    prepare: Callable[[_Files, Parameters, Job], Sequence[Prepared]]


def level2_recipe(
    name: str,
    parameters: type[_P],
    method: Callable[..., Method],
    *,
    on_request: bool = True,
    turning: Callable[[_P], bool] = lambda _: True,
    joint: Callable[[_P], Sequence[float]] | None = None,
    references: bool = False,
) -> Level2Recipe:
    """Make the recipe of one algorithm.

    Parameters
    ----------
    name : str
        Of recipe and algorithm.
    parameters : type[_P]
        Its parameters.
    method : Callable[..., Method]
        Takes Level1Cube, parameters and Job; sets the algorithm up; raises a ReductionError if cube and
        parameters do not fit.
    on_request : bool
        False: it runs on every cube.
    turning : Callable[[_P], bool]
        Whether, with these parameters, it lives on the turn of the field and refuses cubes without.
    joint : Callable[[_P], Sequence[float]] | None
        It reduces all channels as one: contrast of a companion in each with these parameters, empty is
        the same in all. None reduces channel by channel.
    references : bool
        It also takes cubes of other stars: `method` gets them as its fourth argument.

    Returns
    -------
    Level2Recipe
        Consumes a level 1 cube, makes all products of level 2.
    """
    cubes = frozenset({ProductKind.CUBE.value})

    def prepare(files: _Files, given: Parameters, job: Job) -> Sequence[Prepared]:
        assert isinstance(given, parameters)
        level1 = read_level1(files["cube"][0])
        if joint is not None:
            level1 = joined(level1, joint(given))
        others = tuple(files.get("reference", ()))
        level1 = replace(level1, beside=tuple(other.name for other in others))
        chosen = method(level1, given, job, *([others] if references else []))
        methods = chosen.each() if isinstance(chosen, Several) else [("", chosen)]
        return [Prepared(name + told, level1, given, one, turning=turning(given)) for told, one in methods]

    def run(files: _Files, given: Parameters, job: Job) -> None:
        several = prepare(files, given, job)
        for number, ready in enumerate(several):
            part = PartOfJob(job, number, len(several))
            level2 = run_level2(ready.level1, ready.parameters, ready.method, part, turning=ready.turning)
            named = (name, ready.name, ready.method.cards())
            write_level2(ready.level1, level2, ready.parameters, part, named)

    return Level2Recipe(
        name=name,
        consumes=(Consume("cube", cubes, 1, 1), *([Consume("reference", cubes, 0)] if references else [])),
        makes=frozenset(kind.value for kind in _MAKES),
        parameters=parameters,
        run=run,
        on_request=on_request,
        prepare=prepare,
    )
