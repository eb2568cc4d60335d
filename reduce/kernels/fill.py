"""What a pixel must hold, said by its neighbours and the telescope's resolution.

Kriging (best linear unbiased prediction; Matheron 1963): light that has passed a telescope is smooth over
lambda/D, so the covariance of two pixels is that of its image of a point with itself, taken as a Gaussian.
The weights sum to one and follow a slope, so that levels and gradients come back exactly; a share of white
noise keeps the prediction's own noise near or below a pixel's. Nothing can come out that is sharper than the
telescope's image of a point, and nothing brighter than the neighbours support.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reduce.kernels.compiled import compiled

__all__ = ["SOURCES", "Plan", "fill", "fill_variance", "plan_fill", "predictor", "sharpen"]

SOURCES = 24
"""Good pixels that speak for a bad one: a square of 5 x 5 around it where all are good."""

WIDE = 40
"""Good pixels that speak for one in a clump on bright light: those beyond the nearest tell its shape."""

# Share of noise in the variance: the first gives 1 to 5 % of a PSF's peak as error and noise 0.5 to 1.1 of
# a pixel's; beside holes and edges, where that would shout, the next is taken.
_WHITE = np.array([0.01, 0.03, 0.1, 0.3, 1.0, 3.0])
_FINE = np.concatenate([[0.0001, 0.0003, 0.001, 0.003], _WHITE])  # where light is far above the noise
_LOUDEST = 1.2  # noise of a prediction over a pixel's, for one that is bad alone
_SHARPEST = 3.0  # likewise where bright light is followed through a clump: noise is the smaller error there
_SOFTER = (
    0.4  # how much less for each bad neighbour: filled neighbours share their noise, which adds up to a peak
)
_STANDS_OUT = 4.0  # standard deviations by which bold and cautious differ where there is light to follow
_FOR_A_SLOPE = 6  # pixels that let a slope be followed
_REACH = 40  # px to look for good pixels, along y and along x


class Plan(NamedTuple):
    """Bad pixels of one map and what fills them.

    Attributes
    ----------
    places : NDArray[np.int64]
        (n,) of the flattened map.
    sources : NDArray[np.int32]
        (n, SOURCES) good pixels of the flattened map.
    weights : NDArray[np.float32]
        (n, SOURCES); 0 for sources that are not there. Beside other bad pixels they are cautious.
    bold : NDArray[np.float32]
        (n, SOURCES); truest to the image of a point, for where there is light to be true to.
    choice : NDArray[np.bool_]
        (n,), True where `bold` differs from `weights`.
    clumped : NDArray[np.int64]
        (m,) which of the n have bad neighbours.
    wide : NDArray[np.int32]
        (m, WIDE) good pixels for those, the nearest as in `sources`.
    sharp : NDArray[np.float32]
        (m, WIDE); truer still, and louder than a pixel: for light far above the noise.
    """

    places: NDArray[np.int64]
    sources: NDArray[np.int32]
    weights: NDArray[np.float32]
    bold: NDArray[np.float32]
    choice: NDArray[np.bool_]
    clumped: NDArray[np.int64]
    wide: NDArray[np.int32]
    sharp: NDArray[np.float32]


def plan_fill(bad: NDArray[np.bool_], width: float, where: NDArray[np.bool_] | None = None) -> Plan:
    """Prepare the filling of bad pixels.

    Parameters
    ----------
    bad : NDArray[np.bool_]
        (y, x), True = bad; at least one pixel must be good.
    width : float
        Lambda over D, px.
    where : NDArray[np.bool_] | None
        (y, x), the bad pixels wanted; None = all.

    Returns
    -------
    Plan
        For `fill`; made once, used for every frame.

    Raises
    ------
    ValueError
        If no pixel is good.
    """
    if bad.all():
        raise ValueError(f"all {bad.size} pixels are bad, wanted at least one good")
    places = np.flatnonzero(bad if where is None else bad & where)
    wide, sharp = np.zeros((places.size, WIDE), np.int32), np.zeros((places.size, WIDE))
    weights, bold = np.zeros((places.size, SOURCES)), np.zeros((places.size, SOURCES))
    _plan(np.ascontiguousarray(bad), places, _offsets(), _covariance(width), wide, weights, bold, sharp)
    choice = (weights != bold).any(axis=1)
    clumped = np.flatnonzero(sharp.any(axis=1))
    return Plan(
        places,
        np.ascontiguousarray(wide[:, :SOURCES]),
        weights.astype(np.float32),
        bold.astype(np.float32),
        choice,
        clumped,
        wide[clumped],
        sharp[clumped].astype(np.float32),
    )


def fill(planes: NDArray[np.floating], plan: Plan, variance: NDArray[np.float32] | None = None) -> None:
    """Fill the bad pixels of each plane in place.

    Parameters
    ----------
    planes : NDArray[np.floating]
        (plane, y, x), contiguous; changed. Values at bad pixels are not looked at.
    plan : Plan
        Of `plan_fill` for this shape.
    variance : NDArray[np.float32] | None
        (plane, y, x) of the good pixels: in clumps of bad pixels light that stands out of the noise is
        followed boldly, and noise is not. None: cautious in all clumps.
    """
    flat = planes.reshape(len(planes), -1)
    _gather(flat, plan.places, plan.sources, plan.weights)
    if variance is not None:
        spread = variance.reshape(flat.shape)
        chosen = np.flatnonzero(plan.choice)
        step = plan.bold[chosen] - plan.weights[chosen]
        _follow(flat, spread, plan.places[chosen], plan.sources[chosen], plan.bold[chosen], step)


def sharpen(planes: NDArray[np.floating], plan: Plan, variance: NDArray[np.float32]) -> None:
    """Follow light far above the noise sharply in clumps of bad pixels of filled planes, in place.

    Parameters
    ----------
    planes : NDArray[np.floating]
        (plane, y, x), contiguous, after `fill`; free of cosmic rays: beside one, they would be made to look
        like a star.
    plan : Plan
        Of `plan_fill` for this shape.
    variance : NDArray[np.float32]
        (plane, y, x) of the good pixels.
    """
    step = plan.sharp.copy()
    step[:, :SOURCES] -= plan.bold[plan.clumped]
    shape = (len(planes), -1)
    places = plan.places[plan.clumped]
    _follow(planes.reshape(shape), variance.reshape(shape), places, plan.wide, plan.sharp, step)


def fill_variance(planes: NDArray[np.float32], plan: Plan) -> None:
    """Variance of filled pixels, in place: the sources' noise carried through the weights.

    Parameters
    ----------
    planes : NDArray[np.float32]
        (plane, y, x) variance of each pixel, contiguous; changed.
    plan : Plan
        Of `plan_fill` for this shape.
    """
    _gather(planes.reshape(len(planes), -1), plan.places, plan.sources, plan.weights**2)


def predictor(width: float) -> NDArray[np.float32]:
    """Weights of a pixel's 5 x 5 surroundings when all are good.

    Parameters
    ----------
    width : float
        Lambda over D, px.

    Returns
    -------
    NDArray[np.float32]
        (5, 5), 0 in the middle, sum 1.
    """
    hole = np.zeros((5, 5), bool)
    hole[2, 2] = True
    plan = plan_fill(hole, width)
    kernel = np.zeros(25, np.float32)
    kernel[plan.sources[0]] = plan.weights[0]
    return kernel.reshape(5, 5)


@lru_cache(maxsize=1)
def _offsets() -> NDArray[np.int64]:
    """Places from a pixel on (n, 2), nearest first, in an order that never changes."""
    y, x = np.mgrid[-_REACH : _REACH + 1, -_REACH : _REACH + 1].reshape(2, -1)
    order = np.lexsort((x, y, x**2 + y**2))
    return np.stack([y[order], x[order]], axis=1)


@lru_cache(maxsize=8)
def _covariance(width: float) -> NDArray[np.float64]:
    """Of two pixels by the square of their distance: a Gaussian PSF of that FWHM with itself."""
    sigma_square = 2.0 * width**2 / (8.0 * np.log(2.0))
    return np.asarray(np.exp(-np.arange(8 * _REACH**2 + 1) / (2.0 * sigma_square)))


@compiled
def _gather(
    planes: NDArray[np.float32],
    places: NDArray[np.int64],
    sources: NDArray[np.int32],
    weights: NDArray[np.float32],
) -> None:
    for t in range(planes.shape[0]):
        plane = planes[t]
        for i in range(places.size):
            total = np.float32(0.0)
            for j in range(sources.shape[1]):
                total += weights[i, j] * plane[sources[i, j]]
            plane[places[i]] = total


def _follow(
    planes: NDArray[np.floating],
    variance: NDArray[np.float32],
    places: NDArray[np.int64],
    sources: NDArray[np.int32],
    weights: NDArray[np.float32],
    step: NDArray[np.float32],
) -> None:
    """Where `weights` say something else than what they are a `step` from, by more than noise, they hold."""
    for plane, spread in zip(planes, variance, strict=True):
        light = plane[sources]
        more = np.einsum("ij,ij->i", step, light)
        least = _STANDS_OUT**2 * np.einsum("ij,ij->i", step**2, spread[sources])
        clear = more**2 > least
        plane[places[clear]] = np.einsum("ij,ij->i", weights[clear], light[clear])


@compiled
def _plan(
    bad: NDArray[np.bool_],
    places: NDArray[np.int64],
    offsets: NDArray[np.int64],
    covariance: NDArray[np.float64],
    wide: NDArray[np.int32],
    weights: NDArray[np.float64],
    bold: NDArray[np.float64],
    sharp: NDArray[np.float64],
) -> None:
    ny, nx = bad.shape
    near = np.empty((wide.shape[1], 2), np.int64)
    for i in range(places.size):
        y, x = places[i] // nx, places[i] % nx
        found = 0
        for k in range(offsets.shape[0]):
            row, column = y + offsets[k, 0], x + offsets[k, 1]
            if row < 0 or column < 0 or row >= ny or column >= nx or bad[row, column]:
                continue
            near[found] = offsets[k]
            wide[i, found] = row * nx + column
            found += 1
            if found == near.shape[0]:
                break
        if found == 0:
            _first_good(bad, wide[i], weights[i])
            bold[i] = weights[i]
            continue
        beside, few = _bad_beside(bad, y, x), min(found, weights.shape[1])
        _weigh(near[:few], covariance, _WHITE, _LOUDEST, bold[i, :few])
        weights[i] = bold[i]
        if beside > 0:
            loudest = _LOUDEST / (1.0 + _SOFTER * beside)
            _weigh(near[:few], covariance, _WHITE, loudest, weights[i, :few])
            _weigh(near[:found], covariance, _FINE, _SHARPEST, sharp[i, :found])
        wide[i, found:] = wide[i, 0]


@compiled
def _first_good(bad: NDArray[np.bool_], source: NDArray[np.int32], weight: NDArray[np.float64]) -> None:
    """Deep inside a hole wider than the reach: any good pixel's value, so that no gap is left."""
    ny, nx = bad.shape
    for place in range(ny * nx):
        if not bad[place // nx, place % nx]:
            source[:], weight[0] = place, 1.0
            return


@compiled
def _bad_beside(bad: NDArray[np.bool_], y: int, x: int) -> int:
    """Bad ones among the eight neighbours."""
    ny, nx = bad.shape
    count = -1
    for row in range(max(y - 1, 0), min(y + 2, ny)):
        for column in range(max(x - 1, 0), min(x + 2, nx)):
            count += bad[row, column]
    return count


@compiled
def _weigh(
    near: NDArray[np.int64],
    covariance: NDArray[np.float64],
    whites: NDArray[np.float64],
    loudest: float,
    weight: NDArray[np.float64],
) -> None:
    """Weights of the pixels at `near` for the one at (0, 0), into `weight`."""
    n = near.shape[0]
    matrix, right = np.empty((n, n)), np.empty((n, 4))
    for trial in range(whites.size):
        for i in range(n):
            y, x = near[i, 0], near[i, 1]
            for j in range(i + 1):
                matrix[i, j] = covariance[(y - near[j, 0]) ** 2 + (x - near[j, 1]) ** 2]
            matrix[i, i] += whites[trial]
            right[i, 0], right[i, 1], right[i, 2], right[i, 3] = covariance[y * y + x * x], 1.0, y, x
        _solve(matrix, right)
        if n >= _FOR_A_SLOPE and _unbiased(near, right, 3, weight) and _noise(weight) <= loudest:
            return
    _unbiased(near, right, 1, weight)


@compiled
def _noise(weight: NDArray[np.float64]) -> float:
    square = 0.0
    for i in range(weight.size):
        square += weight[i] * weight[i]
    return float(np.sqrt(square))


@compiled
def _solve(matrix: NDArray[np.float64], right: NDArray[np.float64]) -> None:
    """Cholesky in the lower triangle of `matrix`; `right` becomes the solutions."""
    n, m = right.shape
    for i in range(n):
        for j in range(i + 1):
            total = matrix[i, j]
            for k in range(j):
                total -= matrix[i, k] * matrix[j, k]
            matrix[i, j] = np.sqrt(total) if i == j else total / matrix[j, j]
    for c in range(m):
        for i in range(n):
            total = right[i, c]
            for k in range(i):
                total -= matrix[i, k] * right[k, c]
            right[i, c] = total / matrix[i, i]
        for i in range(n - 1, -1, -1):
            total = right[i, c]
            for k in range(i + 1, n):
                total -= matrix[k, i] * right[k, c]
            right[i, c] = total / matrix[i, i]


@compiled
def _unbiased(
    near: NDArray[np.int64], solved: NDArray[np.float64], drift: int, weight: NDArray[np.float64]
) -> bool:
    """Weights under the conditions that 1 (and y, x) come back; False where they cannot be met."""
    n = near.shape[0]
    normal = np.zeros((drift, drift))
    wanted = np.zeros(drift)
    for i in range(n):
        for a in range(drift):
            value = 1.0 if a == 0 else float(near[i, a - 1])
            wanted[a] += value * solved[i, 0]
            for b in range(drift):
                normal[a, b] += value * solved[i, 1 + b]
    wanted[0] -= 1.0
    if drift == 1:
        first, second, third = wanted[0] / normal[0, 0], 0.0, 0.0
    else:
        a, b, c = normal[0], normal[1], normal[2]
        u = b[1] * c[2] - b[2] * c[1]
        v = b[2] * c[0] - b[0] * c[2]
        w = b[0] * c[1] - b[1] * c[0]
        determinant = a[0] * u + a[1] * v + a[2] * w
        if abs(determinant) <= 1e-9 * abs(a[0] * b[1] * c[2]):
            return False
        p, q, r = wanted[0], wanted[1], wanted[2]
        first = (p * u + a[1] * (b[2] * r - q * c[2]) + a[2] * (q * c[1] - b[1] * r)) / determinant
        second = (a[0] * (q * c[2] - b[2] * r) + p * v + a[2] * (b[0] * r - q * c[0])) / determinant
        third = (a[0] * (b[1] * r - q * c[1]) + a[1] * (q * c[0] - b[0] * r) + p * w) / determinant
    for i in range(n):
        weight[i] = solved[i, 0] - first * solved[i, 1] - second * solved[i, 2] - third * solved[i, 3]
    return True
