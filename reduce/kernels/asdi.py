"""Principal components across wavelengths: ASDI and SDI.

ASDI (angular and spectral differential imaging in one step; Christiaens et al. 2019 compare
it with others) removes the mean and the leading modes of all channel x time frames, stretched
until their speckles coincide. SDI (Racine et al. 1999; Sparks and Ford 2002) looks at one
time after the other and needs no field rotation: of three or more channels the leading modes
of the channels at that time are removed, no mean taken off before; of two channels each loses
the other, times the factor of least squares.
"""

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.joint import JointChannel
from reduce.kernels.spectral import JointReduction, Modes, Rule, align, reduce_groups
from reduce.kernels.subspace import block_size, leading

__all__ = ["joint_grid", "reduce_asdi", "reduce_sdi", "with_joint_components"]

_PAIR = 2  # channels that are each other's reference


def joint_grid(frames: int) -> tuple[int, ...]:
    """Numbers of components worth trying on many frames: 2, 4, 8 ... 64, up to a third of the frames."""
    return tuple(k for k in (2, 4, 8, 16, 32, 64) if k <= max(frames // 3, 2))


def _components(count: int, *, centred: bool) -> Rule:
    """Rule: remove the leading modes of a group, and its mean first if `centred`."""

    def rule(gram: NDArray[np.float64], start: NDArray[np.float64] | None) -> Modes:
        size = len(gram)
        if not centred:
            vectors = leading(gram, count, start)
            return Modes(vectors[:, :count], vectors[:, :count], vectors)
        mean = gram.mean(axis=0)
        centred_gram = gram - (mean - mean.mean())
        centred_gram -= mean[:, None]
        vectors = leading(centred_gram, count, start)
        modes = np.column_stack([np.full(size, size**-0.5), vectors[:, :count]])
        return Modes(modes, modes, vectors)

    return rule


def _other(gram: NDArray[np.float64], start: NDArray[np.float64] | None) -> Modes:
    """Rule for two frames: each loses the other times the factor of least squares; of one without light 0."""
    del start
    power = np.diag(gram)[::-1]
    factor = np.diag(np.divide(gram[0, 1], power, out=np.zeros(_PAIR), where=power > 0))
    return Modes(factor, np.eye(_PAIR)[::-1], np.eye(_PAIR))


def reduce_asdi(
    channel: JointChannel,
    components: int,
    mask: NDArray[np.bool_] | None = None,
    how: str = "median",
    weights: NDArray[np.float64] | None = None,
) -> JointReduction:
    """Reduce all channels by the principal components of all their frames.

    Parameters
    ----------
    channel : JointChannel
        The data.
    components : int
        Number of modes, after the mean.
    mask : NDArray[np.bool_] | None
        (y, x) pixels the modes are made from, as seen at the shortest wavelength; None is all.
    how : str
        'median' or 'mean' over time.
    weights : NDArray[np.float64] | None
        (channel,) of the mean over channels; None takes them from the noise of their images.

    Returns
    -------
    JointReduction
        Images and patches.

    Raises
    ------
    ValueError
        If the number of components is impossible.
    """
    frames = len(channel.cube)
    if not 0 <= components < frames:
        raise ValueError(f"{components} components of {frames} frames, wanted 0..{frames - 1}")
    rule = _components(components, centred=True)
    groups = [slice(None)]
    return reduce_groups(align(channel, mask), groups, rule, how, (weights, channel.spectrum))


def reduce_sdi(
    channel: JointChannel,
    components: int,
    mask: NDArray[np.bool_] | None = None,
    how: str = "median",
    weights: NDArray[np.float64] | None = None,
) -> JointReduction:
    """Reduce the channels of each time by each other.

    Parameters
    ----------
    channel : JointChannel
        The data.
    components : int
        Number of modes; two channels subtract each other whatever it is.
    mask : NDArray[np.bool_] | None
        (y, x) pixels the modes are made from, as seen at the shortest wavelength; None is all.
    how : str
        'median' or 'mean' over time.
    weights : NDArray[np.float64] | None
        (channel,) of the mean over channels; None takes them from the noise of their images.

    Returns
    -------
    JointReduction
        Images and patches.

    Raises
    ------
    ValueError
        If the number of components is impossible.
    """
    channels = len(channel.psfs)
    if not 1 <= components < channels:
        raise ValueError(f"{components} components of {channels} channels, wanted 1..{channels - 1}")
    rule = _other if channels == _PAIR else _components(components, centred=False)
    groups = [slice(t, None, channel.times) for t in range(channel.times)]
    return reduce_groups(align(channel, mask, centred=False), groups, rule, how, (weights, channel.spectrum))


def with_joint_components(reduction: JointReduction, components: int) -> JointReduction:
    """The same data with another number of components.

    Parameters
    ----------
    reduction : JointReduction
        By components, with any number.
    components : int
        The number wanted.

    Returns
    -------
    JointReduction
        Shares the data, the products of injections with them, and the decomposition if that was for as many;
        weights taken anew from the noise. Two channels of SDI have no components.
    """
    pair = reduction.rule is _other
    rule = _other if pair else _components(components, centred=reduction.stretched.centred)
    starts = [modes.start for modes in reduction.modes]
    enough = all(start.shape[1] >= block_size(components, len(start)) for start in starts)
    return reduction.by(rule, starts if enough else None)
