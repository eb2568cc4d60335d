"""LOCI, T-LOCI and annular PCA on sequences with planted companions."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from reduce.kernels.annular_pca import AnnularPca, reduce_annular_pca
from reduce.kernels.aperture import aperture_flux, aperture_map
from reduce.kernels.cadi import reduce_cadi
from reduce.kernels.channels import Channel, radial_noise
from reduce.kernels.combine import combine
from reduce.kernels.derotate import derotate
from reduce.kernels.fit import Scene, fit_companion
from reduce.kernels.inject import prepare_psf
from reduce.kernels.loci import Loci, loci_rings, reduce_loci
from reduce.kernels.reduction import Reduction
from reduce.kernels.regional import RegionalReduction
from reduce.kernels.regions import divide
from reduce.kernels.tloci import Tloci, loss_distance, reduce_tloci, tloci_rings
from tests.reduce.kernels.planted import FWHM, airy, airy_flux, sky_pixel, speckle_sequence, track

_SIZE, _FRAMES, _LIMITS = 81, 20, (4.0, 38.0)
_ANGLES = np.linspace(20.0, 95.0, _FRAMES)
_ALGORITHMS: dict[str, Callable[[Channel], RegionalReduction]] = {
    "loci": lambda c: reduce_loci(c, _LIMITS, Loci()),
    "tloci": lambda c: reduce_tloci(c, _LIMITS, Tloci()),
    "annular": lambda c: reduce_annular_pca(c, _LIMITS, AnnularPca(4)),
}


def _channel(seed: int, *companions: tuple[float, float, float]) -> Channel:
    """Speckles that come and go in four patterns, and companions (sep, PA, flux) in aperture units."""
    rng = np.random.default_rng(seed)
    cube = speckle_sequence(rng, _FRAMES, _SIZE, fast=0.02).astype(np.float64)
    patterns = speckle_sequence(rng, 4, _SIZE, fast=1.0) - speckle_sequence(rng, 1, _SIZE, fast=0.0)
    cube += np.tensordot(rng.normal(size=(_FRAMES, 4)), patterns, axes=1) * 0.15
    for sep, pa, flux in companions:
        cube += track(_SIZE, sep, pa, _ANGLES) * flux / airy_flux()
    y, x = np.mgrid[-16:17, -16:17]
    psf = prepare_psf(airy(x, y) / airy_flux())
    return Channel(cube.astype(np.float32), _ANGLES, psf, FWHM, 1e6)


@pytest.mark.parametrize("name", list(_ALGORITHMS))
def test_planted_companions_are_found_where_and_as_bright_as_they_are(name: str) -> None:
    planted = ((14.0, 120.0, 400.0), (27.0, 310.0, 250.0))
    channel = _channel(3, *planted)
    scene = Scene([channel], [_ALGORITHMS[name](channel)], np.ones(1))
    for sep, pa, flux in planted:
        x, y = sky_pixel(_SIZE, sep, pa)
        fit = fit_companion(scene, [[]], round(x), round(y))
        assert fit.good
        assert np.hypot(fit.companion.x - x, fit.companion.y - y) < 0.2
        assert fit.companion.flux[0] == pytest.approx(flux, rel=0.12)


def _depth(channel: Channel, reduction: Reduction, radius: float) -> float:
    """Aperture noise on a ring over the throughput of a faint companion."""
    noise = radial_noise(aperture_map(reduction.image, FWHM), FWHM)[round(radius)]
    through = []
    for azimuth in np.radians([10.0, 100.0, 220.0]):
        x, y = _SIZE // 2 + radius * np.cos(azimuth), _SIZE // 2 + radius * np.sin(azimuth)
        parts, place = [(channel.stamps(x, y), 2.0 * noise)], (round(x), round(y), 5)
        change = reduction.patch(parts, *place) - reduction.patch([], *place)
        through.append(aperture_flux(change, FWHM, x - place[0] + 5, y - place[1] + 5) / (2.0 * noise))
    return float(noise / np.median(through))


@pytest.mark.parametrize("radius", [12.0, 24.0])
@pytest.mark.parametrize("name", list(_ALGORITHMS))
def test_limits_are_deeper_than_those_of_classical_adi(name: str, radius: float) -> None:
    channel = _channel(4)
    classical = _depth(channel, reduce_cadi(channel.cube, _ANGLES), radius)
    assert _depth(channel, _ALGORITHMS[name](channel), radius) < 0.7 * classical


def test_a_companion_is_not_subtracted_from_itself_where_it_must_have_moved() -> None:
    """Only noise beside it: with references far away it stays, with any it goes."""
    rng = np.random.default_rng(5)
    cube = rng.normal(size=(_FRAMES, _SIZE, _SIZE)) + 300.0 * track(_SIZE, 24.0, 200.0, _ANGLES)
    channel = replace(_channel(1), cube=cube.astype(np.float32))
    x, y = sky_pixel(_SIZE, 24.0, 200.0)
    runs: dict[str, Callable[[float], RegionalReduction]] = {
        "loci": lambda d: reduce_loci(channel, _LIMITS, Loci(distance=d)),
        "annular": lambda d: reduce_annular_pca(channel, _LIMITS, AnnularPca(4, d)),
    }
    for name, run in runs.items():
        kept, lost = (run(d).image[round(y), round(x)] for d in (2.0, 0.1))
        assert kept > (280.0 if name == "loci" else 220.0)  # the mean takes some in annular PCA
        assert lost < (0.6 if name == "loci" else 0.9) * kept
    strict, loose = (
        reduce_tloci(channel, _LIMITS, Tloci(loss=v)).image[round(y), round(x)] for v in (0.02, 0.9)
    )
    assert strict > 280.0
    assert loose < strict - 20.0


@pytest.mark.parametrize("how", ["median", "mean"])
def test_no_components_only_take_the_mean(how: str) -> None:
    channel = _channel(6)
    image = reduce_annular_pca(channel, _LIMITS, AnnularPca(0), how).image
    plain = channel.cube - channel.cube.mean(axis=0, dtype=np.float64).astype(np.float32)
    wanted = combine(derotate(plain, _ANGLES), how)
    assert np.nanmax(np.abs(image - wanted)) < 1e-4 * np.nanmax(np.abs(wanted))


@pytest.mark.parametrize("name", list(_ALGORITHMS))
def test_a_field_that_stands_still_and_three_frames_do_not_stop_it(name: str) -> None:
    channel = _channel(7)
    for cube, angles in (
        (channel.cube, np.full(_FRAMES, 12.0)),
        (channel.cube[:3], _ANGLES[:3]),
    ):
        found = _ALGORITHMS[name](replace(channel, cube=cube, angles_deg=angles))
        inside = np.hypot(*(np.indices((_SIZE, _SIZE)) - _SIZE // 2)) < 38
        assert np.isfinite(found.image[inside]).all()
        assert found.solve.references.relaxed_px > 0
    with pytest.raises(ValueError, match=r"1 of 1 frames, .* have no reference"):
        _ALGORITHMS[name](replace(channel, cube=channel.cube[:1], angles_deg=_ANGLES[:1]))


@pytest.mark.parametrize("name", list(_ALGORITHMS))
def test_a_frame_without_data_is_left_out(name: str) -> None:
    channel = _channel(8, (20.0, 40.0, 400.0))
    holed = channel.cube.copy()
    holed[7] = np.nan
    kept = np.arange(_FRAMES) != 7
    without = replace(channel, cube=channel.cube[kept], angles_deg=_ANGLES[kept])
    found, wanted = (_ALGORITHMS[name](c).image for c in (replace(channel, cube=holed), without))
    assert np.nanmax(np.abs(found - wanted)) < (0.05 if name == "annular" else 1e-2) * np.nanmax(wanted)


def test_zones_of_loci_have_the_area_the_paper_gives_and_begin_at_their_ring() -> None:
    rings = loci_rings((10.0, 400.0), 4.0, Loci(area=100.0, aspect=1.5))
    depth = np.sqrt(1.5 * 100.0 * np.pi) * 4.0 / 2  # Lafreniere et al. 2007, eq. 3
    assert rings[0].inner == 10.0
    assert rings[-1].outer == pytest.approx(400.0)
    for ring, following in pairwise(rings):
        assert ring.outer == following.inner
        assert ring.outer - ring.inner == pytest.approx(6.0 if ring.inner < 240.0 else 60.0, rel=0.15)
    for ring in rings:
        ((low, high),) = ring.zone
        assert high - low == pytest.approx(depth)
        assert low == pytest.approx(min(ring.inner, 400.0 - depth))
        assert high <= 400.0 + 1e-9
        exact = 1 / (0.5 * 1.5 + 2 * low / 4.0 * np.sqrt(1.5 / (np.pi * 100.0)))  # eq. 4, radians
        assert abs(2 * np.pi / exact - ring.sectors) <= 0.5 + 1e-9


def test_zones_of_loci_larger_than_the_field_are_the_field() -> None:
    rings = loci_rings((5.0, 40.0), 4.0, Loci(area=1000.0))
    assert {ring.zone for ring in rings} == {((5.0, 40.0),)}
    assert {ring.sectors for ring in rings} == {1}
    far = loci_rings((300.0, 400.0), 4.0, Loci(far_width=5.0))
    assert [r.outer - r.inner for r in far] == pytest.approx([20.0] * 5)


def test_zones_of_t_loci_keep_off_their_ring() -> None:
    given = Tloci(width=1.0, gap=0.5, depth=2.0, area=30.0)
    rings = tloci_rings((4.0, 40.0), 4.0, given)
    assert [r.outer - r.inner for r in rings] == pytest.approx([4.0] * 9)
    first, middle, last = rings[0], rings[4], rings[-1]
    assert first.zone == ((10.0, 18.0),)
    assert middle.zone == ((10.0, 18.0), (26.0, 34.0))
    assert last.zone == ((26.0, 34.0),)
    assert middle.sectors == round((18.0**2 - 10.0**2 + 34.0**2 - 26.0**2) / 4.0 / 30.0)
    regions = divide((81, 81), rings)
    radius = np.hypot(*(np.indices((81, 81)) - 40)).ravel()
    for region, ring in enumerate(regions.ring_of):
        zone = radius[regions.zones[regions.zone_of[region]]]
        assert not ((zone > rings[ring].inner - 2.0) & (zone < rings[ring].outer + 2.0)).any()
        assert zone.size > 40


def test_a_field_without_room_for_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match=r"leave no zone beside the ring 4\.0 to 8\.0 px, 40\.0 px away"):
        tloci_rings((4.0, 40.0), 4.0, Tloci(gap=10.0))


@pytest.mark.parametrize("loss", [0.1, 0.3, 0.7])
def test_the_flux_lost_to_a_copy_is_that_of_two_shifted_psfs(loss: float) -> None:
    """The overlap by direct sums on a grid of 0.05 px."""
    y, x = np.mgrid[-16:17, -16:17]
    found = loss_distance(prepare_psf(airy(x, y) / airy_flux()), FWHM, loss)
    assert loss_distance(prepare_psf(7.0 * airy(x, y)), FWHM, loss) == pytest.approx(found, abs=0.1)
    fine = (np.arange(80) + 0.5) * 0.05 - 2.0
    fx, fy = np.meshgrid(fine, fine)
    disc = np.hypot(fx, fy) <= FWHM / 2
    whole = airy(fx, fy)[disc].sum()
    assert airy(fx - found - 0.08, fy)[disc].sum() < loss * whole * 1.03
    assert airy(fx - found + 0.16, fy)[disc].sum() > loss * whole


def test_a_tolerance_of_all_needs_no_distance() -> None:
    y, x = np.mgrid[-16:17, -16:17]
    assert loss_distance(prepare_psf(airy(x, y) / airy_flux()), FWHM, 1.0) == 0.0


def test_what_is_not_asked_for_is_as_stated() -> None:
    stated = Loci(
        distance=0.5, area=300.0, aspect=1.0, width=1.5, far=60.0, far_width=15.0, ridge=1e-3, least=5
    )
    assert Loci() == stated
    assert Tloci() == Tloci(loss=0.3, width=1.0, gap=0.5, depth=2.5, area=50.0, ridge=1e-2, least=5)
    assert AnnularPca(3) == AnnularPca(3, distance=1.0, width=4.0, least=5, most=100)


def test_a_sliver_is_no_zone() -> None:
    rings = tloci_rings((4.0, 40.0), 4.0, Tloci(width=1.0, gap=0.5, depth=1.0))
    assert [r.zone for r in rings[:2]] == [((10.0, 14.0),), ((4.0, 6.0), (14.0, 18.0))]
    thin = tloci_rings((4.0, 40.0), 4.0, Tloci(width=1.0, gap=0.8, depth=1.0))
    assert len(thin[1].zone) == 1  # 0.8 px on the other side
    assert thin[1].zone[0] == pytest.approx((15.2, 19.2))
