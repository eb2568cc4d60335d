"""What was planted in a simulated night beside what was found in it."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import cos, hypot, radians, sin
from pathlib import Path

from hcvo.errors import InputError
from hcvo.report import Row

__all__ = ["COMBINED", "Found", "Pair", "Planted", "compare", "pair", "read_truth"]

COMBINED = -1
"""Number of the channel that stands for all channels combined."""
_SIGMA = 3.0
_PIXELS = 0.3
_CONTRAST_SHARE = 0.15
_MATCH_PIXELS = 3.0
_SNR = 15.0


@dataclass(frozen=True, slots=True)
class Planted:
    """A companion of the simulated sky: mas, degrees from ICRS north to east, contrast by channel."""

    name: str
    sep_mas: float
    pa_deg: float
    contrast: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A row of a candidate list: mas, degrees from ICRS north to east, each with its error."""

    candidate: int
    channel: int
    sep_mas: float
    sep_err: float
    pa_deg: float
    pa_err: float
    contrast: float
    contrast_err: float
    snr: float
    significance: float


@dataclass(frozen=True, slots=True)
class Pair:
    """A planted companion and what was found of it.

    Attributes
    ----------
    planted : Planted
        The truth.
    near : Found | None
        Combined row of the candidate within 3 px of it, if there is one.
    channels : tuple[Found | None, ...]
        That candidate's row in each channel.
    """

    planted: Planted
    near: Found | None
    channels: tuple[Found | None, ...]


def read_truth(path: Path) -> tuple[Planted, ...]:
    """Read the companions of a ``truth.json``.

    Parameters
    ----------
    path : Path
        File the simulator wrote.

    Returns
    -------
    tuple[Planted, ...]
        In order of separation.

    Raises
    ------
    InputError
        If the file has not the simulator's form.
    """
    try:
        companions = json.loads(path.read_text())["companions"]
        planted = [
            Planted(f'{c["sep_mas"] / 1000:.1f}"', c["sep_mas"], c["pa_deg"], tuple(c["contrast"]))
            for c in companions
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not a truth file of hcvo simulate ({error!r})") from error
    return tuple(sorted(planted, key=lambda one: one.sep_mas))


def compare(
    case: str, planted: Sequence[Planted], found: Iterable[Found], pixel_scale_mas: float
) -> list[Row]:
    """Hold each planted companion against the candidate nearest to it.

    Parameters
    ----------
    case : str
        What was reduced how, 'seed 3, pca'.
    planted : Sequence[Planted]
        The truth.
    found : Iterable[Found]
        Candidate rows of one reduction; position from the combined rows, contrasts from the channels' own.
    pixel_scale_mas : float
        Size of a pixel, mas.

    Returns
    -------
    list[Row]
        Five rows a companion, and one that counts candidates that were never planted.
    """
    rows = list(found)
    report: list[Row] = []
    matched: set[int] = set()
    for one in pair(planted, rows, pixel_scale_mas):
        where = f"{case}, {one.planted.name}"
        if one.near is None:
            report.append(Row(where, "found", None, "", "a candidate within 3 px", ok=False))
            continue
        matched.add(one.near.candidate)
        report += _position_rows(where, one.planted, one.near, pixel_scale_mas)
        report += _contrast_rows(where, one)
    others = {one.candidate for one in rows if one.channel == COMBINED} - matched
    report.append(Row(case, "other candidates", float(len(others)), "", "0", ok=not others))
    return report


def pair(planted: Sequence[Planted], found: Sequence[Found], pixel_scale_mas: float) -> list[Pair]:
    """Find each planted companion among the candidates.

    Parameters
    ----------
    planted : Sequence[Planted]
        The truth.
    found : Sequence[Found]
        Candidate rows of one reduction.
    pixel_scale_mas : float
        Size of a pixel, mas.

    Returns
    -------
    list[Pair]
        One a planted companion, in their order.
    """
    combined = [one for one in found if one.channel == COMBINED]
    pairs = []
    for truth in planted:
        near = min(combined, key=lambda one: _distance(one, truth), default=None)
        if near is not None and _distance(near, truth) > _MATCH_PIXELS * pixel_scale_mas:
            near = None
        by_channel = {one.channel: one for one in found if near and one.candidate == near.candidate}
        pairs.append(Pair(truth, near, tuple(by_channel.get(n) for n in range(len(truth.contrast)))))
    return pairs


def _position_rows(case: str, truth: Planted, near: Found, pixel_scale_mas: float) -> list[Row]:
    off = _distance(near, truth) / pixel_scale_mas
    turn = (near.pa_deg - truth.pa_deg + 180.0) % 360.0 - 180.0
    return [
        Row(case, "snr", near.snr, "", f">= {_SNR:g}", ok=near.snr >= _SNR),
        Row(case, "position off", off, "px", f"<= {_PIXELS}", ok=off <= _PIXELS),
        _pull(case, "separation off / error", near.sep_mas - truth.sep_mas, near.sep_err),
        _pull(case, "PA off / error", turn, near.pa_err),
    ]


def _contrast_rows(case: str, one: Pair) -> list[Row]:
    rows: list[Row] = []
    for channel, (wanted, row) in enumerate(zip(one.planted.contrast, one.channels, strict=True)):
        where = f"{case}, channel {channel}"
        if row is None:
            rows.append(Row(where, "contrast", None, "", "a row of this channel", ok=False))
            continue
        off = row.contrast / wanted - 1.0
        goal = f"<= {_CONTRAST_SHARE:.0%}"
        rows.append(Row(where, "contrast off", 100 * off, "%", goal, ok=abs(off) <= _CONTRAST_SHARE))
        rows.append(_pull(where, "contrast off / error", row.contrast - wanted, row.contrast_err))
    return rows


def _pull(case: str, quantity: str, off: float, error: float) -> Row:
    pull = off / error if error > 0 else float("inf")
    return Row(case, quantity, pull, "sigma", f"|x| <= {_SIGMA:g}", ok=abs(pull) <= _SIGMA)


def _distance(one: Found, truth: Planted) -> float:
    """Distance on the sky, mas."""
    return hypot(
        one.sep_mas * sin(radians(one.pa_deg)) - truth.sep_mas * sin(radians(truth.pa_deg)),
        one.sep_mas * cos(radians(one.pa_deg)) - truth.sep_mas * cos(radians(truth.pa_deg)),
    )
