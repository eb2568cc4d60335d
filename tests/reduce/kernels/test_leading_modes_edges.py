"""Projection on leading modes from Gram matrices against numpy's decomposition of the pixels."""

import numpy as np
import pytest

from reduce.kernels.leading_modes import LeadingModes, _eigenvector, _leading
from reduce.kernels.references import ReferenceFrames


def _pixels(frames: int = 9, pixels: int = 70) -> np.ndarray:
    rng = np.random.default_rng(11)
    cube = rng.normal(size=(frames, pixels)) + 50.0 * rng.normal(size=pixels)
    for strength in (9.0, 6.0, 4.0):
        cube += strength * rng.normal(size=(frames, 1)) * rng.normal(size=pixels)
    return np.asarray(cube)


def _gram(pixels: np.ndarray, mean: np.ndarray) -> np.ndarray:
    columns = np.vstack([pixels - mean, mean])
    return np.asarray(columns @ columns.T)


def _solver(allowed: np.ndarray, components: int) -> LeadingModes:
    both = np.stack([np.zeros_like(allowed), allowed])
    return LeadingModes(ReferenceFrames(both, 0.0), np.array([0, 1]), components)


def _plain(pixels: np.ndarray, allowed: np.ndarray, components: int) -> np.ndarray:
    """Residual pixels by singular values of each frame's references."""
    data = pixels - pixels.mean(axis=0)
    out = data.copy()
    for t in range(len(data)):
        modes = np.linalg.svd(data[allowed[t]], full_matrices=False)[2][:components]
        out[t] -= (data[t] @ modes.T) @ modes
    return np.asarray(out)


_NEAR = np.abs(np.subtract.outer(np.arange(9), np.arange(9)))


@pytest.mark.parametrize("components", [1, 2, 4, 5])
@pytest.mark.parametrize("near", [1, 3])
def test_the_residual_is_what_singular_values_leave(near: int, components: int) -> None:
    pixels, allowed = _pixels(), near <= _NEAR
    mean = pixels.mean(axis=0)
    found = _solver(allowed, components)(_gram(pixels, mean), 1, np.arange(9))
    truth = _plain(pixels, allowed, min(components, 8))
    ours = found[:, :-1] @ (pixels - mean)
    assert np.max(np.abs(ours - truth)) < 1e-5 * np.abs(pixels - mean).max()
    assert not found[:, -1].any()


def test_the_mean_of_an_injection_is_subtracted_too() -> None:
    pixels, allowed = _pixels(), _NEAR >= 2
    old = pixels.mean(axis=0)
    pixels[3:6, 20:30] += 8.0
    found = _solver(allowed, 2)(_gram(pixels, old), 1, np.arange(9))
    ours = found[:, :-1] @ (pixels - old) + found[:, -1:] * old
    assert np.max(np.abs(ours - _plain(pixels, allowed, 2))) < 1e-5 * np.abs(pixels - old).max()


def test_no_components_or_no_references_leave_the_frames_minus_their_mean() -> None:
    pixels = _pixels()
    gram = _gram(pixels, pixels.mean(axis=0))
    centring = np.hstack([np.eye(9) - 1 / 9, np.zeros((9, 1))])
    np.testing.assert_allclose(_solver(_NEAR >= 1, 0)(gram, 1, np.arange(9)), centring, atol=1e-7)
    np.testing.assert_allclose(_solver(_NEAR >= 1, 3)(gram, 0, np.arange(9)), centring, atol=1e-7)
    np.testing.assert_allclose(
        _solver(_NEAR >= 1, 3)(np.zeros((10, 10)), 1, np.arange(9)), centring, atol=1e-7
    )


def test_more_components_than_references_take_all_of_them() -> None:
    pixels, allowed = _pixels(), _NEAR >= 4
    gram = _gram(pixels, pixels.mean(axis=0))
    many, all_ = (_solver(allowed, k)(gram, 1, np.arange(9)) for k in (50, 5))
    np.testing.assert_array_equal(many, all_)
    data = pixels - pixels.mean(axis=0)
    residual = many[:, :-1].astype(np.float64) @ data
    for t in range(9):
        assert np.max(np.abs(data[allowed[t]] @ residual[t])) < 1e-4 * np.sum(data[t] ** 2)


def test_one_reference_is_one_mode() -> None:
    pixels = _pixels(3)
    allowed = np.array([[False, False, True], [False, False, True], [True, False, False]])
    data = pixels - pixels.mean(axis=0)
    found = _solver(allowed, 2)(_gram(pixels, pixels.mean(axis=0)), 1, np.arange(3))
    share = data[0] @ data[2] / (data[2] @ data[2])
    np.testing.assert_allclose(found[0, :-1] @ data, data[0] - share * data[2], atol=1e-4)


def test_a_reference_that_shares_nothing_with_the_frame_is_left_alone() -> None:
    data = np.zeros((4, 12))
    data[0, :4], data[1, :4] = 1.0, -1.0
    data[2, 6:9], data[3, 6:9] = 2.0, -2.0
    allowed = np.zeros((4, 4), np.bool_)
    allowed[0, 2:] = True
    found = _solver(allowed, 2)(_gram(data, np.zeros(12)), 1, np.array([0]))
    np.testing.assert_allclose(found[:, :-1] @ data, data[:1], atol=1e-7)


def test_some_rows_alone_are_those_of_all() -> None:
    pixels = _pixels()
    solver, gram = _solver(_NEAR >= 2, 3), _gram(pixels, pixels.mean(axis=0))
    rows = np.array([7, 0])
    np.testing.assert_array_equal(solver(gram, 1, rows), solver(gram, 1, np.arange(9))[rows])


@pytest.mark.parametrize("scale", [1e-9, 1e6])
def test_the_unit_of_light_does_not_matter(scale: float) -> None:
    pixels = _pixels()
    solver = _solver(_NEAR >= 2, 5)
    once, other = (solver(_gram(f * pixels, f * pixels.mean(axis=0)), 1, np.arange(9)) for f in (1.0, scale))
    np.testing.assert_allclose(once, other, atol=1e-5)


def _tridiagonal(seed: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    diagonal, beside = rng.normal(size=size), rng.normal(size=size)
    matrix = np.diag(diagonal) + np.diag(beside[: size - 1], 1) + np.diag(beside[: size - 1], -1)
    values, vectors = np.linalg.eigh(matrix)
    return diagonal, beside, values, vectors


@pytest.mark.parametrize(("seed", "size"), [(1, 2), (2, 3), (3, 8), (4, 8), (5, 8)])
def test_leading_eigenvalues_are_found_by_bisection(seed: int, size: int) -> None:
    diagonal, beside, values, _ = _tridiagonal(seed, size)
    for count in (1, 2, size):
        np.testing.assert_allclose(_leading(diagonal, beside, count), values[::-1][:count], atol=1e-11)


@pytest.mark.parametrize(("seed", "size"), [(1, 2), (2, 3), (3, 8), (4, 8), (5, 8)])
def test_eigenvectors_are_found_wherever_they_are_large(seed: int, size: int) -> None:
    diagonal, beside, values, vectors = _tridiagonal(seed, size)
    out = np.empty(size)
    for value, wanted in zip(values, vectors.T, strict=True):
        square = _eigenvector(diagonal, beside, value, out)
        assert square == pytest.approx(np.sum(out**2), rel=1e-12)
        assert abs(out @ wanted) == pytest.approx(np.sqrt(square), rel=1e-10)


def test_parts_that_do_not_touch_have_their_own_eigenvectors() -> None:
    diagonal, beside = np.array([3.0, 1.0, 5.0, 2.0]), np.array([0.5, 0.0, 0.25, 9.0])
    matrix = np.diag(diagonal) + np.diag(beside[:3], 1) + np.diag(beside[:3], -1)
    values, vectors = np.linalg.eigh(matrix)
    found, out = _leading(diagonal, beside, 4), np.empty(4)
    np.testing.assert_allclose(found, values[::-1], atol=1e-11)
    for value, wanted in zip(values, vectors.T, strict=True):
        square = _eigenvector(diagonal, beside, value, out)
        assert abs(out @ wanted) == pytest.approx(np.sqrt(square), rel=1e-10)
