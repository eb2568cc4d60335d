"""Cosmic-ray hits and jumps of single pixels: what the telescope cannot have imaged.

A pixel is compared with what its 5 x 5 surroundings say of it under the telescope's resolution
(`fill.predictor`, in the spirit of the Laplacian edges of van Dokkum 2001, but with the resolution known).
It is a hit where it is off by more than the noise **and** by more than any image of points can be: a share
of the range of values around it. Where a file has several planes, the test runs again on the differences to
the mean of the planes so cleaned: what lasts (star, speckles, companions) is gone, and what changed is as
smooth as the telescope's image. (A median over planes would not do: where changing speckles cross, it has
edges sharper than the telescope's.) Tracks and clumps are peeled off from their sharpest pixel inwards.
Then what a hit is part of belongs to it, however wide, as far as it flashes up in one plane many times
brighter than anything near it in the faintest of three or more.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label, maximum_filter

from reduce.kernels.compiled import compiled
from reduce.kernels.fill import predictor

__all__ = ["find_cosmics"]

_SHARE = (
    0.45  # of the range around a pixel: simulated images of points and speckles reach 0.41 at 2.1 to 4.7 px
)
_BESIDE = 0.7  # threshold beside a hit, over that of a hit
_ROUNDS = 8
_FEWEST = 3  # planes that tell a flash
_FLASH = 5.0  # over the brightest of the faintest plane near it
_FLASH_SIGMA = 8.0
_FLASH_PX = 7  # side of what is near: the star may jump by 3 px
_FLASH_LARGEST = 40  # px: beyond, it may be a companion that a turning field has moved
_IN_MOST = 0.5  # the median plane's deviation over the mean's, for a pixel that is sharp in most planes


def find_cosmics(
    planes: NDArray[np.float32],
    variance: NDArray[np.float32],
    width: float,
    known: NDArray[np.bool_] | None = None,
    threshold: float = 6.0,
    shared: NDArray[np.float32] | None = None,
) -> NDArray[np.bool_]:
    """Pixels that were hit, or jumped, in single planes; with several planes also those sharp in all.

    Parameters
    ----------
    planes : NDArray[np.float32]
        (plane, y, x) of one file, calibrated, known bad pixels filled, all finite.
    variance : NDArray[np.float32]
        (plane, y, x) or (y, x), of a pixel.
    width : float
        Lambda over D, px; from 2 (undersampled, Y) on.
    known : NDArray[np.bool_] | None
        (y, x) pixels not to look at: bad or without data, and what borders on those without data.
    threshold : float
        Least deviation, in standard deviations of value and prediction.
    shared : NDArray[np.float32] | None
        (y, x) variance that all planes have in common, the calibrations'; it is not in `variance` and does
        not average out. None = 0.

    Returns
    -------
    NDArray[np.bool_]
        (plane, y, x); never within 2 px of the edge.
    """
    shape = planes.shape
    skipped = np.zeros(shape[1:], bool) if known is None else np.ascontiguousarray(known)
    spread = np.ascontiguousarray(np.broadcast_to(variance, shape))
    found = np.zeros(shape, bool)
    common = np.zeros(shape[1:], np.float32) if shared is None else shared
    kernel, cleaned = predictor(width), np.array(planes, dtype=np.float32)
    for plane, noise, hits in zip(cleaned, spread, found, strict=True):
        _search(plane, noise + common, skipped, kernel, threshold, hits)
    if len(planes) >= _FEWEST:
        _flashes(planes, spread, cleaned, skipped, found)
    if len(planes) > 1:
        quiet = _mean(spread) / np.float32(len(planes))
        middle = _mean(cleaned)
        for plane, noise, hits in zip(cleaned, spread, found, strict=True):
            changed = plane - middle
            _search(changed, noise + quiet, skipped, kernel, threshold, hits, brighter=True)
            plane[:] = changed + middle
        found |= _lasting(cleaned, quiet + common, skipped, kernel, threshold)
    return found


def _flashes(
    planes: NDArray[np.float32],
    variance: NDArray[np.float32],
    cleaned: NDArray[np.float32],
    known: NDArray[np.bool_],
    found: NDArray[np.bool_],
) -> None:
    """Add what hits are part of: far brighter than near it in the faintest plane, whose word it gets."""
    faintest = planes.min(axis=0)
    near = _FLASH * maximum_filter(np.maximum(faintest, 0.0), _FLASH_PX)
    for plane, spread, clean, hits in zip(planes, variance, cleaned, found, strict=True):
        if hits.any():
            bright = plane - near
            whole = _touched((bright > 0.0) & (bright**2 > _FLASH_SIGMA**2 * spread), hits)
            clean[whole] = faintest[whole]
            hits[whole & ~known] = True


def _touched(flash: NDArray[np.bool_], hits: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Connected parts (y, x) that hold a hit and are no larger than a hit may be."""
    parts, count = label(flash, np.ones((3, 3)))
    size = np.bincount(parts.ravel(), minlength=count + 1)
    chosen = (np.bincount(parts[hits], minlength=count + 1) > 0) & (size <= _FLASH_LARGEST)
    chosen[0] = False
    return np.asarray(chosen[parts], np.bool_)


def _lasting(
    planes: NDArray[np.float32],
    variance: NDArray[np.float32],
    known: NDArray[np.bool_],
    kernel: NDArray[np.float32],
    threshold: float,
) -> NDArray[np.bool_]:
    """Pixels too sharp in the mean, and so in most planes: what is left of one plane's hit is none."""
    middle = _mean(planes)
    hits = np.zeros(middle.shape, bool)
    _search(middle.copy(), variance, known, kernel, threshold, hits)
    y, x = np.nonzero(hits)
    around = np.mgrid[-2:3, -2:3]
    stamps = planes[:, y[:, None, None] + around[0], x[:, None, None] + around[1]]  # (plane, hit, 5, 5)
    off = stamps[:, :, 2, 2] - np.einsum("thji,ji->th", stamps, kernel)
    hits[y, x] = np.abs(np.median(off, axis=0)) > _IN_MOST * np.abs(off.mean(axis=0))
    return hits


def _mean(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(planes.mean(axis=0, dtype=np.float32))


@compiled
def _predicted(plane: NDArray[np.float32], kernel: NDArray[np.float32], y: int, x: int) -> np.float32:
    total = np.float32(0.0)
    for j in range(5):
        for i in range(5):
            total += kernel[j, i] * plane[y - 2 + j, x - 2 + i]
    return total


@compiled
def _range(plane: NDArray[np.float32], y: int, x: int) -> float:
    """Of the 24 values around a pixel."""
    low, high = np.inf, -np.inf
    for j in range(-2, 3):
        for i in range(-2, 3):
            if i != 0 or j != 0:
                value = plane[y + j, x + i]
                low, high = min(low, value), max(high, value)
    return high - low


@compiled
def _suspects(
    plane: NDArray[np.float32],
    variance: NDArray[np.float32],
    known: NDArray[np.bool_],
    kernel: NDArray[np.float32],
    limit: float,
) -> NDArray[np.int64]:
    """Pixels off their prediction by more than the noise: the one pass over all pixels."""
    ny, nx = plane.shape
    w01, w11, w02, w12, w22 = kernel[2, 1], kernel[1, 1], kernel[2, 0], kernel[1, 0], kernel[0, 0]
    square = np.float32(limit)
    off = np.empty(nx, np.float32)
    places = np.empty(1024, np.int64)
    count = 0
    for y in range(2, ny - 2):
        a, b, c, d, e = plane[y - 2], plane[y - 1], plane[y], plane[y + 1], plane[y + 2]
        noise = variance[y]
        for x in range(2, nx - 2):
            sides = c[x - 1] + c[x + 1] + b[x] + d[x]
            corners = b[x - 1] + b[x + 1] + d[x - 1] + d[x + 1]
            beyond = c[x - 2] + c[x + 2] + a[x] + e[x]
            knights = a[x - 1] + a[x + 1] + e[x - 1] + e[x + 1] + b[x - 2] + b[x + 2] + d[x - 2] + d[x + 2]
            far = a[x - 2] + a[x + 2] + e[x - 2] + e[x + 2]
            r = c[x] - (w01 * sides + w11 * corners + w02 * beyond + w12 * knights + w22 * far)
            off[x] = r * r - square * noise[x]
        for x in range(2, nx - 2):
            if off[x] > 0.0 and not known[y, x]:
                if count == places.size:
                    places = np.append(places, np.empty(count, np.int64))
                places[count] = y * nx + x
                count += 1
    return places[:count].copy()


@compiled
def _sharpest(plane: NDArray[np.float32], kernel: NDArray[np.float32], y: int, x: int, off: float) -> bool:
    """Is the pixel further off than its eight neighbours."""
    ny, nx = plane.shape
    for j in range(max(y - 1, 2), min(y + 2, ny - 2)):
        for i in range(max(x - 1, 2), min(x + 2, nx - 2)):
            if abs(plane[j, i] - _predicted(plane, kernel, j, i)) > off:
                return False
    return True


@compiled
def _search(
    plane: NDArray[np.float32],
    variance: NDArray[np.float32],
    known: NDArray[np.bool_],
    kernel: NDArray[np.float32],
    threshold: float,
    hits: NDArray[np.bool_],
    brighter: bool = False,  # noqa: FBT001, FBT002 # compiled functions take no keywords-only
) -> None:
    """Mark hits (only brighter ones, if wanted); in `plane` their surroundings' word takes their place."""
    nx = plane.shape[1]
    total = 1.0
    for j in range(5):
        for i in range(5):
            total += kernel[j, i] * kernel[j, i]
    limit = threshold * threshold * total
    suspects = _suspects(plane, variance, known, kernel, limit)
    hit = np.empty(hits.size, np.int64)
    done = 0
    for _ in range(_ROUNDS):
        before = done
        for place in suspects:
            y, x = place // nx, place % nx
            if hits[y, x]:
                continue
            off = plane[y, x] - _predicted(plane, kernel, y, x)
            if brighter and off < 0.0:  # another plane's hit, unseen there, is in the mean
                continue
            off = abs(off)
            needed = limit * (_BESIDE * _BESIDE if _beside(hits, y, x) else 1.0)
            if (
                off * off > needed * variance[y, x]
                and off > _SHARE * _range(plane, y, x)
                and _sharpest(plane, kernel, y, x, off)
            ):
                hits[y, x] = True
                hit[done] = place
                done += 1
        if done == before:
            return
        for _sweep in range(4):
            for place in hit[:done]:
                plane[place // nx, place % nx] = _predicted(plane, kernel, place // nx, place % nx)
        suspects = _around(hit[before:done], suspects, known, hits)


@compiled
def _beside(hits: NDArray[np.bool_], y: int, x: int) -> bool:
    for j in range(-1, 2):
        for i in range(-1, 2):
            if hits[y + j, x + i]:
                return True
    return False


@compiled
def _around(
    new: NDArray[np.int64],
    suspects: NDArray[np.int64],
    known: NDArray[np.bool_],
    hits: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Suspects not yet hits, and what touches the new hits."""
    ny, nx = known.shape
    found = np.empty(suspects.size + 8 * new.size, np.int64)
    count = 0
    for place in suspects:
        if not hits[place // nx, place % nx]:
            found[count] = place
            count += 1
    for place in new:
        y, x = place // nx, place % nx
        for j in range(max(y - 1, 2), min(y + 2, ny - 2)):
            for i in range(max(x - 1, 2), min(x + 2, nx - 2)):
                if not known[j, i] and not hits[j, i]:
                    found[count] = j * nx + i
                    count += 1
    return found[:count].copy()
