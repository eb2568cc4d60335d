"""Calibrated planes with their variance, in one pass over the pixels."""

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.compiled import compiled

__all__ = ["calibrate"]


def calibrate(
    raw: NDArray[np.float32],
    background: NDArray[np.float32],
    dark: NDArray[np.float32],
    noise: NDArray[np.float32],
    response: NDArray[np.float32],
    gain: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Background off, response divided, and the variance of what is left.

    Parameters
    ----------
    raw : NDArray[np.float32]
        (plane, y, x) adu.
    background : NDArray[np.float32]
        (plane, y, x) or (y, x) adu, taken off.
    dark : NDArray[np.float32]
        (y, x) adu: the master at whose level `noise` was measured; light above it has photon noise besides.
    noise : NDArray[np.float32]
        (y, x) standard deviation of one plane at that level, adu.
    response : NDArray[np.float32]
        (y, x), 1 = typical; not 0.
    gain : float
        Electrons an adu.

    Returns
    -------
    tuple[NDArray[np.float32], NDArray[np.float32]]
        (plane, y, x) adu, and its variance, adu**2: (noise**2 + light / gain) / response**2. The light is
        the pixel's own, at least 0: where there is none, noise seems to be some and makes the variance
        too large by 1 / (2.5 gain noise), 3.6 % at 6.3 adu.
    """
    planes = np.ascontiguousarray(raw, dtype=np.float32)
    level = np.ascontiguousarray(np.broadcast_to(background, planes.shape[-background.ndim :]))
    level = level if level.ndim == planes.ndim else level[None]
    out, variance = np.empty_like(planes), np.empty_like(planes)
    inverse = (1.0 / response).astype(np.float32)
    quiet = (noise.astype(np.float32) ** 2).astype(np.float32)
    _calibrate(planes, level, dark, quiet, inverse, np.float32(1.0 / gain), out, variance)
    return out, variance


@compiled
def _calibrate(
    raw: NDArray[np.float32],
    background: NDArray[np.float32],
    dark: NDArray[np.float32],
    quiet: NDArray[np.float32],
    inverse: NDArray[np.float32],
    per_photon: np.float32,
    out: NDArray[np.float32],
    variance: NDArray[np.float32],
) -> None:
    planes, ny, nx = raw.shape
    for t in range(planes):
        below = background[t if background.shape[0] > 1 else 0]
        for y in range(ny):
            for x in range(nx):
                factor = inverse[y, x]
                value = raw[t, y, x]
                light = max(value - dark[y, x], np.float32(0.0))
                out[t, y, x] = (value - below[y, x]) * factor
                variance[t, y, x] = (quiet[y, x] + light * per_photon) * factor * factor
