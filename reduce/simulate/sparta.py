"""AO telemetry as SPHERE archives it: one file with three tables, a sample every 20 to 30 s."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from reduce.simulate.headers import iso
from reduce.simulate.scenario import Weather

__all__ = ["Atmosphere", "make_atmosphere", "telemetry", "telemetry_name"]

_UNIX_ZERO = datetime(1970, 1, 1)  # noqa: DTZ001 - UTC throughout
_STEP_S = 25.0
_MEDIAN = Weather()


@dataclass(frozen=True)
class Atmosphere:
    """The weather of the sequence on a regular time grid, each array (sample,).

    Attributes
    ----------
    start : datetime
        UTC of the first sample.
    r0_m : NDArray[np.float64]
        Fried parameter at 500 nm.
    wind_m_s : NDArray[np.float64]
        Wind speed.
    strehl : NDArray[np.float64]
        Strehl ratio at 1.6 um.
    transparency : NDArray[np.float64]
        Star's brightness against its mean.
    """

    start: datetime
    r0_m: NDArray[np.float64]
    wind_m_s: NDArray[np.float64]
    strehl: NDArray[np.float64]
    transparency: NDArray[np.float64]

    def at(self, when: datetime) -> tuple[float, float, float, float]:
        """r0, wind, Strehl and transparency at a time."""
        place = (when - self.start).total_seconds() / _STEP_S
        grid = np.arange(self.r0_m.size)
        r0, wind, strehl, clear = (
            float(np.interp(place, grid, each))
            for each in (self.r0_m, self.wind_m_s, self.strehl, self.transparency)
        )
        return r0, wind, strehl, clear

    @property
    def mean_strehl(self) -> float:
        """Mean of the Strehl ratio over the sequence."""
        return float(self.strehl.mean())


def make_atmosphere(
    start: datetime, end: datetime, rng: np.random.Generator, mean: Weather = _MEDIAN
) -> Atmosphere:
    """Draw the weather around its mean, with a memory of some minutes."""
    size = int((end - start).total_seconds() / _STEP_S) + 3
    r0 = mean.r0_m * np.exp(0.10 * _wander(size, 12.0, rng))
    wind = mean.wind_m_s * np.exp(0.12 * _wander(size, 20.0, rng))
    calm = 0.18 * (r0 - mean.r0_m) / mean.r0_m - 0.01 * (wind - mean.wind_m_s) / mean.wind_m_s
    strehl = np.clip(mean.strehl + calm, 0.5, 0.93)
    clear = 1.0 + 0.006 * _wander(size, 30.0, rng)
    return Atmosphere(start, r0, wind, strehl, clear / clear.mean())


def telemetry(
    atmosphere: Atmosphere,
    star: str,
    block: int,
    rng: np.random.Generator,
    openings: Sequence[tuple[datetime, datetime, float]] = (),
) -> tuple[str, fits.HDUList]:
    """The SPARTA file.

    Parameters
    ----------
    atmosphere : Atmosphere
        Weather.
    star : str
        Target's name.
    block : int
        Observation block.
    rng : np.random.Generator
        Scatter of the samples.
    openings : Sequence[tuple[datetime, datetime, float]]
        When the loop was open: start, end, factor on the Strehl ratio.

    Returns
    -------
    tuple[str, fits.HDUList]
        File name and its content with checksums.
    """
    size = atmosphere.r0_m.size
    unix = (atmosphere.start - _UNIX_ZERO).total_seconds() + _STEP_S * np.arange(size)
    seconds = np.floor(unix).astype(np.int32)
    stamp = {"Sec": seconds, "USec": np.round((unix - seconds) * 1e6).astype(np.int32)}
    flux = 820.0 * atmosphere.transparency * (1 + 0.01 * rng.standard_normal(size))
    visible = {**stamp, "Flux_avg": flux, "TTx_avg": _small(size, rng), "TTy_avg": _small(size, rng)}
    visible |= {"DMPos_avg": _small(size, rng), "DMPos_max": 0.4 + _small(size, rng)}
    infrared = {**stamp, "Flux_avg": 5.2 * flux, "TTx_avg": _small(size, rng), "TTy_avg": _small(size, rng)}
    air = {
        **stamp,
        "R0": atmosphere.r0_m * (1 + 0.02 * rng.standard_normal(size)),
        "WindSpeed": atmosphere.wind_m_s * (1 + 0.03 * rng.standard_normal(size)),
        "StrehlRatio": np.clip(atmosphere.strehl + 0.004 * rng.standard_normal(size), 0, 1),
    }
    since = unix - (atmosphere.start - _UNIX_ZERO).total_seconds()
    for start, end, factor in openings:
        first, last = ((each - atmosphere.start).total_seconds() for each in (start, end))
        air["StrehlRatio"][(since >= first) & (since <= last)] *= factor
    hdus = fits.HDUList([fits.PrimaryHDU(header=_primary(atmosphere.start, star, block))])
    for name, columns in (("VisLoopParams", visible), ("IRLoopParams", infrared), ("AtmPerfParams", air)):
        hdus.append(_table(name, columns))
    when = iso(atmosphere.start + timedelta(seconds=_STEP_S * size), 0)
    for hdu in hdus:
        hdu.add_datasum(when=when)
        hdu.add_checksum(when=when, override_datasum=True)
    return telemetry_name(atmosphere), hdus


def telemetry_name(atmosphere: Atmosphere) -> str:
    """ESO's name of the telemetry file."""
    return f"SPHER.{iso(atmosphere.start, 3)}.fits"


def _primary(start: datetime, star: str, block: int) -> fits.Header:
    mjd = (start - datetime(1858, 11, 17)) / timedelta(days=1)  # noqa: DTZ001 - UTC throughout
    rows = [
        ("ORIGIN", "ESO-PARANAL", "simulated by hcvo"),
        ("TELESCOP", "ESO-VLT-U3", "telescope"),
        ("INSTRUME", "SPHERE", "instrument"),
        ("OBJECT", "OBJECT,AO", "kind of data"),
        ("EXPTIME", 0.0, "[s]"),
        ("MJD-OBS", round(mjd, 8), "start"),
        ("DATE-OBS", iso(start), "start"),
        ("HIERARCH ESO DPR CATG", "CALIB", "category"),
        ("HIERARCH ESO DPR TYPE", "OBJECT,AO", "type"),
        ("HIERARCH ESO DPR TECH", "IMAGE", "technique"),
        ("HIERARCH ESO OBS ID", block, "observation block"),
        ("HIERARCH ESO OBS TARG NAME", star, "target"),
        ("HIERARCH ESO TPL ID", "SPHERE_gen_sparta", "template"),
        ("HIERARCH HCVO SIM", True, "simulated by hcvo"),
        ("ARCFILE", f"SPHER.{iso(start, 3)}.fits", "archive file name"),
    ]
    return fits.Header([fits.Card(*row) for row in rows])


def _table(name: str, columns: dict[str, NDArray[np.float64]]) -> fits.BinTableHDU:
    units = {"Sec": "s", "USec": "us", "R0": "m", "WindSpeed": "m/s", "Flux_avg": "adu"}
    made = [
        fits.Column(key, "J" if values.dtype == np.int32 else "E", unit=units.get(key), array=values)
        for key, values in columns.items()
    ]
    return fits.BinTableHDU.from_columns(made, name=name)


def _small(size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    return 0.01 * rng.standard_normal(size)


def _wander(size: int, memory: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """First-order autoregressive noise of unit variance; `memory` in samples."""
    keep = np.exp(-1.0 / memory)
    values = np.empty(size)
    values[0] = rng.standard_normal()
    for index in range(1, size):
        values[index] = keep * values[index - 1] + np.sqrt(1 - keep**2) * rng.standard_normal()
    return values
