"""How many principal components: the number that reaches the deepest contrast.

Too few leave speckles, too many take the companion away with them; which wins
depends on the night. For each number the noise on a few rings is divided by the
throughput of companions injected at the detection limit, and the mean over the
rings of its logarithm decides. Noise, not any companion's own signal, makes the choice, so that it
favours no peak; the noise is the robust one, so that bright companions do not matter.

A companion is injected into the reductions by all numbers before the next one is: its products with the
data do not depend on the number.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from reduce.kernels.aperture import aperture_map, ring_size
from reduce.kernels.channels import Channel, radial_noise
from reduce.kernels.contrast import threshold_flux, throughput_of_each
from reduce.kernels.reduction import Reduction
from reduce.kernels.throughput import OPAQUE

__all__ = ["Choice", "choose_components", "component_grid"]

_RINGS = (2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0)  # FWHM
_AZIMUTHS = np.radians([25.0, 145.0, 265.0])


@dataclass(frozen=True, slots=True)
class Choice:
    """Numbers tried, mean logarithm (base 10) of noise over throughput for each, and the best number."""

    tried: tuple[int, ...]
    depth: tuple[float, ...]
    best: int


def component_grid(frames: int) -> tuple[int, ...]:
    """Numbers of components worth trying: 1, 2, 3, then in steps of a third, up to a third of the frames."""
    grid = [1]
    while grid[-1] < frames // 3:
        grid.append(min(max(grid[-1] + 1, round(grid[-1] * 1.4)), max(frames // 3, 1)))
    return tuple(grid)


def choose_components(
    channel: Channel, reduced: Callable[[int], Reduction], grid: Sequence[int], limits: tuple[float, float]
) -> Choice:
    """Try numbers of components on one channel.

    Parameters
    ----------
    channel : Channel
        The data.
    reduced : Callable[[int], Reduction]
        Its reduction with a number of components; all are held at a time, so they should share the data.
    grid : Sequence[int]
        Numbers to try.
    limits : tuple[float, float]
        Separations that matter, pixels.

    Returns
    -------
    Choice
        The best and how the others did.

    Raises
    ------
    ValueError
        If no number leaves any noise that could be compared.
    """
    inner, outer = limits
    radii = [r * channel.fwhm for r in _RINGS if inner <= r * channel.fwhm <= outer]
    radii = radii or [(inner + outer) / 2]
    depth = _depths(channel, [reduced(k) for k in grid], radii)
    known = np.where(np.isfinite(depth), depth, np.inf)
    if not np.isfinite(known).any():
        raise ValueError(
            f"no noise is left at {', '.join(f'{r:.0f}' for r in radii)} px with any of {tuple(grid)} "
            "components to choose a number by; say how many: parameter components"
        )
    return Choice(tuple(grid), tuple(depth), grid[int(np.argmin(known))])


def _depths(channel: Channel, reductions: Sequence[Reduction], radii: Sequence[float]) -> list[float]:
    """Of each reduction."""
    half = channel.fwhm / 2
    noises = [radial_noise(aperture_map(reduction.image, channel.fwhm), half) for reduction in reductions]
    logs = np.full((len(radii), len(reductions)), np.nan)
    for row, radius in zip(logs, radii, strict=True):
        levels = [float(noise[min(round(radius), len(noise) - 1)]) for noise in noises]
        count = ring_size(radius, channel.fwhm) - 1
        wanted = [threshold_flux(level, count) for level in levels]
        passed = throughput_of_each(channel, reductions, (radius, _AZIMUTHS), wanted, 0.3)
        for k, (level, through) in enumerate(zip(levels, passed, strict=True)):
            if level > 0:
                row[k] = np.log10(level / max(float(np.nan_to_num(through.own)), OPAQUE))
    return [float(depth) for depth in logs.mean(axis=0)]
