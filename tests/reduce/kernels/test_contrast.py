from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy import stats

from reduce.kernels.aperture import aperture_flux
from reduce.kernels.asdi import reduce_asdi
from reduce.kernels.channels import Algorithm, Channel, channel_weights, reduce_without, stack
from reduce.kernels.components import choose_components, component_grid
from reduce.kernels.contrast import contrast_curve, noise_at, threshold_flux, throughput_at
from reduce.kernels.fit import Scene
from reduce.kernels.inject import Companion, prepare_psf
from reduce.kernels.joint import JointChannel, join
from reduce.kernels.pca import reduce_pca
from reduce.kernels.plain import plain_adi
from reduce.kernels.reduction import Reduction
from reduce.kernels.snr import prepare_rings, ring_noise, significance
from reduce.kernels.threads import limited
from tests.reduce.kernels.planted import FWHM, airy, airy_flux, sky_pixel, speckle_sequence, track

_SIZE = 81
_ANGLES = np.linspace(20.0, 75.0, 16)
_STAR = 1e6


def _channel(seed: int, factor: float = 1.0) -> Channel:
    y, x = np.mgrid[-14:15, -14:15]
    psf = prepare_psf(airy(x, y) / airy_flux())
    cube = speckle_sequence(np.random.default_rng(seed), 16, _SIZE) * np.float32(factor)
    return Channel(cube, _ANGLES, psf, FWHM, _STAR)


def _scene(algorithm: Algorithm, *channels: Channel) -> Scene:
    reductions = reduce_without(channels, (), algorithm)
    return Scene(channels, reductions, channel_weights(channels, reductions))


def _pca(components: int) -> Algorithm:
    return lambda one: reduce_pca(one.cube, one.angles_deg, components)


def test_five_sigma_means_the_false_positive_fraction_of_a_gaussian() -> None:
    for count in (5.0, 11.0, 60.0):
        t = threshold_flux(2.0, count) / (2.0 * np.sqrt(1 + 1 / count))
        assert stats.t.sf(t, count - 1) == pytest.approx(2.867e-7, rel=1e-3)
    assert np.isnan(threshold_flux(1.0, 1.0))


def test_noise_on_a_ring_is_the_deviation_of_apertures() -> None:
    image = np.random.default_rng(1).normal(size=(_SIZE, _SIZE))
    deviation, count = noise_at(prepare_rings(image, FWHM), 20.0)
    assert deviation == pytest.approx(np.sqrt(np.pi * FWHM**2 / 4), rel=0.15)  # white: root of the area
    assert count == 30


@pytest.mark.parametrize("name", ["cadi", "pca"])
def test_throughput_is_that_of_planted_sources(name: str) -> None:
    """Against companions planted by other code into the whole cube, at 3 FWHM and beyond."""
    algorithm = plain_adi if name == "cadi" else _pca(3)
    channel = _channel(3)
    scene = _scene(algorithm, channel)
    for radius in (12.0, 20.0):
        deviation, count = noise_at(prepare_rings(scene.image, FWHM), radius)
        wanted = threshold_flux(deviation, count)
        ours = throughput_at(scene, 0, (radius, np.radians([70.0])), wanted, 0.5).own
        flux = wanted / ours
        planted = track(_SIZE, radius, 70.0, _ANGLES) * flux / airy_flux()
        there = algorithm(replace(channel, cube=(channel.cube + planted).astype(np.float32))).image
        x, y = sky_pixel(_SIZE, radius, 70.0)
        truth = aperture_flux(there - scene.reductions[0].image, FWHM, x, y) / flux
        assert ours == pytest.approx(truth, rel=3e-3)


def test_throughput_does_not_depend_on_the_level_when_it_is_low() -> None:
    scene = _scene(_pca(3), _channel(4))
    deviation, _ = noise_at(prepare_rings(scene.image, FWHM), 20.0)
    low, high = (
        throughput_at(scene, 0, (20.0, np.radians([200.0])), level * deviation, 0.5).own
        for level in (2.0, 4.0)
    )
    assert low == pytest.approx(high, rel=0.03)


def test_too_bright_injections_would_say_less_near_the_star() -> None:
    """What the curve must not do: at 100 sigma the companion makes its own components."""
    scene = _scene(_pca(3), _channel(5))
    deviation, _ = noise_at(prepare_rings(scene.image, FWHM), 10.0)
    modest = throughput_at(scene, 0, (10.0, np.radians([30.0])), 5 * deviation, 0.5).own
    bright = 100 * deviation / modest
    stamps = scene.stamps(0, *sky_pixel(_SIZE, 10.0, 30.0))
    x, y = (round(v) for v in sky_pixel(_SIZE, 10.0, 30.0))
    reduction = scene.reductions[0]
    change = reduction.patch([(stamps, bright)], x, y, 5) - reduction.patch([], x, y, 5)
    place = sky_pixel(_SIZE, 10.0, 30.0)
    measured = aperture_flux(change, FWHM, place[0] - x + 5, place[1] - y + 5) / bright
    assert measured < 0.8 * modest


@pytest.mark.parametrize("channel", [0, -1])
@pytest.mark.parametrize("name", ["cadi", "pca"])
def test_companions_injected_at_the_curve_have_a_significance_of_five(name: str, channel: int) -> None:
    """Median 5 +- 0.1, half of them above 5 +- 10 %; of a channel and of the stack of two."""
    reached = [z for seed in range(6, 18) for z in _reached(name, seed, [12.0, 18.0, 25.0], channel)]
    assert np.median(reached) == pytest.approx(5.0, abs=0.1)
    assert np.mean(np.array(reached) > 5) == pytest.approx(0.5, abs=0.1)


def _reached(name: str, seed: int, radii: list[float], channel: int) -> list[float]:
    """Significances of companions injected at the curve of one night, all around the star."""
    nights = [seed] if channel == 0 else [seed, seed + 100]
    scene = _scene(plain_adi if name == "cadi" else _pca(3), *(_channel(n) for n in nights))
    rings = prepare_rings(scene.image, FWHM)
    reached = []
    for point in (p for p in contrast_curve(scene, radii) if p.channel == channel):
        for azimuth in np.arange(0.0, 360.0, 12.0):
            x, y = sky_pixel(_SIZE, point.radius, azimuth)
            ix, iy = round(x), round(y)
            parts = scene.parts(Companion(x, y, (point.contrast * _STAR,) * len(nights)))
            patches = [r.patch(p, ix, iy, 5) for r, p in zip(scene.reductions, parts, strict=True)]
            count, mean, deviation = ring_noise(rings, x, y)
            flux = aperture_flux(stack(patches, scene.weights), FWHM, x - ix + 5, y - iy + 5)
            reached.append(
                float(significance((flux - mean) / (deviation * np.sqrt(1 + 1 / count)), count - 1))
            )
    return reached


def test_curve_of_the_stack_goes_deeper_than_its_channels_and_falls_outwards() -> None:
    scene = _scene(plain_adi, _channel(8), _channel(9))
    points = contrast_curve(scene, [10.0, 20.0, 30.0])
    assert [p.channel for p in points] == [0, 0, 0, 1, 1, 1, -1, -1, -1]
    first, second, stacked = (np.array([p.contrast for p in points[k : k + 3]]) for k in (0, 3, 6))
    assert (stacked < np.maximum(first, second)).all()
    assert (np.diff(stacked) < 0).all()
    assert all(0.2 < p.throughput < 1.05 for p in points)
    assert [p.dof for p in points[:3]] == [13, 29, 45]


def test_companions_are_neither_noise_nor_injected_upon() -> None:
    channel = _channel(10)
    x, y = sky_pixel(_SIZE, 20.0, 100.0)
    bright = Channel(
        (channel.cube + 400 * track(_SIZE, 20.0, 100.0, _ANGLES)).astype(np.float32),
        channel.angles_deg,
        channel.psf,
        FWHM,
        _STAR,
    )
    scene, spoiled = _scene(plain_adi, channel), _scene(plain_adi, bright)
    clean = contrast_curve(scene, [20.0])[0].contrast
    assert contrast_curve(spoiled, [20.0])[0].contrast > 2 * clean
    masked = contrast_curve(spoiled, [20.0], [Companion(x, y, (1.0,))])[0].contrast
    assert masked < 0.7 * contrast_curve(spoiled, [20.0])[0].contrast


def test_with_one_star_flux_unknown_the_others_still_have_a_curve() -> None:
    known, unknown = _channel(11), _channel(12)
    unknown = Channel(unknown.cube, unknown.angles_deg, unknown.psf, FWHM, float("nan"))
    points = contrast_curve(_scene(plain_adi, known, unknown), [20.0])
    assert np.isfinite(points[0].contrast)
    assert np.isnan(points[1].contrast)
    assert np.isnan(points[2].contrast)


def test_the_number_of_components_that_reaches_deepest_is_taken() -> None:
    """Speckles of two modes: fewer leave them, many more eat companions."""
    rng = np.random.default_rng(13)
    patterns = speckle_sequence(rng, 2, _SIZE, fast=3.0)
    patterns -= patterns.mean(axis=(1, 2), keepdims=True)
    times = rng.normal(size=(16, 2))
    cube = np.tensordot(times, patterns, axes=1) + rng.normal(size=(16, _SIZE, _SIZE))
    channel = Channel(cube.astype(np.float32), _ANGLES, _channel(0).psf, FWHM, _STAR)
    reduced = partial(reduce_pca, channel.cube, _ANGLES)
    choice = choose_components(channel, reduced, (1, 2, 3, 5), (6.0, 36.0))
    assert choice.best == 2
    assert choice.depth[0] > choice.depth[1] < choice.depth[3]


@pytest.mark.parametrize("frames", [3, 8, 48, 200])
def test_the_grid_grows_to_a_third_of_the_frames(frames: int) -> None:
    grid = component_grid(frames)
    assert grid[0] == 1
    assert grid[-1] == max(1, frames // 3)
    assert list(grid) == sorted(set(grid))


def test_a_curve_is_the_same_on_any_number_of_threads() -> None:
    """Of a channel alone, and of channels reduced as one, which keep what they worked out of a companion."""
    one, two = _channel(5), _channel(6)
    joint = join([replace(one, wavelength_um=1.6), replace(two, wavelength_um=1.7)])
    for channel, algorithm in ((one, _pca(3)), (joint, partial(_asdi, components=3))):
        made = []
        for many in (1, 3):
            with limited(many):
                made.append(contrast_curve(_scene(algorithm, channel), [16.0, 24.0], branches=7))
        assert made[0] == made[1]
        assert all(np.isfinite(point.throughput) for point in made[0])


def _asdi(channel: Channel, components: int) -> Reduction:
    assert isinstance(channel, JointChannel)
    return reduce_asdi(channel, components)


def test_the_stack_of_one_channel_is_that_channel() -> None:
    made = contrast_curve(_scene(_pca(3), _channel(7)), [12.0, 20.0])
    assert [point.channel for point in made] == [0, 0, -1, -1]
    assert [replace(point, channel=-1) for point in made[:2]] == made[2:]
