"""How often noise looks like a companion: peaks of the same data turned the wrong way.

With the derotation angles mirrored (Pairet et al. 2019, MNRAS 487, 2262: inverse parallactic angles) frames,
star and noise are the same, the algorithm works as it did, and a companion is smeared over an arc of twice
its own: what stands out there is noise. Companions of 5 sigmas or more are subtracted from the frames first,
so that not even their arcs are left. Peaks above a significance are counted in the whole field that was
searched: their number is the measured number of false positives in one image, and as it is counted once,
Poisson's law bounds what it may be.

Where the field does not turn the image is the same as that of the data: a faint candidate, which is not
subtracted, counts itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from reduce.kernels.candidates import local_maxima
from reduce.kernels.channels import Algorithm, stack
from reduce.kernels.fit import Scene
from reduce.kernels.inject import Companion
from reduce.kernels.snr import significance, snr_map

__all__ = ["FalseAlarms", "false_alarms", "noise_peaks"]

_BOUND = 0.95  # confidence of the upper limit


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """Peaks of noise.

    Attributes
    ----------
    peaks : tuple[NDArray[np.float64], ...]
        Significances of each plane's peaks: the channels, then the stack.
    """

    peaks: tuple[NDArray[np.float64], ...]

    def rate(self, plane: int, sigma: float) -> tuple[float, float]:
        """False positives at a significance or above.

        Parameters
        ----------
        plane : int
            Channel, or -1: the stack.
        sigma : float
            Gaussian sigmas.

        Returns
        -------
        tuple[float, float]
            Their number in one image, and the number that it is below with 95 % confidence: 3 where none was
            seen. NaN where the significance is.
        """
        if not np.isfinite(sigma):
            return float("nan"), float("nan")
        count = int(np.sum(self.peaks[plane] >= sigma))
        return float(count), float(stats.chi2.ppf(_BOUND, 2 * (count + 1)) / 2)


def noise_peaks(
    image: NDArray[np.floating],
    fwhm: float,
    between: tuple[float, float],
    companions: Sequence[Companion] = (),
) -> NDArray[np.float64]:
    """Significances of the peaks of an image, each the highest within 1 FWHM.

    Parameters
    ----------
    image : NDArray[np.floating]
        (y, x), star at n//2; NaN = no data.
    fwhm : float
        Pixels.
    between : tuple[float, float]
        Separations looked at, pixels.
    companions : Sequence[Companion]
        Nothing within 1 FWHM of them is a peak, or noise.

    Returns
    -------
    NDArray[np.float64]
        Gaussian sigmas, highest first.
    """
    places = [(c.x, c.y) for c in companions]
    values = significance(*snr_map(image, fwhm, excluded=places))
    rows, columns = np.indices(values.shape)
    radius = np.hypot(columns - values.shape[1] // 2, rows - values.shape[0] // 2)
    where = (radius >= between[0]) & (radius <= between[1])
    for x, y in places:
        where &= np.hypot(columns - x, rows - y) > fwhm
    return np.array([values[y, x] for x, y in local_maxima(values, -np.inf, fwhm, where)], np.float64)


def false_alarms(
    scene: Scene, companions: Sequence[Companion], algorithm: Algorithm, between: tuple[float, float]
) -> FalseAlarms:
    """Reduce with mirrored angles and list the peaks.

    Parameters
    ----------
    scene : Scene
        The data; used up: a channel's reduction goes before the mirrored one is made, so that memory holds.
    companions : Sequence[Companion]
        Subtracted from the frames first.
    algorithm : Algorithm
        How to reduce.
    between : tuple[float, float]
        Separations searched, pixels.

    Returns
    -------
    FalseAlarms
        Of the channels and the stack, with the weights of the scene.
    """
    held, images = scene.reductions, []
    assert isinstance(held, list)
    for number, channel in enumerate(scene.channels):
        del held[0]
        without = channel.with_sources([(c.x, c.y, -c.flux[number]) for c in companions])
        images.append(algorithm(without.mirrored()).image)
    planes = [*zip(images, (c.fwhm for c in scene.channels), strict=True)]
    planes.append((stack(images, scene.weights), scene.fwhm))
    return FalseAlarms(tuple(noise_peaks(image, fwhm, between) for image, fwhm in planes))
