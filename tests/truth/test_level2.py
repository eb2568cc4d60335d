"""The judge itself: the simulator's cubes are what they say, planted faults are seen, true figures pass."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from reduce.simulate.level1_cube import (
    PointSource,
    SequencePlan,
    lasting_wavefront,
    simulate_sequence,
    with_companions,
)
from reduce.simulate.optics import aperture_sum
from tests.truth.level2 import parts_of
from tests.truth.level2_algorithms import METHODS, STRATEGIES
from tests.truth.level2_betapic import centre_of_symmetry
from tests.truth.level2_cubes import place_of
from tests.truth.level2_limits import REPEATS, AtLimit, azimuth_rows, limit_rows
from tests.truth.level2_pulls import Recovery, pull_rows
from tests.truth.level2_statistic import (
    NOISE_CUBES,
    alarm_draws,
    alarm_rows,
    distance_from_uniform,
    noise_rows,
    tail_rows,
)

PLAN = SequencePlan(np.array([-30.0, 0.0, 60.0]), 61, (1.6, 1.2))


def test_a_sequence_has_the_halo_the_noise_and_the_psf_it_says() -> None:
    plan = replace(PLAN, angles_deg=np.zeros(40), wavelengths_um=(1.6,), speckled=False)
    sequence = simulate_sequence(plan, np.random.default_rng(1))
    frames = sequence.cube[0].astype(float)
    mean, variance = frames.mean(axis=0), frames.var(axis=0, ddof=1)
    assert np.mean(variance / (mean + plan.read_noise**2)) == pytest.approx(
        1.0, abs=0.02
    )  # photons, read-out
    assert mean[30, 45] == pytest.approx(mean[45, 30], rel=0.05)  # the same in all directions
    assert mean[30, 35] > 1.5 * mean[30, 50]
    (fwhm,) = sequence.fwhm_px
    assert fwhm == pytest.approx(3.9, abs=0.1)
    assert aperture_sum(sequence.psf[0], 20.0, 20.0, fwhm) == pytest.approx(1.0, rel=1e-6)
    assert sequence.psf[0].max() == pytest.approx(plan.star_peak / sequence.star_flux[0], rel=1e-6)


def test_speckles_last_from_frame_to_frame_and_age() -> None:
    plan = replace(PLAN, angles_deg=np.zeros(3), wavelengths_um=(1.6,), star_peak=1e9, exposure_s=3000.0)
    first, second, third = simulate_sequence(plan, np.random.default_rng(2)).cube[0, :, 20:41, 20:41]
    one, two = (np.corrcoef(first.ravel(), other.ravel())[0, 1] for other in (second, third))
    assert 1.0 > one > two > 0.5


def test_a_second_star_behind_the_same_wavefront_has_the_same_speckles() -> None:
    rng = np.random.default_rng(3)
    plan = replace(PLAN, wavelengths_um=(1.6,), star_peak=1e9)
    wavefront = lasting_wavefront(rng)
    star, reference = (simulate_sequence(plan, rng, wavefront).cube[0].mean(axis=0) for _ in range(2))
    other = simulate_sequence(plan, rng).cube[0].mean(axis=0)
    part = np.hypot(*np.mgrid[-30:31, -30:31])
    ring = (part > 8) & (part < 20)
    assert np.corrcoef(star[ring], reference[ring])[0, 1] > 0.9
    assert np.corrcoef(star[ring], other[ring])[0, 1] < np.corrcoef(star[ring], reference[ring])[0, 1] - 0.1


def test_a_companion_is_drawn_out_along_its_arc() -> None:
    """A quarter of a radian at 15 px: the middle stays, light goes to both ends of 3.75 px alike."""
    sharp = replace(PLAN, angles_deg=np.zeros(3), wavelengths_um=(1.6,), star_peak=1e9)
    widths = []
    for smear in (0.0, np.degrees(0.25)):
        plan = replace(sharp, smear_deg=smear)
        empty = simulate_sequence(plan, np.random.default_rng(8))
        made = with_companions(empty, [PointSource(15.0, 0.0, 1e-2)], np.random.default_rng(9))
        light = (made.cube - empty.cube)[0].mean(axis=0)[38:53, 20:41]
        along, x = light.sum(axis=0), np.arange(20, 41) - 30.0
        middle = np.average(x, weights=along)
        assert middle == pytest.approx(0.0, abs=0.05)
        widths.append(np.average((x - middle) ** 2, weights=along))
    assert widths[1] - widths[0] == pytest.approx(3.75**2 / 12, rel=0.1)


@pytest.mark.parametrize("pa_deg", [0.0, 90.0, 215.0])
def test_companions_stand_where_the_angles_put_them_with_their_flux(pa_deg: float) -> None:
    empty = simulate_sequence(PLAN, np.random.default_rng(4))
    source = PointSource(15.0, pa_deg, 1e-3)
    made = with_companions(empty, [source], np.random.default_rng(5))
    light = made.cube - empty.cube
    for frame, angle in enumerate(PLAN.angles_deg):
        x, y = place_of(replace(source, pa_deg=pa_deg - angle), PLAN.size)
        for channel, star in enumerate(made.star_flux):
            whole = (
                1e-3 * star * aperture_sum(made.psf[channel], 20.0, 20.0, 16.0)
            )  # wide: no matter where in a pixel
            flux = aperture_sum(light[channel, frame], x, y, 16.0)
            assert flux == pytest.approx(whole, abs=5.0 * np.sqrt(whole) + 2e-3 * whole)
    assert not np.shares_memory(made.cube, empty.cube)


def test_north_is_up_and_east_is_left() -> None:
    assert place_of(PointSource(10.0, 0.0, 1.0), 61) == pytest.approx((30.0, 40.0))
    assert place_of(PointSource(10.0, 90.0, 1.0), 61) == pytest.approx((20.0, 30.0))


def recoveries(shift: float = 0.0, scale: float = 1.0, missed: int = 0) -> list[Recovery]:
    pulls = stats.norm.ppf((np.arange(200) + 0.5) / 200) * scale + shift
    made = [Recovery(((one, one, one),), 0, 0) for one in pulls]
    return [*made, Recovery((), missed, 1)]


def test_pulls_of_unit_variance_pass_and_others_do_not() -> None:
    good = pull_rows("any", recoveries())
    assert all(row.ok for row in good)
    assert [row.value for row in good if row.quantity == "false candidates"] == [1.0]
    for faulty in (
        recoveries(shift=0.25),
        recoveries(shift=-0.25),
        recoveries(scale=0.7),
        recoveries(scale=1.3),
    ):
        assert sum(not row.ok for row in pull_rows("any", faulty)) == 3
    assert sum(not row.ok for row in pull_rows("any", recoveries(missed=20))) == 1
    assert not pull_rows("any", recoveries()[::2])[-2].ok  # too few


def test_companions_without_errors_count_as_missed() -> None:
    nothing = Recovery(((float("nan"), 0.0, 0.0),), 0, 0)
    found = next(r for r in pull_rows("any", [*recoveries(), *[nothing] * 20]) if "with errors" in r.quantity)
    assert found.value == pytest.approx(200 / 220)
    assert not found.ok


def test_the_limit_is_judged_by_median_and_share_at_each_separation() -> None:
    spread = stats.norm.ppf((np.arange(100) + 0.5) / 100)
    through = np.full(6, 0.5)
    at = [AtLimit(np.full((4, 6), 5.0 + one), np.full((4, 6), 5.0 + one), through) for one in spread]
    assert [row.ok for row in limit_rows("any", at)] == [True] * 24
    low = [replace(one, known=one.known - 0.6) for one in at]
    assert [row.ok for row in limit_rows("any", low)] == [True] * 12 + [False] * 12
    unseen = [replace(one, sought=np.where(one.sought > 5.3, one.sought, 0.0)) for one in at]
    assert [row.ok for row in limit_rows("any", unseen)] == [False] * 12 + [True] * 12
    one_ring = [replace(one, sought=one.sought - [0, 0, 0.6, 0, 0, 0]) for one in at]
    missed = [row for row in limit_rows("any", one_ring) if not row.ok]
    assert len(missed) == 2
    assert all("4 lambda/D, found blind" in row.quantity for row in missed)
    assert not any(row.ok for row in limit_rows("any", at[::10]))  # too few


def test_a_curve_without_a_limit_is_a_miss_with_its_reason() -> None:
    nothing = np.full((4, 6), np.nan)
    opaque = [AtLimit(nothing, nothing, np.full(6, 0.001))] * 30
    rows = limit_rows("any", opaque)
    assert {(row.value, row.ok) for row in rows} == {(None, False)}
    assert all("no limit for 120 of 120: throughput 0.001, wanted 0.003" in row.unit for row in rows)
    bright = limit_rows("any", [replace(one, throughput=np.full(6, 0.1)) for one in opaque])
    assert all("outshine" in row.unit for row in bright)


def test_throughput_that_follows_azimuth_is_seen() -> None:
    noise = np.random.default_rng(6).normal(0.6, 0.03, (60, 3, 12))
    assert all(row.ok for row in azimuth_rows("any", list(noise)))
    noise[:, 1, 4] *= 1.08
    assert [row.ok for row in azimuth_rows("any", list(noise))] == [True, False, True]


def test_distance_from_uniform_is_kolmogorovs() -> None:
    drawn = np.random.default_rng(7).beta(1.2, 1.0, 500)
    assert distance_from_uniform(drawn) == pytest.approx(stats.kstest(drawn, "uniform").statistic, abs=1e-12)


def test_noise_that_is_no_t_is_seen_and_so_are_too_few_cubes() -> None:
    even = np.repeat((np.arange(NOISE_CUBES) + 0.5)[:, None] / NOISE_CUBES, 3, axis=1)
    assert all(row.ok for row in noise_rows("any", even))
    assert not any(row.ok for row in noise_rows("any", even[: NOISE_CUBES // 2]))
    wide = stats.norm.cdf(1.4 * stats.norm.ppf(even))
    assert not any(row.ok for row in noise_rows("any", wide))


def test_false_alarms_are_counted_against_their_number_on_each_ring() -> None:
    beyond = alarm_draws(1, 50)
    assert beyond.shape == (8,)
    assert beyond.max() <= 3
    images = 500_000
    expected = np.full(8, round(images * 1.35e-3))
    assert all(row.ok for row in alarm_rows(expected, images))
    assert [row.ok for row in alarm_rows(expected * 6 // 5, images)] == [False, *[True] * 3, *[False] * 5]
    one = expected.copy()
    one[5] = one[5] * 7 // 8
    assert [row.quantity for row in alarm_rows(one, images) if not row.ok] == [
        "false alarms at 0.00135, N = 32"
    ]
    assert not alarm_rows(expected // 10, images // 10)[-1].ok  # too few draws


def test_the_centre_of_symmetry_is_where_the_light_turns_into_itself() -> None:
    y, x = np.mgrid[-30:31, -30:31]
    radius = np.hypot(x - 0.3, y + 0.2)
    ring = np.exp(-0.5 * ((radius - 6.0) / 3.0) ** 2) * (1.0 + 0.3 * np.cos(2 * np.arctan2(y + 0.2, x - 0.3)))
    assert centre_of_symmetry(ring, 0.0, 5.0) == pytest.approx((0.3, -0.2), abs=0.01)
    assert centre_of_symmetry(ring, 5.0, 10.0) == pytest.approx((0.3, -0.2), abs=0.01)


def test_the_tail_is_right() -> None:
    assert all(row.ok for row in tail_rows())


@pytest.mark.parametrize("name", list(METHODS))
def test_every_algorithm_has_all_parts(name: str) -> None:
    parts = parts_of(name)
    assert [part.name for part in parts] == ["pulls", "limits", "azimuth", "noise", "betapic"]
    cubes = {part.name: len(part.arguments) for part in parts}
    assert cubes["pulls"] * 4 >= 200
    assert cubes["limits"] * REPEATS >= 100
    assert sum(given[2] for part in parts if part.name == "noise" for given in part.arguments) == NOISE_CUBES


def test_every_strategy_has_pulls_and_what_it_is_for() -> None:
    parts = {name: {part.name: len(part.arguments) for part in parts_of(name)} for name in STRATEGIES}
    assert {name: list(made) for name, made in parts.items()} == {
        "pca_sdi": ["pulls"],
        "pca_asdi": ["pulls", "gain"],
        "pca_rdi": ["pulls", "near"],
    }
    assert min(made["pulls"] * 4 for made in parts.values()) >= 200
