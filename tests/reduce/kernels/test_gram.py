"""Products of frames with a signal in them, against those of whole frames."""

import numpy as np
import pytest

from reduce.kernels import gram
from reduce.kernels.gram import GramChange, gram_change
from reduce.kernels.inject import Stamps
from reduce.kernels.reduction import sequence

_SHAPE = (23, 29)


def _signal(rng: np.random.Generator, left: list[int], low: list[int]) -> tuple[Stamps, np.ndarray]:
    """Stamps of 5 x 7 pixels, and the frames they make."""
    data = rng.uniform(1.0, 2.0, size=(len(left), 5, 7)).astype(np.float32)
    wide = np.zeros((len(left), 83, 89))
    for frame, stamp, x, y in zip(wide, data, left, low, strict=True):
        frame[y + 30 : y + 35, x + 30 : x + 37] = stamp
    return Stamps(data, np.array(left), np.array(low), data), wide[:, 30:53, 30:59]


@pytest.mark.parametrize("tile", [4, 6, 10, 48])
def test_tiles_of_any_size_give_the_products_of_whole_frames(
    monkeypatch: pytest.MonkeyPatch, tile: int
) -> None:
    """Stamps within tiles, over their borders and the frame's, and outside; some pixels do not count."""
    monkeypatch.setattr(gram, "_TILE", tile)
    rng = np.random.default_rng(1)
    left, low = [-3, 4, 11, 18, 25, 10, -20, 22], [8, 8, 9, -2, 20, 14, 3, 40]
    signal, framed = _signal(rng, left, low)
    cube = rng.normal(size=(len(left), *_SHAPE)).astype(np.float32)
    mask = (rng.uniform(size=_SHAPE) > 0.2).astype(np.float32)
    found = gram_change(sequence(cube, np.zeros(_SHAPE, np.float32)), mask, signal)
    values, own = ((c * mask).reshape(len(left), -1) for c in (cube.astype(np.float64), framed))
    np.testing.assert_allclose(found.cross, values @ own.T + own @ values.T, atol=2e-4)
    np.testing.assert_allclose(found.own, own @ own.T, atol=2e-4)


def test_a_signal_outside_the_frames_changes_nothing() -> None:
    rng = np.random.default_rng(2)
    signal, _ = _signal(rng, [40, 45], [3, 5])
    cube = rng.normal(size=(2, *_SHAPE)).astype(np.float32)
    found = gram_change(sequence(cube, np.zeros(_SHAPE, np.float32)), np.ones(_SHAPE, np.float32), signal)
    assert not found.cross.any()
    assert not found.own.any()


def test_the_signal_counts_once_with_the_data_and_squared_with_itself() -> None:
    change = GramChange(np.full((2, 2), 3.0), np.full((2, 2), 5.0))
    np.testing.assert_array_equal(change.times(-2.0), np.full((2, 2), -6.0 + 20.0))
