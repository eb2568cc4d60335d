import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from reduce.kernels.cadi import reduce_cadi
from reduce.kernels.combine import temporal_mean, temporal_median
from reduce.kernels.derotate import derotate
from reduce.kernels.pca import reduce_pca
from reduce.kernels.spline import coefficients
from reduce.kernels.threads import ENOUGH, each_piece, limit, limited, threads

_FRAMES, _SIZE = 24, 257  # several pieces for every kernel


@pytest.mark.parametrize(
    ("numba", "omp", "wanted"), [("3", "5", 3), ("4", "2", 2), ("", "7", 7), ("6", "", 6), ("0", "9", 1)]
)
def test_the_environment_says_how_many(
    monkeypatch: pytest.MonkeyPatch, numba: str, omp: str, wanted: int
) -> None:
    monkeypatch.setenv("NUMBA_NUM_THREADS", numba)
    monkeypatch.setenv("OMP_NUM_THREADS", omp)
    assert threads() == wanted


def test_a_silent_environment_means_the_cores_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {1, 4, 5})
    assert threads() == 3


def test_a_limit_holds_inside_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reduce.kernels.threads._limits", [])
    before = threads()
    with limited(5):
        assert threads() == 5
        with limited(2), ThreadPoolExecutor(1) as other:
            assert other.submit(threads).result() == 2
        assert threads() == 5
    assert threads() == before
    limit(before + 3)
    assert threads() == before + 3


@pytest.mark.parametrize("many", [1, 3])
@pytest.mark.parametrize(("count", "piece"), [(0, 4), (1, 4), (4, 4), (5, 4), (23, 4), (7, 1)])
def test_each_number_is_done_once_in_pieces_that_do_not_depend_on_threads(
    many: int, count: int, piece: int
) -> None:
    done: list[tuple[int, int]] = []
    with limited(many):
        each_piece(lambda begin, end: done.append((begin, end)), count, piece)
    assert sorted(done) == [(b, min(b + piece, count)) for b in range(0, count, piece)]


def test_threads_work_at_the_same_time_and_no_more_than_allowed() -> None:
    """Each piece waits for as many as there may be: fewer would never end, more would be seen."""
    together = threading.Barrier(3, timeout=30.0)
    seen = set()

    def work(_: int, __: int) -> None:
        seen.add(threading.get_ident())
        together.wait()

    with limited(3):
        each_piece(work, 12, 2)
    assert len(seen) == 3
    assert threading.get_ident() in seen


def test_one_piece_is_done_here() -> None:
    seen = []
    with limited(3):
        each_piece(lambda _, __: seen.append(threading.get_ident()), 4, 4)
    assert seen == [threading.get_ident()]


@pytest.mark.parametrize("where", [0, 9])
def test_an_error_of_any_piece_is_raised(where: int) -> None:
    def work(begin: int, _: int) -> None:
        if begin == where:
            raise ValueError(f"piece {begin}")

    with limited(2), pytest.raises(ValueError, match=f"piece {where}"):
        each_piece(work, 10, 1)


def test_kernels_give_the_same_bits_on_any_number_of_threads() -> None:
    rng = np.random.default_rng(1)
    cube = rng.normal(size=(_FRAMES, _SIZE, _SIZE)).astype(np.float32)
    cube[3, 100:103, 50:60] = np.nan
    cube[:, 7, 8] = np.nan
    angles = np.linspace(-20.0, 30.0, _FRAMES)
    assert cube.size > 5 * ENOUGH
    made = []
    for many in (1, 2, 3):
        with limited(many):
            finite = np.nan_to_num(cube)
            whole = (coefficients(finite), derotate(cube, angles), derotate(finite, angles))
            made.append((*whole, temporal_median(cube), temporal_mean(cube), temporal_mean(finite)))
    for other in made[1:]:
        for one, same in zip(made[0], other, strict=True):
            np.testing.assert_array_equal(one, same)


def test_pieces_join_without_a_seam() -> None:
    """Each frame and each pixel as it is when alone."""
    rng = np.random.default_rng(2)
    cube = rng.normal(size=(_FRAMES, _SIZE, _SIZE)).astype(np.float32)
    cube[5, 20, 30] = np.nan
    angles = np.linspace(0.0, 50.0, _FRAMES)
    turned = derotate(cube, angles)
    for t in (0, 5, _FRAMES - 1):
        np.testing.assert_array_equal(turned[t], derotate(cube[t : t + 1], angles[t : t + 1])[0])
    np.testing.assert_array_equal(temporal_median(cube), np.nanmedian(cube, axis=0))
    np.testing.assert_allclose(temporal_mean(cube), np.nanmean(cube, axis=0, dtype=np.float64), atol=1e-7)


@pytest.mark.parametrize("masked", [False, True])
def test_reductions_are_the_same_on_any_number_of_threads(masked: bool) -> None:  # noqa: FBT001 - a parameter
    rng = np.random.default_rng(3)
    cube = rng.normal(size=(_FRAMES, _SIZE, _SIZE)).astype(np.float32)
    cube[4, 30:33, 40] = np.nan
    angles = np.linspace(0.0, 50.0, _FRAMES)
    mask = rng.random((_SIZE, _SIZE)) < 0.8 if masked else None
    made = []
    for many in (1, 3):
        with limited(many):
            made.append((reduce_pca(cube, angles, 3, mask).image, reduce_cadi(cube, angles).image))
    for one, same in zip(*made, strict=True):
        np.testing.assert_array_equal(one, same)


def test_pieces_within_pieces_have_no_threads_of_their_own() -> None:
    """The outermost are shared out; what they call stays where it is, and is done in full."""
    seen: dict[int, set[int]] = {n: set() for n in range(4)}
    outer = threading.Barrier(2)

    def inner(piece: int) -> None:
        each_piece(lambda _begin, _end: seen[piece].add(threading.get_ident()), 5, 1)

    def some(begin: int, end: int) -> None:
        assert end == begin + 1
        if begin < 2:
            outer.wait(10)
        inner(begin)

    with limited(2):
        each_piece(some, len(seen), 1)
        assert all(len(idents) == 1 for idents in seen.values())
        assert len(seen[0] | seen[1]) == 2
        afterwards = threading.Barrier(2)
        each_piece(lambda _begin, _end: afterwards.wait(10), 2, 1)  # this thread shares again
