"""Put a companion into a sequence: the PSF at its place in each frame, times a flux.

While a frame is exposed the field goes on turning and draws a companion out along its arc:
with 64 s exposures and 1 degree a frame by 1.1 px at 0.8 arcsec, by 3.3 px at 2.3 arcsec
(12.25 mas pixels). Where the turn within the frames is given, an injected source is the mean of
sources at steps of at most 0.3 px along the arc; it then loses in a reduction what a real one loses.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.compiled import compiled
from reduce.kernels.derotate import detector_position
from reduce.kernels.spline import coefficients, cubic_weights, mirrored

__all__ = [
    "MARGIN",
    "Companion",
    "Psf",
    "Stamps",
    "add_stamps",
    "companion_stamps",
    "inject",
    "mirror_stamps",
    "prepare_psf",
]

MARGIN = 6
"""Pixels around a stamp: spline coefficients fall by 0.27 a pixel, to 4e-4 of the PSF's last pixel."""

_ARC_STEP = 0.3  # pixel: a mean over steps of an arc is that over the arc to 1e-3 of the peak


@dataclass(frozen=True, slots=True)
class Psf:
    """An off-axis PSF ready to be shifted.

    Attributes
    ----------
    spline : NDArray[np.float32]
        (y, x) spline coefficients, padded with zeros, PSF centre at its middle pixel.
    half : int
        Pixels from the middle to the edge of the PSF, padding not counted.
    """

    spline: NDArray[np.float32]
    half: int


@dataclass(frozen=True, slots=True)
class Companion:
    """A point source in the derotated image: x, y 0-based pixels, and its flux in each channel, adu."""

    x: float
    y: float
    flux: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Stamps:
    """A source in every frame; equal to itself alone, so that what was worked out for it can be kept by it.

    Attributes
    ----------
    data : NDArray[np.float32]
        (time, s, s) pixel values.
    left : NDArray[np.int64]
        (time,) column of each stamp's first pixel; may lie outside the frame.
    low : NDArray[np.int64]
        (time,) row of each stamp's first pixel.
    spline : NDArray[np.float32]
        (time, s + 2 m, s + 2 m) spline coefficients, m = `MARGIN` pixels more on each side.
    """

    data: NDArray[np.float32]
    left: NDArray[np.int64]
    low: NDArray[np.int64]
    spline: NDArray[np.float32]


def prepare_psf(psf: NDArray[np.floating], half: int | None = None) -> Psf:
    """Make a PSF ready to be shifted.

    Parameters
    ----------
    psf : NDArray[np.floating]
        (y, x), odd and square, centred on its middle pixel, finite.
    half : int | None
        Keep this many pixels from the middle; None keeps all.

    Returns
    -------
    Psf
        Its spline, padded with zeros.

    Raises
    ------
    ValueError
        If it is not an odd finite square.
    """
    size = psf.shape[0]
    if psf.ndim != 2 or psf.shape != (size, size) or size % 2 == 0:  # noqa: PLR2004 # an image
        raise ValueError(f"PSF has shape {psf.shape}, wanted an odd square (y, x)")
    if not np.isfinite(psf).all():
        raise ValueError("PSF has pixels without data; fill them first")
    middle = size // 2
    kept = middle if half is None else min(half, middle)
    cut = psf[middle - kept : middle + kept + 1, middle - kept : middle + kept + 1]
    return Psf(coefficients(np.pad(cut, MARGIN)[None])[0], kept)


@compiled
def _weights(fraction: float) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    a, b, c, d = cubic_weights(fraction)
    return np.float32(a), np.float32(b), np.float32(c), np.float32(d)


@compiled
def _fill(
    spline: NDArray[np.float32],
    fx: NDArray[np.float64],
    fy: NDArray[np.float64],
    margin: int,
    out: NDArray[np.float32],
) -> None:
    """Sample the PSF on each stamp's pixels, its centre off the middle pixel by (fx, fy)."""
    size = out.shape[1]
    corner = spline.shape[0] // 2 - size // 2
    rows = np.empty((size - 2 * margin + 3, size), np.float32)
    for t in range(out.shape[0]):
        # pixel p of the stamp sees the PSF at p - middle - f; f in (-0.5, 0.5]
        sx, sy = int(np.floor(-fx[t])), int(np.floor(-fy[t]))
        a, b, c, d = _weights(-fx[t] - sx)
        for j in range(rows.shape[0]):
            line = spline[corner + margin + j - 1 + sy]
            for i in range(margin, size - margin):
                k = corner + i + sx
                rows[j, i] = a * line[k - 1] + b * line[k] + c * line[k + 1] + d * line[k + 2]
        a, b, c, d = _weights(-fy[t] - sy)
        for j in range(margin, size - margin):
            k = j - margin
            for i in range(margin, size - margin):
                out[t, j, i] = a * rows[k, i] + b * rows[k + 1, i] + c * rows[k + 2, i] + d * rows[k + 3, i]


@compiled
def mirror_stamps(
    padded: NDArray[np.float32], left: NDArray[np.int64], low: NDArray[np.int64], shape: tuple[int, int]
) -> None:
    """Replace pixels of stamps (time, s, s) beyond the frame by their mirror images in it, in place."""
    frames, size, _ = padded.shape
    for t in range(frames):
        if left[t] >= 0 and low[t] >= 0 and left[t] + size <= shape[1] and low[t] + size <= shape[0]:
            continue
        source = padded[t].copy()
        for j in range(size):
            for i in range(size):
                row = mirrored(low[t] + j, shape[0]) - low[t]
                column = mirrored(left[t] + i, shape[1]) - left[t]
                inside = 0 <= row < size and 0 <= column < size
                padded[t, j, i] = source[row, column] if inside else 0.0


def companion_stamps(
    psf: Psf,
    x: float,
    y: float,
    angles_deg: NDArray[np.floating],
    centre: tuple[float, float],
    shape: tuple[int, int] | None = None,
    smear_deg: NDArray[np.floating] | None = None,
) -> Stamps:
    """Stamps of a source of unit flux along its track.

    Parameters
    ----------
    psf : Psf
        Unit flux.
    x : float
        Column in the derotated image, 0-based.
    y : float
        Row in the derotated image, 0-based.
    angles_deg : NDArray[np.floating]
        (time,) derotation angles.
    centre : tuple[float, float]
        (x, y) of the star.
    shape : tuple[int, int] | None
        (y, x) of a frame: at its edges the spline sees the source mirrored, as it does that of a frame.
    smear_deg : NDArray[np.floating] | None
        (time,) by how much the field turns within each frame, centred on its angle, at a steady rate; None
        stands for not at all.

    Returns
    -------
    Stamps
        One stamp a frame.
    """
    tx, ty = detector_position(x, y, angles_deg, centre)
    ix, iy = np.floor(tx + 0.5).astype(np.int64), np.floor(ty + 0.5).astype(np.int64)
    steps, reach = 1, psf.half + 1
    if smear_deg is not None:
        arc = float(np.max(np.radians(np.abs(smear_deg)))) * float(np.hypot(x - centre[0], y - centre[1]))
        steps = max(1, int(np.ceil(arc / _ARC_STEP)))
        reach += int(np.ceil(arc / 2)) if steps > 1 else 0
    padded = np.zeros((len(tx), 2 * (reach + MARGIN) + 1, 2 * (reach + MARGIN) + 1), np.float32)
    if smear_deg is None or steps == 1:
        _fill(psf.spline, tx - ix, ty - iy, MARGIN, padded)
    for step in range(steps if steps > 1 else 0):
        turned = angles_deg + np.asarray(smear_deg) * ((step + 0.5) / steps - 0.5)
        _add_step(psf, detector_position(x, y, turned, centre), (ix, iy), steps, padded)
    core = padded[:, MARGIN:-MARGIN, MARGIN:-MARGIN].copy()
    if shape is not None:
        mirror_stamps(padded, ix - reach - MARGIN, iy - reach - MARGIN, shape)
    return Stamps(core, ix - reach, iy - reach, coefficients(padded))


def _add_step(
    psf: Psf,
    place: tuple[NDArray[np.float64], NDArray[np.float64]],
    middle: tuple[NDArray[np.int64], NDArray[np.int64]],
    steps: int,
    padded: NDArray[np.float32],
) -> None:
    """Add one of the steps of an arc to stamps whose middle pixels are given, in place."""
    ix, iy = (np.floor(p + 0.5).astype(np.int64) for p in place)
    size = 2 * (psf.half + 1 + MARGIN) + 1
    one = np.zeros((len(padded), size, size), np.float32)
    _fill(psf.spline, place[0] - ix, place[1] - iy, MARGIN, one)
    core = np.ascontiguousarray(one[:, MARGIN:-MARGIN, MARGIN:-MARGIN])
    corner = padded.shape[1] // 2 - core.shape[1] // 2
    add_stamps(padded.transpose(1, 2, 0), core, corner + ix - middle[0], corner + iy - middle[1], 1.0 / steps)


@compiled
def add_stamps(
    box: NDArray[np.float32],
    stamps: NDArray[np.float32],
    left: NDArray[np.int64],
    low: NDArray[np.int64],
    factor: float,
) -> None:
    """Add stamps (time, y, x) times a factor to a box (y, x, time) in place; what falls outside is lost."""
    ny, nx, frames = box.shape
    for t in range(frames):
        for j in range(max(0, -low[t]), min(stamps.shape[1], ny - low[t])):
            for i in range(max(0, -left[t]), min(stamps.shape[2], nx - left[t])):
                box[low[t] + j, left[t] + i, t] += factor * stamps[t, j, i]


def inject(
    cube: NDArray[np.floating],
    angles_deg: NDArray[np.floating],
    psf: Psf,
    sources: Sequence[tuple[float, float, float]],
    smear_deg: NDArray[np.floating] | None = None,
) -> NDArray[np.float32]:
    """A cube with sources added; negative fluxes take sources away.

    Parameters
    ----------
    cube : NDArray[np.floating]
        (time, y, x) not derotated, star at n//2; NaN stays NaN.
    angles_deg : NDArray[np.floating]
        (time,) derotation angles.
    psf : Psf
        Unit flux in the aperture of 1 FWHM.
    sources : Sequence[tuple[float, float, float]]
        x, y in the derotated image and flux in adu (contrast x star flux).
    smear_deg : NDArray[np.floating] | None
        (time,) by how much the field turns within each frame; None stands for not at all.

    Returns
    -------
    NDArray[np.float32]
        (time, y, x), a new array.
    """
    out = np.array(cube, np.float32, copy=True)
    centre = (float(cube.shape[2] // 2), float(cube.shape[1] // 2))
    for x, y, flux in sources:
        stamps = companion_stamps(psf, x, y, angles_deg, centre, smear_deg=smear_deg)
        add_stamps(out.transpose(1, 2, 0), stamps.data, stamps.left, stamps.low, float(flux))
    return out
