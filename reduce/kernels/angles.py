"""Exposure times and field angles, all of date, in degrees."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "PlaneTimes",
    "derotator_correction",
    "parallactic_angle",
    "plane_times",
    "through_meridian",
    "unwrapped",
]

_DAY_S = 86400.0


class PlaneTimes(NamedTuple):
    """Start, middle and end of each integration, UTC, MJD, float64 (plane,)."""

    start: NDArray[np.float64]
    middle: NDArray[np.float64]
    end: NDArray[np.float64]


def plane_times(first_mjd: float, written_mjd: float, ndit: int, dit_s: float, delay_s: float) -> PlaneTimes:
    """Times of the integrations of one file.

    Parameters
    ----------
    first_mjd : float
        ``DATE-OBS``, MJD.
    written_mjd : float
        ``DET FRAM UTC``, MJD: the file is closed after the last integration.
    ndit : int
        Integrations in the file.
    dit_s : float
        Length of one, s (``DET SEQ1 REALDIT`` where present).
    delay_s : float
        ``DET DITDELAY``, s, waited before each.

    Returns
    -------
    PlaneTimes
        Each (ndit,). Integrations follow each other in equal steps of (written - first) / ndit.

    Raises
    ------
    ValueError
        If the integrations do not fit between the two clocks.
    """
    step_s = (written_mjd - first_mjd) * _DAY_S / ndit
    if not 0 < dit_s <= step_s + 1e-3:  # clocks are written to 1e-4 s
        raise ValueError(f"{ndit} integrations of {dit_s} s do not fit in {step_s * ndit:.3f} s")
    start = first_mjd + (np.arange(ndit, dtype=np.float64) * step_s + delay_s) / _DAY_S
    return PlaneTimes(start, start + dit_s / 2 / _DAY_S, start + dit_s / _DAY_S)


def parallactic_angle(
    hour_angle_deg: NDArray[np.float64], dec_deg: float, latitude_deg: float
) -> NDArray[np.float64]:
    """Angle at the star from the pole to the zenith, positive towards east.

    Parameters
    ----------
    hour_angle_deg : NDArray[np.float64]
        Apparent sidereal time minus right ascension of date, degrees.
    dec_deg : float
        Declination of date, degrees.
    latitude_deg : float
        Geodetic latitude, degrees.

    Returns
    -------
    NDArray[np.float64]
        -180..180 degrees, shape of `hour_angle_deg`: spherical triangle pole, zenith, star.
    """
    hour_angle, dec, latitude = np.radians(hour_angle_deg), np.radians(dec_deg), np.radians(latitude_deg)
    east = np.sin(hour_angle)
    north = np.cos(dec) * np.tan(latitude) - np.sin(dec) * np.cos(hour_angle)
    return np.asarray(np.degrees(np.arctan2(east, north)))


def through_meridian(
    parang_deg: NDArray[np.float64], dec_deg: float, latitude_deg: float
) -> NDArray[np.float64]:
    """Parallactic angles on the branch that has no jump at the upper culmination, however few there are.

    Parameters
    ----------
    parang_deg : NDArray[np.float64]
        Of `parallactic_angle`, degrees, any shape.
    dec_deg : float
        Declination of date, degrees.
    latitude_deg : float
        Geodetic latitude, degrees.

    Returns
    -------
    NDArray[np.float64]
        0..360 for a star that culminates north of the zenith (it passes 180 there), -180..180 for
        another (it passes 0): differences are true turns even where a star runs through the zenith
        between two times.
    """
    north = dec_deg > latitude_deg
    return np.asarray(np.mod(parang_deg, 360.0) if north else parang_deg, dtype=np.float64)


def unwrapped(angles_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angles without jumps: a star that culminates north of the zenith passes 180 degrees.

    Parameters
    ----------
    angles_deg : NDArray[np.float64]
        (time,) degrees.

    Returns
    -------
    NDArray[np.float64]
        The same directions; neighbours differ by less than 180 degrees.
    """
    return np.asarray(np.unwrap(angles_deg, period=360.0))


def derotator_correction(altitude_deg: float, derotator_begin_deg: float) -> float:
    """Angle to add while the derotator's clock was wrong (before 2016-07-12).

    Parameters
    ----------
    altitude_deg : float
        Telescope altitude at the file's start, degrees.
    derotator_begin_deg : float
        ``INS4 DROT2 BEGIN``, degrees.

    Returns
    -------
    float
        Degrees, -90..90: atan(tan(altitude - 2 begin)) (Delorme et al. 2017).
    """
    return float(np.degrees(np.arctan(np.tan(np.radians(altitude_deg - 2.0 * derotator_begin_deg)))))
