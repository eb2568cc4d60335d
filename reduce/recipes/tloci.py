"""Level 2 by T-LOCI: optimised beside a companion, references chosen by what they would take of it."""

from collections.abc import Sequence

from pydantic import Field

from hcvo.errors import ReductionError
from reduce.kernels.channels import Algorithm, Channel
from reduce.kernels.regional import RegionalReduction
from reduce.kernels.tloci import Tloci, loss_distance, reduce_tloci, tloci_rings
from reduce.recipe import Job
from reduce.recipes.level1_cube import Level1Cube
from reduce.recipes.level2 import Level2Parameters, Setting
from reduce.recipes.level2_recipe import level2_recipe
from reduce.recipes.references import limits_of, warn_of_relaxed
from reduce.recipes.write_level2 import Card

__all__ = ["RECIPE", "TlociParameters"]

_DEFAULT = Tloci()


class TlociParameters(Level2Parameters):
    """Parameters of T-LOCI."""

    loss: float = Field(
        default=_DEFAULT.loss,
        gt=0,
        lt=1,
        description="share of its flux that a companion may lose to one reference frame",
    )
    width_fwhm: float = Field(
        default=_DEFAULT.width, gt=0, description="radial width of what is subtracted at once, FWHM"
    )
    gap_fwhm: float = Field(
        default=_DEFAULT.gap, ge=0, description="gap between that and its optimisation zone, FWHM"
    )
    depth_fwhm: float = Field(
        default=_DEFAULT.depth, gt=0, description="radial depth of the optimisation zone on each side, FWHM"
    )
    area_cores: float = Field(
        default=_DEFAULT.area,
        gt=0,
        description="area of an optimisation zone, discs of 1 FWHM diameter; larger rings are cut in sectors",
    )
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


class _Tloci:
    """T-LOCI as it was asked for."""

    def __init__(self, level1: Level1Cube, parameters: TlociParameters, job: Job) -> None:
        self.name, self.parameters, self.job = level1.name, parameters, job
        self.relaxed_px = self.distance_px = 0.0
        self.given = Tloci(
            parameters.loss,
            parameters.width_fwhm,
            parameters.gap_fwhm,
            parameters.depth_fwhm,
            parameters.area_cores,
            parameters.ridge,
            parameters.least_references,
        )

    def __call__(self, setting: Setting) -> Algorithm:
        limits = limits_of(setting)
        for channel in setting.channels:
            try:
                tloci_rings(limits, channel.fwhm, self.given)
            except ValueError as error:
                raise ReductionError(f"{self.name}: {error}") from error
        middle = setting.channels[len(setting.channels) // 2]
        self.distance_px = loss_distance(middle.psf, middle.fwhm, self.given.loss)
        self.job.log.info("t-loci", loss=self.given.loss, moved_px=round(self.distance_px, 2))

        def run(channel: Channel) -> RegionalReduction:
            reduction = reduce_tloci(channel, limits, self.given, self.parameters.combine)
            self.relaxed_px = warn_of_relaxed(reduction, self.relaxed_px, self.job)
            return reduction

        return run

    def cards(self) -> Sequence[Card]:
        given = self.given
        return [
            ("TLOCLOSS", given.loss, "flux share lost to a reference at most"),
            ("TLOCDIST", self.distance_px, "[pix] a companion moved for that"),
            ("TLOCDR", given.width, "[FWHM] radial width of what is subtracted"),
            ("TLOCGAP", given.gap, "[FWHM] gap to the optimisation zone"),
            ("TLOCDEEP", given.depth, "[FWHM] depth of the zone on each side"),
            ("TLOCAREA", given.area, "area of a zone at most, PSF cores"),
            ("TLOCRIDG", given.ridge, "ridge / mean square about temporal mean"),
            ("TLOCLEAS", given.least, "references of a frame at least"),
            ("TLOCRELX", self.relaxed_px, "[pix] references are nearer than asked to here"),
        ]


RECIPE = level2_recipe("tloci", TlociParameters, _Tloci)
