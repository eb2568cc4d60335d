"""PCA in rings, each frame with the modes of those frames alone in which a companion has moved away.

Absil et al. 2013; Gomez Gonzalez et al. 2017. The temporal mean of all frames is subtracted first;
then, ring by ring, frame t loses its projection on the leading modes of its references: the frames
in which a companion in the middle of the ring has moved by at least `distance` FWHM. One ring as wide as
the field is PCA of the full frame with a protection angle.
"""

from dataclasses import dataclass
from itertools import pairwise

from reduce.kernels.channels import Channel
from reduce.kernels.leading_modes import LeadingModes
from reduce.kernels.references import choose_references
from reduce.kernels.regional import RegionalReduction, reduce_regions, with_solver
from reduce.kernels.regions import Ring, divide, ring_edges

__all__ = ["AnnularPca", "reduce_annular_pca", "with_components"]


@dataclass(frozen=True, slots=True)
class AnnularPca:
    """How annular PCA is set; lengths in FWHM.

    Attributes
    ----------
    components : int
        Modes removed; all there are where references are fewer.
    distance : float
        A companion must have moved by so much in a reference.
    width : float
        Of a ring, about: rings share the field evenly.
    least : int
        References a frame has at least, see `references.references`.
    most : int
        References a frame has at most, those nearest in time: the cost grows with their cube.
    at_px : float | None
        Separation (pixels) for which the distance is kept; None is the middle of each ring.
    """

    components: int
    distance: float = 1.0
    width: float = 4.0
    least: int = 5
    most: int = 100
    at_px: float | None = None


def reduce_annular_pca(
    channel: Channel, limits: tuple[float, float], given: AnnularPca, how: str = "median"
) -> RegionalReduction:
    """Reduce one channel by annular PCA and keep what injections need.

    Parameters
    ----------
    channel : Channel
        The data.
    limits : tuple[float, float]
        First and last separation used, pixels.
    given : AnnularPca
        Settings.
    how : str
        'median' or 'mean' over time.

    Returns
    -------
    RegionalReduction
        Image and patches.
    """
    edges = ring_edges(*limits, given.width * channel.fwhm)
    rings = [Ring(low, high, 1, ((low, high),)) for low, high in pairwise(edges)]
    regions = divide((channel.cube.shape[1], channel.cube.shape[2]), rings)
    radii = [ring.middle if given.at_px is None else given.at_px for ring in rings]
    distance = given.distance * channel.fwhm
    counts = (given.least, given.most)
    allowed = choose_references(channel.cube, channel.angles_deg, radii, distance, *counts)
    solve = LeadingModes(allowed, regions.ring_of, given.components)
    return reduce_regions(channel.cube, channel.angles_deg, regions, solve, how)


def with_components(reduction: RegionalReduction, components: int) -> RegionalReduction:
    """The same data and references with another number of components.

    Parameters
    ----------
    reduction : RegionalReduction
        Of `reduce_annular_pca`.
    components : int
        The number wanted.

    Returns
    -------
    RegionalReduction
        Shares all but the image.

    Raises
    ------
    TypeError
        If the reduction is not one by annular PCA.
    """
    solve = reduction.solve
    if not isinstance(solve, LeadingModes):
        raise TypeError(f"{type(solve).__name__} has no components; wanted a reduction by annular PCA")
    if components == solve.components:
        return reduction
    return with_solver(reduction, LeadingModes(solve.references, solve.ring_of, components))
