"""The parts of a patch alone: sums of stamps, the Gram matrix of a signal over the frame's edge."""

import numpy as np
import pytest

from reduce.kernels.derotate import derotate
from reduce.kernels.gram import gram_change
from reduce.kernels.inject import MARGIN, Stamps
from reduce.kernels.local import derotated_patch, merged
from reduce.kernels.reduction import sequence
from reduce.kernels.spline import coefficients

_SHAPE = (17, 19)


def _stamps(rng: np.random.Generator, left: list[int], low: list[int], height: int, width: int) -> Stamps:
    data = rng.uniform(1.0, 2.0, size=(len(left), height, width)).astype(np.float32)
    padded = np.pad(data, ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)))
    return Stamps(data, np.array(left), np.array(low), coefficients(padded))


def _drawn(values: np.ndarray, left: np.ndarray, low: np.ndarray, border: int = 40) -> np.ndarray:
    """Stamps in frames with a wide border on all sides."""
    out = np.zeros((len(left), _SHAPE[0] + 2 * border, _SHAPE[1] + 2 * border))
    for frame, stamp, x, y in zip(out, values, left + border, low + border, strict=True):
        frame[y : y + stamp.shape[0], x : x + stamp.shape[1]] = stamp
    return out


def _framed(stamps: Stamps) -> np.ndarray:
    return _drawn(stamps.data, stamps.left, stamps.low)[:, 40:-40, 40:-40]


def _of_the_frame(stamps: Stamps) -> Stamps:
    """Splines that see the source mirrored at the frame's edges."""
    whole = np.pad(coefficients(_framed(stamps)), ((0, 0), (40, 40), (40, 40)))
    rows, columns = (np.arange(n + 2 * MARGIN) + 40 - MARGIN for n in stamps.data.shape[1:])
    cut = [w[np.ix_(rows + y, columns + x)] for w, x, y in zip(whole, stamps.left, stamps.low, strict=True)]
    return Stamps(stamps.data, stamps.left, stamps.low, np.array(cut, np.float32))


def test_sums_of_stamps_hold_all_of_each() -> None:
    rng = np.random.default_rng(1)
    one = _stamps(rng, [3, -2, 15], [4, 11, -3], 3, 5)
    two = _stamps(rng, [6, -4, 9], [1, 12, 2], 4, 3)
    for parts in ([(one, 2.0), (two, -0.5)], [(two, -0.5), (one, 2.0)]):
        found = merged(parts)
        assert found is not None
        np.testing.assert_array_equal(found.left, [3, -4, 9])
        np.testing.assert_array_equal(found.low, [1, 11, -3])
        for name, margin in (("data", 0), ("spline", MARGIN)):
            wanted = sum(
                factor * _drawn(getattr(s, name), s.left - margin, s.low - margin) for s, factor in parts
            )
            sums = _drawn(getattr(found, name), found.left - margin, found.low - margin)
            np.testing.assert_allclose(sums, wanted, atol=2e-6)
    single = merged([(one, 3.0)])
    assert single is not None
    np.testing.assert_allclose(_framed(single), 3.0 * _framed(one), rtol=1e-6)
    np.testing.assert_allclose(single.spline, 3.0 * one.spline, rtol=1e-6)
    assert merged([]) is None


@pytest.mark.parametrize(("height", "width"), [(5, 5), (3, 6), (6, 3)])
def test_the_gram_matrix_is_that_of_the_frames_with_the_signal(height: int, width: int) -> None:
    """Stamps inside, over each edge and each corner, and outside of the frame; some pixels do not count."""
    rng = np.random.default_rng(2)
    left = [6, -2, 16, 8, 7, -1, 17, 30, 6, -9, 5, 4]
    low = [5, 6, 7, -1, 14, -2, 15, 5, -30, 4, 25, 6]
    cube = rng.normal(size=(len(left), *_SHAPE)).astype(np.float32)
    mask = (rng.uniform(size=_SHAPE) > 0.3).astype(np.float32)
    mask[0, 0] = mask[-1, -1] = mask[0, 8:11] = mask[-1, 7:10] = 1.0
    signal = _stamps(rng, left, low, height, width)
    found = gram_change(sequence(cube, np.zeros(_SHAPE, np.float32)), mask, signal)
    for factor in (1.0, -2.5):
        before, after = (cube.astype(np.float64) * mask, (cube + factor * _framed(signal)) * mask)
        flat, full = before.reshape(len(cube), -1), after.reshape(len(cube), -1)
        np.testing.assert_allclose(found.times(factor), full @ full.T - flat @ flat.T, atol=5e-4)


@pytest.mark.parametrize("centre", [(9, 8), (3, 8), (15, 8), (9, 3), (9, 13), (3, 3), (15, 13)])
def test_a_patch_is_a_cutout_of_the_derotated_frames(centre: tuple[int, int]) -> None:
    """With frames mixed, a signal added first and an image taken away after."""
    rng = np.random.default_rng(3)
    angles = np.array([0.0, 20.0, -50.0, 100.0, 180.0, 250.0])
    cube = rng.normal(size=(6, *_SHAPE)).astype(np.float32)
    signal = _of_the_frame(_stamps(rng, [6, 2, 11, 8, 7, -1], [5, 6, 7, -2, 10, 12], 3, 4))
    mixing = rng.normal(size=(6, 6)).astype(np.float32)
    model = np.zeros(_SHAPE, np.float32)
    model[5:9, 6:12] = rng.normal(size=(4, 6))
    cut = model[4:10, 4:13]
    removed = (coefficients(np.pad(cut, 8)[None])[0], 4 - 8, 4 - 8)
    x, y, half = *centre, 2
    sequenced = sequence(cube, np.zeros(_SHAPE, np.float32))
    injected = cube + _framed(signal)
    mixed = np.tensordot(mixing, injected, axes=1)
    for options, frames in (
        ({}, cube),
        ({"signal": signal}, injected),
        ({"signal": signal, "mixing": mixing}, mixed),
        ({"signal": signal, "mixing": mixing, "removed": removed}, mixed - model),
    ):
        found = derotated_patch(sequenced, angles, (x, y, half), **options)
        wanted = derotate(frames.astype(np.float32), angles)[:, y - 2 : y + 3, x - 2 : x + 3]
        np.testing.assert_allclose(found, wanted, atol=0.02)
