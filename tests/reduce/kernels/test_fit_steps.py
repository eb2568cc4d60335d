"""The steps of a fit, each with an answer in closed form: derivative, step, first flux, descent."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from reduce.kernels.channels import Channel
from reduce.kernels.fit import POOR, Fit, Scene, _descend, _step, _Trial, fit_companion, nearby_peak
from reduce.kernels.inject import Companion, inject, prepare_psf
from reduce.kernels.photometry import normalised
from reduce.kernels.reduction import Parts, WholeReduction

_NOISE = 0.02
_FWHM = (4.0, 5.0)
_SHAPE = (41, 41)
_NONE: list[Parts] = [[], []]


def _psf(fwhm: float) -> NDArray[np.float32]:
    y, x = np.indices((25, 25)) - 12.0
    return normalised(np.exp(-4 * np.log(2) * (x**2 + y**2) / fwhm**2), fwhm)


def _gauss(x: float, y: float, fwhm: float) -> NDArray[np.float64]:
    """The same drawn at a place."""
    rows, columns = np.indices(_SHAPE)
    away = (columns - x) ** 2 + (rows - y) ** 2
    return np.asarray(_psf(fwhm)[12, 12] * np.exp(-4 * np.log(2) / fwhm**2 * away))


class _Counted:
    """A reduction without a star to take away, that counts how often it is done."""

    def __init__(self, change: Callable[[NDArray[np.float32]], NDArray[np.floating]] = lambda c: c) -> None:
        self.change, self.number = change, 0

    def __call__(self, cube: NDArray[np.float32], _: NDArray[np.floating]) -> NDArray[np.float32]:
        self.number += 1
        return np.asarray(self.change(cube), np.float32)


def _scene(
    x: float, y: float, fluxes: tuple[float, ...], counted: _Counted | None = None, noise: float = _NOISE
) -> Scene:
    """One frame a channel with a source at (x, y) in weak noise."""
    channels, reductions = [], []
    for number, (flux, fwhm) in enumerate(zip(fluxes, _FWHM, strict=False)):
        psf = prepare_psf(_psf(fwhm))
        cube = noise * np.random.default_rng(number).normal(size=(1, *_SHAPE))
        full = inject(cube, np.zeros(1), psf, [(x, y, flux)])
        channels.append(Channel(full, np.zeros(1), psf, fwhm, 1e5))
        reductions.append(WholeReduction(full, np.zeros(1), counted or _Counted(), "mean"))
    return Scene(channels, reductions, np.full(len(fluxes), 1 / len(fluxes)))


def _trial(scene: Scene, x: float, y: float) -> _Trial:
    return _Trial(scene, _NONE[: len(scene.channels)], x, y)


def test_the_derivative_is_that_of_the_source() -> None:
    x, y, fluxes = 26.3, 17.8, (30.0, 70.0)
    trial = _trial(_scene(x, y, fluxes), 26.0, 18.0)
    theta = np.array([x, y, *fluxes])
    matrix = trial.jacobian(theta, trial.all_channels(theta))
    size = int(trial.disc.sum())
    cut = (slice(18 - trial.place[2], 19 + trial.place[2]), slice(26 - trial.place[2], 27 + trial.place[2]))
    for c, (flux, fwhm) in enumerate(zip(fluxes, _FWHM, strict=True)):
        rows = slice(c * size, (c + 1) * size)
        shape = _gauss(x, y, fwhm)
        slope = 8 * np.log(2) / fwhm**2 * shape
        for column, wanted in (
            (0, -flux * slope * (np.indices(_SHAPE)[1] - x)),
            (1, -flux * slope * (np.indices(_SHAPE)[0] - y)),
            (2 + c, -shape),
        ):
            expected = wanted[cut][trial.disc] / trial.noise[c]
            np.testing.assert_allclose(matrix[rows, column], expected, atol=0.04 * np.abs(expected).max())
        assert np.abs(matrix[rows, 3 - c]).max() == 0.0


@pytest.mark.parametrize("flux", [0.1, 40.0])
def test_the_derivative_by_flux_is_taken_close_by(flux: float) -> None:
    """A reduction that lets through the less the more there is."""
    scale = flux * float(_psf(4.0)[12, 12])
    bend = _Counted(lambda c: scale * np.tanh(c / scale))
    scene = _scene(20.0, 20.0, (1.5 * flux,), bend, 0.002 * flux)
    trial = _trial(scene, 20.0, 20.0)
    theta = np.array([20.0, 20.0, flux])
    found = trial.jacobian(theta, trial.all_channels(theta))[:, 2]
    step = 5e-3 * flux
    wanted = (
        (trial.residual(0, 20.0, 20.0, flux + step) - trial.residual(0, 20.0, 20.0, flux - step)) / 2 / step
    )
    largest = int(np.argmax(np.abs(wanted)))
    assert found[largest] == pytest.approx(wanted[largest], rel=0.03)


def test_a_step_is_that_of_levenberg_and_marquardt_no_longer_than_allowed() -> None:
    matrix = np.diag([1.0, 2.0, 4.0, 0.5])
    wanted = np.array([3.0, 4.0, 7.0, -1.0])
    base = matrix @ wanted
    np.testing.assert_allclose(_step(matrix, base, 0.0, 5.1), wanted)
    np.testing.assert_allclose(_step(matrix, base, 0.25, 4.1), 0.8 * wanted)  # 4 px on the sky
    np.testing.assert_allclose(_step(matrix, base, 0.0, 2.5), 0.5 * wanted)
    np.testing.assert_allclose(_step(matrix, base, 1.0, 1.0), 0.2 * wanted)
    np.testing.assert_allclose(_step(matrix, 0.1 * base, 0.0, 0.25), 0.05 * wanted)
    still = np.array([0.0, 0.0, 7.0, -1.0])
    np.testing.assert_allclose(_step(matrix, matrix @ still, 0.0, 0.1), still)


@pytest.mark.parametrize("share", [-3.0, -0.5, 0.2, 0.6])
def test_what_does_not_stand_out_is_measured_by_subtraction(share: float) -> None:
    """Added to what the noise looks like there, so that both together are a share of the least peak."""
    scene = _scene(26.3, 17.8, (0.0, 0.0))
    trial = _trial(scene, 26.3, 17.8)
    for c, fwhm in enumerate(_FWHM):
        wanted = share * trial.noise[c] * fwhm
        added = scene.parts(Companion(26.3, 17.8, (wanted - trial.first_flux(c, 26.3, 17.8),) * 2))
        assert _Trial(scene, added, 26.3, 17.8).first_flux(c, 26.3, 17.8) == pytest.approx(wanted, rel=2e-3)


@pytest.mark.parametrize("through", [0.05, 0.5])
def test_what_hardly_comes_through_is_measured_by_subtraction_too(through: float) -> None:
    scene = _scene(26.3, 17.8, (0.0,))
    cube = scene.channels[0].cube
    reduction = WholeReduction(
        cube, np.zeros(1), lambda c, _: np.asarray(cube + through * (c - cube), np.float32), "mean"
    )
    dimmed = Scene(scene.channels, [reduction], np.ones(1))
    alone = _trial(dimmed, 26.3, 17.8).first_flux(0, 26.3, 17.8)
    added = scene.parts(Companion(26.3, 17.8, (0.05 - alone,)))
    found = _Trial(dimmed, added, 26.3, 17.8).first_flux(0, 26.3, 17.8)
    assert found == pytest.approx(0.05, rel=5e-3)


def test_where_nothing_comes_through_the_first_flux_is_none() -> None:
    scene = _scene(26.3, 17.8, (0.0,))
    blind = Scene(
        scene.channels,
        [WholeReduction(scene.channels[0].cube, np.zeros(1), lambda c, _: 0 * c, "mean")],
        np.ones(1),
    )
    trial = _trial(scene, 26.0, 18.0)
    trial.scene = blind
    assert trial.first_flux(0, 26.0, 18.0) == 0.0


@pytest.mark.parametrize("through", [1.0, 0.6, 0.2, 0.07, 0.02, 0.0055, 0.0033])
def test_the_first_flux_is_near_the_truth_for_throughputs_down_to_three_thousandths(through: float) -> None:
    """A reduction that dims what is bright: the source shows that share of itself."""
    flux = 3000.0
    scene = _scene(26.2, 17.9, (flux,), _Counted(lambda c: through * c), 0.002)
    trial = _trial(scene, 26.2, 17.9)
    found = trial.first_flux(0, 26.2, 17.9)
    assert abs(np.log(found / flux)) < 0.5 * np.log(1.75)


@pytest.mark.parametrize(("factor", "from_share"), [(1.53, 0.9), (4.4, 0.9), (12.8, 0.9), (21.7, 0.5)])
def test_the_scan_gets_over_the_hump_between_nothing_and_the_truth(factor: float, from_share: float) -> None:
    """A source that dims itself: with half of it taken away more is left than at first."""
    flux = 1000.0
    peak = flux * _gauss(26.0, 18.0, 4.0).max()

    def change(cube: NDArray[np.float32]) -> NDArray[np.floating]:
        return cube / factor if np.abs(cube).max() > from_share * peak else cube

    trial = _trial(_scene(26.0, 18.0, (flux,), _Counted(change), 0.002), 26.0, 18.0)
    found = trial.first_flux(0, 26.0, 18.0)
    assert abs(np.log(found / flux)) < 0.5 * np.log(1.75)


@pytest.mark.parametrize("unit", [1.0, 1e-4])
@pytest.mark.parametrize(
    ("off", "most"),
    [
        ((0.0, 0.0), 24),
        ((0.4, -0.3), 24),
        ((1.6, 1.1), 30),
        ((-0.2, 2.4), 30),
        ((1.5, 0.0), 30),
        ((0.0, 1.5), 30),
        ((2.5, -2.5), 42),
    ],
)
def test_the_descent_ends_at_the_truth_after_few_reductions(
    off: tuple[float, float], most: int, unit: float
) -> None:
    """In whatever unit the fluxes are."""
    counted = _Counted()
    x, y, fluxes = 26.3, 17.8, (50.0 * unit, 90.0 * unit)
    trial = _trial(_scene(x, y, fluxes, counted, 1e-4 * unit), x + off[0], y + off[1])
    counted.number = 0
    theta, base, found = _descend(trial, np.array([x + off[0], y + off[1], 30.0 * unit, 70.0 * unit]))
    assert found
    assert theta[:2] == pytest.approx((x, y), abs=3e-4)
    assert theta[2:] == pytest.approx(fluxes, rel=1e-4)
    np.testing.assert_array_equal(base, trial.all_channels(theta))
    assert counted.number <= most  # each costs the whole algorithm


def test_a_step_that_leaves_more_is_taken_back_and_the_next_is_shorter() -> None:
    """What is too bright saturates: from four times the flux the straight way overshoots."""
    x, y, flux = 26.3, 17.8, 50.0
    level = 0.25 * flux * float(_psf(4.0)[12, 12])
    counted = _Counted(lambda c: level * np.tanh(c / level))
    trial = _trial(_scene(x, y, (flux,), counted, 1e-3), 26.6, 18.0)
    counted.number = 0
    theta, _, found = _descend(trial, np.array([26.6, 18.0, 4 * flux]))
    assert found
    assert theta == pytest.approx((x, y, flux), rel=2e-4)
    assert counted.number <= 34


def test_a_scan_ends_when_more_is_left_and_six_fluxes_were_tried() -> None:
    counted = _Counted()
    trial = _trial(_scene(26.2, 17.9, (3000.0,), counted, 0.002), 26.2, 17.9)
    counted.number = 0
    trial.first_flux(0, 26.2, 17.9)
    assert counted.number == 1 + 6


@pytest.mark.parametrize(("unit", "ok"), [(1.0, True), (1e-4, True), (-1e-4, False), (-1.0, False)])
def test_a_companion_has_a_positive_flux_in_whatever_unit(*, unit: float, ok: bool) -> None:
    scene = _scene(26.3, 17.8, (50.0 * unit, 90.0 * unit), noise=1e-3 * abs(unit))
    assert fit_companion(scene, _NONE, 26.0, 18.0).ok is ok


def test_a_fit_is_good_up_to_three_times_the_noise() -> None:
    companion = Companion(1.0, 2.0, (3.0,))
    assert POOR == 3.0
    assert Fit(companion, ok=True, left=2.9).good
    assert not Fit(companion, ok=True, left=3.1).good
    assert not Fit(companion, ok=False, left=1.0).good
    assert Fit(companion, ok=True, left=1.0).shown == 0.0


def test_what_is_shown_and_left_is_counted_over_the_disc() -> None:
    """The disc reaches 1.5 FWHM; a source that fades into noise shows its mean square there."""
    x, y, flux = 26.0, 18.0, 60.0
    scene = _scene(x, y, (flux,), noise=1.0)
    fit = fit_companion(scene, [[]], x, y)
    rows, columns = np.indices(_SHAPE)
    disc = np.hypot(columns - x, rows - y) <= 6.0
    noise = scene.noise[0][round(np.hypot(x - 20, y - 20))]
    assert fit.shown == pytest.approx(
        float(
            np.mean(
                (fit.companion.flux[0] * _gauss(fit.companion.x, fit.companion.y, 4.0)[disc] / noise) ** 2
            )
        ),
        rel=0.02,
    )
    image = scene.image - fit.companion.flux[0] * _gauss(fit.companion.x, fit.companion.y, 4.0)
    assert fit.left == pytest.approx(float(np.mean((image[disc] / noise) ** 2)), rel=0.02)


def test_the_noise_is_that_of_the_ring_and_beyond_the_last_that_of_the_last() -> None:
    scene = _scene(26.0, 18.0, (0.0, 0.0), noise=1.0)
    for x, y, ring in ((26.0, 28.0, 10), (20.3, 20.4, 0), (0.0, 20.0, 20), (0.0, 0.0, 20), (31.6, 20.0, 12)):
        assert _trial(scene, x, y).noise == [float(profile[ring]) for profile in scene.noise]


def test_the_peak_is_sought_one_fwhm_around() -> None:
    for away, seen in ((3.0, True), (4.0, True), (5.0, False)):
        scene = _scene(20.0 + away, 20.0, (500.0,))
        assert (nearby_peak(scene, [[]], 20.0, 20.0) == (20.0 + away, 20.0)) == seen
        scene = _scene(20.0, 20.0 - away, (500.0,))
        assert (nearby_peak(scene, [[]], 20.0, 20.0) == (20.0, 20.0 - away)) == seen
