"""Frames minus a few images: patches against whole images, those against scipy; small, for plain Python."""

import numpy as np
import pytest
from scipy import ndimage

from reduce.kernels.inject import companion_stamps, prepare_psf
from reduce.kernels.lowrank import less_image, less_patch, mode_images, reach_of_patch, values_of
from reduce.kernels.spline import coefficients
from tests.reduce.kernels.planted import airy

SIZE, FRAMES = 15, 4
ANGLES = np.array([-35.0, 0.0, 20.0, 90.0])
SCALES = np.array([0.7, 1.0, 0.9, 0.8])
NONE = np.zeros((0, 0, 0), np.bool_)


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    frames = rng.normal(size=(FRAMES, SIZE, SIZE)).astype(np.float32)
    modes = rng.normal(size=(2, SIZE, SIZE)).astype(np.float32)
    left = rng.normal(size=(FRAMES, 2))
    left[2, 1] = 0.0
    return frames, modes, left


def _turned(frames: np.ndarray) -> np.ndarray:
    """Each frame unstretched and turned by scipy's spline; NaN outside."""
    middle = SIZE // 2
    y, x = np.indices((SIZE, SIZE)) - middle
    out = []
    for frame, angle, scale in zip(frames, np.radians(ANGLES), SCALES, strict=True):
        px = scale * (np.cos(angle) * x + np.sin(angle) * y) + middle
        py = scale * (np.cos(angle) * y - np.sin(angle) * x) + middle
        value = ndimage.map_coordinates(frame.astype(float), [py, px], order=3, mode="mirror")
        outside = (np.minimum(px, py) < -1e-6) | (np.maximum(px, py) > SIZE - 1 + 1e-6)
        out.append(np.where(outside, np.nan, value))
    return np.array(out)


def test_the_image_is_what_is_left_turned_and_combined(
    data: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    frames, modes, left = data
    ours = less_image((coefficients(frames), NONE), (ANGLES, SCALES), (left, coefficients(modes)), "mean")
    turned = _turned(frames - np.tensordot(left, modes, axes=1))
    truth = np.nanmean(turned, axis=0)
    assert np.allclose(ours, truth, atol=2e-5, equal_nan=True)


@pytest.mark.parametrize(
    ("x", "y", "half"), [(7, 7, 3), (10, 4, 2), (2, 12, 2), (13, 7, 1), (7, 0, 4), (0, 14, 3)]
)
def test_a_patch_is_cut_out_of_the_frames_turned(
    data: tuple[np.ndarray, np.ndarray, np.ndarray], x: int, y: int, half: int
) -> None:
    frames, modes, left = data
    splines = coefficients(modes)
    box = reach_of_patch((SIZE, SIZE), (ANGLES, SCALES), (x, y, half))
    part = splines[:, box[2] : box[3], box[0] : box[1]]
    ours = less_patch(
        (coefficients(frames), NONE), (ANGLES, SCALES), (x, y, half), None, (left, part), (box[0], box[2])
    )
    around = np.pad(
        _turned(frames - np.tensordot(left, modes, axes=1)), ((0, 0), (9, 9), (9, 9)), constant_values=np.nan
    )
    truth = around[:, y + 9 - half : y + 10 + half, x + 9 - half : x + 10 + half]
    inside = np.isfinite(truth)
    assert inside.any()
    assert np.allclose(ours[inside], truth[inside], atol=3e-5)
    within = np.zeros((SIZE + 18, SIZE + 18), bool)
    within[9:-9, 9:-9] = True
    here = within[y + 9 - half : y + 10 + half, x + 9 - half : x + 10 + half]
    assert np.isnan(ours[:, here][~inside[:, here]]).all()


def test_a_signal_enters_its_own_frame(data: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    frames, modes, left = data
    rows, columns = np.mgrid[-2:3, -2:3]
    psf = prepare_psf(airy(columns, rows, 2.5))
    stamps = companion_stamps(psf, 9.3, 6.1, ANGLES, (7.0, 7.0), (SIZE, SIZE))
    added = frames.copy()
    for t in range(FRAMES):
        for j in range(stamps.data.shape[1]):
            for i in range(stamps.data.shape[2]):
                row, column = stamps.low[t] + j, stamps.left[t] + i
                if 0 <= row < SIZE and 0 <= column < SIZE:
                    added[t, row, column] += stamps.data[t, j, i]
    planes, nothing = coefficients(modes), np.ones(FRAMES)
    turns = (ANGLES, nothing)
    box = reach_of_patch((SIZE, SIZE), turns, (9, 6, 3))
    part = planes[:, box[2] : box[3], box[0] : box[1]]
    corner = (box[0], box[2])
    ours = less_patch((coefficients(frames), NONE), turns, (9, 6, 3), stamps, (left, part), corner)
    truth = less_patch((coefficients(added), NONE), turns, (9, 6, 3), None, (left, part), corner)
    assert np.nanmax(np.abs(ours - truth)) <= 5e-4


def test_pixels_without_data_blank_what_is_made_of_them(
    data: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    frames, modes, left = data
    bad = np.zeros(frames.shape, bool)
    bad[1, 7, 9] = True
    turns, place = (np.zeros(FRAMES), np.ones(FRAMES)), (9, 7, 4)
    box = reach_of_patch((SIZE, SIZE), turns, place)
    part = coefficients(modes)[:, box[2] : box[3], box[0] : box[1]]
    patch = less_patch((coefficients(frames), bad), turns, place, None, (left, part), (box[0], box[2]))
    blank = np.isnan(patch)
    assert not blank[[0, 2, 3]].any()
    rows, columns = np.nonzero(blank[1])  # places p whose pixels p - 1 ... p + 2 hold the bad one
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (2, 5, 2, 5)
    assert blank[1].sum() == 16


def test_the_reach_holds_every_place_of_the_patch_and_its_neighbours() -> None:
    """Three pixels about the square that holds the turned patch, and two more where it ends."""
    box = reach_of_patch((41, 31), (np.array([0.0, 90.0]), np.array([1.0, 0.5])), (20, 19, 2))
    # frame 0: (20, 19) +- 5; frame 1: x = 15 + 0.5 (19 - 20), y = 20 - 0.5 (20 - 15), +- 4
    assert box == (10, 27, 13, 26)
    assert reach_of_patch((9, 9), (np.zeros(1), np.ones(1)), (0, 8, 1)) == (0, 6, 4, 9)


@pytest.mark.parametrize(
    ("angle", "stretch", "wanted"),
    [
        (0.0, 1.0, (16, 28, 14, 26)),  # (21, 19) +- 5
        (90.0, 1.1, (8, 22, 8, 21)),  # 15 + 1.1 (19 - 20), 20 - 1.1 (21 - 15), +- 5.2
        (-90.0, 0.55, (11, 22, 19, 30)),  # 15.55, 23.3, +- 4.1
        (45.0, 1.0, (12, 27, 9, 23)),  # 18.54, 15.05, +- 5.83
    ],
)
def test_the_reach_of_one_frame(angle: float, stretch: float, wanted: tuple[int, int, int, int]) -> None:
    assert reach_of_patch((41, 31), (np.array([angle]), np.array([stretch])), (21, 19, 2)) == wanted


def test_mode_images_are_sums_of_frames(data: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    frames, _, right = data
    ours = mode_images(frames[:, 2:9, 3:7], right)
    assert ours.shape == (2, 7, 4)
    assert np.allclose(ours, np.tensordot(right.T, frames[:, 2:9, 3:7], axes=1), atol=1e-5)


@pytest.mark.parametrize("box", [(0, SIZE, 0, SIZE), (3, 9, 5, 7), (13, SIZE, 0, 2), (4, 4, 2, 5)])
def test_values_are_those_that_the_spline_was_made_of(
    data: tuple[np.ndarray, np.ndarray, np.ndarray], box: tuple[int, int, int, int]
) -> None:
    ours = values_of(coefficients(data[0]), box)
    assert np.allclose(ours, data[0][:, box[2] : box[3], box[0] : box[1]], atol=1e-5)
