"""T-LOCI: references chosen by how much of a companion they would take away; optimised beside it, not on it.

After Marois et al. 2014 (SPIE 9148, 91480U) and SpeCal (Galicher et al. 2018). What is done here:

* A region is a ring, or a sector of one where the zone would get larger than `area` PSF cores.
* Its zone lies inside and outside the ring, `gap` FWHM away from it and `depth` FWHM deep on each
  side, within the separations used: the light of a companion's core does not steer the coefficients.
* The template of a companion is the PSF, with the same spectrum as the star (no other is known in one
  channel). Frame s is a reference of frame t if a companion in the middle of the ring, subtracted with
  its place in s, would lose at most `loss` of its flux in the aperture of 1 FWHM in t.
* Coefficients are least squares over the zone as in LOCI: free in sign and sum, ridge stated.

As coefficients add up to about 1, about `loss` is the most that a frame loses. What is really
lost is measured by injection, as for any other algorithm.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.aperture import aperture_map
from reduce.kernels.channels import Channel
from reduce.kernels.inject import Psf, companion_stamps
from reduce.kernels.least_squares import LeastSquares
from reduce.kernels.references import choose_references
from reduce.kernels.regional import RegionalReduction, reduce_regions
from reduce.kernels.regions import Ring, divide, ring_edges
from reduce.kernels.spline import coefficients, value_at

__all__ = ["Tloci", "loss_distance", "reduce_tloci", "tloci_rings"]

_STEP = 0.02  # FWHM between distances tried
_AZIMUTHS = 2 * np.pi * np.arange(24) / 24


@dataclass(frozen=True, slots=True)
class Tloci:
    """How T-LOCI is set; lengths in FWHM.

    Attributes
    ----------
    loss : float
        Share of its flux that a companion may lose to one reference.
    width : float
        Of a ring of regions, about: rings share the field evenly.
    gap : float
        Between region and zone.
    depth : float
        Of the zone on each side.
    area : float
        Of a zone, in discs of 1 FWHM diameter: larger rings are cut in sectors.
    ridge : float
        Regularisation, see `least_squares.LeastSquares`.
    least : int
        References a frame has at least, see `references.references`.
    """

    loss: float = 0.3
    width: float = 1.0
    gap: float = 0.5
    depth: float = 2.5
    area: float = 50.0
    ridge: float = 1e-2
    least: int = 5


def loss_distance(psf: Psf, fwhm: float, loss: float) -> float:
    """Distance from which a copy of the PSF puts at most a share of its flux into the aperture.

    Parameters
    ----------
    psf : Psf
        The template.
    fwhm : float
        Diameter of the aperture, pixels.
    loss : float
        Share of what the aperture holds when the copy is centred on it.

    Returns
    -------
    float
        Pixels, mean over azimuth; nearer copies put more, none farther out does.
    """
    stamp = companion_stamps(psf, 0.0, 0.0, np.zeros(1), (0.0, 0.0)).data[0]
    reach = int(np.ceil(fwhm)) + 1
    image = np.pad(stamp, 2 * reach)
    spline = coefficients(np.nan_to_num(aperture_map(image, fwhm))[None])[0]
    middle = image.shape[0] // 2
    distances = np.arange(0.0, stamp.shape[0] // 2 + reach, _STEP * fwhm)
    shares = np.array([_ring_mean(spline, middle, float(d)) for d in distances])
    above = np.flatnonzero(shares > loss * shares[0])
    return float(distances[min(int(above[-1]) + 1, len(distances) - 1)]) if above.size else 0.0


def _ring_mean(plane: NDArray[np.float32], middle: int, radius: float) -> float:
    places = radius * np.cos(_AZIMUTHS) + middle, radius * np.sin(_AZIMUTHS) + middle
    return float(np.mean([value_at(plane, float(x), float(y)) for x, y in zip(*places, strict=True)]))


def tloci_rings(limits: tuple[float, float], fwhm: float, given: Tloci) -> list[Ring]:
    """Rings of regions with their zones.

    Parameters
    ----------
    limits : tuple[float, float]
        First and last separation used, pixels.
    fwhm : float
        Pixels.
    given : Tloci
        Settings.

    Returns
    -------
    list[Ring]
        From the star outwards.

    Raises
    ------
    ValueError
        If a ring has no room for a zone.
    """
    edges = ring_edges(*limits, given.width * fwhm)
    rings = [_ring(low, high, limits, fwhm, given) for low, high in pairwise(edges)]
    for ring in rings:
        if not ring.zone:
            raise ValueError(
                f"separations {limits[0]:.1f} to {limits[1]:.1f} px leave no zone beside the ring "
                f"{ring.inner:.1f} to {ring.outer:.1f} px, {given.gap * fwhm:.1f} px away from it; "
                "wanted a smaller gap or a larger field"
            )
    return rings


def _ring(low: float, high: float, limits: tuple[float, float], fwhm: float, given: Tloci) -> Ring:
    gap, depth = given.gap * fwhm, given.depth * fwhm
    sides = ((low - gap - depth, low - gap), (high + gap, high + gap + depth))
    zone = tuple((max(a, limits[0]), min(b, limits[1])) for a, b in sides)
    zone = tuple((a, b) for a, b in zone if b - a >= 1.0)
    cores = sum(b**2 - a**2 for a, b in zone) / (fwhm / 2) ** 2
    return Ring(low, high, max(1, round(cores / given.area)), zone)


def reduce_tloci(
    channel: Channel, limits: tuple[float, float], given: Tloci, how: str = "median"
) -> RegionalReduction:
    """Reduce one channel by T-LOCI and keep what injections need.

    Parameters
    ----------
    channel : Channel
        The data.
    limits : tuple[float, float]
        First and last separation used, pixels.
    given : Tloci
        Settings.
    how : str
        'median' or 'mean' over time.

    Returns
    -------
    RegionalReduction
        Image and patches.
    """
    rings = tloci_rings(limits, channel.fwhm, given)
    regions = divide((channel.cube.shape[1], channel.cube.shape[2]), rings)
    distance = loss_distance(channel.psf, channel.fwhm, given.loss)
    radii = [ring.middle for ring in rings]
    allowed = choose_references(channel.cube, channel.angles_deg, radii, distance, given.least)
    solve = LeastSquares(allowed, regions.ring_of, given.ridge)
    return reduce_regions(channel.cube, channel.angles_deg, regions, solve, how)
