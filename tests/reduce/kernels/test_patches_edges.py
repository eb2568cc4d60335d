"""A patch with injected sources is what reducing the whole injected cube gives, for both algorithms."""

from collections.abc import Callable

import numpy as np
import pytest

from reduce.kernels.cadi import cadi_residual, reduce_cadi
from reduce.kernels.inject import Stamps, companion_stamps, inject, prepare_psf
from reduce.kernels.pca import pca_residual, reduce_pca, with_components
from reduce.kernels.reduction import Parts, Reduction, WholeReduction, sequence

_ANGLES = np.array([-30.0, -11.0, 4.0, 15.0, 33.0, 62.0])
_SHAPE = (27, 29)
_CENTRE = (14.0, 13.0)
_ALGORITHMS = ["cadi median", "cadi mean", "pca 0", "pca 2", "pca 2 mean", "pca 2 mask", "pca 5"]


def _cube(*, gaps: bool) -> np.ndarray:
    rng = np.random.default_rng(1)
    cube = rng.normal(size=(6, *_SHAPE)) + 20.0 * rng.normal(size=_SHAPE)
    cube += rng.normal(size=(6, 1, 1)) * rng.normal(size=_SHAPE)
    if gaps:
        cube[2, 17, 9] = cube[:, 14, 7] = np.nan  # away from the sources of that frame
    return cube.astype(np.float32)


def _mask() -> np.ndarray:
    y, x = np.indices(_SHAPE)
    return np.asarray((np.hypot(x - 14, y - 13) > 3) & (x < 24))


def _both(name: str, cube: np.ndarray) -> tuple[Reduction, WholeReduction]:
    kind, *rest = name.split()
    how = "mean" if "mean" in rest else "median"
    mask = _mask() if "mask" in rest else None
    residual: Callable[[np.ndarray, np.ndarray], np.ndarray]
    fast: Reduction
    if kind == "cadi":
        residual, fast = (lambda c, _: cadi_residual(c)), reduce_cadi(cube, _ANGLES, how)
    else:
        residual = lambda c, _: pca_residual(c, int(rest[0]), mask)  # noqa: E731 - beside its twin above
        fast = reduce_pca(cube, _ANGLES, int(rest[0]), mask, how)
    return fast, WholeReduction(cube, _ANGLES, residual, how)


def _source(x: float, y: float, flux: float) -> list[tuple[Stamps, float]]:
    size = np.arange(7) - 3.0
    psf = prepare_psf(np.exp(-(size[None] ** 2 + size[:, None] ** 2) / 4.0))
    return [(companion_stamps(psf, x, y, _ANGLES, _CENTRE, _SHAPE), flux)]


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("name", _ALGORITHMS)
def test_patch_and_whole_agree(name: str, gaps: bool) -> None:  # noqa: FBT001 - a case
    fast, whole = _both(name, _cube(gaps=gaps))
    near = 0.02 if gaps else 2e-5  # a gap is filled before the mixing here, after it there
    np.testing.assert_allclose(fast.image, whole.image, atol=near)
    parts: Parts = [*_source(18.3, 16.6, 30.0), *_source(17.0, 11.2, -12.0)]
    for sources, x, y, half in (
        ([], 14, 13, 6),
        (parts[:1], 18, 16, 3),
        (parts, 16, 14, 2),
        (parts[:1], 8, 13, 4),
    ):
        found, wanted = fast.patch(sources, x, y, half), whole.patch(sources, x, y, half)
        assert found.shape == (2 * half + 1, 2 * half + 1)
        np.testing.assert_allclose(found, wanted, atol=0.02 if gaps else 3e-3)
    untouched, plain = fast.patch([], 10, 17, 2), fast.image[15:20, 8:13]
    np.testing.assert_allclose(untouched, plain, atol=2e-5)


@pytest.mark.parametrize("name", ["cadi median", "pca 2"])
@pytest.mark.parametrize("place", [(2, 13), (26, 13), (14, 2), (14, 24), (2, 2), (26, 24)])
def test_a_patch_at_the_frames_rim_is_the_images(name: str, place: tuple[int, int]) -> None:
    fast, _ = _both(name, _cube(gaps=False))
    x, y = place
    np.testing.assert_allclose(fast.patch([], x, y, 2), fast.image[y - 2 : y + 3, x - 2 : x + 3], atol=2e-5)


@pytest.mark.parametrize("name", ["cadi median", "pca 2"])
def test_a_source_half_off_the_frame_counts_with_what_is_inside(name: str) -> None:
    fast, whole = _both(name, _cube(gaps=False))
    for x, y in ((27.6, 13.4), (0.7, 14.0), (14.0, 0.6), (13.6, 25.4)):
        parts: Parts = _source(x, y, 25.0)
        found, wanted = fast.patch(parts, 14, 13, 7), whole.patch(parts, 14, 13, 7)
        np.testing.assert_allclose(found, wanted, atol=2e-3)


@pytest.mark.parametrize("name", ["cadi median", "pca 2"])
def test_a_source_off_the_frame_changes_nothing(name: str) -> None:
    fast, _ = _both(name, _cube(gaps=False))
    for x, y in ((90.0, 13.0), (-60.0, 13.0), (14.0, 90.0), (14.0, -70.0)):
        np.testing.assert_allclose(
            fast.patch(_source(x, y, 99.0), 14, 13, 4), fast.patch([], 14, 13, 4), atol=1e-6
        )


def test_the_whole_reduction_is_one_of_the_injected_cube() -> None:
    cube = _cube(gaps=True)
    _, whole = _both("cadi median", cube)
    size = np.arange(7) - 3.0
    psf = prepare_psf(np.exp(-(size[None] ** 2 + size[:, None] ** 2) / 4.0))
    before = cube.copy()
    injected = inject(cube, _ANGLES, psf, [(18.3, 16.6, 30.0)])
    found = whole.patch(_source(18.3, 16.6, 30.0), 17, 15, 4)
    np.testing.assert_array_equal(found, _both("cadi median", injected)[1].image[11:20, 13:22])
    np.testing.assert_array_equal(cube, before)


def test_counts_of_components_share_their_data() -> None:
    cube, mask = _cube(gaps=True), _mask()
    for count in (1, 3):
        one = reduce_pca(cube, _ANGLES, count, mask, "mean")
        other = with_components(reduce_pca(cube, _ANGLES, 2, mask, "mean"), count)
        np.testing.assert_array_equal(other.image, one.image)
        assert other.components == count
        np.testing.assert_array_equal(other.patch([], 14, 13, 2), one.patch([], 14, 13, 2))


def test_a_sequence_lays_time_fastest_and_marks_gaps() -> None:
    cube = _cube(gaps=True)
    reference = np.full(_SHAPE, 2.0, np.float32)
    found = sequence(cube, reference)
    gap = np.isnan(cube)
    np.testing.assert_array_equal(found.data, np.where(gap, 0.0, cube - 2.0).transpose(1, 2, 0))
    np.testing.assert_array_equal(found.bad, gap.transpose(1, 2, 0))
    assert sequence(_cube(gaps=False), reference).bad.size == 0
    assert found.data.flags.c_contiguous
    assert found.spline.flags.c_contiguous
    for frames, turned in (
        (found.values, found.data),
        (found.planes, found.spline),
        (found.holes, found.bad),
    ):
        assert np.shares_memory(frames, turned)  # not held twice
        np.testing.assert_array_equal(frames.transpose(1, 2, 0), turned)


def test_local_work_leaves_images_as_they_were() -> None:
    cube = _cube(gaps=True)
    fresh, used = reduce_pca(cube, _ANGLES, 2), reduce_pca(cube, _ANGLES, 2)
    used.patch([], 14, 13, 2)
    one, other = with_components(fresh, 3).image, with_components(used, 3).image
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-5 * np.nanmax(np.abs(one)))
