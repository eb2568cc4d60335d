"""The parts of a search, one by one: peaks, robust noise, t statistic, judgement, what is kept."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from reduce.kernels.aperture import aperture_flux
from reduce.kernels.candidates import (
    Detection,
    Found,
    _rate,
    _robust_snr,
    _seed,
    _t_statistic,
    _within,
    local_maxima,
    search,
)
from reduce.kernels.channels import Channel, channel_weights, reduce_without
from reduce.kernels.fit import Scene
from reduce.kernels.inject import Companion, inject, prepare_psf
from reduce.kernels.photometry import normalised
from reduce.kernels.plain import plain_adi
from reduce.kernels.reduction import WholeReduction
from reduce.kernels.snr import prepare_rings, ring_noise, significance

_ANGLES = np.linspace(0.0, 90.0, 8)


def test_a_peak_is_the_largest_within_its_radius() -> None:
    values = np.full((12, 14), -3.0)
    values[4, 3], values[4, 6], values[4, 9], values[8, 3] = 5.0, 6.0, 5.5, 5.0
    everywhere = np.ones(values.shape, bool)
    assert local_maxima(values, 0.0, 3.0, everywhere) == [(6, 4), (3, 8)]  # 3 px is within 3 px
    assert local_maxima(values, 0.0, 2.9, everywhere) == [(6, 4), (9, 4), (3, 4), (3, 8)]
    assert local_maxima(values, 5.0, 2.9, everywhere) == [(6, 4), (9, 4)]
    assert local_maxima(values, 0.0, 4.0, everywhere) == [(6, 4), (3, 8)]
    values[4, 6] = np.nan
    assert local_maxima(values, 0.0, 2.0, everywhere) == [(9, 4), (3, 4), (3, 8)]
    everywhere[:, 9] = False
    assert local_maxima(values, 0.0, 2.0, everywhere) == [(3, 4), (3, 8)]


def test_the_neighbourhood_is_round() -> None:
    values = np.zeros((11, 11))
    values[5, 5], values[7, 7] = 2.0, 1.0  # 2.83 px away
    everywhere = np.ones(values.shape, bool)
    assert local_maxima(values, 0.5, 2.8, everywhere) == [(5, 5), (7, 7)]
    assert local_maxima(values, 0.5, 2.9, everywhere) == [(5, 5)]


def test_robust_noise_is_taken_ring_by_ring() -> None:
    y, x = np.indices((23, 23)) - 11.0
    radius = np.hypot(x, y)
    flux = (np.random.default_rng(1).normal(size=(23, 23)) * (1 + radius) + 5 * radius).astype(np.float32)
    flux[3, 4] = np.nan
    flux[np.rint(radius) == 7] = 2.5
    found = _robust_snr(flux, radius)
    for ring in range(1, 15):
        where = (np.rint(radius) == ring) & np.isfinite(flux)
        values = flux[where].astype(np.float64)
        if ring == 7:
            assert np.isnan(found[where]).all()
            continue
        away = values - np.median(values)
        np.testing.assert_allclose(found[where], away / (1.4826 * np.median(np.abs(away))), rtol=1e-6)
    assert np.isnan(found[3, 4])


def test_the_t_statistic_compares_with_the_ring() -> None:
    image = np.random.default_rng(2).normal(3.0, 1.0, size=(41, 41))
    rings = prepare_rings(image, 4.0)
    count, mean, deviation = ring_noise(rings, 30, 22)
    value, dof = _t_statistic(99.0, rings, 30, 22)
    assert value == pytest.approx((99.0 - mean) / deviation / np.sqrt(1 + 1 / count))
    assert dof == count - 1
    value, dof = _t_statistic(99.0, rings, 20, 20)
    assert np.isnan(value)
    assert dof == -1.0


def _psf(fwhm: float) -> np.ndarray:
    y, x = np.mgrid[-9:10, -9:10]
    return normalised(np.exp(-4 * np.log(2) * (x**2 + y**2) / fwhm**2), fwhm)


def _channels(*sources: tuple[float, float, float], frames: int = 8, seed: int = 0) -> list[Channel]:
    channels = []
    for number, fwhm in enumerate((4.0, 4.6)):
        rng = np.random.default_rng(10 * seed + number)
        cube = rng.normal(size=(frames, 61, 61)) + 20 * rng.normal(size=(61, 61))
        psf = prepare_psf(_psf(fwhm))
        places = [(x, y, flux * (1 + number)) for x, y, flux in sources]
        full = inject(cube, _ANGLES[:frames], psf, places)
        channels.append(Channel(full, _ANGLES[:frames], psf, fwhm, 1e5))
    return channels


def _scene(channels: list[Channel]) -> Scene:
    reductions = reduce_without(channels, (), plain_adi)
    return Scene(channels, reductions, channel_weights(channels, reductions))


def test_a_detection_is_judged_at_its_place_with_the_others_left_out_of_the_noise() -> None:
    scene = _scene(_channels())
    companion, other = Companion(44.3, 36.8, (40.0, 50.0)), Companion(24.0, 44.0, (40.0, 50.0))
    given = Detection(companion, fitted=True)
    both = [given, Detection(other, fitted=True)]
    found = _rate(scene, given, both)
    assert found.companion == companion
    channels = [
        Channel(inject(c.cube, _ANGLES, c.psf, [(44.3, 36.8, f)]), _ANGLES, c.psf, c.fwhm, 1e5)
        for c, f in zip(scene.channels, companion.flux, strict=True)
    ]
    images = [r.image for r in reduce_without(channels, (), plain_adi)]
    with_it = [*images, scene.weights[0] * images[0] + scene.weights[1] * images[1]]
    without = [*(r.image for r in scene.reductions), scene.image]
    x, y = 44.3, 36.8
    for image, clean, fwhm, snr, sigma in zip(
        with_it, without, (4.0, 4.6, scene.fwhm), found.snr, found.significance, strict=True
    ):
        rings = prepare_rings(clean, fwhm, [(44.3, 36.8), (24.0, 44.0)])
        count, mean, deviation = ring_noise(rings, x, y)
        t = (aperture_flux(image, fwhm, x, y) - mean) / (deviation * np.sqrt(1 + 1 / count))
        assert snr == pytest.approx(t, rel=1e-3)
        assert sigma == pytest.approx(float(stats.norm.isf(stats.t.sf(t, count - 1))), rel=1e-3)
    assert sigma == pytest.approx(float(significance(snr, count - 1)))


def test_limits_of_the_search_are_kept() -> None:
    channels = _channels((42.0, 30.0, 25.0), (30.0, 50.0, 25.0))  # 12 and 20 px out
    found = search(channels, plain_adi, inner=6.0, outer=26.0)
    assert [round(np.hypot(d.companion.x - 30, d.companion.y - 30)) for d in found.detections] in (
        [12, 20], [20, 12],
    )  # fmt: skip
    sigmas = [d.significance[-1] for d in found.detections]
    assert sigmas == sorted(sigmas, reverse=True)
    assert all(d.fitted for d in found.detections)
    assert all(len(d.snr) == len(d.significance) == 3 for d in found.detections)
    assert len(search(channels, plain_adi, inner=6.0, outer=13.0).detections) == 1
    assert len(search(channels, plain_adi, inner=19.0, outer=26.0).detections) == 1
    assert len(search(channels, plain_adi, inner=6.0, outer=26.0, limit=1).detections) == 1
    assert search(channels, plain_adi, inner=6.0, outer=26.0, limit=0).detections == ()
    assert search(channels, plain_adi, inner=6.0, outer=26.0, threshold=30.0).detections == ()


def test_what_was_found_is_taken_out_of_the_scene_and_left_in_the_original() -> None:
    channels = _channels((42.0, 30.0, 25.0))
    found = search(channels, plain_adi, inner=6.0, outer=26.0)
    (detection,) = found.detections
    assert detection.companion.flux == pytest.approx((25.0, 50.0), rel=0.2)
    without = reduce_without(channels, [detection.companion], plain_adi)
    np.testing.assert_allclose(found.scene.image, _stacked(without, found.scene), atol=1e-5)
    original = reduce_without(channels, (), plain_adi)
    np.testing.assert_array_equal(found.original[0].image, original[0].image)


def _stacked(reductions: list, scene: Scene) -> np.ndarray:  # type: ignore[type-arg]
    return np.asarray(scene.weights[0] * reductions[0].image + scene.weights[1] * reductions[1].image)


def test_noise_put_into_the_list_by_a_low_glance_is_put_back() -> None:
    for seed in range(3):
        channels = _channels(seed=seed + 1)
        found = search(channels, plain_adi, inner=6.0, outer=26.0)
        assert found.detections == ()
        original = reduce_without(channels, (), plain_adi)
        np.testing.assert_allclose(found.scene.reductions[0].image, original[0].image, atol=1e-6)


def _dented() -> NDArray[np.float32]:
    """Two rings of bright and dark blobs in turn: the dark ones make the noise of each ring for a t test."""
    y, x = np.indices((61, 61)) - 30.0
    image = np.zeros((61, 61))
    for ring, number in ((8.0, 2), (14.0, 6)):
        for k in range(number):
            angle = 2 * np.pi * k / number
            spot = np.hypot(x + ring * np.sin(angle), y - ring * np.cos(angle))
            image += 30 * (-1) ** k * np.exp(-4 * np.log(2) * spot**2 / 16)
    return image.astype(np.float32)


def _blinking(channel: Channel) -> WholeReduction:
    """The mean over time with the blobs added, whatever the frames hold."""
    return WholeReduction(
        channel.cube, channel.angles_deg, lambda c, _: np.asarray(c + _dented(), np.float32), "mean"
    )


def _still(flux: float) -> Channel:
    psf = prepare_psf(_psf(4.0))
    cube = np.random.default_rng(5).normal(size=(8, 61, 61))
    return Channel(inject(cube, np.zeros(8), psf, [(30.0, 52.0, flux)]), np.zeros(8), psf, 4.0, 1e5)


def test_residuals_that_prove_weak_do_not_hide_a_peak_that_is_significant() -> None:
    """Four bright blobs, none of them 5 sigma in the t statistic, and a fainter companion farther out."""
    found = search([_still(20.0)], _blinking, inner=6.0, outer=26.0)
    (detection,) = found.detections
    assert (detection.companion.x, detection.companion.y) == pytest.approx((30.0, 52.0), abs=0.3)


def test_a_search_that_ends_at_its_limit_says_so() -> None:
    channels = _channels((42.0, 30.0, 25.0), (30.0, 50.0, 25.0))
    assert (
        "1 companions were asked for" in search(channels, plain_adi, inner=6.0, outer=26.0, limit=1).untried
    )
    assert search(channels, plain_adi, inner=6.0, outer=26.0).untried == ""


@pytest.mark.parametrize(
    ("converged", "left", "good"), [(True, 2.9, True), (True, 3.1, False), (False, 1.0, False)]
)
def test_a_fit_is_good_when_it_converged_and_left_noise(*, converged: bool, left: float, good: bool) -> None:
    assert Detection(Companion(1.0, 2.0, (3.0,)), converged, left=left).good is good


def test_a_source_of_another_shape_is_not_called_a_good_fit() -> None:
    """Three times as wide as the PSF."""
    wide = prepare_psf(
        normalised(np.exp(-4 * np.log(2) * sum(g**2 for g in np.mgrid[-14:15, -14:15]) / 144), 4.0)
    )
    (base, *_) = _channels()
    broad = Channel(inject(base.cube, _ANGLES, wide, [(48.0, 30.0, 200.0)]), _ANGLES, base.psf, 4.0, 1e5)
    found = search([broad], plain_adi, inner=6.0, outer=26.0)
    assert found.detections
    assert not found.detections[0].good


def _plain(*sources: tuple[float, float, float], seed: int = 3) -> Scene:
    """One frame, no star, white noise of deviation 1; the reduction changes nothing."""
    rng = np.random.default_rng(seed)
    psf = prepare_psf(_psf(4.0))
    cube = inject(rng.normal(size=(1, 61, 61)), np.zeros(1), psf, list(sources))
    channel = Channel(cube, np.zeros(1), psf, 4.0, 1e5)
    reduction = WholeReduction(cube, np.zeros(1), lambda c, _: c, "mean")
    return Scene([channel], [reduction], np.ones(1))


def _identity(channel: Channel) -> WholeReduction:
    return WholeReduction(channel.cube, channel.angles_deg, lambda c, _: c, "mean")


def test_a_seed_lies_within_the_limits_that_it_may_meet() -> None:
    scene = _plain((42.0, 30.0, 400.0))
    wide = _seed(scene, (), 5.0, (5.0, 24.0), exact_first=False)
    assert wide is not None
    assert wide.exact
    assert (abs(wide.x - 42), wide.y) in ((0, 30), (1, 30))
    out = float(wide.x - 30)
    for limits in ((out, 20.0), (5.0, out), (out, out)):
        assert _seed(scene, (), 5.0, limits, exact_first=False) == wide
    for limits in ((out + 0.01, 20.0), (5.0, out - 0.01)):
        assert _seed(scene, (), 5.0, limits, exact_first=False) != wide


def test_a_seed_keeps_one_fwhm_from_what_is_known() -> None:
    scene = _plain((42.0, 30.0, 400.0))
    wide = _seed(scene, (), 5.0, (5.0, 26.0), exact_first=False)
    assert wide is not None
    assert _seed(scene, [Companion(42.0, 30.0, (1.0,))], 5.0, (20.0, 26.0), exact_first=False) is None
    for away, same in ((4.0, False), (4.01, True)):
        known = [Companion(float(wide.x), wide.y + away, (1.0,))]
        assert (_seed(scene, known, 5.0, (5.0, 26.0), exact_first=False) == wide) is same


def test_noise_alone_gives_no_seed() -> None:
    assert _seed(_plain(), (), 5.0, (6.0, 24.0), exact_first=False) is None
    assert _seed(_plain(), (), 5.0, (6.0, 24.0), exact_first=True) is None


def test_a_peak_that_only_stands_out_waits_where_exact_ones_go_first() -> None:
    """Two on a small ring hide each other from the t statistic; a fainter one outside is plain."""
    scene = _plain((38.0, 30.0, 300.0), (22.0, 30.0, 300.0), (30.0, 52.0, 60.0))
    first = _seed(scene, (), 5.0, (6.0, 26.0), exact_first=False)
    assert first is not None
    assert abs(first.x - 30) in (8, 9)
    assert (first.y, first.exact) == (30, False)
    exact = _seed(scene, (), 5.0, (6.0, 26.0), exact_first=True)
    assert exact is not None
    assert (exact.x, exact.exact) == (30, True)
    assert exact.y in (52, 53)  # in units of its ring's noise
    alone = _seed(scene, (), 5.0, (6.0, 12.0), exact_first=True)
    assert alone is not None
    assert not alone.exact


def test_five_sigma_is_the_threshold_unless_another_is_given() -> None:
    psf = prepare_psf(_psf(4.0))

    def searched(flux: float, **limit: Any) -> Found:  # noqa: ANN401 - options of the search
        cube = _plain((30.0, 50.0, flux)).channels[0].cube
        return search([Channel(cube, np.zeros(1), psf, 4.0, 1e5)], _identity, inner=17.0, outer=23.0, **limit)

    fluxes = np.arange(18.0, 38.0, 2.0)
    sigmas = [
        max((d.significance[-1] for d in searched(f, threshold=3.5).detections), default=0.0) for f in fluxes
    ]
    weak = float(fluxes[int(np.argmin(np.abs(np.array(sigmas) - 4.6)))])
    strong = float(fluxes[int(np.argmin(np.abs(np.array(sigmas) - 5.4)))])
    assert searched(weak).detections == ()
    assert len(searched(strong).detections) == 1
    assert len(searched(weak, threshold=4.0).detections) == 1
    assert searched(strong, threshold=6.0).detections == ()


def test_what_is_fitted_beyond_the_limits_is_no_detection() -> None:
    psf = prepare_psf(_psf(4.0))
    cube = _plain((42.0, 30.0, 400.0)).channels[0].cube
    channel = Channel(cube, np.zeros(1), psf, 4.0, 1e5)
    for inner, outer, number in ((6.0, 10.0, 0), (14.0, 24.0, 0), (6.0, 24.0, 1)):
        found = search([channel], _identity, inner=inner, outer=outer)
        assert len(found.detections) == number
    assert _within(found.scene, Companion(42.0, 30.0, ()), (12.0, 12.0))
    assert not _within(found.scene, Companion(42.0, 30.0, ()), (12.1, 20.0))
    assert not _within(found.scene, Companion(42.0, 30.0, ()), (1.0, 11.9))


def test_a_search_that_stops_early_says_why() -> None:
    psf = prepare_psf(_psf(4.0))
    places = [(45.0, 30.0, 300.0), (30.0, 48.0, 250.0), (9.0, 30.0, 200.0)]
    channel = Channel(_plain(*places).channels[0].cube, np.zeros(1), psf, 4.0, 1e5)
    assert search([channel], _identity, inner=6.0, outer=25.0).untried == ""
    some = search([channel], _identity, inner=6.0, outer=25.0, limit=2)
    assert len(some.detections) == 2
    assert some.untried == "2 companions were asked for at most"


@pytest.mark.parametrize(
    ("left", "shown", "good"), [(20.0, 410.0, True), (20.0, 390.0, False), (0.9, 0.0, True)]
)
def test_a_fit_is_good_where_little_of_a_bright_companion_is_left(
    *, left: float, shown: float, good: bool
) -> None:
    """A fifth of its amplitude, 1/20 of its mean square with what noise adds."""
    assert Detection(Companion(1.0, 2.0, (3.0,)), fitted=True, left=left, shown=shown).good is good
    plain = Detection(Companion(1.0, 2.0, (3.0,)), fitted=True)
    assert (plain.left, plain.shown) == (0.0, 0.0)


def test_one_companion_a_look_hides_nothing_of_the_next() -> None:
    """Most significant first, whatever channel shows it best, and each in every channel."""
    channels = _channels((42.0, 30.0, 30.0), (30.0, 50.0, 24.0), (14.0, 20.0, 36.0))
    found = search(channels, plain_adi, inner=6.0, outer=26.0)
    assert len(found.detections) == 3
    sigmas = [d.significance[-1] for d in found.detections]
    assert sigmas == sorted(sigmas, reverse=True)
    for detection in found.detections:
        again = _rate(found.scene, detection, found.detections)
        assert again.snr == pytest.approx(detection.snr, rel=0.02)
    without = reduce_without(channels, [d.companion for d in found.detections], plain_adi)
    np.testing.assert_allclose(found.scene.image, _stacked(without, found.scene), atol=1e-5)


def test_a_brighter_peak_next_to_it_is_not_what_is_judged() -> None:
    """The curve is told for a companion's own place: so is its significance."""
    scene = _scene(_channels((45.9, 38.6, 60.0)))
    companion = Companion(44.3, 36.8, (5.0, 5.0))
    found = _rate(scene, Detection(companion, fitted=True), [Detection(companion, fitted=True)])
    channels = [
        Channel(inject(c.cube, _ANGLES, c.psf, [(44.3, 36.8, 5.0)]), _ANGLES, c.psf, c.fwhm, 1e5)
        for c in scene.channels
    ]
    combined = _stacked(reduce_without(channels, (), plain_adi), scene)
    at_place, beside = (aperture_flux(combined, scene.fwhm, *place) for place in ((44.3, 36.8), (45.0, 38.0)))
    assert beside > 1.1 * at_place
    rings = prepare_rings(scene.image, scene.fwhm, [(44.3, 36.8)])
    value, _ = _t_statistic(at_place, rings, 44.3, 36.8)
    assert found.snr[-1] == pytest.approx(value, rel=2e-3)


@pytest.mark.parametrize("fwhm", [3.0, 7.0, 9.0])
def test_the_widest_aperture_has_all_its_pixels(fwhm: float) -> None:
    """Of three channels the widest PSF is wider than the stack's."""
    channels = [
        Channel(_plain((42.3, 33.6, 400.0)).channels[0].cube, np.zeros(1), prepare_psf(_psf(w)), w, 1e5)
        for w in (3.0, 3.0, fwhm)
    ]
    scene = Scene(channels, [_identity(c) for c in channels], np.full(3, 1 / 3))
    one = Detection(Companion(42.5, 33.5, (1.0, 1.0, 1.0)), fitted=True)
    assert np.isfinite(_rate(scene, one, [one]).snr).all()


def test_twenty_companions_are_looked_for_unless_told_otherwise() -> None:
    """One on each ring, so that none is noise to another."""
    psf = prepare_psf(_psf(3.0))
    places = [
        (80 + r * np.cos(2.4 * r / 3), 80 + r * np.sin(2.4 * r / 3)) for r in np.arange(11.0, 74.0, 3.0)
    ]
    noise = np.random.default_rng(8).normal(size=(1, 161, 161))
    cube = inject(noise, np.zeros(1), psf, [(x, y, 200.0) for x, y in places])
    channel = Channel(cube, np.zeros(1), psf, 3.0, 1e5)
    assert len(places) == 21
    found = search([channel], _identity, inner=9.0, outer=76.0)
    assert found.untried == "20 companions were asked for at most"
    assert len(found.detections) == 20
    for detection in found.detections:
        c = detection.companion
        assert min(np.hypot(c.x - x, c.y - y) for x, y in places) < 0.5


def test_the_stack_decides_which_is_most_significant() -> None:
    """The first is the brighter one in the first channel, the second in the other and in the stack."""
    channels = [
        _channels((42.0, 30.0, 32.0), (30.0, 50.0, 18.0))[0],
        _channels((42.0, 30.0, 9.0), (30.0, 50.0, 45.0))[1],
    ]
    one, two = search(channels, plain_adi, inner=6.0, outer=26.0).detections
    assert (round(one.companion.y), round(two.companion.x)) == (50, 42)
    assert one.significance[-1] > two.significance[-1]
    assert one.snr[0] < two.snr[0]
