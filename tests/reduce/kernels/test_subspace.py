"""Leading eigenvectors from those of a neighbouring matrix, against the whole decomposition."""

import numpy as np
import pytest
from scipy import linalg

from reduce.kernels.subspace import SMALL, block_size, leading


def _matrix(rng: np.random.Generator, size: int, fall: float = 0.8) -> np.ndarray:
    turn = np.linalg.qr(rng.normal(size=(size, size)))[0]
    return np.asarray(turn * np.maximum(1e6 * fall ** np.arange(size), 1e-3) @ turn.T)


def _projector(vectors: np.ndarray, count: int) -> np.ndarray:
    return np.asarray(vectors[:, :count] @ vectors[:, :count].T)


@pytest.mark.parametrize("size", [12, SMALL, SMALL + 40])
def test_without_a_start_they_are_those_of_the_whole_decomposition(size: int) -> None:
    matrix = _matrix(np.random.default_rng(1), size)
    values, vectors = np.linalg.eigh(matrix)
    ours = leading(matrix, 5)
    assert ours.shape == (size, block_size(5, size))
    assert np.allclose(_projector(ours, 5), _projector(vectors[:, ::-1], 5), atol=1e-8)
    assert np.einsum("ik,ij,jk->k", ours[:, :5], matrix, ours[:, :5]) == pytest.approx(values[::-1][:5])


@pytest.mark.parametrize("push", [0.0, 1e-4, 1e-2, 1.0, 30.0])
def test_a_start_near_by_leads_to_the_same(push: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new direction stronger than all known ones is found as well."""
    rng = np.random.default_rng(2)
    size = SMALL + 60
    matrix = _matrix(rng, size, 0.9)
    start = leading(matrix, 8)
    new = rng.normal(size=size)
    changed = matrix + push * 1e6 * np.outer(new, new) / size
    truth = np.linalg.eigh(changed)[1][:, ::-1]
    monkeypatch.setattr(linalg, "eigh", _not_asked)
    ours = leading(changed, 8, start)
    assert np.allclose(_projector(ours, 8), _projector(truth, 8), atol=1e-4)
    assert np.allclose(ours.T @ ours, np.eye(ours.shape[1]), atol=1e-8)


def _not_asked(*_: object, **__: object) -> None:
    raise AssertionError("the whole decomposition was asked for")


def test_where_the_iteration_does_not_settle_the_whole_decomposition_is_taken() -> None:
    """Eigenvalues that fall by less than nothing: no block is wide enough."""
    rng = np.random.default_rng(3)
    size = SMALL + 60
    turn = np.linalg.qr(rng.normal(size=(size, size)))[0]
    matrix = turn * np.linspace(1.0, 0.999, size) @ turn.T
    start = np.linalg.qr(rng.normal(size=(size, block_size(3, size))))[0]
    truth = np.linalg.eigh(matrix)[1][:, ::-1]
    assert np.allclose(_projector(leading(matrix, 3, start), 3), _projector(truth, 3), atol=1e-6)


def test_the_block_is_wider_than_what_is_wanted_but_no_wider_than_the_matrix() -> None:
    assert block_size(5, 1000) == 45
    assert block_size(5, 20) == 20


def test_nothing_wanted_of_an_empty_signal() -> None:
    assert leading(np.zeros((SMALL + 10, SMALL + 10)), 2, np.eye(SMALL + 10)[:, :42]).shape == (
        SMALL + 10,
        42,
    )


def test_weak_directions_are_as_good_as_strong_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eigenvalues from 1e6 down to 8e3; the start is off by a thousandth."""
    rng = np.random.default_rng(5)
    size = SMALL + 60
    values = np.maximum(1e6 * 0.5 ** np.arange(size), 1e-3)
    turn = np.linalg.qr(rng.normal(size=(size, size)))[0]
    start = np.linalg.qr(turn[:, :48] + 1e-3 * rng.normal(size=(size, 48)) / np.sqrt(size))[0]
    monkeypatch.setattr(linalg, "eigh", _not_asked)
    ours = leading(turn * values @ turn.T, 8, start)
    assert np.allclose(_projector(ours, 8), _projector(turn, 8), atol=1e-6)


@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e12])
def test_directions_without_anything_in_them_are_not_waited_for(
    unit: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In any unit of the data: what is nothing is so beside the largest eigenvalue."""
    rng = np.random.default_rng(6)
    size = SMALL + 60
    turn = np.linalg.qr(rng.normal(size=(size, size)))[0]
    matrix = unit * (turn[:, :3] * np.array([9.0, 4.0, 1.0]) @ turn[:, :3].T)
    start = np.linalg.qr(turn[:, :46] + 0.1 * rng.normal(size=(size, 46)) / np.sqrt(size))[0]
    monkeypatch.setattr(linalg, "eigh", _not_asked)
    ours = leading(matrix, 6, start)
    assert np.allclose(_projector(ours, 3), _projector(turn, 3), atol=1e-6)


def test_a_known_strong_direction_does_not_excuse_weak_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first is right from the start and a million times stronger; the others are off by a hundredth."""
    rng = np.random.default_rng(7)
    size = SMALL + 60
    values = np.append(1e9, 1e3 * 0.7 ** np.arange(size - 1))
    turn = np.linalg.qr(rng.normal(size=(size, size)))[0]
    near = turn[:, 1:48] + 1e-2 * rng.normal(size=(size, 47)) / np.sqrt(size)
    start = np.linalg.qr(np.column_stack([turn[:, :1], near]))[0]
    monkeypatch.setattr(linalg, "eigh", _not_asked)
    ours = leading(turn * values @ turn.T, 8, start)
    assert np.allclose(_projector(ours, 8), _projector(turn, 8), atol=1e-5)


@pytest.mark.parametrize("rank", [0, 3, 600])
def test_lanczos_gives_what_the_whole_decomposition_does(rank: int) -> None:
    """Also of matrices that are nothing, or in few directions; the vector of ones is none of theirs."""
    size, count = 2 * SMALL, 12
    signal = np.random.default_rng(rank).normal(size=(size, rank))
    signal -= signal.mean(axis=0)
    matrix = signal @ signal.T
    vectors = leading(matrix, count)
    wanted = linalg.eigh(matrix)[1][:, ::-1]
    few = min(rank, count)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(block_size(count, size)), atol=1e-12)
    shared = vectors[:, :few].T @ wanted[:, :few]
    np.testing.assert_allclose(np.abs(np.linalg.det(shared)) if few else 1.0, 1.0, atol=1e-10)
    np.testing.assert_array_equal(vectors, leading(matrix, count))
