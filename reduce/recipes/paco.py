"""Level 2 by PACO: patch covariances learnt, flux by maximum likelihood (Flasseur et al. 2018)."""

from collections.abc import Sequence

from pydantic import Field

from reduce.kernels.channels import Algorithm, Channel
from reduce.kernels.paco import PATCH_FWHM, PacoReduction, reduce_paco
from reduce.recipe import Job
from reduce.recipes.level1_cube import Level1Cube
from reduce.recipes.level2 import Level2Parameters, Setting
from reduce.recipes.level2_recipe import level2_recipe
from reduce.recipes.write_level2 import Card

__all__ = ["RECIPE", "PacoParameters"]


class PacoParameters(Level2Parameters):
    """Parameters of PACO."""

    combine: str = Field(
        default="mean", pattern="^mean$", description="frames are summed by their weights; nothing to choose"
    )
    patch_fwhm: float = Field(
        default=PATCH_FWHM,
        ge=0.5,
        le=2.0,
        description="radius of the patches whose covariance is learnt, FWHM; time grows with its 6th power",
    )


class _Paco:
    """PACO, each channel by itself."""

    def __init__(self, _: Level1Cube, parameters: PacoParameters, job: Job) -> None:
        self.patch_fwhm, self.job = parameters.patch_fwhm, job
        self.pixels = 0

    def __call__(self, setting: Setting) -> Algorithm:
        def run(channel: Channel) -> PacoReduction:
            given = (channel.cube, channel.angles_deg, channel.psf, channel.fwhm)
            reduction = reduce_paco(*given, setting.mask, self.patch_fwhm)
            self.pixels = reduction.sequence.template.size
            self.job.log.info("paco", patch_pixels=self.pixels, shrinkage=round(reduction.shrinkage, 3))
            return reduction

        return run

    def cards(self) -> Sequence[Card]:
        return [
            ("PATCHFWH", self.patch_fwhm, "[FWHM] radius of a patch"),
            ("PATCHPIX", self.pixels, "pixels of a patch"),
        ]


RECIPE = level2_recipe("paco", PacoParameters, _Paco)
