"""Median and mean over time against numpy's, for every small number of frames and every gap."""

import numpy as np
import pytest

from reduce.kernels.combine import combine, temporal_mean, temporal_median


@pytest.mark.parametrize("frames", [*range(1, 14), 16, 17, 31])
def test_the_median_is_numpys(frames: int) -> None:
    cube = np.random.default_rng(frames).normal(size=(frames, 3, 7)).astype(np.float32)
    np.testing.assert_array_equal(temporal_median(cube), np.median(cube, axis=0))


@pytest.mark.parametrize("frames", [1, 2, 5, 6])
def test_gaps_are_left_out_pixel_by_pixel(frames: int) -> None:
    rng = np.random.default_rng(frames)
    cube = rng.normal(size=(frames, 4, 9)).astype(np.float32)
    cube[rng.uniform(size=cube.shape) < 0.3] = np.nan
    cube[:, 2, 3] = np.nan
    cube[0, 0] = 5.0
    wanted = np.full((4, 9), np.nan, np.float32)
    for place in np.ndindex(4, 9):
        values = cube[:, *place]
        if np.isfinite(values).any():
            wanted[place] = np.median(values[np.isfinite(values)])
    np.testing.assert_array_equal(temporal_median(cube), wanted)
    mean = np.where(
        np.isnan(wanted), np.nan, np.nansum(cube, axis=0) / np.maximum(np.isfinite(cube).sum(0), 1)
    )
    np.testing.assert_allclose(temporal_mean(cube), mean, rtol=1e-6)


def test_wide_frames_are_done_block_by_block() -> None:
    cube = np.random.default_rng(3).normal(size=(3, 2, 300)).astype(np.float32)
    cube[1, 0, 255:258] = np.nan
    np.testing.assert_array_equal(temporal_median(cube), np.nanmedian(cube, axis=0))


@pytest.mark.parametrize("frames", [3, 4, 7])
def test_signs_nothing_and_infinity_have_their_places(frames: int) -> None:
    kinds = np.array([-np.inf, -3e38, -1.0, -1e-45, -0.0, 0.0, 1e-45, 2.0, 3e38, np.inf], np.float32)
    cube = np.random.default_rng(frames).choice(kinds, size=(frames, 40, 40))
    with np.errstate(invalid="ignore", over="ignore"):
        np.testing.assert_array_equal(temporal_median(cube), np.median(cube, axis=0))


def test_a_mean_is_taken_in_double_precision() -> None:
    cube = np.full((3, 1, 2), 1.0, np.float32)
    cube[0] = 2.0**25
    cube[1, 0, 1] = np.nan
    assert temporal_mean(cube)[0, 0] == np.float32((2.0**25 + 2.0) / 3.0)
    assert temporal_mean(cube)[0, 1] == np.float32((2.0**25 + 1.0) / 2.0)
    assert temporal_mean(cube[..., :1])[0, 0] == np.float32((2.0**25 + 2.0) / 3.0)


def test_an_infinite_value_is_no_data_for_the_mean() -> None:
    cube = np.array([[[1.0, np.inf]], [[3.0, 4.0]]], np.float32)
    np.testing.assert_array_equal(temporal_mean(cube), [[2.0, 4.0]])


def test_the_way_is_named() -> None:
    cube = np.array([[[1.0]], [[2.0]], [[6.0]]], np.float32)
    assert combine(cube, "median")[0, 0] == 2.0
    assert combine(cube, "mean")[0, 0] == 3.0
    assert temporal_median(cube).dtype == temporal_mean(cube).dtype == np.float32
    with pytest.raises(ValueError, match="'mode', wanted 'median' or 'mean'"):
        combine(cube, "mode")


def test_the_cube_is_left_alone() -> None:
    cube = np.random.default_rng(4).normal(size=(5, 2, 2)).astype(np.float32)
    before = cube.copy()
    temporal_median(cube)
    np.testing.assert_array_equal(cube, before)
