"""The atmosphere as SPARTA saw it: tables of the telemetry file to rows."""

import math
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from hcvo.catalogue.models import AoCondition, RawFrame
from hcvo.catalogue.models.rights import GUARD_COLUMNS
from hcvo.errors import HeaderError

__all__ = ["load_telemetry"]

_TABLE = "AtmPerfParams"
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

    Raises
    ------
    HeaderError
        If the table lacks a column it should have.
    """
    with fits.open(path) as units:
        if _TABLE not in units:
            return 0
        table = units[_TABLE].data
        try:
            columns = {name: np.asarray(table[name], dtype=np.float64)
                       for name in ("Sec", "USec", "R0", "WindSpeed", "StrehlRatio")}  # fmt: skip
        except KeyError as error:
            raise HeaderError(
                f"{path}: table {_TABLE} lacks a column ({error}); not telemetry we know"
            ) from error
    mjd = _UNIX_MJD + (columns["Sec"] + columns["USec"] * 1e-6) / 86400.0
    rights = {name: getattr(frame, name) for name in GUARD_COLUMNS}
    rows = [
        AoCondition(
            raw_frame=frame,
            mjd=time,
            r0=r0,
            wind_speed=wind,
            seeing=None if r0 is None else 0.98 * _WAVELENGTH_M / r0 * _ARCSEC,
            tau0=None if r0 is None or wind is None else 0.314 * r0 / wind,
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
    ]
    return len(AoCondition.objects.bulk_create(rows, ignore_conflicts=True))


def _positive(values: NDArray[np.float64]) -> list[float | None]:
    """Values above zero; SPARTA writes 0 or NaN where it has no estimate."""
    return [float(value) if math.isfinite(value) and value > 0 else None for value in values]
