"""Where the planes of a level 1 cube look: the table DEROTATION and the world coordinates."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hcvo.headers.quality import qc_cards
from hcvo.model.product import ProductFacts
from reduce.ephemeris import Directions
from reduce.kernels.angles import unwrapped
from reduce.product_file import Column

__all__ = ["DerotationTable", "wcs_cards"]


class DerotationTable:
    """Times and angles of all planes, unwrapped over the whole sequence.

    Parameters
    ----------
    seen : Sequence[Directions]
        Of each file.
    names : Sequence[str]
        dp_id of each file.
    """

    def __init__(self, seen: Sequence[Directions], names: Sequence[str]) -> None:
        self._seen = seen
        self._counts = [len(one.parang) for one in seen]
        self.names = [name for name, count in zip(names, self._counts, strict=True) for _ in range(count)]
        self._parang = unwrapped(np.concatenate([one.parang for one in seen]))
        fixed = [one.pupil_offset + one.instrument_offset + one.true_north + one.correction for one in seen]
        self.angle = self._parang + np.repeat(fixed, self._counts)
        self.icrs = np.repeat([one.icrs_rotation for one in seen], self._counts)
        self.mjd_mid: NDArray[np.float64] = np.concatenate([one.times.middle for one in seen])

    def median(self, kept: NDArray[np.bool_] | None = None) -> float:
        """Median of the whole angle to ICRS over the planes kept, degrees."""
        whole = self.angle + self.icrs
        return float(np.median(whole if kept is None else whole[kept]))

    def cards(self) -> dict[str, tuple[object, str]]:
        """How far the angles can be trusted: QC cards."""
        told = np.array([one.parang_off for one in self._seen])
        turned = any(one.instrument_offset == 0.0 and one.pupil_offset != 0.0 for one in self._seen)
        worst = float(np.nanmax(told)) if np.isfinite(told).any() else float("nan")
        numbers: dict[str, tuple[object, str]] = {
            "ANGLE OFF": (worst, "[deg] from TEL PARANG, at most"),
            "ANGLE SURE": (not turned, "no: the sign of POSANG is not verified"),
        }
        return qc_cards(numbers)

    def columns(self) -> list[Column]:
        """Columns of the extension DEROTATION."""
        each = [
            np.repeat([getattr(one, name) for one in self._seen], self._counts)
            for name in ("pupil_offset", "instrument_offset", "true_north", "correction")
        ]
        times = [np.concatenate([one.times[part] for one in self._seen]) for part in range(3)]
        return [
            ("DP_ID", "64A", "", self.names),
            ("PLANE", "J", "", np.concatenate([np.arange(count) for count in self._counts])),
            ("MJD_START", "D", "d", times[0]),
            ("MJD_MID", "D", "d", times[1]),
            ("MJD_END", "D", "d", times[2]),
            ("PARANG", "D", "deg", self._parang),
            ("PUPIL_OFFSET", "D", "deg", each[0]),
            ("INSTRUMENT_OFFSET", "D", "deg", each[1]),
            ("TRUE_NORTH", "D", "deg", each[2]),
            ("DEROTATOR_CORRECTION", "D", "deg", each[3]),
            ("ANGLE", "D", "deg", self.angle),
            ("ICRS_ROTATION", "D", "deg", self.icrs),
            ("SMEAR", "D", "deg", np.concatenate([one.smear for one in self._seen])),
        ]


def wcs_cards(facts: ProductFacts, shape: tuple[int, ...], angle_deg: float) -> dict[str, tuple[object, str]]:
    """World coordinates of a centred cube at one derotation angle.

    East is -x cos + y sin, north x sin + y cos.

    Parameters
    ----------
    facts : ProductFacts
        With position and scale.
    shape : tuple[int, ...]
        (channel, time, y, x).
    angle_deg : float
        PA on the sky = PA on the detector + angle.

    Returns
    -------
    dict[str, tuple[object, str]]
        Cards: keyword to value and comment.
    """
    assert facts.pixel_scale_mas is not None
    step = facts.pixel_scale_mas / 3.6e6
    cos, sin = step * np.cos(np.radians(angle_deg)), step * np.sin(np.radians(angle_deg))
    where = f"sky at the median derotation angle {angle_deg:.3f} deg"
    return {
        "WCSAXES": (4, "x, y, time, channel"),
        "CTYPE1": ("RA---TAN", where),
        "CTYPE2": ("DEC--TAN", where),
        "CTYPE3": ("PLANE", "time planes, see DEROTATION"),
        "CTYPE4": ("CHANNEL", "see CHANNELS"),
        "CUNIT1": ("deg", ""),
        "CUNIT2": ("deg", ""),
        "CRVAL1": (facts.ra_deg, "star"),
        "CRVAL2": (facts.dec_deg, "star"),
        "CRVAL3": (0.0, ""),
        "CRVAL4": (0.0, ""),
        "CRPIX1": (shape[3] // 2 + 1.0, "star"),
        "CRPIX2": (shape[2] // 2 + 1.0, "star"),
        "CRPIX3": (1.0, ""),
        "CRPIX4": (1.0, ""),
        "CD1_1": (-cos, ""),
        "CD1_2": (sin, ""),
        "CD2_1": (sin, ""),
        "CD2_2": (cos, ""),
        "CD3_3": (1.0, ""),
        "CD4_4": (1.0, ""),
    }
