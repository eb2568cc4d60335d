"""What a user may choose of level 2 on the command line: algorithms, a science case, parameters."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from hcvo.centre.show import parse_parameters, set_option
from hcvo.config import CHECKOUT
from reduce.presets import preset_names, read_preset, with_presets
from reduce.recipes import REGISTRY
from reduce.selection import ALL, Choice, algorithms_in, check_recipes, selected

__all__ = ["choice_options", "chosen"]

_SITE = CHECKOUT / "etc" / "recipes"

_ALGORITHMS = click.option(
    "--algorithms",
    metavar="NAME[,NAME...]",
    help=f"Algorithms of level 2: {', '.join(algorithms_in(REGISTRY))}, or {ALL}.  [default: those of the "
    f"preset, or {', '.join(algorithms_in(selected(REGISTRY)))}]",
)
_PRESET = click.option(
    "--preset",
    type=click.Choice(preset_names(_SITE)),
    help="Algorithms and parameters for a science case; --algorithms and --set win over it.",
)


_REFERENCES = click.option(
    "--references",
    multiple=True,
    metavar="PATH",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Level 1 cube of another star for pca_rdi; may be given many times.  [default: the other cubes of "
    "the run, or those of the catalogue that fit]",
)


def choice_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options --algorithms, --preset, --references and --set."""
    return _ALGORITHMS(_PRESET(_REFERENCES(set_option(command))))


def chosen(
    algorithms: str | None, preset: str | None, set_: Sequence[str], references: Sequence[Path] = ()
) -> Choice:
    """Read the options, each over the one before: a site's files, the preset, the user's words.

    Parameters
    ----------
    algorithms : str | None
        Names parted by commas.
    preset : str | None
        A science case.
    set_ : Sequence[str]
        ``recipe.parameter=value``.
    references : Sequence[Path]
        Cubes of other stars.

    Returns
    -------
    Choice
        Its algorithms are known ones.

    See Also
    --------
    hcvo.errors.ConfigError : raised if an algorithm, a preset or the recipe of a parameter is none.
    """
    case = read_preset(preset, _SITE) if preset else None
    names = case.algorithms if case else None
    if algorithms is not None:
        names = tuple(name for name in (part.strip() for part in algorithms.split(",")) if name)
    selected(REGISTRY, names)
    parameters = with_presets(parse_parameters(set_), _SITE, case, algorithms_in(REGISTRY))
    check_recipes(REGISTRY, parameters)
    return Choice(names, parameters, tuple(references))
