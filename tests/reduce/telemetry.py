"""Telemetry files of the adaptive optics, as SPARTA writes them, with chosen samples."""

from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

__all__ = ["START", "UNIX_MJD", "write_telemetry"]

UNIX_MJD = 40587.0
START = 1_500_000_000
"""Unix time of the samples' zero, s."""


def write_telemetry(
    path: Path, seconds: NDArray[np.float64], *, r0: float = 0.15, first: float = 0.8, start: int = START
) -> Path:
    """Samples with Strehl ratios that rise by 0.001 a second from `first`, wind 10 m/s, star 800 adu."""
    whole = np.floor(seconds)
    stamp = [
        fits.Column("Sec", "J", array=(start + whole).astype(int)),
        fits.Column("USec", "J", array=np.round((seconds - whole) * 1e6).astype(int)),
    ]
    air = [
        fits.Column("R0", "D", array=np.full(seconds.size, r0)),
        fits.Column("WindSpeed", "D", array=np.full(seconds.size, 10.0)),
        fits.Column("StrehlRatio", "D", array=first + 0.001 * seconds),
    ]
    star = [fits.Column("Flux_avg", "D", array=np.full(seconds.size, 800.0))]
    tables = [
        fits.BinTableHDU.from_columns([*stamp, *columns], name=name)
        for name, columns in (("AtmPerfParams", air), ("VisLoopParams", star))
    ]
    fits.HDUList([fits.PrimaryHDU(), *tables]).writeto(path)
    return path
