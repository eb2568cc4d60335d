"""Level 2 by principal components of the full frame."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from pydantic import Field

from reduce.kernels import annular_pca
from reduce.kernels.annular_pca import AnnularPca, reduce_annular_pca
from reduce.kernels.channels import Channel
from reduce.kernels.pca import PcaReduction, reduce_pca, with_components
from reduce.kernels.reduction import Reduction
from reduce.kernels.regional import RegionalReduction
from reduce.recipe import Job
from reduce.recipes.component_numbers import ByComponents, ComponentParameters
from reduce.recipes.level1_cube import Level1Cube
from reduce.recipes.level2 import Setting
from reduce.recipes.level2_recipe import level2_recipe
from reduce.recipes.references import limits_of, warn_of_relaxed
from reduce.recipes.write_level2 import Card

__all__ = ["RECIPE", "PcaParameters"]

_DEFAULT = AnnularPca(components=0)


class PcaParameters(ComponentParameters):
    """Parameters of full-frame PCA."""

    separation_fwhm: float = Field(
        default=0.0,
        ge=0,
        description="distance by which a companion must have moved in a reference frame, FWHM; "
        "0: every frame is a reference of all",
    )
    protected_mas: float | None = Field(
        default=None,
        gt=0,
        description="separation at which it must have moved so far, mas; None is the middle of the field",
    )
    least_references: int = Field(
        default=_DEFAULT.least,
        ge=1,
        description="references of a frame at least; where fewer have turned far enough, the farthest turned",
    )
    most_references: int = Field(
        default=_DEFAULT.most,
        ge=1,
        description="references of a frame at most, those nearest in time, where a distance is asked for",
    )


class _Pca(ByComponents):
    """PCA of the full frame; with a distance to be kept, as annular PCA of one ring."""

    def __init__(self, level1: Level1Cube, parameters: PcaParameters, job: Job) -> None:
        super().__init__(level1, parameters, job)
        self.combine, self.relaxed_px = parameters.combine, 0.0
        at = parameters.protected_mas
        self.given = AnnularPca(
            components=0,  # set for each reduction
            distance=parameters.separation_fwhm,
            width=np.inf,
            least=parameters.least_references,
            most=parameters.most_references,
            at_px=None if at is None else at / level1.scale_mas,
        )

    def reduced(self, channel: Channel, setting: Setting, components: int) -> Reduction:
        if not self.given.distance:
            return reduce_pca(channel.cube, channel.angles_deg, components, setting.mask, self.combine)
        made = reduce_annular_pca(
            channel, limits_of(setting), replace(self.given, components=components), self.combine
        )
        self.relaxed_px = warn_of_relaxed(made, self.relaxed_px, self.job)
        return made

    def again(self, reduction: Reduction, components: int) -> Reduction:
        if isinstance(reduction, RegionalReduction):
            return annular_pca.with_components(reduction, components)
        assert isinstance(reduction, PcaReduction)
        return with_components(reduction, components)

    def cards(self) -> Sequence[Card]:
        cards = [*super().cards(), ("PCADELT", self.given.distance, "[FWHM] a companion moved in references")]
        if self.given.distance:
            cards += [
                ("PCALEAST", self.given.least, "references of a frame at least"),
                ("PCAMOST", self.given.most, "references of a frame at most"),
                ("PCARELAX", self.relaxed_px, "[pix] references are nearer than asked to here"),
            ]
        return cards


RECIPE = level2_recipe("pca", PcaParameters, _Pca, on_request=False)
