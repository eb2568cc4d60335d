"""Rotate frames about the star so that north comes up and east left.

Convention: PA_sky = PA_detector + angle, position angles counted from +y towards -x;
the same as ``scipy.ndimage.rotate(frame, -angle, reshape=False)``.
"""

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.compiled import compiled
from reduce.kernels.spline import coefficients, cubic_weights, mirrored

__all__ = ["derotate", "detector_position", "rotate_splines"]

_EDGE = 1e-6  # pixel: a rotation by 90 degrees lands on the edge within rounding


@compiled
def _rotate_plane(
    plane: NDArray[np.float32],
    bad: NDArray[np.bool_],
    cosine: float,
    sine: float,
    centre: tuple[float, float],
    out: NDArray[np.float32],
) -> None:
    ny, nx = plane.shape
    cx, cy = centre
    for j in range(ny):
        for i in range(nx):
            dx, dy = i - cx, j - cy
            x = cosine * dx + sine * dy + cx
            y = cosine * dy - sine * dx + cy
            if not (-_EDGE <= x <= nx - 1 + _EDGE and -_EDGE <= y <= ny - 1 + _EDGE):
                out[j, i] = np.nan
                continue
            x, y = min(max(x, 0.0), nx - 1.0), min(max(y, 0.0), ny - 1.0)
            column, row = int(x), int(y)
            w0, w1, w2, w3 = cubic_weights(x - column)
            v0, v1, v2, v3 = cubic_weights(y - row)
            c0, c1, c2, c3 = column - 1, column, column + 1, column + 2
            r0, r1, r2, r3 = row - 1, row, row + 1, row + 2
            if c0 < 0 or r0 < 0 or c3 >= nx or r3 >= ny:
                c0, c2, c3 = mirrored(c0, nx), mirrored(c2, nx), mirrored(c3, nx)
                r0, r2, r3 = mirrored(r0, ny), mirrored(r2, ny), mirrored(r3, ny)
            total = 0.0
            touched = False
            for r, v in ((r0, v0), (r1, v1), (r2, v2), (r3, v3)):
                total += v * (w0 * plane[r, c0] + w1 * plane[r, c1] + w2 * plane[r, c2] + w3 * plane[r, c3])
                if bad.size:
                    touched |= bad[r, c0] | bad[r, c1] | bad[r, c2] | bad[r, c3]
            out[j, i] = np.nan if touched else total


def derotate(
    cube: NDArray[np.floating],
    angles_deg: NDArray[np.floating],
    centre: tuple[float, float] | None = None,
) -> NDArray[np.float32]:
    """Rotate each frame by its angle, by cubic B-spline interpolation.

    Parameters
    ----------
    cube : NDArray[np.floating]
        (time, y, x); NaN = no data, filled with 0 for the spline: meant for residuals around 0.
    angles_deg : NDArray[np.floating]
        (time,) degrees, PA_sky = PA_detector + angle.
    centre : tuple[float, float] | None
        (x, y) 0-based of the star; None is pixel n//2.

    Returns
    -------
    NDArray[np.float32]
        (time, y, x); NaN outside the frame and where a NaN lies in the 4 x 4 pixels of the spline.

    Raises
    ------
    ValueError
        If there is not one angle a frame.
    """
    if len(angles_deg) != len(cube):
        raise ValueError(f"{len(angles_deg)} angles for {len(cube)} frames; wanted one a frame")
    bad = ~np.isfinite(cube)
    planes = coefficients(np.where(bad, 0.0, cube) if bad.any() else cube)
    return rotate_splines(planes, bad, angles_deg, centre)


def rotate_splines(
    planes: NDArray[np.float32],
    bad: NDArray[np.bool_],
    angles_deg: NDArray[np.floating],
    centre: tuple[float, float] | None = None,
    scales: NDArray[np.floating] | None = None,
) -> NDArray[np.float32]:
    """Rotate frames given as spline coefficients, and undo their stretch in the same interpolation.

    Parameters
    ----------
    planes : NDArray[np.float32]
        (time, y, x) from `spline.coefficients`.
    bad : NDArray[np.bool_]
        (time, y, x) pixels without data; an empty array says there are none.
    angles_deg : NDArray[np.floating]
        (time,) degrees, PA_sky = PA_detector + angle.
    centre : tuple[float, float] | None
        (x, y) 0-based of the star; None is pixel n//2.
    scales : NDArray[np.floating] | None
        (time,) factor by which distances from the star are larger in the frame than on the sky; None is 1.

    Returns
    -------
    NDArray[np.float32]
        (time, y, x) as `derotate`.
    """
    _, ny, nx = planes.shape
    middle = centre if centre is not None else (float(nx // 2), float(ny // 2))
    none = np.zeros((0, 0), np.bool_)
    out = np.empty(planes.shape, np.float32)
    stretch = np.ones(len(out)) if scales is None else np.asarray(scales, np.float64)
    for t, angle in enumerate(np.radians(np.asarray(angles_deg, np.float64))):
        mask = bad[t] if bad.size and bad[t].any() else none
        turn = (stretch[t] * np.cos(angle), stretch[t] * np.sin(angle))
        _rotate_plane(planes[t], mask, *turn, middle, out[t])
    return out


def detector_position(
    x: float, y: float, angles_deg: NDArray[np.floating], centre: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where a point of the sky image falls in each frame.

    Parameters
    ----------
    x : float
        Column in the derotated image, 0-based.
    y : float
        Row in the derotated image, 0-based.
    angles_deg : NDArray[np.floating]
        (time,) degrees, PA_sky = PA_detector + angle.
    centre : tuple[float, float]
        (x, y) of the star.

    Returns
    -------
    tuple[NDArray[np.float64], NDArray[np.float64]]
        x and y in each frame, (time,).
    """
    angle = np.radians(np.asarray(angles_deg, np.float64))
    dx, dy = x - centre[0], y - centre[1]
    return (
        centre[0] + np.cos(angle) * dx + np.sin(angle) * dy,
        centre[1] + np.cos(angle) * dy - np.sin(angle) * dx,
    )
