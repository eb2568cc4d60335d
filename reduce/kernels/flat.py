"""Detector response from lamp exposures of several levels."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Response", "fit_response", "split_fields"]

_LIT = 0.5  # of the median of all pixels: the frame around the field sees no light and is no part of it
_MINIMUM_LEVELS = 3


class Response(NamedTuple):
    """Of each pixel: slope (median 1 over the lit part of each field), its error, scatter about the line."""

    slope: NDArray[np.float32]
    error: NDArray[np.float32]
    scatter: NDArray[np.float32]
    bend: NDArray[np.float32]


def split_fields(plane: NDArray[np.floating], field: int) -> tuple[NDArray[np.floating], ...]:
    """The fields that stand side by side on the detector.

    Parameters
    ----------
    plane : NDArray[np.floating]
        (..., y, x).
    field : int
        Width of a field, pixels.

    Returns
    -------
    tuple[NDArray[np.floating], ...]
        Views (..., y, field), left first.

    Raises
    ------
    ValueError
        If the width is no multiple of a field's.
    """
    width = plane.shape[-1]
    if width % field:
        raise ValueError(f"frame is {width} px wide, wanted a multiple of {field}")
    return tuple(plane[..., left : left + field] for left in range(0, width, field))


def fit_response(levels: NDArray[np.floating], field: int) -> Response:
    """Fit each pixel's signal against the level of its field by a line.

    Parameters
    ----------
    levels : NDArray[np.floating]
        (level, y, x) adu, dark subtracted where it is known; the line's constant takes what is left.
    field : int
        Width of a field, pixels; fields are fitted and normalised apart.

    Returns
    -------
    Response
        Each (y, x) float32. Slope per unit of the field's median; scatter is the root mean square
        residual over the photon noise of the highest level (adu**0.5); bend is the departure from the line
        by a quadratic term, over the signal of the highest level.

    Notes
    -----
    A ValueError says so if there are fewer than three different levels.
    """
    parts = [_fit(part) for part in split_fields(levels, field)]
    return Response(*(np.concatenate(maps, axis=1) for maps in zip(*parts, strict=True)))


def _fit(levels: NDArray[np.floating]) -> Response:
    exposure = np.median(levels, axis=(1, 2)).astype(np.float64)
    if np.unique(np.round(exposure, 3)).size < _MINIMUM_LEVELS or exposure.min() <= 0:
        raise ValueError(
            f"lamp levels {np.round(exposure, 1).tolist()} adu, wanted {_MINIMUM_LEVELS} different above 0"
        )
    weight = 1.0 / exposure  # photon noise: variance grows with the level
    total = weight.sum()
    centred = exposure - (weight * exposure).sum() / total
    norm = (weight * centred**2).sum()
    slope = np.tensordot(weight * centred, levels, axes=1) / norm
    offset = np.tensordot(weight, levels, axes=1) / total
    residual = levels - offset - slope * centred[:, None, None]
    scatter = np.sqrt(np.tensordot(weight, residual**2, axes=1) / (exposure.size - 2))
    square = (
        centred**2 - norm / total - centred * (weight * centred**3).sum() / norm
    )  # free of line and constant
    curvature = np.tensordot(weight * square, residual, axes=1) / (weight * square**2).sum()
    signal = np.where(slope > 0, slope, np.nan) * np.ptp(exposure)
    bend = np.nan_to_num(curvature * np.ptp(exposure) ** 2 / signal)
    middle = np.median(slope[slope > _LIT * np.median(slope)])
    return Response(
        (slope / middle).astype(np.float32),
        (scatter / np.sqrt(norm) / middle).astype(np.float32),
        scatter.astype(np.float32),
        bend.astype(np.float32),
    )
