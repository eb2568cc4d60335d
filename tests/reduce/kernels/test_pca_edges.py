"""Principal components against a singular value decomposition; limits of their number."""

import numpy as np
import pytest

from reduce.kernels.pca import gram_matrix, pca_residual, projector


def test_a_gram_matrix_sums_over_all_pixels() -> None:
    frames = np.random.default_rng(1).normal(size=(20000, 4)).astype(np.float32)
    exact = frames.astype(np.float64)
    np.testing.assert_allclose(gram_matrix(frames), exact.T @ exact, atol=0.02)
    np.testing.assert_allclose(gram_matrix(frames[:8193]), exact[:8193].T @ exact[:8193], atol=0.02)


@pytest.mark.parametrize("components", [0, 1, 3, 4])
def test_the_residual_is_what_the_leading_singular_vectors_leave(components: int) -> None:
    cube = np.random.default_rng(2).normal(size=(5, 6, 7)) * np.array([5, 4, 3, 2, 1])[:, None, None]
    cube += np.random.default_rng(3).normal(size=(6, 7)) * 30.0
    flat = (cube - cube.mean(axis=0)).reshape(5, -1)
    _, _, modes = np.linalg.svd(flat, full_matrices=False)
    wanted = flat - flat @ modes[:components].T @ modes[:components]
    np.testing.assert_allclose(pca_residual(cube, components).reshape(5, -1), wanted, atol=1e-4)


def test_the_modes_are_made_from_the_mask_and_taken_from_all() -> None:
    rng = np.random.default_rng(4)
    cube = rng.normal(size=(5, 6, 7))
    mask = rng.uniform(size=(6, 7)) < 0.5
    flat = (cube - cube.mean(axis=0)).reshape(5, -1)
    vectors, _, _ = np.linalg.svd(flat[:, mask.ravel()], full_matrices=False)
    wanted = flat - vectors[:, :2] @ vectors[:, :2].T @ flat
    np.testing.assert_allclose(pca_residual(cube, 2, mask).reshape(5, -1), wanted, atol=1e-5)


def test_gaps_enter_as_the_pixels_mean_and_stay_gaps() -> None:
    cube = np.random.default_rng(5).normal(size=(5, 6, 7)) + 9.0
    gap = cube.copy()
    gap[2, 3, 4] = np.nan
    filled = gap.copy()
    filled[2, 3, 4] = np.nanmean(gap[:, 3, 4])
    found, wanted = pca_residual(gap, 2), pca_residual(filled, 2)
    assert np.argwhere(np.isnan(found)).tolist() == [[2, 3, 4]]
    wanted[2, 3, 4] = np.nan
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_all_components_leave_nothing_and_more_or_less_than_that_is_refused() -> None:
    gram = np.random.default_rng(6).normal(size=(4, 9))
    gram = gram @ gram.T
    np.testing.assert_array_equal(projector(gram, 4), np.zeros((4, 4)))
    np.testing.assert_allclose(projector(gram, 0), np.eye(4) - 0.25, atol=1e-12)
    for count in (-1, 5):
        with pytest.raises(ValueError, match=rf"{count} components of 4 frames, wanted 0\.\.4"):
            projector(gram, count)


def test_the_gram_matrix_need_not_be_of_centred_frames() -> None:
    frames = np.random.default_rng(7).normal(size=(50, 5)) + np.arange(50)[:, None]
    centred = frames - frames.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(projector(frames.T @ frames, 2), projector(centred.T @ centred, 2), atol=1e-8)
