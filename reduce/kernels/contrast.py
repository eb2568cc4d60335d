"""5 sigma contrast curve: small samples and throughput taken in.

At each separation the threshold is the flux that Student's t with N - 2 degrees of
freedom exceeds with probability 2.87e-7 (Mawet et al. 2014); the throughput comes
from companions injected at the curve's own level, because brighter ones are eaten
by the principal components they make themselves.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from reduce.kernels.aperture import disc_weights, weighed
from reduce.kernels.channels import Channel
from reduce.kernels.characterise import clear_azimuths
from reduce.kernels.fit import Scene
from reduce.kernels.inject import Companion, Stamps
from reduce.kernels.reduction import Reduction, cut
from reduce.kernels.snr import Rings, prepare_rings, ring_noise
from reduce.kernels.threads import each_piece
from reduce.kernels.throughput import OPAQUE

__all__ = [
    "CurvePoint",
    "Throughput",
    "contrast_curve",
    "noise_at",
    "threshold_flux",
    "throughput_at",
    "throughput_of_each",
]

_STRETCH = 4  # separations that a thread does one after another
_STEADY = 0.03  # relative change of the throughput at which the level is found
_ROUNDS = 12
_PLAIN = 4  # rounds until fluxes that are too high and too low in turn are met in the middle
_WHOLE_STAR = 1.0  # contrast above which the number says nothing: brighter than the star

_Found = tuple[float, float, bool]
"""Throughput of a place in both apertures, and whether the flux injected last arrived at the level."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One point of a curve.

    Attributes
    ----------
    channel : int
        -1 for the stack.
    radius : float
        Pixels.
    contrast : float
        Companion to star with a false-positive fraction of 2.87e-7; NaN where next to nothing comes
        through (throughput below 0.003), the number exceeds 1, or no flux arrives at the limit.
    throughput : float
        Flux after to flux before the reduction, median over azimuths.
    dof : float
        N - 2 of the t distribution.
    azimuths : int
        How many the throughput rests on; those whose aperture meets no data do not count. Of the stack, the
        fewest of a channel.
    settled : bool
        At every one of them the companions were injected at the limit itself.
    """

    channel: int
    radius: float
    contrast: float
    throughput: float
    dof: float
    azimuths: int
    settled: bool


@dataclass(frozen=True, slots=True)
class Throughput:
    """Throughput of one channel on a ring.

    Attributes
    ----------
    own, common : float
        Median over the azimuths in the channel's own aperture, and in that of the stack; NaN without any.
    azimuths : int
        How many have data.
    settled : bool
        The fluxes injected at them arrive at the limit of detection, to 3 %.
    """

    own: float
    common: float
    azimuths: int
    settled: bool


@dataclass(frozen=True, slots=True)
class _Site:
    """Where companions are injected: what does not depend on their flux.

    Attributes
    ----------
    reduction : Reduction
        Of the channel.
    place : tuple[int, int, int]
        x, y, half of a patch around it.
    before : NDArray[np.float32]
        (y, x) the patch without companions.
    discs : tuple[NDArray[np.float64], NDArray[np.float64]]
        (y, x) weights of the channel's own aperture and of that of the stack.
    stamps : Stamps
        Of unit flux.
    """

    reduction: Reduction
    place: tuple[int, int, int]
    before: NDArray[np.float32]
    discs: tuple[NDArray[np.float64], NDArray[np.float64]]
    stamps: Stamps

    def share(self, flux: float) -> tuple[float, float]:
        """Throughput of a companion of some flux, in both apertures."""
        change = self.reduction.patch([(self.stamps, flux)], *self.place) - self.before
        return weighed(change, self.discs[0]) / flux, weighed(change, self.discs[1]) / flux


def noise_at(rings: Rings, radius: float) -> tuple[float, float]:
    """Noise on a ring: root mean square over azimuths of what a test there would use.

    Parameters
    ----------
    rings : Rings
        Aperture sums of an image without companions.
    radius : float
        Pixels.

    Returns
    -------
    tuple[float, float]
        Standard deviation, and number of noise apertures (median over azimuths).
    """
    middle = rings.flux.shape[0] // 2
    places = np.linspace(0.0, 2 * np.pi, min(120, max(12, int(4 * radius))), endpoint=False)
    found = [ring_noise(rings, middle + radius * np.cos(a), middle + radius * np.sin(a)) for a in places]
    counts = np.array([f[0] for f in found], np.float64)
    deviations = np.array([f[2] for f in found])
    if not np.isfinite(deviations).any():
        return float("nan"), 0.0
    return float(np.sqrt(np.nanmean(deviations**2))), float(np.median(counts))


def threshold_flux(deviation: float, count: float, nsigma: float = 5.0) -> float:
    """Aperture flux above the ring's mean that has the false-positive fraction of `nsigma` sigmas.

    Parameters
    ----------
    deviation : float
        Standard deviation of the noise apertures.
    count : float
        Their number, N - 1.
    nsigma : float
        Gaussian sigmas.

    Returns
    -------
    float
        t.isf(norm.sf(nsigma), N - 2) x sqrt(1 + 1/(N - 1)) x deviation; NaN without degrees of freedom.
    """
    if count < 2:  # noqa: PLR2004 # no degree of freedom
        return float("nan")
    level = stats.t.isf(stats.norm.sf(nsigma), count - 1)
    return float(level * np.sqrt(1 + 1 / count) * deviation)


def contrast_curve(
    scene: Scene,
    radii: Sequence[float],
    companions: Sequence[Companion] = (),
    branches: int = 3,
    nsigma: float = 5.0,
) -> list[CurvePoint]:
    """Contrast curve of each channel and of the stack.

    Parameters
    ----------
    scene : Scene
        Companions subtracted; every star flux known.
    radii : Sequence[float]
        Separations, pixels, growing.
    companions : Sequence[Companion]
        What was subtracted: not used as noise, not injected upon.
    branches : int
        Azimuths of injection at each separation.
    nsigma : float
        Level in Gaussian sigmas.

    Returns
    -------
    list[CurvePoint]
        Channels in turn, then the stack, each over the radii.
    """
    places = [(c.x, c.y) for c in companions]
    rings = [
        prepare_rings(r.image, c.fwhm, places) for r, c in zip(scene.reductions, scene.channels, strict=True)
    ]
    stacked = rings[0] if len(rings) == 1 else prepare_rings(scene.image, scene.fwhm, places)
    seen = _Seen(scene, rings, stacked, companions, branches, nsigma)
    points: dict[int, list[CurvePoint]] = {}

    def some(begin: int, end: int) -> None:
        points[begin] = _points(seen, radii[begin:end])

    each_piece(some, len(radii), _STRETCH)
    in_order = [point for begin in sorted(points) for point in points[begin]]
    return sorted(in_order, key=lambda p: (p.channel < 0, p.channel))


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a curve is taken of: scene, aperture sums of channels and stack, and how it is asked for."""

    scene: Scene
    rings: Sequence[Rings]
    stacked: Rings
    companions: Sequence[Companion]
    branches: int
    nsigma: float


def _points(seen: _Seen, radii: Sequence[float]) -> list[CurvePoint]:
    """Points of a stretch of the curve; the throughput at one separation is the guess at the next."""
    scene, rings = seen.scene, seen.rings
    flux = np.array([c.star_flux for c in scene.channels])
    reference = float(scene.weights @ flux)
    points: list[CurvePoint] = []
    guesses = [0.5] * len(rings)
    for radius in radii:
        through: list[Throughput] = []
        sites: list[list[_Site]] = []
        centre = scene.channels[0].centre
        azimuths, _ = clear_azimuths(centre, radius, scene.fwhm, seen.companions, seen.branches)
        for c, ring in enumerate(rings):
            deviation, count = noise_at(ring, radius)
            wanted = threshold_flux(deviation, count, seen.nsigma)
            sites.append(list(_sites(scene, c, (radius, azimuths))))
            passed = _through(sites[c], wanted, guesses[c])
            guesses[c] = passed.own if np.isfinite(passed.own) and passed.own > 0 else guesses[c]
            through.append(passed)
            points.append(_point((c, radius, count - 1), wanted, flux[c], passed))
        if len(rings) == 1:  # the stack is the channel
            points.append(replace(points[-1], channel=-1))
            continue
        deviation, count = noise_at(seen.stacked, radius)
        wanted = threshold_flux(deviation, count, seen.nsigma)
        passed = _through_stack(scene, sites, wanted, through)
        points.append(_point((-1, radius, count - 1), wanted, reference, passed))
    return points


def _point(place: tuple[int, float, float], wanted: float, star: float, passed: Throughput) -> CurvePoint:
    """`place` is channel, radius, degrees of freedom."""
    channel, radius, dof = place
    contrast = float("nan")
    if passed.own >= OPAQUE and passed.settled and wanted <= _WHOLE_STAR * passed.own * star:
        contrast = wanted / (passed.own * star)
    return CurvePoint(channel, radius, contrast, passed.own, dof, passed.azimuths, passed.settled)


def _through_stack(
    scene: Scene, sites: Sequence[Sequence[_Site]], wanted: float, through: Sequence[Throughput]
) -> Throughput:
    """Throughput of the stack at its own limit, which is deeper than those of the channels.

    A median over time takes a larger share of a fainter companion. `through` is that of the channels at
    their limits.
    """
    flux = np.array([c.star_flux for c in scene.channels])
    reference = float(scene.weights @ flux)
    share = scene.weights * flux / reference
    first = float(share @ [t.common for t in through])
    own = np.array([t.own for t in through])
    again = through
    if (own > 0).all() and first > 0:
        levels = wanted / (first * reference) * flux * own
        again = [_through(sites[c], float(levels[c]), float(own[c])) for c in range(len(own))]
    passed = float(share @ [t.common for t in again])
    return Throughput(passed, passed, min(t.azimuths for t in again), all(t.settled for t in again))


def throughput_at(
    scene: Scene, channel: int, ring: tuple[float, NDArray[np.float64]], wanted: float, guess: float
) -> Throughput:
    """Throughput of one channel for companions at the limit of detection.

    Parameters
    ----------
    scene : Scene
        The channels.
    channel : int
        Which.
    ring : tuple[float, NDArray[np.float64]]
        Separation in pixels and azimuths of injection, radians from +y towards -x.
    wanted : float
        Aperture flux after the reduction that the injections shall have.
    guess : float
        First guess of the throughput.

    Returns
    -------
    Throughput
        Of azimuths with data; NaN and none of them for a flux that is not positive.
    """
    return _through(list(_sites(scene, channel, ring)), wanted, guess)


def throughput_of_each(
    channel: Channel,
    reductions: Sequence[Reduction],
    ring: tuple[float, NDArray[np.float64]],
    wanted: Sequence[float],
    guess: float,
) -> list[Throughput]:
    """Throughput of one channel by several reductions, each for companions at its own limit of detection.

    Place by place, all reductions with the same stamps: those that share the data share what they work out
    of a companion and its data.

    Parameters
    ----------
    channel : Channel
        The data.
    reductions : Sequence[Reduction]
        Of the channel.
    ring : tuple[float, NDArray[np.float64]]
        Separation in pixels and azimuths of injection, radians from +y towards -x.
    wanted : Sequence[float]
        Of each reduction, the aperture flux after it that the injections shall have.
    guess : float
        First guess of the throughput.

    Returns
    -------
    list[Throughput]
        As `throughput_at`.
    """
    images = [reduction.image for reduction in reductions]
    found: list[list[_Found]] = [[] for _ in reductions]
    for site in _sites(Scene([channel], reductions[:1], np.ones(1)), 0, ring):
        for number, (reduction, level) in enumerate(zip(reductions, wanted, strict=True)):
            if level > 0:
                here = replace(site, reduction=reduction, before=cut(images[number], *site.place))
                found[number].append(_through_one(here, level, guess))
    return [_typical(each) for each in found]


def _sites(scene: Scene, channel: int, ring: tuple[float, NDArray[np.float64]]) -> Iterator[_Site]:
    c, reduction = scene.channels[channel], scene.reductions[channel]
    half = int(np.ceil(max(c.fwhm, scene.fwhm) / 2)) + 2
    image = reduction.image
    for azimuth in ring[1]:
        x, y = c.centre[0] - ring[0] * np.sin(azimuth), c.centre[1] + ring[0] * np.cos(azimuth)
        ix, iy = round(x), round(y)
        own, common = (
            disc_weights(2 * half + 1, width / 2, x - ix + half, y - iy + half)
            for width in (c.fwhm, scene.fwhm)
        )
        before = cut(image, ix, iy, half)
        stamps = scene.stamps(channel, x, y)
        yield _Site(reduction, (ix, iy, half), before, (own, common), stamps)


def _through(sites: Sequence[_Site], wanted: float, guess: float) -> Throughput:
    return _typical([_through_one(site, wanted, guess) for site in sites] if wanted > 0 else [])


def _typical(found: Sequence[_Found]) -> Throughput:
    """Median over places."""
    there = [f for f in found if np.isfinite(f[:2]).all()]
    if not there:
        return Throughput(float("nan"), float("nan"), 0, settled=False)
    own, common = np.median([f[:2] for f in there], axis=0)
    return Throughput(float(own), float(common), len(there), all(f[2] for f in there))


def _through_one(site: _Site, wanted: float, through: float) -> _Found:
    own = common = float("nan")
    last = 0.0
    for number in range(_ROUNDS):
        own, common = site.share(wanted / max(through, 0.02))
        step = own - through
        if not np.isfinite(own) or abs(step) <= _STEADY * max(own, 0.02):
            return own, common, bool(np.isfinite(own))
        through += step / 2 if number >= _PLAIN and step * last < 0 else step
        last = step
    return own, common, False
