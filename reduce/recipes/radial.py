"""Level 2 by radial profiles: in each frame the median over azimuth is subtracted; derotated, combined."""

from collections.abc import Sequence

from reduce.kernels.channels import Algorithm, Channel
from reduce.kernels.radial import RadialReduction, reduce_radial
from reduce.recipe import Job
from reduce.recipes.level1_cube import Level1Cube
from reduce.recipes.level2 import Level2Parameters, Setting
from reduce.recipes.level2_recipe import level2_recipe
from reduce.recipes.write_level2 import Card

__all__ = ["RECIPE", "RadialParameters"]


class RadialParameters(Level2Parameters):
    """Parameters of the subtraction of radial profiles."""


class _Radial:
    """Nothing to choose."""

    def __init__(self, _: Level1Cube, parameters: RadialParameters, __: Job) -> None:
        self.combine = parameters.combine

    def __call__(self, setting: Setting) -> Algorithm:
        del setting

        def run(channel: Channel) -> RadialReduction:
            return reduce_radial(channel.cube, channel.angles_deg, self.combine)

        return run

    def cards(self) -> Sequence[Card]:
        return ()


RECIPE = level2_recipe("radial", RadialParameters, _Radial, turning=lambda _: False)
