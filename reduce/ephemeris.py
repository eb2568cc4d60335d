"""Sky and clock for a file's frames: sidereal time, place at epoch, turn to ICRS (astropy's IAU models)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.coordinates import ICRS, TETE, EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers
from numpy.typing import NDArray

from hcvo.errors import ReductionError
from reduce.exposure import Exposure, Pointing, Site
from reduce.instruments import sphere_irdis
from reduce.kernels import angles

__all__ = ["Directions", "directions", "icrs_rotation", "place_at", "sidereal_time"]

_J2000, _YEAR_D = 51544.5, 365.25
_PARANG_DEG = 0.3  # of the header's angle at most, which real headers meet to 0.02
_CLOCK_S = 5.0  # by which the header's angle may be earlier or later, where the field turns fast
_STEP_DEG = 1e-3  # small against the rotation's change over the sky, large against rounding


@dataclass(frozen=True, slots=True)
class Directions:
    """Times and field angles of one file's planes; arrays (plane,), degrees and MJD UTC.

    The angle of date is the sum parang + pupil_offset + instrument_offset + true_north + correction;
    `icrs_rotation` turns it to the north of ICRS; `smear` is how far the field turns on the detector
    during each plane, signed as the angle; `parang_off` by how much the header's own parallactic angles
    (``TEL PARANG START, END``) differ, NaN where it has none or the field is tracked.
    """

    times: angles.PlaneTimes
    parang: NDArray[np.float64]
    pupil_offset: float
    instrument_offset: float
    true_north: float
    correction: float
    icrs_rotation: float
    smear: NDArray[np.float64]
    parang_off: float = float("nan")

    @property
    def angle(self) -> NDArray[np.float64]:
        """Of date, degrees: PA on the sky = PA on the detector + angle."""
        fixed = self.pupil_offset + self.instrument_offset + self.true_north + self.correction
        return self.parang + fixed


@contextmanager
def _offline() -> Iterator[None]:
    """Use the Earth-rotation tables that came with the libraries: no download, no age limit."""
    with iers.conf.set_temp("auto_download", False), iers.conf.set_temp("auto_max_age", None):  # noqa: FBT003 - the name stands before it
        yield


def sidereal_time(mjd: NDArray[np.float64], site: Site) -> NDArray[np.float64]:
    """Local apparent sidereal time.

    Parameters
    ----------
    mjd : NDArray[np.float64]
        UTC, days, any shape.
    site : Site
        Where.

    Returns
    -------
    NDArray[np.float64]
        Degrees (IAU 2006/2000A).
    """
    place = EarthLocation.from_geodetic(
        site.longitude_deg * u.deg, site.latitude_deg * u.deg, site.height_m * u.m
    )
    with _offline():
        times = Time(mjd, format="mjd", scale="utc", location=place)
        return np.asarray(times.sidereal_time("apparent").to_value(u.deg))


def place_at(pointing: Pointing, mjd: float) -> tuple[float, float]:
    """ICRS position of the star at an epoch.

    Parameters
    ----------
    pointing : Pointing
        Mean place at its epoch, equinox 2000, and proper motion.
    mjd : float
        Epoch, UTC.

    Returns
    -------
    tuple[float, float]
        (ra, dec) degrees; motion along a straight line, good to a milliarcsecond over decades.
    """
    years = (mjd - _J2000) / _YEAR_D - (pointing.epoch_yr - 2000.0)
    dec = pointing.dec_icrs_deg + pointing.pm_dec_arcsec * years / 3600.0
    ra = pointing.ra_icrs_deg + pointing.pm_ra_arcsec * years / 3600.0 / np.cos(
        np.radians(pointing.dec_icrs_deg)
    )
    return float(ra % 360.0), float(dec)


def icrs_rotation(ra_deg: float, dec_deg: float, mjd: float) -> float:
    """Angle to add to a position angle of date to count it from ICRS north.

    Parameters
    ----------
    ra_deg : float
        Star, ICRS, degrees.
    dec_deg : float
        Likewise.
    mjd : float
        UTC.

    Returns
    -------
    float
        Degrees: minus the position angle, in the true equator and equinox of date, of ICRS north.
    """
    with _offline():
        when = Time(mjd, format="mjd", scale="utc")
        star = SkyCoord(ra_deg * u.deg, np.array([dec_deg, dec_deg]) * u.deg, frame=ICRS)
        towards_north = star.directional_offset_by([0.0, 0.0] * u.deg, [0.0, _STEP_DEG] * u.deg)
        of_date = towards_north.transform_to(TETE(obstime=when))
        turn = of_date[0].position_angle(of_date[1]).wrap_at(180 * u.deg)
    return -float(turn.to_value(u.deg))


def directions(exposure: Exposure) -> Directions:
    """Times and field angles of an IRDIS file.

    Parameters
    ----------
    exposure : Exposure
        A file on the sky.

    Returns
    -------
    Directions
        In field tracking north stays put: `parang` and `smear` are 0 and the pupil offset is
        ``DROT2 POSANG`` (its sign is not verified for angles other than 0). In pupil tracking `parang`
        runs on through the meridian: 0..360 for a star that culminates north of the zenith.

    Raises
    ------
    ReductionError
        If the clocks leave no room for the integrations, the angles they give are not those that the
        telescope wrote, or the derotator did neither.
    """
    pointing, frame = exposure.pointing(), exposure.frame
    times = _times(exposure)
    middle = float(times.middle.mean())
    north = sphere_irdis.astrometry_at(frame.night, frame.filter).north_deg
    turn = icrs_rotation(*place_at(pointing, middle), middle)
    if frame.derotator_mode == "SKY":
        still = np.zeros(frame.ndit)
        return Directions(times, still, pointing.position_angle_deg, 0.0, north, 0.0, turn, still)
    if frame.derotator_mode != "ELEV":
        raise ReductionError(
            f"{frame.dp_id}: ESO INS4 DROT2 MODE is {frame.derotator_mode!r}, wanted 'ELEV' (pupil tracking) "
            "or 'SKY' (field tracking): the field's direction is not known"
        )
    start, parang, end = (_parang(each, pointing, exposure.site()) for each in times)
    return Directions(
        times,
        parang,
        sphere_irdis.PUPIL_OFFSET_DEG,
        sphere_irdis.INSTRUMENT_OFFSET_DEG,
        north,
        _correction(exposure, pointing),
        turn,
        end - start,
        _against_header(exposure, (float(start[0]), float(end[-1])), float(np.abs(end - start).max())),
    )


def _against_header(exposure: Exposure, ends: tuple[float, float], smear: float) -> float:
    """Largest difference to the parallactic angles of the header: a wrong clock shows here."""
    frame = exposure.frame
    told = [frame.cards.get(f"ESO TEL PARANG {word}") for word in ("START", "END")]
    off = [
        abs((own - float(card) + 180.0) % 360.0 - 180.0)
        for own, card in zip(ends, told, strict=True)
        if isinstance(card, int | float)
    ]
    if not off:
        return float("nan")
    allowed = _PARANG_DEG + _CLOCK_S * smear / exposure.real_dit_s
    if max(off) > allowed:
        raise ReductionError(
            f"{frame.dp_id}: the clocks (DATE-OBS, DET FRAM UTC) give parallactic angles {ends[0]:.2f} to "
            f"{ends[1]:.2f} deg, the header says TEL PARANG START, END {told[0]}, {told[1]}; wanted within "
            f"{allowed:.2f} deg: one of them is wrong; fetch the file again or leave it out"
        )
    return max(off)


def _times(exposure: Exposure) -> angles.PlaneTimes:
    frame = exposure.frame
    try:
        return angles.plane_times(
            frame.mjd_obs, exposure.written_mjd, frame.ndit, exposure.real_dit_s, exposure.delay_s
        )
    except ValueError as error:
        raise ReductionError(
            f"{frame.dp_id}: {error}: DATE-OBS, DET FRAM UTC, DIT or NDIT is wrong"
        ) from error


def _parang(mjd: NDArray[np.float64], pointing: Pointing, site: Site) -> NDArray[np.float64]:
    hour_angle = sidereal_time(mjd, site) - pointing.ra_of_date_deg
    parang = angles.parallactic_angle(hour_angle, pointing.dec_of_date_deg, site.latitude_deg)
    return angles.through_meridian(parang, pointing.dec_of_date_deg, site.latitude_deg)


def _correction(exposure: Exposure, pointing: Pointing) -> float:
    """Of the derotator's clock; whole nights count: it was repaired by day."""
    if exposure.night >= sphere_irdis.DEROTATOR_FIXED:
        return 0.0
    return angles.derotator_correction(pointing.altitude_deg, pointing.derotator_begin_deg)
