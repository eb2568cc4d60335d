"""Classical angular differential imaging (Marois et al. 2006): subtract the temporal median."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.combine import combine, temporal_median
from reduce.kernels.derotate import rotate_splines
from reduce.kernels.inject import MARGIN, Stamps, add_stamps
from reduce.kernels.local import NOTHING, derotated_patch, merged
from reduce.kernels.reduction import Parts, Sequenced, sequence
from reduce.kernels.spline import coefficients

__all__ = ["CadiReduction", "cadi_residual", "reduce_cadi"]


def cadi_residual(cube: NDArray[np.floating]) -> NDArray[np.float32]:
    """Subtract the temporal median of each pixel.

    Parameters
    ----------
    cube : NDArray[np.floating]
        (time, y, x); NaN = no data.

    Returns
    -------
    NDArray[np.float32]
        (time, y, x), not derotated.
    """
    residual: NDArray[np.float32] = np.asarray(cube, np.float32) - temporal_median(cube)
    return residual


@dataclass(frozen=True, slots=True)
class CadiReduction:
    """One channel reduced by classical ADI; see `reduction.Reduction`.

    Attributes
    ----------
    sequenced : Sequenced
        The data minus their temporal median.
    angles_deg : NDArray[np.floating]
        (time,).
    how : str
        'median' or 'mean' over time.
    image : NDArray[np.float32]
        (y, x) combined, north up.
    """

    sequenced: Sequenced
    angles_deg: NDArray[np.floating]
    how: str
    image: NDArray[np.float32] = field(repr=False)

    def patch(self, parts: Parts, x: int, y: int, half: int) -> NDArray[np.float32]:
        """As `reduction.Reduction.patch`: the median is taken anew where injections touch it."""
        signal = merged(parts)
        place = (x, y, half)
        if signal is None:
            frames = derotated_patch(self.sequenced, self.angles_deg, place)
        else:
            removed = self._median_change(signal)
            frames = derotated_patch(self.sequenced, self.angles_deg, place, signal, removed=removed)
        return combine(frames, self.how)

    def _median_change(self, signal: Stamps) -> tuple[NDArray[np.float32], int, int]:
        """Spline coefficients of the rise of the temporal median around a signal, and where they begin."""
        ny, nx, frames = self.sequenced.data.shape
        height, width = signal.data.shape[1:]
        left, right = np.clip([signal.left.min() - MARGIN, signal.left.max() + width + MARGIN], 0, nx)
        low, top = np.clip([signal.low.min() - MARGIN, signal.low.max() + height + MARGIN], 0, ny)
        if right - left < 2 or top - low < 2:  # noqa: PLR2004 # outside the frame
            return NOTHING, 0, 0
        box = np.zeros((top - low, right - left, frames), np.float32)
        add_stamps(box, signal.data, signal.left - left, signal.low - low, 1.0)
        touched = box.any(axis=2)
        part = (slice(low, top), slice(left, right))
        values = self.sequenced.data[part][touched] + box[touched]
        if self.sequenced.bad.size:
            values[self.sequenced.bad[part][touched]] = np.nan
        change = np.zeros(touched.shape, np.float32)
        change[touched] = np.nan_to_num(temporal_median(values.T[:, None, :])[0])
        return coefficients(change[None])[0], int(left), int(low)


def reduce_cadi(
    cube: NDArray[np.floating], angles_deg: NDArray[np.floating], how: str = "median"
) -> CadiReduction:
    """Reduce one channel by classical ADI and keep what injections need.

    Parameters
    ----------
    cube : NDArray[np.floating]
        (time, y, x); NaN = no data.
    angles_deg : NDArray[np.floating]
        (time,) derotation angles.
    how : str
        'median' or 'mean' over time.

    Returns
    -------
    CadiReduction
        Image and patches.
    """
    sequenced = sequence(cube, temporal_median(cube))
    image = combine(rotate_splines(sequenced.planes, sequenced.holes, angles_deg), how)
    return CadiReduction(sequenced, angles_deg, how, image)
