"""From a fitted pixel to the numbers of a candidate: signs, units, biases, errors, all worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits

from hcvo.headers.level2_tables import CandidateRow
from reduce.kernels.candidates import Detection, Found
from reduce.kernels.channels import Channel
from reduce.kernels.characterise import Deviations, spread
from reduce.kernels.fit import Scene
from reduce.kernels.inject import Companion, prepare_psf
from reduce.recipes.level1_cube import ChannelFacts, Level1Cube, Systematics
from reduce.recipes.level2 import Level2, Level2Parameters, _between, _channels
from reduce.recipes.level2_candidates import _photometry, _rows_of
from reduce.recipes.level2_curve import magnitude, wavelength
from reduce.recipes.write_level2 import _cards
from tests.reduce.recipes.facts import FACTS

_WEIGHTS = np.array([0.75, 0.25])
_STAR, _STAR_ERROR = (2.0e6, 1.0e6), (4.0e4, 3.0e4)
_NONE = Systematics()


def _level1(size: int = 21) -> Level1Cube:
    psf = np.ones((2, 41, 41), np.float32)
    facts = [("H2", 1.6, 0.05, 4.0), ("H3", 1.7, 0.06, 4.4)]
    return Level1Cube(
        FACTS,
        "a_cube_1.fits",
        np.arange(2 * 3 * size * size, dtype=np.float32).reshape(2, 3, size, size),
        np.array([1.0, 2.0, 3.0]),
        psf,
        tuple(ChannelFacts(*f, s, e) for f, s, e in zip(facts, _STAR, _STAR_ERROR, strict=True)),
        _NONE,
    )


def _found(detection: Detection) -> Found:
    level1, psf = _level1(), prepare_psf(np.ones((9, 9)))
    channels = [
        Channel(cube, level1.angles_deg, psf, facts.fwhm_px, facts.star_flux)
        for cube, facts in zip(level1.cube, level1.channels, strict=True)
    ]
    return Found((detection,), (), Scene(channels, (), _WEIGHTS))


def _copies(
    radial: float = 0.0, tangential: float = 0.0, flux: tuple[float, float] = (0.0, 0.0)
) -> Deviations:
    """Deviations with a scatter of their own about given biases."""
    rng = np.random.default_rng(1)
    return Deviations(
        rng.normal(size=12) * 0.1 + radial,
        rng.normal(size=12) * 0.2 + tangential,
        rng.normal(size=(12, 2)) * 0.05 + flux,
        9,
        0,
        0,
    )


def _detection(dx: float = -3.0, dy: float = 4.0, *, fitted: bool = True) -> Detection:
    companion = Companion(10.0 + dx, 10.0 + dy, (30.0, 10.0))
    return Detection(companion, fitted, (7.0, 8.0, 9.0), (5.5, 6.5, 7.5))


def _rows(detection: Detection, copies: Deviations, systematics: Systematics = _NONE) -> list[CandidateRow]:
    return _rows_of(_level1(), _found(detection), (3, detection), copies, systematics)


@pytest.mark.parametrize(
    ("dx", "dy", "pa"), [(-3, 4, 36.8699), (3, 4, 323.1301), (-3, -4, 143.1301), (3, -4, 216.8699)]
)
def test_east_is_left_and_north_is_up(dx: float, dy: float, pa: float) -> None:
    copies = _copies()
    radial, tangential = spread(copies.radial, 9), spread(copies.tangential, 9)
    row = _rows(_detection(dx, dy), copies)[0]
    radius = 5.0 - radial.bias
    angle = np.radians(pa) - tangential.bias / 5.0
    assert row.sep == pytest.approx(radius * 12.25)
    assert row.pa == pytest.approx(np.degrees(angle), abs=1e-3)
    assert (row.x, row.y) == pytest.approx(
        (10 - radius * np.sin(angle), 10 + radius * np.cos(angle)), abs=1e-4
    )
    star, place = SkyCoord(197.928, -37.404, unit="deg"), SkyCoord(row.ra, row.dec, unit="deg")
    assert star.separation(place).mas == pytest.approx(row.sep, rel=1e-6)
    assert star.position_angle(place).to_value(u.deg) == pytest.approx(row.pa, abs=0.01)


def test_the_bias_of_the_copies_is_taken_off() -> None:
    plain = _rows(_detection(), _copies())[0]
    row = _rows(_detection(), _copies(radial=0.5, tangential=0.3))[0]
    assert row.sep == pytest.approx(plain.sep - 0.5 * 12.25)
    assert row.pa == pytest.approx(plain.pa - np.degrees(0.3 / 5.0))


def test_errors_hold_the_copies_the_centre_the_scale_and_the_north() -> None:
    copies = _copies()
    radial, tangential = spread(copies.radial, 9), spread(copies.tangential, 9)
    row = _rows(_detection(), copies)[0]
    assert row.sep_err == pytest.approx(radial.error * 12.25)
    assert row.pa_err == pytest.approx(np.degrees(tangential.error / (5.0 - radial.bias)))
    assert row.n_injections == 12
    systematics = Systematics(centre_mas=2.45, pixel_scale_mas=0.245, true_north_deg=0.8)
    more = _rows(_detection(), copies, systematics)[0]
    radius = 5.0 - radial.bias
    wanted = np.sqrt(radial.error**2 + 0.2**2 + (radius * 0.02) ** 2) * 12.25
    assert more.sep_err == pytest.approx(wanted)
    turn = np.hypot(np.degrees(np.hypot(tangential.error, 0.2) / radius), 0.8)
    assert more.pa_err == pytest.approx(turn)


def test_each_channel_has_its_own_brightness() -> None:
    stack, h2, h3 = _rows(_detection(), _copies())
    assert [row.channel for row in (stack, h2, h3)] == [-1, 0, 1]
    assert [row.candidate for row in (stack, h2, h3)] == [3, 3, 3]
    assert [row.snr for row in (stack, h2, h3)] == [9.0, 7.0, 8.0]
    assert [row.significance for row in (stack, h2, h3)] == [7.5, 5.5, 6.5]
    assert [row.wavelength for row in (stack, h2, h3)] == pytest.approx([1.625, 1.6, 1.7])
    assert stack.sep == h2.sep == h3.sep


@pytest.mark.parametrize(
    ("channel", "total", "reference", "star_error"),
    [(0, 30.0, 2.0e6, 4.0e4), (1, 10.0, 1.0e6, 3.0e4), (-1, 25.0, 1.75e6, 3.75e4)],
)
def test_contrast_is_flux_over_the_stars(
    channel: int, total: float, reference: float, star_error: float
) -> None:
    copies = _copies(flux=(0.1, 0.3))
    detection = _detection()
    share = np.array([[0.75, 0.25], [1.0, 0.0], [0.0, 1.0]])[channel + 1]
    relative = spread(copies.flux @ (share * (30.0, 10.0)) / total, 9)
    contrast, error = _photometry(_level1(), _found(detection), detection, copies, channel)
    assert contrast == pytest.approx(total / reference / (1 + relative.bias))
    assert error == pytest.approx(contrast * np.hypot(relative.error, star_error / reference))
    row = next(r for r in _rows(detection, copies) if r.channel == channel)
    assert (row.contrast, row.contrast_err) == pytest.approx((contrast, error))
    assert row.dmag == pytest.approx(-2.5 * np.log10(contrast))
    assert row.dmag_err == pytest.approx(1.0857362 * error / contrast)


def test_a_candidate_without_a_fit_has_no_contrast() -> None:
    rows = _rows(_detection(fitted=False), _copies())
    assert all(np.isnan([r.contrast, r.contrast_err, r.dmag, r.dmag_err]).all() for r in rows)


def test_a_negative_flux_has_nomagnitude() -> None:
    hole = Detection(
        Companion(7.0, 14.0, (-30.0, -10.0)), fitted=True, snr=(1.0,) * 3, significance=(1.0,) * 3
    )
    row = _rows(hole, _copies())[0]
    assert row.contrast < 0
    assert np.isnan([row.dmag, row.dmag_err]).all()


def test_copies_too_few_for_a_bias_leave_the_place_as_fitted() -> None:
    row = _rows(_detection(), Deviations(np.zeros(1), np.zeros(1), np.zeros((1, 2)), 1, 0, 0))[0]
    assert row.sep == pytest.approx(5.0 * 12.25)
    assert np.isnan(row.sep_err)
    assert np.isnan(row.pa_err)
    assert row.contrast == pytest.approx(25.0 / 1.75e6)


def test_magnitudes_grow_with_faintness() -> None:
    assert magnitude(1e-4) == pytest.approx(10.0)
    assert np.isnan(magnitude(0.0))
    assert np.isnan(magnitude(-1.0))
    assert wavelength(_level1(), _found(_detection()), 1) == 1.7


@pytest.mark.parametrize(("half", "begin", "end"), [(4, 6, 15), (10, 0, 21), (40, 0, 21)])
def test_the_cube_is_cut_about_the_star(half: int, begin: int, end: int) -> None:
    level1 = _level1()
    one, two = _channels(level1, half)
    np.testing.assert_array_equal(one.cube, level1.cube[0][:, begin:end, begin:end])
    np.testing.assert_array_equal(two.cube, level1.cube[1][:, begin:end, begin:end])
    assert one.centre == pytest.approx(((end - begin) // 2, (end - begin) // 2))
    assert [one.fwhm, two.fwhm] == [4.0, 4.4]
    assert [one.star_flux, two.star_flux] == list(_STAR)
    assert [one.psf.half, two.psf.half] == [16, 18]  # four times the width, upwards


def test_a_ring_meets_both_its_rims() -> None:
    ring = _between(21, 3.0, 5.0)
    y, x = np.indices((21, 21)) - 10
    np.testing.assert_array_equal(ring, (x**2 + y**2 >= 9) & (x**2 + y**2 <= 25))


def test_cards_of_many_channels_are_plain_ones() -> None:
    """A keyword has 8 letters (FITS 4.0, 4.1.2.1): longer ones become HIERARCH, which many programs skip."""
    row = ChannelFacts("OBS_H, 39 of them", 1.6, 0.05, 4.0, 2.0e6, 4.0e4)
    level1 = replace(_level1(), channels=(row,) * 99)
    image = np.zeros((99, 3, 3), np.float32)
    level2 = Level2(
        residual=image,
        corrected=image,
        image=image[0],
        snr=image,
        significance=image,
        weights=np.full(99, 1 / 99),
        contrast=(),
        candidates=(),
        inner_mas=1.0,
        outer_mas=2.0,
        systematics=_NONE,
    )
    cards = _cards(level1, level2, Level2Parameters())
    names = [keyword for keyword, _, _ in cards]
    assert max(map(len, names)) <= 8
    assert len(set(names)) == len(names)
    header = fits.Header(cards)
    assert not any(card.image.startswith("HIERARCH") for card in header.cards)
    for number in (1, 10, 99):
        told = [header[f"{name}{number}"] for name in ("CHNAME", "WAVLEN", "STARFX", "STARER")]
        assert told == [row.name, 1.6, 2.0e6, 4.0e4]
        assert header[f"WEIGHT{number}"] == pytest.approx(1 / 99)
