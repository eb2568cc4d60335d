"""Find companions: the brightest peak of the stack, fitted, subtracted, judged, and again.

A bright companion leaves lobes in an ADI image and raises the noise of its own ring.
So a peak is a *seed* when it stands out by a robust noise or by the exact t statistic
(once four of the former kind have proved weak, only the latter are tried);
it becomes a detection when its significance, measured against the ring with the
companion subtracted from the frames, is above the threshold. The lobes vanish with
it before the next look: they never become candidates.

Below 5 sigmas peaks of the noise are candidates too. Were they subtracted and left out of the noise one
after another, each would make the noise of its ring smaller and the next peak larger: noise without its own
peaks is no noise. So with a lower threshold each fainter peak is judged with nothing but itself and the
companions above 5 sigmas subtracted, and stays in the data as part of the noise of all others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from reduce.kernels.aperture import aperture_flux, aperture_map
from reduce.kernels.channels import Algorithm, Channel, channel_weights, reduce_without, stack
from reduce.kernels.fit import POOR, Scene, fit_companion, nearby_peak
from reduce.kernels.inject import Companion
from reduce.kernels.joint import JointChannel
from reduce.kernels.plain import plain_adi
from reduce.kernels.reduction import Parts, Pictured, picture
from reduce.kernels.snr import Rings, prepare_rings, ring_noise, significance

__all__ = ["Detection", "Found", "local_maxima", "search"]

_GLANCE = 3.0  # peaks lower than this by the robust noise are not looked at
_DOUBTFUL = 4  # seeds by the robust noise alone that prove weak before only exact ones are tried
_CERTAIN = 5.0  # sigmas from which a peak is taken for a companion, and out of the noise of others
_SMALL_SHARE = 0.05  # of the companion's own mean square: a fifth in amplitude
_MAD = 1.4826  # standard deviation of a Gaussian per median absolute deviation


@dataclass(frozen=True, slots=True)
class Detection:
    """A companion found.

    Attributes
    ----------
    companion : Companion
        Fitted place and flux.
    fitted : bool
        False where the fit did not converge: place of the peak, flux by a linear subtraction.
    snr, significance : tuple[float, ...]
        t statistic and Gaussian equivalent at its place, channels then stack, companions subtracted.
    left : float
        Mean square the best fit left, in units of the noise.
    shown : float
        Mean square of what it took away, in the same units.
    subtracted : bool
        False: fainter than 5 sigmas, so left in the scene, as it may be noise.
    """

    companion: Companion
    fitted: bool
    snr: tuple[float, ...] = ()
    significance: tuple[float, ...] = ()
    left: float = 0.0
    shown: float = 0.0
    subtracted: bool = True

    @property
    def good(self) -> bool:
        """Place and flux can be trusted: the fit converged and left about noise, or little of the companion.

        A bright companion leaves more than noise where the PSF is known to some per cent only.
        """
        return self.fitted and (self.left < POOR or self.left < _SMALL_SHARE * self.shown)


@dataclass(frozen=True, slots=True)
class Found:
    """What a search leaves.

    Attributes
    ----------
    detections : tuple[Detection, ...]
        Most significant first.
    original : Sequence[Pictured]
        Images of the data as they are; for channels joined into one the whole reduction.
    scene : Scene
        Reductions with every detection of 5 sigmas or more subtracted.
    untried : str
        Why peaks were left on which nothing was tried; '' when none were.
    """

    detections: tuple[Detection, ...]
    original: Sequence[Pictured]
    scene: Scene
    untried: str = ""

    @property
    def companions(self) -> list[Companion]:
        """Those that the scene is without."""
        return [d.companion for d in self.detections if d.subtracted]


@dataclass(frozen=True, slots=True)
class _Seed:
    """A peak that may be a companion; exact: its t statistic says so, not the robust noise alone."""

    x: int
    y: int
    exact: bool


def local_maxima(
    values: NDArray[np.floating], threshold: float, radius: float, where: NDArray[np.bool_]
) -> list[tuple[int, int]]:
    """Pixels above a threshold that are the largest within a radius, largest first.

    Parameters
    ----------
    values : NDArray[np.floating]
        (y, x); NaN = none.
    threshold : float
        Smallest value.
    radius : float
        Pixels.
    where : NDArray[np.bool_]
        (y, x) pixels that may be chosen.

    Returns
    -------
    list[tuple[int, int]]
        (x, y).
    """
    filled = np.where(where & np.isfinite(values), values, -np.inf)
    reach = int(np.ceil(radius))
    side = np.arange(-reach, reach + 1)
    disc = np.hypot(side[None], side[:, None]) <= radius
    peaks = (filled == ndimage.maximum_filter(filled, footprint=disc)) & (filled > threshold)
    rows, columns = np.nonzero(peaks)
    order = np.argsort(-filled[rows, columns], kind="stable")
    return [(int(columns[k]), int(rows[k])) for k in order]


def search(
    channels: Sequence[Channel],
    algorithm: Algorithm,
    *,
    threshold: float = 5.0,
    inner: float = 0.0,
    outer: float = np.inf,
    limit: int = 20,
    excluded: Sequence[tuple[float, float]] = (),
) -> Found:
    """Find, fit and subtract companions until none is left.

    Parameters
    ----------
    channels : Sequence[Channel]
        The data.
    algorithm : Algorithm
        How to reduce a channel.
    threshold : float
        Significance (Gaussian sigmas) in the stack that makes a candidate.
    inner : float
        Smallest separation searched, pixels; what is fitted inside of it is no detection.
    outer : float
        Largest separation searched, pixels; what is fitted outside of it is no detection.
    limit : int
        Most companions to look for.
    excluded : Sequence[tuple[float, float]]
        (x, y) of known companions: found or not, nothing within 1 FWHM of them is noise.

    Returns
    -------
    Found
        Detections and the reductions with and without them.
    """
    reductions = reduce_without(channels, (), algorithm)
    joint = any(isinstance(channel, JointChannel) for channel in channels)
    original: Sequence[Pictured] = list(reductions) if joint else [picture(r) for r in reductions]
    scene = Scene(channels, reductions, channel_weights(channels, reductions))
    detections: list[Detection] = []
    doubtful, untried = 0, ""
    certain = max(threshold, _CERTAIN)
    while seed := _seed(
        scene,
        [d.companion for d in detections],
        certain,
        (inner, outer),
        excluded,
        exact_first=doubtful >= _DOUBTFUL,
    ):
        if doubtful >= _DOUBTFUL and not seed.exact:
            untried = f"{doubtful} peaks that stood out by the robust noise alone proved weak"
            break
        if len(detections) >= limit:
            untried = f"{limit} companions were asked for at most"
            break
        detections.append(_fit_peak(scene, detections, seed.x, seed.y))
        scene = _renewed(scene, detections, algorithm)
        if not seed.exact:
            doubtful += _rate(scene, detections[-1], detections, excluded).significance[-1] <= certain
    kept, scene = _settle(scene, detections, algorithm, certain, (inner, outer), excluded)
    if threshold < certain and len(kept) < limit:
        faint, scene = _faint(scene, kept, algorithm, threshold, (inner, outer), excluded)
        if len(kept) + len(faint) > limit:
            untried = f"{limit} companions were asked for at most"
        kept += faint[: limit - len(kept)]
    return Found(tuple(kept), original, scene, untried)


def _faint(
    scene: Scene,
    kept: Sequence[Detection],
    algorithm: Algorithm,
    threshold: float,
    limits: tuple[float, float],
    excluded: Sequence[tuple[float, float]],
) -> tuple[list[Detection], Scene]:
    """Peaks that may be noise, each judged with itself and `kept` subtracted and no other; in order.

    A fit that ran to another candidate is of that one: it is left out.
    """
    found: list[Detection] = []
    doubtful = 0
    seeds = list(_seeds(scene, [d.companion for d in kept], threshold, limits, excluded))
    fitted = [(_fit_peak(scene, kept, seed.x, seed.y), seed.exact) for seed in _worth(seeds)]
    for one, exact in fitted:
        if not _apart(one, [*kept, *found], scene.fwhm) or (doubtful >= _DOUBTFUL and not exact):
            continue
        scene = _renewed(scene, [*kept, one], algorithm)
        rated = _rate(scene, one, [*kept, one], excluded)
        if rated.significance[-1] <= threshold:
            doubtful += not exact
        elif _within(scene, rated.companion, limits):
            found.append(replace(rated, subtracted=False))
    found.sort(key=lambda d: -d.significance[-1])
    return found, _renewed(scene, kept, algorithm)


def _settle(
    scene: Scene,
    detections: Sequence[Detection],
    algorithm: Algorithm,
    threshold: float,
    limits: tuple[float, float],
    excluded: Sequence[tuple[float, float]],
) -> tuple[list[Detection], Scene]:
    """Judge each with the others subtracted, put noise back, fit again what is left, judge again.

    A seed that seems weak is judged only here: a second companion on its ring may have hidden it.
    What was fitted outside the limits counts as noise: it is the flank of something not searched for.
    """
    rated = [_rate(scene, d, detections, excluded) for d in detections]
    kept = [d for d in rated if d.significance[-1] > threshold]
    if len(kept) < len(rated):
        scene = _renewed(scene, kept, algorithm)
    if len(kept) > 1:
        kept = [_refine(scene, d) for d in kept]
        scene = _renewed(scene, kept, algorithm)
    rated = [_rate(scene, d, kept, excluded) for d in kept]
    final = [d for d in rated if d.significance[-1] > threshold and _within(scene, d.companion, limits)]
    final.sort(key=lambda d: -d.significance[-1])
    return final, _renewed(scene, final, algorithm) if len(final) < len(rated) else scene


def _worth(seeds: Sequence[_Seed]) -> list[_Seed]:
    """Every exact one, and of the others as many as may prove weak and some that do not."""
    others = [seed for seed in seeds if not seed.exact][: 2 * _DOUBTFUL]
    return [seed for seed in seeds if seed.exact or seed in others]


def _apart(one: Detection, others: Sequence[Detection], fwhm: float) -> bool:
    """Whether no other lies within half a FWHM: one source has but one place."""
    c = one.companion
    return all(np.hypot(c.x - o.companion.x, c.y - o.companion.y) > fwhm / 2 for o in others)


def _within(scene: Scene, companion: Companion, limits: tuple[float, float]) -> bool:
    cx, cy = scene.channels[0].centre
    return limits[0] <= float(np.hypot(companion.x - cx, companion.y - cy)) <= limits[1]


def _without(scene: Scene, detections: Sequence[Detection], algorithm: Algorithm) -> Scene:
    companions = [d.companion for d in detections]
    return replace(scene, reductions=reduce_without(scene.channels, companions, algorithm))


def _renewed(scene: Scene, detections: Sequence[Detection], algorithm: Algorithm) -> Scene:
    """The same with other detections subtracted; the scene given is used up.

    A channel's old reduction goes before its new one is made: of large cubes both would not fit into memory.
    """
    held = scene.reductions
    assert isinstance(held, list)
    for number, channel in enumerate(scene.channels):
        del held[number]
        sources = [(d.companion.x, d.companion.y, -d.companion.flux[number]) for d in detections]
        held.insert(number, algorithm(channel.with_sources(sources)))
    return Scene(scene.channels, held, scene.weights)


def _seed(
    scene: Scene,
    known: Sequence[Companion],
    threshold: float,
    limits: tuple[float, float],
    excluded: Sequence[tuple[float, float]] = (),
    *,
    exact_first: bool,
) -> _Seed | None:
    """Largest peak of the stack, in units of a robust noise, that may be a companion.

    With `exact_first` any peak that the t statistic holds for one goes before all others.
    """
    doubtful: _Seed | None = None
    for seed in _seeds(scene, known, threshold, limits, excluded):
        if seed.exact or not exact_first:
            return seed
        doubtful = doubtful or seed
    return doubtful


def _seeds(
    scene: Scene,
    known: Sequence[Companion],
    threshold: float,
    limits: tuple[float, float],
    excluded: Sequence[tuple[float, float]],
) -> Iterator[_Seed]:
    """Peaks of the stack that may be companions, largest first in units of a robust noise."""
    image, fwhm = scene.image, scene.fwhm
    rows, columns = np.indices(image.shape)
    radius = np.hypot(columns - image.shape[1] // 2, rows - image.shape[0] // 2)
    where = (radius >= limits[0]) & (radius <= limits[1])
    for c in known:
        where &= np.hypot(columns - c.x, rows - c.y) > fwhm
    robust = _robust_snr(aperture_map(image, fwhm), radius)
    rings = prepare_rings(image, fwhm, [*((c.x, c.y) for c in known), *excluded])
    for x, y in local_maxima(robust, min(_GLANCE, threshold), fwhm, where):
        value, dof = _t_statistic(float(rings.flux[y, x]), rings, x, y)
        if float(significance(value, dof)) > threshold:
            yield _Seed(x, y, exact=True)
        elif robust[y, x] > threshold:
            yield _Seed(x, y, exact=False)


def _robust_snr(flux: NDArray[np.float32], radius: NDArray[np.float64]) -> NDArray[np.float64]:
    """Aperture fluxes minus the median of their ring, in units of its median absolute deviation."""
    out = np.full(flux.shape, np.nan)
    ring = np.rint(radius).astype(int)
    there = np.isfinite(flux)
    order = np.argsort(ring[there], kind="stable")
    values, numbers = flux[there][order].astype(np.float64), ring[there][order]
    scaled = np.empty_like(values)
    for group in np.split(np.arange(values.size), np.flatnonzero(np.diff(numbers)) + 1):
        deviation = values[group] - np.median(values[group])
        noise = _MAD * np.median(np.abs(deviation))
        scaled[group] = deviation / noise if noise > 0 else np.nan
    flat = np.empty(values.size)
    flat[order] = scaled
    out[there] = flat
    return out


def _fit_peak(scene: Scene, subtracted: Sequence[Detection], x: int, y: int) -> Detection:
    nothing: list[Parts] = [[] for _ in scene.channels]
    start = nearby_peak(scene, nothing, float(x), float(y))
    fit = fit_companion(scene, nothing, *start)
    if not fit.good:
        fit = fit_companion(scene, nothing, *start, guess=_guided(scene, subtracted, *start))
    companion = fit.companion
    if not fit.ok:  # take away what the peak shows, so that the search goes on
        fluxes = [
            aperture_flux(r.image, c.fwhm, x, y)
            for r, c in zip(scene.reductions, scene.channels, strict=True)
        ]
        companion = Companion(float(x), float(y), tuple(float(np.nan_to_num(f)) for f in fluxes))
    return Detection(companion, fit.ok, left=fit.left, shown=fit.shown)


def _guided(scene: Scene, subtracted: Sequence[Detection], x: float, y: float) -> Companion | None:
    """The same companion in an image without components: they cannot be shaped by it there."""
    plain = _without(scene, subtracted, plain_adi)
    nothing: list[Parts] = [[] for _ in scene.channels]
    fit = fit_companion(plain, nothing, *nearby_peak(plain, nothing, x, y))
    return fit.companion if fit.ok else None


def _refine(scene: Scene, detection: Detection) -> Detection:
    """Fit again with every other companion subtracted."""
    if not detection.fitted:
        return detection
    c = detection.companion
    fit = fit_companion(scene, scene.parts(c), c.x, c.y, guess=c)
    if not fit.ok:
        return detection
    return replace(detection, companion=fit.companion, left=fit.left, shown=fit.shown)


def _rate(
    scene: Scene,
    detection: Detection,
    subtracted: Sequence[Detection],
    excluded: Sequence[tuple[float, float]] = (),
) -> Detection:
    """Small-sample statistic and significance where it was fitted, with only this companion in the data.

    There, and not at the peak nearby: a contrast curve is told for a companion's own place, from which the
    star's subtraction near the star moves the peak (at 2 lambda/D the peak shows 0.3 sigmas more).
    """
    c = detection.companion
    places = [*((o.companion.x, o.companion.y) for o in subtracted), *excluded]
    half = int(np.ceil(max(scene.fwhm, *(channel.fwhm for channel in scene.channels)) / 2)) + 2
    ix, iy = round(c.x), round(c.y)
    patches = [r.patch(p, ix, iy, half) for r, p in zip(scene.reductions, scene.parts(c), strict=True)]
    images = [r.image for r in scene.reductions]
    planes = [*zip(patches, images, (ch.fwhm for ch in scene.channels), strict=True)]
    snr, sigma = [], []
    for patch, image, fwhm in [*planes, (stack(patches, scene.weights), scene.image, scene.fwhm)]:
        flux = aperture_flux(patch, fwhm, c.x - ix + half, c.y - iy + half)
        value, dof = _t_statistic(flux, prepare_rings(image, fwhm, places), c.x, c.y)
        snr.append(value)
        sigma.append(float(significance(value, dof)))
    return replace(detection, snr=tuple(snr), significance=tuple(sigma))


def _t_statistic(flux: float, rings: Rings, x: float, y: float) -> tuple[float, float]:
    count, mean, deviation = ring_noise(rings, x, y)
    return (flux - mean) / (deviation * float(np.sqrt(1 + 1 / max(count, 1)))), float(count - 1)
