"""Parts of the frames' quality: rings, their medians and errors, the pattern moved, the robust fit."""

import numpy as np
import pytest
from numpy.typing import NDArray

from reduce.kernels.frame_quality import (
    _Annulus,
    _annulus,
    _one,
    _Pattern,
    _reference,
    _ring_errors,
    _ring_medians,
    _robust,
    _shift,
    measure,
)

_REACH, _INNER, _OUTER, _FWHM = 20, 4.0, 16.0, 2.0
_SIDE = 2 * _REACH + 1
_X = np.arange(_SIDE) - float(_REACH)


def _rings() -> _Annulus:
    return _annulus(_REACH, _INNER, _OUTER, _FWHM)


def _ring_image(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(y, x) with one value a ring."""
    annulus, image = _rings(), np.full((_SIDE, _SIDE), 1e6)
    image[annulus.rows, annulus.columns] = values[annulus.ring]
    return image


@pytest.mark.parametrize(("outer", "fwhm", "count"), [(16.0, 2.0, 6), (15.9, 2.0, 5), (16.0, 5.0, 3)])
def test_rings_are_of_one_width_about_the_middle(outer: float, fwhm: float, count: int) -> None:
    found = _annulus(_REACH, _INNER, outer, fwhm)
    np.testing.assert_allclose(found.edges, np.linspace(_INNER, outer, count + 1))
    seen = set(zip(found.rows.tolist(), found.columns.tolist(), strict=True))
    inside = {(r, c) for r in range(_SIDE) for c in range(_SIDE) if _INNER <= np.hypot(*_off(r, c)) < outer}
    assert seen == inside
    width = (outer - _INNER) / count
    for row, column, ring, radius, twice in zip(*found[:5], strict=True):
        dx, dy = _off(row, column)
        assert radius == pytest.approx(np.hypot(dx, dy))
        assert ring == int((radius - _INNER) / width + 1e-9)
        assert twice == pytest.approx(complex(dx, dy) ** 2 / (dx**2 + dy**2))
    assert found.fwhm == fwhm


def _off(row: int, column: int) -> tuple[float, float]:
    return column - float(_REACH), row - float(_REACH)


def test_the_median_of_a_ring_knows_no_gaps_and_no_companions() -> None:
    annulus = _rings()
    image = _ring_image(np.arange(6.0))
    image[_REACH, _REACH + 5 : _REACH + 15] = 1e5
    image[_REACH + 5, _REACH + 2 : _REACH + 9] = np.nan
    values = image[annulus.rows, annulus.columns]
    np.testing.assert_array_equal(_ring_medians(values, annulus), np.arange(6.0))
    values[annulus.ring == 2] = np.nan
    assert np.isnan(_ring_medians(values, annulus)).tolist() == [False, False, True, False, False, False]


def test_the_sequences_own_pattern_is_the_median_of_frames_spread_over_it() -> None:
    crop = (slice(1, 4), slice(2, 7))
    frames = np.arange(200.0)[:, None, None] + np.zeros((200, 6, 9))
    frames[77] = frames[199] = 1e6
    frames[0, 2, 3] = np.nan
    median, deviation = _reference(frames, crop)
    assert median.shape == (3, 5)
    assert np.isnan(median[1, 1])
    assert np.isnan(deviation[1, 1])
    known = np.isfinite(median)
    assert known.sum() == 14
    np.testing.assert_allclose(median[known], 99.5, atol=3.0)
    np.testing.assert_allclose(deviation[known], 50.0, atol=3.0)
    few, spread = _reference(frames[10:13], crop)
    assert (few == 11.0).all()
    assert (spread == 1.0).all()


def test_errors_of_medians_are_their_scatter_where_neighbours_are_independent() -> None:
    annulus = _annulus(_REACH, _INNER, _OUTER, 1.0)._replace(fwhm=1.0)
    rng, medians, errors = np.random.default_rng(1), [], []
    level = np.linspace(5.0, 1.0, annulus.edges.size - 1)
    for _ in range(400):
        values = level[annulus.ring] + 2.0 * rng.normal(size=annulus.ring.size)
        medians.append(_ring_medians(values, annulus))
        errors.append(_ring_errors(values, medians[-1], annulus))
    assert np.mean(errors, axis=0) == pytest.approx(np.std(medians, axis=0), rel=0.2)
    assert np.mean(errors) == pytest.approx(np.std(medians, axis=0).mean(), rel=0.05)
    wide = _ring_errors(values, medians[-1], annulus._replace(fwhm=3.0))
    assert wide == pytest.approx(3.0 * errors[-1])


def _quiet(annulus: _Annulus) -> _Pattern:
    flat = np.zeros((_SIDE, _SIDE))
    return _Pattern(flat, flat, 9, annulus)


def test_light_is_counted_above_the_outermost_ring_by_area() -> None:
    annulus = _rings()
    profile = np.array([90.0, 50.0, 30.0, 20.0, 12.0, 10.0])
    flux, noise, width, asymmetry, *rest = _one(_ring_image(profile), annulus, _quiet(annulus))
    areas = np.array([6.0**2 - 16, 64 - 36, 100 - 64, 144 - 100, 196 - 144])
    light = (profile[:-1] - 10.0) * areas
    assert flux == pytest.approx(light.sum() / areas.sum())
    assert noise == 0.0
    summed = np.cumsum(light)
    ring = int(np.searchsorted(summed, light.sum() / 2))
    before = summed[ring - 1] if ring else 0.0
    assert width == pytest.approx(4.0 + 2.0 * (ring + (light.sum() / 2 - before) / light[ring]))
    assert asymmetry < 0.05
    assert rest[:2] == pytest.approx([np.nan, np.nan], nan_ok=True)
    assert rest[2] == np.inf
    assert _one(_ring_image(profile) + 300.0, annulus, _quiet(annulus))[0] == pytest.approx(flux)
    level = _one(_ring_image(np.array([90.0, 10.0, 30.0, 20.0, 12.0, 10.0])), annulus, _quiet(annulus))
    assert np.isnan(level[2])  # no light in a ring: half of it has no one radius
    steep = np.array([9000.0, 50.0, 30.0, 20.0, 12.0, 10.0])
    share = (((steep[:-1] - 10.0) * areas).sum() / 2) / ((steep[0] - 10.0) * areas[0])
    assert _one(_ring_image(steep), annulus, _quiet(annulus))[2] == pytest.approx(4.0 + 2.0 * share, rel=1e-6)
    assert _one(1e-4 * _ring_image(profile), annulus, _quiet(annulus))[2] == pytest.approx(width)
    dark = _one(_ring_image(profile[::-1]), annulus, _quiet(annulus))
    assert dark[0] < 0
    assert np.isnan(dark[2])


def test_the_noise_of_the_light_is_that_of_all_rings_together() -> None:
    annulus = _rings()
    rng = np.random.default_rng(2)
    image = _ring_image(np.array([90.0, 50.0, 30.0, 20.0, 12.0, 10.0])) + rng.normal(size=(_SIDE, _SIDE))
    values = image[annulus.rows, annulus.columns]
    errors = _ring_errors(values, _ring_medians(values, annulus), annulus)
    areas = np.diff(annulus.edges**2)[:-1]
    wanted = np.sqrt(((areas / areas.sum() * errors[:-1]) ** 2).sum() + errors[-1] ** 2)
    assert _one(image, annulus, _quiet(annulus))[1] == pytest.approx(wanted)


def test_a_halo_drawn_out_by_wind_is_uneven_by_so_much() -> None:
    annulus = _annulus(_REACH, 6.0, 18.0, 2.0)
    y, x = np.meshgrid(_X, _X, indexing="ij")
    angle = np.arctan2(y, x)
    image = (1.0 + 0.3 * np.cos(2 * (angle - 0.7))) * 100.0 / np.maximum(np.hypot(x, y), 1.0)
    assert _one(image, annulus, _quiet(annulus))[3] == pytest.approx(0.3, abs=0.03)
    assert _one(1e-5 * image, annulus, _quiet(annulus))[3] == pytest.approx(0.3, abs=0.03)
    gaps = image.copy()
    gaps[(x == 7) | (y == -3)] = np.nan
    assert _one(gaps, annulus, _quiet(annulus))[3] == pytest.approx(0.3, abs=0.03)


def test_a_ring_without_data_leaves_no_numbers() -> None:
    annulus = _rings()
    image = _ring_image(np.arange(6.0))
    image[annulus.rows[annulus.ring == 3], annulus.columns[annulus.ring == 3]] = np.nan
    assert np.isnan(_one(image, annulus, _quiet(annulus))).all()
    assert np.isnan(_one(np.full((_SIDE, _SIDE), np.nan), annulus, _quiet(annulus))).all()


def _speckled(dx: float, dy: float, strength: float = 1.0, constant: float = 0.0) -> NDArray[np.float64]:
    """Waves of several directions on a steep halo, moved by (x, y) px."""
    y, x = np.meshgrid(_X - dy, _X - dx, indexing="ij")
    waves = 1.0 + 0.5 * np.sin(0.9 * x + 0.3 * y) + 0.4 * np.cos(0.5 * x - 0.8 * y)
    return np.asarray(strength * waves * 4000.0 / (30.0 + x**2 + y**2) + constant)


def _pattern(deviation: float = 0.3) -> _Pattern:
    return _Pattern(_speckled(0.0, 0.0), np.full((_SIDE, _SIDE), deviation), 16, _rings())


def test_the_pattern_is_seen_moved_with_the_star() -> None:
    pattern = _pattern()
    radius = np.hypot(pattern.rows - _REACH, pattern.columns - _REACH)
    everywhere = np.hypot(*np.meshgrid(_X, _X))
    assert radius.size == ((everywhere >= _INNER) & (everywhere < 10.0)).sum()
    assert radius.min() >= _INNER
    assert 9.5 < radius.max() < 10.0  # the inner half of 4 to 16 px
    wanted = _speckled(0.8, -1.3)[pattern.rows, pattern.columns]
    np.testing.assert_allclose(pattern.at(0.8, -1.3), wanted, rtol=0.01)
    design = pattern.design(np.array([0.8, -1.3]), 2.0)
    np.testing.assert_allclose(design[:, 0], wanted, rtol=0.01)
    for column, (dx, dy) in ((1, (0.5, 0.0)), (2, (0.0, 0.5))):
        slope = 2.0 * (_speckled(0.8 + dx, -1.3 + dy) - _speckled(0.8 - dx, -1.3 - dy))
        np.testing.assert_allclose(design[:, column], slope[pattern.rows, pattern.columns], atol=0.5)
    assert (design[:, 3] == 1.0).all()


def test_pixels_weigh_by_what_changes_in_their_ring_and_how_well_it_lasts() -> None:
    annulus, deviation = _rings(), 0.1
    reference = _ring_image(np.array([20.0, 10.0, 5.0, 2.0, 1.0, 0.5]))
    pattern = _Pattern(reference, np.full_like(reference, deviation), 16, annulus)
    ring = ((np.hypot(pattern.rows - _REACH, pattern.columns - _REACH) - _INNER) / 2.0).astype(int)
    level = np.array([20.0, 10.0, 5.0])[ring]
    np.testing.assert_allclose(1 / pattern.weight**2, (1.4826 * deviation) ** 2 + (0.03 * level) ** 2)
    silent = np.where(reference == 10.0, 0.0, deviation)
    partly = _Pattern(np.where(reference == 10.0, 0.0, reference), silent, 16, annulus)
    assert (partly.weight[ring == 1] == 0.0).all()
    assert partly.usable
    still = _Pattern(np.zeros_like(reference), np.zeros_like(reference), 16, annulus)
    assert (still.weight == 0.0).all()
    assert not still.usable


@pytest.mark.parametrize(("power", "usable"), [(3.9, False), (4.1, True)])
def test_a_pattern_is_there_where_it_stands_above_the_noise_of_the_median(power: float, usable: bool) -> None:  # noqa: FBT001
    """Noise of a median of 16 frames has the variance pi / 2 / 16; the outermost ring is the level."""
    count, annulus = 16, _rings()
    height = np.hypot(1.4826, 0.03 * 5.9) * np.sqrt(power * np.pi / 2 / count)
    reference = _ring_image(np.array([5.0 + height] * 3 + [0.0, 4.0, 5.0]))
    pattern = _Pattern(reference, np.ones_like(reference), count, annulus)
    assert pattern.usable is usable


def test_the_wander_of_a_frame_is_found_with_strength_and_constant() -> None:
    found = _shift(_speckled(0.6, -0.35, 0.8, 5.0), _pattern(), _FWHM)
    assert (found.x, found.y, found.strength) == pytest.approx((0.6, -0.35, 0.8), abs=0.01)
    assert found.error < 0.1
    image = _speckled(0.6, -0.35, 0.8, 5.0)
    image[_REACH - 6, _REACH - 4 : _REACH + 4] = np.nan
    image[_REACH + 5, _REACH + 5] += 1e4
    assert _shift(image, _pattern(), _FWHM)[:2] == pytest.approx((0.6, -0.35), abs=0.02)


def test_a_pattern_turned_upside_down_or_half_unknown_has_no_place() -> None:
    lost = _shift(-_speckled(0.0, 0.0), _pattern(), _FWHM)
    assert np.isnan([lost.x, lost.y]).all()
    assert lost.strength < 0
    pattern = _pattern()
    image = _speckled(0.0, 0.0)
    half = np.arange(pattern.rows.size) < pattern.rows.size // 2 + 1
    image[pattern.rows[half], pattern.columns[half]] = np.nan
    unknown = _shift(image, pattern, _FWHM)
    assert np.isnan([unknown.x, unknown.y, unknown.strength]).all()
    assert unknown.error == np.inf


def test_the_error_of_the_wander_is_its_scatter() -> None:
    """White noise, an independent number a pixel: the FWHM of 1 px does not widen it."""
    pattern, rng, seen, told = _pattern(3.0), np.random.default_rng(5), [], []
    for _ in range(25):
        found = _shift(_speckled(0.2, 0.1) + 3.0 * rng.normal(size=(_SIDE, _SIDE)), pattern, 1.0)
        seen.append((found.x - 0.2, found.y - 0.1))
        told.append(found.error)
    assert np.mean(told) == pytest.approx(np.sqrt(np.mean(np.square(seen))), rel=0.3)
    image = _speckled(0.2, 0.1) + 3.0 * rng.normal(size=(_SIDE, _SIDE))
    assert _shift(image, pattern, 0.5).error == _shift(image, pattern, 1.0).error
    wide = _shift(_speckled(0.2, 0.1) + 3.0 * rng.normal(size=(_SIDE, _SIDE)), pattern, 3.0)
    assert wide.error == pytest.approx(3.0 * np.mean(told), rel=0.3)


def test_the_robust_fit_leaves_out_what_lies_beyond_four_sigma() -> None:
    rng = np.random.default_rng(6)
    design = np.column_stack([np.linspace(-1, 1, 400), np.ones(400)])
    noise = np.where(np.arange(400) % 2, 0.1, -0.1)
    data = design @ [3.0, 2.0] + noise
    hits = rng.choice(400, 12, replace=False)
    hit = data.copy()
    hit[hits] += 50.0
    assert _robust(design, hit)[0] == pytest.approx([3.0, 2.0], abs=0.02)
    found, errors = _robust(design, data)
    assert found == pytest.approx([3.0, 2.0], abs=0.02)
    wanted = 0.14826 * np.sqrt(np.linalg.inv(design.T @ design).diagonal())
    assert errors == pytest.approx(wanted, rel=0.02)
    perfect, none = _robust(design, design @ [3.0, 2.0])
    assert perfect == pytest.approx([3.0, 2.0])
    assert none.max() < 1e-6


def test_numbers_without_any_scatter_are_all_used() -> None:
    found, errors = _robust(np.ones((10, 1)), np.full(10, 5.0))
    assert found[0] == pytest.approx(5.0)
    assert errors[0] == 0.0


@pytest.mark.parametrize(("off", "known"), [(5.6, True), (6.6, False)])
def test_a_star_six_pixels_off_is_another(off: float, known: bool) -> None:  # noqa: FBT001
    y, x = np.meshgrid(_X, _X, indexing="ij")
    halo = 1e5 / (300.0 + x**2 + y**2)
    pattern = _Pattern(halo, np.full_like(halo, 1e-3), 16, _rings())
    found = _shift(1e5 / (300.0 + (x - off) ** 2 + y**2), pattern, _FWHM)
    if known:
        assert (found.x, found.y) == pytest.approx((off, 0.0), abs=0.5)
    else:
        assert np.isnan([found.x, found.y]).all()


@pytest.mark.parametrize(("times", "kept"), [(3.8, True), (4.2, False)])
def test_four_robust_sigma_are_the_limit(times: float, kept: bool) -> None:  # noqa: FBT001
    data = np.where(np.arange(400) % 2, 0.1, -0.1)
    data[100] = 0.14826 * times
    data[101] = -0.1
    found, _ = _robust(np.ones((400, 1)), data)
    mean = data.mean() if kept else np.delete(data, 100).mean()
    assert found[0] == pytest.approx(mean, abs=1e-9)


def test_the_annulus_ends_at_the_frames_edge_and_must_hold_two_widths() -> None:
    frames = np.random.default_rng(7).normal(10.0, 1.0, (3, 31, 41))
    assert measure(frames, 2.0, 10.0, 90.0).flux.shape == (3,)
    with pytest.raises(ValueError, match=r"annulus of 10\.1 to 14\.0 px, wanted at least 2 FWHM of 2\.0 px"):
        measure(frames, 2.0, 10.1, 90.0)


def test_frames_of_any_shape_are_measured_about_their_star() -> None:
    """Rings of known light on frames that are higher or wider than the annulus, the star on pixel n // 2."""
    y, x = np.meshgrid(np.arange(91) - 45.0, np.arange(114) - 57.0, indexing="ij")
    ring = np.clip(((np.hypot(x, y) - 10.0) / 3.0).astype(int), 0, 9)
    profile = 100.0 / (1.0 + np.arange(10.0))
    frames = np.stack([bright * profile[ring] + 0.5 * np.sin(x) for bright in (1.0, 1.2, 0.9, 1.0)])
    found = measure(frames, 3.0, 10.0, 40.0)
    areas = np.diff(np.linspace(10.0, 40.0, 11) ** 2)[:-1]
    light = ((profile[:-1] - profile[-1]) * areas).sum() / areas.sum()
    assert found.flux == pytest.approx(light * np.array([1.0, 1.2, 0.9, 1.0]), rel=0.01)
    assert found.shift.shape == (4, 2)
    assert found.pattern.shape == found.shift_error.shape == (4,)
    turned = measure(frames[:, ::-1, :-1].transpose(0, 2, 1), 3.0, 10.0, 40.0)
    assert turned.flux == pytest.approx(found.flux, rel=0.01)


def test_hits_do_not_hide_the_pattern() -> None:
    """One pixel in forty is struck, far above the pattern's own light."""
    rng, pattern = np.random.default_rng(8), _pattern()
    image = _speckled(0.6, -0.35) + 0.3 * rng.normal(size=(_SIDE, _SIDE))
    struck = rng.choice(pattern.rows.size, pattern.rows.size // 40, replace=False)
    image[pattern.rows[struck], pattern.columns[struck]] += 3e4
    found = _shift(image, pattern, _FWHM)
    assert (found.x, found.y) == pytest.approx((0.6, -0.35), abs=0.05)
