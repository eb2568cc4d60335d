"""Mixing region by region: image and patches against the same done pixel by pixel with numpy."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from reduce.kernels.annular_pca import AnnularPca, reduce_annular_pca, with_components
from reduce.kernels.channels import Channel
from reduce.kernels.inject import prepare_psf
from reduce.kernels.leading_modes import LeadingModes
from reduce.kernels.least_squares import LeastSquares
from reduce.kernels.loci import Loci, reduce_loci
from reduce.kernels.reduction import Parts, WholeReduction
from reduce.kernels.regional import RegionalReduction, lay_frames, with_solver
from reduce.kernels.tloci import Tloci, reduce_tloci

_ANGLES = np.array([-30.0, -11.0, 4.0, 15.0, 33.0, 62.0, 75.0])
_SHAPE = (27, 29)
_LIMITS = (2.0, 13.0)
_FWHM = 3.0
_RUNS: dict[str, Callable[[Channel], RegionalReduction]] = {
    "loci": lambda c: reduce_loci(c, _LIMITS, Loci(area=12.0, ridge=0.02, least=2)),
    "loci mean": lambda c: reduce_loci(c, _LIMITS, Loci(area=40.0, ridge=0.02, least=2), "mean"),
    "tloci": lambda c: reduce_tloci(c, _LIMITS, Tloci(area=12.0, ridge=0.05, least=2)),
    "annular": lambda c: reduce_annular_pca(c, _LIMITS, AnnularPca(2, 0.5, 2.0, 3)),
    "annular mean": lambda c: reduce_annular_pca(c, _LIMITS, AnnularPca(1, 1.0, 1.0, 2), "mean"),
}


def _channel(*, gaps: bool = False) -> Channel:
    rng = np.random.default_rng(1)
    cube = rng.normal(size=(7, *_SHAPE)) + 20.0 * rng.normal(size=_SHAPE)
    for _ in range(2):
        cube += 4.0 * rng.normal(size=(7, 1, 1)) * rng.normal(size=_SHAPE)
    if gaps:
        cube[2, 17, 9] = cube[:, 14, 7] = np.nan  # away from the sources of that frame
    size = np.arange(9) - 4.0
    psf = prepare_psf(np.exp(-4 * np.log(2) * (size[None] ** 2 + size[:, None] ** 2) / _FWHM**2))
    return Channel(cube.astype(np.float32), _ANGLES, psf, _FWHM, 1e6)


def _plain(reduction: RegionalReduction, cube: np.ndarray) -> np.ndarray:
    """Residual cube of the same regions and references, from the pixels."""
    regions, solve = reduction.regions, reduction.solve
    gap = ~np.isfinite(cube)
    mean = np.nan_to_num(np.where(gap, 0.0, cube).sum(axis=0) / np.maximum((~gap).sum(axis=0), 1))
    raw = np.where(gap, mean, cube).reshape(len(cube), -1).astype(np.float64)
    data = raw - raw.mean(axis=0)
    out = raw.copy() if isinstance(solve, LeastSquares) else data.copy()
    for region, ring in enumerate(regions.ring_of):
        here = np.flatnonzero(regions.number.ravel() == region)
        zone = regions.zones[regions.zone_of[region]]
        for t in range(len(cube)):
            used = np.flatnonzero(solve.references.allowed[ring, t])
            if isinstance(solve, LeastSquares):
                level = np.sqrt(solve.ridge * np.sum(data[:, zone] ** 2) / len(data))
                left = np.vstack([raw[np.ix_(used, zone)].T, level * np.eye(len(used))])
                right = np.concatenate([raw[t, zone], np.zeros(len(used))])
                out[t, here] -= np.linalg.lstsq(left, right, rcond=None)[0] @ raw[np.ix_(used, here)]
            elif isinstance(solve, LeadingModes):
                u, s, vt = np.linalg.svd(data[np.ix_(used, zone)], full_matrices=False)
                k = min(solve.components, len(used))
                shares = (data[t, zone] @ vt[:k].T / s[:k]) @ u[:, :k].T
                out[t, here] -= shares @ data[np.ix_(used, here)]
    out[gap.reshape(len(cube), -1)] = np.nan
    return np.asarray(out.reshape(cube.shape), np.float32)


def _both(name: str, *, gaps: bool = False) -> tuple[Channel, RegionalReduction, WholeReduction]:
    channel = _channel(gaps=gaps)
    fast = _RUNS[name](channel)
    whole = WholeReduction(channel.cube, _ANGLES, lambda c, _: _plain(fast, c), fast.how)
    return channel, fast, whole


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("name", list(_RUNS))
def test_patch_and_whole_agree(name: str, gaps: bool) -> None:  # noqa: FBT001 - a case
    channel, fast, whole = _both(name, gaps=gaps)
    near = 0.2 if gaps else 0.01  # a gap is filled before the mixing here, after it there
    np.testing.assert_allclose(fast.image, whole.image, atol=near if gaps else 1e-3)
    parts: Parts = [(channel.stamps(18.3, 16.6), 30.0), (channel.stamps(17.0, 11.2), -12.0)]
    for sources, x, y, half in (
        ([], 14, 13, 5),
        (parts[:1], 18, 16, 3),
        (parts, 16, 14, 2),
        (parts[:1], 8, 13, 4),
        (parts[:1], 24, 20, 3),
    ):
        found, wanted = fast.patch(sources, x, y, half), whole.patch(sources, x, y, half)
        assert found.shape == (2 * half + 1, 2 * half + 1)
        np.testing.assert_allclose(found, wanted, atol=near)
    untouched, plain = fast.patch([], 10, 17, 2), fast.image[15:20, 8:13]
    np.testing.assert_allclose(untouched, plain, atol=2e-3)


@pytest.mark.parametrize("name", ["loci", "annular"])
@pytest.mark.parametrize("place", [(2, 13), (26, 13), (14, 2), (14, 24), (2, 2), (26, 24)])
def test_a_patch_at_the_frames_rim_is_the_images(name: str, place: tuple[int, int]) -> None:
    _, fast, _ = _both(name)
    x, y = place
    np.testing.assert_allclose(fast.patch([], x, y, 2), fast.image[y - 2 : y + 3, x - 2 : x + 3], atol=2e-3)


@pytest.mark.parametrize("name", ["loci", "annular"])
def test_a_source_half_off_the_frame_counts_with_what_is_inside(name: str) -> None:
    channel, fast, whole = _both(name)
    for x, y in ((27.6, 13.4), (0.7, 14.0), (14.0, 0.6), (13.6, 25.4)):
        parts: Parts = [(channel.stamps(x, y), 25.0)]
        found, wanted = fast.patch(parts, 14, 13, 7), whole.patch(parts, 14, 13, 7)
        np.testing.assert_allclose(found, wanted, atol=0.01)


@pytest.mark.parametrize("name", ["loci", "annular"])
def test_a_source_off_the_frame_changes_nothing(name: str) -> None:
    channel, fast, _ = _both(name)
    for x, y in ((90.0, 13.0), (-60.0, 13.0), (14.0, 90.0), (14.0, -70.0)):
        there = fast.patch([(channel.stamps(x, y), 99.0)], 14, 13, 4)
        np.testing.assert_allclose(there, fast.patch([], 14, 13, 4), atol=1e-6)


@pytest.mark.parametrize("shape", [(61, 55), (55, 61)])
def test_a_wide_patch_of_a_turned_field_has_its_margin(shape: tuple[int, int]) -> None:
    cube = np.random.default_rng(4).normal(size=(3, *shape)).astype(np.float32)
    channel = replace(_channel(), cube=cube, angles_deg=np.array([45.0, 0.0, -45.0]))
    fast = reduce_annular_pca(channel, (2.0, 26.0), AnnularPca(0), "mean")
    x, y = shape[1] // 2 + 3, shape[0] // 2 - 2
    wanted = fast.image[y - 10 : y + 11, x - 10 : x + 11]
    np.testing.assert_allclose(fast.patch([], x, y, 10), wanted, atol=5e-4)


def test_zones_by_the_hundred_change_as_one_by_one() -> None:
    """More zones than an injection can tell apart at a time."""
    channel = _channel()
    given = Loci(area=0.4, width=0.6, ridge=0.02, least=2)
    fast = reduce_loci(channel, _LIMITS, given)
    assert len(fast.regions.zones) > 124
    assert not fast.grams
    parts: Parts = [(channel.stamps(17.3, 16.6), 30.0)]
    injected = replace(channel, cube=channel.with_sources([(17.3, 16.6, 30.0)]).cube)
    wanted = reduce_loci(injected, _LIMITS, given).image[7:20, 8:21]
    np.testing.assert_allclose(fast.patch(parts, 14, 13, 6), wanted, atol=0.01)


@pytest.mark.parametrize(
    "run",
    [
        lambda c: reduce_loci(c, _LIMITS, Loci(area=1e9, ridge=0.02, least=2)),
        lambda c: reduce_tloci(c, _LIMITS, Tloci(area=1e9, ridge=0.05, least=2)),
        _RUNS["annular"],
    ],
)
def test_mirrored_angles_give_the_mirrored_image(run: Callable[[Channel], RegionalReduction]) -> None:
    """Whole rings: a border between two sectors belongs to one of them."""
    channel = _channel()
    image = run(channel).image
    mirrored = replace(channel, cube=channel.cube[:, :, ::-1].copy(), angles_deg=-_ANGLES)
    other = run(mirrored).image[:, ::-1]
    assert np.nanmax(np.abs(image - other)) <= 1e-5 * np.nanmax(np.abs(image))


def test_products_of_zones_with_many_pixels_are_kept() -> None:
    fast = reduce_tloci(_channel(), _LIMITS, Tloci(area=8.0, ridge=0.05, least=2))
    sizes = np.array([len(zone) for zone in fast.regions.zones])
    assert sizes.min() < 56 < sizes.max()
    assert set(fast.grams) == set(np.flatnonzero(sizes >= 56))


def test_frames_are_laid_out_minus_their_mean_with_the_mean_behind() -> None:
    cube = _channel(gaps=True).cube
    frames = lay_frames(cube)
    gap = np.isnan(cube)
    mean = np.nan_to_num(np.nanmean(np.where(gap.all(axis=0), 0.0, cube), axis=0))
    mean[gap.all(axis=0)] = 0.0
    np.testing.assert_allclose(frames.data[:, :, 7], mean, rtol=1e-6, atol=1e-6)
    wanted = np.where(gap, 0.0, cube - mean).transpose(1, 2, 0)
    np.testing.assert_allclose(frames.data[:, :, :7], wanted, atol=1e-5)
    np.testing.assert_array_equal(frames.bad, gap.transpose(1, 2, 0))
    assert lay_frames(_channel().cube).bad.size == 0


def test_another_solver_or_number_of_components_shares_the_data() -> None:
    channel = _channel()
    two = reduce_annular_pca(channel, _LIMITS, AnnularPca(2))
    one = reduce_annular_pca(channel, _LIMITS, AnnularPca(1))
    again = with_components(two, 1)
    np.testing.assert_array_equal(again.image, one.image)
    np.testing.assert_array_equal(again.patch([], 14, 13, 2), one.patch([], 14, 13, 2))
    assert again.frames is two.frames
    np.testing.assert_array_equal(with_solver(one, two.solve).image, two.image)
    with pytest.raises(TypeError, match="LeastSquares has no components"):
        with_components(reduce_loci(channel, _LIMITS, Loci()), 1)
