"""An injected source against a Gaussian drawn at its place; edges, gaps, signs and refusals."""

import numpy as np
import pytest
from scipy import ndimage

from reduce.kernels.inject import MARGIN, add_stamps, companion_stamps, inject, prepare_psf
from reduce.kernels.spline import coefficients

_WIDTH = 1.6


def _gauss(ny: int, nx: int, x: float, y: float) -> np.ndarray:
    rows, columns = np.indices((ny, nx))
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * _WIDTH**2))


def _psf(half: int = 9) -> np.ndarray:
    return _gauss(2 * half + 1, 2 * half + 1, half, half)


@pytest.mark.parametrize("place", [(20.0, 15.0), (20.5, 15.5), (19.3, 17.9), (12.2, 12.6)])
def test_a_source_stands_at_its_place_less_the_frames_angle(place: tuple[float, float]) -> None:
    angles = np.array([0.0, 33.0, -71.0, 180.0])
    cube = inject(np.zeros((4, 31, 33)), angles, prepare_psf(_psf()), [(*place, 5.0)])
    radius, pa = np.hypot(place[0] - 16, place[1] - 15), np.arctan2(16 - place[0], place[1] - 15)
    for frame, angle in zip(cube, np.radians(angles), strict=True):
        x, y = 16 - radius * np.sin(pa - angle), 15 + radius * np.cos(pa - angle)
        np.testing.assert_allclose(frame, 5.0 * _gauss(31, 33, x, y), atol=0.02)


def test_a_wide_psf_is_kept_to_its_rim() -> None:
    psf = np.random.default_rng(1).uniform(size=(7, 7))
    cube = inject(np.zeros((1, 21, 23)), np.zeros(1), prepare_psf(psf), [(12.0, 9.0, 1.0)])
    wanted = np.zeros((21, 23))
    wanted[6:13, 9:16] = psf
    np.testing.assert_allclose(cube[0], wanted, atol=2e-6)


def test_less_of_the_psf_can_be_kept() -> None:
    psf = np.random.default_rng(2).uniform(size=(9, 9))
    cut = prepare_psf(psf, 2)
    assert cut.half == 2
    assert prepare_psf(psf, 7).half == prepare_psf(psf).half == 4
    np.testing.assert_array_equal(cut.spline, prepare_psf(psf[2:7, 2:7]).spline)
    cube = inject(np.zeros((1, 21, 21)), np.zeros(1), cut, [(10.0, 10.0, 1.0)])
    np.testing.assert_allclose(cube[0, 8:13, 8:13], psf[2:7, 2:7], atol=2e-6)
    assert np.abs(cube[0, :7]).max() == 0.0


@pytest.mark.parametrize(
    "place", [(0.4, 10.0), (21.8, 10.0), (11.0, 0.3), (11.0, 19.7), (-4.0, 10.0), (40.0, 40.0)]
)
def test_what_falls_off_the_frame_is_lost(place: tuple[float, float]) -> None:
    cube = inject(np.zeros((1, 21, 23)), np.zeros(1), prepare_psf(_psf()), [(*place, 1.0)])
    np.testing.assert_allclose(cube[0], _gauss(21, 23, *place), atol=3e-3)


def test_fluxes_add_up_and_negative_ones_take_away() -> None:
    rng = np.random.default_rng(3)
    cube = rng.normal(size=(2, 21, 21))
    before = cube.copy()
    psf, angles = prepare_psf(_psf(4)), np.array([10.0, 50.0])
    sources = [(13.2, 9.1, 4.0), (6.0, 12.0, 2.5)]
    full = inject(cube, angles, psf, sources)
    assert full.dtype == np.float32
    np.testing.assert_array_equal(cube, before)
    np.testing.assert_allclose(
        inject(full, angles, psf, [(x, y, -f) for x, y, f in sources]), cube, atol=1e-5
    )
    one = inject(cube, angles, psf, sources[:1]) - cube
    two = inject(cube, angles, psf, sources[1:]) - cube
    np.testing.assert_allclose(full - cube, one + two, atol=1e-5)
    np.testing.assert_array_equal(inject(cube.astype(np.float32), angles, psf, []), cube.astype(np.float32))


def test_no_data_stay_no_data() -> None:
    cube = np.zeros((1, 21, 21))
    cube[0, 10, 12] = np.nan
    found = inject(cube, np.zeros(1), prepare_psf(_psf(4)), [(11.0, 10.0, 1.0)])
    assert np.argwhere(np.isnan(found)).tolist() == [[0, 10, 12]]


def test_a_stamp_holds_the_whole_shifted_psf() -> None:
    stamps = companion_stamps(prepare_psf(_psf(6)), 14.37, 9.81, np.array([0.0, 20.0]), (10.0, 10.0))
    np.testing.assert_allclose(stamps.data.sum(axis=(1, 2)), _psf(6).sum(), rtol=1e-4)
    box = np.zeros((21, 21, 2), np.float32)
    add_stamps(box, stamps.data, stamps.left, stamps.low, 2.0)
    add_stamps(box, stamps.data, stamps.left, stamps.low, -0.5)
    np.testing.assert_allclose(box[..., 0], 1.5 * _gauss(21, 21, 14.37, 9.81), atol=3e-3)


@pytest.mark.parametrize("shape", [(4, 4), (5, 7), (5,), (3, 5, 5)])
def test_a_psf_that_is_no_odd_square_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="wanted an odd square"):
        prepare_psf(np.ones(shape))


def test_a_psf_with_gaps_is_refused() -> None:
    psf = _psf()
    psf[0, 0] = np.nan
    with pytest.raises(ValueError, match="without data"):
        prepare_psf(psf)


def _in_frame(planes: np.ndarray, left: int, low: int, shape: tuple[int, int]) -> np.ndarray:
    """What of a plane whose first pixel is (left, low) lies in a frame, zeros elsewhere."""
    out = np.zeros(shape, planes.dtype)
    right, top = min(left + planes.shape[1], shape[1]), min(low + planes.shape[0], shape[0])
    if right > max(left, 0) and top > max(low, 0):
        out[max(low, 0) : top, max(left, 0) : right] = planes[
            max(low, 0) - low : top - low, max(left, 0) - left : right - left
        ]
    return out


@pytest.mark.parametrize("place", [(11.2, 9.3), (10.7, 8.6), (11.5, 9.5), (11.49, 8.5)])
def test_a_psf_between_pixels_is_whole_on_all_its_sides(place: tuple[float, float]) -> None:
    """Against scipy's spline of a PSF that does not fade to its rim."""
    psf = np.random.default_rng(4).uniform(1.0, 2.0, size=(7, 7))
    stamps = companion_stamps(prepare_psf(psf), *place, np.zeros(1), (11.0, 10.0))
    drawn = np.zeros((45, 45))
    drawn[19:26, 19:26] = psf
    ix, iy = int(np.floor(place[0] + 0.5)), int(np.floor(place[1] + 0.5))
    moved = ndimage.shift(drawn, (place[1] - iy, place[0] - ix), order=3, mode="mirror")
    assert (stamps.left[0], stamps.low[0]) == (ix - 4, iy - 4)
    np.testing.assert_allclose(stamps.data[0], moved[18:27, 18:27], atol=2e-3)
    assert np.abs(moved[18:27, 18:27][[0, -1]]).max() > 0.05


@pytest.mark.parametrize(
    ("shape", "place"),
    [
        ((31, 33), (20.0, 15.0)),
        ((31, 33), (3.2, 12.0)),
        ((31, 33), (29.4, 12.3)),
        ((31, 33), (14.0, 2.4)),
        ((31, 33), (15.7, 28.2)),
        ((31, 33), (33.6, 33.3)),
        ((31, 33), (-2.4, -3.1)),
        ((31, 33), (-10.0, 14.0)),
        ((31, 33), (14.0, 40.0)),
        ((23, 45), (31.2, 11.3)),
        ((45, 23), (11.3, 31.2)),
        ((45, 23), (11.3, 23.0)),
    ],
)
def test_the_splines_of_a_stamp_are_those_of_the_frame(
    shape: tuple[int, int], place: tuple[float, float]
) -> None:
    """A frame's spline sees the frame mirrored at its edges: so must the source's."""
    psf = prepare_psf(np.random.default_rng(5).uniform(1.0, 2.0, size=(9, 9)))
    angles = np.array([0.0, 25.0, 90.0, 180.0])
    frames = inject(np.zeros((4, *shape)), angles, psf, [(*place, 1.0)])
    stamps = companion_stamps(psf, *place, angles, (shape[1] // 2, shape[0] // 2), shape)
    for frame, spline, left, low in zip(
        coefficients(frames), stamps.spline, stamps.left, stamps.low, strict=True
    ):
        found = _in_frame(spline, left - MARGIN, low - MARGIN, shape)
        np.testing.assert_allclose(found, frame, atol=0.03)


def test_the_margin_holds_the_spline_to_four_ten_thousandths_of_the_last_pixel() -> None:
    psf = prepare_psf(np.ones((5, 5)))
    frame = inject(np.zeros((1, 45, 45)), np.zeros(1), psf, [(22.0, 22.0, 1.0)])
    stamps = companion_stamps(psf, 22.0, 22.0, np.zeros(1), (22.0, 22.0))
    whole = coefficients(frame)[0]
    left = whole - _in_frame(stamps.spline[0], stamps.left[0] - MARGIN, stamps.low[0] - MARGIN, (45, 45))
    assert np.abs(left).max() < 4e-4


def test_stamps_need_not_be_square() -> None:
    values = np.arange(1.0, 16.0, dtype=np.float32).reshape(1, 3, 5)
    for turned in (values, values.transpose(0, 2, 1)):
        box = np.zeros((9, 9, 1), np.float32)
        add_stamps(box, turned, np.array([2]), np.array([3]), 1.0)
        np.testing.assert_array_equal(box[3 : 3 + turned.shape[1], 2 : 2 + turned.shape[2], 0], turned[0])
        assert box.sum() == values.sum()
