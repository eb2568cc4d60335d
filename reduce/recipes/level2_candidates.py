"""Rows of the candidates of level 2: from fitted pixels to the sky, with every error."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hcvo.headers.level2_tables import CandidateRow
from hcvo.headers.wcs import sky_of_offset
from reduce.kernels.candidates import Detection, Found
from reduce.kernels.characterise import Deviations, injected_deviations, spread
from reduce.kernels.false_alarms import FalseAlarms
from reduce.kernels.fit import POOR
from reduce.kernels.inject import Companion
from reduce.recipe import Job
from reduce.recipes.level1_cube import Level1Cube, Systematics
from reduce.recipes.level2_curve import magnitude, wavelength

__all__ = ["candidate_rows", "with_false_rates"]


def candidate_rows(
    level1: Level1Cube,
    found: Found,
    injections: int,
    systematics: Systematics,
    job: Job,
    known: Sequence[Companion] = (),
) -> tuple[CandidateRow, ...]:
    """Measure each candidate with errors from injected copies of it.

    Parameters
    ----------
    level1 : Level1Cube
        The data.
    found : Found
        Of the search.
    injections : int
        Copies of each.
    systematics : Systematics
        Errors that no copy shows.
    job : Job
        For log and progress.
    known : Sequence[Companion]
        Places kept clear of copies beside those of what was found.

    Returns
    -------
    tuple[CandidateRow, ...]
        For each candidate the stack, then the channels; rates of false positives are still unknown, see
        `with_false_rates`, as is what a negative companion says, see `level2_negative`.
    """
    companions = [*(d.companion for d in found.detections), *known]
    rows: list[CandidateRow] = []
    for number, detection in enumerate(found.detections, start=1):
        wanted = injections if detection.good else 0  # no error without a fit
        copies = injected_deviations(found.scene, detection.companion, companions, wanted)
        job.log.info(
            "candidate",
            number=number,
            fitted=detection.good,
            snr=detection.snr[-1],
            copies=len(copies.radial),
            copies_failed=copies.failed,
            copies_poor=copies.poor,
        )
        if not detection.good:
            job.log.warning(
                "candidate without a good fit: no contrast and no errors are given",
                number=number,
                converged=detection.fitted,
                left=round(detection.left, 2),
                wanted=f"at most {POOR:g} times the noise, squared",
            )
        rows += _rows_of(level1, found, (number, detection), copies, systematics)
        job.progress(0.3 + 0.4 * number / len(found.detections))
    return tuple(rows)


def with_false_rates(rows: Sequence[CandidateRow], alarms: FalseAlarms) -> tuple[CandidateRow, ...]:
    """Say of each row how many peaks of noise stand as high.

    Parameters
    ----------
    rows : Sequence[CandidateRow]
        Of `candidate_rows`.
    alarms : FalseAlarms
        Of the same reduction with mirrored angles.

    Returns
    -------
    tuple[CandidateRow, ...]
        In their order.
    """
    rates = [alarms.rate(row.channel, row.significance) for row in rows]
    return tuple(
        replace(row, false_rate=rate, false_rate_max=most)
        for row, (rate, most) in zip(rows, rates, strict=True)
    )


def _rows_of(
    level1: Level1Cube,
    found: Found,
    numbered: tuple[int, Detection],
    copies: Deviations,
    systematics: Systematics,
) -> list[CandidateRow]:
    """Rows of one candidate: the stack, then the channels; the place is the same in all."""
    number, detection = numbered
    scale, companion = level1.scale_mas, detection.companion
    cx, cy = found.scene.channels[0].centre
    radial, tangential = (spread(v, copies.independent) for v in (copies.radial, copies.tangential))
    dx, dy = companion.x - cx, companion.y - cy
    fitted = float(np.hypot(dx, dy))
    radius = fitted - np.nan_to_num(radial.bias)
    angle = float(np.arctan2(-dx, dy)) - np.nan_to_num(tangential.bias) / fitted
    centre = systematics.centre_mas / scale
    relative = systematics.pixel_scale_mas / scale
    ra, dec = sky_of_offset(
        level1.facts.ra_deg or 0.0,
        level1.facts.dec_deg or 0.0,
        radius * np.sin(angle) * scale,
        radius * np.cos(angle) * scale,
    )
    pa_err = np.sqrt(
        (tangential.error**2 + centre**2) / radius**2 + np.radians(systematics.true_north_deg) ** 2
    )
    shared = {
        "candidate": number,
        "sep": radius * scale,
        "sep_err": float(np.sqrt(radial.error**2 + centre**2 + (radius * relative) ** 2)) * scale,
        "pa": float(np.degrees(angle)) % 360.0,
        "pa_err": float(np.degrees(pa_err)),
        "ra": ra,
        "dec": dec,
        "x": cx - radius * float(np.sin(angle)),
        "y": cy + radius * float(np.cos(angle)),
        "n_injections": len(copies.radial),
    }
    rows = []
    for channel in (-1, *range(len(level1.channels))):
        contrast, error = _photometry(level1, found, detection, copies, channel)
        rows.append(
            CandidateRow(
                **shared,
                channel=channel,
                wavelength=wavelength(level1, found, channel),
                contrast=contrast,
                contrast_err=error,
                dmag=magnitude(contrast),
                dmag_err=2.5 / float(np.log(10)) * error / contrast if contrast > 0 else float("nan"),
                snr=detection.snr[channel],
                significance=detection.significance[channel],
                false_rate=float("nan"),
                false_rate_max=float("nan"),
                neg_sep=float("nan"),
                neg_pa=float("nan"),
                neg_contrast=float("nan"),
                neg_differs=False,
            )
        )
    return rows


def _photometry(
    level1: Level1Cube, found: Found, detection: Detection, copies: Deviations, channel: int
) -> tuple[float, float]:
    """Contrast and its error: bias of the copies taken off, the star's own error added."""
    star = np.array([c.star_flux for c in level1.channels])
    star_error = np.nan_to_num([c.star_flux_err for c in level1.channels])
    flux = np.array(detection.companion.flux)
    share = found.scene.weights if channel < 0 else np.eye(len(star))[channel]
    total, reference = float(share @ flux), float(np.sum(share[share > 0] * star[share > 0]))
    if not detection.good:
        return float("nan"), float("nan")
    relative = spread(copies.flux @ (share * flux) / total, copies.independent)
    contrast = total / reference / (1 + np.nan_to_num(relative.bias))
    star_relative = float(share @ star_error) / reference
    return float(contrast), float(contrast * np.hypot(relative.error, star_relative))
