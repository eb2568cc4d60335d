import numpy as np

from reduce.kernels.cadi import cadi_residual, reduce_cadi
from reduce.kernels.combine import temporal_median
from reduce.kernels.derotate import derotate
from tests.reduce.kernels.planted import speckle_sequence, track


def test_still_light_vanishes_wholly() -> None:
    still = np.broadcast_to(speckle_sequence(np.random.default_rng(1), 1, 31), (8, 31, 31))
    assert not cadi_residual(still).any()


def test_without_rotation_derotating_and_combining_is_the_plain_median() -> None:
    cube = speckle_sequence(np.random.default_rng(2), 9, 31)
    image = temporal_median(derotate(cube, np.zeros(9)))
    assert np.max(np.abs(image - np.median(cube, axis=0))) <= 1e-6 * np.abs(cube).max()


def test_mirrored_angles_give_the_mirrored_image() -> None:
    cube, angles = speckle_sequence(np.random.default_rng(3), 12, 41), np.linspace(-10.0, 35.0, 12)
    image = reduce_cadi(cube, angles).image
    mirrored = reduce_cadi(cube[:, :, ::-1].copy(), -angles).image[:, ::-1]
    assert np.nanmax(np.abs(image - mirrored)) <= 1e-6 * np.nanmax(np.abs(image))


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
