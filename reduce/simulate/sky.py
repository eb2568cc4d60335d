"""From a star's catalogue place to where the telescope sees it: place of date, hour angle, parallactic angle.

Angles follow from unit vectors in the local equatorial frame (towards the
meridian, the west, the pole); there is no spherical-trigonometry formula here,
because the reduction has one.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from astropy import units as u
from astropy.coordinates import TETE, Distance, EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers
from numpy.typing import NDArray

__all__ = ["LATITUDE_DEG", "LONGITUDE_DEG", "Companion", "Pointing", "Target", "local_sky", "offset_on_sky"]

LATITUDE_DEG = -24.6268
LONGITUDE_DEG = -70.4045
HEIGHT_M = 2648.0

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Target:
    """A star: ICRS place at J2000.0, proper motion (of RA: times cos Dec), parallax, H magnitude."""

    name: str
    ra_deg: float
    dec_deg: float
    pm_ra_mas_yr: float
    pm_dec_mas_yr: float
    parallax_mas: float
    magnitude_h: float

    def at(self, when: Time) -> SkyCoord:
        """ICRS place at an epoch."""
        start = SkyCoord(
            self.ra_deg * u.deg,
            self.dec_deg * u.deg,
            pm_ra_cosdec=self.pm_ra_mas_yr * u.mas / u.yr,
            pm_dec=self.pm_dec_mas_yr * u.mas / u.yr,
            distance=Distance(parallax=self.parallax_mas * u.mas),
            obstime=Time("J2000.0", scale="tt"),
            frame="icrs",
        )
        moved = start.apply_space_motion(new_obstime=when)
        return SkyCoord(moved.ra, moved.dec, frame="icrs")


@dataclass(frozen=True, slots=True)
class Companion:
    """A planted source: separation (mas), position angle (deg, ICRS north to east), contrast per channel."""

    separation_mas: float
    pa_deg: float
    contrast: tuple[float, float]


@dataclass(frozen=True)
class Pointing:
    """Where the star is at several instants; every array has shape (time,), degrees.

    Attributes
    ----------
    ra_date, dec_date : NDArray[np.float64]
        Apparent place: true equator and equinox of date.
    hour_angle, altitude, azimuth : NDArray[np.float64]
        Without refraction; azimuth from south to west, as the VLT counts.
    parallactic : NDArray[np.float64]
        Position angle of the zenith, from the north of date to the east.
    icrs_north : NDArray[np.float64]
        Position angle of the ICRS pole's direction in the frame of date.
    sidereal_s : NDArray[np.float64]
        Local apparent sidereal time in seconds.
    """

    ra_date: Vector
    dec_date: Vector
    hour_angle: Vector
    altitude: Vector
    azimuth: Vector
    parallactic: Vector
    icrs_north: Vector
    sidereal_s: Vector


def local_sky(target: Target, instants: list[datetime]) -> Pointing:
    """Follow a star.

    Parameters
    ----------
    target : Target
        The star.
    instants : list[datetime]
        UTC.

    Returns
    -------
    Pointing
        Arrays of shape (time,).
    """
    with iers.conf.set_temp("auto_download", value=False), iers.conf.set_temp("auto_max_age", None):
        site = EarthLocation.from_geodetic(LONGITUDE_DEG * u.deg, LATITUDE_DEG * u.deg, HEIGHT_M * u.m)
        when = Time([each.replace(tzinfo=None) for each in instants], scale="utc", location=site)
        place = target.at(when[0])
        frame = TETE(obstime=when, location=site)
        date = place.transform_to(frame)
        ahead = place.directional_offset_by(0 * u.deg, 1 * u.arcmin).transform_to(frame)
        sidereal = when.sidereal_time("apparent", longitude=LONGITUDE_DEG * u.deg)
    hour_angle = np.asarray((sidereal - date.ra).wrap_at(180 * u.deg).deg, dtype=np.float64)
    dec = np.asarray(date.dec.deg, dtype=np.float64)
    star = _local(hour_angle, dec)
    altitude, azimuth = _horizontal(star)
    return Pointing(
        ra_date=np.asarray(date.ra.deg, dtype=np.float64),
        dec_date=dec,
        hour_angle=hour_angle,
        altitude=altitude,
        azimuth=azimuth,
        parallactic=_direction(star, _local(np.zeros(1), np.array([LATITUDE_DEG]))),
        icrs_north=np.asarray(date.position_angle(ahead).wrap_at(180 * u.deg).deg, dtype=np.float64),
        sidereal_s=np.asarray(sidereal.hourangle, dtype=np.float64) * 3600.0,
    )


def offset_on_sky(pointing: Pointing, companion: Companion) -> tuple[Vector, Vector]:
    """Separation (mas) and position angle (deg, from the north of date) of a companion at each instant."""
    angle = companion.pa_deg + pointing.icrs_north
    return np.full_like(angle, companion.separation_mas), angle


def _local(hour_angle_deg: Vector, dec_deg: Vector) -> Vector:
    """Unit vectors (3, time) along (meridian on the equator, west on the equator, pole)."""
    h, d = np.radians(hour_angle_deg), np.radians(dec_deg)
    return np.stack([np.cos(d) * np.cos(h), np.cos(d) * np.sin(h), np.sin(d) * np.ones_like(h)])


def _horizontal(star: Vector) -> tuple[Vector, Vector]:
    """Altitude and azimuth (south 0, west 90), degrees."""
    zenith = _local(np.zeros(1), np.array([LATITUDE_DEG]))
    south = _local(np.zeros(1), np.array([LATITUDE_DEG - 90.0]))
    west = np.array([[0.0], [1.0], [0.0]])
    up, to_south, to_west = ((star * axis).sum(axis=0) for axis in (zenith, south, west))
    return np.degrees(np.arcsin(up)), np.degrees(np.arctan2(to_west, to_south)) % 360.0


def _direction(star: Vector, other: Vector) -> Vector:
    """Position angle at `star` (3, time) of the great circle to `other`, from north to east, degrees."""
    pole = np.array([[0.0], [0.0], [1.0]])
    north = pole - star * (star * pole).sum(axis=0)
    east = np.cross(star, north, axis=0)  # this frame is left-handed: hour angle grows westward
    angle: Vector = np.degrees(np.arctan2((other * east).sum(axis=0), (other * north).sum(axis=0)))
    return angle
