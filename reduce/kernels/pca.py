"""Star subtraction by principal components of the sequence (Soummer et al. 2012; Amara & Quanz 2012).

Full frame, per channel, temporal mean subtracted. The modes are never formed as
images: with the T x T Gram matrix G = D D^T of the T frames and its leading
eigenvectors V (T x k), the residual is (1 - V V^T) D, a mixing of the frames.
An injection changes G by products of small stamps with the data, so that what a
patch of the final image becomes is exact, with no linearisation, in milliseconds.
"""

from dataclasses import dataclass, field, replace
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.combine import combine, temporal_mean
from reduce.kernels.derotate import rotate_splines
from reduce.kernels.gram import GramChange, gram_change
from reduce.kernels.inject import Stamps
from reduce.kernels.local import derotated_patch, merged
from reduce.kernels.reduction import Parts, Sequenced, sequence
from reduce.kernels.threads import each_piece

__all__ = [
    "PcaReduction",
    "gram_matrix",
    "modes_in_time",
    "pca_residual",
    "projector",
    "reduce_pca",
    "removal",
    "with_components",
]

_BLOCK = 8192  # pixels a partial product: float32 inside, float64 between


def gram_matrix(frames: NDArray[np.float32], used: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
    """Products of all pairs of frames.

    Parameters
    ----------
    frames : NDArray[np.float32]
        (pixel, time), finite.
    used : NDArray[np.bool_] | None
        (pixel,) those that count; None is all.

    Returns
    -------
    NDArray[np.float64]
        (time, time).
    """
    pieces = np.zeros((-(-len(frames) // _BLOCK), frames.shape[1], frames.shape[1]), np.float32)

    def some(begin: int, end: int) -> None:
        block = frames[begin:end]
        if used is not None and not used[begin:end].all():
            block = block * used[begin:end, None]
        pieces[begin // _BLOCK] = block.T @ block

    each_piece(some, len(frames), _BLOCK)
    return np.asarray(pieces.sum(axis=0, dtype=np.float64))


def modes_in_time(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """Principal modes of frames: one decomposition serves every number of components.

    Parameters
    ----------
    gram : NDArray[np.float64]
        (time, time) of frames, whose temporal mean need not be 0.

    Returns
    -------
    NDArray[np.float64]
        (time, time) eigenvectors as columns, the strongest last.
    """
    centring = np.eye(len(gram)) - 1.0 / len(gram)
    return np.asarray(np.linalg.eigh(centring @ gram @ centring)[1])


def removal(modes: NDArray[np.float64], components: int) -> NDArray[np.float64]:
    """Mixing of frames that removes the mean and the strongest modes.

    Parameters
    ----------
    modes : NDArray[np.float64]
        (time, time) of `modes_in_time`.
    components : int
        Number of modes to remove, 0..time.

    Returns
    -------
    NDArray[np.float64]
        (time, time) symmetric: residual = removal @ frames.

    Raises
    ------
    ValueError
        If the number of components is impossible.
    """
    frames = len(modes)
    if not 0 <= components <= frames:
        raise ValueError(f"{components} components of {frames} frames, wanted 0..{frames}")
    removed = modes[:, frames - components :]
    centring = np.eye(frames) - 1.0 / frames
    return centring - removed @ removed.T if components < frames else np.zeros_like(modes)


def projector(gram: NDArray[np.float64], components: int) -> NDArray[np.float64]:
    """`removal` of the modes of a Gram matrix (time, time)."""
    return removal(modes_in_time(gram), components)


def pca_residual(
    cube: NDArray[np.floating], components: int, mask: NDArray[np.bool_] | None = None
) -> NDArray[np.float32]:
    """Subtract the temporal mean and the leading principal components.

    Parameters
    ----------
    cube : NDArray[np.floating]
        (time, y, x); NaN = no data (kept; they enter the components as the pixel's mean).
    components : int
        Number of modes.
    mask : NDArray[np.bool_] | None
        (y, x) pixels the modes are made from; None is all.

    Returns
    -------
    NDArray[np.float32]
        (time, y, x) residual, not derotated.
    """
    values = np.asarray(cube, np.float32) - temporal_mean(cube)
    bad = ~np.isfinite(values)
    values[bad] = 0.0
    flat = values.reshape(len(values), -1)
    used = flat if mask is None else flat[:, mask.ravel()]
    mixing = projector(gram_matrix(used.T), components).astype(np.float32)
    residual = (mixing @ flat).reshape(values.shape)
    residual[bad] = np.nan
    return residual


def _masked_gram(sequenced: Sequenced, mask: NDArray[np.bool_] | None) -> NDArray[np.float64]:
    values = sequenced.values
    return gram_matrix(values.reshape(len(values), -1).T, None if mask is None else mask.ravel())


def _image(
    sequenced: Sequenced, mixing: NDArray[np.float64], angles_deg: NDArray[np.floating], how: str
) -> NDArray[np.float32]:
    shape = sequenced.planes.shape
    planes, weights = sequenced.planes.reshape(shape[0], -1), mixing.astype(np.float32)
    mixed = np.empty(planes.shape, np.float32)

    def some(begin: int, end: int) -> None:
        mixed[:, begin:end] = weights @ planes[:, begin:end]

    each_piece(some, planes.shape[1], _BLOCK)
    return combine(rotate_splines(mixed.reshape(shape), sequenced.holes, angles_deg), how)


@dataclass(frozen=True, slots=True)
class PcaReduction:
    """One channel reduced by PCA; see `reduction.Reduction`.

    Attributes
    ----------
    sequenced : Sequenced
        The data minus their temporal mean.
    angles_deg : NDArray[np.floating]
        (time,).
    components : int
        Modes removed.
    mask : NDArray[np.float32]
        (y, x) 1 where pixels make the modes, else 0.
    gram, modes : NDArray[np.float64]
        (time, time); of `modes_in_time`.
    how : str
        'median' or 'mean' over time.
    image : NDArray[np.float32]
        (y, x) combined, north up.
    changes : WeakKeyDictionary[Stamps, GramChange]
        Of the Gram matrix by sources of unit flux, for as long as their stamps are in use.
    """

    sequenced: Sequenced
    angles_deg: NDArray[np.floating]
    components: int
    mask: NDArray[np.float32]
    gram: NDArray[np.float64]
    modes: NDArray[np.float64]
    how: str
    image: NDArray[np.float32] = field(repr=False)
    changes: WeakKeyDictionary[Stamps, GramChange] = field(default_factory=WeakKeyDictionary, repr=False)

    def patch(self, parts: Parts, x: int, y: int, half: int) -> NDArray[np.float32]:
        """As `reduction.Reduction.patch`: exact, the Gram matrix is updated for the injections."""
        signal = merged(parts)
        modes = self.modes
        if signal is not None:
            modes = modes_in_time(self.gram + self._change(parts, signal))
        mixing = removal(modes, self.components).astype(np.float32)
        frames = derotated_patch(self.sequenced, self.angles_deg, (x, y, half), signal, mixing)
        return combine(frames, self.how)

    def _change(self, parts: Parts, signal: Stamps) -> NDArray[np.float64]:
        """Of the Gram matrix; a single source is tried at many fluxes, its products are taken once."""
        if len(parts) > 1:
            return gram_change(self.sequenced, self.mask, signal).times(1.0)
        stamps, flux = parts[0]
        if stamps not in self.changes:
            self.changes[stamps] = gram_change(self.sequenced, self.mask, stamps)
        return self.changes[stamps].times(float(flux))


def reduce_pca(
    cube: NDArray[np.floating],
    angles_deg: NDArray[np.floating],
    components: int,
    mask: NDArray[np.bool_] | None = None,
    how: str = "median",
) -> PcaReduction:
    """Reduce one channel by PCA and keep what injections need.

    Parameters
    ----------
    cube : NDArray[np.floating]
        (time, y, x); NaN = no data.
    angles_deg : NDArray[np.floating]
        (time,) derotation angles.
    components : int
        Number of modes.
    mask : NDArray[np.bool_] | None
        (y, x) pixels the modes are made from; None is all.
    how : str
        'median' or 'mean' over time.

    Returns
    -------
    PcaReduction
        Image and patches.
    """
    sequenced = sequence(cube, temporal_mean(cube))
    gram = _masked_gram(sequenced, mask)
    modes = modes_in_time(gram)
    image = _image(sequenced, removal(modes, components), angles_deg, how)
    used = np.ones(cube.shape[1:], np.float32) if mask is None else mask.astype(np.float32)
    return PcaReduction(sequenced, angles_deg, components, used, gram, modes, how, image)


def with_components(reduction: PcaReduction, components: int) -> PcaReduction:
    """The same data with another number of components.

    Parameters
    ----------
    reduction : PcaReduction
        With any number.
    components : int
        The number wanted.

    Returns
    -------
    PcaReduction
        Shares all but the image.
    """
    if components == reduction.components:
        return reduction
    mixing = removal(reduction.modes, components)
    image = _image(reduction.sequenced, mixing, reduction.angles_deg, reduction.how)
    return replace(reduction, components=components, image=image)
