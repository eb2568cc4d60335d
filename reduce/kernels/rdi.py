"""Reference differential imaging: the star by principal components of frames of other stars.

The modes come from a library alone (Lafreniere et al. 2009; Soummer et al. 2012), so that no
companion shapes them and the field need not turn. Mean handling: nothing is subtracted
first. Each frame of the library is divided by its norm within the mask, so that bright stars do not
rule, and the first mode is their mean image: it takes the science star's brightness with it. Each
science frame loses its projections onto the modes, measured within the mask. What a companion
loses is linear in its flux, and exact in patches.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from reduce.kernels.combine import combine, temporal_mean
from reduce.kernels.compiled import compiled
from reduce.kernels.inject import Stamps
from reduce.kernels.local import merged
from reduce.kernels.lowrank import less_image, less_patch, reach_of_patch
from reduce.kernels.reduction import Parts
from reduce.kernels.spline import coefficients

__all__ = ["Library", "RdiReduction", "library_modes", "reduce_rdi", "with_library_modes"]

_NOTHING = 1e-10  # of the largest eigenvalue: frames that are sums of others


@dataclass(frozen=True, slots=True)
class Library:
    """Principal components of frames of other stars.

    Attributes
    ----------
    modes : NDArray[np.float32]
        (k, y, x) strongest first, orthonormal within the mask.
    mask : NDArray[np.bool_]
        (y, x) pixels that count.
    """

    modes: NDArray[np.float32]
    mask: NDArray[np.bool_]


def library_modes(
    references: NDArray[np.floating], most: int, mask: NDArray[np.bool_] | None = None
) -> Library:
    """Principal components of a library.

    Parameters
    ----------
    references : NDArray[np.floating]
        (frame, y, x) of other stars, star at n//2; NaN = no data, taken from the mean of the others.
    most : int
        Modes to keep at most.
    mask : NDArray[np.bool_] | None
        (y, x) pixels that make the modes; None is all.

    Returns
    -------
    Library
        Of `most` modes, or as many as the frames have.

    Raises
    ------
    ValueError
        If there is no frame, or none has light within the mask.
    """
    used = np.ones(references.shape[1:], np.bool_) if mask is None else mask
    frames = _filled(references).astype(np.float64)
    norm = np.sqrt(np.sum(frames[:, used] ** 2, axis=1))
    if not (norm > 0).any():
        raise ValueError(f"{len(frames)} reference frames hold no light within the mask; give others")
    frames = frames[norm > 0] / norm[norm > 0][:, None, None]
    inside = frames[:, used]
    values, vectors = linalg.eigh(inside @ inside.T)
    order = np.argsort(values)[::-1][:most]
    order = order[values[order] > _NOTHING * values[order[0]]]
    weights = vectors[:, order] / np.sqrt(values[order])
    modes = np.tensordot(weights.T, frames, axes=1).astype(np.float32)
    return Library(modes, used)


def _filled(cube: NDArray[np.floating]) -> NDArray[np.float32]:
    """Frames with the mean over the others where one has no data; 0 where none has."""
    values = np.array(cube, np.float32, copy=True)
    bad = ~np.isfinite(values)
    if bad.any():
        values[bad] = np.broadcast_to(np.nan_to_num(temporal_mean(cube)), values.shape)[bad]
    return values


@dataclass(frozen=True, slots=True)
class RdiReduction:
    """One channel reduced by a library; see `reduction.Reduction`.

    Attributes
    ----------
    frames : tuple[NDArray[np.float32], NDArray[np.bool_]]
        (time, y, x) spline coefficients of the science frames, and pixels without data.
    turns : tuple[NDArray[np.floating], NDArray[np.float64]]
        (time,) derotation angles, degrees; and ones: nothing is stretched.
    library : Library
        All modes there are.
    splines : NDArray[np.float32]
        (k, y, x) spline coefficients of the modes.
    left : NDArray[np.float64]
        (time, k) of each mode in each frame.
    components : int
        Modes subtracted.
    how : str
        'median' or 'mean' over time.
    image : NDArray[np.float32]
        (y, x) combined, north up.
    """

    frames: tuple[NDArray[np.float32], NDArray[np.bool_]]
    turns: tuple[NDArray[np.floating], NDArray[np.float64]]
    library: Library
    splines: NDArray[np.float32]
    left: NDArray[np.float64]
    components: int
    how: str
    image: NDArray[np.float32] = field(repr=False)

    def patch(self, parts: Parts, x: int, y: int, half: int) -> NDArray[np.float32]:
        """As `reduction.Reduction.patch`: exact, projections of the injections added to the frames' own."""
        signal, count, place = merged(parts), self.components, (x, y, half)
        left = self.left[:, :count]
        if signal is not None:
            left = left + _projections(signal, self.library, count)
        box = reach_of_patch(self.library.mask.shape, self.turns, place)
        images = self.splines[:count, box[2] : box[3], box[0] : box[1]]
        patch = less_patch(self.frames, self.turns, place, signal, (left, images), (box[0], box[2]))
        return combine(patch, self.how)


def _projections(signal: Stamps, library: Library, count: int) -> NDArray[np.float64]:
    """Products (time, k) of a signal with the modes within the mask."""
    out = np.zeros((len(signal.data), count))
    _project(signal.data, signal.left, signal.low, library.modes[:count], library.mask, out)
    return out


@compiled
def _project(
    stamps: NDArray[np.float32],
    left: NDArray[np.int64],
    low: NDArray[np.int64],
    modes: NDArray[np.float32],
    mask: NDArray[np.bool_],
    out: NDArray[np.float64],
) -> None:
    ny, nx = mask.shape
    for t in range(len(stamps)):
        for j in range(max(0, -low[t]), min(stamps.shape[1], ny - low[t])):
            for i in range(max(0, -left[t]), min(stamps.shape[2], nx - left[t])):
                row, column = low[t] + j, left[t] + i
                if mask[row, column]:
                    for k in range(len(modes)):
                        out[t, k] += stamps[t, j, i] * modes[k, row, column]


def reduce_rdi(
    cube: NDArray[np.floating],
    angles_deg: NDArray[np.floating],
    library: Library,
    components: int,
    how: str = "median",
) -> RdiReduction:
    """Reduce one channel by a library and keep what injections need.

    Parameters
    ----------
    cube : NDArray[np.floating]
        (time, y, x); NaN = no data.
    angles_deg : NDArray[np.floating]
        (time,) derotation angles.
    library : Library
        Of the same shape and channel.
    components : int
        Modes to subtract; as many as there are if there are fewer.
    how : str
        'median' or 'mean' over time.

    Returns
    -------
    RdiReduction
        Image and patches.

    Raises
    ------
    ValueError
        If shapes differ or the number of components is not positive.
    """
    if cube.shape[1:] != library.mask.shape:
        raise ValueError(f"frames are {cube.shape[1:]}, the library's {library.mask.shape}; wanted the same")
    if components < 1:
        raise ValueError(f"{components} components, wanted at least 1")
    values, bad = _filled(cube), ~np.isfinite(cube)
    inside = values[:, library.mask].astype(np.float64)
    left = inside @ library.modes[:, library.mask].T.astype(np.float64)
    splines = coefficients(library.modes)
    frames = (coefficients(values), bad if bad.any() else np.zeros((0, 0, 0), np.bool_))
    turns = (angles_deg, np.ones(len(values)))
    reduction = RdiReduction(
        frames, turns, library, splines, left, components, how, np.zeros((0, 0), np.float32)
    )
    return with_library_modes(reduction, components)


def with_library_modes(reduction: RdiReduction, components: int) -> RdiReduction:
    """The same data with another number of modes.

    Parameters
    ----------
    reduction : RdiReduction
        With any number.
    components : int
        The number wanted.

    Returns
    -------
    RdiReduction
        Shares all but the image.
    """
    count = min(components, len(reduction.splines))
    modes = (reduction.left[:, :count], reduction.splines[:count])
    image = less_image(reduction.frames, reduction.turns, modes, reduction.how)
    return replace(reduction, components=count, image=image)
