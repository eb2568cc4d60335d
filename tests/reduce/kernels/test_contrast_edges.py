"""A contrast curve where everything is known: a reduction that dims by a factor, white noise."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import stats

from reduce.kernels.aperture import aperture_flux
from reduce.kernels.channels import Channel
from reduce.kernels.characterise import clear_azimuths
from reduce.kernels.contrast import (
    contrast_curve,
    noise_at,
    threshold_flux,
    throughput_at,
    throughput_of_each,
)
from reduce.kernels.fit import Scene
from reduce.kernels.inject import Companion, prepare_psf
from reduce.kernels.photometry import normalised
from reduce.kernels.reduction import Parts, WholeReduction
from reduce.kernels.snr import prepare_rings, ring_noise

_SIZE = 61


def _dimmed(factor: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    return lambda cube, _: np.asarray(factor * cube, np.float32)


def _scene(dim: tuple[float, ...] = (0.5, 0.25), star: tuple[float, ...] = (1e6, 4e6)) -> Scene:
    """One frame a channel, white noise; the reduction multiplies by `dim`."""
    y, x = np.mgrid[-10:11, -10:11]
    channels, reductions = [], []
    for number, (factor, flux) in enumerate(zip(dim, star, strict=True)):
        fwhm = 4.0 + number
        psf = prepare_psf(normalised(np.exp(-4 * np.log(2) * (x**2 + y**2) / fwhm**2), fwhm))
        cube = np.random.default_rng(number).normal(size=(1, _SIZE, _SIZE)).astype(np.float32)
        channels.append(Channel(cube, np.zeros(1), psf, fwhm, flux))
        reductions.append(WholeReduction(cube, np.zeros(1), _dimmed(factor), "mean"))
    weights = np.array([0.75, 0.25])[: len(dim)]
    return Scene(channels, reductions, weights / weights.sum())


@pytest.mark.parametrize(("count", "nsigma"), [(2.0, 5.0), (5.0, 3.0), (30.0, 5.0)])
def test_the_threshold_has_the_false_alarms_of_a_gaussian(count: float, nsigma: float) -> None:
    flux = threshold_flux(3.0, count, nsigma)
    assert stats.t.sf(flux / 3.0 / np.sqrt(1 + 1 / count), count - 1) == pytest.approx(stats.norm.sf(nsigma))
    assert threshold_flux(3.0, count) == threshold_flux(3.0, count, 5.0)


def test_one_aperture_of_noise_has_no_threshold() -> None:
    assert np.isnan(threshold_flux(3.0, 1.9))
    assert np.isnan(threshold_flux(3.0, 0.0))
    assert np.isfinite(threshold_flux(3.0, 2.0))


@pytest.mark.parametrize("radius", [2.5, 7.0, 20.0])
def test_noise_on_a_ring_is_the_mean_square_over_its_azimuths(radius: float) -> None:
    image = np.random.default_rng(5).normal(size=(_SIZE, _SIZE))
    image[30, 40:44] = np.nan
    rings = prepare_rings(image, 4.0)
    steps = min(120, max(12, int(4 * radius)))
    angles = 2 * np.pi * np.arange(steps) / steps
    found = [ring_noise(rings, 30 + radius * np.cos(a), 30 + radius * np.sin(a)) for a in angles]
    deviation, count = noise_at(rings, radius)
    assert deviation == pytest.approx(np.sqrt(np.nanmean([f[2] ** 2 for f in found])))
    assert count == np.median([f[0] for f in found])


def test_the_number_of_azimuths_hardly_matters_but_one_ring_is_not_another() -> None:
    y, x = np.indices((_SIZE, _SIZE)) - 30.0
    image = np.random.default_rng(6).normal(size=(_SIZE, _SIZE)) * np.hypot(x, y)
    rings = prepare_rings(image, 4.0)
    inside, outside = noise_at(rings, 10.0)[0], noise_at(rings, 20.0)[0]
    assert 1.5 < outside / inside < 3.0
    nothing = noise_at(prepare_rings(np.full((_SIZE, _SIZE), np.nan), 4.0), 10.0)
    assert np.isnan(nothing[0])
    assert nothing[1] == 0.0


def test_throughput_is_the_factor_of_the_reduction() -> None:
    scene = _scene()
    azimuths = np.radians([10.0, 100.0, 250.0])
    for channel, factor in enumerate((0.5, 0.25)):
        for guess in (0.0, 0.05, 0.5, 1.0):
            found = throughput_at(scene, channel, (14.3, azimuths), 40.0, guess)
            own, common = found.own, found.common
            assert (found.azimuths, found.settled) == (len(azimuths), True)
            assert own == pytest.approx(factor, rel=2e-2)
            wide = 4.25 / (4.0 + channel)  # the stack's aperture in units of the channel's
            share = (1 - 0.5 ** (wide**2)) / 0.5  # a Gaussian's light in it, over that within its own FWHM
            assert common == pytest.approx(factor * share, rel=2e-2)
    for wanted, tried in ((np.nan, azimuths), (0.0, azimuths), (40.0, azimuths[:0])):
        nothing = throughput_at(scene, 0, (14.3, tried), wanted, 0.5)
        assert np.isnan([nothing.own, nothing.common]).all()
        assert (nothing.azimuths, nothing.settled) == (0, False)


def test_a_place_off_the_image_does_not_count() -> None:
    scene = _scene()
    inside, outside = np.radians([0.0]), np.radians([0.0, 45.0])
    own = throughput_at(scene, 0, (26.0, inside), 40.0, 0.5)
    both = throughput_at(scene, 0, (26.0, outside), 40.0, 0.5)
    assert both.own == pytest.approx(own.own, rel=1e-2)
    assert (own.azimuths, both.azimuths) == (1, 2)  # the frame is square: its corner is further out
    beyond = np.radians([0.0, 45.0, 180.0])
    corner = throughput_at(scene, 0, (34.0, beyond), 40.0, 0.5)
    assert corner.azimuths == 1
    assert corner.own == pytest.approx(throughput_at(scene, 0, (34.0, beyond[1:2]), 40.0, 0.5).own)
    nothing = throughput_at(scene, 0, (34.0, inside), 40.0, 0.5)
    assert np.isnan([nothing.own, nothing.common]).all()
    assert nothing.azimuths == 0


def test_a_level_that_is_not_found_is_told_and_gives_no_contrast() -> None:
    """What comes through halves or doubles at each flux tried: nothing injected arrives at the limit."""
    plain = _scene((1.0,), (1e6,))

    @dataclass
    class Wild:
        image: np.ndarray
        turn: int = 0

        def patch(self, parts: Parts, x: int, y: int, half: int) -> np.ndarray:
            self.turn += bool(parts)
            share = 0.8 if self.turn % 2 else 0.4
            return plain.reductions[0].patch([(s, share * f) for s, f in parts], x, y, half)

    scene = Scene(plain.channels, [Wild(plain.reductions[0].image)], np.ones(1))
    found = throughput_at(scene, 0, (14.0, np.radians([10.0])), 40.0, 0.6)
    assert (found.azimuths, found.settled) == (1, False)
    assert found.own in (pytest.approx(0.8, rel=2e-2), pytest.approx(0.4, rel=2e-2))
    for point in contrast_curve(scene, [14.0], branches=1):
        assert not point.settled
        assert np.isnan(point.contrast)
        assert np.isfinite(point.throughput)


def _levelled(cube: np.ndarray, knee: float) -> np.ndarray:
    """A reduction that lets weak signals through and half of what is above a level."""
    return np.where(cube > knee, knee + 0.5 * (cube - knee), cube).astype(np.float32)


@pytest.mark.parametrize("through", [1.0, 0.1])
def test_injections_come_out_at_the_level_wanted(through: float) -> None:
    """Also where little comes through: the level is found to a share of the throughput."""
    plain = _scene((1.0,), (1e6,))
    channel = plain.channels[0]
    quiet = np.zeros_like(channel.cube)
    reduction = WholeReduction(
        quiet, np.zeros(1), lambda c, _: np.float32(through) * _levelled(c, 2.0), "mean"
    )
    scene = Scene([channel], [reduction], np.ones(1))
    for wanted, guess in ((5.0, 0.3), (60.0, 1.0), (60.0, 0.1), (60.0, 0.9)):
        own = throughput_at(scene, 0, (14.0, np.radians([0.0])), through * wanted, through * guess).own
        flux = through * wanted / own
        y, x = np.indices((_SIZE, _SIZE))
        star = np.exp(-4 * np.log(2) * ((x - 30) ** 2 + (y - 44) ** 2) / 16.0)
        star /= aperture_flux(star, 4.0, 30, 44)
        out = aperture_flux(_levelled(flux * star, 2.0), 4.0, 30, 44)
        assert out == pytest.approx(wanted, rel=0.06)


def test_one_azimuth_of_three_where_nothing_comes_through_does_not_count() -> None:
    plain = _scene((1.0,), (1e6,))
    share = np.where(np.indices((_SIZE, _SIZE))[1] > 38, 0.0, 0.5)
    reduction = WholeReduction(
        plain.channels[0].cube, np.zeros(1), lambda c, _: (share * c).astype(np.float32)
    )
    scene = Scene(plain.channels, [reduction], np.ones(1))
    found = throughput_at(scene, 0, (14.0, np.radians([30.0, 150.0, 270.0])), 40.0, 0.5)
    assert found.own == pytest.approx(0.5, rel=2e-2)
    assert found.common == pytest.approx(0.5, rel=2e-2)


def test_a_curve_is_the_threshold_over_throughput_and_star() -> None:
    scene = _scene()
    companions = [Companion(30.0, 44.0, (1.0, 1.0))]
    places = [(30.0, 44.0)]
    points = contrast_curve(scene, [8.0, 14.0], companions, branches=2, nsigma=4.0)
    assert [(p.channel, p.radius) for p in points] == [
        (0, 8.0), (0, 14.0), (1, 8.0), (1, 14.0), (-1, 8.0), (-1, 14.0),
    ]  # fmt: skip
    for point in points:
        stacked = point.channel < 0
        image = scene.image if stacked else scene.reductions[point.channel].image
        fwhm = 4.25 if stacked else 4.0 + point.channel
        deviation, count = noise_at(prepare_rings(image, fwhm, places), point.radius)
        wanted = threshold_flux(deviation, count, 4.0)
        assert point.dof == count - 1
        if stacked:
            continue
        factor, star = ((0.5, 1e6), (0.25, 4e6))[point.channel]
        assert point.throughput == pytest.approx(factor, rel=2e-2)
        assert point.contrast == pytest.approx(wanted / (factor * star), rel=2e-2)
    for point in points[-2:]:
        azimuths, _ = clear_azimuths((30.0, 30.0), point.radius, 4.25, companions, 2)
        common = [throughput_at(scene, c, (point.radius, azimuths), 40.0, 0.4).common for c in (0, 1)]
        share = np.array([0.75 * 1e6, 0.25 * 4e6])
        assert point.throughput == pytest.approx(float(share @ common) / share.sum(), rel=2e-2)
        deviation, count = noise_at(prepare_rings(scene.image, 4.25, places), point.radius)
        wanted = threshold_flux(deviation, count, 4.0)
        assert point.contrast == pytest.approx(wanted / float(share @ common), rel=2e-2)


def test_a_companion_at_the_stacks_contrast_has_the_stacks_threshold() -> None:
    """The reductions dim what is bright: throughputs must be those at the stack's own limit."""
    plain = _scene((1.0, 1.0))
    reductions = [
        WholeReduction(r.cube, r.angles_deg, lambda c, _: _levelled(c, 1.5), "mean")  # type: ignore[attr-defined]
        for r in plain.reductions
    ]
    scene = Scene(plain.channels, reductions, plain.weights)
    (point,) = [p for p in contrast_curve(scene, [14.0], branches=6) if p.channel < 0]
    deviation, count = noise_at(prepare_rings(scene.image, scene.fwhm), 14.0)
    wanted = threshold_flux(deviation, count)
    reached = []
    for azimuth in clear_azimuths((30.0, 30.0), 14.0, scene.fwhm, (), 6)[0]:
        x, y = 30.0 - 14.0 * np.sin(azimuth), 30.0 + 14.0 * np.cos(azimuth)
        total = 0.0
        for number, (channel, reduction) in enumerate(zip(scene.channels, reductions, strict=True)):
            stamps = scene.stamps(number, x, y)
            flux = point.contrast * channel.star_flux
            change = reduction.patch([(stamps, flux)], 30, 30, 25) - reduction.patch([], 30, 30, 25)
            total += scene.weights[number] * aperture_flux(change, scene.fwhm, x - 5, y - 5)
        reached.append(total)
    assert np.median(reached) == pytest.approx(wanted, rel=0.05)


def test_the_stacks_throughput_is_that_at_its_own_limit_where_the_channels_limits_are_far_from_it() -> None:
    """Second channel's star 16 times as bright: at the stack's limit a companion is well above its own."""
    plain = _scene((1.0, 1.0), (1e6, 16e6))
    reductions = [
        WholeReduction(r.cube, r.angles_deg, lambda c, _: _levelled(c, 2.0), "mean")  # type: ignore[attr-defined]
        for r in plain.reductions
    ]
    scene = Scene(plain.channels, reductions, np.array([0.9, 0.1]))
    (point,) = [p for p in contrast_curve(scene, [14.0], branches=6) if p.channel < 0]
    azimuths, _ = clear_azimuths((30.0, 30.0), 14.0, scene.fwhm, (), 6)
    parts, first = [], []
    for number, channel in enumerate(scene.channels):
        found = []
        for azimuth in azimuths:
            x, y = 30.0 - 14.0 * np.sin(azimuth), 30.0 + 14.0 * np.cos(azimuth)
            stamps, flux = scene.stamps(number, x, y), point.contrast * channel.star_flux
            change = scene.reductions[number].patch([(stamps, flux)], 30, 30, 25)
            change = change - scene.reductions[number].patch([], 30, 30, 25)
            found.append(aperture_flux(change, scene.fwhm, x - 5, y - 5) / flux)
        parts.append(np.median(found))
        deviation, count = noise_at(prepare_rings(scene.reductions[number].image, channel.fwhm), 14.0)
        at_own = throughput_at(scene, number, (14.0, azimuths), threshold_flux(deviation, count), 0.5)
        first.append(at_own.common)
    share = np.array([0.9 * 1e6, 0.1 * 16e6]) / 2.5e6
    assert point.throughput == pytest.approx(float(share @ parts), rel=0.03)
    assert point.throughput < 0.93 * float(share @ first)  # that at the channels' own limits is another


def test_a_channel_without_throughput_leaves_the_stack_its_share() -> None:
    plain = _scene()
    cube = plain.channels[0].cube
    blind = WholeReduction(cube, np.zeros(1), lambda c, _: 0 * c + cube, "mean")
    points = contrast_curve(Scene(plain.channels, [blind, plain.reductions[1]], plain.weights), [14.0])
    azimuths, _ = clear_azimuths((30.0, 30.0), 14.0, 4.25, (), 3)
    common = throughput_at(plain, 1, (14.0, azimuths), 40.0, 0.5).common
    assert points[0].throughput == 0.0
    assert np.isnan(points[0].contrast)
    assert points[2].throughput == pytest.approx(4.0 / 7.0 * common, rel=2e-2)
    assert np.isfinite(points[2].contrast)


def test_throughput_is_that_of_the_place() -> None:
    """More comes through to the right and above, linearly, so that a disc has the share of its middle."""
    plain = _scene((1.0,), (1e6,))
    y, x = np.indices((_SIZE, _SIZE)) - 30.0
    share = 0.5 + 0.01 * x + 0.003 * y
    cube = plain.channels[0].cube
    scene = Scene(
        plain.channels,
        [WholeReduction(cube, np.zeros(1), lambda c, _: np.asarray(share * c, np.float32), "mean")],
        np.ones(1),
    )
    for degrees in (0.0, 70.0, 160.0, 290.0):
        angle = np.radians(degrees)
        own = throughput_at(scene, 0, (14.0, np.array([angle])), 40.0, 0.5).own
        assert own == pytest.approx(0.5 - 0.14 * np.sin(angle) + 0.042 * np.cos(angle), rel=0.02)


def test_a_wide_ring_is_looked_at_in_120_places() -> None:
    image = np.random.default_rng(7).normal(size=(85, 85))
    rings = prepare_rings(image, 4.0)
    angles = 2 * np.pi * np.arange(120) / 120
    found = [ring_noise(rings, 42 + 35 * np.cos(a), 42 + 35 * np.sin(a))[2] for a in angles]
    assert noise_at(rings, 35.0)[0] == pytest.approx(np.sqrt(np.mean(np.square(found))), rel=1e-9)


def test_nothing_positive_through_no_contrast() -> None:
    points = contrast_curve(_scene((-0.5, 0.5)), [14.0])
    assert np.isnan(points[0].contrast)
    assert np.isfinite(points[1].contrast)


@pytest.mark.parametrize(
    ("dim", "star", "known"), [(0.0025, 1e9, False), (0.0035, 1e9, True), (0.5, 20.0, False)]
)
def test_no_contrast_where_the_number_would_say_nothing(dim: float, star: float, *, known: bool) -> None:
    """Throughput below 0.003; brighter than the star."""
    points = contrast_curve(_scene((dim, 0.5), (star, 1e6)), [14.0])
    assert np.isfinite(points[0].contrast) == known
    assert points[0].throughput == pytest.approx(dim, rel=2e-2)
    assert np.isfinite(points[1].contrast)


def test_a_frame_that_is_not_square_has_its_star_at_the_middle_of_each_axis() -> None:
    """What comes through tells the place: more to the right and above of the star at (30, 20)."""
    (channel,) = _scene((1.0,), (1e6,)).channels
    channel = replace(channel, cube=channel.cube[:, :41])
    y, x = np.indices((41, _SIZE))
    share = 0.5 + 0.01 * (x - 30) + 0.003 * (y - 20)
    whole = WholeReduction(channel.cube, np.zeros(1), lambda c, _: np.asarray(share * c, np.float32), "mean")
    scene = Scene([channel], [whole], np.ones(1))
    for degrees in (0.0, 70.0, 200.0, 290.0):
        angle = np.radians(degrees)
        found = throughput_at(scene, 0, (11.0, np.array([angle])), 40.0, 0.5)
        assert found.own == pytest.approx(0.5 - 0.11 * np.sin(angle) + 0.033 * np.cos(angle), rel=0.02)
    below = contrast_curve(scene, [11.0])[0]  # at 60, 180 and 300 degrees: the middle one is the median
    assert below.throughput == pytest.approx(0.5 - 0.033, rel=0.02)


def test_a_place_where_one_aperture_alone_leaves_the_image_does_not_count() -> None:
    """Above the star the channel's own aperture ends 0.1 px within the image, that of the stack beyond it."""
    scene = _scene()
    both = throughput_at(scene, 0, (28.4, np.radians([0.0, 45.0])), 40.0, 0.5)
    clear = throughput_at(scene, 0, (28.4, np.radians([45.0])), 40.0, 0.5)
    assert both == clear
    assert both.azimuths == 1
    assert np.isfinite([both.own, both.common]).all()
    assert throughput_at(scene, 0, (28.4, np.radians([0.0])), 40.0, 0.5).azimuths == 0
    within = throughput_at(scene, 0, (28.3, np.radians([0.0, 45.0])), 40.0, 0.5)
    assert within.azimuths == 2


def test_one_azimuth_whose_level_is_not_found_keeps_the_ring_from_being_settled() -> None:
    """Left of the star what comes through changes at each flux tried, right of it 0.6 do."""
    plain = _scene((1.0,), (1e6,))

    @dataclass
    class Wild:
        image: np.ndarray
        turn: int = 0

        def patch(self, parts: Parts, x: int, y: int, half: int) -> np.ndarray:
            self.turn += bool(parts)
            share = 0.6 if x > 30 else 0.8 if self.turn % 2 else 0.4
            return plain.reductions[0].patch([(s, share * f) for s, f in parts], x, y, half)

    scene = Scene(plain.channels, [Wild(plain.reductions[0].image)], np.ones(1))
    left, right = np.radians([80.0]), np.radians([250.0, 290.0])
    assert throughput_at(scene, 0, (14.0, right), 40.0, 0.6).settled
    both = throughput_at(scene, 0, (14.0, np.concatenate([left, right])), 40.0, 0.6)
    assert (both.azimuths, both.settled) == (3, False)
    assert both.own == pytest.approx(0.6, rel=2e-2)


def test_a_curve_rests_on_three_azimuths_unless_told() -> None:
    scene = _scene()
    assert [p.azimuths for p in contrast_curve(scene, [14.0])] == [3, 3, 3]
    assert [p.azimuths for p in contrast_curve(scene, [14.0], branches=2)] == [2, 2, 2]


def test_channels_without_a_reduction_have_no_curve() -> None:
    scene = _scene()
    with pytest.raises(ValueError, match=r"zip\(\) argument 2 is longer"):
        contrast_curve(Scene(scene.channels, scene.reductions[:1], scene.weights), [14.0])


def test_of_several_reductions_each_has_its_own_throughput_at_its_own_limit() -> None:
    """Factors of their own, and noise of their own that must not count; each place has one set of stamps."""
    plain = _scene((1.0,), (1e6,))
    (channel,) = plain.channels
    seen: dict[tuple[int, int], list[int]] = {}

    @dataclass
    class Watched:
        one: WholeReduction

        @property
        def image(self) -> np.ndarray:
            return self.one.image

        def patch(self, parts: Parts, x: int, y: int, half: int) -> np.ndarray:
            seen.setdefault((x, y), []).append(id(parts[0][0]))
            return self.one.patch(parts, x, y, half)

    cubes = [np.random.default_rng(k).normal(size=(1, _SIZE, _SIZE)).astype(np.float32) for k in range(3)]
    factors = (0.5, 0.25, 0.8)
    whole = [
        WholeReduction(cube, np.zeros(1), _dimmed(f), "mean") for cube, f in zip(cubes, factors, strict=True)
    ]
    ring = (14.3, np.radians([10.0, 100.0]))
    wanted = (40.0, 20.0, 0.0)
    found = throughput_of_each(channel, [Watched(one) for one in whole], ring, wanted, 0.9)
    assert [f.own for f in found[:2]] == pytest.approx([0.5, 0.25], rel=2e-2)
    for one, level, each in zip(whole[:2], wanted, found, strict=False):
        assert each == throughput_at(Scene([channel], [one], np.ones(1)), 0, ring, level, 0.9)
    assert np.isnan(found[2].own)
    assert (found[2].azimuths, found[2].settled) == (0, False)
    assert len(seen) == 2
    assert all(len(set(stamps)) == 1 for stamps in seen.values())


def test_of_several_reductions_each_is_injected_with_its_own_flux() -> None:
    """What is bright is dimmed: the throughput tells the flux that was injected."""
    channel = _scene((1.0,), (1e6,)).channels[0]
    quiet = np.zeros_like(channel.cube)
    one = WholeReduction(quiet, np.zeros(1), lambda c, _: _levelled(c, 2.0), "mean")
    ring = (14.0, np.radians([0.0]))
    weak, strong = throughput_of_each(channel, [one, one], ring, (5.0, 200.0), 0.7)
    assert weak.own == pytest.approx(1.0, rel=2e-2)
    assert strong.own < 0.7
    with pytest.raises(ValueError, match="shorter"):
        throughput_of_each(channel, [one, one], ring, (5.0,), 0.7)
