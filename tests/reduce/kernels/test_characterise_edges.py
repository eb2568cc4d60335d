"""Free azimuths, robust spreads against astropy's, and the signs of deviations that were built in."""

import numpy as np
import pytest
from astropy.stats import biweight_scale
from numpy.typing import NDArray
from scipy import ndimage, stats

from reduce.kernels.channels import Channel, reduce_without
from reduce.kernels.characterise import (
    clear_azimuths,
    independent_azimuths,
    injected_deviations,
    spread,
)
from reduce.kernels.fit import Scene, fit_companion, nearby_peak
from reduce.kernels.inject import Companion, inject, prepare_psf
from reduce.kernels.pca import reduce_pca
from reduce.kernels.reduction import WholeReduction


def _along(angles: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    return 20.0 - radius * np.sin(angles), 15.0 + radius * np.cos(angles)


@pytest.mark.parametrize("number", [1, 4, 7, 30])
def test_azimuths_are_even_on_a_free_ring(number: int) -> None:
    angles, places = clear_azimuths((20.0, 15.0), 40.0, 4.0, (), number)
    assert len(angles) == number
    np.testing.assert_allclose(angles, (np.arange(number) + 0.5) * 2 * np.pi / number, atol=np.pi / 720)
    assert places == number
    assert clear_azimuths((20.0, 15.0), 40.0, 4.0, (), 500)[1] == int(2 * np.pi * 40.0 / 4.0)


def test_companions_are_given_two_fwhm() -> None:
    companions = [Companion(20.0, 27.0, (1.0,)), Companion(9.0, 15.0, (1.0,))]  # north and east of (20, 15)
    angles, places = clear_azimuths((20.0, 15.0), 12.0, 3.0, companions, 900)
    x, y = _along(angles, 12.0)
    away = np.min([np.hypot(x - c.x, y - c.y) for c in companions], axis=0)
    assert away.min() > 6.0
    assert away.min() < 6.0 + 12.0 * np.pi / 720 + 1e-9
    grid = np.arange(0.0, 2 * np.pi, np.pi / 720)
    gx, gy = _along(grid, 12.0)
    free = np.all([np.hypot(gx - c.x, gy - c.y) > 6.0 for c in companions], axis=0)
    assert places == int(free.sum() * np.pi / 720 * 12.0 / 3.0)
    assert len(angles) == min(900, free.sum())


def test_a_crowded_ring_has_no_place_and_a_small_one_has_one() -> None:
    ring = zip(*_along(np.arange(0.0, 6.3, 0.5), 8.0), strict=True)
    crowded = [Companion(float(x), float(y), (1.0,)) for x, y in ring]
    angles, places = clear_azimuths((20.0, 15.0), 8.0, 3.0, crowded, 5)
    assert angles.size == places == 0
    assert clear_azimuths((20.0, 15.0), 0.1, 3.0, (), 5)[1] == 1


@pytest.mark.parametrize("wild", [9.0, 20.0, 1e3])
@pytest.mark.parametrize("number", [3, 4, 9, 40])
def test_the_bias_is_a_mean_and_the_error_a_biweight_widened_by_t(number: int, wild: float) -> None:
    values = np.random.default_rng(number).normal(0.4, 2.0, size=number)
    values[-1] = wild
    independent = max(3, number - 2)
    middle, mad = np.median(values), np.median(np.abs(values - np.median(values)))
    found = spread(values, independent)
    assert found.bias == pytest.approx(np.mean(values[np.abs(values - middle) < 9 * mad]))
    scale = biweight_scale(values, c=9.0, M=middle) * np.sqrt(independent / (independent - 1))
    widening = stats.t.isf(stats.norm.sf(1.0), independent - 1) * np.sqrt(1 + 1 / independent)
    assert mad > 0
    assert found.error == pytest.approx(scale * widening)


@pytest.mark.parametrize(
    ("turn_deg", "least", "most"), [(0.0, 13.0, 19.0), (60.0, 5.0, 8.5), (120.0, 3.0, 5.5)]
)
def test_noise_drawn_out_into_arcs_holds_as_many_values_as_arcs(
    turn_deg: float, least: float, most: float
) -> None:
    """White noise seen through a PSF, turned and averaged; without a turn about 1.6 FWHM a value."""
    rng, found = np.random.default_rng(3), []
    for _ in range(8):
        image = ndimage.gaussian_filter(rng.normal(size=(91, 93)), 1.7)
        angles = np.linspace(0.0, turn_deg, 25) if turn_deg else [0.0]
        image = np.mean([ndimage.rotate(image, a, reshape=False, order=1) for a in angles], axis=0)
        found.append(independent_azimuths(image, 4.0, 16.0))
    assert least < np.mean(found) < most


def test_a_ring_without_noise_has_as_many_values_as_samples() -> None:
    flat = np.ones((61, 61))
    assert independent_azimuths(flat, 4.0, 12.0) == np.ceil(2 * np.pi * 12)
    assert independent_azimuths(np.full((61, 61), np.nan), 4.0, 12.0) == np.ceil(2 * np.pi * 12)


def test_a_gap_leaves_the_rest_of_the_ring() -> None:
    image = ndimage.gaussian_filter(np.random.default_rng(4).normal(size=(91, 91)), 1.7)
    whole = independent_azimuths(image, 4.0, 16.0)
    image[45:70, 30:45] = np.nan
    assert independent_azimuths(image, 4.0, 16.0) == pytest.approx(whole, rel=0.35)


def test_errors_on_arcs_are_those_of_few_values() -> None:
    """Pulls of one place against the rest of a ring whose noise lies in arcs of 60 degrees."""
    rng = np.random.default_rng(5)
    pulls: list[float] = []
    naive: list[float] = []
    for _ in range(1500):
        noise = np.convolve(np.tile(rng.normal(size=360), 2), np.ones(60))[60:420] + 5.0
        values = noise[np.arange(16) * 22 + 4]
        for made, independent in ((pulls, 6), (naive, 16)):
            one = spread(values - noise[0], independent)
            made.append(one.bias / one.error)
    assert 0.75 < np.std(pulls) < 1.2  # places beside the tested one lie on its arc
    assert np.std(naive) > 1.15 * np.std(pulls)


def test_the_bias_of_skewed_deviations_is_their_mean() -> None:
    """Those of fluxes among speckles are: what is taken off must be what is off on average."""
    rng = np.random.default_rng(9)
    deviations = rng.gamma(9.0, size=(4000, 16)) / 3.0 - 3.0  # mean 0, deviation 1, skewness 0.67
    pulls = np.array([-spread(row, 16).bias for row in deviations])
    assert pulls.mean() == pytest.approx(0.0, abs=0.015)


def test_a_value_nine_deviations_away_is_out() -> None:
    values = np.array([-1.0, -1.0, 0.0, 0.0, 1.0, 1.0, 9.0])
    assert spread(values, 7).bias == pytest.approx(0.0)
    values[-1] = 8.99
    assert spread(values, 7).bias == pytest.approx(8.99 / 7)


def test_a_wild_value_has_no_say() -> None:
    values = np.array([1.0, 2.0, 3.0, 2.5, 1.5])
    calm, wild = spread(values, 5), spread(np.append(values, 1e6), 6)
    assert wild.bias == pytest.approx(calm.bias, abs=0.2)
    assert wild.error < 2 * calm.error


@pytest.mark.parametrize(("number", "independent"), [(2, 2), (2, 5), (9, 2), (0, 0)])
def test_two_values_have_no_spread(number: int, independent: int) -> None:
    found = spread(np.arange(float(number)), independent)
    assert np.isnan(found.bias)
    assert np.isnan(found.error)


def test_three_equal_values_have_none_either_but_a_bias() -> None:
    found = spread(np.full(3, 0.7), 3)
    assert (found.bias, found.error) == (0.7, 0.0)
    assert spread(np.array([0.7, 0.7, 0.7, 5.0]), 4).bias == 0.7


def _scene(residue: float, out: float = 0.0, on: float = 0.0, places: int = 6) -> Scene:
    """Two channels without noise; at some of six azimuths, 15 px out, something is left of a companion.

    It has a share `residue` of the flux, and stands further `out` and `on` towards growing position angle.
    """
    y, x = np.mgrid[-9:10, -9:10]
    psf = prepare_psf(np.exp(-(x**2 + y**2) / (2 * 1.7**2)))
    still = np.zeros(2)
    rng = np.random.default_rng(1)
    azimuths, _ = clear_azimuths((25.0, 25.0), 15.0, 4.0, [Companion(16.0, 37.0, ())], 6)
    channels, reductions = [], []
    for flux in _FLUX:
        left = [
            (
                25.0 - (15.0 + out) * np.sin(a) - on * np.cos(a),
                25.0 + (15.0 + out) * np.cos(a) - on * np.sin(a),
                residue * flux,
            )
            for a in azimuths[:places]
        ]
        noise = 1e-4 * rng.normal(size=(2, 51, 51)).astype(np.float32)
        cube = inject(noise, still, psf, left)
        channels.append(Channel(cube, still, psf, 4.0, 1.0))
        reductions.append(WholeReduction(cube, still, lambda c, _: c, "mean"))
    return Scene(channels, reductions, np.array([0.5, 0.5]))


_FLUX = (10.0, 30.0)
_COMPANION = Companion(16.0, 37.0, _FLUX)


@pytest.mark.parametrize(("out", "on"), [(0.8, 0.0), (-0.8, 0.0), (0.0, 0.8), (0.0, -0.8)])
def test_deviations_are_fit_minus_truth_outward_and_towards_growing_position_angle(
    out: float, on: float
) -> None:
    found = injected_deviations(_scene(0.1, out, on), _COMPANION, [_COMPANION], 6)
    assert found.radial.shape == found.tangential.shape == (6,)
    assert found.flux.shape == (6, 2)
    assert found.independent == 6
    np.testing.assert_allclose(found.radial, out * 0.1 / 1.1, atol=0.02)  # centre of light
    np.testing.assert_allclose(found.tangential, on * 0.1 / 1.1, atol=0.02)
    np.testing.assert_allclose(found.flux, 0.1, atol=0.02)
    assert (found.failed, found.poor) == (0, 0)


@pytest.mark.parametrize("places", [1, 2])
def test_copies_whose_fit_leaves_more_than_noise_are_counted(places: int) -> None:
    found = injected_deviations(_scene(0.1, 0.8, places=places), _COMPANION, [_COMPANION], 6)
    assert (len(found.flux), found.failed, found.poor) == (6, 0, places)  # two sources apart are not one


def test_where_nothing_is_left_nothing_deviates() -> None:
    found = injected_deviations(_scene(0.0), _COMPANION, [_COMPANION], 6)
    np.testing.assert_allclose(found.radial, 0.0, atol=2e-3)
    np.testing.assert_allclose(found.tangential, 0.0, atol=2e-3)
    np.testing.assert_allclose(found.flux, 0.0, atol=2e-3)
    assert (found.failed, found.poor) == (0, 0)


def test_injections_that_cannot_be_fitted_are_not_counted() -> None:
    found = injected_deviations(_scene(-3.0), _COMPANION, [_COMPANION], 6)  # nothing positive is left to fit
    assert found.radial.shape == found.tangential.shape == (0,)
    assert found.flux.shape == (0, 2)
    assert (found.independent, found.failed, found.poor) == (0, 6, 0)
    assert injected_deviations(_scene(0.0), _COMPANION, [_COMPANION], 0).flux.shape == (0, 2)


def _turning(companion: Companion) -> Scene:
    """Frames that turn by 20 degrees under changing speckles, with a companion; reduced without it."""
    rng = np.random.default_rng(1)
    angles = np.linspace(-10.0, 10.0, 12)
    speckles = [ndimage.gaussian_filter(rng.normal(size=(51, 51)), 1.5) for _ in range(3)]
    cube = 120.0 * np.tensordot(rng.normal((3.0, 0.0, 0.0), size=(12, 3)), np.array(speckles), axes=1)
    noisy: NDArray[np.float32] = (cube + rng.normal(size=cube.shape)).astype(np.float32)
    y, x = np.mgrid[-9:10, -9:10]
    psf = prepare_psf(np.exp(-(x**2 + y**2) / (2 * 1.7**2)))
    noisy = inject(noisy, angles, psf, [(companion.x, companion.y, companion.flux[0])])
    channels = [Channel(noisy, angles, psf, 4.0, 1.0)]
    reductions = reduce_without(channels, [companion], lambda c: reduce_pca(c.cube, c.angles_deg, 3))
    return Scene(channels, reductions, np.ones(1))


def test_a_copy_bright_enough_to_shape_the_components_is_fitted_from_where_classical_adi_sees_it() -> None:
    companion = Companion(11.0, 25.0, (1e4,))
    scene = _turning(companion)
    copy = Companion(25.0 - 14.0 * np.sin(0.5), 25.0 + 14.0 * np.cos(0.5), companion.flux)
    added = scene.parts(copy)
    assert not fit_companion(
        scene, added, *nearby_peak(scene, added, copy.x, copy.y)
    ).good  # alone: led astray
    found = injected_deviations(scene, companion, [companion], 6)
    assert (len(found.radial), found.failed, found.poor) == (6, 0, 0)
    np.testing.assert_allclose(found.radial, 0.0, atol=0.05)
    np.testing.assert_allclose(found.tangential, 0.0, atol=0.05)
    np.testing.assert_allclose(found.flux, 0.0, atol=0.02)
