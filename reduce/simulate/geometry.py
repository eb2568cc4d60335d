"""Where star and companions fall on the detector during each integration."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from reduce.simulate.instrument import FIELDS, MICRON_PER_PIXEL, PUPIL_OFFSET, TRUE_NORTH
from reduce.simulate.scene import Trail
from reduce.simulate.schedule import Exposure
from reduce.simulate.sky import Companion, Pointing, Target, local_sky, offset_on_sky

__all__ = ["DEROTATOR_REPAIRED", "Derotator", "FrameGeometry", "StarPlace", "frame_geometry"]

_INSTANTS = 7
"""Places of a companion during one integration."""
DEROTATOR_REPAIRED = datetime(2016, 7, 12)  # noqa: DTZ001 - UTC throughout


@dataclass(frozen=True, slots=True)
class Derotator:
    """Altitude the derotator believed in at each file's start: its error turns the field before 2016-07-12.

    Attributes
    ----------
    lag_deg : float
        Telescope's altitude minus twice the derotator angle, first file.
    trend_deg_hour : float
        Its change.
    first : datetime
        Time of the first file.
    """

    lag_deg: float
    trend_deg_hour: float
    first: datetime

    def lag(self, exposure: Exposure) -> float:
        """ALT - 2 BEGIN at the start of a file, degrees."""
        if exposure.start >= DEROTATOR_REPAIRED:
            return 1.0 if exposure.kind == "OBJECT" else 0.0
        hours = (exposure.start - self.first).total_seconds() / 3600.0
        return self.lag_deg + self.trend_deg_hour * hours

    def error(self, exposure: Exposure) -> float:
        """Degrees by which the field is turned; a late reading of BEGIN (after the repair) turns nothing."""
        return self.lag(exposure) if exposure.start < DEROTATOR_REPAIRED else 0.0


@dataclass(frozen=True, slots=True)
class StarPlace:
    """Star behind the mask in each field at stage zero, and how it wanders.

    Attributes
    ----------
    base : tuple[tuple[float, float], tuple[float, float]]
        (x, y), 0-based in the field, by channel.
    drift_px_hour : tuple[float, float]
        Slow drift.
    first : datetime
        Time at which the drift is zero.
    """

    base: tuple[tuple[float, float], tuple[float, float]]
    drift_px_hour: tuple[float, float]
    first: datetime

    def at(
        self, exposure: Exposure, when: datetime, jitter: tuple[float, float], offset: tuple[float, float]
    ) -> tuple[tuple[float, float], tuple[float, float]]:
        """Star in both fields: base + stage/18 um + drift + jitter + telescope offset, pixels."""
        hours = (when - self.first).total_seconds() / 3600.0
        shift = [
            exposure.stage_um[axis] / MICRON_PER_PIXEL
            + self.drift_px_hour[axis] * hours
            + jitter[axis]
            + offset[axis]
            for axis in (0, 1)
        ]
        left, right = ((x + shift[0], y + shift[1]) for x, y in self.base)
        return left, right


def draw_star_place(first: datetime, rng: np.random.Generator) -> StarPlace:
    """Random sub-pixel places near the usual ones."""
    base = [tuple(float(c + rng.uniform(-0.6, 0.6)) for c in field.centre) for field in FIELDS]
    drift = rng.normal(0.0, 0.04, 2)
    left, right = ((each[0], each[1]) for each in base)
    return StarPlace((left, right), (float(drift[0]), float(drift[1])), first)


@dataclass(frozen=True)
class FrameGeometry:
    """Angles of one integration, degrees, and companions' trails by channel.

    Attributes
    ----------
    middle : datetime
        Middle of the integration.
    parallactic : float
        Of date, at the middle.
    derotator_error : float
        Turn of the field by the derotator.
    angle : float
        PA_sky (of date) = PA_detector + angle, at the middle.
    icrs_rotation : float
        PA_sky (ICRS) = PA_detector + angle + icrs_rotation.
    trails : tuple[tuple[Trail, ...], tuple[Trail, ...]]
        Companions in each channel.
    """

    middle: datetime
    parallactic: float
    derotator_error: float
    angle: float
    icrs_rotation: float
    trails: tuple[tuple[Trail, ...], tuple[Trail, ...]]


def frame_geometry(
    exposure: Exposure,
    target: Target,
    companions: tuple[Companion, ...],
    derotator: Derotator,
    tracking: str = "PUPIL",
) -> list[FrameGeometry]:
    """Geometry of every integration of a file on sky.

    Parameters
    ----------
    exposure : Exposure
        The file.
    target : Target
        The star.
    companions : tuple[Companion, ...]
        Planted sources.
    derotator : Derotator
        Its error.
    tracking : str
        PUPIL or FIELD: then the sky stands still on the detector.

    Returns
    -------
    list[FrameGeometry]
        One an integration.
    """
    instants = [when for frame in range(exposure.ndit) for when in exposure.instants(frame, _INSTANTS)]
    pointing = local_sky(target, instants)
    error = derotator.error(exposure) if tracking == "PUPIL" else 0.0
    turning = pointing.parallactic + error + PUPIL_OFFSET if tracking == "PUPIL" else 0.0
    angle = np.zeros(len(instants)) + turning + TRUE_NORTH
    places = [_on_detector(pointing, companion, angle) for companion in companions]
    frames = []
    for frame in range(exposure.ndit):
        part = slice(frame * _INSTANTS, (frame + 1) * _INSTANTS)
        middle = part.start + _INSTANTS // 2
        left, right = (
            tuple(
                Trail(x[part], y[part], companion.contrast[channel])
                for (x, y), companion in zip(places, companions, strict=True)
            )
            for channel in (0, 1)
        )
        frames.append(
            FrameGeometry(
                middle=instants[middle],
                parallactic=float(pointing.parallactic[middle]),
                derotator_error=error,
                angle=float(angle[middle]),
                icrs_rotation=float(-pointing.icrs_north[middle]),
                trails=(left, right),
            )
        )
    return frames


def _on_detector(
    pointing: Pointing, companion: Companion, angle: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Companion relative to the star along the detector's axes, mas; PA counts from +y to -x."""
    separation, pa = offset_on_sky(pointing, companion)
    turn = np.radians(pa - angle)
    return -separation * np.sin(turn), separation * np.cos(turn)
