"""One interpolation from the detector to the centred, undistorted frame."""

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.compiled import compiled
from reduce.kernels.spline import coefficients, value_at

__all__ = ["footprint", "recentred"]

_MARGIN = 16  # pixels around the output that still shape the spline's edge (its pole to the 16th: 7e-10)


def footprint(
    shape: tuple[int, ...], centre: tuple[float, float], size: int, stretch: tuple[float, float]
) -> tuple[slice, slice]:
    """Part of a frame that `recentred` needs.

    Parameters
    ----------
    shape : tuple[int, ...]
        (y, x) of the frame.
    centre : tuple[float, float]
        (x, y) of the star, 0-based.
    size : int
        Side of the output, pixels.
    stretch : tuple[float, float]
        (x, y) factors of `recentred`.

    Returns
    -------
    tuple[slice, slice]
        (y, x), cut at the frame's edges.
    """
    half_x = size / 2 / stretch[0] + _MARGIN
    half_y = size / 2 / stretch[1] + _MARGIN
    x, y = centre
    return (
        slice(max(int(y - half_y), 0), min(int(y + half_y) + 2, shape[0])),
        slice(max(int(x - half_x), 0), min(int(x + half_x) + 2, shape[1])),
    )


def recentred(
    frame: NDArray[np.floating], centre: tuple[float, float], size: int, stretch: tuple[float, float]
) -> NDArray[np.float32]:
    """Shift and stretch a frame in one cubic B-spline step.

    Parameters
    ----------
    frame : NDArray[np.floating]
        (y, x), finite.
    centre : tuple[float, float]
        (x, y) of the star in `frame`, 0-based.
    size : int
        Side of the output, odd; the star lands on pixel size // 2.
    stretch : tuple[float, float]
        (x, y): offsets from the star grow by these factors (anamorphism); the flux is kept.

    Returns
    -------
    NDArray[np.float32]
        (size, size); NaN outside `frame`.

    Raises
    ------
    ValueError
        If the size is even.
    """
    if size % 2 == 0:
        raise ValueError(f"size is {size} px, wanted an odd number: the star stands on pixel size // 2")
    offsets = np.arange(size) - size // 2
    x = centre[0] + offsets / stretch[0]
    y = centre[1] + offsets / stretch[1]
    out = np.empty((size, size), dtype=np.float32)
    _sample(coefficients(np.asarray(frame)[None])[0], x, y, 1.0 / (stretch[0] * stretch[1]), out)
    return out


@compiled
def _sample(
    plane: NDArray[np.float32],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    factor: float,
    out: NDArray[np.float32],
) -> None:
    for j in range(y.size):
        for i in range(x.size):
            out[j, i] = factor * value_at(plane, x[i], y[j])
