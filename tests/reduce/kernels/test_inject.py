import numpy as np
import pytest

from reduce.kernels.inject import companion_stamps, inject, prepare_psf
from tests.reduce.kernels.planted import airy, sky_pixel, track


def _psf(half: int = 15) -> np.ndarray:
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    return airy(x, y)


def test_an_injected_source_is_the_pattern_at_its_place_in_every_frame() -> None:
    angles = np.array([0.0, 13.7, 40.0, -25.0])
    x, y = sky_pixel(81, 22.3, 75.0)
    ours = inject(np.zeros((4, 81, 81), np.float32), angles, prepare_psf(_psf()), [(x, y, 5.0)])
    truth = 5.0 * track(81, 22.3, 75.0, angles)
    for frame, wanted in zip(ours, truth, strict=True):
        near = wanted > 0.01
        assert np.max(np.abs(frame - wanted)[near]) <= 2e-3 * 5.0


def test_what_was_injected_can_be_taken_away_again() -> None:
    rng = np.random.default_rng(1)
    cube = rng.normal(size=(5, 51, 51)).astype(np.float32)
    angles, psf = np.linspace(0, 30, 5), prepare_psf(_psf())
    there = inject(cube, angles, psf, [(35.0, 31.2, 9.0)])
    assert np.max(np.abs(there - cube)) > 8.0
    assert np.max(np.abs(inject(there, angles, psf, [(35.0, 31.2, -9.0)]) - cube)) <= 1e-5


def test_flux_falls_out_of_the_frame_silently_and_gaps_stay() -> None:
    cube = np.zeros((1, 31, 31), np.float32)
    cube[0, 28, 28] = np.nan
    ours = inject(cube, np.zeros(1), prepare_psf(_psf()), [(29.5, 29.5, 1.0)])
    assert np.isnan(ours[0, 28, 28])
    assert ours[0, 30, 30] > 0.3


def test_stamps_of_unit_flux_carry_the_psfs_flux() -> None:
    stamps = companion_stamps(prepare_psf(_psf(12)), 40.3, 51.9, np.linspace(0, 80, 9), (30.0, 30.0))
    inner = stamps.data.sum(axis=(1, 2))
    assert np.allclose(inner, _psf(12).sum(), rtol=2e-3)


@pytest.mark.parametrize("psf", [np.ones((4, 4)), np.ones((5, 3)), np.full((5, 5), np.nan)])
def test_a_psf_must_be_an_odd_square_of_numbers(psf: np.ndarray) -> None:
    with pytest.raises(ValueError, match="PSF"):
        prepare_psf(psf)
