"""Level 2 by principal components ring by ring, with a protection angle."""

from collections.abc import Sequence
from dataclasses import replace

from pydantic import Field

from reduce.kernels.annular_pca import AnnularPca, reduce_annular_pca, with_components
from reduce.kernels.channels import Channel
from reduce.kernels.reduction import Reduction
from reduce.kernels.regional import RegionalReduction
from reduce.recipe import Job
from reduce.recipes.component_numbers import ByComponents, ComponentParameters
from reduce.recipes.level1_cube import Level1Cube
from reduce.recipes.level2 import Setting
from reduce.recipes.level2_recipe import level2_recipe
from reduce.recipes.references import limits_of, warn_of_relaxed
from reduce.recipes.write_level2 import Card

__all__ = ["RECIPE", "AnnularPcaParameters"]

_DEFAULT = AnnularPca(components=0)


class AnnularPcaParameters(ComponentParameters):
    """Parameters of annular PCA."""

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


class _AnnularPca(ByComponents):
    """Annular PCA: the number of components is the same in all rings."""

    def __init__(self, level1: Level1Cube, parameters: AnnularPcaParameters, job: Job) -> None:
        super().__init__(level1, parameters, job)
        self.combine, self.relaxed_px = parameters.combine, 0.0
        self.given = AnnularPca(
            components=0,  # set for each reduction
            distance=parameters.separation_fwhm,
            width=parameters.width_fwhm,
            least=parameters.least_references,
            most=parameters.most_references,
        )

    def reduced(self, channel: Channel, setting: Setting, components: int) -> Reduction:
        made = reduce_annular_pca(
            channel, limits_of(setting), replace(self.given, components=components), self.combine
        )
        self.relaxed_px = warn_of_relaxed(made, self.relaxed_px, self.job)
        return made

    def again(self, reduction: Reduction, components: int) -> Reduction:
        assert isinstance(reduction, RegionalReduction)
        return with_components(reduction, components)

    def cards(self) -> Sequence[Card]:
        given = self.given
        return [
            *super().cards(),
            ("PCADELT", given.distance, "[FWHM] a companion moved in references"),
            ("PCARING", given.width, "[FWHM] width of a ring, about"),
            ("PCALEAST", given.least, "references of a frame at least"),
            ("PCAMOST", given.most, "references of a frame at most"),
            ("PCARELAX", self.relaxed_px, "[pix] references are nearer than asked to here"),
        ]


RECIPE = level2_recipe("pca_annular", AnnularPcaParameters, _AnnularPca)
