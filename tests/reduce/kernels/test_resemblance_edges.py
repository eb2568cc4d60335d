"""Likeness of frames: what does not count for it."""

import numpy as np
import pytest

from reduce.kernels.resemblance import most_alike, resemblance

_MASK = np.zeros((7, 9), bool)
_MASK[1:6, 2:8] = True


def _frames(seed: int, number: int) -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).normal(size=(number, 7, 9)) + 0.5 * np.indices((7, 9))[0])


@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e6])
def test_brightness_and_background_do_not_count(factor: float) -> None:
    cube, references = _frames(1, 3), _frames(2, 4)
    wanted = [np.mean([np.corrcoef(f[_MASK], r[_MASK])[0, 1] for f in cube]) for r in references]
    found = resemblance(factor * cube, 1e-3 * factor * references + 5 * factor, _MASK)
    np.testing.assert_allclose(found, wanted, atol=1e-9)


def test_a_frame_is_like_itself_and_its_negative_is_not() -> None:
    frame = _frames(3, 1)
    found = resemblance(frame, np.concatenate([frame, -frame, 7 - 2 * frame]), _MASK)
    np.testing.assert_allclose(found, [1.0, -1.0, -1.0], atol=1e-9)


def test_pixels_outside_the_mask_do_not_count() -> None:
    cube, references = _frames(4, 2), _frames(5, 3)
    before = resemblance(cube, references, _MASK)
    cube[:, ~_MASK], references[:, ~_MASK] = 1e9, -1e9
    np.testing.assert_allclose(resemblance(cube, references, _MASK), before, atol=1e-12)


def test_none_wanted_none_kept() -> None:
    assert most_alike(np.array([0.3, -0.2]), 0).size == 0
    assert most_alike(np.array([-0.5, -0.2, -0.9]), 2).tolist() == [1, 0]
