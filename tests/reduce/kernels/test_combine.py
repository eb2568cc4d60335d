import numpy as np
import pytest

from reduce.kernels.combine import combine, temporal_mean, temporal_median


@pytest.mark.parametrize("frames", [1, 2, 3, 7, 16, 33, 48])
def test_the_median_is_numpys_bit_by_bit(frames: int) -> None:
    cube = np.random.default_rng(frames).normal(size=(frames, 13, 29)).astype(np.float32)
    assert np.array_equal(temporal_median(cube), np.median(cube, axis=0))


@pytest.mark.parametrize("frames", [1, 2, 5, 12])
def test_with_gaps_it_is_numpys_nanmedian(frames: int) -> None:
    rng = np.random.default_rng(frames)
    cube = rng.normal(size=(frames, 17, 300)).astype(np.float32)
    cube[rng.random(cube.shape) < 0.2] = np.nan
    cube[0] = 1.5  # at least one value everywhere, so that numpy does not warn
    assert np.array_equal(temporal_median(cube), np.nanmedian(cube, axis=0))


def test_a_pixel_that_never_has_data_stays_empty() -> None:
    cube = np.ones((4, 2, 2), np.float32)
    cube[:, 0, 1] = np.nan
    for how in ("median", "mean"):
        image = combine(cube, how)
        assert np.isnan(image[0, 1])
        assert image[0, 0] == 1.0


def test_the_mean_leaves_gaps_out() -> None:
    cube = np.array([[[1.0, 4.0]], [[3.0, np.nan]]], np.float32)
    assert temporal_mean(cube).tolist() == [[2.0, 4.0]]


def test_the_mean_of_whole_data_is_the_mean() -> None:
    cube = np.random.default_rng(0).normal(size=(9, 5, 5)).astype(np.float32)
    assert np.allclose(temporal_mean(cube), cube.astype(np.float64).mean(axis=0), atol=1e-7)


def test_other_combinations_are_refused() -> None:
    with pytest.raises(ValueError, match="'sum'"):
        combine(np.zeros((2, 2, 2), np.float32), "sum")
