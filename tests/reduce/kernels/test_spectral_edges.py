"""Parts of the reduction across wavelengths, small: gaps, boxes, products, groups."""

import numpy as np
import pytest

from reduce.kernels.asdi import joint_grid, reduce_asdi, reduce_sdi, with_joint_components
from reduce.kernels.channels import Channel
from reduce.kernels.inject import prepare_psf
from reduce.kernels.joint import JointChannel, join
from reduce.kernels.rescale import covered, rescale
from reduce.kernels.spectral import (
    Modes,
    _cross,
    _dense,
    _shared,
    _stretched,
    _together,
    align,
    channel_images,
    reduce_groups,
)
from reduce.kernels.subspace import SMALL
from tests.reduce.kernels.planted import airy, airy_flux

SIZE, TIMES = 25, 4
ANGLES = np.array([-20.0, 0.0, 25.0, 50.0])


def _joint(wavelengths: tuple[float, ...] = (1.0, 1.1, 1.25), seed: int = 1) -> JointChannel:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-6:7, -6:7]
    return join(
        [
            Channel(
                rng.normal(size=(TIMES, SIZE, SIZE)).astype(np.float32) * 3 + 10,
                ANGLES,
                prepare_psf(airy(x, y, 4.0 * w) / airy_flux(4.0 * w)),
                4.0 * w,
                1e4 * w,
                w,
            )
            for w in wavelengths
        ]
    )


@pytest.mark.parametrize(
    ("frames", "grid"),
    [
        (1, (2,)),
        (6, (2,)),
        (11, (2,)),
        (12, (2, 4)),
        (191, (2, 4, 8, 16, 32)),
        (192, (2, 4, 8, 16, 32, 64)),
        (9999, (2, 4, 8, 16, 32, 64)),
    ],
)
def test_numbers_of_components_go_up_to_a_third_of_the_frames(frames: int, grid: tuple[int, ...]) -> None:
    assert joint_grid(frames) == grid


@pytest.mark.parametrize("scale", [1.0, 0.9, 0.62])
def test_a_gap_spoils_the_pixels_whose_spline_it_lies_in(scale: float) -> None:
    """One pixel's four neighbours each way: floor(place) - 1 ... floor(place) + 2."""
    frames = np.random.default_rng(2).normal(size=(3, 15, 19)).astype(np.float32)
    gap = (1, 4, 12)
    frames[gap] = np.nan
    out, touched = _stretched(frames, scale)
    wanted = np.zeros(frames.shape, bool)
    for j in range(15):
        for i in range(19):
            row, column = (j - 7) / scale + 7, (i - 9) / scale + 9
            first_row, first_column = np.floor(row) - 1, np.floor(column) - 1
            near = first_row <= 4 <= first_row + 3 and first_column <= 12 <= first_column + 3
            wanted[1, j, i] = (j, i) == (4, 12) if scale == 1.0 else near
    inside = covered((15, 19), scale)
    assert np.array_equal(touched[:, inside], wanted[:, inside])
    assert touched.any()
    filled = frames.copy()
    filled[gap] = np.mean(frames[[0, 2], 4, 12])
    assert np.allclose(out, rescale(filled, scale), atol=1e-6)


def test_a_pixel_that_no_frame_has_is_filled_with_nothing() -> None:
    frames = np.ones((2, 9, 9), np.float32)
    frames[:, 2, 3] = np.nan
    out, touched = _stretched(frames, 1.0)
    assert (out[:, 2, 3] == 0).all()
    assert touched.sum() == 2


def test_frames_are_aligned_over_the_pixels_that_all_channels_reach() -> None:
    joint, mask = _joint(), np.zeros((SIZE, SIZE), bool)
    mask[3:20, 2:] = True
    found = align(joint, mask)
    reached = covered((SIZE, SIZE), 1 / 1.25)
    assert np.array_equal(found.mask, (reached & mask).astype(np.float32))
    frames = np.concatenate(
        [
            rescale(joint.cube[c * TIMES : (c + 1) * TIMES], float(s))
            for c, s in enumerate((1.0, 1 / 1.1, 1 / 1.25))
        ]
    ).astype(np.float64)
    less = (frames - frames.mean(axis=0))[:, reached & mask]
    assert np.allclose(found.gram, less @ less.T, rtol=1e-4, atol=1e-3)
    raw = frames[:, reached & mask]
    assert np.allclose(align(joint, mask, centred=False).gram, raw @ raw.T, rtol=1e-6)
    assert np.array_equal(found.bad, np.broadcast_to(~reached, found.bad.shape))
    assert found.turns[1] == pytest.approx(np.repeat([1.0, 1 / 1.1, 1 / 1.25], TIMES))
    assert found.times == TIMES
    assert np.array_equal(align(joint).mask, reached.astype(np.float32))


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [
        ((0, 5, 0, 5), (3, 9, 2, 4), (3, 5, 2, 4)),
        ((0, 5, 0, 5), (4, 9, 4, 8), (4, 5, 4, 5)),
        ((0, 5, 0, 5), (5, 9, 0, 5), None),
        ((0, 5, 0, 5), (0, 5, 5, 8), None),
        ((6, 9, 6, 9), (0, 4, 7, 8), None),
    ],
)
def test_boxes_share_what_lies_in_both(
    first: tuple[int, int, int, int], second: tuple[int, int, int, int], wanted: tuple[int, ...] | None
) -> None:
    assert _shared(first, second) == wanted
    assert _shared(second, first) == wanted


def test_stamps_lie_in_their_box_where_the_frame_is() -> None:
    stamps = np.arange(1, 19, dtype=np.float32).reshape(2, 3, 3)
    left, low = np.array([-1, 6]), np.array([2, 8])
    box, frames = _dense(stamps, left, low, (10, 8))
    assert box == (0, 8, 2, 10)
    whole = np.zeros((2, 10, 8), np.float32)
    whole[0, 2:5, :2] = stamps[0, :, 1:]
    whole[1, 8:, 6:] = stamps[1, :2, :2]
    assert np.array_equal(frames, whole[:, 2:10, 0:8])


@pytest.mark.parametrize("size", [5, SMALL + 70])
def test_products_are_those_of_all_pixels(size: int) -> None:
    """A source in few pixels of the box, another place in each frame, and frames without any."""
    rng = np.random.default_rng(3)
    first = rng.normal(size=(size, 9, 11)).astype(np.float32)
    second = np.zeros_like(first)
    for n in range(0, size, 2):
        row, column = n % 7, n % 9
        second[n, row : row + 2, column : column + 3] = rng.normal(size=(2, 3))
    second[size // 2 :] = 0
    second[-1, -1, -1] = second[0, 0, 0] = 2.0
    truth = first.reshape(size, -1).astype(float) @ second.reshape(size, -1).T
    assert np.allclose(_cross(first, second), truth, atol=1e-4)
    own = second.reshape(size, -1).astype(float)
    assert np.allclose(_cross(second, second), own @ own.T, atol=1e-4)


def test_groups_keep_to_their_frames_and_images() -> None:
    ones, twos = np.full((2, 1), 1.0), np.full((2, 3), 2.0)
    groups = [slice(0, None, 2), slice(1, None, 2)]
    left, right = _together(groups, [Modes(ones, -ones, ones), Modes(twos, -twos, twos)], 4)
    wanted = np.array([[1, 0, 0, 0], [0, 2, 2, 2], [1, 0, 0, 0], [0, 2, 2, 2]])
    assert np.array_equal(left, wanted)
    assert np.array_equal(right, -wanted)


def _nothing(gram: np.ndarray, start: np.ndarray | None) -> Modes:
    del start
    none = np.zeros((len(gram), 1))
    return Modes(none, none, none)


def test_weights_that_are_given_are_taken_and_images_come_back_in_adu() -> None:
    joint = _joint()
    weights = np.array([1.0, 0.0, 2.0])
    groups = [slice(None)]
    given = reduce_groups(align(joint), groups, _nothing, "mean", (weights, joint.spectrum))
    assert given.weights is weights
    short, _, long = given.images
    wanted = np.where(np.isnan(short), long, (short + 2 * long) / 3)  # the longer one reaches farther
    assert np.allclose(given.image, wanted, equal_nan=True, atol=1e-5)
    images = channel_images([joint], [given])
    for image, own, unit in zip(images, given.images, joint.units, strict=True):
        assert np.allclose(image, own * unit, rtol=1e-6, equal_nan=True)
    single = Channel(joint.cube[:TIMES], ANGLES, joint.psf, 4.0, 1e4)
    assert np.array_equal(channel_images([single], [given])[0], given.image, equal_nan=True)


def test_of_one_channel_kind_the_patch_holds_each_channels_gap() -> None:
    """A pixel without data in one frame: mean and median go on without it, as in the image."""
    joint = _joint()
    cube = joint.cube.copy()
    cube[5, 12, 15] = np.nan
    holed = join(
        [
            Channel(
                cube[c * TIMES : (c + 1) * TIMES] * np.float32(joint.units[c]), ANGLES, psf, 4.0, 1e4 * w, w
            )
            for c, (psf, w) in enumerate(zip(joint.psfs, (1.0, 1.1, 1.25), strict=True))
        ]
    )
    for how in ("mean", "median"):
        reduction = reduce_asdi(holed, 2, how=how)
        patch = reduction.patch([], 13, 12, 4)
        assert np.allclose(patch, reduction.image[8:17, 9:18], atol=1e-4, equal_nan=True)
        other = with_joint_components(reduction, 2)
        assert np.allclose(other.image, reduction.image, atol=1e-5, equal_nan=True)


def test_no_components_leave_all_but_the_mean() -> None:
    """Of one wavelength and without turn the image is the frames' own."""
    joint = join([_flat_channel(seed) for seed in range(3)])
    found = reduce_asdi(joint, 0)
    less = joint.cube - joint.cube.mean(axis=0)
    assert np.allclose(found.images, less.reshape(3, 1, SIZE, SIZE)[:, 0], atol=1e-5)


def test_as_many_components_as_there_may_be_leave_nothing() -> None:
    joint = join([_flat_channel(seed) for seed in range(3)])
    assert np.abs(reduce_asdi(joint, 2).images).max() < 1e-3
    some = reduce_sdi(joint, 2).images.reshape(3, -1)
    data = joint.cube.reshape(3, -1).astype(np.float64)
    u, s, vt = np.linalg.svd(data, full_matrices=False)
    assert np.allclose(some, s[2] * u[:, 2:] @ vt[2:], atol=1e-3)


def _flat_channel(seed: int) -> Channel:
    y, x = np.mgrid[-6:7, -6:7]
    frame = np.random.default_rng(seed).normal(size=(1, SIZE, SIZE)).astype(np.float32)
    return Channel(frame, np.zeros(1), prepare_psf(airy(x, y) / airy_flux()), 4.0, 1e4, 1.6)


def test_another_number_of_components_of_sdi_is_the_reduction_with_it() -> None:
    several, single, pair = _joint(), join([_flat_channel(seed) for seed in range(3)]), _joint((1.0, 1.2))
    for joint, first, second in ((several, 2, 1), (single, 2, 1), (pair, 1, 1)):
        other = with_joint_components(reduce_sdi(joint, first), second)
        direct = reduce_sdi(joint, second)
        assert np.allclose(other.images, direct.images, atol=1e-5, equal_nan=True)
