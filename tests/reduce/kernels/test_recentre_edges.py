"""A planted Gaussian lands on the middle pixel, stretched, its flux kept; the part that is needed."""

import numpy as np
import pytest

from reduce.kernels.recentre import footprint, recentred


def _gauss(ny: int, nx: int, centre: tuple[float, float], width: tuple[float, float]) -> np.ndarray:
    y, x = np.indices((ny, nx))
    return np.exp(-0.5 * (((x - centre[0]) / width[0]) ** 2 + ((y - centre[1]) / width[1]) ** 2))


@pytest.mark.parametrize("stretch", [(1.0, 1.0), (1.0, 1.2), (1.1, 0.9)])
def test_the_star_comes_to_the_middle_and_offsets_grow(stretch: tuple[float, float]) -> None:
    frame = _gauss(41, 47, (22.3, 17.6), (2.4, 2.4)) + 0.3 * _gauss(41, 47, (27.3, 13.6), (2.4, 2.4))
    found = recentred(frame, (22.3, 17.6), 21, stretch)
    wide = (2.4 * stretch[0], 2.4 * stretch[1])
    wanted = _gauss(21, 21, (10.0, 10.0), wide)
    wanted += 0.3 * _gauss(21, 21, (10.0 + 5.0 * stretch[0], 10.0 - 4.0 * stretch[1]), wide)
    np.testing.assert_allclose(found, wanted / (stretch[0] * stretch[1]), atol=3e-3)
    assert found.dtype == np.float32


def test_outside_the_frame_there_are_no_data() -> None:
    found = recentred(np.ones((15, 17)), (3.0, 11.0), 13, (1.0, 1.0))
    assert np.isnan(found[:, :3]).all()  # columns -3 .. -1
    assert np.isnan(found[10:]).all()  # rows 15 .. 17
    np.testing.assert_allclose(found[:10, 3:], 1.0, atol=1e-6)


@pytest.mark.parametrize("size", [4, 20])
def test_an_even_size_has_no_middle(size: int) -> None:
    with pytest.raises(ValueError, match=f"size is {size} px, wanted an odd number"):
        recentred(np.ones((30, 30)), (15.0, 15.0), size, (1.0, 1.0))


@pytest.mark.parametrize("centre", [(60.4, 55.2), (20.0, 101.7), (100.3, 12.0)])
@pytest.mark.parametrize("stretch", [(1.0, 1.0), (0.5, 2.0), (2.0, 0.5)])
def test_the_part_that_is_needed_gives_the_same(
    centre: tuple[float, float], stretch: tuple[float, float]
) -> None:
    frame = np.random.default_rng(1).normal(size=(111, 121))
    rows, columns = footprint(frame.shape, centre, 21, stretch)
    part = frame[rows, columns]
    moved = (centre[0] - columns.start, centre[1] - rows.start)
    found, wanted = recentred(part, moved, 21, stretch), recentred(frame, centre, 21, stretch)
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(wanted))
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_the_part_that_is_needed_is_small_and_inside() -> None:
    rows, columns = footprint((200, 300), (150.0, 90.0), 21, (1.0, 0.5))
    assert (columns.start, columns.stop) == (126, 175)  # 150 -+ (10.5 + 13)
    assert (rows.start, rows.stop) == (56, 126)  # 90 -+ (21 + 13)
    rows, columns = footprint((60, 50), (5.0, 55.0), 21, (1.0, 1.0))
    assert (columns.start, columns.stop) == (0, 30)
    assert (rows.start, rows.stop) == (31, 60)
    rows, columns = footprint((60, 50), (45.0, 5.0), 21, (1.0, 1.0))
    assert columns.stop == 50
    assert rows.start == 0
