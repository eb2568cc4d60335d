"""A frame with pixels that hold no number, shifted by parts of a pixel: the gaps stay and do not grow."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from reduce.kernels.fill import fill, plan_fill
from reduce.kernels.recentre import resampling

__all__ = ["shifted"]

_TOUCHED = 0.05  # share of a gap in a pixel that makes it one: at half a pixel, the four around it
_REACH_PX = 3.0  # farther inside a gap than the image of a point reaches, nothing can be foretold


def shifted(
    frame: NDArray[np.float32], centre: tuple[float, float], size: int, width: float
) -> NDArray[np.float32]:
    """Shift a frame so that the star stands on the middle pixel.

    Parameters
    ----------
    frame : NDArray[np.float32]
        (y, x); NaN = no data, at least one pixel is a number.
    centre : tuple[float, float]
        (x, y) of the star, 0-based.
    size : int
        Side of the output, odd.
    width : float
        Lambda over D, px.

    Returns
    -------
    NDArray[np.float32]
        (size, size); NaN where more than a twentieth of a pixel (of the squared weights) comes from pixels
        without data. For the others these are filled with what their neighbours foretell.

    Notes
    -----
    ValueError if no pixel is a number.
    """
    step = resampling(frame.shape, centre, size, (1.0, 1.0))
    gaps = np.isnan(frame)
    if not gaps.any():
        return step.image(frame)
    out = step.image(_bridged(frame, gaps, width))
    out[step.share(gaps) > _TOUCHED] = np.nan
    return out


def _bridged(frame: NDArray[np.float32], gaps: NDArray[np.bool_], width: float) -> NDArray[np.float32]:
    """The frame with its gaps filled: from the telescope's resolution, deep inside with the nearest pixel."""
    depth, nearest = ndimage.distance_transform_edt(gaps, return_indices=True)
    whole = np.ascontiguousarray(frame[tuple(nearest)])
    fill(whole[None], plan_fill(gaps, width, depth <= _REACH_PX))
    return whole
