import numpy as np

from reduce.kernels.cadi import cadi_residual, reduce_cadi
from reduce.kernels.combine import temporal_median
from tests.reduce.kernels.planted import speckle_sequence, track


def test_still_light_vanishes_wholly() -> None:
    still = np.broadcast_to(speckle_sequence(np.random.default_rng(1), 1, 31), (8, 31, 31))
    assert not cadi_residual(still).any()


def test_without_rotation_it_is_the_plain_median_of_the_residual() -> None:
    cube = speckle_sequence(np.random.default_rng(2), 9, 31)
    image = reduce_cadi(cube, np.zeros(9)).image
    assert np.max(np.abs(image - temporal_median(cadi_residual(cube)))) <= 1e-4


def test_a_planet_far_out_survives_at_its_place() -> None:
    angles = np.linspace(0.0, 60.0, 20)
    cube = (100.0 * track(61, 24.0, 130.0, angles)).astype(np.float32)
    image = reduce_cadi(cube, angles).image
    row, column = np.unravel_index(int(np.nanargmax(image)), image.shape)
    assert (
        np.hypot(column - (30 - 24 * np.sin(np.radians(130))), row - (30 + 24 * np.cos(np.radians(130))))
        < 0.8
    )
    assert np.nanmax(image) > 80.0


def test_with_the_wrong_sign_of_the_angles_it_is_smeared_away() -> None:
    angles = np.linspace(0.0, 60.0, 20)
    cube = (100.0 * track(61, 24.0, 130.0, angles)).astype(np.float32)
    assert np.nanmax(reduce_cadi(cube, -angles).image) < 30.0
