"""Frames turned and combined, nothing else."""

import warnings

import numpy as np
import pytest
from scipy import ndimage

from reduce.kernels.inject import Stamps, companion_stamps, prepare_psf
from reduce.kernels.noadi import reduce_noadi
from reduce.kernels.reduction import Parts, WholeReduction, cut, picture, product_image
from tests.reduce.kernels.planted import speckle_sequence, track

_ANGLES = np.array([-30.0, -11.0, 4.0, 15.0, 33.0, 62.0, 0.0])
_SHAPE, _CENTRE = (27, 29), (14.0, 13.0)


def _cube(*, gaps: bool = False) -> np.ndarray:
    cube = np.random.default_rng(1).normal(size=(7, *_SHAPE)) * 5 + 100
    if gaps:
        cube[2, 17, 9] = cube[:, 14, 7] = cube[6, 4, 4] = np.nan
    return cube.astype(np.float32)


def _source(x: float, y: float, flux: float, angles: np.ndarray = _ANGLES) -> list[tuple[Stamps, float]]:
    size = np.arange(7) - 3.0
    psf = prepare_psf(np.exp(-(size[None] ** 2 + size[:, None] ** 2) / 4.0))
    return [(companion_stamps(psf, x, y, angles, _CENTRE, _SHAPE), flux)]


@pytest.mark.parametrize("turn", [0.0, 360.0, -720.0])
@pytest.mark.parametrize("how", ["median", "mean"])
def test_without_rotation_it_is_the_plain_combination_exactly(turn: float, how: str) -> None:
    cube = _cube(gaps=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of the pixel that no frame has
        wanted = np.nanmedian(cube, axis=0) if how == "median" else np.nanmean(cube.astype(float), axis=0)
    found = reduce_noadi(cube, np.full(7, turn), how).whole
    np.testing.assert_array_equal(found, wanted.astype(np.float32))


def test_one_frame_is_turned_as_scipy_turns_it() -> None:
    cube = speckle_sequence(np.random.default_rng(2), 1, 41)
    found = reduce_noadi(cube, np.array([25.0])).whole
    wanted = ndimage.rotate(cube[0].astype(np.float64), -25.0, reshape=False, order=3, mode="mirror")
    near = np.hypot(*(np.indices((41, 41)) - 20)) < 19
    np.testing.assert_allclose(found[near], wanted[near], atol=1e-4 * np.abs(cube).max())


def test_mirrored_angles_give_the_mirrored_image() -> None:
    cube, angles = speckle_sequence(np.random.default_rng(3), 9, 31), np.linspace(-10.0, 35.0, 9)
    image = reduce_noadi(cube, angles).whole
    mirrored = reduce_noadi(cube[:, :, ::-1].copy(), -angles).whole[:, ::-1]
    assert np.nanmax(np.abs(image - mirrored)) <= 1e-6 * np.nanmax(np.abs(image))


def test_a_companion_keeps_its_whole_flux() -> None:
    angles = np.linspace(0.0, 60.0, 12)
    cube = (100.0 * track(51, 18.0, 130.0, angles)).astype(np.float32)
    image = reduce_noadi(cube, angles).whole
    x, y = 25 - 18 * np.sin(np.radians(130)), 25 + 18 * np.cos(np.radians(130))
    assert image[round(y), round(x)] == pytest.approx(
        track(51, 18.0, 130.0, np.zeros(1))[0][round(y), round(x)] * 100, rel=5e-3
    )


@pytest.mark.parametrize("how", ["median", "mean"])
@pytest.mark.parametrize("angles", [_ANGLES, np.zeros(7)])
def test_patch_and_whole_agree(how: str, angles: np.ndarray) -> None:
    cube = _cube()
    fast, whole = reduce_noadi(cube, angles, how), WholeReduction(cube, angles, lambda c, _: c, how)
    np.testing.assert_allclose(fast.whole, whole.image, atol=2e-4)
    parts: Parts = [*_source(18.3, 16.6, 30.0, angles), *_source(17.0, 11.2, -12.0, angles)]
    for sources, x, y, half in (
        ([], 14, 13, 6),
        (parts[:1], 18, 16, 3),
        (parts, 16, 14, 2),
        (parts, 2, 25, 4),
    ):
        found = fast.patch(sources, x, y, half)
        if 4 <= x <= 24 and 4 <= y <= 22:
            wanted = whole.patch(sources, x, y, half) - cut(fast.profile, x, y, half)
            np.testing.assert_allclose(found, wanted, atol=1e-3)
        assert found.shape == (2 * half + 1, 2 * half + 1)


@pytest.mark.parametrize("place", [(2, 13), (27, 13), (14, 1), (14, 25), (1, 2), (27, 26)])
@pytest.mark.parametrize("angles", [_ANGLES, np.zeros(7)])
def test_a_patch_is_the_images_with_gaps_and_beyond_the_rim(
    place: tuple[int, int], angles: np.ndarray
) -> None:
    fast = reduce_noadi(_cube(gaps=True), angles)
    x, y = place
    padded = np.pad(fast.image, 3, constant_values=np.nan)[y : y + 7, x : x + 7]
    found, there = fast.patch([], x, y, 3), np.isfinite(padded)
    assert there.any()
    np.testing.assert_allclose(found[there], padded[there], atol=2e-4)
    if angles[0] == 0:  # frames that turn reach beyond the image
        np.testing.assert_array_equal(np.isfinite(found), there)


def test_a_source_in_still_frames_is_added_where_it_lies() -> None:
    fast = reduce_noadi(_cube(), np.zeros(7))
    found = fast.patch(_source(18.0, 12.0, 30.0, np.zeros(7)), 17, 12, 3) - fast.patch([], 17, 12, 3)
    size = np.arange(7) - 3.0
    dx, dy = size[None] - 1, size[:, None]
    wanted = 30 * np.exp(-(dx**2 + dy**2) / 4.0) * (np.abs(dx) <= 3)
    np.testing.assert_allclose(found[:, 1:6], wanted[:, 1:6], atol=0.02)


@pytest.mark.parametrize("gap", [False, True])
def test_the_search_sees_no_halo_and_the_product_keeps_it(*, gap: bool) -> None:
    """A halo that falls with the distance alone: gone from the image, whole in the product; a spot stays."""
    y, x = np.indices((41, 41)) - 20
    halo, spot = 500.0 / (3.0 + np.hypot(y, x)), 20.0 * np.exp(-((x - 9) ** 2 + (y + 5) ** 2) / 4.0)
    frame = (halo + spot).astype(np.float32)
    if gap:
        frame[3, 30] = np.nan
    made = reduce_noadi(frame[None], np.zeros(1))
    np.testing.assert_array_equal(made.whole, frame)
    rim = np.hypot(y, x) > 2.5  # nearer, a ring of a pixel's width is not flat
    np.testing.assert_allclose(made.image[rim], (frame - halo)[rim], atol=1.5)
    np.testing.assert_array_equal(made.image + made.profile, frame)
    assert np.isfinite(made.profile).all()
    shown = picture(made)
    np.testing.assert_array_equal(product_image(shown), frame)
    np.testing.assert_array_equal(shown.image, made.image)
