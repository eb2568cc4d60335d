import numpy as np
import pytest

from reduce.kernels.combine import combine
from reduce.kernels.derotate import derotate
from reduce.kernels.pca import gram_matrix, pca_residual, projector, reduce_pca, with_components
from reduce.kernels.reduction import WholeReduction
from tests.reduce.kernels.planted import speckle_sequence


@pytest.fixture(scope="module")
def cube() -> np.ndarray:
    return speckle_sequence(np.random.default_rng(5), 12, 41)


@pytest.fixture(scope="module")
def angles() -> np.ndarray:
    return np.linspace(-10.0, 35.0, 12)


def _centred(cube: np.ndarray) -> np.ndarray:
    flat = cube.reshape(len(cube), -1).astype(np.float64)
    return np.asarray(flat - flat.mean(axis=0))


def test_the_residual_is_what_a_singular_value_decomposition_leaves(cube: np.ndarray) -> None:
    data = _centred(cube)
    u, s, vt = np.linalg.svd(data, full_matrices=False)
    truth = data - (u[:, :4] * s[:4]) @ vt[:4]
    ours = pca_residual(cube, 4).reshape(len(cube), -1)
    assert np.max(np.abs(ours - truth)) <= 1e-5 * np.abs(data).max()


def test_modes_are_orthogonal_to_the_residual(cube: np.ndarray) -> None:
    data = _centred(cube)
    modes = np.linalg.svd(data, full_matrices=False)[2][:3]
    residual = pca_residual(cube, 3).reshape(len(cube), -1).astype(np.float64)
    assert np.max(np.abs(residual @ modes.T)) <= 1e-6 * np.linalg.norm(data)


def test_energy_left_is_the_sum_of_the_discarded_eigenvalues(cube: np.ndarray) -> None:
    eigenvalues = np.linalg.eigvalsh(_centred(cube) @ _centred(cube).T)[::-1]
    residual = pca_residual(cube, 5).astype(np.float64)
    assert np.sum(residual**2) == pytest.approx(eigenvalues[5:].sum(), rel=1e-6)
    gram = gram_matrix(cube.reshape(len(cube), -1).T)
    left = projector(gram, 5)
    assert np.trace(left @ gram @ left) == pytest.approx(eigenvalues[5:].sum(), rel=1e-4)


def test_all_components_leave_nothing_and_none_only_takes_the_mean(cube: np.ndarray) -> None:
    assert not pca_residual(cube, 12).any()
    assert np.max(np.abs(pca_residual(cube, 11))) <= 1e-3
    assert np.allclose(pca_residual(cube, 0), cube - cube.mean(axis=0, dtype=np.float64), atol=1e-2)


def test_a_list_of_counts_gives_the_single_images(cube: np.ndarray, angles: np.ndarray) -> None:
    for k in (1, 3, 6):
        one = reduce_pca(cube, angles, k)
        alone = combine(derotate(pca_residual(cube, k), angles), "median")
        assert np.nanmax(np.abs(alone - one.image)) <= 1e-4 * np.nanmax(np.abs(alone))
        assert np.array_equal(
            with_components(reduce_pca(cube, angles, 2), k).image, one.image, equal_nan=True
        )


def test_the_image_is_that_of_subtract_derotate_combine(cube: np.ndarray, angles: np.ndarray) -> None:
    slow = WholeReduction(cube, angles, lambda c, _: pca_residual(c, 3))
    fast = reduce_pca(cube, angles, 3)
    assert np.nanmax(np.abs(slow.image - fast.image)) <= 1e-3 * np.nanstd(fast.image)


def test_mirrored_angles_give_the_mirrored_image(cube: np.ndarray, angles: np.ndarray) -> None:
    image = reduce_pca(cube, angles, 3).image
    mirrored = reduce_pca(cube[:, :, ::-1].copy(), -angles, 3).image[:, ::-1]
    assert np.nanmax(np.abs(image - mirrored)) <= 1e-6 * np.nanmax(np.abs(image))


def test_modes_may_come_from_a_part_of_the_field(cube: np.ndarray) -> None:
    y, x = np.indices(cube.shape[1:])
    mask = np.hypot(x - 20, y - 20) > 8
    data = _centred(cube)
    inside = mask.ravel()
    values, vectors = np.linalg.eigh(data[:, inside] @ data[:, inside].T)
    assert values[-1] > values[-2]
    truth = data - vectors[:, -2:] @ (vectors[:, -2:].T @ data)
    ours = pca_residual(cube, 2, mask).reshape(len(cube), -1)
    assert np.max(np.abs(ours - truth)) <= 1e-5 * np.abs(data).max()


def test_gaps_stay_gaps_and_spoil_nothing(cube: np.ndarray, angles: np.ndarray) -> None:
    holed = cube.copy()
    holed[3, 30, 10] = np.nan
    residual = pca_residual(holed, 2)
    assert np.isnan(residual).sum() == 1
    image = reduce_pca(holed, angles, 2).image
    whole = reduce_pca(cube, angles, 2).image
    assert np.nanmax(np.abs(image - whole)) < 3 * np.nanstd(whole)


@pytest.mark.parametrize("components", [-1, 13])
def test_impossible_counts_are_refused(components: int) -> None:
    with pytest.raises(ValueError, match=r"wanted 0\.\.12"):
        projector(np.eye(12), components)
