"""Least squares from Gram matrices against numpy's on the pixels themselves."""

import numpy as np
import pytest

from reduce.kernels.least_squares import LeastSquares
from reduce.kernels.references import ReferenceFrames


def _pixels(frames: int = 8, pixels: int = 60) -> np.ndarray:
    rng = np.random.default_rng(7)
    modes = rng.normal(size=(frames, 3)) @ rng.normal(size=(3, pixels))
    return np.asarray(50.0 * rng.normal(size=pixels) + 5.0 * modes + rng.normal(size=(frames, pixels)))


def _gram(pixels: np.ndarray, about: np.ndarray | None = None) -> np.ndarray:
    mean = pixels.mean(axis=0) if about is None else about
    columns = np.vstack([pixels - mean, mean])
    return np.asarray(columns @ columns.T)


def _solver(allowed: np.ndarray, ridge: float) -> LeastSquares:
    both = np.stack([np.zeros_like(allowed), allowed])
    return LeastSquares(ReferenceFrames(both, 0.0), np.array([0, 1]), ridge)


def _plain(pixels: np.ndarray, allowed: np.ndarray, ridge: float) -> np.ndarray:
    """Mixing of the raw frames by numpy, the ridge as further equations."""
    frames = len(pixels)
    level = np.sqrt(ridge * np.sum((pixels - pixels.mean(axis=0)) ** 2) / frames)
    mixing = np.eye(frames)
    for t in range(frames):
        used = np.flatnonzero(allowed[t])
        left = np.vstack([pixels[used].T, level * np.eye(len(used))])
        right = np.concatenate([pixels[t], np.zeros(len(used))])
        mixing[t, used] -= np.linalg.lstsq(left, right, rcond=None)[0]
    return mixing


def _apply(mixing: np.ndarray, pixels: np.ndarray, mean: np.ndarray) -> np.ndarray:
    return np.asarray(mixing[:, :-1] @ (pixels - mean) + mixing[:, -1:] * mean)


@pytest.mark.parametrize("ridge", [1e-6, 0.05, 3.0])
@pytest.mark.parametrize("near", [1, 2, 4])
def test_the_residual_is_that_of_least_squares_on_the_raw_frames(near: int, ridge: float) -> None:
    pixels = _pixels()
    allowed = np.abs(np.subtract.outer(np.arange(8), np.arange(8))) >= near  # few left out, or most
    found = _solver(allowed, ridge)(_gram(pixels), 1, np.arange(8))
    truth = _plain(pixels, allowed, ridge) @ pixels
    assert np.max(np.abs(_apply(found, pixels, pixels.mean(axis=0)) - truth)) < 1e-4 * np.abs(truth).max()
    assert not found[:, :-1][~allowed & ~np.eye(8, dtype=np.bool_)].any()
    np.testing.assert_array_equal(found[:, :-1].diagonal(), 1.0)


def test_frames_need_not_be_free_of_their_mean() -> None:
    """An injection adds a mean of its own: the ridge follows it."""
    pixels = _pixels()
    old = pixels.mean(axis=0)
    pixels[2:5, 10:14] += 30.0
    allowed = ~np.eye(8, dtype=np.bool_)
    found = _solver(allowed, 0.5)(_gram(pixels, old), 1, np.arange(8))
    truth = _plain(pixels, allowed, 0.5) @ pixels
    assert np.max(np.abs(_apply(found, pixels, old) - truth)) < 1e-4 * np.abs(truth).max()


def test_some_rows_alone_are_those_of_all() -> None:
    pixels, allowed = _pixels(), ~np.eye(8, dtype=np.bool_)
    solver, gram = _solver(allowed, 1e-3), _gram(pixels)
    rows = np.array([6, 1])
    np.testing.assert_array_equal(solver(gram, 1, rows), solver(gram, 1, np.arange(8))[rows])


def test_without_references_or_light_a_frame_stays() -> None:
    pixels = _pixels()
    nothing = _solver(np.ones((8, 8), np.bool_), 1e-3)(_gram(pixels), 0, np.arange(8))
    np.testing.assert_array_equal(nothing, np.hstack([np.eye(8), np.ones((8, 1))]))
    dark = _solver(~np.eye(8, dtype=np.bool_), 1e-3)(np.zeros((9, 9)), 1, np.arange(8))
    np.testing.assert_array_equal(dark, np.hstack([np.eye(8), np.ones((8, 1))]))


def test_a_brighter_star_changes_nothing() -> None:
    pixels, allowed = _pixels(), ~np.eye(8, dtype=np.bool_)
    solver = _solver(allowed, 0.1)
    once, more = (solver(_gram(f * pixels), 1, np.arange(8)) for f in (1.0, 1000.0))
    np.testing.assert_allclose(once, more, atol=1e-6)
