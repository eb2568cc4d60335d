"""The star behind the mask, from four satellite ("waffle") spots."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize, special

from reduce.kernels.spot_checks import band_passed, neighbour, quiet, without_worst
from reduce.kernels.spot_fit import Fit

__all__ = ["Coarse", "Spots", "coarse_centre", "fit_spots", "spot_offsets"]

_SIGMA_TO_FWHM = 2.3548200450309493  # 2 sqrt(2 ln 2)
_MAD_TO_SIGMA = 1.4826
_REACH = 2.5  # half the fitted square over the FWHM: the first Airy rings fix the plane underneath
_FIRST_ANGLE = {"+": 0.0, "x": 45.0}
_BLANK_TURN_DEG = 45.0  # from a spot: half-way to the next, at the same distance
_MISMATCH = 9.2  # chi squared of two degrees of freedom that one in a hundred exceeds
_SHARP = 0.1  # a spread of less than this many widths is none
_NEIGHBOUR = 0.1  # of the spot's peak: no Airy ring is so bright, a companion that pulls is
_CERTAIN = 6.0  # robust standard deviations of what a fit leaves
_NEIGHBOURS = 3  # in one square, at most
_UNUSED = 1e6  # px squared

Grid = NDArray[np.float64]


class Coarse(NamedTuple):
    """A star found to a pixel.

    (x, y) 0-based; the faintest spot's brightness there (band-passed, image units); how far that stands
    out among all places tried, in their robust standard deviations.
    """

    x: float
    y: float
    brightness: float
    significance: float


class Spots(NamedTuple):
    """Star and spots of one image.

    `x`, `y` of the star and `error` (1 sigma of each), px 0-based; `places` (4, 2) as (x, y) and
    `place_errors` (4,) px; `radius` mean distance of the spots, px; `mismatch` how far the spots are
    from being opposite in pairs: chi squared of 2 degrees of freedom; `used` (4,) bool: where all four
    contradict each other the star rests on the pair without the worst, and `mismatch` is how far the other
    three are from the pattern.
    """

    x: float
    y: float
    error: float
    places: NDArray[np.float64]
    place_errors: NDArray[np.float64]
    radius: float
    mismatch: float
    used: NDArray[np.bool_]


def spot_offsets(radius: float, orientation: str) -> NDArray[np.float64]:
    """Where the four spots stand around the star.

    Parameters
    ----------
    radius : float
        Distance from the star, px (10 sqrt 2 cycles across the pupil: grows with wavelength).
    orientation : str
        ``OCS WAFFLE ORIENT``: '+' on the detector's axes, 'x' on its diagonals.

    Returns
    -------
    NDArray[np.float64]
        (4, 2) as (x, y), opposite spots two rows apart.

    Raises
    ------
    ValueError
        If the orientation is neither.
    """
    if orientation not in _FIRST_ANGLE:
        raise ValueError(f"waffle orientation is {orientation!r}, wanted '+' or 'x'")
    angle = np.radians(_FIRST_ANGLE[orientation] + 90.0 * np.arange(4))
    return radius * np.column_stack([np.cos(angle), np.sin(angle)])


def coarse_centre(
    image: NDArray[np.floating],
    offsets: NDArray[np.float64],
    near: tuple[float, float],
    reach: int,
    fwhm: float,
) -> Coarse:
    """Find the pixel around which all four spots are bright.

    Parameters
    ----------
    image : NDArray[np.floating]
        (y, x), finite.
    offsets : NDArray[np.float64]
        (4, 2), of `spot_offsets`.
    near : tuple[float, float]
        (x, y) of the expected star, 0-based.
    reach : int
        How far the star may be from there, px in x and y.
    fwhm : float
        Of a spot, px.

    Returns
    -------
    Coarse
        The best pixel.

    Raises
    ------
    ValueError
        If the spots of some place in reach lie outside the image.
    """
    width = fwhm / _SIGMA_TO_FWHM
    flat = np.asarray(image, np.float64)
    band = ndimage.gaussian_filter(flat, width) - ndimage.gaussian_filter(flat, 4.0 * width)
    x0, y0 = round(near[0]), round(near[1])
    score: NDArray[np.float64] | None = None
    for dx, dy in np.round(offsets).astype(int):
        left, low = x0 + dx - reach, y0 + dy - reach
        if (
            left < 0
            or low < 0
            or max(low + 2 * reach - image.shape[0], left + 2 * reach - image.shape[1]) >= 0
        ):
            raise ValueError(f"spots around {near} +- {reach} px leave the image of {image.shape}")
        part = band[low : low + 2 * reach + 1, left : left + 2 * reach + 1]
        score = part if score is None else np.minimum(score, part)
    assert score is not None
    row, column = np.unravel_index(int(np.argmax(score)), score.shape)
    middle = float(np.median(score))
    spread = _MAD_TO_SIGMA * float(np.median(np.abs(score - middle)))
    best = float(score.max())
    significance = (best - middle) / spread if spread > 0 else np.inf
    return Coarse(x0 - reach + float(column), y0 - reach + float(row), best, float(significance))


def fit_spots(
    image: NDArray[np.floating],
    offsets: NDArray[np.float64],
    centre: tuple[float, float],
    fwhm: float,
    colour_spread: float = 0.0,
) -> Spots:
    """Fit the four spots and the star in their middle.

    Parameters
    ----------
    image : NDArray[np.floating]
        (y, x); NaN = bad pixel, left out of the fit.
    offsets : NDArray[np.float64]
        (4, 2) expected places around the star, (x, y) px.
    centre : tuple[float, float]
        (x, y) of the star, 0-based: a spot is sought within 1 FWHM of where it then stands.
    fwhm : float
        Of the star's core, px.
    colour_spread : float
        Length over which the filter's band draws a spot out along the radius, px: distance of the spots
        times band width over wavelength.

    Returns
    -------
    Spots
        The star is the centre of a parallelogram fitted to the spots, each with its own errors along
        and across the radius: a linear distortion leaves it there.

    Notes
    -----
    A ValueError says so if a spot cannot be fitted.

    The error of a spot holds what the fit leaves, or what the same fit finds at blank places of the same
    distance where that is more, and the interference of the spot with speckles as bright as those there:
    the field of a speckle of intensity S adds 2 sqrt(P S) to a spot of intensity P, and it is as smooth
    as the spot itself, so that the residuals do not show it.
    """
    boxes = [
        _Box.around(image, (centre[0] + dx, centre[1] + dy), (dx, dy), fwhm, colour_spread)
        for dx, dy in offsets
    ]
    fits = [box.fitted() for box in boxes]
    places = np.array([fit.place for fit in fits])
    blanks = [
        cut
        for box, offset in zip(boxes, offsets, strict=True)
        for cut in _blank_cut(image, centre, offset, box.reach)
    ]
    silent = quiet(np.array(blanks))
    covariances = np.array([fit.covariance(silent) for fit in fits])
    star, covariance, mismatch = _middle(places, covariances)
    used = np.ones(4, bool)
    if mismatch > _MISMATCH:
        crowded = np.array([fit.crowded for fit in fits])
        square = without_worst(places, covariances, np.asarray(offsets, np.float64), crowded)
        if square.mismatch <= _MISMATCH < square.rival:
            used[square.left_out] = False
            told = np.where(used[:, None, None], covariances, _UNUSED * np.eye(2))
            star, covariance, _ = _middle(places, told)
            mismatch = square.mismatch
    return Spots(
        float(star[0]),
        float(star[1]),
        float(
            np.sqrt(np.trace(covariance) / 2.0) * (np.sqrt(mismatch / 2.0) if mismatch > _MISMATCH else 1.0)
        ),
        places,
        np.sqrt(np.trace(covariances, axis1=1, axis2=2) / 2.0),
        float(np.hypot(*(places - star)[used].T).mean()),
        mismatch,
        used,
    )


class _Box(NamedTuple):
    """Pixels about one spot and what it should look like there."""

    cut: Grid  # (y, x), NaN = not known
    corner: tuple[int, int]
    outward: tuple[float, float]
    reach: int
    width: float
    spread: float

    @classmethod
    def around(
        cls,
        image: NDArray[np.floating],
        place: tuple[float, float],
        outward: tuple[float, float],
        fwhm: float,
        spread: float,
    ) -> "_Box":
        reach = int(np.ceil(_REACH * fwhm + spread / 2.0))
        x0, y0 = round(place[0]), round(place[1])
        cut = np.asarray(image[max(y0 - reach, 0) : y0 + reach + 1, max(x0 - reach, 0) : x0 + reach + 1])
        if cut.shape != (2 * reach + 1, 2 * reach + 1):
            raise ValueError(f"spot expected at {place} is at the edge of the image of {image.shape}")
        length = float(np.hypot(*outward))
        unit = (outward[0] / length, outward[1] / length)
        return cls(cut.astype(np.float64), (x0, y0), unit, reach, fwhm / _SIGMA_TO_FWHM, spread)

    def fitted(self) -> Fit:
        """Least squares of a Gaussian, drawn out along the radius, on a tilted plane."""
        known = np.isfinite(self.cut)
        base = float(np.median(self.cut[known])) if known.any() else 0.0
        filled = np.where(known, self.cut, base)
        band = band_passed(filled - base, known, self.width)
        for _ in range(_NEIGHBOURS):  # brighter than the spot: they would draw the fit away
            apart = self._apart((0.0, 0.0)) & known
            found = neighbour(band, apart, float(band[~apart].max()), _SIGMA_TO_FWHM * self.width)
            if found is None:
                break
            known &= ~found
        fit, scale = self._least_squares(known, filled, base)
        for _ in range(_NEIGHBOURS):  # fainter ones show in what the fit leaves
            found = self._beside(known, filled, fit.x, scale)
            if found is None:
                break
            known &= ~found
            fit, scale = self._least_squares(known, filled, base)
        at = f"near ({self.corner[0]}, {self.corner[1]})"
        if not fit.success or fit.x[0] <= 0:
            raise ValueError(f"no spot {at}: the fit of a Gaussian failed")
        solve = np.zeros((8, known.size))
        solve[:, known.ravel()] = np.linalg.pinv(fit.jac) / scale
        solve[0] *= scale  # the peak in units of the image
        white = 2.0 * fit.cost * scale**2 / max(known.sum() - fit.x.size, 1)
        field = np.sqrt(np.clip(self._shape(fit.x, *self._grid()), 0.0, None)).ravel()
        place = (self.corner[0] + float(fit.x[1]), self.corner[1] + float(fit.x[2]))
        return Fit(
            place,
            solve,
            white,
            float(fit.x[0]) * scale,
            field,
            known.shape[0],
            float(fit.x[4]),
            self.spread,
            crowded=bool((np.isfinite(self.cut) & ~known).any()),
        )

    def _least_squares(
        self, known: NDArray[np.bool_], filled: Grid, base: float
    ) -> tuple[optimize.OptimizeResult, float]:
        """Fit from where the spot should be; and the scale of its peak and base."""
        scale = float(filled[known].max(initial=base) - base) or 1.0
        x, y = self._grid()

        def misfit(p: Grid) -> Grid:
            return np.asarray((self._model(p, x, y) - filled / scale)[known])

        start = np.array([1.0, 0.0, 0.0, 1.1 * self.width, self.width, base / scale, 0.0, 0.0])
        near = _SIGMA_TO_FWHM * self.width
        small, wide, free = 0.5 * self.width, 4.0 * self.width, np.inf
        low = [0.0, -near, -near, small, small, -free, -free, -free]
        high = [free, near, near, wide, 2.0 * self.width, free, free, free]
        return optimize.least_squares(misfit, start, bounds=(low, high)), scale

    def _beside(
        self, known: NDArray[np.bool_], filled: Grid, p: Grid, scale: float
    ) -> NDArray[np.bool_] | None:
        """Pixels of a companion beside the fitted spot; None if there is none that pulls."""
        rest = band_passed(filled / scale - self._model(p, *self._grid()), known, self.width)
        noise = _MAD_TO_SIGMA * float(np.median(np.abs(rest[known] - np.median(rest[known]))))
        limit = max(0.5 * _NEIGHBOUR * float(p[0]), _CERTAIN * noise)  # smoothing halves a peak
        apart = self._apart((float(p[1]), float(p[2]))) & known
        return neighbour(rest, apart, limit, _SIGMA_TO_FWHM * self.width)

    def _grid(self) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
        y, x = np.mgrid[-self.reach : self.reach + 1, -self.reach : self.reach + 1]
        return x, y

    def _apart(self, place: tuple[float, float]) -> NDArray[np.bool_]:
        """What is further than 1 FWHM from the spot at this place, which the band draws out."""
        x, y = self._grid()
        dx, dy = x - place[0], y - place[1]
        along = np.abs(self.outward[0] * dx + self.outward[1] * dy)
        across = self.outward[0] * dy - self.outward[1] * dx
        past = np.maximum(along - self.spread / 2.0, 0.0)
        return np.asarray(np.hypot(past, across) > _SIGMA_TO_FWHM * self.width)

    def _model(self, p: Grid, x: NDArray[np.int_], y: NDArray[np.int_]) -> Grid:
        return np.asarray(p[0] * self._shape(p, x, y) + p[5] + p[6] * x + p[7] * y)

    def _shape(self, p: Grid, x: NDArray[np.int_], y: NDArray[np.int_]) -> Grid:
        """The spot, 1 at its peak: the band's colours lie side by side along the radius."""
        dx, dy = x - p[1], y - p[2]
        along = (self.outward[0] * dx + self.outward[1] * dy) / p[3]
        across = (self.outward[0] * dy - self.outward[1] * dx) / p[4]
        half = self.spread / 2.0 / p[3]
        if half < _SHARP:
            return np.asarray(np.exp(-0.5 * (along**2 + across**2)))
        root = np.sqrt(2.0)
        band = special.erf((along + half) / root) - special.erf((along - half) / root)
        return np.asarray(band / (2.0 * special.erf(half / root)) * np.exp(-0.5 * across**2))


def _blank_cut(
    image: NDArray[np.floating], centre: tuple[float, float], offset: Grid, reach: int
) -> list[Grid]:
    """The square (y, x) half-way to the next spot; none where it is not free of spots or not all there."""
    turn = np.radians(_BLANK_TURN_DEG)
    away = 2.0 * np.hypot(*offset) * np.sin(turn / 2.0)
    x = round(centre[0] + float(offset[0] * np.cos(turn) - offset[1] * np.sin(turn)))
    y = round(centre[1] + float(offset[0] * np.sin(turn) + offset[1] * np.cos(turn)))
    if away < 2 * reach or min(x, y) < reach:
        return []
    cut = np.asarray(image[y - reach : y + reach + 1, x - reach : x + reach + 1], np.float64)
    known = np.isfinite(cut)
    if cut.shape != (2 * reach + 1, 2 * reach + 1) or not known.any():
        return []
    return [np.where(known, cut, np.median(cut[known]))]


def _middle(places: Grid, covariances: Grid) -> tuple[Grid, Grid, float]:
    """Star (2,), its covariance (2, 2) and chi squared: spots at star +- a and star +- b, each weighted."""
    design = np.zeros((4, 2, 6))
    for spot, (first, sign) in enumerate([(2, 1.0), (4, 1.0), (2, -1.0), (4, -1.0)]):
        design[spot, :, :2] = np.eye(2)
        design[spot, :, first : first + 2] = sign * np.eye(2)
    floor = 1e-12 * np.eye(2)  # a perfect image has no errors
    weights = np.linalg.inv(covariances + floor)
    normal = np.einsum("sij,sik,skl->jl", design, weights, design)
    right = np.einsum("sij,sik,sk->j", design, weights, places)
    covariance = np.linalg.inv(normal)
    found = covariance @ right
    rest = places - design @ found
    return found[:2], covariance[:2, :2], float(np.einsum("si,sij,sj->", rest, weights, rest))
