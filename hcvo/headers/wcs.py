"""Celestial coordinates of our images: gnomonic projection about the star, CD matrix only.

An image has odd size n with the star at pixel n//2 (0-based), CRPIX = n//2 + 1.
Rotated by `angle_deg` as in PA_sky = PA_detector + angle, position angles from +y
towards -x; 0 for derotated products: CD1_1 < 0, CD2_2 > 0, north up, east left.
Projection: Calabretta & Greisen 2002, A&A 395, 1077, section 5.1.3.
"""

import math
from collections.abc import Mapping
from typing import Any

from astropy.io import fits
from astropy.wcs import WCS

from hcvo.errors import HeaderError

__all__ = ["celestial_header", "footprint", "offset_of_sky", "pixel_of_offset", "sky_of_offset"]

_MAS_PER_DEG = 3.6e6
_OURS = {
    "CUNIT1": "deg", "CUNIT2": "deg", "RADESYS": "ICRS", "LONPOLE": 180.0
}  # fmt: skip
"""Cards that say what holds without them too."""
_NUMBERS = (
    "NAXIS1", "NAXIS2", "CRPIX1", "CRPIX2", "CRVAL1", "CRVAL2", "CD1_1", "CD1_2", "CD2_1", "CD2_2"
)  # fmt: skip
_FOREIGN = ("PV", "PC", "CDELT", "CROTA", "A_", "B_", "AP_", "BP_", "CPDIS", "D2IM", "PS", "LATPOLE")
"""Cards that change what the others mean, by the beginning of their keywords."""


def celestial_header(
    size: int,
    pixel_scale_mas: float,
    ra_deg: float,
    dec_deg: float,
    *,
    angle_deg: float = 0.0,
    extra_axes: tuple[str, ...] = (),
) -> fits.Header:
    """World coordinate cards of an image with the star at pixel n//2.

    Parameters
    ----------
    size : int
        Pixels a side, odd.
    pixel_scale_mas : float
        mas a pixel.
    ra_deg : float
        Right ascension of the star, ICRS degrees.
    dec_deg : float
        Declination of the star, ICRS degrees.
    angle_deg : float
        Derotation angle of the image; 0 once it is north up.
    extra_axes : tuple[str, ...]
        Names of further FITS axes 3, 4 ... ('TIME', 'CHANNEL'): counted from 0, no physical unit.

    Returns
    -------
    fits.Header
        WCSAXES, CTYPE, CUNIT, CRPIX, CRVAL, CD matrix, RADESYS.

    Raises
    ------
    HeaderError
        If the size is even.
    """
    if size % 2 == 0:
        raise HeaderError(f"image of {size} pixels a side, wanted an odd number: the star sits on one")
    scale = pixel_scale_mas / _MAS_PER_DEG
    cosine, sine = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    header = fits.Header()
    header["WCSAXES"] = (2 + len(extra_axes), "axes described")
    for axis, name, value in ((1, "RA---TAN", ra_deg), (2, "DEC--TAN", dec_deg)):
        header[f"CTYPE{axis}"] = (name, "gnomonic projection about the star")
        header[f"CUNIT{axis}"] = "deg"
        header[f"CRPIX{axis}"] = (float(size // 2 + 1), "star")
        header[f"CRVAL{axis}"] = (value, "[deg] star, ICRS, at epoch")
    header["CD1_1"] = (-scale * cosine, "[deg/px] east is left")
    header["CD1_2"] = scale * sine + 0.0
    header["CD2_1"] = scale * sine + 0.0
    header["CD2_2"] = (scale * cosine, "[deg/px] north is up")
    for axis, name in enumerate(extra_axes, start=3):
        header[f"CTYPE{axis}"] = (name, "number of the plane, from 0")
        header[f"CRPIX{axis}"] = 1.0
        header[f"CRVAL{axis}"] = 0.0
        header[f"CD{axis}_{axis}"] = 1.0
    header["RADESYS"] = ("ICRS", "celestial frame")
    return header


def footprint(header: Mapping[str, Any]) -> tuple[tuple[float, float], ...]:
    """Outer corners of an image on the sky.

    Parameters
    ----------
    header : Mapping[str, Any]
        With NAXIS1, NAXIS2 and world coordinate cards; of our own kind they are computed at once, others by
        `astropy.wcs`, which takes some milliseconds.

    Returns
    -------
    tuple[tuple[float, float], ...]
        Four (ra, dec) in degrees, counter-clockwise as seen on the sky (north up, east left).

    Raises
    ------
    HeaderError
        If there is no celestial coordinate system.
    """
    if all(header.get(keyword, value) == value for keyword, value in _OURS.items()) and _has_ours(header):
        return _our_footprint(header)
    wcs = WCS(fits.Header(header), fix=False).celestial
    if wcs.naxis != 2:  # noqa: PLR2004 # right ascension and declination
        raise HeaderError("no celestial coordinate system in the header, wanted RA---TAN, DEC--TAN")
    nx, ny = header["NAXIS1"], header["NAXIS2"]
    edges = [(-0.5, -0.5), (nx - 0.5, -0.5), (nx - 0.5, ny - 0.5), (-0.5, ny - 0.5)]
    return tuple((float(ra), float(dec)) for ra, dec in wcs.wcs_pix2world(edges, 0))


def _has_ours(header: Mapping[str, Any]) -> bool:
    """The cards of `celestial_header`, and none that would change what they mean."""
    if (header.get("CTYPE1"), header.get("CTYPE2")) != ("RA---TAN", "DEC--TAN"):
        return False
    numbers = all(isinstance(header.get(keyword), int | float) for keyword in _NUMBERS)
    return numbers and not any(keyword.startswith(_FOREIGN) for keyword in header)


def _our_footprint(header: Mapping[str, Any]) -> tuple[tuple[float, float], ...]:
    nx, ny = header["NAXIS1"], header["NAXIS2"]
    corners = []
    for x, y in ((0.5, 0.5), (nx + 0.5, 0.5), (nx + 0.5, ny + 0.5), (0.5, ny + 0.5)):
        dx, dy = x - header["CRPIX1"], y - header["CRPIX2"]
        east, north = (
            _MAS_PER_DEG * (header[f"CD{axis}_1"] * dx + header[f"CD{axis}_2"] * dy) for axis in (1, 2)
        )
        corners.append(sky_of_offset(header["CRVAL1"], header["CRVAL2"], east, north))
    return tuple(corners)


def sky_of_offset(ra_deg: float, dec_deg: float, east_mas: float, north_mas: float) -> tuple[float, float]:
    """Position at an offset from a star, in the tangent plane.

    Parameters
    ----------
    ra_deg : float
        Right ascension of the star, degrees.
    dec_deg : float
        Declination of the star, degrees.
    east_mas : float
        Offset to the east, mas.
    north_mas : float
        Offset to the north, mas.

    Returns
    -------
    tuple[float, float]
        ra in 0..360 and dec, degrees.
    """
    xi, eta = math.radians(east_mas / _MAS_PER_DEG), math.radians(north_mas / _MAS_PER_DEG)
    sine, cosine = math.sin(math.radians(dec_deg)), math.cos(math.radians(dec_deg))
    down = cosine - eta * sine
    turn = math.atan2(xi, down)
    dec = math.atan2((sine + eta * cosine) * math.cos(turn), down)
    return (ra_deg + math.degrees(turn)) % 360.0, math.degrees(dec)


def offset_of_sky(star: tuple[float, float], place: tuple[float, float]) -> tuple[float, float]:
    """Offset of a position from a star, in the tangent plane.

    Parameters
    ----------
    star : tuple[float, float]
        Its ra and dec, degrees.
    place : tuple[float, float]
        Ra and dec of the position, degrees.

    Returns
    -------
    tuple[float, float]
        East and north, mas.
    """
    turn = math.radians(place[0] - star[0])
    sine, cosine = math.sin(math.radians(star[1])), math.cos(math.radians(star[1]))
    dec = math.radians(place[1])
    depth = math.sin(dec) * sine + math.cos(dec) * cosine * math.cos(turn)
    xi = math.cos(dec) * math.sin(turn) / depth
    eta = (math.sin(dec) * cosine - math.cos(dec) * sine * math.cos(turn)) / depth
    return math.degrees(xi) * _MAS_PER_DEG, math.degrees(eta) * _MAS_PER_DEG


def pixel_of_offset(
    size: int, pixel_scale_mas: float, separation_mas: float, pa_deg: float
) -> tuple[float, float]:
    """Pixel of a place beside the star in a derotated image.

    Parameters
    ----------
    size : int
        Pixels a side, odd.
    pixel_scale_mas : float
        mas a pixel.
    separation_mas : float
        Angular distance, mas.
    pa_deg : float
        Position angle, degrees from north to east.

    Returns
    -------
    tuple[float, float]
        x and y, 0-based.
    """
    radius, angle = separation_mas / pixel_scale_mas, math.radians(pa_deg)
    return size // 2 - radius * math.sin(angle), size // 2 + radius * math.cos(angle)
