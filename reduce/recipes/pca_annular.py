"""Level 2 by principal components ring by ring, with a protection angle."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from pydantic import Field

from hcvo.errors import ReductionError
from reduce.kernels.annular_pca import AnnularPca, reduce_annular_pca, with_components
from reduce.kernels.channels import Algorithm, Channel
from reduce.kernels.components import choose_components, component_grid
from reduce.kernels.regional import RegionalReduction
from reduce.recipe import Job
from reduce.recipes.level1_cube import Level1Cube
from reduce.recipes.level2 import Level2Parameters, Setting
from reduce.recipes.level2_recipe import level2_recipe
from reduce.recipes.references import limits_of, warn_of_relaxed
from reduce.recipes.write_level2 import Card

__all__ = ["RECIPE", "AnnularPcaParameters"]

_DEFAULT = AnnularPca(components=0)


class AnnularPcaParameters(Level2Parameters):
    """Parameters of annular PCA."""

    components: int | None = Field(
        default=None,
        ge=1,
        description="principal components removed; None tries up to a third of the frames, takes the deepest",
    )
    separation_fwhm: float = Field(
        default=_DEFAULT.distance,
        ge=0,
        description="distance by which a companion must have moved in a reference frame, FWHM",
    )
    width_fwhm: float = Field(
        default=_DEFAULT.width, gt=0, description="width of a ring, FWHM; rings share the field evenly"
    )
    least_references: int = Field(
        default=_DEFAULT.least,
        ge=1,
        description="references of a frame at least; where fewer have turned far enough, the farthest turned",
    )
    most_references: int = Field(
        default=_DEFAULT.most,
        ge=1,
        description="references of a frame at most, those nearest in time; the cost grows with their cube",
    )


class _AnnularPca:
    """Annular PCA with the number of components asked for, or chosen on the middle channel."""

    def __init__(self, level1: Level1Cube, parameters: AnnularPcaParameters, job: Job) -> None:
        self.parameters, self.job = parameters, job
        self.relaxed_px = 0.0
        frames = level1.cube.shape[1]
        self.given = AnnularPca(
            parameters.components or 0,
            parameters.separation_fwhm,
            parameters.width_fwhm,
            parameters.least_references,
            parameters.most_references,
        )
        if self.given.components >= frames:
            raise ReductionError(
                f"{level1.name}: {self.given.components} components of {frames} frames leave nothing; "
                f"wanted at most {frames - 1}, lower 'components'"
            )

    def __call__(self, setting: Setting) -> Algorithm:
        limits = limits_of(setting)
        if not self.given.components:
            self.given = replace(self.given, components=self._chosen(setting, limits))
        self.job.log.info("annular pca", components=self.given.components, asked=self.parameters.components)

        def run(channel: Channel) -> RegionalReduction:
            reduction = reduce_annular_pca(channel, limits, self.given, self.parameters.combine)
            self.relaxed_px = warn_of_relaxed(reduction, self.relaxed_px, self.job)
            return reduction

        return run

    def _chosen(self, setting: Setting, limits: tuple[float, float]) -> int:
        channel = setting.channels[len(setting.channels) // 2]
        first = reduce_annular_pca(channel, limits, self.given, self.parameters.combine)
        choice = choose_components(
            channel,
            partial(with_components, first),
            component_grid(len(channel.cube)),
            (setting.inner_px, setting.outer_px),
        )
        depths = [round(depth, 3) for depth in choice.depth]
        self.job.log.info("components tried", tried=choice.tried, log_noise_over_throughput=depths)
        return choice.best

    def cards(self) -> Sequence[Card]:
        given = self.given
        return [
            ("NCOMP", given.components, "principal components removed"),
            ("NCOMPAUT", self.parameters.components is None, "their number chosen by depth"),
            ("PCAMEAN", True, "temporal mean subtracted first"),
            ("PCADELT", given.distance, "[FWHM] a companion moved in references"),
            ("PCARING", given.width, "[FWHM] width of a ring, about"),
            ("PCALEAST", given.least, "references of a frame at least"),
            ("PCAMOST", given.most, "references of a frame at most"),
            ("PCARELAX", self.relaxed_px, "[pix] references are nearer than asked to here"),
        ]


RECIPE = level2_recipe("pca_annular", AnnularPcaParameters, _AnnularPca)
