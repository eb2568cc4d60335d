"""Level 2 by LOCI: locally optimised combinations of the other frames."""

from collections.abc import Sequence

from pydantic import Field

from reduce.kernels.channels import Algorithm, Channel
from reduce.kernels.loci import Loci, reduce_loci
from reduce.kernels.regional import RegionalReduction
from reduce.recipe import Job
from reduce.recipes.level1_cube import Level1Cube
from reduce.recipes.level2 import Level2Parameters, Setting
from reduce.recipes.level2_recipe import level2_recipe
from reduce.recipes.references import limits_of, warn_of_relaxed
from reduce.recipes.write_level2 import Card

__all__ = ["RECIPE", "LociParameters"]

_DEFAULT = Loci()


class LociParameters(Level2Parameters):
    """Parameters of LOCI; by default zones and separations of Lafreniere et al. 2007, a ridge of ours."""

    separation_fwhm: float = Field(
        default=_DEFAULT.distance,
        ge=0,
        description="distance by which a companion must have moved in a reference frame, FWHM",
    )
    area_cores: float = Field(
        default=_DEFAULT.area, gt=0, description="area of an optimisation zone, discs of 1 FWHM diameter"
    )
    aspect: float = Field(
        default=_DEFAULT.aspect, gt=0, description="radial to azimuthal width of an optimisation zone"
    )
    width_fwhm: float = Field(
        default=_DEFAULT.width, gt=0, description="radial width of what is subtracted at once, FWHM"
    )
    far_fwhm: float = Field(
        default=_DEFAULT.far, gt=0, description="separation from which that width is far_width_fwhm, FWHM"
    )
    far_width_fwhm: float = Field(default=_DEFAULT.far_width, gt=0, description="radial width far out, FWHM")
    ridge: float = Field(
        default=_DEFAULT.ridge,
        ge=1e-8,
        description="regularisation: added to the diagonal of the frames' products, in units of the "
        "frames' mean square about their temporal mean",
    )
    least_references: int = Field(
        default=_DEFAULT.least,
        ge=1,
        description="references of a frame at least; where fewer have turned far enough, the farthest turned",
    )

    @property
    def settings(self) -> Loci:
        """For the kernel."""
        return Loci(
            self.separation_fwhm,
            self.area_cores,
            self.aspect,
            self.width_fwhm,
            self.far_fwhm,
            self.far_width_fwhm,
            self.ridge,
            self.least_references,
        )


class _Loci:
    """LOCI as it was asked for."""

    def __init__(self, _: Level1Cube, parameters: LociParameters, job: Job) -> None:
        self.parameters, self.job = parameters, job
        self.relaxed_px = 0.0

    def __call__(self, setting: Setting) -> Algorithm:
        limits, given = limits_of(setting), self.parameters.settings

        def run(channel: Channel) -> RegionalReduction:
            reduction = reduce_loci(channel, limits, given, self.parameters.combine)
            self.relaxed_px = warn_of_relaxed(reduction, self.relaxed_px, self.job)
            return reduction

        return run

    def cards(self) -> Sequence[Card]:
        given = self.parameters
        return [
            ("LOCIDELT", given.separation_fwhm, "[FWHM] a companion moved in references"),
            ("LOCIAREA", given.area_cores, "area of an optimisation zone, PSF cores"),
            ("LOCIASP", given.aspect, "radial to azimuthal width of a zone"),
            ("LOCIDR", given.width_fwhm, "[FWHM] radial width of what is subtracted"),
            ("LOCIFAR", given.far_fwhm, "[FWHM] separation from which it is LOCIDRF"),
            ("LOCIDRF", given.far_width_fwhm, "[FWHM] radial width far out"),
            ("LOCIRIDG", given.ridge, "ridge / mean square about temporal mean"),
            ("LOCILEAS", given.least_references, "references of a frame at least"),
            ("LOCIRELX", self.relaxed_px, "[pix] references are nearer than asked to here"),
        ]


RECIPE = level2_recipe("loci", LociParameters, _Loci)
