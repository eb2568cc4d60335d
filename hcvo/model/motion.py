"""Star positions moved to an epoch, and distances on the sky."""

import math

__all__ = ["julian_year", "position_at", "separation_arcsec"]

_MAS = math.radians(1.0 / 3.6e6)
_J2000_MJD = 51544.5


def julian_year(mjd: float) -> float:
    """Epoch of a modified Julian date: 2000.0 for 51544.5."""
    return 2000.0 + (mjd - _J2000_MJD) / 365.25


def position_at(
    ra_deg: float, dec_deg: float, pm_ra_mas: float, pm_dec_mas: float, years: float
) -> tuple[float, float]:
    """Move a star along its proper motion, on a great circle.

    Radial velocity and parallax are left out: below 0.1 arcsec within decades but for a handful of stars.

    Parameters
    ----------
    ra_deg : float
        Right ascension, ICRS, degrees.
    dec_deg : float
        Declination, ICRS, degrees.
    pm_ra_mas : float
        Proper motion in right ascension times cos(dec), mas/yr.
    pm_dec_mas : float
        Proper motion in declination, mas/yr.
    years : float
        From the epoch of the position to the wanted one.

    Returns
    -------
    tuple[float, float]
        Right ascension and declination, ICRS, degrees.
    """
    ra, dec = math.radians(ra_deg), math.radians(dec_deg)
    east = pm_ra_mas * _MAS * years
    north = pm_dec_mas * _MAS * years
    radial, polar = math.cos(dec) - north * math.sin(dec), math.sin(dec) + north * math.cos(dec)
    x = radial * math.cos(ra) - east * math.sin(ra)
    y = radial * math.sin(ra) + east * math.cos(ra)
    return math.degrees(math.atan2(y, x)) % 360.0, math.degrees(math.atan2(polar, math.hypot(x, y)))


def separation_arcsec(ra1_deg: float, dec1_deg: float, ra2_deg: float, dec2_deg: float) -> float:
    """Angular distance of two positions in degrees, in arcseconds (haversine: exact when small)."""
    dec1, dec2 = math.radians(dec1_deg), math.radians(dec2_deg)
    half = math.sin((dec2 - dec1) / 2) ** 2
    half += math.cos(dec1) * math.cos(dec2) * math.sin(math.radians(ra2_deg - ra1_deg) / 2) ** 2
    return math.degrees(2 * math.asin(min(1.0, math.sqrt(half)))) * 3600.0
