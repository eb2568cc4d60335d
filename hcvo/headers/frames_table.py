"""The planes of a level 1 cube: its tables FRAMES and DEROTATION as values."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from hcvo.errors import HeaderError

__all__ = ["PlaneRow", "read_planes_of"]

_TABLES = ("FRAMES", "DEROTATION")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneRow:
    """One plane of a cube; None = unknown. Names and units as the catalogue has them."""

    number: int
    dp_id: str
    plane: int
    t_mid: float
    angle: float | None
    smear: float | None
    star_x: float | None
    star_y: float | None
    star_err: float | None
    method: str
    residual: float | None
    flux: float | None
    halo: float | None
    halo_width: float | None
    background: float | None
    strehl: float | None
    seeing: float | None
    tau0: float | None
    wind_speed: float | None
    kept: bool
    reason: str


def read_planes_of(path: Path) -> tuple[PlaneRow, ...]:
    """Read the planes of a cube.

    Parameters
    ----------
    path : Path
        A product of kind 'cube'.

    Returns
    -------
    tuple[PlaneRow, ...]
        In order of time; empty where the cube has no FRAMES (an external cube).

    Raises
    ------
    HeaderError
        If FRAMES and DEROTATION do not have the same planes, or lack a column.
    """
    with fits.open(path) as hdus:
        if _TABLES[0] not in hdus:
            return ()
        frames, angles = (hdus[name].data for name in _TABLES)
        if len(frames) != len(angles):
            raise HeaderError(
                f"{path}: FRAMES has {len(frames)} planes, DEROTATION {len(angles)}; wanted the same"
            )
        try:
            return tuple(_row(number, frames[number], angles[number]) for number in range(len(frames)))
        except KeyError as error:
            raise HeaderError(f"{path}: FRAMES or DEROTATION lacks a column: {error.args[0]}") from error


def _row(number: int, frame: fits.FITS_record, angle: fits.FITS_record) -> PlaneRow:
    turned = _known(angle["ANGLE"]), _known(angle["ICRS_ROTATION"])
    return PlaneRow(
        number=number,
        dp_id=str(angle["DP_ID"]),
        plane=int(angle["PLANE"]),
        t_mid=float(angle["MJD_MID"]),
        angle=None if None in turned else float(angle["ANGLE"] + angle["ICRS_ROTATION"]),
        smear=_known(angle["SMEAR"]) if "SMEAR" in angle.array.names else None,
        star_x=_known(np.ravel(frame["STAR_X"])[0]),
        star_y=_known(np.ravel(frame["STAR_Y"])[0]),
        star_err=_known(frame["STAR_ERR"]),
        method=str(frame["METHOD"]),
        residual=_known(frame["RESIDUAL"]),
        flux=_mean(frame["FLUX"]),
        halo=_mean(frame["HALO"]),
        halo_width=_known(frame["HALO_WIDTH"]),
        background=_mean(frame["BACKGROUND"]),
        strehl=_known(frame["STREHL"]),
        seeing=_known(frame["SEEING"]),
        tau0=_known(frame["TAU0"]),
        wind_speed=_known(frame["WIND"]),
        kept=bool(frame["KEPT"]),
        reason=str(frame["REASON"]).strip(),
    )


def _known(value: Any) -> float | None:  # noqa: ANN401 - a cell
    number = float(value)
    return number if math.isfinite(number) else None


def _mean(values: Any) -> float | None:  # noqa: ANN401 - a cell of one value a channel
    return _known(np.mean(values))
