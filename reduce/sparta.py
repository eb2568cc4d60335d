"""The atmosphere as SPARTA saw it, joined in time to the planes of a sequence."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from hcvo.errors import InputError

__all__ = ["Atmosphere", "Conditions", "read_atmosphere"]

_AIR, _LOOP = "AtmPerfParams", "VisLoopParams"
_UNIX_MJD = 40587.0
_DAY_S = 86400.0
_FARTHEST_S = 60.0  # twice SPARTA's own step of 20 to 30 s
_WAVELENGTH_M = 500e-9
_ARCSEC = float(np.degrees(1.0) * 3600.0)
_FAULTS = (OSError, ValueError, TypeError, LookupError, AttributeError, Warning, fits.VerifyError)
"""What astropy raises over a broken table."""


class Conditions(NamedTuple):
    """At some times, each (time,), NaN = no sample near.

    Strehl ratio at 1.6 um; seeing at 500 nm, arcsec; coherence time, s; wind, m/s; star's flux on the
    wavefront sensor, adu: transparency.
    """

    strehl: NDArray[np.float64]
    seeing_arcsec: NDArray[np.float64]
    tau0_s: NDArray[np.float64]
    wind_m_s: NDArray[np.float64]
    star_adu: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Atmosphere:
    """Samples in order of time.

    Attributes
    ----------
    mjd : NDArray[np.float64]
        (sample,) UTC.
    samples : Conditions
        Each (sample,); NaN where SPARTA has no estimate.
    """

    mjd: NDArray[np.float64]
    samples: Conditions

    def at(self, mjd: NDArray[np.floating], farthest_s: float = _FARTHEST_S) -> Conditions:
        """Conditions at some times, between the samples before and after.

        Parameters
        ----------
        mjd : NDArray[np.floating]
            (time,) UTC.
        farthest_s : float
            A time further from its nearest sample has none, s; twice SPARTA's own step of 20 to 30 s.

        Returns
        -------
        Conditions
            Each (time,).
        """
        when = np.asarray(mjd, dtype=np.float64)
        return Conditions(*(_joined(self.mjd, values, when, farthest_s / _DAY_S) for values in self.samples))


def read_atmosphere(paths: Sequence[Path], warn: Callable[[str], object]) -> Atmosphere | None:
    """Read the telemetry files of a night.

    Seeing is 0.98 * 500 nm / r0 and tau0 is 0.314 * r0 / wind speed, both at 500 nm (Roddier 1981).

    Parameters
    ----------
    paths : Sequence[Path]
        Files of type OBJECT,AO, in any order.
    warn : Callable[[str], object]
        Told of each file whose table is broken; it is left out.

    Returns
    -------
    Atmosphere | None
        Their samples, each time once; None where no file has any.
    """
    parts = []
    for path in paths:
        try:
            part = _read(path)
        except InputError as error:
            warn(f"{error}; left out")
        else:
            parts += [part] if part is not None else []
    if not parts:
        return None
    mjd = np.concatenate([time for time, _ in parts])
    columns = [np.concatenate(each) for each in zip(*(values for _, values in parts), strict=True)]
    order = np.argsort(mjd, kind="stable")
    first = np.concatenate([[True], np.diff(mjd[order]) > 0])
    chosen = order[first]
    return Atmosphere(mjd[chosen], Conditions(*(values[chosen] for values in columns)))


def _joined(
    mjd: NDArray[np.float64], values: NDArray[np.float64], when: NDArray[np.float64], farthest: float
) -> NDArray[np.float64]:
    known = np.isfinite(values)
    if not known.any():
        return np.full(when.shape, np.nan)
    times = mjd[known]
    after = np.searchsorted(times, when)
    beside = times[np.clip([after - 1, after], 0, times.size - 1)]
    gap = np.abs(when - beside).min(axis=0)
    return np.where(gap <= farthest, np.interp(when, times, values[known]), np.nan)


def _read(path: Path) -> tuple[NDArray[np.float64], Conditions] | None:
    """Times and samples of one file; None where it has no table of the atmosphere."""
    try:
        with warnings.catch_warnings(), fits.open(path, memmap=False) as hdus:
            warnings.simplefilter("error")
            if _AIR not in hdus:
                return None
            air = _columns(hdus[_AIR], ("Sec", "USec", "R0", "WindSpeed", "StrehlRatio"))
            loop = _columns(hdus[_LOOP], ("Sec", "USec", "Flux_avg")) if _LOOP in hdus else None
    except _FAULTS as error:
        raise InputError(
            f"{path}: {_AIR} is no table of numbers as SPARTA writes it ({type(error).__name__}: {error}); "
            "fetch the file again"
        ) from error
    mjd = _mjd(air)
    good = np.isfinite(mjd)
    if not good.any():
        return None
    r0, wind, strehl = (_positive(air[name]) for name in ("R0", "WindSpeed", "StrehlRatio"))
    star = _star(loop, mjd)
    found = Conditions(strehl, 0.98 * _WAVELENGTH_M / r0 * _ARCSEC, 0.314 * r0 / wind, wind, star)
    return mjd[good], Conditions(*(values[good] for values in found))


def _columns(hdu: fits.BinTableHDU, names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    columns = {name: np.array(hdu.data[name], dtype=np.float64) for name in names}
    if odd := [name for name, values in columns.items() if values.ndim != 1]:
        raise ValueError(f"several values a sample in {', '.join(odd)}, wanted one")
    return columns


def _mjd(columns: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.asarray(_UNIX_MJD + (columns["Sec"] + columns["USec"] * 1e-6) / _DAY_S)


def _star(loop: dict[str, NDArray[np.float64]] | None, mjd: NDArray[np.float64]) -> NDArray[np.float64]:
    """Flux on the sensor at the times of the atmosphere's samples."""
    if loop is None:
        return np.full(mjd.shape, np.nan)
    times = _mjd(loop)
    order = np.argsort(times, kind="stable")
    return _joined(times[order], _positive(loop["Flux_avg"])[order], mjd, _FARTHEST_S / _DAY_S)


def _positive(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values above zero; SPARTA writes 0 or NaN where it has no estimate."""
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)
