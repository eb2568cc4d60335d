"""Classical angular differential imaging (Marois et al. 2006): subtract the temporal median."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.combine import combine, temporal_median
from reduce.kernels.derotate import rotate_splines
from reduce.kernels.reduction import Parts, Sequenced, Zone, derotated_patch, sequence, zone_of
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
        data = self.sequenced.data
        place = (x, y, half)
        zone = zone_of(parts, place, self.angles_deg, (data.shape[0], data.shape[1]))
        box = zone.cut(self.sequenced.spline) + zone.spline
        if parts:
            box -= coefficients(self._median_change(zone)[None])[0][..., None]
        return combine(derotated_patch(box, zone, self.sequenced, self.angles_deg, place), self.how)

    def _median_change(self, zone: Zone) -> NDArray[np.float32]:
        """How much the temporal median rises where the injected signal falls, (y, x) of the zone."""
        touched = zone.signal.any(axis=2)
        values = zone.cut(self.sequenced.data)[touched] + zone.signal[touched]
        if self.sequenced.bad.size:
            values[zone.cut(self.sequenced.bad)[touched]] = np.nan
        change = np.zeros(zone.shape, np.float32)
        change[touched] = np.nan_to_num(temporal_median(values.T[:, None, :])[0])
        return change


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
    planes = np.ascontiguousarray(sequenced.spline.transpose(2, 0, 1))
    image = combine(rotate_splines(planes, sequenced.bad.transpose(2, 0, 1), angles_deg), how)
    return CadiReduction(sequenced, angles_deg, how, image)
