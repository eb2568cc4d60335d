"""A companion's place and flux by a negative one: what must be added to the frames so that it vanishes.

A second opinion beside `fit` (Lagrange et al. 2010; Marois et al. 2010; Wertz et al. 2017), which asks in
another way: not the least squares in a disc of 1.5 FWHM, found by derivatives, but the least sum of absolute
residuals in one of 1 FWHM, found by a simplex that starts off the fitted place and flux. Each trial goes
through the whole algorithm. First place and a factor on all fluxes are sought together, then the flux of each
channel at that place.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from reduce.kernels.fit import Scene
from reduce.kernels.inject import Companion
from reduce.kernels.reduction import Parts

__all__ = ["negative_companion"]

_DISC = 1.0  # FWHM: radius of the disc in which the residual is minimised
_SIMPLEX = np.array([[-0.3, -0.2, -0.2], [0.25, -0.15, 0.1], [-0.1, 0.3, 0.1], [0.1, 0.1, -0.15]])
# corners about the fit: x and y in FWHM, flux relative; the fit itself is none
_NEARER = 0.2  # of it: once more where something worse than the fit was found
_CLOSE = 2e-3  # FWHM and relative flux: the simplex has shrunk to the place and flux
_TRIALS = 120  # of the simplex; half of them do
_REACH = 0.5  # relative: how far a channel's flux may lie off that of the common factor ...
_NOISE = 3.0  # ... or by so many times the noise of an aperture, if that is more


@dataclass(frozen=True, slots=True)
class _Disc:
    """Where the residual is looked at, in all channels: the patch, pixels in it, noise of a pixel there."""

    scene: Scene
    added: list[Parts]
    place: tuple[int, int, int]
    inside: NDArray[np.bool_]
    noise: list[float]

    def left(self, channel: int, x: float, y: float, flux: float) -> float:
        """Sum of the absolute residuals, in units of the noise, with a companion subtracted."""
        parts = [*self.added[channel], (self.scene.stamps(channel, x, y), -flux)]
        patch = self.scene.reductions[channel].patch(parts, *self.place)
        return float(np.nansum(np.abs(patch[self.inside].astype(np.float64)))) / self.noise[channel]


def negative_companion(scene: Scene, companion: Companion) -> Companion:
    """Find place and fluxes of a negative companion that cancels a companion.

    Parameters
    ----------
    scene : Scene
        Every companion subtracted, this one too.
    companion : Companion
        As fitted: it is put back, and the search begins around it.

    Returns
    -------
    Companion
        Place and flux in each channel, adu in the aperture of 1 FWHM.
    """
    disc, fwhm = _disc(scene, companion), scene.fwhm

    def left(theta: NDArray[np.float64]) -> float:
        x, y = companion.x + theta[0] * fwhm, companion.y + theta[1] * fwhm
        return sum(disc.left(c, x, y, f * (1 + theta[2])) for c, f in enumerate(companion.flux))

    theta = _least(left, _SIMPLEX)
    if left(theta) > left(np.zeros(3)):  # a side valley, as those of companions that shape the components
        theta = _least(left, _SIMPLEX * _NEARER)
    x, y = companion.x + float(theta[0]) * fwhm, companion.y + float(theta[1]) * fwhm
    fluxes = [f * (1 + float(theta[2])) for f in companion.flux]
    if len(fluxes) > 1:
        fluxes = [_flux(disc, c, (x, y), flux) for c, flux in enumerate(fluxes)]
    return Companion(x, y, tuple(fluxes))


def _least(left: Callable[[NDArray[np.float64]], float], corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where a function is least, from the corners of a first simplex."""
    options = {"initial_simplex": corners, "xatol": _CLOSE, "fatol": np.inf, "maxfev": _TRIALS}
    return np.asarray(optimize.minimize(left, corners[0], method="Nelder-Mead", options=options).x)


def _disc(scene: Scene, companion: Companion) -> _Disc:
    half = int(np.ceil(_DISC * scene.fwhm)) + 1
    x, y = round(companion.x), round(companion.y)
    rows, columns = np.indices((2 * half + 1, 2 * half + 1)) - half
    inside = np.hypot(columns + x - companion.x, rows + y - companion.y) <= _DISC * scene.fwhm
    cx, cy = scene.channels[0].centre
    radius = round(float(np.hypot(companion.x - cx, companion.y - cy)))
    noise = [float(profile[min(radius, len(profile) - 1)]) for profile in scene.noise]
    return _Disc(scene, scene.parts(companion), (x, y, half), inside, noise)


def _flux(disc: _Disc, channel: int, place: tuple[float, float], near: float) -> float:
    """Flux of one channel at a place, near that which the factor common to all gives."""
    reach = max(_REACH * abs(near), _NOISE * disc.noise[channel] * disc.scene.channels[channel].fwhm)
    found = optimize.minimize_scalar(
        lambda flux: disc.left(channel, *place, flux),
        bounds=(near - reach, near + reach),
        method="bounded",
        options={"xatol": _CLOSE * reach},
    )
    return float(found.x)
