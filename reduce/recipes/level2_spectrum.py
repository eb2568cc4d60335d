"""Rows of the single channels of candidates that were found in all channels as one."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hcvo.headers.level2_tables import CandidateRow
from reduce.kernels.candidates import Found
from reduce.kernels.joint import JointChannel
from reduce.kernels.spectral import JointReduction
from reduce.kernels.spectrum import companion_spectrum
from reduce.recipes.level1_cube import Level1Cube
from reduce.recipes.level2_curve import magnitude

__all__ = ["spectrum_rows"]

_NAN = float("nan")


def spectrum_rows(level1: Level1Cube, found: Found, rows: Sequence[CandidateRow]) -> list[CandidateRow]:
    """Flux of each candidate in each channel, with its error, where the channels were reduced as one.

    Parameters
    ----------
    level1 : Level1Cube
        Its `joined` are the channels.
    found : Found
        Of the search.
    rows : Sequence[CandidateRow]
        Of `level2_candidates.candidate_rows`: places.

    Returns
    -------
    list[CandidateRow]
        Channel 1 ... of each candidate with a good fit: 0 is all of them as one. Empty where the channels
        were reduced one by one.
    """
    channel, reduction = found.scene.channels[0], found.scene.reductions[0]
    if not (isinstance(channel, JointChannel) and isinstance(reduction, JointReduction)):
        return []
    companions = [detection.companion for detection in found.detections]
    widths = np.array([facts.fwhm_px for facts in level1.joined])
    out: list[CandidateRow] = []
    for number, detection in enumerate(found.detections, start=1):
        if not (detection.good and detection.subtracted):  # the scene is not without the faint ones
            continue
        made = companion_spectrum(channel, reduction, detection.companion, companions, widths)
        whole = next(row for row in rows if row.candidate == number)
        common = np.nan_to_num(whole.contrast_err / whole.contrast)  # copies of the whole, and the star
        for place, facts in enumerate(level1.joined):
            contrast = float(made.flux[place]) / channel.star_flux
            error = float(np.hypot(made.error[place] / channel.star_flux, contrast * common))
            row = replace(
                whole,
                channel=place + 1,
                wavelength=facts.wavelength_um,
                contrast=contrast,
                contrast_err=error,
                dmag=magnitude(contrast),
                dmag_err=2.5 / float(np.log(10)) * error / contrast if contrast > 0 else _NAN,
                snr=float(made.snr[place]),
                significance=float(made.significance[place]),
            )
            out.append(row)
    return out
