"""One interpolation from the detector to the centred, undistorted frame, of the image and of its errors.

A star's image is band-limited (no detail finer than lambda/2D), so the sampling theorem gives it between
the pixels: the weights are sinc(t) under a Kaiser window of `_HALF` pixels each side. Largest error over the
image of an obscured Airy disc, shifted by any fraction of a pixel, as a share of the peak: 2.3e-4 at a FWHM
of 2.3 px and more, 8.4e-4 at 2.1 px (Y band), where a cubic B-spline has 4.6e-3 at 3.3 px and 4.6e-2 at
2.1 px. The flux is kept to 5e-5. The steps along y and along x are parted, so that the cost grows with the
window, not with its square.
"""

from math import factorial
from typing import NamedTuple

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import NDArray

from reduce.kernels.compiled import compiled

__all__ = ["Resampling", "footprint", "recentred", "resampling"]

_HALF = 12  # pixels of the window on each side
_BETA = 7.0  # of the Kaiser window: ripple against width of the band that is kept
_MARGIN = _HALF + 1  # pixels around the output that it needs
_AT_ONCE = 4  # taps added in one pass over a row
_KAISER = Polynomial([(_BETA / 2.0) ** (2 * k) / factorial(k) ** 2 for k in range(24)])
"""Modified Bessel function I0(beta sqrt(u)), 0 <= u <= 1, by its series."""


class _Axis(NamedTuple):
    """One axis: (n, taps) samples and their weights; where the sample lies outside the frame."""

    samples: NDArray[np.intp]
    weights: NDArray[np.float32]
    outside: NDArray[np.bool_]
    below: NDArray[np.intp]


class Resampling(NamedTuple):
    """A prepared interpolation: made once, used for a frame, its variance and its flags; see `resampling`."""

    y: _Axis
    x: _Axis
    area: float

    def image(self, frame: NDArray[np.floating]) -> NDArray[np.float32]:
        """Interpolate a frame.

        Parameters
        ----------
        frame : NDArray[np.floating]
            (y, x), finite.

        Returns
        -------
        NDArray[np.float32]
            (size, size), the flux kept; NaN outside `frame`.
        """
        return self._applied(frame, self.y.weights, self.x.weights, 1.0 / self.area)

    def variance(self, variance: NDArray[np.floating]) -> NDArray[np.float32]:
        """Carry the variance of independent pixels through: the weights squared, exactly.

        Parameters
        ----------
        variance : NDArray[np.floating]
            (y, x), finite.

        Returns
        -------
        NDArray[np.float32]
            (size, size) of each output pixel; neighbours are hardly correlated (their covariances are left
            out); NaN outside `frame`.
        """
        return self._applied(variance, self.y.weights**2, self.x.weights**2, 1.0 / self.area**2)

    def share(self, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        """How much of each output pixel comes from masked pixels.

        Parameters
        ----------
        mask : NDArray[np.bool_]
            (y, x).

        Returns
        -------
        NDArray[np.float32]
            (size, size), of the squared weights, 0 to 1; NaN outside `frame`.
        """
        total = (self.y.weights**2).sum(axis=1)[:, None] * (self.x.weights**2).sum(axis=1)
        return np.asarray(self._applied(mask, self.y.weights**2, self.x.weights**2, 1.0) / total, np.float32)

    def flags(self, flags: NDArray[np.uint8], outside: int) -> NDArray[np.uint8]:
        """Bits of the four pixels around each place, together.

        Parameters
        ----------
        flags : NDArray[np.uint8]
            (y, x) bits.
        outside : int
            Bits of a place outside the frame.

        Returns
        -------
        NDArray[np.uint8]
            (size, size).
        """
        rows = flags[self.y.below[:, 0]] | flags[self.y.below[:, 1]]
        both = rows[:, self.x.below[:, 0]] | rows[:, self.x.below[:, 1]]
        both[self.y.outside[:, None] | self.x.outside] = outside
        return np.asarray(both, np.uint8)

    def _applied(
        self,
        frame: NDArray[np.generic],
        along_y: NDArray[np.float32],
        along_x: NDArray[np.float32],
        factor: float,
    ) -> NDArray[np.float32]:
        source = np.ascontiguousarray(frame, dtype=np.float32)
        between = np.empty((len(along_y), source.shape[1]), np.float32)
        _rows(source, self.y.samples, along_y * np.float32(factor), between)
        turned = np.empty((len(along_x), len(along_y)), np.float32)
        _rows(np.ascontiguousarray(between.T), self.x.samples, along_x, turned)
        out = np.ascontiguousarray(turned.T)
        out[self.y.outside] = np.nan
        out[:, self.x.outside] = np.nan
        return out


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


def resampling(
    shape: tuple[int, ...], centre: tuple[float, float], size: int, stretch: tuple[float, float]
) -> Resampling:
    """Prepare to shift and stretch frames of one shape.

    Parameters
    ----------
    shape : tuple[int, ...]
        (y, x) of the frames; at least 2 pixels a side.
    centre : tuple[float, float]
        (x, y) of the star, 0-based.
    size : int
        Side of the output, odd; the star lands on pixel size // 2.
    stretch : tuple[float, float]
        (x, y): offsets from the star grow by these factors (anamorphism); the flux is kept.

    Returns
    -------
    Resampling
        At the frame's edges the frame is seen mirrored.

    Raises
    ------
    ValueError
        If the size is even, or the frame smaller than 2 pixels.
    """
    if size % 2 == 0:
        raise ValueError(f"size is {size} px, wanted an odd number: the star stands on pixel size // 2")
    if len(shape) != 2 or min(shape) < 2:  # noqa: PLR2004 - an image; two samples to interpolate between
        raise ValueError(f"frame has shape {shape}, wanted (y, x) of at least 2 pixels a side")
    offsets = np.arange(size) - size // 2
    y = _axis(centre[1] + offsets / stretch[1], shape[0])
    x = _axis(centre[0] + offsets / stretch[0], shape[1])
    return Resampling(y, x, stretch[0] * stretch[1])


def recentred(
    frame: NDArray[np.floating], centre: tuple[float, float], size: int, stretch: tuple[float, float]
) -> NDArray[np.float32]:
    """Shift and stretch one frame: `resampling` made and used once.

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
    """
    frame = np.asarray(frame)
    return resampling(frame.shape, centre, size, stretch).image(frame)


def _axis(places: NDArray[np.float64], size: int) -> _Axis:
    low = np.floor(places).astype(np.intp)
    taps = np.arange(1 - _HALF, 1 + _HALF)
    away = taps - (places - low)[:, None]
    weights = np.sinc(away) * _KAISER(1.0 - (away / _HALF) ** 2)
    weights /= weights.sum(axis=1, keepdims=True)  # a flat frame stays flat
    outside = (places < 0.0) | (places > size - 1)
    index = low[:, None] + taps
    below = np.clip(low[:, None] + np.arange(2), 0, size - 1)
    return _Axis(_mirrored(index, size), weights.astype(np.float32), outside, below)


def _mirrored(index: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    """Samples seen beyond the edges: the grid mirrored at its first and last one."""
    period = 2 * size - 2
    folded = np.abs(index) % period
    return np.asarray(np.minimum(folded, period - folded), np.intp)


@compiled
def _rows(
    plane: NDArray[np.float32],
    index: NDArray[np.intp],
    weights: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """out[j] = sum over k of weights[j, k] * plane[index[j, k]]; taps come in fours."""
    for j in range(index.shape[0]):
        line = out[j]
        line[:] = 0.0
        for k in range(0, index.shape[1], _AT_ONCE):
            a, b = plane[index[j, k]], plane[index[j, k + 1]]
            c, d = plane[index[j, k + 2]], plane[index[j, k + 3]]
            u, v, w, z = weights[j, k], weights[j, k + 1], weights[j, k + 2], weights[j, k + 3]
            for i in range(line.size):
                line[i] += u * a[i] + v * b[i] + w * c[i] + z * d[i]
