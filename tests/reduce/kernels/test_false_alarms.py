"""False positives are counted where no companion can be: in the same frames, turned the wrong way."""

import numpy as np
import pytest
from scipy import stats

from reduce.kernels.channels import Algorithm, Channel, channel_weights, reduce_without
from reduce.kernels.false_alarms import FalseAlarms, false_alarms, noise_peaks
from reduce.kernels.fit import Scene
from reduce.kernels.inject import Companion, prepare_psf
from reduce.kernels.joint import join
from reduce.kernels.pca import reduce_pca
from reduce.kernels.plain import plain_adi
from tests.reduce.kernels.planted import FWHM, airy, airy_flux, sky_pixel, speckle_sequence, track

_SIZE, _BETWEEN = 61, (6.0, 26.0)
_ANGLES = np.linspace(-20.0, 50.0, 12)
_ALGORITHMS: dict[str, Algorithm] = {
    "cadi": plain_adi,
    "pca": lambda one: reduce_pca(one.cube, one.angles_deg, 2),
}


def _channel(seed: int, *planted: tuple[float, float, float], turn: float = 1.0) -> Channel:
    """Sources by separation (px), position angle and flux in 1 FWHM, on a sky that turns by `turn`."""
    y, x = np.mgrid[-14:15, -14:15]
    cube = speckle_sequence(np.random.default_rng(seed), len(_ANGLES), _SIZE).astype(np.float64)
    for sep, pa, flux in planted:
        cube += track(_SIZE, sep, pa, turn * _ANGLES) * flux / airy_flux()
    psf = prepare_psf(airy(x, y) / airy_flux(), 14)
    return Channel(cube.astype(np.float32), _ANGLES, psf, FWHM, 1e6)


def _scene(*channels: Channel, algorithm: Algorithm = plain_adi) -> Scene:
    reductions = reduce_without(channels, (), algorithm)
    return Scene(channels, reductions, channel_weights(channels, reductions))


@pytest.mark.parametrize("name", list(_ALGORITHMS))
def test_a_companion_is_none_of_them_and_what_turns_the_other_way_is(name: str) -> None:
    algorithm, place = _ALGORITHMS[name], (16.0, 150.0, 900.0)
    for turn, expected in ((1.0, 0), (-1.0, 1)):
        scene = _scene(_channel(1, place, turn=turn), algorithm=algorithm)
        alarms = false_alarms(scene, (), algorithm, _BETWEEN)
        assert len(alarms.peaks) == 2  # one channel, and the stack
        assert [int(np.sum(peaks > 5.5)) for peaks in alarms.peaks] == [expected] * 2


def test_companions_are_taken_out_of_the_frames_first() -> None:
    planted = (8.0, 150.0, 8000.0)
    quiet = false_alarms(_scene(_channel(2)), (), plain_adi, _BETWEEN)
    flux = Companion(*sky_pixel(_SIZE, *planted[:2]), (planted[2],))
    cleaned = false_alarms(_scene(_channel(2, planted)), (flux,), plain_adi, _BETWEEN)
    arcs = false_alarms(_scene(_channel(2, planted)), (), plain_adi, _BETWEEN)
    assert cleaned.peaks[0][:5] == pytest.approx(quiet.peaks[0][:5], abs=0.05)
    assert arcs.peaks[0][:5] != pytest.approx(quiet.peaks[0][:5], abs=0.05)


def test_noise_is_the_same_both_ways() -> None:
    ours, mirrored = [], []
    for seed in range(12):
        scene = _scene(_channel(100 + seed))
        ours.append(noise_peaks(scene.image, FWHM, _BETWEEN))
        mirrored.append(false_alarms(scene, (), plain_adi, _BETWEEN).peaks[-1])
    for sigma in (1.5, 2.0):
        a, b = (sum(int(np.sum(p >= sigma)) for p in peaks) for peaks in (ours, mirrored))
        assert a > 20
        assert abs(a - b) < 3.5 * np.sqrt(a + b)


def test_the_rate_counts_peaks_as_high_and_bounds_what_it_may_be() -> None:
    alarms = FalseAlarms((np.array([4.0, 3.0, 1.0]), np.array([3.5])))
    for plane, sigma, count in ((0, 4.1, 0), (0, 4.0, 1), (0, 2.0, 2), (-1, 3.0, 1), (1, 4.0, 0)):
        rate, most = alarms.rate(plane, sigma)
        assert rate == count
        assert stats.poisson.cdf(count, most) == pytest.approx(0.05)
    assert np.isnan(alarms.rate(0, float("nan"))).all()


def test_peaks_are_sought_between_the_separations_and_off_companions() -> None:
    image = np.random.default_rng(4).normal(size=(_SIZE, _SIZE))
    y, x = np.mgrid[:_SIZE, :_SIZE].astype(float)
    image = image + 9 * airy(x - 50.0, y - 30.0) + 9 * airy(x - 30.0, y - 48.0)  # 20 and 18 px out
    near = Companion(50.0, 30.0, (1.0,))
    assert np.sum(noise_peaks(image, FWHM, (10.0, 26.0)) > 6) == 2
    assert np.sum(noise_peaks(image, FWHM, (10.0, 26.0), (near,)) > 6) == 1
    assert np.sum(noise_peaks(image, FWHM, (25.0, 28.0)) > 6) == 0
    assert np.sum(noise_peaks(image, FWHM, (6.0, 12.0)) > 6) == 0
    peaks = noise_peaks(image, FWHM, (10.0, 26.0))
    assert (np.diff(peaks) <= 0).all()


def test_a_mirrored_channel_turns_back_with_its_smear_and_forgets_its_stamps() -> None:
    smear = np.full(len(_ANGLES), 2.0)
    one = Channel(*(getattr(_channel(1), n) for n in ("cube", "angles_deg", "psf", "fwhm", "star_flux")))
    assert one.mirrored().smear_deg is None
    given = Channel(one.cube, one.angles_deg, one.psf, one.fwhm, 1e6, 1.6, smear)
    plain = Channel(one.cube, one.angles_deg, one.psf, one.fwhm, 1e6, 1.6)
    other = given.mirrored()
    np.testing.assert_array_equal(other.angles_deg, -_ANGLES)
    assert other.smear_deg is not None
    np.testing.assert_array_equal(other.smear_deg, -smear)
    assert other.cube is given.cube
    both = join([given, given], None)
    before = both.stamps(44.0, 30.0)
    after = both.mirrored().stamps(44.0, 30.0)
    for c in (0, len(_ANGLES)):  # the first frame of each channel: 20 degrees to either side
        middles = [s.low[c] + s.data.shape[1] // 2 - 30 for s in (before, after)]
        assert middles[0] == pytest.approx(-middles[1], abs=1)
        assert abs(middles[0]) >= 4
    assert type(both.mirrored()) is type(both)
    assert join([plain, plain], None).mirrored().smear_deg is None


def test_each_channel_loses_its_own_flux_and_the_stack_has_the_weights_of_the_scene() -> None:
    place, fluxes = (9.0, 150.0), (6000.0, 15000.0)
    channels = [_channel(30 + n, (*place, flux)) for n, flux in enumerate(fluxes)]
    clean = [_channel(30 + n).mirrored() for n in range(2)]
    scene = _scene(*channels)
    weights = scene.weights
    alarms = false_alarms(scene, (Companion(*sky_pixel(_SIZE, *place), fluxes),), plain_adi, _BETWEEN)
    assert len(alarms.peaks) == 3
    images = [plain_adi(one).image for one in clean]
    stacked = np.tensordot(weights, np.stack(images), 1)
    for peaks, image in zip(alarms.peaks, [*images, stacked], strict=True):
        assert peaks[:4] == pytest.approx(noise_peaks(image, FWHM, _BETWEEN)[:4], abs=0.1)


def test_the_separations_themselves_are_searched() -> None:
    y, x = np.mgrid[:_SIZE, :_SIZE].astype(float)
    image = np.random.default_rng(4).normal(size=(_SIZE, _SIZE)) + 9 * airy(x - 50.0, y - 30.0)  # 20 px out
    for between, expected in (((20.0, 26.0), 1), ((8.0, 20.0), 1), ((20.01, 20.02), 0)):
        assert np.sum(noise_peaks(image, FWHM, between) > 7) == expected
