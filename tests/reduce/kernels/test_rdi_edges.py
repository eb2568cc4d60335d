"""RDI on small frames that are not square and do not turn: the image is the mean of what is left."""

import numpy as np
import pytest

from reduce.kernels.inject import Stamps, companion_stamps, prepare_psf
from reduce.kernels.rdi import _projections, library_modes, reduce_rdi, with_library_modes

_SHAPE, _FRAMES = (15, 19), 4
_STILL = np.zeros(_FRAMES)


def _mask() -> np.ndarray:
    y, x = np.indices(_SHAPE)
    return np.asarray(np.hypot(y - 7, x - 9) > 2)


def _frames(seed: int, number: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(number, *_SHAPE)).astype(np.float32)


def _span(references: np.ndarray, mask: np.ndarray, count: int) -> np.ndarray:
    """Shares (count, frame) by which normed frames make orthonormal images: singular values."""
    flat = references.reshape(len(references), -1).astype(np.float64)
    flat = flat / np.linalg.norm(flat[:, mask.ravel()], axis=1, keepdims=True)
    u, s, _ = np.linalg.svd(flat[:, mask.ravel()], full_matrices=False)
    return np.asarray((u[:, :count] / s[:count]).T @ flat)


def _left(cube: np.ndarray, modes: np.ndarray, mask: np.ndarray) -> np.ndarray:
    flat = cube.reshape(len(cube), -1).astype(np.float64)
    inside = mask.ravel()
    return np.asarray((flat - flat[:, inside] @ modes[:, inside].T @ modes).reshape(cube.shape))


@pytest.mark.parametrize("count", [1, 3, 6])
@pytest.mark.parametrize("whole", [True, False])
def test_what_is_left_is_off_the_modes(count: int, whole: bool) -> None:  # noqa: FBT001 - a case
    cube, references = _frames(1, _FRAMES), _frames(2, 6)
    mask = np.ones(_SHAPE, bool) if whole else _mask()
    found = reduce_rdi(cube, _STILL, library_modes(references, 6, None if whole else mask), count, "mean")
    wanted = _left(cube, _span(references, mask, count), mask).mean(axis=0)
    np.testing.assert_allclose(found.image, wanted, atol=2e-5)
    assert found.components == count
    median = reduce_rdi(cube, _STILL, found.library, count).image
    wanted = np.median(_left(cube, _span(references, mask, count), mask), axis=0)
    np.testing.assert_allclose(median, wanted, atol=2e-5)


def test_gaps_of_the_library_are_filled_with_the_other_frames_mean_or_nothing() -> None:
    references = _frames(3, 5) + 4
    holed = references.copy()
    holed[2, 3, 4] = holed[:, 10, 11] = np.nan
    filled = references.copy()
    filled[2, 3, 4] = references[[0, 1, 3, 4], 3, 4].mean()
    filled[:, 10, 11] = 0.0
    mask = _mask()
    found = library_modes(holed, 5, mask)
    wanted = _span(filled, mask, 5)
    flat = found.modes.reshape(5, -1)
    signs = np.sign(np.sum(flat * wanted, axis=1))[:, None]
    np.testing.assert_allclose(flat, signs * wanted, atol=1e-4)
    np.testing.assert_array_equal(found.mask, mask)


def test_frames_that_are_sums_of_others_add_no_modes_and_faint_differences_do() -> None:
    references = _frames(4, 3)
    summed = np.concatenate([references, references[:1] + 2 * references[1:2]])
    assert len(library_modes(summed, 9).modes) == 3
    nearly = np.concatenate([references, references[:1] + 1e-3 * _frames(5, 1)])
    assert len(library_modes(nearly, 9).modes) == 4
    assert len(library_modes(nearly, 2).modes) == 2
    dark = np.concatenate([np.zeros((1, *_SHAPE)), references])
    assert len(library_modes(dark, 9).modes) == 3


def test_light_outside_the_mask_makes_no_modes() -> None:
    references = np.zeros((3, *_SHAPE))
    references[:, 7, 9] = 5.0  # in the hole of the mask
    with pytest.raises(ValueError, match="3 reference frames hold no light"):
        library_modes(references, 2, _mask())
    references[1, 2, 3] = 1e-6
    assert len(library_modes(references, 2, _mask()).modes) == 1


def _source(x: float, y: float) -> Stamps:
    side = np.arange(-3.0, 4.0)
    psf = prepare_psf(np.exp(-(side[None] ** 2 + side[:, None] ** 2) / 3.0))
    return companion_stamps(psf, x, y, _STILL, (9.0, 7.0), _SHAPE)


@pytest.mark.parametrize(
    ("x", "y"), [(12.0, 5.0), (18.0, 7.0), (0.0, 3.0), (9.0, 14.0), (5.0, 0.0), (17.0, 13.0)]
)
def test_a_patch_is_the_image_with_the_source_in_the_frames(x: float, y: float) -> None:
    """Whole pixels: the source is its PSF, cut at the frame's edges, also where it lies off the mask."""
    cube, references, mask = _frames(6, _FRAMES), _frames(7, 5), _mask()
    reduction = reduce_rdi(cube, _STILL, library_modes(references, 4, mask), 3, "mean")
    rows, columns = np.indices(_SHAPE)
    near = (np.abs(rows - y) <= 3) & (np.abs(columns - x) <= 3)
    added = cube + 20 * near * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 3.0)
    wanted = _left(added, _span(references, mask, 3), mask).mean(axis=0)
    padded = np.pad(wanted, 4, constant_values=np.nan)
    px, py = int(x), int(y)
    found = reduction.patch([(_source(x, y), 20.0)], px, py, 2)
    cut = padded[py + 2 : py + 7, px + 2 : px + 7]
    there = np.isfinite(cut)
    np.testing.assert_allclose(found[there], cut[there], atol=5e-3)
    empty = np.pad(reduction.image, 4, constant_values=np.nan)[py + 2 : py + 7, px + 2 : px + 7]
    np.testing.assert_allclose(reduction.patch([], px, py, 2)[there], empty[there], atol=1e-4)


def test_a_pixel_without_data_is_left_out_of_its_frame() -> None:
    cube, references, mask = _frames(8, _FRAMES), _frames(9, 5), _mask()
    holed = cube.copy()
    holed[1, 4, 12] = np.nan
    library = library_modes(references, 4, mask)
    found = reduce_rdi(holed, _STILL, library, 2, "mean")
    filled = cube.copy()
    filled[1, 4, 12] = cube[[0, 2, 3], 4, 12].mean()
    left = _left(filled, _span(references, mask, 2), mask)
    assert found.image[4, 12] == pytest.approx(left[[0, 2, 3], 4, 12].mean(), abs=1e-4)
    assert found.image[4, 2] == pytest.approx(left[:, 4, 2].mean(), abs=1e-4)
    assert np.isfinite(found.image).all()
    assert reduce_rdi(cube, _STILL, library, 2).frames[1].size == 0


def test_more_modes_than_there_are_are_all_of_them() -> None:
    library = library_modes(_frames(11, 3), 9)
    found = reduce_rdi(_frames(10, _FRAMES), _STILL, library, 8)
    assert found.components == 3
    np.testing.assert_array_equal(with_library_modes(found, 3).image, found.image)
    assert with_library_modes(found, 1).components == 1
    with pytest.raises(ValueError, match="0 components"):
        reduce_rdi(_frames(10, _FRAMES), _STILL, library, 0)
    assert reduce_rdi(_frames(10, _FRAMES), _STILL, library, 1).components == 1
    with pytest.raises(ValueError, match="wanted the same"):
        reduce_rdi(_frames(10, _FRAMES)[:, :, 1:], _STILL, library, 1)


def test_every_pixel_of_a_stamp_that_is_in_the_frame_and_the_mask_counts() -> None:
    data = np.random.default_rng(12).normal(size=(5, 4, 5)).astype(np.float32)
    left, low = np.array([-2, 3, 16, 7, 17]), np.array([5, -1, 4, 12, 13])
    library = library_modes(_frames(13, 4), 3, _mask())
    whole = np.zeros((5, 35, 39))
    for t in range(5):
        whole[t, low[t] + 10 : low[t] + 14, left[t] + 10 : left[t] + 15] = data[t]
    inside = whole[:, 10:25, 10:29] * library.mask
    wanted = np.einsum("tyx,kyx->tk", inside, library.modes[:2])
    np.testing.assert_allclose(_projections(Stamps(data, left, low, data), library, 2), wanted, atol=1e-6)
