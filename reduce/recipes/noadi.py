"""Level 2 without star subtraction: derotated and combined, nothing else."""

from collections.abc import Sequence

from reduce.kernels.channels import Algorithm, Channel
from reduce.kernels.noadi import NoAdiReduction, reduce_noadi
from reduce.recipe import Job
from reduce.recipes.level1_cube import Level1Cube
from reduce.recipes.level2 import Level2Parameters, Setting
from reduce.recipes.level2_recipe import level2_recipe
from reduce.recipes.write_level2 import Card

__all__ = ["RECIPE", "NoAdiParameters"]


class NoAdiParameters(Level2Parameters):
    """Parameters of plain derotation."""


class _NoAdi:
    """Nothing to choose."""

    def __init__(self, _: Level1Cube, parameters: NoAdiParameters, __: Job) -> None:
        self.combine = parameters.combine

    def __call__(self, setting: Setting) -> Algorithm:
        del setting

        def run(channel: Channel) -> NoAdiReduction:
            return reduce_noadi(channel.cube, channel.angles_deg, self.combine)

        return run

    def cards(self) -> Sequence[Card]:
        return ()


RECIPE = level2_recipe("noadi", NoAdiParameters, _NoAdi, turning=lambda _: False)
