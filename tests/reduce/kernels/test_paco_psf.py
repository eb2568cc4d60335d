"""Template, aperture response and what a mean over time takes, against direct sums over Airy patterns."""

import numpy as np
import pytest

from reduce.kernels.inject import Psf, prepare_psf
from reduce.kernels.paco_covariance import patch_disc
from reduce.kernels.paco_psf import RingPatches, aperture_response, psf_on, ring_patches, track_overlap
from tests.reduce.kernels.planted import FWHM, airy, airy_flux

_DISC = patch_disc(0.9 * FWHM)
_DY, _DX = _DISC.dy.astype(float), _DISC.dx.astype(float)
_TEMPLATE = airy(_DX, _DY) / airy_flux()


def _psf(half: int = 12) -> Psf:
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(float)
    return prepare_psf(airy(x, y) / airy_flux())


def test_the_psf_is_looked_up_by_distance_from_its_middle() -> None:
    y, x = np.array([0.0, 1.0, -2.5, 3.25]), np.array([0.0, -2.0, 0.75, 1.5])
    np.testing.assert_allclose(psf_on(_psf(), y, x), airy(x, y) / airy_flux(), atol=1e-3 / airy_flux())
    assert psf_on(_psf(), y[:, None], x[None]).shape == (4, 4)


def test_there_is_no_psf_beyond_its_pixels() -> None:
    assert not psf_on(_psf(3), [30.0, 0.0, -30.0], [0.0, 30.0, 4.0]).any()


@pytest.mark.parametrize("fwhm", [4.0, 3.4, 5.2])
def test_the_response_is_the_sum_of_correlations_in_an_aperture(fwhm: float) -> None:
    """Matched filter of a lone source, aperture summed on a grid 50 times finer."""
    fine = (np.arange(-200, 201) + 0.0) / 50
    total = np.zeros(())
    for j in range(-4, 5):
        for i in range(-4, 5):
            inside = np.hypot(fine[:, None], fine[None]) <= fwhm / 2
            here = (np.rint(fine) == j)[:, None] & (np.rint(fine) == i)[None]
            share = np.sum(inside & here) / 2500
            seen = airy(_DX - i, _DY - j) / airy_flux()
            total = total + share * (seen @ _TEMPLATE) / (_TEMPLATE @ _TEMPLATE)
    assert aperture_response(_psf(), _DISC, fwhm) == pytest.approx(float(total), rel=5e-3)


def _ring(radius: float, number: int) -> RingPatches:
    """Patches on a ring, all weighted by the template: white noise."""
    angle = np.linspace(0.0, 2 * np.pi, number, endpoint=False)
    rows, columns = np.rint(radius * np.sin(angle)).astype(int), np.rint(radius * np.cos(angle)).astype(int)
    return RingPatches(rows, columns, np.tile(_TEMPLATE, (number, 1)).astype(np.float32))


@pytest.mark.parametrize("radius", [5, 12, 30])
@pytest.mark.parametrize("degrees", [0.0, 40.0, 100.0])
def test_the_overlap_is_the_mean_response_of_all_pairs_of_frames(radius: int, degrees: float) -> None:
    angle = np.radians(np.linspace(10.0, 10.0 + degrees, 9))
    found = track_overlap(_psf(), _DISC, _ring(radius, 12), angle)[radius]
    x, y = radius * np.cos(angle), radius * np.sin(angle)
    total = np.zeros(())
    for t in range(9):
        for s in range(9):
            seen = airy(_DX - (x[s] - x[t]), _DY - (y[s] - y[t])) / airy_flux()
            total = total + (seen @ _TEMPLATE) / (_TEMPLATE @ _TEMPLATE)
    assert found == pytest.approx(float(total) / 9**2, abs=0.01)


def test_without_turn_the_mean_takes_all_and_far_apart_a_share_of_one_frame() -> None:
    ring = _ring(40.0, 6)
    assert track_overlap(_psf(), _DISC, ring, np.zeros(9))[40] == pytest.approx(1.0, abs=1e-6)
    turned = np.radians(np.arange(9) * 40.0)
    assert track_overlap(_psf(), _DISC, ring, turned)[40] == pytest.approx(1 / 9, abs=1e-6)


def test_rings_without_patches_lie_between_their_neighbours() -> None:
    patches = RingPatches(np.array([5, 7]), np.array([0, 0]), np.tile(_TEMPLATE, (2, 1)).astype(np.float32))
    found = track_overlap(_psf(), _DISC, patches, np.radians([0.0, 20.0, 40.0]))
    assert found.size == 9
    assert found[:5] == pytest.approx([found[5]] * 5)
    assert found[6] == pytest.approx((found[5] + found[7]) / 2)
    assert found[8] == found[7]
    assert found[5] > found[7] > 1 / 3
    none = RingPatches(patches.y[:0], patches.x[:0], patches.weights[:0])
    assert not track_overlap(_psf(), _DISC, none, np.radians([0.0, 20.0])).size


def test_patches_count_by_their_strength() -> None:
    """Two patches of a ring, one with a filter that sees its neighbour, one without."""
    sharp = np.where((_DX == 0) & (_DY == 0), 1.0, 0.0)
    angle = np.radians([0.0, 12.0])
    found = []
    for pair in ((_TEMPLATE, _TEMPLATE), (sharp, sharp), (_TEMPLATE, sharp)):
        patches = RingPatches(np.array([0, 0]), np.array([9, -9]), np.array(pair, np.float32))
        found.append(track_overlap(_psf(), _DISC, patches, angle)[9])
    assert found[1] < found[2] < found[0]
    strength = [float(w @ _TEMPLATE) for w in (_TEMPLATE, sharp)]
    assert found[2] == pytest.approx(np.average(found[:2], weights=strength), abs=1e-3)


def test_a_ring_is_looked_at_along_itself_and_both_ways() -> None:
    """A filter that sees only what lies above it, on places around the star."""
    above = np.where((_DX == 0) & (_DY == 2), 1.0, 0.0)
    angle = np.radians([0.0, 12.6])
    found = []
    for y, x in ((0, 9), (9, 0), (0, -9), (-9, 0)):
        patches = RingPatches(np.array([y]), np.array([x]), above[None].astype(np.float32))
        found.append(track_overlap(_psf(), _DISC, patches, angle)[9])
    assert found[0] == pytest.approx(found[2], abs=1e-6)
    assert found[1] == pytest.approx(found[3], abs=1e-6)
    assert found[0] > 1.3 * found[1]


def test_a_ring_is_looked_at_along_its_tangent() -> None:
    """A filter that sees what lies towards +x and +y: along the ring at (-y, x) of it, across at (y, x)."""
    corner = np.where((_DX == 2) & (_DY == 2), 1.0, 0.0)
    angle = np.radians([0.0, 17.0])
    found = []
    for y, x in ((7, 7), (-7, 7), (-7, -7), (7, -7)):
        patches = RingPatches(np.array([y]), np.array([x]), corner[None].astype(np.float32))
        found.append(track_overlap(_psf(), _DISC, patches, angle)[10])
    assert found[0] == pytest.approx(found[2], abs=1e-6)
    assert found[1] == pytest.approx(found[3], abs=1e-6)
    assert found[1] > 1.3 * found[0]


def test_patches_are_chosen_evenly_from_every_ring() -> None:
    y, x = (side.ravel() for side in np.mgrid[-20:21, -20:21])
    weights = np.stack([1.0 + y, 1.0 * x], axis=1).astype(np.float32)
    weights[(x > 0) & (y > 0) & (np.hypot(x, y) > 10)] = 0.0
    found = ring_patches(y, x, weights)
    assert found.y.dtype.kind == found.x.dtype.kind == "i"
    np.testing.assert_array_equal(found.weights, np.stack([1.0 + found.y, 1.0 * found.x], axis=1))
    assert (found.y**2 + found.x**2).min() == 1
    for ring in range(1, 29):
        here = found.ring == ring
        all_there = weights.any(axis=1) & (np.rint(np.hypot(y, x)) == ring)
        assert here.sum() == min(24, all_there.sum())
        assert len(set(zip(found.y[here], found.x[here], strict=True))) == here.sum()
    here = found.ring == 15
    azimuth = np.sort(np.arctan2(found.y[here], found.x[here]))
    gaps = np.diff(np.append(azimuth, azimuth[0] + 2 * np.pi))
    assert gaps.max() < np.pi / 2 + 0.3
    assert np.sort(gaps)[-2] < 0.45
    empty = ring_patches(y, x, 0 * weights)
    assert empty.y.size == len(empty.weights) == 0
