"""Level 2 by classical ADI: temporal median subtracted, derotated, combined."""

from collections.abc import Sequence

from reduce.kernels.cadi import CadiReduction, reduce_cadi
from reduce.kernels.channels import Algorithm, Channel
from reduce.recipe import Job
from reduce.recipes.level1_cube import Level1Cube
from reduce.recipes.level2 import Level2Parameters, Setting
from reduce.recipes.level2_recipe import level2_recipe
from reduce.recipes.write_level2 import Card

__all__ = ["RECIPE", "CadiParameters"]


class CadiParameters(Level2Parameters):
    """Parameters of classical ADI."""


class _Cadi:
    """Classical ADI: nothing to choose."""

    def __init__(self, _: Level1Cube, parameters: CadiParameters, __: Job) -> None:
        self.combine = parameters.combine

    def __call__(self, setting: Setting) -> Algorithm:
        del setting

        def run(channel: Channel) -> CadiReduction:
            return reduce_cadi(channel.cube, channel.angles_deg, self.combine)

        return run

    def cards(self) -> Sequence[Card]:
        return ()


RECIPE = level2_recipe("cadi", CadiParameters, _Cadi, on_request=False)
