"""Measured places of a star over time: a straight line shared by the channels, and what wanders about it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Drift", "fit_drift"]

_HOURS = 24.0
_SHORTEST_H = 1.0 / 60.0  # of a slope worth fitting
_OUTLIER = 5.0
_MAD_TO_SIGMA = 1.4826

Array = NDArray[np.float64]


class Drift(NamedTuple):
    """A line in time for each channel: `start` (channel, 2) px at `origin` (MJD), `slope` (2,) px an hour.

    `covariance` (channel + 1, channel + 1) of start and slope in one axis, px and hours; `span` first and
    last time measured (MJD); `floor` weighted error of one measurement, px, below which no average goes:
    frames share their speckles; `wander` rms beyond errors about the line, px; `common` (2, 2) what a
    wander of 1 px leaves in start and slope, px and hours: the channels move together, so that each time
    counts once.
    """

    origin: float
    start: Array
    slope: Array
    covariance: Array
    span: tuple[float, float]
    floor: float
    wander: float
    common: Array

    def at(self, mjd: Array) -> Array:
        """Places (channel, time, 2) px; constant before the first and after the last measurement."""
        hours = self._hours(mjd)
        return np.asarray(self.start[:, None, :] + self.slope * hours[None, :, None])

    def error(self, mjd: Array, wander: float = 0.0) -> Array:
        """1 sigma of each axis (channel, time), px, of a star that wanders so many px about the line."""
        hours = self._hours(mjd)
        channels = len(self.start)
        own = np.diag(self.covariance)[:channels, None]
        mixed = 2.0 * self.covariance[:channels, -1, None] * hours
        variance = own + mixed + self.covariance[-1, -1] * hours**2
        shared = self.common[0, 0] + 2.0 * self.common[0, 1] * hours + self.common[1, 1] * hours**2
        return np.asarray(np.sqrt(np.maximum(variance, self.floor**2) + wander**2 * shared))

    def _hours(self, mjd: Array) -> Array:
        return (np.clip(np.asarray(mjd, np.float64), *self.span) - self.origin) * _HOURS


def fit_drift(mjd: Array, channel: NDArray[np.int_], places: Array, errors: Array) -> Drift:
    """Fit a line in time through places of all channels.

    Parameters
    ----------
    mjd : Array
        (row,) days.
    channel : NDArray[np.int_]
        (row,) from 0, each at least once.
    places : Array
        (row, 2) px, without dither.
    errors : Array
        (row,) 1 sigma of each axis, px, positive.

    Returns
    -------
    Drift
        Rows far off the line are left out of the fit. Without a span of time the slope is 0.
    """
    origin = float(mjd.mean())
    hours = (mjd - origin) * _HOURS
    count = int(channel.max()) + 1
    design = np.zeros((len(mjd), count + 1))
    design[np.arange(len(mjd)), channel] = 1.0
    slope_known = float(np.ptp(hours)) > _SHORTEST_H
    if slope_known:
        design[:, -1] = hours
    used = np.ones(len(mjd), bool)
    for _ in range(3):
        found, covariance = _solve(design[used], places[used], errors[used])
        rest = places - design @ found
        away = np.hypot(*rest.T)
        spread = np.maximum(errors, _MAD_TO_SIGMA * float(np.median(away)))
        good = away <= _OUTLIER * spread
        used = good if len(np.unique(channel[good])) == count else np.ones(len(mjd), bool)
    freedom = int(used.sum()) - count - int(slope_known)
    rest, sure = rest[used], errors[used]
    wander, scale = 0.0, 1.0
    if freedom > 0:
        scale = max(1.0, float(((rest / sure[:, None]) ** 2).sum()) / 2.0 / freedom)
        variance = float((rest**2).sum()) / 2.0 / freedom
        wander = float(np.sqrt(max(variance - float((sure**2).mean()), 0.0)))
    return Drift(
        origin,
        found[:-1],
        found[-1],
        covariance * scale,
        (float(mjd.min()), float(mjd.max())),
        float(1.0 / np.sqrt(np.mean(1.0 / sure**2))),
        wander,
        _common(hours[used], slope_known=slope_known),
    )


def _common(hours: Array, *, slope_known: bool) -> Array:
    """(2, 2) covariance of start and slope for a star 1 px off at each time, in all channels alike."""
    times = np.unique(hours)
    design = np.column_stack([np.ones_like(times), times if slope_known else np.zeros_like(times)])
    return _solve(design, np.zeros((times.size, 2)), np.ones_like(times))[1]


def _solve(design: Array, places: Array, errors: Array) -> tuple[Array, Array]:
    weighted = design / errors[:, None]
    covariance = np.asarray(np.linalg.pinv(weighted.T @ weighted), np.float64)
    return covariance @ weighted.T @ (places / errors[:, None]), covariance
