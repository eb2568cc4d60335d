"""Covariances and weights of patches against numpy's own, written the long way."""

import numpy as np
import pytest

from reduce.kernels.paco_covariance import (
    Disc,
    lag_covariances,
    patch_covariance,
    patch_disc,
    patch_weights,
    shrinkage_factor,
)
from tests.reduce.kernels.planted import speckle_sequence

_FRAMES, _ROWS, _COLUMNS = 16, 12, 14


def _shrunk(s: np.ndarray, frames: int) -> tuple[np.ndarray, float]:
    """Flasseur et al. 2018, with the trace of the square and the squares of the diagonal apart."""
    square, diagonal = float(np.trace(s @ s)), float(np.sum(np.diag(s) ** 2))
    rho = (square + np.trace(s) ** 2 - 2 * diagonal) / ((frames + 1) * (square - diagonal))
    rho = float(min(max(rho, 0.0), 1.0))
    return (1 - rho) * s + rho * np.diag(np.diag(s)), rho


@pytest.fixture(scope="module")
def cube() -> np.ndarray:
    return speckle_sequence(np.random.default_rng(3), _FRAMES, _COLUMNS)[:, :_ROWS].astype(np.float64)


def _learnt(cube: np.ndarray, disc: Disc, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Covariances at the lags of every pixel, and the numbers of the pixels."""
    frames, ny, nx = cube.shape
    series = np.ascontiguousarray((cube - cube.mean(axis=0)).reshape(frames, -1).T.astype(np.float32))
    number = np.arange(ny * nx, dtype=np.int32).reshape(ny, nx)
    out = np.full((ny * nx, disc.lag_y.size), np.nan, np.float32)
    scales = np.full(ny * nx, scale, np.float32)
    lag_covariances(series, scales, np.arange(ny * nx), number, disc.lag_y, disc.lag_x, out)
    return out, number


@pytest.mark.parametrize(
    ("radius", "pixels", "lags"), [(4.0, 49, 91), (3.99, 45, 79), (1.0, 5, 7), (0.9, 1, 1)]
)
def test_a_patch_is_a_disc_and_has_so_many_lags(radius: float, pixels: int, lags: int) -> None:
    disc = patch_disc(radius)
    assert disc.dy.size == disc.dx.size == pixels
    assert disc.lag_y.size == disc.lag_x.size == lags
    assert disc.reach == int(radius)
    assert np.hypot(disc.dy, disc.dx).max() <= radius
    order = disc.dy * 100 + disc.dx
    assert np.all(np.diff(order) > 0)


def test_lags_lead_from_one_pixel_of_a_patch_to_a_later_one() -> None:
    disc = patch_disc(3.2)
    for i in range(disc.dy.size):
        for j in range(i + 1):
            lag = disc.lag[i, j]
            assert disc.lag_y[lag] == disc.dy[i] - disc.dy[j]
            assert disc.lag_x[lag] == disc.dx[i] - disc.dx[j]
    assert not disc.lag[np.triu_indices(disc.dy.size, 1)].any()


@pytest.mark.parametrize("radius", [4.0, 2.3])
def test_the_covariance_of_a_patch_is_numpys(cube: np.ndarray, radius: float) -> None:
    disc = patch_disc(radius)
    covariances, number = _learnt(cube, disc)
    size = disc.dy.size
    for row, column in [(4, 4), (7, 9), (7, 4), (5, 7)]:
        members = number[row + disc.dy, column + disc.dx].astype(np.int64)
        matrix = np.zeros((size, size), np.float32)
        patch_covariance(covariances, members, disc.lag, matrix)
        truth = np.cov(cube[:, row + disc.dy, column + disc.dx].T, bias=True)
        assert np.max(np.abs(matrix - np.tril(truth))) <= 1e-6 * np.abs(truth).max()


def test_pixels_at_the_edge_have_no_partners_beyond_it(cube: np.ndarray) -> None:
    disc = patch_disc(2.0)
    covariances, _ = _learnt(cube, disc)
    centred = cube - cube.mean(axis=0)
    for row, column in [(0, 0), (0, _COLUMNS - 1), (_ROWS - 1, 0), (_ROWS - 1, _COLUMNS - 1), (_ROWS - 2, 9)]:
        for lag in range(disc.lag_y.size):
            j, i = row + disc.lag_y[lag], column + disc.lag_x[lag]
            inside = j < _ROWS and 0 <= i < _COLUMNS
            truth = np.mean(centred[:, row, column] * centred[:, j, i]) if inside else 0.0
            assert covariances[row * _COLUMNS + column, lag] == pytest.approx(truth, rel=1e-4, abs=1e-3)


def test_pixels_that_were_not_read_give_no_covariance(cube: np.ndarray) -> None:
    disc = patch_disc(1.0)
    number = np.full((_ROWS, _COLUMNS), -1, np.int32)
    number[5, 5], number[5, 6], number[6, 5] = 0, 1, 2
    pixels = np.array([5 * _COLUMNS + 5, 5 * _COLUMNS + 6, 6 * _COLUMNS + 5])
    centred = (cube - cube.mean(axis=0)).reshape(_FRAMES, -1)[:, pixels].T
    out = np.full((3, disc.lag_y.size), np.nan, np.float32)
    scale = np.array([1.0, 2.0, 3.0], np.float32)
    series = np.ascontiguousarray(centred.astype(np.float32))
    lag_covariances(series, scale, pixels, number, disc.lag_y, disc.lag_x, out)
    for k, (dy, dx) in enumerate(zip(disc.lag_y, disc.lag_x, strict=True)):
        other = number[5 + dy, 5 + dx]
        truth = scale[other] * np.mean(centred[0] * centred[other]) if other >= 0 else 0.0
        assert out[0, k] == pytest.approx(truth, rel=1e-4)
    assert np.isfinite(out).all()


def test_the_shrinkage_is_that_of_the_paper(cube: np.ndarray) -> None:
    disc = patch_disc(3.0)
    s = np.cov(cube[:, 7 + disc.dy, 9 + disc.dx].T, bias=True)
    for frames in (5, 30, 300):
        factor = shrinkage_factor(
            float(np.sum(s * s)), float(np.trace(s)), float(np.sum(np.diag(s) ** 2)), frames
        )
        assert factor == pytest.approx(_shrunk(s, frames)[1], rel=1e-9)
        assert 0 < factor < 1


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ((3.0, 3.0, 3.0, 9), 1.0),  # diagonal: nothing else to shrink to
        ((3.3, 3.0, 3.0, 9), 1.0),  # (3.3 + 9 - 6) / (10 x 0.3) = 2.1
        ((4.0, 3.0, 3.0, 6), 1.0),  # 7 / 7
        ((4.0, 3.0, 3.0, 13), 0.5),
        ((4.0, 1.0, 3.0, 9), 0.0),  # a negative one
    ],
)
def test_the_shrinkage_stays_within_0_and_1(given: tuple[float, float, float, int], wanted: float) -> None:
    assert shrinkage_factor(*given) == pytest.approx(wanted)


def _weights(
    cube: np.ndarray, disc: Disc, template: np.ndarray, targets: list[tuple[int, int]]
) -> tuple[np.ndarray, np.ndarray]:
    covariances, number = _learnt(cube, disc)
    places = np.array([row * cube.shape[2] + column for row, column in targets])
    weights = np.full((len(targets), disc.dy.size), np.nan, np.float32)
    shrinkage = np.full(len(targets), np.nan, np.float32)
    layout = (disc.dy * cube.shape[2] + disc.dx, disc.lag)
    patch_weights(covariances, places, number, layout, template, len(cube), weights, shrinkage)
    return weights, shrinkage


@pytest.mark.parametrize("radius", [1.0, 1.5, 2.0, 2.3, 3.0, 3.99, 4.0])
def test_the_weights_solve_for_the_template(cube: np.ndarray, radius: float) -> None:
    """Patches of 5, 9, 13, 21, 29, 45 and 49 pixels: all that matters is their number in fours."""
    disc = patch_disc(radius)
    template = np.exp(-0.2 * (disc.dy**2 + (disc.dx - 0.5) ** 2)).astype(np.float32)
    targets = [(4, 4), (7, 9)]
    weights, shrinkage = _weights(cube, disc, template, targets)
    for (row, column), own, rho in zip(targets, weights, shrinkage, strict=True):
        s = np.cov(cube[:, row + disc.dy, column + disc.dx].T, bias=True)
        c, factor = _shrunk(s, _FRAMES)
        truth = np.linalg.solve(c, template)
        assert rho == pytest.approx(factor, rel=1e-4)
        assert np.max(np.abs(own - truth)) <= 1e-3 * np.abs(truth).max()


def test_patches_of_two_to_eight_pixels_solve_too() -> None:
    rng = np.random.default_rng(5)
    cube = rng.normal(size=(40, 3, 12)) + 0.5 * rng.normal(size=(40, 1, 1))
    for size in range(1, 9):
        line = np.arange(size)
        code = line[:, None] - line[None]
        disc = Disc(np.zeros(size, np.int64), line, np.zeros(size, np.int64), line, np.maximum(code, 0))
        template = (1.0 + line).astype(np.float32)
        weights, _ = _weights(cube, disc, template, [(1, 2)])
        s = np.atleast_2d(np.cov(cube[:, 1, 2 + line].T, bias=True))
        c = _shrunk(s, 40)[0] if size > 1 else s
        np.testing.assert_allclose(weights[0], np.linalg.solve(c, template), rtol=2e-3, atol=2e-3)


def test_a_patch_with_a_pixel_that_never_varies_has_no_weights(cube: np.ndarray) -> None:
    disc = patch_disc(2.0)
    template = np.ones(disc.dy.size, np.float32)
    still = cube.copy()
    still[:, 8, 8] = 7.0
    weights, shrinkage = _weights(still, disc, template, [(8, 8), (8, 10), (8, 11)])
    assert np.isnan(shrinkage[:2]).all()
    assert not weights[:2].any()
    assert np.isfinite(shrinkage[2])
    assert weights[2].any()


def test_a_matrix_that_is_no_covariance_has_no_weights() -> None:
    """Pixels as alike as each is to itself, or more; hardly shrunk, for frames are many."""
    disc = patch_disc(1.0)
    number = np.arange(81, dtype=np.int32).reshape(9, 9)
    weights, shrinkage = np.full((2, 5), np.nan, np.float32), np.full(2, np.nan, np.float32)
    layout = (disc.dy * 9 + disc.dx, disc.lag)
    for alike, frames, known in ((0.5, 10**6, True), (1.2, 10**6, False), (1.0, 10**12, False)):
        covariances = np.full((81, disc.lag_y.size), alike, np.float32)
        covariances[:, 0] = 1.0
        patch_weights(
            covariances,
            np.array([40, 41]),
            number,
            layout,
            np.ones(5, np.float32),
            frames,
            weights,
            shrinkage,
        )
        assert np.isfinite(shrinkage).all() == known
        assert weights.any() == known
    assert not weights.any()
