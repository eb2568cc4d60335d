"""Stretching about the star against scipy, analytic images and itself."""

import numpy as np
import pytest
from scipy import ndimage

from reduce.kernels.derotate import rotate_splines
from reduce.kernels.inject import MARGIN, companion_stamps, inject, prepare_psf
from reduce.kernels.rescale import covered, rescale, rescaled_stamps
from reduce.kernels.spline import coefficients
from tests.reduce.kernels.planted import airy, airy_flux

SIZE = 61


def _spot(x: float, y: float, fwhm: float, size: int = SIZE) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size]
    return airy(columns - size // 2 - x, rows - size // 2 - y, fwhm)


@pytest.mark.parametrize(("ny", "nx"), [(31, 31), (21, 35), (35, 20)])
@pytest.mark.parametrize("scale", [0.6, 0.93, 1.0, 1.2])
def test_stretching_is_that_of_scipys_cubic_spline(ny: int, nx: int, scale: float) -> None:
    frames = np.random.default_rng(1).normal(size=(3, ny, nx))
    y, x = np.meshgrid(*((np.arange(n) - n // 2) / scale + n // 2 for n in (ny, nx)), indexing="ij")
    ours = rescale(frames, scale)
    for one, frame in zip(ours, frames, strict=True):
        truth = ndimage.map_coordinates(frame, [y, x], order=3, mode="mirror")
        assert np.max(np.abs(one - truth)) <= 2e-5
    assert ours.dtype == np.float32


def test_frames_that_stay_as_they_are_are_copied() -> None:
    frames = np.ones((1, 5, 5), np.float32)
    out = rescale(frames, 1.0)
    out[:] = 0
    assert frames.all()


@pytest.mark.parametrize("scale", [0.6, 0.75, 0.9])
def test_speckles_of_a_longer_wavelength_fall_on_those_of_the_reference(scale: float) -> None:
    """An Airy spot farther out and wider comes to place and width of the reference, where frames reach."""
    at, fwhm = (5.3, -3.8), 4.0
    seen = _spot(at[0] / scale, at[1] / scale, fwhm / scale)
    reached = ndimage.binary_erosion(covered(seen.shape, scale), iterations=4)
    apart = np.abs(rescale(seen[None], scale)[0] - _spot(*at, fwhm))
    assert reached.sum() > 700
    assert np.max(apart[reached]) <= 1.2e-3


@pytest.mark.parametrize(("scale", "fwhm", "most"), [(0.72, 4.6, 1e-3), (0.72, 4.0, 2e-3), (0.9, 4.6, 1e-3)])
def test_there_and_back_in_one_interpolation(scale: float, fwhm: float, most: float) -> None:
    """`fwhm` is what the shrunk spot has; the error is a share of the peak."""
    seen = _spot(12.2, 7.7, fwhm / scale)
    planes = coefficients(rescale(seen[None], scale))
    none = np.zeros((0, 0, 0), np.bool_)
    back = rotate_splines(planes, none, np.zeros(1), scales=np.array([scale]))[0]
    assert np.max(np.abs(back - seen)[8:-8, 8:-8]) <= most


def test_back_and_turned_in_one_interpolation() -> None:
    """PA grows by the angle: a spot at +y goes to -x with 90 degrees."""
    seen = _spot(0.0, 15.0, 5.0)
    planes = coefficients(rescale(seen[None], 0.8))
    none = np.zeros((0, 0, 0), np.bool_)
    turned = rotate_splines(planes, none, np.array([90.0]), scales=np.array([0.8]))[0]
    assert np.max(np.abs(turned - _spot(-15.0, 0.0, 5.0))[8:-8, 8:-8]) <= 2e-3


@pytest.mark.parametrize(("shape", "scale"), [((7, 9), 0.5), ((9, 7), 0.5), ((9, 9), 1.0), ((8, 9), 0.7)])
def test_a_shrunk_frame_covers_what_lies_within_the_frame(shape: tuple[int, int], scale: float) -> None:
    truth = np.zeros(shape, bool)
    for j in range(shape[0]):
        for i in range(shape[1]):
            y, x = (j - shape[0] // 2) / scale + shape[0] // 2, (i - shape[1] // 2) / scale + shape[1] // 2
            truth[j, i] = 0 <= y <= shape[0] - 1 and 0 <= x <= shape[1] - 1
    assert np.array_equal(covered(shape, scale), truth)
    assert truth.any()


@pytest.mark.parametrize(
    ("x", "y"), [(40.3, 22.6), (30.0, 30.0), (59.4, 30.2), (30.7, 0.8), (1.2, 58.9), (75.0, 30.0)]
)
@pytest.mark.parametrize("shape", [(SIZE, SIZE), (57, 65)])
def test_stamps_stretch_as_the_frames_they_are_in(shape: tuple[int, int], x: float, y: float) -> None:
    """Pixels and spline coefficients, at the edges and outside as well; frames at four scales."""
    rows, columns = np.mgrid[-9:10, -9:10]
    psf = prepare_psf(airy(columns, rows) / airy_flux())
    angles, scales = np.array([0.0, 10.0, 20.0, 30.0]), np.array([1.0, 0.9, 0.72, 0.995])
    centre = (float(shape[1] // 2), float(shape[0] // 2))
    stamps = companion_stamps(psf, x, y, angles, centre, shape)
    ours = rescaled_stamps(stamps, scales, centre, shape)
    frames = inject(np.zeros((4, *shape)), angles, psf, [(x, y, 1.0)])
    for t, scale in enumerate(scales):
        truth = rescale(frames[t : t + 1], float(scale))
        inside = covered(shape, float(scale))
        splines = coefficients(truth)[0]
        pixels = _placed(shape, ours.data[t], int(ours.left[t]), int(ours.low[t]))
        assert np.max(np.abs(pixels - truth[0])[inside]) <= 5e-6
        margin = (int(ours.left[t]) - MARGIN, int(ours.low[t]) - MARGIN)
        assert np.max(np.abs(_placed(shape, ours.spline[t], *margin) - splines)[inside]) <= 2e-5


def _placed(shape: tuple[int, int], stamp: np.ndarray, left: int, low: int) -> np.ndarray:
    frame = np.zeros(shape)
    for j in range(stamp.shape[0]):
        for i in range(stamp.shape[1]):
            if 0 <= low + j < shape[0] and 0 <= left + i < shape[1]:
                frame[low + j, left + i] = stamp[j, i]
    return frame
