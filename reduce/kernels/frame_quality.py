"""How good each frame of a sequence is: light and shape of its halo, the star's wander, waffle spots.

Frames have the star on pixel size // 2; nothing here knows a band or an instrument.
"""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.aperture import aperture_flux
from reduce.kernels.compiled import compiled
from reduce.kernels.spline import coefficients, value_at

__all__ = ["Frames", "Measured", "measure", "spot_flux"]

_REFERENCE_FRAMES = 64  # whose median is the sequence's own pattern
_PIXELS = 6_000  # enough for the star's wander to some 0.02 px
_STEPS = 6
_CONVERGED_PX = 1e-3
_FARTHEST_PX = 6.0  # beyond that the pattern is another
_MARGIN = 8
_RINGS = 3
_STEP_PX = 0.5  # of the pattern's slope, a central difference
_NOISE_FLOOR = 0.02  # of the innermost ring: keeps the weights of empty rings down


class Frames(Protocol):
    """(time, y, x), read one plane at a time: an array, or a file mapped to memory."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""

    def __getitem__(self, key: int, /) -> NDArray[np.floating]:
        """Plane (y, x)."""


class Measured(NamedTuple):
    """Of each frame; NaN where the annulus holds no data.

    `flux` (time,) mean of the annulus per pixel above its outermost ring, so that a background left over does
    not count, in the frames' unit; `width` (time,) px: the circle
    of that radius parts the annulus' light in halves; `asymmetry` (time,) amplitude of the halo's
    cos 2(angle) over its mean: wind; `shift` (time, 2) px: star's (x, y) off its place, against
    the sequence's median; `pattern` (time,) strength of the sequence's median speckles, 1 = the median's own.
    """

    flux: NDArray[np.float64]
    width: NDArray[np.float64]
    asymmetry: NDArray[np.float64]
    shift: NDArray[np.float64]
    pattern: NDArray[np.float64]


class _Annulus(NamedTuple):
    """Pixels (pixel,) of the annulus in a crop: places off the star, ring of each, angle; rings' areas."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    ring: NDArray[np.intp]
    radius: NDArray[np.float64]
    twice: NDArray[np.complex128]
    edges: NDArray[np.float64]


def measure(frames: Frames, fwhm: float, inner: float, outer: float) -> Measured:
    """Measure halo and wander of each frame.

    Parameters
    ----------
    frames : Frames
        (time, y, x), background off, star on pixel size // 2; NaN = no data.
    fwhm : float
        Of a point source, px: the width of a ring.
    inner : float
        Radius where the annulus begins, px: outside the mask and its leakage.
    outer : float
        Radius where it ends, px; cut at the frame's edge.

    Returns
    -------
    Measured
        Each (time,) or (time, 2).

    Raises
    ------
    ValueError
        If the annulus is thinner than two FWHM.
    """
    half = min(frames.shape[1], frames.shape[2]) // 2
    outer = min(outer, float(half - 1))
    if outer - inner < 2 * fwhm:
        raise ValueError(f"annulus of {inner:.1f} to {outer:.1f} px, wanted at least 2 FWHM of {fwhm:.1f} px")
    reach = min(int(np.ceil(outer)) + _MARGIN, half)
    middle = (frames.shape[1] // 2, frames.shape[2] // 2)
    crop = (
        slice(middle[0] - reach, middle[0] + reach + 1),
        slice(middle[1] - reach, middle[1] + reach + 1),
    )
    annulus = _annulus(reach, inner, outer, fwhm)
    reference = _reference(frames, crop)
    pattern = _Pattern(reference, annulus)
    rows = [
        _one(np.asarray(frames[time][crop], np.float64), annulus, pattern) for time in range(frames.shape[0])
    ]
    table = np.array(rows, dtype=np.float64).reshape(frames.shape[0], 6)
    return Measured(table[:, 0], table[:, 1], table[:, 2], table[:, 3:5], table[:, 5])


def spot_flux(frames: Frames, offsets: NDArray[np.floating], fwhm: float) -> NDArray[np.float64]:
    """Light of the waffle spots in each frame, above what lies beside them.

    Parameters
    ----------
    frames : Frames
        (time, y, x), star on pixel size // 2.
    offsets : NDArray[np.floating]
        (4, 2): (x, y) of each spot off the star, px.
    fwhm : float
        Of a point source, px: the aperture's diameter; the surroundings are six apertures on a circle of
        2.5 FWHM about the spot, their median.

    Returns
    -------
    NDArray[np.float64]
        (time,): mean over the four; NaN where a spot has no data.
    """
    middle_x, middle_y = frames.shape[2] // 2, frames.shape[1] // 2
    beside = 2.5 * fwhm * np.exp(1j * np.radians(np.arange(0.0, 360.0, 60.0)))
    light = np.empty((frames.shape[0], len(offsets)))
    for time in range(frames.shape[0]):
        image = np.asarray(frames[time])
        for number, (dx, dy) in enumerate(np.asarray(offsets, np.float64)):
            x, y = middle_x + dx, middle_y + dy
            around = [aperture_flux(image, fwhm, x + step.real, y + step.imag) for step in beside]
            light[time, number] = aperture_flux(image, fwhm, x, y) - np.median(around)
    return np.asarray(light.mean(axis=1))


def _annulus(reach: int, inner: float, outer: float, fwhm: float) -> _Annulus:
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    radius = np.hypot(x, y)
    count = max(int((outer - inner) / fwhm), _RINGS)
    edges = np.linspace(inner, outer, count + 1)
    rows, columns = np.nonzero((radius >= inner) & (radius < outer))
    here = radius[rows, columns]
    ring = np.clip(np.searchsorted(edges, here, side="right") - 1, 0, count - 1)
    angle = np.arctan2(y[rows, columns], x[rows, columns])
    return _Annulus(rows, columns, ring, here, np.exp(2j * angle), edges)


def _reference(frames: Frames, crop: tuple[slice, slice]) -> NDArray[np.float64]:
    """Median of frames spread evenly over the sequence."""
    count = frames.shape[0]
    chosen = np.unique(np.linspace(0, count - 1, min(count, _REFERENCE_FRAMES)).round().astype(int))
    stack = np.stack([np.asarray(frames[int(time)][crop], np.float32) for time in chosen])
    known = np.isfinite(stack).any(axis=0)
    median = np.zeros(stack.shape[1:])
    median[known] = np.nanmedian(stack[:, known], axis=0)
    return np.where(known, median, np.nan)


def _ring_medians(values: NDArray[np.float64], annulus: _Annulus) -> NDArray[np.float64]:
    """Median of each ring (ring,): companions and spots do not count; NaN where it is empty."""
    parts = [values[annulus.ring == ring] for ring in range(annulus.edges.size - 1)]
    known = [part[np.isfinite(part)] for part in parts]
    return np.array([float(np.median(part)) if part.size else np.nan for part in known])


class _Pattern:
    """The sequence's median speckles as a spline, at the pixels by which the wander is measured."""

    def __init__(self, reference: NDArray[np.float64], annulus: _Annulus) -> None:
        profile = _ring_medians(reference[annulus.rows, annulus.columns], annulus)
        finite = profile[np.isfinite(profile)]
        floor = _NOISE_FLOOR * float(finite.max()) if finite.size else np.nan
        step = max(annulus.rows.size // _PIXELS, 1)
        self.rows, self.columns = annulus.rows[::step], annulus.columns[::step]
        self.weight = 1.0 / np.maximum(profile, floor)[annulus.ring[::step]]
        self.usable = bool(finite.size) and floor > 0
        filled = np.where(np.isfinite(reference), reference, 0.0)
        self._spline = coefficients(filled[None])[0]

    def at(self, dx: float, dy: float) -> NDArray[np.float64]:
        """Its value (pixel,) at the pixels when the star is (dx, dy) px off."""
        out = np.empty(self.rows.size)
        x, y = np.asarray(self.columns - dx, np.float64), np.asarray(self.rows - dy, np.float64)
        _sample(self._spline, x, y, out)
        return out


def _one(image: NDArray[np.float64], annulus: _Annulus, pattern: _Pattern) -> tuple[float, ...]:
    """Flux, width, asymmetry, shift x, y, strength of the pattern."""
    values = image[annulus.rows, annulus.columns]
    known = np.isfinite(values)
    profile = _ring_medians(values, annulus)
    if not known.any() or not np.isfinite(profile).all():
        return (np.nan,) * 6
    area = np.diff(annulus.edges**2)[:-1]
    above = profile[:-1] - profile[-1]
    flux = float((above * area).sum() / area.sum())
    light = np.concatenate([[0.0], np.cumsum(above * area)])
    rising = bool((np.diff(light) > 0).all())
    width = float(np.interp(light[-1] / 2, light, annulus.edges[:-1])) if rising else np.nan
    level = profile[annulus.ring]
    uneven = 2.0 * abs(np.mean((values * annulus.twice)[known] / np.abs(level[known]).clip(min=1e-30)))
    return flux, width, float(uneven), *_shift(image, pattern)


def _shift(image: NDArray[np.float64], pattern: _Pattern) -> tuple[float, float, float]:
    """Gauss-Newton on frame = strength * pattern(moved) + constant, each pixel over its ring's level."""
    data = image[pattern.rows, pattern.columns]
    known = np.isfinite(data)
    if not pattern.usable or known.sum() < data.size // 2:
        return np.nan, np.nan, np.nan
    weight = np.where(known, pattern.weight, 0.0)
    data = np.where(known, data, 0.0)
    place, strength = np.zeros(2), 1.0
    for _ in range(_STEPS):
        here = pattern.at(*place)
        slope_x = pattern.at(place[0] + _STEP_PX, place[1]) - pattern.at(place[0] - _STEP_PX, place[1])
        slope_y = pattern.at(place[0], place[1] + _STEP_PX) - pattern.at(place[0], place[1] - _STEP_PX)
        design = np.column_stack([here, slope_x * strength, slope_y * strength, np.ones(here.size)])
        design = np.where(np.isfinite(design), design, 0.0) * weight[:, None]
        strength, dx, dy, _ = _robust(design, data * weight)
        if not strength > 0:
            return np.nan, np.nan, float(strength)
        place = place + np.clip([dx, dy], -2.0, 2.0)
        if np.hypot(*place) > _FARTHEST_PX:
            return np.nan, np.nan, float(strength)
        if max(abs(dx), abs(dy)) < _CONVERGED_PX:
            break
    return float(place[0]), float(place[1]), float(strength)


def _robust(design: NDArray[np.float64], data: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least squares twice, the second time without what lies beyond 4 robust sigma: companions, cosmics."""
    found = _solve(design, data)
    rest = data - design @ found
    spread = 1.4826 * float(np.median(np.abs(rest - np.median(rest))))
    good = np.abs(rest) <= 4.0 * spread if spread > 0 else np.ones(rest.size, bool)
    return _solve(design[good], data[good])


def _solve(design: NDArray[np.float64], data: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.lstsq(design.T @ design, design.T @ data, rcond=1e-12)[0])


@compiled
def _sample(
    plane: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    for i in range(x.size):
        out[i] = value_at(plane, x[i], y[i])
