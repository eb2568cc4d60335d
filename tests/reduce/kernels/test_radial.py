"""Radial profiles: against numpy's medians, and patches against the whole reduction."""

import numpy as np
import pytest

from reduce.kernels.inject import Stamps, companion_stamps, prepare_psf
from reduce.kernels.radial import _median_with, radial_residual, reduce_radial, rings_of
from reduce.kernels.reduction import Parts, WholeReduction
from tests.reduce.kernels.planted import speckle_sequence, track

_ANGLES = np.array([-30.0, -11.0, 4.0, 15.0, 33.0, 62.0])
_SHAPE, _CENTRE = (27, 29), (14.0, 13.0)


def _cube(*, gaps: bool = False) -> np.ndarray:
    rng = np.random.default_rng(1)
    y, x = np.indices(_SHAPE)
    halo = 500.0 / (1 + np.hypot(y - 13, x - 14) / 4) ** 2
    cube = halo * rng.uniform(0.8, 1.2, size=(6, 1, 1)) + rng.normal(size=(6, *_SHAPE)) * 3
    if gaps:
        cube[2, 17, 9] = cube[:, 14, 7] = np.nan
        cube[1][np.rint(np.hypot(y - 13, x - 14)) == 12] = np.nan  # a whole ring
    return cube.astype(np.float32)


def _source(x: float, y: float, flux: float) -> list[tuple[Stamps, float]]:
    size = np.arange(7) - 3.0
    psf = prepare_psf(np.exp(-(size[None] ** 2 + size[:, None] ** 2) / 4.0))
    return [(companion_stamps(psf, x, y, _ANGLES, _CENTRE, _SHAPE), flux)]


def _plain(frame: np.ndarray) -> np.ndarray:
    """The same by loops over rings and numpy."""
    y, x = np.indices(frame.shape)
    r = np.hypot(y - frame.shape[0] // 2, x - frame.shape[1] // 2)
    number = np.rint(r).astype(int)
    rings = range(number.max() + 1)
    mean = [r[number == k].mean() for k in rings]
    there = [k for k in rings if np.isfinite(frame[number == k]).any()]
    median = {k: float(np.nanmedian(frame[number == k].astype(float))) for k in there}
    filled = [median[max((j for j in there if j <= k), default=min(there))] for k in rings]
    return np.asarray(frame - np.interp(r, mean, filled))


@pytest.mark.parametrize("gaps", [False, True])
def test_each_frame_loses_its_own_profile(gaps: bool) -> None:  # noqa: FBT001 - a case
    cube = _cube(gaps=gaps)
    wanted = [_plain(frame) for frame in cube]
    np.testing.assert_allclose(radial_residual(cube), wanted, atol=1e-4)


def test_a_frame_without_any_data_stays_without() -> None:
    cube = _cube()
    cube[3] = np.nan
    found = radial_residual(cube)
    assert np.isnan(found[3]).all()
    assert np.isfinite(found[[0, 1, 2, 4, 5]]).all()


def test_rings_hold_every_pixel_once() -> None:
    rings = rings_of(_SHAPE)
    np.testing.assert_array_equal(np.sort(rings.pixel), np.arange(27 * 29))
    np.testing.assert_array_equal(np.diff(rings.start)[:3], [1, 8, 12])
    np.testing.assert_allclose(rings.radius[:2], [0.0, (4 + 4 * np.sqrt(2)) / 8])
    assert rings.distance[13, 14] == 0
    assert rings.distance[16, 18] == pytest.approx(5.0)


def test_a_round_halo_vanishes_and_a_narrow_ray_stays() -> None:
    y, x = np.indices((61, 61)) - 30
    halo = 1000.0 / (1 + np.hypot(x, y) / 10) ** 3
    ray = 20.0 * ((np.abs(x) <= 2) & (y > 5))
    found = reduce_radial(np.stack([halo + ray, 1.3 * halo + ray]), np.zeros(2)).image
    far = np.hypot(x, y) > 12
    assert np.abs(found[far & (ray == 0)]).max() < 2.0
    np.testing.assert_allclose(found[44:55, 29:32], 20.0, atol=1.0)


def test_mirrored_angles_give_the_mirrored_image() -> None:
    cube, angles = speckle_sequence(np.random.default_rng(3), 9, 31), np.linspace(-10.0, 35.0, 9)
    image = reduce_radial(cube, angles).image
    mirrored = reduce_radial(cube[:, :, ::-1].copy(), -angles).image[:, ::-1]
    assert np.nanmax(np.abs(image - mirrored)) <= 1e-5 * np.nanmax(np.abs(image))


def test_a_companion_far_out_keeps_its_flux() -> None:
    angles = np.linspace(0.0, 60.0, 12)
    rng = np.random.default_rng(5)
    noise = rng.normal(size=(12, 61, 61))
    cube = (noise + 100.0 * track(61, 22.0, 130.0, angles)).astype(np.float32)
    change = reduce_radial(cube, angles).image - reduce_radial(noise, angles).image
    x, y = 30 - 22 * np.sin(np.radians(130)), 30 + 22 * np.cos(np.radians(130))
    truth = 100.0 * track(61, 22.0, 130.0, np.zeros(1))[0]
    assert change[round(y), round(x)] == pytest.approx(truth[round(y), round(x)], rel=0.02)


@pytest.mark.parametrize("how", ["median", "mean"])
@pytest.mark.parametrize("gaps", [False, True])
def test_patch_and_whole_agree(gaps: bool, how: str) -> None:  # noqa: FBT001 - a case
    cube = _cube(gaps=gaps)
    fast = reduce_radial(cube, _ANGLES, how)
    whole = WholeReduction(cube, _ANGLES, lambda c, _: radial_residual(c), how)
    np.testing.assert_allclose(fast.image, whole.image, atol=2e-4)
    parts: Parts = [*_source(18.3, 16.6, 90.0), *_source(17.0, 11.2, -40.0)]
    places = [
        ([], 14, 13, 6),
        (parts[:1], 18, 16, 3),
        (parts, 16, 14, 2),
        (parts, 8, 13, 4),
        (parts, 20, 7, 3),
    ]
    for sources, x, y, half in places:
        found, wanted = fast.patch(sources, x, y, half), whole.patch(sources, x, y, half)
        np.testing.assert_allclose(
            found, wanted, atol=0.05 if gaps else 3e-3
        )  # a gap is filled before or after


def test_what_a_source_takes_from_its_ring_is_seen_across_the_star() -> None:
    """Nothing of the source lies there: the change is that of the rings' medians alone."""
    cube = _cube()
    fast = reduce_radial(cube, _ANGLES)
    whole = WholeReduction(cube, _ANGLES, lambda c, _: radial_residual(c))
    parts = _source(20.0, 13.0, 500.0)
    change = fast.patch(parts, 8, 13, 1) - fast.patch([], 8, 13, 1)
    wanted = whole.patch(parts, 8, 13, 1) - whole.patch([], 8, 13, 1)
    assert change.mean() < -0.1
    np.testing.assert_allclose(change, wanted, atol=2e-3)


@pytest.mark.parametrize("place", [(2, 13), (26, 13), (14, 2), (14, 24), (2, 2), (26, 24)])
def test_at_the_frames_rim_too(place: tuple[int, int]) -> None:
    cube = _cube()
    fast = reduce_radial(cube, _ANGLES)
    whole = WholeReduction(cube, _ANGLES, lambda c, _: radial_residual(c))
    x, y = place
    np.testing.assert_allclose(fast.patch([], x, y, 2), fast.image[y - 2 : y + 3, x - 2 : x + 3], atol=2e-4)
    parts = _source(float(x), float(y), 80.0)
    np.testing.assert_allclose(fast.patch(parts, x, y, 2), whole.patch(parts, x, y, 2), atol=5e-3)


def test_a_source_off_the_frame_changes_nothing() -> None:
    fast = reduce_radial(_cube(), _ANGLES)
    for x, y in ((90.0, 13.0), (-60.0, 13.0), (14.0, 90.0)):
        np.testing.assert_allclose(
            fast.patch(_source(x, y, 99.0), 14, 13, 4), fast.patch([], 14, 13, 4), atol=1e-6
        )


@pytest.mark.parametrize("size", [3, 8, 25])
@pytest.mark.parametrize("many", [1, 2, 3])
@pytest.mark.parametrize("level", [0.0, 3.0, -50.0, 50.0])
def test_a_median_after_a_change_is_that_of_all_values(size: int, many: int, level: float) -> None:
    rng = np.random.default_rng(size * 10 + many)
    for _ in range(20):
        values = np.round(rng.normal(size=size) * 3).astype(np.float32)  # many are equal
        chosen = rng.choice(size, many, replace=False)
        changed = values.copy()
        changed[chosen] += np.round(level + rng.normal(size=many)).astype(np.float32)
        ordered = np.sort(np.append(values, [np.nan] * (size % 2))).astype(np.float32)
        found = _median_with(ordered, values[chosen], changed[chosen])
        assert found == np.median(changed)
