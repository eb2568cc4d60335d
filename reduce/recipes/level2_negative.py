"""Candidates of level 2 checked by negative companions, see `kernels.negative`."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hcvo.headers.level2_tables import CandidateRow
from reduce.kernels.candidates import Found
from reduce.kernels.inject import Companion
from reduce.kernels.negative import negative_companion
from reduce.recipe import Job

__all__ = ["with_negatives"]

_FAR = 3.0  # errors of the fit by which the two may differ


def with_negatives(
    rows: Sequence[CandidateRow], found: Found, scale_mas: float, job: Job
) -> tuple[CandidateRow, ...]:
    """Say of each candidate where and how bright it is by a negative companion, and whether that is far off.

    The biases that were taken off the fit are taken off here as well.

    Parameters
    ----------
    rows : Sequence[CandidateRow]
        Of `level2_candidates.candidate_rows`.
    found : Found
        Of the search.
    scale_mas : float
        Size of a pixel.
    job : Job
        For the log.

    Returns
    -------
    tuple[CandidateRow, ...]
        In their order; as they were for candidates without a good fit, and for those fainter than 5 sigmas:
        the scene is not without them.
    """
    out: list[CandidateRow] = []
    for number, detection in enumerate(found.detections, start=1):
        own = [row for row in rows if row.candidate == number]
        if detection.good and detection.subtracted:
            negative = negative_companion(found.scene, detection.companion)
            own = [_checked(row, found, (detection.companion, negative), scale_mas) for row in own]
            if any(row.neg_differs for row in own):
                job.log.warning(
                    "candidate lies elsewhere, or is of another flux, by a negative companion",
                    number=number,
                    sep_mas=round(own[0].neg_sep, 2),
                    pa_deg=round(own[0].neg_pa, 3),
                    contrast=own[0].neg_contrast,
                    channels=[row.channel for row in own if row.neg_differs],
                    wanted=f"within {_FAR:g} errors of the fit",
                )
        out += own
    return tuple(out)


def _checked(
    row: CandidateRow, found: Found, pair: tuple[Companion, Companion], scale_mas: float
) -> CandidateRow:
    """A row with the difference between the negative companion and the fit added to what it says."""
    (fit_radius, fit_angle), (radius, angle) = (_polar(found, one) for one in pair)
    weights = found.scene.weights
    share = weights if row.channel < 0 else np.eye(len(weights))[row.channel]
    fitted, negative = (float(share @ np.array(one.flux)) for one in pair)
    turn = (angle - fit_angle + 180.0) % 360.0 - 180.0
    sep, contrast = row.sep + (radius - fit_radius) * scale_mas, row.contrast * negative / fitted
    off = (
        abs(sep - row.sep) > _FAR * row.sep_err
        or abs(turn) > _FAR * row.pa_err
        or abs(contrast - row.contrast) > _FAR * row.contrast_err
    )
    return replace(row, neg_sep=sep, neg_pa=(row.pa + turn) % 360.0, neg_contrast=contrast, neg_differs=off)


def _polar(found: Found, companion: Companion) -> tuple[float, float]:
    """Separation, pixels, and position angle, degrees, in the derotated image."""
    cx, cy = found.scene.channels[0].centre
    dx, dy = companion.x - cx, companion.y - cy
    return float(np.hypot(dx, dy)), float(np.degrees(np.arctan2(-dx, dy)))
