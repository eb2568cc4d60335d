"""What recipes with reference frames share: separations used, and a word where references were too few."""

import numpy as np

from reduce.kernels.regional import RegionalReduction
from reduce.recipe import Job
from reduce.recipes.level2 import Setting

__all__ = ["limits_of", "warn_of_relaxed"]


def limits_of(setting: Setting) -> tuple[float, float]:
    """First and last separation (pixels) that data are taken from: 1 FWHM around those searched."""
    fwhm = float(np.mean([c.fwhm for c in setting.channels]))
    return max(0.0, setting.inner_px - fwhm), setting.outer_px + fwhm


def warn_of_relaxed(reduction: RegionalReduction, told_px: float, job: Job) -> float:
    """Warn, once, that near the star companions have not moved as far as asked in the references.

    Parameters
    ----------
    reduction : RegionalReduction
        Knows how far out.
    told_px : float
        Out to which separation that was said already, pixels.
    job : Job
        For the warning.

    Returns
    -------
    float
        Out to which it is said now.
    """
    reach = reduction.solve.references.relaxed_px
    if reach > told_px:
        job.log.warning(
            "too few references in which a companion has moved far enough; the farthest are taken",
            out_to_px=round(reach, 1),
        )
    return max(reach, told_px)
