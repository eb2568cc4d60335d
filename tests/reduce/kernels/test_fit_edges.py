"""Fits where the answer is known: sources of known place and flux, no noise to speak of."""

from dataclasses import replace

import numpy as np
import pytest

from reduce.kernels.aperture import aperture_flux
from reduce.kernels.channels import Channel, channel_weights, reduce_without
from reduce.kernels.fit import Scene, fit_companion, nearby_peak
from reduce.kernels.inject import Companion, inject, prepare_psf
from reduce.kernels.pca import reduce_pca
from reduce.kernels.photometry import normalised
from reduce.kernels.plain import plain_adi
from reduce.kernels.reduction import Parts, WholeReduction

_ANGLES = np.array([0.0, 15.0, 32.0, 48.0, 70.0, 95.0])
_NONE: list[Parts] = [[], []]


def _psf(fwhm: float) -> np.ndarray:
    y, x = np.mgrid[-9:10, -9:10]
    return normalised(np.exp(-4 * np.log(2) * (x**2 + y**2) / fwhm**2), fwhm)


def _channels(*sources: tuple[float, float, tuple[float, float]], noise: float = 0.01) -> list[Channel]:
    channels = []
    for number, fwhm in enumerate((4.0, 4.6)):
        rng = np.random.default_rng(number)
        cube = noise * rng.normal(size=(6, 51, 53)) + rng.normal(size=(51, 53))
        psf = prepare_psf(_psf(fwhm))
        full = inject(cube, _ANGLES, psf, [(x, y, flux[number]) for x, y, flux in sources])
        channels.append(Channel(full, _ANGLES, psf, fwhm, 1e5))
    return channels


def _scene(channels: list[Channel], algorithm: str = "cadi") -> Scene:
    reduce = plain_adi if algorithm == "cadi" else lambda one: reduce_pca(one.cube, one.angles_deg, 1)
    reductions = reduce_without(channels, (), reduce)
    return Scene(channels, reductions, channel_weights(channels, reductions))


@pytest.mark.parametrize("algorithm", ["cadi", "pca"])
@pytest.mark.parametrize("start", [(36.0, 30.0), (37.5, 31.0), (35.0, 32.0)])
def test_place_and_flux_come_back(algorithm: str, start: tuple[float, float]) -> None:
    scene = _scene(_channels((36.37, 30.81, (80.0, 30.0))), algorithm)
    fit = fit_companion(scene, _NONE, *start)
    assert fit.ok
    assert (fit.companion.x, fit.companion.y) == pytest.approx((36.37, 30.81), abs=5e-3)
    assert fit.companion.flux == pytest.approx((80.0, 30.0), rel=5e-3)
    assert fit.left < 3.0
    assert fit.good


def test_what_is_put_back_first_is_found_again() -> None:
    scene = _scene(_channels())
    companion = Companion(20.2, 33.4, (50.0, 70.0))
    added = scene.parts(companion)
    fit = fit_companion(scene, added, *nearby_peak(scene, added, 21.0, 33.0))
    assert fit.ok
    assert (fit.companion.x, fit.companion.y) == pytest.approx((20.2, 33.4), abs=5e-3)
    assert fit.companion.flux == pytest.approx((50.0, 70.0), rel=5e-3)
    taken = [[(stamps, -flux) for stamps, flux in part] for part in added]
    opposite = scene.parts(companion, -1.0)
    for ours, theirs in zip(opposite, taken, strict=True):
        assert [flux for _, flux in ours] == [flux for _, flux in theirs]


def test_a_channel_without_flux_is_fitted_as_such() -> None:
    fit = fit_companion(_scene(_channels((36.4, 30.8, (80.0, 0.0)))), _NONE, 36.0, 31.0)
    assert fit.ok
    assert fit.companion.flux[0] == pytest.approx(80.0, rel=5e-3)
    assert fit.companion.flux[1] == pytest.approx(0.0, abs=0.4)


def test_a_hole_is_no_companion() -> None:
    fit = fit_companion(_scene(_channels((36.4, 30.8, (-80.0, -30.0)))), _NONE, 36.0, 31.0)
    assert not fit.ok
    assert not fit.good


def test_a_fit_that_runs_away_is_not_ok() -> None:
    scene = _scene(_channels((36.4, 30.8, (80.0, 30.0))))
    assert not fit_companion(scene, _NONE, 36.4, 38.3).ok  # 1.7 FWHM off
    assert fit_companion(scene, _NONE, 36.4, 33.0).ok


def test_much_left_is_not_good() -> None:
    double = _channels((36.4, 30.8, (80.0, 30.0)), (39.2, 32.0, (60.0, 25.0)))
    fit = fit_companion(_scene(double), _NONE, 37.0, 31.0)
    assert fit.left > 3.0
    assert not fit.good


def test_what_is_left_is_counted_in_units_of_the_noise() -> None:
    channels = _channels((36.4, 30.8, (80.0, 30.0)), noise=1.0)
    fit = fit_companion(_scene(channels), _NONE, 36.0, 31.0)
    assert 0.3 < fit.left < 2.0


def test_a_second_start_is_taken_when_the_first_leaves_much() -> None:
    channels = _channels((36.4, 30.8, (80.0, 30.0)))
    scene = _scene(channels)
    truth = Companion(36.5, 30.7, (75.0, 33.0))
    lost = fit_companion(scene, _NONE, 20.0, 20.0)
    assert not lost.good
    found = fit_companion(scene, _NONE, 20.0, 20.0, guess=truth)
    assert found.good
    assert found.companion.flux == pytest.approx((80.0, 30.0), rel=5e-3)
    near = fit_companion(scene, _NONE, 36.0, 31.0, guess=Companion(20.0, 20.0, (1.0, 1.0)))
    assert near == fit_companion(scene, _NONE, 36.0, 31.0)


def test_the_largest_aperture_within_a_fwhm_is_the_peak() -> None:
    channels = _channels((36.0, 30.0, (80.0, 30.0)), (46.0, 30.0, (400.0, 400.0)))
    scene = _scene(channels)
    assert nearby_peak(scene, _NONE, 35.2, 30.9) == (36.0, 30.0)
    assert nearby_peak(scene, _NONE, 44.5, 29.0) == (46.0, 30.0)
    added = scene.parts(Companion(15.0, 22.0, (900.0, 900.0)))
    assert nearby_peak(scene, added, 14.0, 23.0) == (15.0, 22.0)
    assert nearby_peak(scene, _NONE, 120.0, 25.3) == (120.0, 25.3)


def test_the_scenes_width_and_image_are_weighted_means() -> None:
    channels = _channels()
    scene = Scene(channels, reduce_without(channels, (), plain_adi), np.array([0.25, 0.75]))
    assert scene.fwhm == pytest.approx(0.25 * 4.0 + 0.75 * 4.6)
    wanted = 0.25 * scene.reductions[0].image + 0.75 * scene.reductions[1].image
    np.testing.assert_allclose(scene.image, wanted, rtol=1e-5)
    stamps = scene.stamps(1, 30.0, 20.0)
    assert stamps.data.sum() == pytest.approx(6 * _psf(4.6).sum(), rel=1e-3)
    assert len(scene.noise) == 2


def test_a_flux_that_hides_itself_is_scanned_for() -> None:
    """A reduction that takes away most of what is bright: the image shows a seventh of the flux."""
    channels = _channels()

    def dimmed(cube: np.ndarray, _: np.ndarray) -> np.ndarray:
        return np.asarray(0.15 * cube, np.float32)

    psf = channels[0].psf
    quiet = 0.01 * np.random.default_rng(9).normal(size=(6, 51, 53)).astype(np.float32)
    cube = inject(quiet, _ANGLES, psf, [(36.4, 30.8, 200.0)])
    channel = Channel(cube, _ANGLES, psf, 4.0, 1e5)
    reduction = WholeReduction(cube, _ANGLES, dimmed, "mean")
    assert aperture_flux(reduction.image, 4.0, 36.4, 30.8) == pytest.approx(30.0, rel=0.02)
    fit = fit_companion(Scene([channel], [reduction], np.ones(1)), [[]], 36.0, 31.0)
    assert fit.ok
    assert fit.companion.flux[0] == pytest.approx(200.0, rel=5e-3)


@pytest.mark.parametrize("given", [None, Companion(40.0, 31.0, (1.0, 1.0))])
def test_where_an_image_has_no_noise_there_is_no_fit(given: Companion | None) -> None:
    channels = _channels((40.0, 31.0, (30.0, 30.0)))
    still = [replace(one, cube=one.cube[:1], angles_deg=one.angles_deg[:1]) for one in channels]
    scene = Scene(
        still, reduce_without(still, (), plain_adi), np.full(2, 0.5)
    )  # the median of one frame is that frame: nothing is left
    assert not np.any(scene.image)
    fit = fit_companion(scene, [[], []], 40.0, 31.0, guess=given)
    assert not fit.ok
    assert not fit.good
    assert fit.companion == Companion(40.0, 31.0, (0.0, 0.0))
    assert fit.left == np.inf
