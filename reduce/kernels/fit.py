"""Fit place and flux of a companion: what must be subtracted from the frames so that nothing is left.

Lagrange et al. 2010; Marois et al. 2010. The residual in a disc around the companion is
driven to its minimum by Gauss-Newton steps, with the same place in all channels and a
flux in each. Each trial goes through the whole algorithm, over- and self-subtraction included.
A bright companion shapes the components that remove it, so that the residual as a function of
its flux has a hump between nothing and the truth: the flux is scanned before the descent, and
a second start may be given, e.g. from an algorithm without components.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.aperture import aperture_flux, aperture_map
from reduce.kernels.channels import Channel, radial_noise, stack
from reduce.kernels.inject import Companion, Stamps
from reduce.kernels.reduction import Parts, Reduction

__all__ = ["POOR", "Fit", "Scene", "fit_companion", "nearby_peak"]

POOR = 3.0
"""Mean square left, in units of the noise, from which a fit needs a better start or is not to be trusted."""

_DISC = 1.5  # FWHM: radius of the disc in which the residual is minimised
_SHIFT = 0.05  # pixel: step of the numerical derivative
_CLOSE = 2e-3  # pixel: the place is found
_CLOSE_FLUX = 1e-3  # relative: the flux is found
_FAR = 0.3  # pixel: the derivative is too old after such a step
_FAR_FLUX = 0.1  # relative: likewise
_DAMPING = 1e-3  # first damping of Levenberg and Marquardt, a share of the diagonal
_STEPS = 30
_SCAN_FROM = 0.9  # first flux tried, in units of what the image shows
_SCAN_STEP = 1.7  # factor between fluxes tried
_SCAN_LEAST = 5  # fluxes tried at least ...
_SCAN_MOST = 12  # ... and at most: throughputs down to 0.003


@dataclass(frozen=True, slots=True)
class Fit:
    """Result of a fit.

    Attributes
    ----------
    companion : Companion
        Place and flux in each channel.
    ok : bool
        It converged on a positive flux within 1 FWHM of its start.
    left : float
        Mean square left in the disc, in units of the noise.
    shown : float
        Mean square of what the companion's subtraction took from the disc, in the same units.
    """

    companion: Companion
    ok: bool
    left: float
    shown: float = 0.0

    @property
    def good(self) -> bool:
        """Converged, and what is left is about noise."""
        return self.ok and self.left < POOR


@dataclass(frozen=True)
class Scene:
    """Reduced channels in which companions are sought or injected.

    Attributes
    ----------
    channels : Sequence[Channel]
        Geometry, PSF and star flux.
    reductions : Sequence[Reduction]
        One a channel, known companions subtracted.
    weights : NDArray[np.float64]
        (channel,) of the stack.
    """

    channels: Sequence[Channel]
    reductions: Sequence[Reduction]
    weights: NDArray[np.float64]

    @property
    def fwhm(self) -> float:
        """FWHM of the stack, pixels: the weighted mean."""
        return float(np.dot(self.weights, [c.fwhm for c in self.channels]))

    @cached_property
    def image(self) -> NDArray[np.float32]:
        """Stack of the channels' images (y, x)."""
        return stack([r.image for r in self.reductions], self.weights)

    @cached_property
    def noise(self) -> list[NDArray[np.float64]]:
        """For each channel the robust deviation of pixels by distance from the star, whole pixels."""
        return [radial_noise(r.image, c.fwhm) for r, c in zip(self.reductions, self.channels, strict=True)]

    def stamps(self, channel: int, x: float, y: float) -> Stamps:
        """Unit source at (x, y) in one channel."""
        return self.channels[channel].stamps(x, y)

    def parts(self, companion: Companion, sign: float = 1.0) -> list[Parts]:
        """A companion as something to inject, for each channel."""
        return [
            [(self.stamps(c, companion.x, companion.y), sign * flux)] for c, flux in enumerate(companion.flux)
        ]


def nearby_peak(scene: Scene, added: Sequence[Parts], x: float, y: float) -> tuple[float, float]:
    """Pixel of the largest aperture flux of the stack within 1 FWHM of (x, y).

    Parameters
    ----------
    scene : Scene
        The channels.
    added : Sequence[Parts]
        For each channel what to inject first.
    x : float
        Column about which to look, 0-based.
    y : float
        Row about which to look.

    Returns
    -------
    tuple[float, float]
        x and y of the pixel; (x, y) themselves if there are no data.
    """
    fwhm = scene.fwhm
    half = int(np.ceil(2 * fwhm)) + 1
    ix, iy = round(x), round(y)
    patches = [r.patch(p, ix, iy, half) for r, p in zip(scene.reductions, added, strict=True)]
    flux = aperture_map(stack(patches, scene.weights), fwhm)
    rows, columns = np.indices(flux.shape)
    far = np.hypot(columns - half + ix - x, rows - half + iy - y) > fwhm
    flux[far | ~np.isfinite(flux)] = -np.inf
    if not np.isfinite(flux).any():
        return x, y
    row, column = np.unravel_index(int(np.argmax(flux)), flux.shape)
    return float(column - half + ix), float(row - half + iy)


class _Trial:
    """Residual of a patch after subtraction of a trial companion."""

    def __init__(self, scene: Scene, added: Sequence[Parts], x: float, y: float) -> None:
        self.scene, self.added = scene, added
        self.place = (round(x), round(y), int(np.ceil(_DISC * scene.fwhm)) + 1)
        side = np.arange(-self.place[2], self.place[2] + 1)
        dx, dy = side[None] + self.place[0] - x, side[:, None] + self.place[1] - y
        self.disc = np.hypot(dx, dy) <= _DISC * scene.fwhm
        cx, cy = scene.channels[0].centre
        radius = round(float(np.hypot(x - cx, y - cy)))
        self.noise = [float(profile[min(radius, len(profile) - 1)]) for profile in scene.noise]

    def residual(self, channel: int, x: float, y: float, flux: float) -> NDArray[np.float64]:
        """Pixels of the disc in units of the noise, one channel."""
        parts = list(self.added[channel])
        if flux != 0.0:
            parts.append((self.scene.stamps(channel, x, y), -flux))
        return self._of_disc(channel, self.scene.reductions[channel].patch(parts, *self.place))

    def _of_disc(self, channel: int, patch: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.asarray(np.nan_to_num(patch[self.disc].astype(np.float64) / self.noise[channel]))

    def all_channels(self, theta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Residuals of all channels one after another at (x, y, flux ...)."""
        x, y, *fluxes = theta
        return np.concatenate([self.residual(c, x, y, f) for c, f in enumerate(fluxes)])

    def jacobian(self, theta: NDArray[np.float64], base: NDArray[np.float64]) -> NDArray[np.float64]:
        """Numerical derivative of `all_channels`."""
        x, y, *fluxes = theta
        matrix = np.zeros((base.size, theta.size))
        matrix[:, 0] = (self.all_channels(np.array([x + _SHIFT, y, *fluxes])) - base) / _SHIFT
        matrix[:, 1] = (self.all_channels(np.array([x, y + _SHIFT, *fluxes])) - base) / _SHIFT
        size = int(self.disc.sum())
        for c, flux in enumerate(fluxes):
            rows = slice(c * size, (c + 1) * size)
            step = max(0.02 * abs(flux), 0.1 * self.noise[c])
            matrix[rows, 2 + c] = (self.residual(c, x, y, flux + step) - base[rows]) / step
        return matrix

    def first_flux(self, channel: int, x: float, y: float) -> float:
        """Best flux of a scan at (x, y), or that of a linear subtraction where the image shows none."""
        patch = self.scene.reductions[channel].patch(self.added[channel], *self.place)
        half, fwhm = self.place[2], self.scene.channels[channel].fwhm
        shown = aperture_flux(patch, fwhm, x - self.place[0] + half, y - self.place[1] + half)
        level = self.noise[channel] * fwhm
        if shown > level:
            return self._scan(channel, x, y, shown)
        before = self._of_disc(channel, patch)
        change = before - self.residual(channel, x, y, level)
        power = float(change @ change)
        return level * float(change @ before) / power if power > 0 else 0.0

    def _scan(self, channel: int, x: float, y: float, shown: float) -> float:
        """Flux of the lowest residual: throughputs of 1 down to 0.08, and on while it still falls."""
        flux = best = _SCAN_FROM * shown
        lowest = np.inf
        for number in range(_SCAN_MOST):
            left = self.residual(channel, x, y, flux)
            if float(left @ left) < lowest:
                best, lowest = flux, float(left @ left)
            elif number >= _SCAN_LEAST and flux > _SCAN_STEP * best:
                break
            flux *= _SCAN_STEP
        return best


def fit_companion(
    scene: Scene, added: Sequence[Parts], x: float, y: float, guess: Companion | None = None
) -> Fit:
    """Fit one companion near (x, y).

    Parameters
    ----------
    scene : Scene
        Channels without the companion or with it; see `added`.
    added : Sequence[Parts]
        For each channel what to inject first, e.g. the companion put back; may be empty lists.
    x : float
        Column of the start in the derotated image, 0-based.
    y : float
        Row of the start.
    guess : Companion | None
        Second start, place and fluxes, taken when the first leaves much.

    Returns
    -------
    Fit
        Place and flux in each channel, adu in the aperture of 1 FWHM.
    """
    fit = _fit_from(_Trial(scene, added, x, y), x, y)
    if guess is None or fit.good:
        return fit
    again = _fit_from(_Trial(scene, added, guess.x, guess.y), guess.x, guess.y, guess.flux)
    return again if (again.ok, -again.left) > (fit.ok, -fit.left) else fit


def _fit_from(trial: _Trial, x: float, y: float, fluxes: Sequence[float] | None = None) -> Fit:
    """Fit from a start; its fluxes are scanned if none are given. No fit where an image has no noise."""
    if not all(noise > 0 for noise in trial.noise):  # e.g. classical ADI of one frame: 0 everywhere
        return Fit(Companion(x, y, (0.0,) * len(trial.noise)), ok=False, left=float("inf"), shown=0.0)
    fluxes = fluxes or [trial.first_flux(c, x, y) for c in range(len(trial.noise))]
    theta, base, found = _descend(trial, np.array([x, y, *fluxes]))
    companion = Companion(float(theta[0]), float(theta[1]), tuple(float(f) for f in theta[2:]))
    near = np.hypot(companion.x - x, companion.y - y) <= trial.scene.fwhm
    positive = float(np.dot(trial.scene.weights, companion.flux)) > 0
    before = trial.all_channels(np.array([companion.x, companion.y, *np.zeros(len(companion.flux))]))
    shown = float(np.mean((before - base) ** 2))
    return Fit(companion, bool(found and near and positive), float(np.mean(base**2)), shown)


def _descend(
    trial: _Trial, theta: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], bool]:
    """Levenberg-Marquardt steps; the derivative is taken anew after a large step or one that failed."""
    base = trial.all_channels(theta)
    matrix, fresh, damping = trial.jacobian(theta, base), True, _DAMPING
    for _ in range(_STEPS):
        step = _step(matrix, base, damping, trial.scene.fwhm / 2)
        there = trial.all_channels(theta - step)
        size = float(np.hypot(step[0], step[1]))
        change = float(np.max(np.abs(step[2:])) / max(float(np.max(np.abs(theta[2:]))), 1e-30))
        small = size < _CLOSE and change < _CLOSE_FLUX
        if float(there @ there) <= float(base @ base):
            theta, base, damping, fresh = theta - step, there, damping / 10, False
            if small:
                return theta, base, True
            if size > _FAR or change > _FAR_FLUX:
                matrix, fresh = trial.jacobian(theta, base), True
        elif small:
            return theta, base, True
        elif fresh:
            damping *= 10
        else:
            matrix, fresh = trial.jacobian(theta, base), True
    return theta, base, False


def _step(
    matrix: NDArray[np.float64], base: NDArray[np.float64], damping: float, longest: float
) -> NDArray[np.float64]:
    """Step to take away from the place; its part on the sky is at most `longest` pixels."""
    normal = matrix.T @ matrix
    normal[np.diag_indices_from(normal)] *= 1 + damping
    step = np.asarray(np.linalg.lstsq(normal, matrix.T @ base, rcond=None)[0], np.float64)
    limited: NDArray[np.float64] = step * min(1.0, longest / max(float(np.hypot(step[0], step[1])), 1e-12))
    return limited
