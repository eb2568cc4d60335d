"""Shapes of a thermal background against the formulas they stand for."""

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from reduce.kernels.background import BLOCK_PX
from reduce.kernels.background_shapes import Halo, cosines, enlarging, halo, middles, rings, round_about

_B = BLOCK_PX


def test_middles_of_blocks() -> None:
    y, x = middles((2 * _B + 3, 3 * _B))
    np.testing.assert_array_equal(y, [[(_B - 1) / 2], [_B + (_B - 1) / 2]])
    np.testing.assert_array_equal(x, [[(_B - 1) / 2 + k * _B for k in range(3)]])


def test_cosines_are_all_waves_down_to_a_scale() -> None:
    shape = (6 * _B, 8 * _B)
    made, number = cosines(shape, 2.1 * _B)
    y, x = (middle + 0.5 for middle in middles(shape))
    wanted = {
        (i, j): np.cos(np.pi * i * y / shape[0]) * np.cos(np.pi * j * x / shape[1])
        for i in range(20)
        for j in range(20)
        if np.hypot(i / shape[0], j / shape[1]) <= 1 / (2.1 * _B)
    }
    assert len(made) == len(number) == len(wanted) == 11
    for (i, j), field, wave in zip(wanted, made, number, strict=True):
        np.testing.assert_allclose(field, wanted[i, j] / np.sqrt((wanted[i, j] ** 2).mean()), atol=1e-12)
        assert wave == pytest.approx(np.pi * np.hypot(i / shape[0], j / shape[1]))
    np.testing.assert_allclose(made[0], 1.0)
    assert cosines((6 * _B + 5, 8 * _B + 9), 2.1 * _B)[0].shape[1:] == (6, 8)
    np.testing.assert_allclose(
        np.einsum("ayx,byx->ab", made, made) / made[0].size, np.eye(len(made)), atol=1e-12
    )


def test_the_halo_falls_by_its_powers_and_wind_makes_it_oval() -> None:
    y, x = np.array([[0.0], [30.0], [60.0]]), np.array([[0.0, 30.0, 60.0]])
    found = halo(y, x)
    assert found.shape == (len(Halo), 3, 3)
    np.testing.assert_allclose(found[:3, 0, 1], 1.0)
    np.testing.assert_allclose(found[:3, 1, 0], 1.0)
    powers = np.array([11 / 3, 11 / 3 + 8, 2.0])
    np.testing.assert_allclose(found[:3, 2, 0], 2.0**-powers)
    np.testing.assert_allclose(found[:3, 0, 0], 30.0**powers)  # no nearer than 1
    oval = found[[Halo.WIND_COS, Halo.WIND_SIN]] / found[Halo.KOLMOGOROV]
    np.testing.assert_allclose(oval[:, 0, 1], [1.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(oval[:, 1, 0], [-1.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(oval[:, 1, 1], [0.0, 1.0], atol=1e-12)
    assert halo(-y, x)[Halo.WIND_SIN, 1, 1] == pytest.approx(-found[Halo.WIND_SIN, 1, 1])
    assert (Halo.EDGE, Halo.STATIC) == (1, 2)


def test_rings_overlap_to_one_and_within_the_first_nothing_changes() -> None:
    r = np.array([[5.0, 10.0, 12.0, 17.5, 20.0, 30.0, 35.0, 40.0, 45.0]])
    found = rings(r, 10.0, 35.0, 10.0)[:, 0]
    np.testing.assert_allclose(found[0], [1.0, 1.0, 0.8, 0.25, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(found[1], [0, 0, 0.2, 0.75, 1, 0, 0, 0, 0])
    np.testing.assert_allclose(found[2], [0, 0, 0, 0, 0, 1, 0.5, 0, 0])
    assert len(found) == 3


def test_what_is_round_about_is_told_from_a_surface() -> None:
    y, x = np.mgrid[:40, :44] * 1.0
    r = np.hypot(y - 18.3, x - 20.1)
    surface = 50.0 + 0.3 * x - 0.2 * y + 0.01 * x * y - 0.02 * x**2 + 0.03 * y**2
    used = np.random.default_rng(1).random(r.shape) < 0.8
    light = np.where(used, surface, 1e6)
    np.testing.assert_allclose(round_about(light, used, r), 0.0, atol=1e-8)
    np.testing.assert_array_equal(round_about(light, np.zeros_like(used), r), 0.0)
    ring = 100.0 * np.cos(r / 4.0)
    design = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y])[:, used]
    rest = ring[used] - np.linalg.lstsq(design.T, ring[used], rcond=None)[0] @ design
    number = np.floor(r[used] / 8.0)
    seen = np.unique(number)
    profile = [rest[number == k].mean() for k in seen]
    wanted = np.interp(r, 8.0 * seen + 4.0, profile)
    np.testing.assert_allclose(round_about(np.where(used, surface + ring, 0.0), used, r), wanted, atol=1e-6)


def test_a_cubic_is_enlarged_exactly() -> None:
    side = 6 * _B + 5
    middle = (np.arange(6) + 0.5) * _B - 0.5
    place = np.arange(side)
    inside = np.clip(place, middle[0], middle[-1])
    whole = enlarging(side, slice(0, side))
    assert whole.shape == (side, 6)
    assert whole.dtype == np.float32
    for power in range(4):
        wanted = (inside / side) ** power
        np.testing.assert_allclose(whole @ (middle / side) ** power, wanted, atol=2e-6)
    np.testing.assert_array_equal(enlarging(side, slice(20, 50)), whole[20:50])
    values = np.random.default_rng(2).normal(size=6)
    np.testing.assert_allclose(whole @ values, CubicSpline(middle, values)(inside), atol=1e-5)
