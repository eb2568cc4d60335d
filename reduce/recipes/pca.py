"""Level 2 by principal components of the full frame."""

from collections.abc import Sequence
from functools import partial

from pydantic import Field

from hcvo.errors import ReductionError
from reduce.kernels.channels import Algorithm, Channel
from reduce.kernels.components import choose_components, component_grid
from reduce.kernels.pca import PcaReduction, reduce_pca, with_components
from reduce.recipe import Job
from reduce.recipes.level1_cube import Level1Cube
from reduce.recipes.level2 import Level2Parameters, Setting
from reduce.recipes.level2_recipe import level2_recipe
from reduce.recipes.write_level2 import Card

__all__ = ["RECIPE", "PcaParameters"]


class PcaParameters(Level2Parameters):
    """Parameters of full-frame PCA."""

    components: int | None = Field(
        default=None,
        ge=1,
        description="principal components removed; None tries up to a third of the frames, takes the deepest",
    )


class _Pca:
    """PCA with the number of components asked for, or chosen on the middle channel."""

    def __init__(self, level1: Level1Cube, parameters: PcaParameters, job: Job) -> None:
        self.parameters, self.job = parameters, job
        self.frames = level1.cube.shape[1]
        self.components = parameters.components or 0
        if self.components >= self.frames:
            raise ReductionError(
                f"{level1.name}: {self.components} components of {self.frames} frames leave nothing; "
                f"wanted at most {self.frames - 1}, lower 'components'"
            )

    def __call__(self, setting: Setting) -> Algorithm:
        if not self.components:
            self.components = self._chosen(setting)
        self.job.log.info("pca", components=self.components, asked=self.parameters.components)

        def run(channel: Channel) -> PcaReduction:
            given = (channel.cube, channel.angles_deg, self.components)
            return reduce_pca(*given, setting.mask, self.parameters.combine)

        return run

    def _chosen(self, setting: Setting) -> int:
        channel = setting.channels[len(setting.channels) // 2]
        first = reduce_pca(channel.cube, channel.angles_deg, 1, setting.mask, self.parameters.combine)
        grid = component_grid(len(channel.cube))
        choice = choose_components(
            channel, partial(with_components, first), grid, (setting.inner_px, setting.outer_px)
        )
        depths = [round(depth, 3) for depth in choice.depth]
        self.job.log.info("components tried", tried=choice.tried, log_noise_over_throughput=depths)
        return choice.best

    def cards(self) -> Sequence[Card]:
        return [
            ("NCOMP", self.components, "principal components removed"),
            ("NCOMPAUT", self.parameters.components is None, "their number chosen by depth"),
            ("NFRAMES", self.frames, "frames"),
            ("PCAMEAN", True, "temporal mean subtracted first"),
        ]


RECIPE = level2_recipe("pca", PcaParameters, _Pca, on_request=False)
