"""How sure the place of a waffle spot is: noise of pixels, what is at blank places, speckles beside it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Fit", "speckle_level"]

_SIGMA_TO_FWHM = 2.3548200450309493  # 2 sqrt(2 ln 2)

Grid = NDArray[np.float64]


class Fit(NamedTuple):
    """A fitted spot and how sure its place is.

    `place` (x, y) px; `solve` response of its model and residual variance `white`; `peak`, `side` of its
    square, `width` and `spread` px; `crowded` if a neighbour was cut out of its square.
    """

    place: tuple[float, float]
    solve: Grid  # (8, pixel): pseudo-inverse of the Jacobian, 0 where the pixel is not known
    white: float
    peak: float
    field: Grid  # (pixel,): the spot's amplitude, 1 at its peak
    side: int
    width: float
    spread: float
    crowded: bool = False

    def covariance(self, blanks: Grid) -> Grid:
        """(2, 2) of x and y, px squared; `blanks` (place, y, x) are cuts without a spot."""
        rows = self.solve[:3]
        own = self.white * (rows**2).sum(axis=1)
        if not len(blanks):
            return np.asarray(np.diag(own[1:]))
        seen = ((blanks.reshape(len(blanks), -1) @ rows.T) ** 2).mean(axis=0)
        speckle = speckle_level(blanks, self.width)
        return np.asarray(np.diag(np.maximum(seen, own)[1:]) + self._interference(speckle))

    def _interference(self, speckle: float) -> Grid:
        """From the field of speckles of this mean intensity, coherent over twice the spot's own width."""
        lag = np.arange(2 * self.side)
        lag = np.minimum(lag, 2 * self.side - lag)
        coherence = np.exp(-(lag[:, None] ** 2 + lag[None, :] ** 2) / (8.0 * self.width**2))
        power = np.fft.fft2(coherence).real.clip(0.0)
        weight = (self.solve[[1, 2]] * self.field).reshape(2, self.side, self.side)
        wave = np.fft.fft2(weight, s=power.shape)
        colours = 1.0 + self.spread / (_SIGMA_TO_FWHM * self.width)  # that do not interfere with each other
        summed = np.einsum("ikl,jkl,kl->ij", wave, wave.conj(), power).real / power.size
        return np.asarray(2.0 * self.peak * speckle / colours * summed)


def speckle_level(cuts: Grid, width: float) -> float:
    """Mean intensity of the speckles: what neighbours share, which the noise of pixels does not.

    Speckles of a field that is coherent over exp(-d^2 / 8 width^2) share exp(-d^2 / 4 width^2) of their
    variance at the distance d, and their standard deviation is their mean.
    """
    side = cuts.shape[1]
    y, x = np.mgrid[-1 : 1 : 1j * side, -1 : 1 : 1j * side]
    smooth = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y]).reshape(6, -1)
    flat = cuts.reshape(len(cuts), -1)
    rest = (flat - flat @ np.linalg.pinv(smooth) @ smooth).reshape(cuts.shape)
    shared, weight = 0.0, 0.0
    for lag in (1, 2):
        alike = np.exp(-(lag**2) / (4.0 * width**2))
        both = (rest[:, lag:] * rest[:, :-lag]).mean() + (rest[:, :, lag:] * rest[:, :, :-lag]).mean()
        shared, weight = shared + alike * both / 2.0, weight + alike**2
    share = (
        1.0 - 6.0 * 4.0 * np.pi * width**2 / side**2
    )  # of the speckles that a smooth surface does not take
    doubt = float((rest**2).mean()) / np.sqrt(2.0 * rest.size)
    variance = (shared / weight - doubt) / max(share, 0.2)
    return float(np.sqrt(max(variance, 0.0)))
