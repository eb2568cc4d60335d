"""Planted companions are found where they are, as bright as they are, within the errors quoted."""

import numpy as np
import pytest

from reduce.kernels.candidates import Found, local_maxima, search
from reduce.kernels.channels import Algorithm, Channel
from reduce.kernels.characterise import clear_azimuths, injected_deviations, spread
from reduce.kernels.inject import Companion, prepare_psf
from reduce.kernels.pca import reduce_pca
from reduce.kernels.plain import plain_adi
from reduce.kernels.snr import significance, snr_map
from tests.reduce.kernels.planted import FWHM, airy, airy_flux, sky_pixel, speckle_sequence, track

_SIZE = 61
_ANGLES = np.linspace(-150.0, -95.0, 14)
_ALGORITHMS: dict[str, Algorithm] = {
    "cadi": plain_adi,
    "pca": lambda one: reduce_pca(one.cube, one.angles_deg, 2),
}


def _channel(seed: int, planted: list[tuple[float, float, float]]) -> Channel:
    """Sources by separation (px), position angle and flux in 1 FWHM."""
    y, x = np.mgrid[-14:15, -14:15]
    cube = speckle_sequence(np.random.default_rng(seed), len(_ANGLES), _SIZE).astype(np.float64)
    for sep, pa, flux in planted:
        cube += track(_SIZE, sep, pa, _ANGLES) * flux / airy_flux()
    psf = prepare_psf(airy(x, y) / airy_flux(), 14)
    return Channel(cube.astype(np.float32), _ANGLES, psf, FWHM, 1e6)


def _search(name: str, *channels: Channel) -> Found:
    return search(channels, _ALGORITHMS[name], inner=6.0, outer=26.0)


def _off(companion: Companion, sep: float, pa: float) -> float:
    x, y = sky_pixel(_SIZE, sep, pa)
    return float(np.hypot(companion.x - x, companion.y - y))


@pytest.mark.parametrize("name", list(_ALGORITHMS))
def test_nothing_planted_nothing_found(name: str) -> None:
    for seed in range(6):
        found = _search(name, _channel(seed, []), _channel(100 + seed, []))
        assert found.detections == ()


@pytest.mark.parametrize("name", list(_ALGORITHMS))
def test_three_companions_and_no_lobe_of_theirs(name: str) -> None:
    planted = [(9.0, 40.0, 1800.0), (16.0, 150.0, 500.0), (24.0, 265.0, 400.0)]
    found = _search(name, _channel(1, planted), _channel(2, planted))
    assert len(found.detections) == 3
    for sep, pa, flux in planted:
        best = min(found.detections, key=lambda d: _off(d.companion, sep, pa))
        assert best.fitted
        assert _off(best.companion, sep, pa) < 0.3
        assert best.companion.flux == pytest.approx((flux, flux), rel=0.15)
        assert best.significance[-1] > 5
        assert len(best.snr) == 3
    left = found.scene.image
    y, x = np.indices(left.shape)
    for sep, pa, _ in planted:
        px, py = sky_pixel(_SIZE, sep, pa)
        near = np.hypot(x - px, y - py) < FWHM
        assert np.abs(left[near]).max() < 6 * np.nanstd(left[(x - 30) ** 2 + (y - 30) ** 2 > 36])


def test_equal_companions_on_one_ring_do_not_hide_each_other() -> None:
    planted = [(15.0, 30.0, 600.0), (15.0, 200.0, 600.0)]
    found = _search("pca", _channel(3, planted))
    assert len(found.detections) == 2
    for sep, pa, flux in planted:
        best = min(found.detections, key=lambda d: _off(d.companion, sep, pa))
        assert _off(best.companion, sep, pa) < 0.3
        assert best.companion.flux[0] == pytest.approx(flux, rel=0.15)


def test_a_companion_far_brighter_than_its_own_components_allow_is_measured() -> None:
    """As bright as this it makes the first component itself: the flux is scanned, not stepped up from 0."""
    found = _search("pca", _channel(4, [(10.0, 75.0, 6000.0)]))
    assert found.detections[0].fitted
    assert found.detections[0].companion.flux[0] == pytest.approx(6000.0, rel=0.05)
    assert _off(found.detections[0].companion, 10.0, 75.0) < 0.1
    assert len(found.detections) == 1


@pytest.mark.parametrize("name", list(_ALGORITHMS))
def test_errors_from_injections_hold_the_truth(name: str) -> None:
    """20 nights: (fit - truth) / error has an rms of 0.8 to 1.2 for place and flux."""
    pulls: list[list[float]] = []
    for seed in range(20):
        sep, pa, flux = 17.0, 15.0 * seed, 500.0
        found = _search(name, _channel(50 + seed, [(sep, pa, flux)]))
        near = [d for d in found.detections if _off(d.companion, sep, pa) < FWHM]
        assert len(near) == 1, seed
        companion = near[0].companion
        copies = injected_deviations(found.scene, companion, [d.companion for d in found.detections], 14)
        radial, tangential, relative = (
            spread(v, copies.independent) for v in (copies.radial, copies.tangential, copies.flux[:, 0])
        )
        dx, dy = companion.x - 30, companion.y - 30
        angle = np.arctan2(-dx, dy)
        turn = (np.degrees(angle) - pa + 180) % 360 - 180
        pulls.append(
            [
                (np.hypot(dx, dy) - radial.bias - sep) / radial.error,
                (np.radians(turn) * sep - tangential.bias) / tangential.error,
                (companion.flux[0] / (1 + relative.bias) / flux - 1) / relative.error,
            ]
        )
    rms = np.sqrt(np.mean(np.square(pulls), axis=0))
    assert ((rms > 0.65) & (rms < 1.35)).all(), rms  # 20 draws: the rms of a perfect pull is 1 +- 0.16
    assert 0.8 <= np.sqrt(np.mean(np.square(pulls))) <= 1.2
    assert np.abs(pulls).max() < 4


def test_local_maxima_are_the_largest_within_their_radius_in_order() -> None:
    values = np.zeros((20, 20))
    values[5, 5], values[5, 7], values[15, 12], values[2, 17] = 9.0, 8.0, 10.0, 4.0
    values[10, 10] = np.nan
    everywhere = np.ones_like(values, np.bool_)
    assert local_maxima(values, 5.0, 3.0, everywhere) == [(12, 15), (5, 5)]
    everywhere[15] = False
    assert local_maxima(values, 3.0, 3.0, everywhere) == [(5, 5), (17, 2)]


def test_injections_keep_away_from_companions() -> None:
    companion = Companion(30.0, 50.0, (1.0,))
    angles, places = clear_azimuths((30.0, 30.0), 20.0, FWHM, [companion], 12)
    assert len(angles) == 12
    assert places == 12
    x, y = 30 - 20 * np.sin(angles), 30 + 20 * np.cos(angles)
    assert (np.hypot(x - 30, y - 50) > 2 * FWHM).all()
    crowded = [Companion(*sky_pixel(61, 7.0, a), (1.0,)) for a in range(0, 360, 30)]
    assert clear_azimuths((30.0, 30.0), 7.0, FWHM, crowded, 12)[1] == 0


def test_few_injections_widen_the_error_and_one_wild_one_does_not() -> None:
    rng = np.random.default_rng(3)
    many = spread(rng.normal(0.3, 2.0, 4000), 4000)
    assert many.bias == pytest.approx(0.3, abs=0.1)
    assert many.error == pytest.approx(2.0, rel=0.05)
    held = []
    for _ in range(600):
        draw = rng.normal(size=13)
        one = spread(draw[:12], 12)
        held.append(abs(draw[12] - one.bias) < one.error)
    assert np.mean(held) == pytest.approx(0.683, abs=0.05)
    values = rng.normal(size=16)
    wild = values.copy()
    wild[3] = 500.0
    assert spread(wild, 16).error < 2.5 * spread(values, 16).error
    assert np.isnan(spread(values[:2], 2).error)
    assert spread(np.ones(5), 5).error == 0.0


def test_no_injection_asked_for_is_no_error_known() -> None:
    found = _search("cadi", _channel(1, [(16.0, 150.0, 700.0)]))
    companion = found.detections[0].companion
    copies = injected_deviations(found.scene, companion, [companion], 0)
    assert copies.radial.size == copies.independent == 0
    assert np.isnan(spread(copies.radial, copies.independent).error)


@pytest.mark.parametrize("sep", [27.5, 4.5])
def test_what_lies_outside_the_limits_is_no_candidate(sep: float) -> None:
    found = _search("cadi", _channel(7, [(sep, 60.0, 1500.0), (16.0, 150.0, 700.0)]))
    places = [np.hypot(d.companion.x - 30, d.companion.y - 30) for d in found.detections]
    assert places == [pytest.approx(16.0, abs=0.3)]


def _peaks(found: Found, threshold: float) -> int:
    """Peaks of the significance map of what the scene holds, the bright companions out of it."""
    without = [(c.x, c.y) for c in found.companions]
    image = found.scene.image
    values = significance(*snr_map(image, FWHM, excluded=without))
    y, x = np.indices(image.shape) - _SIZE // 2
    where = (np.hypot(x, y) >= 6.0) & (np.hypot(x, y) <= 26.0)
    for px, py in without:
        where &= np.hypot(x + _SIZE // 2 - px, y + _SIZE // 2 - py) > FWHM
    return len(local_maxima(values, threshold, FWHM, where))


def test_a_low_threshold_finds_the_peaks_there_are_and_no_more() -> None:
    """Each is judged against all other peaks of the noise: they do not fall one after another."""
    candidates, peaks = 0, 0
    for seed in range(6):
        channel = _channel(seed, [(16.0, 150.0, 900.0)])
        found = search([channel], _ALGORITHMS["cadi"], threshold=2.2, inner=6.0, outer=26.0, limit=40)
        high = _search("cadi", channel)
        bright = [d for d in found.detections if d.subtracted]
        assert [d.companion for d in bright] == [d.companion for d in high.detections]
        assert [d.significance for d in bright] == [d.significance for d in high.detections]
        assert found.detections[: len(bright)] == tuple(bright)
        np.testing.assert_allclose(found.scene.image, high.scene.image, atol=1e-6)  # the faint stay in it
        assert all(d.significance[-1] > 2.2 for d in found.detections)
        places = np.array([(d.companion.x, d.companion.y) for d in found.detections])
        apart = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
        assert (apart + 9 * np.eye(len(places)) > FWHM / 2).all()
        candidates += len(found.detections) - len(bright)
        peaks += _peaks(found, 2.2)
    assert peaks >= 6
    assert 0.6 * peaks <= candidates <= 1.3 * peaks


def test_a_faint_companion_is_a_candidate_with_its_place_where_the_threshold_is_low() -> None:
    held = []
    for seed in range(8):
        channel = _channel(20 + seed, [(22.0, 150.0, 110.0)])
        found = search([channel], _ALGORITHMS["cadi"], threshold=2.5, inner=6.0, outer=26.0)
        near = [d for d in found.detections if _off(d.companion, 22.0, 150.0) < FWHM / 2]
        assert len(near) <= 1
        held += near
    faint = [d for d in held if not d.subtracted]
    assert len(held) >= 6
    assert len(faint) >= 4
    assert all(d.fitted and d.significance[-1] < 6 for d in faint)
    assert np.median([d.companion.flux[0] for d in held]) == pytest.approx(110.0, rel=0.2)


def test_the_limit_of_candidates_holds_for_faint_ones_too() -> None:
    channel = _channel(1, [(16.0, 150.0, 900.0)])
    found = search([channel], _ALGORITHMS["cadi"], threshold=2.0, inner=6.0, outer=26.0, limit=3)
    assert len(found.detections) == 3
    assert found.detections[0].subtracted
    assert found.untried == "3 companions were asked for at most"
