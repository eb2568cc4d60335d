"""How bright the star is in each frame of a sequence: itself where no mask hides it, or its waffle spots."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.aperture import aperture_flux
from reduce.kernels.frame_quality import Frames

__all__ = ["spot_flux", "star_flux"]

_REFERENCE_FRAMES = 64  # whose median is the sequence's own star
_OUTER_FWHM = 5.0  # the star's diffraction rules here, its halo holds some hundredths
_BESIDE_FWHM = 0.5  # a saturated core rings when it is resampled, most beside itself
_AROUND_FWHM = 2.5  # of a spot: where its surroundings are measured
_LEAST_PIXELS = 40  # ten times the numbers that are fitted
_TINY = 1e-12


class _Star(NamedTuple):
    """Median star: columns (y, x, 4) of its light, its slopes, a constant; pixels used, their weights."""

    design: NDArray[np.float64]
    used: NDArray[np.bool_]
    weight: NDArray[np.float64]

    def fitted(self, image: NDArray[np.float64], saturation: float) -> NDArray[np.float64]:
        """Share (4,) of each column in a frame (y, x); NaN where too little of it is known."""
        good = self.used & (image < saturation)  # NaN is not below
        if good.sum() < _LEAST_PIXELS:
            return np.full(self.design.shape[-1], np.nan)
        weight = self.weight[good]
        columns = self.design[good] * weight[:, None]
        return np.asarray(np.linalg.lstsq(columns, image[good] * weight)[0], dtype=np.float64)


def star_flux(frames: Frames, fwhm: float, saturation: NDArray[np.floating]) -> NDArray[np.float64]:
    """Star of each frame over that of the sequence's median frame.

    Core and diffraction rings hold the light that is in phase: it follows Strehl x transparency as a
    companion's does. Each frame is the median one times a strength, moved a little, on a constant. Pixels
    count by how well that describes their ring: photons, filled pixels, what a saturated core leaves beside
    itself are no part of it.

    Parameters
    ----------
    frames : Frames
        (time, y, x), star on pixel size // 2, background off; NaN = no data.
    fwhm : float
        Of a point source, px.
    saturation : NDArray[np.floating]
        (time,): pixels from here on are not linear, the frames' unit; what is so in some frame is left out
        in all.

    Returns
    -------
    NDArray[np.float64]
        (time,); NaN where too little of the star is known.
    """
    middle_y, middle_x = frames.shape[1] // 2, frames.shape[2] // 2
    reach = min(int(_OUTER_FWHM * fwhm) + 1, middle_y, middle_x)
    crop = (slice(middle_y - reach, middle_y + reach + 1), slice(middle_x - reach, middle_x + reach + 1))
    count = frames.shape[0]
    chosen = np.unique(np.linspace(0, count - 1, min(count, _REFERENCE_FRAMES)).round().astype(int))
    stack = np.stack([np.asarray(frames[int(time)][crop], np.float64) for time in chosen])
    star = _median_star(stack, fwhm, saturation[chosen])
    images = (np.asarray(frames[time][crop], np.float64) for time in range(count))
    pairs = zip(images, saturation, strict=True)
    return np.array([star.fitted(image, float(limit))[0] for image, limit in pairs])


def spot_flux(frames: Frames, offsets: NDArray[np.floating], fwhm: float) -> NDArray[np.float64]:
    """Light of the waffle spots in each frame over its median, above what lies beside them.

    Parameters
    ----------
    frames : Frames
        (time, y, x), star on pixel size // 2.
    offsets : NDArray[np.floating]
        (4, 2): (x, y) of each spot off the star, px.
    fwhm : float
        Of a point source, px: the aperture's diameter; the surroundings are six apertures on a circle of
        2.5 FWHM about the spot, their median.

    Returns
    -------
    NDArray[np.float64]
        (time,): each spot over its own median, of the four the median: one that falls on bad pixels at some
        dithering does not count; NaN where no spot has data.
    """
    middle_x, middle_y = frames.shape[2] // 2, frames.shape[1] // 2
    beside = _AROUND_FWHM * fwhm * np.exp(1j * np.radians(np.arange(0.0, 360.0, 60.0)))
    light = np.empty((frames.shape[0], len(offsets)))
    for time in range(frames.shape[0]):
        image = np.asarray(frames[time])
        for number, (dx, dy) in enumerate(np.asarray(offsets, np.float64)):
            x, y = middle_x + dx, middle_y + dy
            around = [aperture_flux(image, fwhm, x + step.real, y + step.imag) for step in beside]
            light[time, number] = aperture_flux(image, fwhm, x, y) - np.median(around)
    of_spots = np.array([_known_median(spot) for spot in light.T])
    return np.array([_known_median(row) for row in light / of_spots])


def _known_median(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")


def _median_star(stack: NDArray[np.float64], fwhm: float, saturation: NDArray[np.floating]) -> _Star:
    known = np.isfinite(stack).all(axis=0)
    stack = np.where(known, stack, 0.0)
    median = np.median(stack, axis=0)
    reach = median.shape[0] // 2
    radius = np.hypot(*np.mgrid[-reach : reach + 1, -reach : reach + 1])
    burnt = (stack >= saturation[:, None, None]).any(axis=0)
    inner = radius[burnt].max() + _BESIDE_FWHM * fwhm if burnt.any() else 0.0
    design = np.stack([median, *np.gradient(median), np.ones_like(median)], axis=-1)
    used = known & (radius >= inner) & (radius <= _OUTER_FWHM * fwhm)
    ring = radius.round().astype(int)
    star = _Star(design, used, 1.0 / _spread(stack - median, ring, used))
    first = np.stack([star.fitted(image, np.inf) for image in stack])
    rest = stack - np.einsum("yxk,tk->tyx", design, first)
    return star._replace(weight=1.0 / _spread(rest, ring, used))


def _spread(
    rest: NDArray[np.float64], ring: NDArray[np.intp], used: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """(y, x) root mean square of what is left, ring by ring."""
    square = np.where(used, (rest**2).mean(axis=0), 0.0)
    total = np.bincount(ring.ravel(), square.ravel()) / np.maximum(np.bincount(ring.ravel(), used.ravel()), 1)
    return np.asarray(np.sqrt(np.maximum(total, _TINY)))[ring]
