"""The product `centres` as a table: every measurement, which of them are kept, and their quality."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from hcvo.headers.quality import qc_cards
from reduce.kernels.drift import fit_drift
from reduce.product_file import Column
from reduce.recipes.centre_methods import Found
from reduce.recipes.star_place import dither_px

__all__ = ["LIMIT_PX", "Row", "centre_cards", "centre_columns", "kept_rows"]

LIMIT_PX = 0.7
"""A centre is good to 0.7 px (8.6 mas) or its product says that it is not. (Delorme et al. 2017)"""

_SYMMETRY = 13.8  # chi squared of two degrees of freedom that one in a thousand exceeds
_SIGMAS = 3.0
_DOUBT = {
    "halo": 3.0
}  # beside a sharp method: spots fill few of the ring's wedges, its jackknife is too sure
_LEAST_SHARE = 0.5  # of a file's planes that a method must have found to stand for the file


class _Quality(NamedTuple):
    error: bool
    spots: bool
    agree: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A measurement, if it is kept, and its flags: error small, spots symmetric, methods agree."""

    found: Found
    kept: bool
    quality: _Quality


def kept_rows(found: Sequence[Found]) -> list[Row]:
    """Keep in each file and field the method whose typical error is the smallest of those that found it.

    The halo must be three times better than spots or star. Spots that contradict each other, or a place that
    is too uncertain, give way to another file that is good, else to a good place by another method.

    Parameters
    ----------
    found : Sequence[Found]
        All measurements.

    Returns
    -------
    list[Row]
        In their order.
    """
    order = {role: _ranking(found, role) for role in ("center", "science")}
    chosen: dict[tuple[str, int], str] = {}
    for one in found:
        key = (one.place.name, one.channel)
        if key not in chosen:
            able = [m for m in order[one.place.role] if _covers(found, key, m)]
            chosen[key] = able[0]
    good = {key for key, method in chosen.items() if _holds(found, key, method)}
    held = {channel for _, channel in good}
    for key, method in chosen.items():
        if key[1] not in held:
            others = {one.method for one in found if (one.place.name, one.channel) == key} - {method}
            chosen[key] = next((m for m in sorted(others) if _holds(found, key, m)), method)
    return [
        Row(
            one,
            chosen[key] == one.method and (key in good or one.channel not in held),
            _quality(one, found),
        )
        for one in found
        for key in [(one.place.name, one.channel)]
    ]


def _ranking(found: Sequence[Found], role: str) -> list[str]:
    errors: dict[str, list[float]] = {}
    for one in found:
        if one.place.role == role:
            errors.setdefault(one.method, []).append(one.error)
    return sorted(errors, key=lambda method: float(np.median(errors[method])) * _DOUBT.get(method, 1.0))


def _holds(found: Sequence[Found], key: tuple[str, int], method: str) -> bool:
    """At least half of a file's measurements by this method are sure and do not contradict themselves."""
    mine = [one for one in found if (one.place.name, one.channel, one.method) == (*key, method)]
    sound = sum(one.error <= LIMIT_PX and not one.mismatch > _SYMMETRY for one in mine)
    return sound >= _LEAST_SHARE * len(mine)


def _covers(found: Sequence[Found], key: tuple[str, int], method: str) -> bool:
    same = [one for one in found if (one.place.name, one.channel) == key]
    mine = sum(one.place.planes for one in same if one.method == method)
    most = max(
        sum(one.place.planes for one in same if one.method == other) for other in {o.method for o in same}
    )
    return mine > 0 and mine >= _LEAST_SHARE * most


def _quality(one: Found, found: Sequence[Found]) -> _Quality:
    others = [
        other
        for other in found
        if other.place.name == one.place.name
        and (other.channel, other.place.role) == (one.channel, one.place.role)
        and other.method != one.method
    ]
    symmetric = not one.mismatch > _SYMMETRY
    return _Quality(one.error <= LIMIT_PX, symmetric, all(_agree(one, other) for other in others))


def _agree(one: Found, other: Found) -> bool:
    apart = float(np.hypot(one.x - other.x, one.y - other.y))
    return apart <= max(LIMIT_PX, _SIGMAS * float(np.hypot(one.error, other.error)))


def centre_columns(rows: Sequence[Row]) -> list[Column]:
    """Columns of the extension CENTRES."""
    found = [row.found for row in rows]
    dithers = np.array([dither_px(one.place.exposure) for one in found])
    return [
        ("DP_ID", "64A", "", [one.place.name for one in found]),
        ("ROLE", "8A", "", [one.place.role for one in found]),
        ("PLANE", "J", "", [one.place.first for one in found]),
        ("PLANES", "J", "", [one.place.planes for one in found]),
        ("MJD_MID", "D", "d", [one.place.mjd_mid for one in found]),
        ("CHANNEL", "J", "", [one.channel for one in found]),
        ("METHOD", "8A", "", [one.method for one in found]),
        ("KEPT", "L", "", [row.kept for row in rows]),
        ("X", "D", "pix", [one.x for one in found]),
        ("Y", "D", "pix", [one.y for one in found]),
        ("ERROR", "D", "pix", [one.error for one in found]),
        ("ERROR_FIT", "D", "pix", [one.error_fit for one in found]),
        ("ERROR_SCATTER", "D", "pix", [one.error_scatter for one in found]),
        ("DITHER_X", "D", "pix", dithers[:, 0]),
        ("DITHER_Y", "D", "pix", dithers[:, 1]),
        ("RADIUS", "D", "pix", [one.radius for one in found]),
        ("ORIENT", "1A", "", [one.orientation for one in found]),
        ("MISMATCH", "D", "", [one.mismatch for one in found]),
        ("SPOTS_USED", "J", "", [one.used for one in found]),
        ("SPOT_X", "4D", "pix", np.array([one.spots[:, 0] for one in found])),
        ("SPOT_Y", "4D", "pix", np.array([one.spots[:, 1] for one in found])),
        ("QC_ERROR", "L", "", [row.quality.error for row in rows]),
        ("QC_SPOTS", "L", "", [row.quality.spots for row in rows]),
        ("QC_AGREE", "L", "", [row.quality.agree for row in rows]),
    ]


def centre_cards(rows: Sequence[Row], failed: int) -> dict[str, tuple[object, str]]:
    """QC of the whole product; comments are short, HIERARCH cards have little room."""
    kept = [row for row in rows if row.kept]
    found = [row.found for row in kept]
    places = np.array([(one.x, one.y) for one in found])
    rest = places - np.array([dither_px(one.place.exposure) for one in found])
    drift = fit_drift(
        np.array([one.place.mjd_mid for one in found]),
        np.array([one.channel for one in found]),
        rest,
        np.array([one.error for one in found]),
    )
    methods = sorted({one.method for one in found})
    good = all(all(row.quality) for row in kept)
    return qc_cards(
        {
            "CENTRE METHOD": (",".join(methods), "kept"),
            "CENTRE ERROR": (drift.floor, "[pix] typical"),
            "CENTRE DRIFT": (float(np.hypot(*drift.slope)), "[pix/h]"),
            "CENTRE WANDER": (drift.wander, "[pix] beyond errors"),
            "CENTRE FAILED": (failed, "tries without result"),
            "CENTRE OK": (good, "0.7 px, spots and methods agree"),
        }
    )
