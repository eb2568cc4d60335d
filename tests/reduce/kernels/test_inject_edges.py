"""An injected source against a Gaussian drawn at its place; edges, gaps, signs and refusals."""

import numpy as np
import pytest

from reduce.kernels.inject import add_stamps, companion_stamps, inject, prepare_psf

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
