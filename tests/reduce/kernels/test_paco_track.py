"""Sums along tracks against loops over numpy's polynomials."""

import numpy as np
import pytest
from scipy.interpolate import lagrange

from reduce.kernels.paco_track import NODES, lagrange_weights, mark_tracks, spread_marks, track_sums

_SIZE, _REACH = 21, 3


@pytest.mark.parametrize("place", [0.0, 0.3, 1.0, 1.7, 2.0, 2.5, 3.0, 3.9, 4.0, 4.6, 5.0])
def test_weights_are_lagranges(place: float) -> None:
    out = np.empty(NODES)
    lagrange_weights(place, out)
    for node in range(NODES):
        samples = (np.arange(NODES) == node).astype(float)
        assert out[node] == pytest.approx(float(lagrange(np.arange(NODES), samples)(place)), abs=1e-9)


def _places(angle: float, sky: int) -> tuple[float, float]:
    """Where a pixel of the derotated image lies in a frame turned by `angle`."""
    dx, dy = sky % _SIZE - _SIZE // 2, sky // _SIZE - _SIZE // 2
    turned = (dx + 1j * dy) * np.exp(-1j * angle)
    return float(turned.real) + _SIZE // 2, float(turned.imag) + _SIZE // 2


def _starts(angle: float, sky: int) -> tuple[int, int] | None:
    x, y = _places(angle, sky)
    low, high = _REACH, _SIZE - 1 - _REACH
    if min(x, y) < low - 1e-6 or max(x, y) > high + 1e-6:
        return None
    first = [min(max(int(np.floor(v)) - 2, low), high - 5) for v in (x, y)]
    return first[0], first[1]


def test_tracks_are_marked_where_they_begin_to_touch() -> None:
    sky = np.array(
        [
            10 * _SIZE + 10,
            10 * _SIZE + 14,
            3 * _SIZE + 3,
            17 * _SIZE + 10,
            18 * _SIZE + 10,
            0,
            12 * _SIZE + 17,
        ]
    )
    angle = np.radians([0.0, 33.0, 90.0, 181.0])
    marks = np.zeros((_SIZE, _SIZE), np.bool_)
    mark_tracks(sky, angle, _REACH, marks)
    truth = np.zeros_like(marks)
    for s in sky:
        for a in angle:
            found = _starts(float(a), int(s))
            if found:
                truth[found[1], found[0]] = True
    np.testing.assert_array_equal(marks, truth)
    assert truth.sum() > 8


@pytest.mark.parametrize(
    ("shape", "reach", "first"),
    [
        ((11, 11), 3, None),  # 5 known pixels each way: one too few
        ((12, 12), 3, (3, 3)),
        ((13, 12), 3, (4, 3)),
        ((13, 11), 3, None),
        ((11, 13), 3, None),
        ((6, 7), 0, (0, 1)),
        ((5, 7), 0, None),
    ],
)
def test_too_few_known_pixels_hold_no_place(
    shape: tuple[int, int], reach: int, first: tuple[int, int] | None
) -> None:
    """The middle of the frame, between edges of which nothing is known."""
    marks = np.zeros(shape, np.bool_)
    middle = np.array([shape[0] // 2 * shape[1] + shape[1] // 2])
    mark_tracks(middle, np.zeros(1), reach, marks)
    assert list(map(tuple, np.argwhere(marks))) == ([] if first is None else [first])


def test_marks_spread_by_steps() -> None:
    marks = np.zeros((6, 7), np.bool_)
    marks[2, 3] = marks[4, 5] = True
    out = np.zeros_like(marks)
    spread_marks(marks, np.array([0, -2, 1]), np.array([0, 1, -3]), out)
    assert sorted(map(tuple, np.argwhere(out))) == [(0, 4), (2, 3), (2, 6), (3, 0), (4, 5), (5, 2)]


def _summed(
    sky: np.ndarray, angle: np.ndarray, planes: np.ndarray, fixed: np.ndarray, holes: np.ndarray | None = None
) -> np.ndarray:
    number = np.arange(_SIZE**2, dtype=np.int32).reshape(_SIZE, _SIZE)
    out = np.zeros((3, sky.size))
    gone = np.zeros((0, 0), np.bool_) if holes is None else holes.reshape(len(planes), -1)
    flat = planes.reshape(len(planes), -1).astype(np.float32)
    track_sums(sky, angle, _REACH, number, flat, fixed.reshape(2, -1).astype(np.float32), gone, out)
    return out


def test_polynomials_are_summed_exactly() -> None:
    """Of fifth degree in both directions, another in each frame; also where the pixels moved inward."""
    y, x = (np.mgrid[:_SIZE, :_SIZE] - 10.0) / 10

    def value(t: int, u: np.ndarray | float, v: np.ndarray | float) -> np.ndarray | float:
        return (1 + t) * u**5 - 2 * v**5 + u**3 * v**2 + t * v - 0.5

    angle = np.radians([0.0, 40.0, 117.0, 270.0])
    planes = np.array([value(t, x, y) for t in range(4)])
    fixed = np.array([value(7, x, y), value(9, x, y)])
    sky = np.array(
        [10 * _SIZE + 17, 10 * _SIZE + 10, 17 * _SIZE + 9, 5 * _SIZE + 8, 0, 16 * _SIZE + 17, 3 * _SIZE + 12]
    )
    found = _summed(sky, angle, planes, fixed)
    truth = np.zeros((3, sky.size))
    for number, s in enumerate(sky):
        for t, a in enumerate(angle):
            if _starts(float(a), int(s)) is not None:
                px, py = _places(float(a), int(s))
                u, v = (px - 10) / 10, (py - 10) / 10
                truth[:, number] += [float(value(t, u, v)), float(value(7, u, v)), float(value(9, u, v))]
    np.testing.assert_allclose(found, truth, atol=3e-5)
    assert not found[:, 4].any()


def test_frames_are_left_out_where_the_track_touches_a_hole() -> None:
    angle = np.radians([0.0, 90.0])
    sky = np.array([10 * _SIZE + 14])
    planes, fixed = np.ones((2, _SIZE, _SIZE)), np.ones((2, _SIZE, _SIZE)) * [[[2.0]], [[3.0]]]
    holes = np.zeros((2, _SIZE, _SIZE), np.bool_)
    np.testing.assert_allclose(_summed(sky, angle, planes, fixed, holes)[:, 0], [2, 4, 6], rtol=1e-6)
    for row, column, frames in [(8, 12, 1), (13, 17, 1), (7, 12, 2), (8, 11, 2), (14, 14, 2), (13, 18, 2)]:
        holes[:] = False
        holes[0, row, column] = True
        left = _summed(sky, angle, planes, fixed, holes)[:, 0]
        np.testing.assert_allclose(left, np.array([1, 2, 3]) * frames, rtol=1e-6)
