"""Limits, completeness and false positives in white noise of a plain mean: what statistics foretell."""

import numpy as np
import pytest
from scipy import ndimage, stats

from reduce.kernels.channels import Channel
from reduce.kernels.false_alarms import noise_peaks
from reduce.kernels.fit import Scene
from reduce.kernels.inject import Companion, prepare_psf
from reduce.kernels.metrics import Trials, false_positives, limits, trials
from reduce.kernels.noadi import reduce_noadi
from tests.reduce.kernels.planted import FWHM, airy, airy_flux

_SIZE, _STAR = 81, 1e4


def _scene(seed: int = 3, *, channels: int = 2) -> Scene:
    y, x = np.mgrid[-12:13, -12:13]
    psf = prepare_psf(airy(x, y) / airy_flux())
    made = []
    for number in range(channels):
        rng = np.random.default_rng(10 * seed + number)
        noise = ndimage.gaussian_filter(rng.normal(size=(1, _SIZE, _SIZE)), (0, 1.2, 1.2))
        made.append(Channel(noise.astype(np.float32), np.zeros(1), psf, FWHM, _STAR))
    reductions = [reduce_noadi(c.cube, c.angles_deg) for c in made]
    return Scene(made, reductions, np.full(channels, 1 / channels))


def test_at_the_limit_half_are_found_and_at_twice_the_limit_all() -> None:
    shares, middles = [], []
    threshold = float(stats.norm.isf(1e-4))
    for seed in range(12):
        scene = _scene(seed)
        (point,) = limits(scene, [26.0], (), threshold)
        assert point.throughput == pytest.approx(1.0, abs=0.02)
        found = trials(scene, 26.0, [0.0, point.contrast, 2 * point.contrast], (), 24)
        assert found.significance.shape == (3, 24)
        assert found.independent == 24
        shares.append(found.completeness(threshold))
        middles.append(np.median(found.significance, axis=1))
    nothing, half, whole = np.mean(shares, axis=0)
    assert nothing < 0.02
    assert half == pytest.approx(0.5, abs=0.08)
    assert whole > 0.97
    assert np.mean(middles, axis=0)[:2] == pytest.approx([0.0, threshold], abs=0.25)


def test_a_lower_threshold_gives_a_lower_limit_by_students_t() -> None:
    scene = _scene()
    high, low = (limits(scene, [26.0], (), z)[0] for z in (5.0, 2.0))
    ratio = stats.t.isf(stats.norm.sf(5.0), high.dof) / stats.t.isf(stats.norm.sf(2.0), high.dof)
    assert high.contrast / low.contrast == pytest.approx(ratio, rel=1e-3)
    assert high.channel == -1
    assert high.radius == 26.0


def test_completeness_counts_what_meets_the_threshold() -> None:
    found = Trials(1.0, np.array([1.0, 2.0]), np.array([[1.0, 5.0, 4.9], [5.0, 6.0, 7.0]]), 3)
    assert found.completeness(5.0) == pytest.approx([1 / 3, 1.0])
    assert np.isnan(Trials(1.0, np.array([1.0, 2.0]), np.zeros((2, 0)), 0).completeness(5.0)).all()


def test_nothing_is_injected_near_a_companion() -> None:
    scene = _scene(channels=1)
    near = Companion(40.0 - 26.0, 40.0, (0.0,))
    all_around, beside = (trials(scene, 26.0, [1.0], known, 200) for known in ((), (near,)))
    free = 1 - 2 * 2 * FWHM / (2 * np.pi * 26.0)
    assert beside.independent == pytest.approx(all_around.independent * free, abs=2)


def test_false_positives_fall_with_the_threshold_as_noise_does() -> None:
    thresholds = [-9.0, 0.0, 1.0, 2.0, 3.0, 9.0]
    counts = np.sum(
        [false_positives(_scene(k, channels=1), (), thresholds, (8.0, 34.0)) for k in range(4)], 0
    )
    assert (np.diff(counts) <= 0).all()
    assert counts[0] > 100
    assert counts[3] < 0.4 * counts[2]
    assert counts[-1] == 0


def test_only_what_is_between_the_separations_and_off_companions_is_false() -> None:
    scene = _scene(channels=1)
    y, x = np.indices((_SIZE, _SIZE))
    spot = 3.0 * airy(x - 60.0, y - 40.0)
    bright = Scene(
        scene.channels,
        [reduce_noadi((scene.channels[0].cube + spot).astype(np.float32), np.zeros(1))],
        scene.weights,
    )
    planted = Companion(60.0, 40.0, (1.0,))
    assert false_positives(bright, (), [6.0], (10.0, 34.0))[0] == 1
    assert false_positives(bright, (), [6.0], (28.0, 34.0))[0] == 0
    assert false_positives(bright, (planted,), [6.0], (10.0, 34.0))[0] == 0


@pytest.mark.parametrize(("fwhm", "radius", "size"), [(4.0, 6.0, (41, 61)), (12.0, 20.0, (101, 121))])
def test_a_trial_is_students_t_of_the_apertures_on_its_ring(
    fwhm: float, radius: float, size: tuple[int, int]
) -> None:
    """Fields that rise linearly: an aperture holds its area times their value at its middle."""
    cy, cx = size[0] // 2, size[1] // 2
    y, x = np.indices(size)
    side = np.arange(-20.0, 21.0)
    psf_image = np.exp(-4 * np.log(2) * (side[None] ** 2 + side[:, None] ** 2) / fwhm**2)
    fine = (np.arange(41 * 20) + 0.5) / 20 - 20.5
    disc = (np.hypot(fine[None], fine[:, None]) <= fwhm / 2).reshape(41, 20, 41, 20).mean(axis=(1, 3))
    psf = prepare_psf(psf_image / np.sum(disc * psf_image))
    slopes, stars, weights = ((0.3, 0.5, 7.0), (-0.4, 0.2, 1.0)), (1e4, 3e4), np.array([0.3, 0.7])
    made = [
        Channel((a * x + b * y + c)[None].astype(np.float32), np.zeros(1), psf, fwhm, star)
        for (a, b, c), star in zip(slopes, stars, strict=True)
    ]
    scene = Scene(made, [reduce_noadi(c.cube, c.angles_deg) for c in made], weights)
    a, b, c = weights @ np.array(slopes)
    area, contrasts = np.pi * fwhm**2 / 4, [0.0, 2e-3, -1e-3]
    number = int(np.pi / np.arcsin(fwhm / (2 * radius)))  # apertures side by side
    found = trials(scene, radius, contrasts, (), 6)
    for k, pa in enumerate(np.radians([30.0, 90.0, 150.0, 210.0, 270.0, 330.0])):
        ring = pa + 2 * np.pi * np.arange(number) / number
        values = area * (a * (cx - radius * np.sin(ring)) + b * (cy + radius * np.cos(ring)) + c)
        for contrast, ours in zip(contrasts, found.significance[:, k], strict=True):
            flux = values[0] + contrast * (0.3 * 1e4 + 0.7 * 3e4)
            error = np.std(values[1:], ddof=1) * np.sqrt(number / (number - 1))
            t = (flux - values[1:].mean()) / error
            assert ours == pytest.approx(-stats.norm.ppf(stats.t.sf(t, number - 2)), abs=0.05)


def test_a_peak_counts_above_the_threshold_not_at_it() -> None:
    scene = _scene(channels=1)
    peaks = np.sort(noise_peaks(scene.image, FWHM, (8.0, 34.0), ()))
    found = false_positives(scene, (), [peaks[-1], peaks[-2], peaks[0], peaks[0] - 1e-6], (8.0, 34.0))
    assert found.tolist() == [0, 1, len(peaks) - 1, len(peaks)]
