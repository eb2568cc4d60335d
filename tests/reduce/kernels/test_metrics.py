"""Limits, completeness and false positives in white noise of a plain mean: what statistics foretell."""

import numpy as np
import pytest
from scipy import ndimage, stats

from reduce.kernels.channels import Channel
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
