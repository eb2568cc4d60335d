"""Standard measures of a detector of companions: limits, completeness, false positives.

The detector is the small-sample test of Mawet et al. 2014 on the stack of the channels, as applefy has it
(Bonse et al. 2023): one aperture of 1 FWHM against those on its ring, a false-positive fraction by
Student's t, said as the Gaussian sigma of the same fraction. The *limit* at a separation is the contrast
whose image, throughput taken in, stands at the threshold; *completeness* is the share of injected
companions above it; *false positives* are the peaks above it where no companion is known: a peak that
a search took for a companion may be one of them, so nothing is subtracted that was not known before.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.aperture import aperture_flux
from reduce.kernels.channels import stack
from reduce.kernels.characterise import clear_azimuths
from reduce.kernels.contrast import CurvePoint, contrast_curve
from reduce.kernels.false_alarms import noise_peaks
from reduce.kernels.fit import Scene
from reduce.kernels.inject import Companion
from reduce.kernels.snr import Rings, prepare_rings, ring_noise, significance

__all__ = ["Trials", "false_positives", "limits", "trials"]


@dataclass(frozen=True, slots=True)
class Trials:
    """Companions injected one at a time at one separation.

    Attributes
    ----------
    radius : float
        Pixels.
    contrast : NDArray[np.float64]
        (k,) of the injected companions.
    significance : NDArray[np.float64]
        (k, n) Gaussian sigmas of each: contrasts, azimuths.
    independent : int
        How many of the azimuths do not overlap.
    """

    radius: float
    contrast: NDArray[np.float64]
    significance: NDArray[np.float64]
    independent: int

    def completeness(self, threshold: float) -> NDArray[np.float64]:
        """Share of the companions above a threshold in sigmas, (k,); NaN without companions."""
        if not self.significance.shape[1]:
            return np.full(len(self.contrast), np.nan)
        return np.asarray(np.mean(self.significance >= threshold, axis=1), np.float64)


def limits(
    scene: Scene, radii: Sequence[float], companions: Sequence[Companion], threshold: float, branches: int = 3
) -> list[CurvePoint]:
    """Contrast at which a companion stands at a threshold, for the stack of the channels.

    Parameters
    ----------
    scene : Scene
        Companions subtracted; star fluxes known.
    radii : Sequence[float]
        Separations, pixels, growing.
    companions : Sequence[Companion]
        What was subtracted.
    threshold : float
        Gaussian sigmas.
    branches : int
        Azimuths at which the throughput is measured.

    Returns
    -------
    list[CurvePoint]
        One a separation.
    """
    points = contrast_curve(scene, radii, companions, branches, threshold)
    return [point for point in points if point.channel < 0]


def trials(
    scene: Scene, radius: float, contrasts: Sequence[float], companions: Sequence[Companion], number: int
) -> Trials:
    """Inject companions at one separation and test each where it was put.

    Parameters
    ----------
    scene : Scene
        Companions subtracted; star fluxes known.
    radius : float
        Separation, pixels.
    contrasts : Sequence[float]
        To try, the same in every channel.
    companions : Sequence[Companion]
        What was subtracted: nothing is injected near it.
    number : int
        Azimuths for each contrast.

    Returns
    -------
    Trials
        The noise is that of the ring without the injected companion.
    """
    centre = scene.channels[0].centre
    azimuths, independent = clear_azimuths(centre, radius, scene.fwhm, companions, number)
    rings = prepare_rings(scene.image, scene.fwhm, [(c.x, c.y) for c in companions])
    found = [
        _sigmas(scene, rings, (centre[0] - radius * np.sin(a), centre[1] + radius * np.cos(a)), contrasts)
        for a in azimuths
    ]
    sigmas = np.array(found, np.float64).reshape(len(found), len(contrasts)).T
    return Trials(radius, np.asarray(contrasts, np.float64), sigmas, independent)


def _sigmas(
    scene: Scene, rings: Rings, place: tuple[float, float], contrasts: Sequence[float]
) -> list[float]:
    """Significance of a companion at one place for each contrast."""
    x, y = place
    ix, iy, half = round(x), round(y), int(np.ceil(scene.fwhm / 2)) + 2
    count, mean, deviation = ring_noise(rings, x, y)
    stamps = [channel.stamps(x, y) for channel in scene.channels]
    out = []
    for contrast in contrasts:
        patches = [
            reduction.patch([(stamp, contrast * channel.star_flux)], ix, iy, half)
            for reduction, channel, stamp in zip(scene.reductions, scene.channels, stamps, strict=True)
        ]
        flux = aperture_flux(stack(patches, scene.weights), scene.fwhm, x - ix + half, y - iy + half)
        statistic = (flux - mean) / (deviation * np.sqrt(1 + 1 / max(count, 1)))
        out.append(float(significance(statistic, count - 1)))
    return out


def false_positives(
    scene: Scene,
    companions: Sequence[Companion],
    thresholds: Sequence[float],
    between: tuple[float, float],
) -> NDArray[np.int64]:
    """Peaks of the stack's significance above thresholds where no companion is.

    Parameters
    ----------
    scene : Scene
        Known companions subtracted, and nothing else.
    companions : Sequence[Companion]
        Those known: what is left of them is not counted.
    thresholds : Sequence[float]
        Gaussian sigmas.
    between : tuple[float, float]
        Separations counted, pixels.

    Returns
    -------
    NDArray[np.int64]
        (threshold,) peaks of one image, each the highest within 1 FWHM.
    """
    peaks = noise_peaks(scene.image, scene.fwhm, between, companions)
    return np.array([np.sum(peaks > threshold) for threshold in thresholds], np.int64)
