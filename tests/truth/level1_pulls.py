"""Whether the quoted errors of the star's place are as large as the true ones: their pulls."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hcvo.report import Row
from tests.truth.level1_night import Cube

__all__ = ["pull_summary", "pulls"]

_PLANE, _SHARED = "centre: rms pull of the plane's error", "centre: rms pull of the shared error"
_LEAST, _MOST = 0.7, 1.4


def pulls(cube: Cube, frames: Sequence[Mapping[str, Any]], case: str) -> list[Row]:
    """Pulls of STAR_ERR and CENTRERR in one cube.

    Parameters
    ----------
    cube : Cube
        Reduced.
    frames : Sequence[Mapping[str, Any]]
        Truth of its planes.
    case : str
        Name of the scenario.

    Returns
    -------
    list[Row]
        Stated only: one night has few independent places.
    """
    x, y, error = (cube.column(name) for name in ("STAR_X", "STAR_Y", "STAR_ERR"))
    if x is None or y is None or error is None or not cube.kept.any():
        return []
    off = (np.stack([x, y], axis=-1).astype(float) - np.array([frame["star"] for frame in frames]))[cube.kept]
    shared = float(cube.header["CENTRERR"]) / float(cube.header["PIXSCALE"])
    told = np.asarray(error, float)[cube.kept][:, None, None]
    found = {_PLANE: off / told, _SHARED: off.mean(axis=0) / shared}
    return [
        Row(case, quantity, float(np.sqrt((pull**2).mean())), "", "stated", ok=bool(np.isfinite(pull).all()))
        for quantity, pull in found.items()
    ]


def pull_summary(rows: Sequence[Row]) -> list[Row]:
    """The pulls of all nights together.

    Parameters
    ----------
    rows : Sequence[Row]
        Of all scenarios.

    Returns
    -------
    list[Row]
        One for each kind of error: the shared one has a goal, that of planes is stated.
    """
    made = []
    for quantity, goal in ((_PLANE, "stated"), (_SHARED, f"{_LEAST:g} to {_MOST:g}")):
        values = [row.value for row in rows if row.quantity == quantity and isinstance(row.value, float)]
        if values:
            rms = float(np.sqrt(np.mean(np.square(values))))
            ok = goal == "stated" or _LEAST <= rms <= _MOST
            made.append(Row("all scenarios", quantity, rms, f"of {len(values)}", goal, ok))
    return made
