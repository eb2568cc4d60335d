"""LOCI: each part of a frame minus the best combination of other frames.

Lafreniere et al. 2007, ApJ 660, 770. A region is a sector of a ring; its coefficients are least
squares over a zone of `area` PSF cores that begins at the region's inner edge and goes on outwards,
with the region's width in azimuth (their eqs. 3 and 4). Where the zone would leave the separations
used, it begins farther in instead and is as wide as keeps its area. Sectors are a whole number a
ring and cover it exactly. References are the frames in which a companion in the middle of the ring
has moved by `distance` FWHM. Coefficients are free in sign and sum, frames are raw.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from reduce.kernels.channels import Channel
from reduce.kernels.least_squares import LeastSquares
from reduce.kernels.references import choose_references
from reduce.kernels.regional import RegionalReduction, reduce_regions
from reduce.kernels.regions import Ring, divide, ring_edges

__all__ = ["Loci", "loci_rings", "reduce_loci"]


@dataclass(frozen=True, slots=True)
class Loci:
    """How LOCI is set; lengths in FWHM.

    Attributes
    ----------
    distance : float
        A companion must have moved by so much in a reference.
    area : float
        Of a zone, in discs of 1 FWHM diameter.
    aspect : float
        Radial to azimuthal width of a zone.
    width : float
        Of a ring of regions.
    far : float
        Separation from which rings are wider.
    far_width : float
        Width of those.
    ridge : float
        Regularisation, see `least_squares.LeastSquares`.
    least : int
        References a frame has at least, see `references.references`.
    """

    distance: float = 0.5
    area: float = 300.0
    aspect: float = 1.0
    width: float = 1.5
    far: float = 60.0
    far_width: float = 15.0
    ridge: float = 1e-3
    least: int = 5


def loci_rings(limits: tuple[float, float], fwhm: float, given: Loci) -> list[Ring]:
    """Rings of regions with their zones.

    Parameters
    ----------
    limits : tuple[float, float]
        First and last separation used, pixels.
    fwhm : float
        Pixels.
    given : Loci
        Settings.

    Returns
    -------
    list[Ring]
        From the star outwards.
    """
    inner, outer = limits
    border = min(max(given.far * fwhm, inner), outer)
    edges = ring_edges(inner, border, given.width * fwhm) if border > inner else [inner]
    if outer > border:
        edges += ring_edges(border, outer, given.far_width * fwhm)[1:]
    return [_ring(low, high, limits, fwhm, given) for low, high in pairwise(edges)]


def _ring(low: float, high: float, limits: tuple[float, float], fwhm: float, given: Loci) -> Ring:
    inner, outer = limits
    area = given.area * np.pi * fwhm**2 / 4
    depth = min(float(np.sqrt(given.aspect * area)), outer - inner)
    begin = min(low, outer - depth)
    width = 2 * area / ((begin + depth) ** 2 - begin**2)  # radians
    return Ring(low, high, max(1, round(2 * np.pi / width)), ((begin, begin + depth),))


def reduce_loci(
    channel: Channel, limits: tuple[float, float], given: Loci, how: str = "median"
) -> RegionalReduction:
    """Reduce one channel by LOCI and keep what injections need.

    Parameters
    ----------
    channel : Channel
        The data.
    limits : tuple[float, float]
        First and last separation used, pixels.
    given : Loci
        Settings.
    how : str
        'median' or 'mean' over time.

    Returns
    -------
    RegionalReduction
        Image and patches.
    """
    rings = loci_rings(limits, channel.fwhm, given)
    regions = divide((channel.cube.shape[1], channel.cube.shape[2]), rings)
    radii, distance = [ring.middle for ring in rings], given.distance * channel.fwhm
    allowed = choose_references(channel.cube, channel.angles_deg, radii, distance, given.least)
    solve = LeastSquares(allowed, regions.ring_of, given.ridge)
    return reduce_regions(channel.cube, channel.angles_deg, regions, solve, how)
