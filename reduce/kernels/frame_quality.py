"""How good each frame of a sequence is: light and shape of its halo, the star's wander.

Frames have the star on pixel size // 2; nothing here knows a band or an instrument.
"""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.compiled import compiled
from reduce.kernels.spline import coefficients, value_at

__all__ = ["Frames", "Measured", "measure"]

_REFERENCE_FRAMES = 64  # whose median is the sequence's own pattern
_PIXELS = 8_000  # enough for the star's wander to some 0.02 px
_PATTERN = 0.5  # share of the annulus, from inside, where the star's own pattern rules
_STEPS = 6
_CONVERGED_PX = 1e-3
_FARTHEST_PX = 6.0  # beyond that the pattern is another
_MARGIN = 8
_RINGS = 3
_NUMBERS = 8  # of a frame
_CLIP = 4.0  # robust sigma: companions and cosmic rays lie beyond
_TINY = 1e-30
_SEEN = 4.0  # power of the median pattern over that of the noise in it: a pattern is there
_STEP_PX = 0.5  # of the pattern's slope, a central difference
_LASTING = 0.03  # of a ring's level: how well its pattern lasts, where nothing else limits it


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
    not count, in the frames' unit; `noise` (time,) its error; `width` (time,) px: the circle of that radius
    parts the annulus' light in halves; `asymmetry` (time,) amplitude of the halo's
    cos 2(angle) over its mean: wind; `shift` (time, 2) px: star's (x, y) off its place, against
    the sequence's median, NaN where the pattern is not found; `shift_error` (time,) px of each, infinite
    where there is no pattern to measure it by; `pattern` (time,) strength of the sequence's median speckles,
    1 = the median's own.
    """

    flux: NDArray[np.float64]
    noise: NDArray[np.float64]
    width: NDArray[np.float64]
    asymmetry: NDArray[np.float64]
    shift: NDArray[np.float64]
    shift_error: NDArray[np.float64]
    pattern: NDArray[np.float64]


class _Annulus(NamedTuple):
    """Pixels (pixel,) of the annulus in a crop: places off the star, ring of each, angle; rings' areas."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    ring: NDArray[np.intp]
    radius: NDArray[np.float64]
    twice: NDArray[np.complex128]
    edges: NDArray[np.float64]
    fwhm: float


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
    pattern = _Pattern(*_reference(frames, crop), min(frames.shape[0], _REFERENCE_FRAMES), annulus)
    rows = [
        _one(np.asarray(frames[time][crop], np.float64), annulus, pattern) for time in range(frames.shape[0])
    ]
    table = np.array(rows, dtype=np.float64).reshape(frames.shape[0], _NUMBERS)
    flux, noise, width, asymmetry, *_, error, strength = table.T
    return Measured(flux, noise, width, asymmetry, table[:, 4:6], error, strength)


def _annulus(reach: int, inner: float, outer: float, fwhm: float) -> _Annulus:
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    radius = np.hypot(x, y)
    count = max(int((outer - inner) / fwhm), _RINGS)
    edges = np.linspace(inner, outer, count + 1)
    rows, columns = np.nonzero((radius >= inner) & (radius < outer))
    here = radius[rows, columns]
    ring = np.clip(np.searchsorted(edges, here, side="right") - 1, 0, count - 1)
    angle = np.arctan2(y[rows, columns], x[rows, columns])
    return _Annulus(rows, columns, ring, here, np.exp(2j * angle), edges, fwhm)


def _reference(frames: Frames, crop: tuple[slice, slice]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Median of frames spread evenly over the sequence, and the median deviation from it, both (y, x)."""
    count = frames.shape[0]
    chosen = np.unique(np.linspace(0, count - 1, min(count, _REFERENCE_FRAMES)).round().astype(int))
    stack = np.stack([np.asarray(frames[int(time)][crop], np.float32) for time in chosen])
    known = np.isfinite(stack).all(axis=0)
    median, deviation = np.full((2, *stack.shape[1:]), np.nan)
    here = stack[:, known]
    median[known] = np.median(here, axis=0)
    deviation[known] = np.median(np.abs(here - median[known]), axis=0)
    return median, deviation


def _ring_medians(values: NDArray[np.float64], annulus: _Annulus) -> NDArray[np.float64]:
    """Median of each ring (ring,): companions and spots do not count; NaN where it is empty."""
    parts = [values[annulus.ring == ring] for ring in range(annulus.edges.size - 1)]
    known = [part[np.isfinite(part)] for part in parts]
    return np.array([float(np.median(part)) if part.size else np.nan for part in known])


class _Pattern:
    """The sequence's median speckles as a spline, at the pixels by which the wander is measured."""

    def __init__(
        self,
        reference: NDArray[np.float64],
        deviation: NDArray[np.float64],
        count: int,
        annulus: _Annulus,
    ) -> None:
        within = annulus.radius < annulus.edges[0] + _PATTERN * (annulus.edges[-1] - annulus.edges[0])
        chosen = np.flatnonzero(within)[:: max(int(within.sum()) // _PIXELS, 1)]
        self.rows, self.columns = annulus.rows[chosen], annulus.columns[chosen]
        level = _ring_medians(reference[annulus.rows, annulus.columns], annulus)
        change = 1.4826 * _ring_medians(deviation[annulus.rows, annulus.columns], annulus)
        spread = np.hypot(change, _LASTING * level)[annulus.ring[chosen]]
        self.weight = np.where(spread > 0, 1.0 / np.where(spread > 0, spread, 1.0), 0.0)
        above = (reference[self.rows, self.columns] - level[-1]) * self.weight
        self.usable = bool(np.nanmean(above**2) > _SEEN * np.pi / 2.0 / count) if self.weight.any() else False
        filled = np.where(np.isfinite(reference), reference, 0.0)
        self._spline = coefficients(filled[None])[0]

    def design(self, place: NDArray[np.float64], strength: float) -> NDArray[np.float64]:
        """Columns (pixel, 4): itself with the star there, its slopes in x and y, a constant."""
        x, y = float(place[0]), float(place[1])
        along = self.at(x + _STEP_PX, y) - self.at(x - _STEP_PX, y)
        across = self.at(x, y + _STEP_PX) - self.at(x, y - _STEP_PX)
        slope = strength / (2.0 * _STEP_PX)
        columns = np.column_stack([self.at(x, y), along * slope, across * slope, np.ones(self.rows.size)])
        return np.where(np.isfinite(columns), columns, 0.0)

    def at(self, dx: float, dy: float) -> NDArray[np.float64]:
        """Its value (pixel,) at the pixels when the star is (dx, dy) px off."""
        out = np.empty(self.rows.size)
        x, y = np.asarray(self.columns - dx, np.float64), np.asarray(self.rows - dy, np.float64)
        _sample(self._spline, x, y, out)
        return out


class _Place(NamedTuple):
    """Where the star of one frame stands against the pattern: (x, y) px, error px, the pattern's strength."""

    x: float
    y: float
    error: float
    strength: float


def _one(image: NDArray[np.float64], annulus: _Annulus, pattern: _Pattern) -> tuple[float, ...]:
    """Flux, its noise, width, asymmetry, shift x, y, its error, strength of the pattern."""
    values = image[annulus.rows, annulus.columns]
    known = np.isfinite(values)
    profile = _ring_medians(values, annulus)
    if not known.any() or not np.isfinite(profile).all():
        return (np.nan,) * _NUMBERS
    area = np.diff(annulus.edges**2)
    share = area[:-1] / area[:-1].sum()
    above = profile[:-1] - profile[-1]
    errors = _ring_errors(values, profile, annulus)
    noise = float(np.hypot(np.sqrt(((share * errors[:-1]) ** 2).sum()), errors[-1]))
    light = np.concatenate([[0.0], np.cumsum(above * area[:-1])])
    rising = bool((np.diff(light) > 0).all())
    width = float(np.interp(light[-1] / 2, light, annulus.edges[:-1])) if rising else np.nan
    level = np.abs(profile[annulus.ring]).clip(min=_TINY)
    uneven = 2.0 * abs(np.mean((values * annulus.twice)[known] / level[known]))
    return float((above * share).sum()), noise, width, float(uneven), *_shift(image, pattern, annulus.fwhm)


def _ring_errors(
    values: NDArray[np.float64], profile: NDArray[np.float64], annulus: _Annulus
) -> NDArray[np.float64]:
    """Error of each ring's median; pixels within one FWHM are not independent."""
    rest = np.abs(values - profile[annulus.ring])
    spread = 1.4826 * _ring_medians(rest, annulus)
    count = np.bincount(annulus.ring, minlength=profile.size) / max(annulus.fwhm**2, 1.0)
    return np.asarray(spread * np.sqrt(np.pi / 2.0 / np.maximum(count, 1.0)))


def _shift(image: NDArray[np.float64], pattern: _Pattern, fwhm: float) -> _Place:
    """Gauss-Newton on frame = strength * pattern(moved) + constant, each pixel over its ring's level."""
    data = image[pattern.rows, pattern.columns]
    known = np.isfinite(data)
    if not pattern.usable or known.sum() < data.size // 2:
        return _Place(np.nan, np.nan, np.inf, np.nan)
    weight = np.where(known, pattern.weight, 0.0)
    data = np.where(known, data, 0.0) * weight
    place, strength, error = np.zeros(2), 1.0, np.inf
    for _ in range(_STEPS):
        design = pattern.design(place, strength) * weight[:, None]
        (strength, dx, dy, _), errors = _robust(design, data)
        error = float(np.hypot(*errors[1:3]) / np.sqrt(2.0)) * max(fwhm, 1.0)
        place = place + np.clip([dx, dy], -2.0, 2.0)
        if not strength > 0 or np.hypot(*place) > _FARTHEST_PX:
            return _Place(np.nan, np.nan, error, float(strength))
        if max(abs(dx), abs(dy)) < _CONVERGED_PX:
            break
    return _Place(float(place[0]), float(place[1]), error, float(strength))


def _robust(
    design: NDArray[np.float64], data: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least squares twice, the second time without what lies beyond 4 robust sigma; errors of each number."""
    found = _solve(design, data)
    rest = data - design @ found
    rest -= np.median(rest)  # hits lift the constant
    spread = 1.4826 * float(np.median(np.abs(rest)))
    good = np.abs(rest) <= _CLIP * spread if spread > 0 else np.ones(rest.size, bool)
    used = design[good]
    variance = np.linalg.pinv(used.T @ used).diagonal() * spread**2
    return _solve(used, data[good]), np.sqrt(np.maximum(variance, 0.0))


def _solve(design: NDArray[np.float64], data: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.lstsq(design.T @ design, design.T @ data, rcond=1e-12)[0])


@compiled
def _sample(
    plane: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    for i in range(x.size):
        out[i] = value_at(plane, x[i], y[i])
