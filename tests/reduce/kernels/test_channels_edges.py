"""Robust noise, ring by ring, and the weights of a stack, against plain sums."""

from dataclasses import replace

import numpy as np
import pytest

from reduce.kernels.channels import (
    Channel,
    channel_weights,
    noise_level,
    radial_noise,
    reduce_without,
    stack,
)
from reduce.kernels.inject import Companion, inject, prepare_psf
from reduce.kernels.reduction import WholeReduction

_ANGLES = np.array([0.0, 20.0, 50.0])


def _channel(seed: int, star_flux: float = 1e5, shape: tuple[int, int] = (21, 21)) -> Channel:
    rng = np.random.default_rng(seed)
    size = np.arange(9) - 4.0
    psf = prepare_psf(np.exp(-(size[None] ** 2 + size[:, None] ** 2) / 4.0))
    return Channel(rng.normal(size=(3, *shape)).astype(np.float32) * seed, _ANGLES, psf, 3.5, star_flux)


def _plain(channel: Channel) -> WholeReduction:
    return WholeReduction(channel.cube, channel.angles_deg, lambda c, _: c, "mean")


def _mad(values: np.ndarray) -> float:
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def test_the_star_stands_on_the_middle_pixel() -> None:
    assert _channel(1, shape=(21, 31)).centre == (15.0, 10.0)


def test_noise_is_the_robust_deviation_of_what_is_there() -> None:
    image = np.random.default_rng(1).normal(3.0, 2.0, size=(9, 11))
    image[2, 3] = np.nan
    image[4, 4] = 1e6
    there = image[np.isfinite(image)]
    assert noise_level(image) == pytest.approx(_mad(there))
    part = np.zeros(image.shape, bool)
    part[1:5, 2:6] = True
    assert noise_level(image, part) == pytest.approx(_mad(image[part & np.isfinite(image)]))
    assert np.isnan(noise_level(np.full((3, 3), np.nan)))
    assert np.isnan(noise_level(image, np.zeros(image.shape, bool)))


@pytest.mark.parametrize("width", [0.7, 1.6, 3.3])
def test_each_ring_has_its_own_noise(width: float) -> None:
    y, x = np.indices((19, 19)) - 9.0
    radius = np.hypot(x, y)
    image = np.random.default_rng(2).normal(size=(19, 19)) * (1.0 + radius)
    image[3, 3] = np.nan
    found = radial_noise(image, width)
    assert found.shape == (10,)
    for r, value in enumerate(found):
        ring = (np.abs(radius - r) < width) & np.isfinite(image)
        assert value == pytest.approx(_mad(image[ring]))


def test_a_channel_weighs_by_its_star_over_its_variance() -> None:
    channels = [_channel(1, 2e5), _channel(2, 1e5), _channel(3, 4e5)]
    reductions = [_plain(c) for c in channels]
    noise = np.array([_mad(r.image[np.isfinite(r.image)]) for r in reductions])
    wanted = np.array([2.0, 1.0, 4.0]) / noise**2
    found = channel_weights(channels, reductions)
    np.testing.assert_allclose(found, wanted / wanted.sum(), rtol=1e-6)  # images are float32
    channels[1] = _channel(2, np.nan)
    even = 1.0 / noise**2
    np.testing.assert_allclose(channel_weights(channels, reductions), even / even.sum(), rtol=1e-6)


def test_the_stack_is_the_weighted_mean_where_all_have_data() -> None:
    images = np.random.default_rng(3).normal(size=(2, 4, 5)).astype(np.float32)
    images[1, 2, 3] = np.nan
    found = stack(list(images), np.array([0.25, 0.75]))
    np.testing.assert_allclose(found, 0.25 * images[0] + 0.75 * images[1], rtol=1e-6)
    assert found.dtype == np.float32
    assert np.isnan(found[2, 3])


def test_companions_are_taken_out_before_the_reduction() -> None:
    channels = [_channel(1), _channel(2)]
    companions = [Companion(12.0, 8.0, (50.0, 20.0)), Companion(6.3, 11.0, (-5.0, 30.0))]
    found = reduce_without(channels, companions, _plain)
    for number, (channel, reduction) in enumerate(zip(channels, found, strict=True)):
        sources = [(c.x, c.y, -c.flux[number]) for c in companions]
        cube = inject(channel.cube, _ANGLES, channel.psf, sources)
        np.testing.assert_array_equal(reduction.image, _plain(replace(channel, cube=cube)).image)
    untouched = reduce_without(channels, (), _plain)
    np.testing.assert_array_equal(untouched[1].image, _plain(channels[1]).image)


@pytest.mark.parametrize("dead", [0.0, np.nan])
def test_a_channel_without_noise_has_no_weight_but_an_error(dead: float) -> None:
    other = _channel(2)
    channels = [_channel(1), replace(other, cube=np.full_like(other.cube, dead))]
    reductions = [_plain(one) for one in channels]
    with pytest.raises(
        ValueError, match=rf"channel 2 of 2: the noise .* is {dead:g}, wanted more than 0; give"
    ):
        channel_weights(channels, reductions)


def test_the_mirrored_channel_turns_the_other_way_while_a_frame_is_taken_too() -> None:
    psf = prepare_psf(np.ones((3, 3)) / 9)
    still = Channel(np.zeros((2, 5, 5), np.float32), np.array([10.0, -20.0]), psf, 2.0, 1.0)
    assert still.mirrored().smear_deg is None
    turned = replace(still, smear_deg=np.array([3.0, -4.0])).mirrored()
    assert turned.smear_deg is not None
    np.testing.assert_array_equal(turned.smear_deg, [-3.0, 4.0])
    np.testing.assert_array_equal(turned.angles_deg, [-10.0, 20.0])
