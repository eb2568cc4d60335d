"""Which frames may stand for the star in another frame: those in which a companion has moved away."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["ReferenceFrames", "choose_references", "moved", "references"]

_HALF = 0.5  # share of the field's pixels that must have data in a frame for it to be a reference
_MOST = 0.5  # share of the frames that must have data on a pixel for it to be of the field


@dataclass(frozen=True, slots=True)
class ReferenceFrames:
    """ReferenceFrames of every frame, ring by ring.

    Attributes
    ----------
    allowed : NDArray[np.bool_]
        (ring, time, time): frame s is a reference of frame t at [ring, t, s].
    relaxed_px : float
        Separation out to which the distance could not be kept for every frame; 0 where it was everywhere.
    """

    allowed: NDArray[np.bool_]
    relaxed_px: float


def choose_references(
    cube: NDArray[np.floating],
    angles_deg: NDArray[np.floating],
    radii: Sequence[float],
    distance: float,
    least: int,
    most: int | None = None,
) -> ReferenceFrames:
    """ReferenceFrames of every frame in rings of the field.

    Parameters
    ----------
    cube : NDArray[np.floating]
        (time, y, x); frames without data on half of the field, the pixels that most frames have data on,
        are no references: a cube may have corners, a mask or an edge without data in all frames.
    angles_deg : NDArray[np.floating]
        (time,) derotation angles.
    radii : Sequence[float]
        Separation of the companions to keep in each ring, pixels.
    distance : float
        By which they must have moved, pixels.
    least : int
        As `references`.
    most : int | None
        References of a frame at most: those nearest to it in time; None is all.

    Returns
    -------
    ReferenceFrames
        Ring by ring.

    Raises
    ------
    ValueError
        If a frame has no reference: the star would be left in it.
    """
    usable = _usable(cube)
    found = [references(angles_deg, radius, distance, least, usable) for radius in radii]
    relaxed = [radius for radius, (_, short) in zip(radii, found, strict=True) if short]
    allowed = np.stack([_nearest(of_ring, most) for of_ring, _ in found])
    alone = np.flatnonzero(~allowed.any(axis=2).all(axis=0))
    if alone.size:
        raise ValueError(
            f"{alone.size} of {len(usable)} frames, the first frame {alone[0]}, have no reference: "
            f"{int(usable.sum())} frames have data on half of the field; wanted at least 2; leave frames "
            "with many gaps out, or fill them"
        )
    return ReferenceFrames(allowed, max(relaxed, default=0.0))


def _usable(cube: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Frames (time,) with data on half of the field."""
    there = np.zeros(cube.shape[1:], np.int64)
    for frame in cube:
        there += np.isfinite(frame)
    field = there >= max(_MOST * len(cube), 1)
    if not field.any():
        return np.zeros(len(cube), np.bool_)
    return np.array([np.isfinite(frame[field]).mean() >= _HALF for frame in cube])


def _nearest(allowed: NDArray[np.bool_], most: int | None) -> NDArray[np.bool_]:
    """Of the references (time, time) of each frame the nearest in time; of two equally far the earlier."""
    if most is None or most >= len(allowed):
        return allowed
    place = np.arange(len(allowed))
    away = np.where(allowed, np.abs(place[:, None] - place[None]), 2 * len(allowed))
    order = np.argsort(away, axis=1, kind="stable")[:, :most]
    kept = np.zeros_like(allowed)
    np.put_along_axis(kept, order, values=True, axis=1)
    return kept & allowed


def moved(angles_deg: NDArray[np.floating], radius: float) -> NDArray[np.float64]:
    """Distance between the places of one companion in each pair of frames.

    Parameters
    ----------
    angles_deg : NDArray[np.floating]
        (time,) derotation angles.
    radius : float
        Separation of the companion, pixels.

    Returns
    -------
    NDArray[np.float64]
        (time, time) pixels, along the chord: turns by 360 degrees are none.
    """
    angle = np.radians(np.asarray(angles_deg, np.float64))
    return np.asarray(2 * radius * np.abs(np.sin((angle[:, None] - angle[None]) / 2)))


def references(
    angles_deg: NDArray[np.floating],
    radius: float,
    distance: float,
    least: int,
    usable: NDArray[np.bool_],
) -> tuple[NDArray[np.bool_], int]:
    """Frames in which a companion has moved far enough, or, where these are too few, farthest.

    Parameters
    ----------
    angles_deg : NDArray[np.floating]
        (time,) derotation angles.
    radius : float
        Separation of the companion, pixels.
    distance : float
        Wanted, pixels.
    least : int
        ReferenceFrames a frame must have: missing ones are made up by those in which it has moved most.
    usable : NDArray[np.bool_]
        (time,) False: never a reference, e.g. a frame without data.

    Returns
    -------
    tuple[NDArray[np.bool_], int]
        (time, time): frame s is a reference of frame t at [t, s]; and for how many frames the
        distance was not kept.
    """
    far = moved(angles_deg, radius)
    candidate = np.broadcast_to(usable, far.shape) & ~np.eye(len(far), dtype=np.bool_)
    allowed = candidate & (far >= distance)
    short = np.flatnonzero(allowed.sum(axis=1) < np.minimum(least, candidate.sum(axis=1)))
    for t in short:
        order = np.argsort(np.where(candidate[t], -far[t], np.inf), kind="stable")
        allowed[t, order[: min(least, int(candidate[t].sum()))]] = True
    return allowed, len(short)
