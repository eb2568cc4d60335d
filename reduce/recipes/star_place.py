"""Where the star stands on each field in every plane of a sequence, from the product `centres`."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from hcvo.errors import ReductionError
from reduce.exposure import Exposure
from reduce.instruments import sphere_irdis as irdis
from reduce.kernels.drift import Drift, fit_drift

__all__ = ["Placed", "StarPlace", "centre_verdict", "dither_px"]

_JUMP = 5.0  # sigma: a plane so far off the line has moved and is taken at its word


def dither_px(exposure: Exposure) -> tuple[float, float]:
    """Shift of the image by the dither stage, (x, y) px."""
    x, y = exposure.dither_um
    return x / irdis.DITHER_UM_PER_PX, y / irdis.DITHER_UM_PER_PX


def centre_verdict(header: fits.Header) -> dict[str, tuple[object, str]]:
    """Cards CENTRE ... of quality control from the header of a product `centres`, to be copied."""
    cards = [card for card in header.cards if card.keyword.startswith("HCVO QC CENTRE ")]
    return {f"HIERARCH {card.keyword}": (card.value, card.comment) for card in cards}


class Placed(NamedTuple):
    """The star in the planes of one file.

    Attributes
    ----------
    places : NDArray[np.float64]
        (channel, plane, 2) as (x, y) px on the field, 0-based, dither included.
    error : NDArray[np.float64]
        (channel,) px, 1 sigma of each axis in a plane.
    shared : NDArray[np.float64]
        (channel,) px, the part of it that does not average out over planes.
    """

    places: NDArray[np.float64]
    error: NDArray[np.float64]
    shared: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StarPlace:
    """The star over time at dither 0, and what was measured in single science frames.

    Attributes
    ----------
    drift : Drift
        Line through all kept measurements.
    rows : fits.FITS_rec
        Kept rows of CENTRES.
    """

    drift: Drift
    rows: fits.FITS_rec

    @classmethod
    def read(cls, path: Path) -> "StarPlace":
        """Read a product `centres`.

        Parameters
        ----------
        path : Path
            Made by ird_star_centre.

        Returns
        -------
        StarPlace
            Of its kept rows.

        Raises
        ------
        ReductionError
            If a field has none.
        """
        with fits.open(path, memmap=False) as hdus:
            table = hdus["CENTRES"].data
        rows = table[np.asarray(table["KEPT"], bool)]
        missing = {0, 1} - set(np.unique(rows["CHANNEL"]).tolist())
        if missing:
            raise ReductionError(f"{path.name}: no star on field {min(missing) + 1}, wanted one on each")
        return cls(
            fit_drift(
                np.asarray(rows["MJD_MID"], np.float64),
                np.asarray(rows["CHANNEL"], np.int_),
                _at_rest(rows),
                np.asarray(rows["ERROR"], np.float64),
            ),
            rows,
        )

    def at(self, exposure: Exposure, mjd_mid: NDArray[np.float64]) -> Placed:
        """Star in each plane of a file.

        Parameters
        ----------
        exposure : Exposure
            The file.
        mjd_mid : NDArray[np.float64]
            (plane,) mid times, MJD.

        Returns
        -------
        Placed
            A plane that was measured itself is drawn from the line towards its measurement, the more the more
            the star wanders against the measurement's error; any other is as uncertain as the star wanders.
        """
        wander = max(self.drift.wander, irdis.STAR_WANDER_PX)
        places, of_line = self.drift.at(mjd_mid), self.drift.error(mjd_mid, wander) ** 2
        variance, shared = of_line + wander**2, of_line.copy()
        for row in self.rows[self._of(exposure)]:
            planes = slice(int(row["PLANE"]), int(row["PLANE"]) + int(row["PLANES"]))
            channel, error = int(row["CHANNEL"]), float(row["ERROR"])
            line = self.drift.at(np.array([row["MJD_MID"]]))[channel, 0]
            away = _at_rest(row) - line
            total = np.hypot(wander, error)
            own = 1.0 if np.hypot(*away) > _JUMP * total else float((wander / total) ** 2)
            places[channel, planes] += own * away
            variance[channel, planes] = (1.0 - own) ** 2 * of_line[channel, planes] + own * error**2
            shared[channel, planes] = variance[channel, planes]
        both = (np.sqrt(part.mean(axis=1)) for part in (variance, shared))
        return Placed(places + np.asarray(dither_px(exposure)), *both)

    def method(self, exposure: Exposure) -> str:
        """What the places of a file rest on: 'waffle', 'star' or 'halo'."""
        own = self.rows[self._of(exposure)]
        return str((own if len(own) else self.rows)["METHOD"][0])

    def _of(self, exposure: Exposure) -> NDArray[np.bool_]:
        same = np.asarray(self.rows["DP_ID"] == exposure.frame.dp_id)
        return np.asarray(same & (self.rows["ROLE"] == "science"), bool)


def _at_rest(rows: fits.FITS_rec | fits.FITS_record) -> NDArray[np.float64]:
    """Places without dither, (row, 2) or (2,)."""
    x, y = rows["X"] - rows["DITHER_X"], rows["Y"] - rows["DITHER_Y"]
    return np.stack([np.asarray(x, np.float64), np.asarray(y, np.float64)], axis=-1)
