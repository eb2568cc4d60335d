"""No star subtraction at all: frames are turned and combined, as a yardstick and for bright discs.

Companions stand on the halo of the star. A fit that drives the residual around a companion to zero would take
the halo for a part of it: the search sees the image without its profile over azimuth, the product keeps it.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.combine import combine, temporal_median
from reduce.kernels.derotate import rotate_splines
from reduce.kernels.inject import add_stamps
from reduce.kernels.local import derotated_patch, merged
from reduce.kernels.radial import azimuthal_profile
from reduce.kernels.reduction import Parts, Sequenced, cut, sequence
from reduce.kernels.spline import coefficients

__all__ = ["NoAdiReduction", "reduce_noadi"]


@dataclass(frozen=True, slots=True)
class NoAdiReduction:
    """One channel turned and combined; see `reduction.Reduction`.

    The temporal median is turned apart from what is left and comes back before the combination: splines
    run over small numbers, and a pixel without data is filled with what it mostly holds. A frame whose
    angle is 0 is taken as it is.

    Attributes
    ----------
    cube : NDArray[np.float32]
        (time, y, x); NaN = no data.
    sequenced : Sequenced
        The same minus its temporal median.
    star : NDArray[np.float32]
        (y, x) spline coefficients of the temporal median.
    angles_deg : NDArray[np.floating]
        (time,).
    how : str
        'median' or 'mean' over time.
    whole : NDArray[np.float32]
        (y, x) combined, north up, halo and all.
    profile : NDArray[np.float32]
        (y, x) its median over azimuth.
    """

    cube: NDArray[np.float32]
    sequenced: Sequenced
    star: NDArray[np.float32]
    angles_deg: NDArray[np.floating]
    how: str
    whole: NDArray[np.float32] = field(repr=False)
    profile: NDArray[np.float32] = field(repr=False)

    @property
    def image(self) -> NDArray[np.float32]:
        """Combined image without the halo of the star (y, x)."""
        return self.whole - self.profile

    def patch(self, parts: Parts, x: int, y: int, half: int) -> NDArray[np.float32]:
        """As `reduction.Reduction.patch`."""
        place = (x, y, half)
        removed = (-self.star, 0, 0)
        frames = derotated_patch(self.sequenced, self.angles_deg, place, merged(parts), removed=removed)
        still = _unturned(self.angles_deg)
        if still.any():
            frames[still] = _plain_patch(self.cube, parts, place)[still]
        return combine(frames, self.how) - np.nan_to_num(cut(self.profile, *place))


def reduce_noadi(
    cube: NDArray[np.floating], angles_deg: NDArray[np.floating], how: str = "median"
) -> NoAdiReduction:
    """Turn and combine one channel, and keep what injections need.

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
    NoAdiReduction
        Image and patches; with angles of 0 the whole image is the plain median or mean.
    """
    values = np.asarray(cube, np.float32)
    sequenced = sequence(values, temporal_median(values))
    star = coefficients(np.nan_to_num(sequenced.reference)[None])[0]
    frames = rotate_splines(sequenced.planes + star, sequenced.holes, angles_deg)
    still = _unturned(angles_deg)
    frames[still] = values[still]
    whole = combine(frames, how)
    return NoAdiReduction(values, sequenced, star, angles_deg, how, whole, azimuthal_profile(whole))


def _unturned(angles_deg: NDArray[np.floating]) -> NDArray[np.bool_]:
    return np.asarray(np.asarray(angles_deg, np.float64) % 360.0 == 0.0)


def _plain_patch(cube: NDArray[np.float32], parts: Parts, place: tuple[int, int, int]) -> NDArray[np.float32]:
    """The patch of frames that are not turned (time, y, x): their pixels, NaN outside the frame."""
    x, y, half = place
    frames, ny, nx = cube.shape
    columns, rows = (np.arange(middle - half, middle + half + 1) for middle in (x, y))
    inside = ((rows >= 0) & (rows < ny))[:, None] & (columns >= 0) & (columns < nx)
    box = np.full((*inside.shape, frames), np.nan, np.float32)
    j, i = np.nonzero(inside)
    box[j, i] = cube[:, rows[j], columns[i]].T
    for stamps, flux in parts:
        add_stamps(box, stamps.data, stamps.left - columns[0], stamps.low - rows[0], float(flux))
    return np.ascontiguousarray(box.transpose(2, 0, 1))
