"""Numbers of principal components: one that is asked for, several in one run, or one that is chosen."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import copy
from functools import partial
from typing import Annotated, TypeVar

from pydantic import Field, PositiveInt, field_validator

from hcvo.errors import ReductionError
from reduce.kernels.channels import Algorithm, Channel
from reduce.kernels.components import choose_components, component_grid
from reduce.kernels.reduction import Reduction
from reduce.recipe import Job
from reduce.recipes.level1_cube import Level1Cube
from reduce.recipes.level2 import Level2Parameters, Setting
from reduce.recipes.level2_recipe import Method
from reduce.recipes.write_level2 import Card

__all__ = ["ByComponents", "ComponentParameters", "check_numbers", "one_by_one"]

_M = TypeVar("_M", bound=Method)


class ComponentParameters(Level2Parameters):
    """Parameters of algorithms that remove principal components."""

    components: PositiveInt | Annotated[tuple[PositiveInt, ...], Field(min_length=1)] | None = Field(
        default=None,
        description="principal components removed; of several, as in [1, 5, 20], each gives products of its "
        "own, named <algorithm>-1 ...; None tries up to a third of the frames, takes the deepest",
    )

    @field_validator("components")
    @classmethod
    def _no_number_twice(cls, given: int | tuple[int, ...] | None) -> int | tuple[int, ...] | None:
        if isinstance(given, tuple) and len(set(given)) < len(given):
            raise ValueError(f"{list(given)}: wanted each number once")
        return given

    @property
    def numbers(self) -> tuple[int, ...]:
        """Numbers that are asked for; none: one is to be chosen."""
        if self.components is None:
            return ()
        return (self.components,) if isinstance(self.components, int) else self.components


def check_numbers(name: str, numbers: Sequence[int], frames: int, what: str = "frames") -> None:
    """Refuse numbers of components that leave nothing.

    Parameters
    ----------
    name : str
        Of the cube, for the message.
    numbers : Sequence[int]
        Asked for.
    frames : int
        That are each other's reference.
    what : str
        What they are called.

    Raises
    ------
    ReductionError
        If a number is that of the frames or more.
    """
    most = max(numbers, default=0)
    if most >= frames:
        raise ReductionError(
            f"{name}: {most} components of {frames} {what} leave nothing; "
            f"wanted at most {frames - 1}, lower 'components'"
        )


def one_by_one(method: _M, numbers: Sequence[int]) -> Sequence[tuple[str, _M]]:
    """A method for each number of components.

    Parameters
    ----------
    method : _M
        With an attribute `components`; what else it holds is shared.
    numbers : Sequence[int]
        Asked for.

    Returns
    -------
    Sequence[tuple[str, _M]]
        What to append to the algorithm's name, nothing unless there are several; and the method.
    """
    if len(numbers) < 2:  # noqa: PLR2004 - several
        return [("", method)]
    methods = [copy(method) for _ in numbers]
    for one, number in zip(methods, numbers, strict=True):
        one.components = number  # type: ignore[attr-defined]  # said above
    return [(f"-{number}", one) for one, number in zip(methods, numbers, strict=True)]


class ByComponents(ABC):
    """A method by components of the frames of each channel; their number is chosen on the middle channel.

    Of several numbers all but the first begin with what the first made of the data: frames laid out,
    their products, and the modes where these do not depend on the number.
    """

    def __init__(self, level1: Level1Cube, parameters: ComponentParameters, job: Job) -> None:
        self.numbers, self.job = parameters.numbers, job
        self.frames = level1.cube.shape[1]
        check_numbers(level1.name, self.numbers, self.frames)
        self.components = self.numbers[0] if self.numbers else 0
        self.made: dict[int, Reduction] = {}

    @abstractmethod
    def reduced(self, channel: Channel, setting: Setting, components: int) -> Reduction:
        """Reduce one channel."""

    @abstractmethod
    def again(self, reduction: Reduction, components: int) -> Reduction:
        """The same data with another number of components."""

    def each(self) -> Sequence[tuple[str, Method]]:
        """As `level2_recipe.Several`."""
        return one_by_one(self, self.numbers)

    def __call__(self, setting: Setting) -> Algorithm:
        """As `level2_recipe.Method`."""
        if not self.components:
            self.components = self._chosen(setting)
        self.job.log.info("components", components=self.components, asked=self.numbers)

        def run(channel: Channel) -> Reduction:
            given = [number for number, one in enumerate(setting.channels) if one is channel]
            if len(self.numbers) < 2 or not given:  # noqa: PLR2004 - several; and data as they are
                return self.reduced(channel, setting, self.components)
            if given[0] not in self.made:
                self.made[given[0]] = self.reduced(channel, setting, self.components)
            return self.again(self.made[given[0]], self.components)

        return run

    def _chosen(self, setting: Setting) -> int:
        channel = setting.channels[len(setting.channels) // 2]
        made = partial(self.again, self.reduced(channel, setting, 1))
        grid = component_grid(len(channel.cube))
        choice = choose_components(channel, made, grid, (setting.inner_px, setting.outer_px))
        depths = [round(depth, 3) for depth in choice.depth]
        self.job.log.info("components tried", tried=choice.tried, log_noise_over_throughput=depths)
        return choice.best

    def cards(self) -> Sequence[Card]:
        """Number of components, how it came about, and frames."""
        return [
            ("NCOMP", self.components, "principal components removed"),
            ("NCOMPAUT", not self.numbers, "their number chosen by depth"),
            ("NFRAMES", self.frames, "frames"),
            ("PCAMEAN", True, "temporal mean subtracted first"),
        ]
