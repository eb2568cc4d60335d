from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from reduce.simulate.detector import BAD_KINDS, Detector, make_detector, perfect_detector
from reduce.simulate.instrument import FIELDS, GAIN, NAXIS1, NAXIS2, READ_NOISE

SHAPE = (NAXIS2, NAXIS1)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return make_detector(np.random.default_rng(7))


def scatter(detector: Detector, rate: float, dit_s: float, good: np.ndarray) -> tuple[float, float]:
    """Mean and variance of a good pixel's counts from the difference of two frames."""
    rng = np.random.default_rng(2)
    light = np.full(SHAPE, rate, dtype=np.float32)
    first, second = (detector.read(light, dit_s, rng).astype(float) for _ in range(2))
    return float((first + second)[good].mean() / 2), float((first - second)[good].var() / 2)


def test_photon_transfer_gives_gain_and_read_noise() -> None:
    everywhere = np.ones(SHAPE, dtype=bool)
    perfect = perfect_detector()
    mean, variance = scatter(perfect, 3000.0, 4.0, everywhere)
    assert mean == pytest.approx(3000.0 * 4.0 / GAIN, rel=1e-4)
    assert mean / variance == pytest.approx(GAIN, rel=5e-3)


def test_dark_frame_shows_read_noise(detector: Detector) -> None:
    good = detector.bad == 0
    _, variance = scatter(detector, 0.0, 1.0, good)
    drift = 0.6**2 + 0.5**2
    assert np.sqrt(variance - drift) * GAIN == pytest.approx(READ_NOISE, rel=0.02)


def test_noise_falls_as_the_root_of_the_frames(detector: Detector) -> None:
    rng = np.random.default_rng(4)
    light = np.full(SHAPE, 50.0, dtype=np.float32)
    good = np.flatnonzero((detector.bad == 0) & (detector.response > 0.8))[:400_000]
    frames = np.array([detector.read(light, 8.0, rng).ravel()[good] for _ in range(8)], dtype=float)
    single = frames.std(axis=0, ddof=1)
    halves = frames[:4].mean(axis=0) - frames[4:].mean(axis=0)
    assert halves.std() * np.sqrt(2) == pytest.approx(np.sqrt((single**2).mean()), rel=0.02)


def test_bad_pixels_behave_as_their_kind(detector: Detector) -> None:
    rng = np.random.default_rng(3)
    dark = np.zeros(SHAPE, dtype=np.float32)
    long = detector.read(dark, 64.0, rng)
    lit = detector.read(np.full(SHAPE, 2000.0, dtype=np.float32), 4.0, rng)
    inside = detector.response[detector.bad == 0] > 0.8
    kinds = {name: detector.bad == code for code, name in BAD_KINDS.items()}
    assert np.median(long[kinds["hot"]]) > 1000
    assert np.median(long[detector.bad == 0][inside]) < 25
    assert np.median(lit[kinds["dead"]]) < 200
    assert np.median(lit[detector.bad == 0][inside]) > 4000


def test_pixels_that_are_not_linear_lose_their_share_at_half_the_full_well(detector: Detector) -> None:
    rng = np.random.default_rng(5)
    curved = (detector.bad == 5) & (detector.response > 0.8)
    assert BAD_KINDS[5] == "not linear"
    assert 2e-4 < curved.mean() < 5e-4
    assert ((detector.loss > 0) == (detector.bad == 5)).all()
    assert (detector.loss[curved] >= 0.05).all()
    assert (detector.loss[curved] <= 0.12).all()
    for full, lost in ((0.5, 1.0), (0.05, 0.1)):
        light = (full * 52_000.0 * GAIN / np.maximum(detector.response, 0.1)).astype(np.float32)
        frames = np.mean([detector.read(light, 1.0, rng) for _ in range(8)], axis=0) - detector.bias
        share = 1 - frames[curved] / (full * 52_000.0)
        slope = np.polyfit(detector.loss[curved].astype(float), share, 1)[0]
        assert slope == pytest.approx(lost, rel=0.1, abs=0.03)


def test_full_well_stops_the_counts() -> None:
    frame = perfect_detector().read(np.full(SHAPE, 1e6, dtype=np.float32), 10.0, np.random.default_rng(1))
    assert frame.max() == frame.min() == 52_000.0


def middle(field: int) -> tuple[slice, slice]:
    return slice(200, 800), slice(field * 1024 + 200, field * 1024 + 800)


def test_bad_pixel_density_is_that_of_the_real_map(shared_data: Path, detector: Detector) -> None:
    real = fits.getdata(shared_data / "irdis_static_calib" / "master_badpix.fits") == 0
    for field in (0, 1):
        ours = (detector.bad > 0)[middle(field)].mean()
        assert ours == pytest.approx(real[middle(field)].mean(), rel=0.25)


def test_flat_resembles_the_real_one(shared_data: Path, detector: Detector) -> None:
    real = fits.getdata(shared_data / "irdis_static_calib" / "master_flat_H.fits").astype(float)
    for field, one in enumerate(FIELDS):
        fine = []
        for flat in (real, detector.response.astype(float)):
            part = flat[middle(field)]
            step = part[:, 1:] - part[:, :-1]
            fine.append(1.4826 * np.median(np.abs(step - np.median(step))) / np.sqrt(2))
        assert fine[1] == pytest.approx(fine[0], rel=0.25)
        columns = np.median(detector.response[300:700, one.x_offset : one.x_offset + 1024], axis=0)
        assert (columns[: one.columns[0]] == 0).all()
        assert (columns[one.columns[1] + 1 :] == 0).all()
        assert columns[one.columns[0] + 20] == pytest.approx(
            np.median(real[300:700, one.x_offset + one.columns[0] + 20]), abs=0.08
        )
