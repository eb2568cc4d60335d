"""Classical ADI, of one channel or of all as one: no components that a companion could shape."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.cadi import CadiReduction, reduce_cadi
from reduce.kernels.channels import Channel
from reduce.kernels.joint import JointChannel, channel_stamps, mean_contrast, noise_weights
from reduce.kernels.reduction import Parts, Reduction

__all__ = ["PlainJoint", "plain_adi"]


@dataclass(frozen=True, slots=True)
class PlainJoint:
    """Channels reduced one by one, and averaged; see `reduction.Reduction`.

    Attributes
    ----------
    reductions : Sequence[CadiReduction]
        One a channel.
    weights, spectrum : NDArray[np.float64]
        (channel,) of the mean, and contrast of a companion.
    times : int
        Frames of a channel.
    image : NDArray[np.float32]
        (y, x).
    """

    reductions: Sequence[CadiReduction]
    weights: NDArray[np.float64]
    spectrum: NDArray[np.float64]
    times: int
    image: NDArray[np.float32]

    def patch(self, parts: Parts, x: int, y: int, half: int) -> NDArray[np.float32]:
        """As `reduction.Reduction.patch`."""
        patches = [
            reduction.patch([(channel_stamps(s, c, self.times), f) for s, f in parts], x, y, half)
            for c, reduction in enumerate(self.reductions)
        ]
        return mean_contrast(np.stack(patches), self.weights, self.spectrum)


def plain_adi(channel: Channel) -> Reduction:
    """Classical ADI with a median over time.

    Parameters
    ----------
    channel : Channel
        The data, of one channel or of all joined.

    Returns
    -------
    Reduction
        As `reduce_cadi`; of joined channels the mean, weighted by their noise.
    """
    if not isinstance(channel, JointChannel):
        return reduce_cadi(channel.cube, channel.angles_deg)
    times = channel.times
    starts = range(0, len(channel.cube), times)
    reductions = [reduce_cadi(channel.cube[s : s + times], channel.angles_deg[:times]) for s in starts]
    images = np.stack([r.image for r in reductions])
    weights = noise_weights([r.image for r in reductions], channel.spectrum)
    image = mean_contrast(images, weights, channel.spectrum)
    return PlainJoint(reductions, weights, channel.spectrum, times, image)
