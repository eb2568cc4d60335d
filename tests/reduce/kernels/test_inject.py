import numpy as np
import pytest

from reduce.kernels.channels import Channel
from reduce.kernels.inject import companion_stamps, inject, prepare_psf
from reduce.kernels.joint import join
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


def _drawn_out(size: int, sep: float, pa_deg: float, angles: np.ndarray, smear: np.ndarray) -> np.ndarray:
    """The mean of 60 places along the arc of each frame, by the analytic pattern."""
    parts = (np.arange(60) + 0.5) / 60 - 0.5
    return np.asarray(np.mean([track(size, sep, pa_deg, angles + smear * part) for part in parts], axis=0))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_frame_that_turns_draws_a_source_out_along_its_arc(sign: float) -> None:
    angles = np.array([0.0, 13.7, 40.0, -25.0])
    smear = sign * np.array([8.0, 5.0, 0.0, 2.0])  # 4.2, 2.6, 0 and 1 px at 30 px
    x, y = sky_pixel(101, 30.3, 75.0)
    ours = inject(np.zeros((4, 101, 101), np.float32), angles, prepare_psf(_psf()), [(x, y, 5.0)], smear)
    truth = 5.0 * _drawn_out(101, 30.3, 75.0, angles, smear)
    sharp = 5.0 * track(101, 30.3, 75.0, angles)
    for frame, wanted in zip(ours, truth, strict=True):
        near = wanted > 0.05
        assert np.max(np.abs(frame - wanted)[near]) <= 3e-3 * 5.0
    assert ours[0].max() < 0.85 * sharp[0].max()
    assert ours[2].max() == pytest.approx(sharp[2].max(), rel=5e-3)
    assert ours.sum(axis=(1, 2)) == pytest.approx(np.full(4, ours[2].sum()), rel=2e-3)


def test_a_short_arc_is_no_arc() -> None:
    psf, angles = prepare_psf(_psf(8)), np.linspace(0, 20, 3)
    plain = companion_stamps(psf, 55.0, 41.0, angles, (40.0, 40.0))
    for smear, same in ((1.1, True), (1.2, False)):  # 0.29 and 0.31 px at 15.03 px
        found = companion_stamps(psf, 55.0, 41.0, angles, (40.0, 40.0), smear_deg=np.array([0.0, smear, 0.0]))
        assert (found.data.shape == plain.data.shape and np.array_equal(found.data, plain.data)) is same


def test_splines_of_drawn_out_stamps_are_those_of_their_pixels() -> None:
    psf, angles, smear = prepare_psf(_psf(8)), np.linspace(0, 20, 3), np.full(3, 6.0)
    for x, y in ((55.0, 41.0), (78.5, 40.0)):  # the second is at the frame's edge
        stamps = companion_stamps(psf, x, y, angles, (40.0, 40.0), (81, 81), smear)
        frame = inject(np.zeros((3, 81, 81), np.float32), angles, psf, [(x, y, 1.0)], smear)
        for t in range(3):
            low, left = int(stamps.low[t]), int(stamps.left[t])
            size = stamps.data.shape[1]
            inside = frame[t, max(low, 0) : low + size, max(left, 0) : left + size]
            begin = stamps.data[t, max(-low, 0) :, max(-left, 0) :]
            np.testing.assert_allclose(inside, begin[: inside.shape[0], : inside.shape[1]], atol=1e-6)
        wide = stamps.spline
        middle = (wide[:, 1:-1, 1:-1] * 16 + (wide[:, :-2, 1:-1] + wide[:, 2:, 1:-1]) * 4) / 36
        middle += (wide[:, 1:-1, :-2] + wide[:, 1:-1, 2:]) * 4 / 36
        middle += (wide[:, :-2, :-2] + wide[:, 2:, :-2] + wide[:, :-2, 2:] + wide[:, 2:, 2:]) / 36
        if x < 70:  # at the edge the spline sees the source mirrored
            np.testing.assert_allclose(middle[:, 5:-5, 5:-5], stamps.data, atol=1e-4)


def test_channels_pass_the_turn_on() -> None:
    angles, smear = np.linspace(0, 40, 3), np.array([6.0, 3.0, 0.0])
    cube = np.zeros((3, 61, 61), np.float32)
    one = Channel(cube, angles, prepare_psf(_psf(8)), 4.0, 100.0, 1.6, smear)
    truth = inject(cube, angles, one.psf, [(45.0, 33.0, 2.0)], smear)
    np.testing.assert_array_equal(one.with_sources([(45.0, 33.0, 2.0)]).cube, truth)
    assert one.stamps(45.0, 33.0).data.max(axis=(1, 2)) == pytest.approx(truth.max(axis=(1, 2)) / 2, rel=1e-5)
    other = Channel(cube, angles, one.psf, 4.0, 100.0, 1.7, smear)
    both = join([one, other])
    np.testing.assert_array_equal(both.with_sources([(45.0, 33.0, 2.0)]).cube, np.concatenate([truth, truth]))
    peaks = both.stamps(45.0, 33.0).data.max(axis=(1, 2))
    assert peaks == pytest.approx(np.tile(truth.max(axis=(1, 2)) / 2, 2), rel=1e-5)
