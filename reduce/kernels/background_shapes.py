"""Shapes of a thermal background and of a star's halo, on the middles of blocks of pixels."""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline

from reduce.kernels.background import BLOCK_PX

__all__ = ["Halo", "cosines", "enlarging", "halo", "middles", "rings", "round_about"]

_RING_PX = 8.0  # width of the rings that give a profile
_KOLMOGOROV = 11.0 / 3.0  # light that the adaptive optics cannot correct falls so beyond its control radius
_EDGE = _KOLMOGOROV + 8.0  # how much is missing just outside of that radius
_STATIC = 2.0  # speckles of polishing errors
_AT = 30.0  # lambda/D at which halo shapes are 1

_Plane = NDArray[np.float64]


class Halo(IntEnum):
    """Places of the shapes of `halo`."""

    KOLMOGOROV = 0
    EDGE = 1
    STATIC = 2
    WIND_COS = 3
    WIND_SIN = 4


def middles(shape: tuple[int, ...]) -> tuple[_Plane, _Plane]:
    """Middles of the blocks of an image of a shape (y, x): (block rows, 1) and (1, block columns), px."""
    y, x = (np.arange(side // BLOCK_PX) * float(BLOCK_PX) + (BLOCK_PX - 1) / 2 for side in shape)
    return np.asarray(y[:, None]), np.asarray(x[None, :])


def cosines(shape: tuple[int, ...], shortest_px: float) -> tuple[_Plane, _Plane]:
    """Products of cosines: any smooth field, down to a scale.

    Parameters
    ----------
    shape : tuple[int, ...]
        (y, x) px.
    shortest_px : float
        Half the shortest wave.

    Returns
    -------
    tuple[NDArray[np.float64], NDArray[np.float64]]
        (shape, block rows, block columns), root mean square 1, the constant first, and their wave numbers
        (shape,), radian per px.
    """
    waves = []
    for side in shape:
        blocks = side // BLOCK_PX
        number = np.arange(int(side / shortest_px) + 1)
        place = (np.arange(blocks) + 0.5) / blocks
        waves.append((np.cos(np.pi * np.outer(number, place)), np.pi * number / side))
    (in_y, along), (in_x, across) = waves
    pairs = [
        (i, j)
        for i in range(len(along))
        for j in range(len(across))
        if np.hypot(along[i], across[j]) <= np.pi / shortest_px
    ]
    made = np.stack([np.outer(in_y[i], in_x[j]) for i, j in pairs])
    made /= np.sqrt((made**2).mean(axis=(1, 2), keepdims=True))
    return made, np.array([np.hypot(along[i], across[j]) for i, j in pairs])


def halo(dy: NDArray[np.float64], dx: NDArray[np.float64]) -> NDArray[np.float64]:
    """Light of a star beyond the radius that the adaptive optics controls.

    Kolmogorov's spectrum falls as the power -11/3; wind makes it oval; just outside of the control radius
    some of it is missing; lasting speckles fall as the power -2.

    Parameters
    ----------
    dy : NDArray[np.float64]
        (block rows, 1) distance from the star on the sky, lambda/D.
    dx : NDArray[np.float64]
        (1, block columns).

    Returns
    -------
    NDArray[np.float64]
        (shape, block rows, block columns) in the order of `Halo`, 1 at 30 lambda/D.
    """
    r = np.maximum(np.hypot(dy, dx), 1.0) / _AT
    twice = 2.0 * np.arctan2(dy, dx)
    wide = r**-_KOLMOGOROV
    return np.stack([wide, r**-_EDGE, r**-_STATIC, wide * np.cos(twice), wide * np.sin(twice)])


def rings(r: NDArray[np.float64], inner_px: float, outer_px: float, step_px: float) -> NDArray[np.float64]:
    """A free profile: rings that overlap as triangles; within the first it stays as it is there.

    Parameters
    ----------
    r : NDArray[np.float64]
        (y, x) distance, px.
    inner_px : float
        Of the first ring's brightest part.
    outer_px : float
        The last ring ends here.
    step_px : float
        From ring to ring.

    Returns
    -------
    NDArray[np.float64]
        (ring, y, x), 0 to 1.
    """
    peaks = np.arange(inner_px, outer_px, step_px)
    return np.asarray(
        np.clip(1.0 - np.abs(np.maximum(r, inner_px) - peaks[:, None, None]) / step_px, 0.0, None)
    )


def round_about(
    light: NDArray[np.float64], used: NDArray[np.bool_], r: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What of an image is round about a place, less a curved surface.

    Parameters
    ----------
    light : NDArray[np.float64]
        (y, x).
    used : NDArray[np.bool_]
        (y, x), where it tells something.
    r : NDArray[np.float64]
        (y, x) distance from the place, px.

    Returns
    -------
    NDArray[np.float64]
        (y, x).
    """
    if not used.any():
        return np.zeros_like(light)
    y, x = np.mgrid[-1 : 1 : 1j * light.shape[0], -1 : 1 : 1j * light.shape[1]]
    surface = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y])
    curve = np.linalg.lstsq(surface[:, used].T, light[used], rcond=None)[0]
    rest = light - np.tensordot(curve, surface, axes=1)
    ring = (r[used] / _RING_PX).astype(np.int64)
    count = np.bincount(ring)
    seen = np.flatnonzero(count)
    profile = np.bincount(ring, rest[used])[seen] / count[seen]
    return np.asarray(np.interp(r / _RING_PX, seen + 0.5, profile))


def enlarging(side: int, part: slice) -> NDArray[np.float32]:
    """Cubic spline from the middles of blocks to pixels, along one axis.

    Parameters
    ----------
    side : int
        Of the image, px; at least four blocks.
    part : slice
        Pixels wanted.

    Returns
    -------
    NDArray[np.float32]
        (pixel, block): multiply it with the values on the middles.
    """
    blocks = side // BLOCK_PX
    middle = (np.arange(blocks) + 0.5) * BLOCK_PX - 0.5
    spline = make_interp_spline(middle, np.eye(blocks), k=3)
    place = np.clip(np.arange(side)[part], middle[0], middle[-1])
    return np.asarray(spline(place), np.float32)
