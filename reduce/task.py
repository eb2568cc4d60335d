"""One run of a recipe to be: which files in which role."""

from collections.abc import Mapping
from dataclasses import dataclass

from hcvo.model.frame import RawFrame
from reduce.recipe import SourceFile

__all__ = ["Made", "Raw", "Task"]


@dataclass(frozen=True, slots=True)
class Raw:
    """A raw frame as input, and how well it fits."""

    frame: RawFrame
    level: int = 0


@dataclass(frozen=True, slots=True)
class Made:
    """Products of one kind of another task as input, and how well they fit.

    `without` is the match level of what is made when that task fails; None where nothing can be made.
    """

    task: str
    kind: str
    level: int = 0
    without: int | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """One run of a recipe to be.

    Attributes
    ----------
    key : str
        Unique in the plan, in words.
    recipe : str
        Name of the recipe.
    inputs : Mapping[str, tuple[Raw | Made | SourceFile, ...]]
        Role to inputs; a source file is one that was given.
    instead : Task | None
        Run of the same recipe when this one fails: with less.
    """

    key: str
    recipe: str
    inputs: Mapping[str, tuple[Raw | Made | SourceFile, ...]]
    instead: "Task | None" = None
