"""Which frames of a sequence are kept: one stated rule, the same frames for the same numbers."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Evidence", "Limits", "Verdict", "judge", "strehl_of_halo"]

_IMAGE = "image: Strehl down {:.0%}"
_STREHL = "AO: Strehl down {:.0%}"
_CENTRE = "centre {:.1f} px off"
_LOST = "pattern lost: star away or loop open"
_FAINT = "star down to {:.0%}"
_EMPTY = "no data in the annulus"


class Limits(NamedTuple):
    """What makes a frame bad.

    `strehl_drop` share of the sequence's median Strehl lost; `centre_px` star off its place; `faintest` share
    of the median flux left; `most_lost` share of the frames that may go without a warning.
    """

    strehl_drop: float
    centre_px: float
    faintest: float
    most_lost: float


class Evidence(NamedTuple):
    """What is known of each frame, each (time,), NaN = unknown.

    `strehl_image` of the frame itself, `strehl_ao` of the telemetry at that time, both over the sequence's
    median; `offset` px; `flux` of the star over its median; `lost` bool: the pattern around the star, seen in
    the other frames, is not found; `empty` bool: no data.
    """

    strehl_image: NDArray[np.float64]
    strehl_ao: NDArray[np.float64]
    offset: NDArray[np.float64]
    flux: NDArray[np.float64]
    lost: NDArray[np.bool_]
    empty: NDArray[np.bool_]


class Verdict(NamedTuple):
    """What was decided.

    `kept` (time,) bool; `reasons` what speaks against each frame, '' for nothing (where too many are bad, a
    kept one has its reason too); `warning` '' for none.
    """

    kept: NDArray[np.bool_]
    reasons: tuple[str, ...]
    warning: str


def strehl_of_halo(
    halo: NDArray[np.floating], clear: NDArray[np.floating], strehl: float
) -> NDArray[np.float64]:
    """Strehl of each frame from the light of its halo.

    What the adaptive optics does not put into the core it leaves in the halo: its light is
    transparency x (1 - Strehl).

    Parameters
    ----------
    halo : NDArray[np.floating]
        (time,) light of the annulus.
    clear : NDArray[np.floating]
        (time,) transparency, any unit; NaN = unknown, taken as its median.
    strehl : float
        Typical Strehl of the sequence, 0..1.

    Returns
    -------
    NDArray[np.float64]
        (time,) over the sequence's median; NaN where there is no halo.
    """
    level = _over_median(np.asarray(halo, np.float64))
    through = np.nan_to_num(_over_median(np.asarray(clear, np.float64)), nan=1.0)
    left = (1.0 - (1.0 - strehl) * level / np.maximum(through, 1e-3)) / strehl
    return np.asarray(np.maximum(left, 0.0))  # an open loop's halo is brighter than the law says


def judge(evidence: Evidence, limits: Limits) -> Verdict:
    """Keep or reject each frame.

    A frame goes when its Strehl (of its own halo or spots, or of the telemetry) has lost more than the limit
    of the sequence's median, its star stands off by more than the limit, or is fainter than the limit.
    Where more than `most_lost` would go, only the worst go, as many as may, and a warning says so.

    Parameters
    ----------
    evidence : Evidence
        Of each frame.
    limits : Limits
        The rule's numbers.

    Returns
    -------
    Verdict
        Kept or not, reasons, warning.
    """
    reasons, excess = [], []
    for time in range(evidence.empty.size):
        reason, size = _worst(evidence, limits, time)
        reasons.append(reason)
        excess.append(size)
    badness = np.array(excess, dtype=np.float64)
    bad = badness > 0
    allowed = int(limits.most_lost * bad.size)
    if bad.sum() <= allowed:
        return Verdict(~bad, tuple(reasons), "")
    order = np.argsort(-badness, kind="stable")
    kept = np.ones(bad.size, bool)
    kept[order[:allowed]] = False
    kept[evidence.empty] = False
    warning = (
        f"{int(bad.sum())} of {bad.size} frames fall below the limits, at most {allowed} may be rejected: "
        "the least bad are kept; look at their reasons"
    )
    return Verdict(kept, tuple(reasons), warning)


def _worst(evidence: Evidence, limits: Limits, time: int) -> tuple[str, float]:
    """The strongest word against a frame, and by how much it passes its limit (0: none does)."""
    if evidence.empty[time]:
        return _EMPTY, np.inf
    if evidence.lost[time]:
        return _LOST, np.inf
    offset = float(evidence.offset[time])
    drops = {_IMAGE: 1 - float(evidence.strehl_image[time]), _STREHL: 1 - float(evidence.strehl_ao[time])}
    found = [(word.format(drop), drop / limits.strehl_drop) for word, drop in drops.items()]
    found.append((_CENTRE.format(offset), offset / limits.centre_px))
    flux = float(evidence.flux[time])
    found.append((_FAINT.format(flux), (1 - flux) / (1 - limits.faintest)))
    over = [(word, size - 1) for word, size in found if size > 1]
    return max(over, key=lambda each: each[1], default=("", 0.0))


def _over_median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    known = values[np.isfinite(values)]
    middle = float(np.median(known)) if known.size else np.nan
    return values / middle if middle > 0 else np.full(values.shape, np.nan)
