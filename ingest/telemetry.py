"""The atmosphere as SPARTA saw it: tables of the telemetry file to rows."""

import math
import warnings
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from hcvo.catalogue.models import AoCondition, RawFrame
from hcvo.catalogue.models.rights import GUARD_COLUMNS
from hcvo.errors import HeaderError

__all__ = ["load_telemetry"]

_TABLE = "AtmPerfParams"
_COLUMNS = ("Sec", "USec", "R0", "WindSpeed", "StrehlRatio")
_FAULTS = (OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, Warning)
"""What astropy raises over a table that is none, or whose description is broken."""

_UNIX_MJD = 40587.0
_WAVELENGTH_M = 500e-9
_ARCSEC = math.degrees(1.0) * 3600.0


def load_telemetry(frame: RawFrame, path: Path) -> int:
    """Read the samples of a telemetry file into rows with the rights of their frame.

    Seeing is 0.98 * 500 nm / r0 and tau0 is 0.314 * r0 / wind speed, both at 500 nm.

    Parameters
    ----------
    frame : RawFrame
        Row of the file.
    path : Path
        The file.

    Returns
    -------
    int
        Number of samples; 0 where the file has no table of the atmosphere.

    Notes
    -----
    HeaderError if it is no table, or lacks a column of numbers it should have.
    """
    columns = _columns(path)
    if columns is None:
        return 0
    with np.errstate(all="ignore"):
        mjd = _UNIX_MJD + (columns["Sec"] + columns["USec"] * 1e-6) / 86400.0
    rights = {name: getattr(frame, name) for name in GUARD_COLUMNS}
    rows = [
        AoCondition(
            raw_frame=frame,
            mjd=time,
            r0=r0,
            wind_speed=wind,
            seeing=None if r0 is None else _finite(0.98 * _WAVELENGTH_M / r0 * _ARCSEC),
            tau0=None if r0 is None or wind is None else _finite(0.314 * r0 / wind),
            strehl=strehl,
            **rights,
        )
        for time, r0, wind, strehl in zip(
            mjd.tolist(),
            _positive(columns["R0"]),
            _positive(columns["WindSpeed"]),
            _positive(columns["StrehlRatio"]),
            strict=True,
        )
        if math.isfinite(time)
    ]
    return len(AoCondition.objects.bulk_create(rows, ignore_conflicts=True))


def _columns(path: Path) -> dict[str, NDArray[np.float64]] | None:
    """Columns (sample,) of the table of the atmosphere; None where the file has none."""
    try:
        with warnings.catch_warnings(), fits.open(path) as units:
            warnings.simplefilter("error")
            if _TABLE not in units:
                return None
            table = units[_TABLE].data
            columns = {name: np.array(table[name], dtype=np.float64) for name in _COLUMNS}
    except (*_FAULTS, fits.VerifyError) as error:
        raise HeaderError(
            f"{path}: {_TABLE} is no table with {', '.join(_COLUMNS)} as numbers "
            f"({type(error).__name__}: {error}); not telemetry we know, or fetch it again"
        ) from error
    if odd := [name for name, values in columns.items() if values.ndim != 1]:
        raise HeaderError(f"{path}: {_TABLE} has several values a sample in {', '.join(odd)}, wanted one")
    return columns


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _positive(values: NDArray[np.float64]) -> list[float | None]:
    """Values above zero; SPARTA writes 0 or NaN where it has no estimate."""
    return [float(value) if math.isfinite(value) and value > 0 else None for value in values]
