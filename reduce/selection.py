"""Which algorithms of level 2 run: those that need no asking, those that are named, or all."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hcvo.errors import ConfigError
from hcvo.model.product import ProductKind
from hcvo.store import sha256_of
from reduce.recipe import Recipe, SourceFile

__all__ = ["ALL", "Choice", "algorithms_in", "check_recipes", "follows", "references_of", "selected"]

ALL = "all"
"""Stands for every algorithm."""

_KINDS = frozenset(str(kind) for kind in ProductKind)


@dataclass(frozen=True, slots=True)
class Choice:
    """What a user wants of the recipes.

    Attributes
    ----------
    algorithms : Sequence[str] | None
        Of level 2, by name; None takes those that run without being named.
    parameters : Mapping[str, Mapping[str, object]]
        Recipe name to parameters that differ from the defaults.
    references : Sequence[Path]
        Level 1 cubes of other stars, for algorithms that take some; empty lets them be found.
    """

    algorithms: Sequence[str] | None = None
    parameters: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    references: Sequence[Path] = ()


def algorithms_in(recipes: Iterable[Recipe]) -> list[str]:
    """Names of the recipes that take the star away.

    Parameters
    ----------
    recipes : Iterable[Recipe]
        Of any level.

    Returns
    -------
    list[str]
        In their order.
    """
    return [recipe.name for recipe in recipes if _is_algorithm(recipe)]


def selected(recipes: Iterable[Recipe], named: Sequence[str] | None = None) -> list[Recipe]:
    """Recipes that may run: every one below level 2, and of level 2 those that were chosen.

    Parameters
    ----------
    recipes : Iterable[Recipe]
        All there are.
    named : Sequence[str] | None
        Algorithms wanted, `ALL` for every one; None takes those that run without being named.

    Returns
    -------
    list[Recipe]
        In their order.

    Raises
    ------
    ConfigError
        If a name is none of an algorithm, or none is given.
    """
    there = list(recipes)
    if named is None:
        return [recipe for recipe in there if not recipe.on_request]
    known = algorithms_in(there)
    unknown = [name for name in named if name not in known and name != ALL]
    if unknown or not named:
        told = ", ".join(map(repr, unknown)) or "none given"
        raise ConfigError(f"algorithms of level 2: {told}; there are {', '.join(known)}, or {ALL}")
    wanted = set(known) if ALL in named else set(named)
    return [
        recipe
        for recipe in there
        if (recipe.name in wanted if _is_algorithm(recipe) else not recipe.on_request)
    ]


def check_recipes(recipes: Iterable[Recipe], parameters: Mapping[str, object]) -> None:
    """Refuse parameters of recipes that do not exist.

    Parameters
    ----------
    recipes : Iterable[Recipe]
        All there are.
    parameters : Mapping[str, object]
        By the name of the recipe.

    Raises
    ------
    ConfigError
        If a name is none of a recipe.
    """
    known = [recipe.name for recipe in recipes]
    unknown = sorted(set(parameters) - set(known))
    if unknown:
        raise ConfigError(
            f"parameters for {', '.join(unknown)}: no such recipe; there are {', '.join(known)}"
        )


def follows(recipe: Recipe) -> bool:
    """Whether a recipe lives on products alone: one main input, and others that it can go without.

    Parameters
    ----------
    recipe : Recipe
        Any.

    Returns
    -------
    bool
        False for those that association plans, or that are started by hand.
    """
    first, *others = recipe.consumes
    return first.classes <= _KINDS and all(one.classes <= _KINDS and one.minimum == 0 for one in others)


def references_of(choice: Choice) -> list[SourceFile]:
    """Cubes of other stars that were given, as a recipe takes them.

    Parameters
    ----------
    choice : Choice
        With their paths.

    Returns
    -------
    list[SourceFile]
        In the order given.

    Raises
    ------
    ConfigError
        If one is no file.
    """
    lost = [path for path in choice.references if not path.is_file()]
    if lost:
        raise ConfigError(f"reference {lost[0]}: no such file; wanted a level 1 cube of another star")
    return [SourceFile(path.absolute(), sha256_of(path), path.name) for path in choice.references]


def _is_algorithm(recipe: Recipe) -> bool:
    return ProductKind.RESIDUAL.value in recipe.makes
