"""A star that drifts: the line, its errors, jumps, and what lies outside the time measured."""

import numpy as np
import pytest

from reduce.kernels.drift import fit_drift

_START = np.array([[485.0, 520.0], [486.0, 508.0]])
_DAY = 58000.0


def _line(hours: np.ndarray, slope: tuple[float, float]) -> np.ndarray:
    return np.asarray(_START[:, None] + np.array(slope) * hours[None, :, None])


def _rows(hours: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.tile(_DAY + hours / 24, 2), np.repeat([0, 1], len(hours))


def _weighted(errors: np.ndarray) -> float:
    """Of one measurement: the one whose weight is the mean weight."""
    return float(np.mean(errors**-2.0) ** -0.5)


def test_two_frames_give_the_line_between_them_and_no_more_outside() -> None:
    hours = np.array([0.0, 2.0])
    mjd, channel = _rows(hours)
    found = fit_drift(mjd, channel, _line(hours, (0.5, -0.25)).reshape(-1, 2), np.full(4, 0.02))
    asked = np.array([-1.0, 0.0, 0.5, 2.0, 3.0])
    np.testing.assert_allclose(
        found.at(_DAY + asked / 24), _line(np.clip(asked, 0, 2), (0.5, -0.25)), atol=1e-6
    )
    np.testing.assert_allclose(found.slope, (0.5, -0.25), atol=1e-6)


def test_a_single_frame_stands_for_all_times() -> None:
    mjd, channel = _rows(np.array([1.0]))
    found = fit_drift(mjd, channel, _START, np.array([0.03, 0.05]))
    np.testing.assert_allclose(
        found.at(np.array([_DAY - 1, _DAY + 1])), np.repeat(_START[:, None], 2, axis=1)
    )
    np.testing.assert_allclose(found.slope, 0.0)
    assert found.error(np.array([_DAY]))[1, 0] == pytest.approx(0.05, rel=1e-6)
    assert found.wander == 0.0


def test_frames_of_the_same_minute_give_no_slope() -> None:
    hours = np.array([0.0, 0.01])
    mjd, channel = _rows(hours)
    places = _line(hours, (10.0, 0.0)).reshape(-1, 2)
    found = fit_drift(mjd, channel, places, np.full(4, 0.02))
    np.testing.assert_allclose(found.slope, 0.0)
    np.testing.assert_allclose(
        found.at(np.array([_DAY + 1]))[:, 0], _START + np.array([0.05, 0.0]), atol=1e-9
    )


@pytest.mark.parametrize(("seconds", "slope"), [(59.5, 0.0), (60.5, 0.5)])
def test_a_minute_is_the_shortest_span_of_a_slope(seconds: float, slope: float) -> None:
    hours = np.array([0.0, seconds / 3600])
    mjd, channel = _rows(hours)
    found = fit_drift(mjd, channel, _line(hours, (0.5, 0.0)).reshape(-1, 2), np.full(4, 0.02))
    assert found.slope[0] == pytest.approx(slope, abs=1e-4)


def test_errors_hold_the_truth_and_never_fall_below_one_measurements() -> None:
    rng = np.random.default_rng(1)
    hours = np.linspace(0, 2, 4)
    mjd, channel = _rows(hours)
    sure = np.tile([0.02, 0.03, 0.04, 0.05], 2)
    asked = _DAY + np.array([0.0, 1.0, 2.0]) / 24
    off, quoted = [], []
    for _ in range(200):
        places = _line(hours, (0.3, 0.1)).reshape(-1, 2) + sure[:, None] * rng.normal(size=(8, 2))
        found = fit_drift(mjd, channel, places, sure)
        off.append(found.at(asked) - _line(np.array([0.0, 1.0, 2.0]), (0.3, 0.1)))
        assert found.error(asked).min() >= _weighted(sure) - 1e-12
        quoted.append(found._replace(floor=0.0).error(asked))
    scatter = np.std(off, axis=0)
    np.testing.assert_allclose(np.mean(quoted, axis=0), scatter.mean(axis=2), rtol=0.2)


def test_a_frame_that_jumped_does_not_move_the_line() -> None:
    hours = np.linspace(0, 2, 8)
    mjd, channel = _rows(hours)
    places = _line(hours, (0.3, 0.1))
    places[0, 3] += (1.5, 0.0)
    found = fit_drift(mjd, channel, places.reshape(-1, 2), np.full(16, 0.02))
    np.testing.assert_allclose(found.slope, (0.3, 0.1), atol=1e-6)
    assert found.wander < 1e-3


def test_wander_is_what_errors_do_not_explain() -> None:
    rng = np.random.default_rng(2)
    hours = np.linspace(0, 2, 200)
    mjd, channel = _rows(hours)
    places = _line(hours, (0.3, 0.1)).reshape(-1, 2)
    quiet = fit_drift(mjd, channel, places + 0.02 * rng.normal(size=places.shape), np.full(400, 0.02))
    loud = fit_drift(mjd, channel, places + 0.05 * rng.normal(size=places.shape), np.full(400, 0.03))
    assert quiet.wander < 0.008
    assert loud.wander == pytest.approx(0.04, rel=0.1)


def test_the_more_certain_frame_weighs_more() -> None:
    mjd, channel = _rows(np.array([0.0, 0.001]))
    places = np.array([[0.0, 0.0], [1.0, 2.0], [0.0, 0.0], [1.0, 2.0]])
    found = fit_drift(mjd, channel, places, np.array([1.0, 0.5, 1.0, 0.5]))
    np.testing.assert_allclose(found.start, [[0.8, 1.6]] * 2, atol=1e-9)


@pytest.mark.parametrize(("sigmas", "held"), [(4.5, True), (5.5, False)])
def test_five_sigma_part_wander_from_a_jump(sigmas: float, held: bool) -> None:  # noqa: FBT001
    hours = np.linspace(0, 2, 20)
    mjd, channel = _rows(hours)
    places = _line(hours, (0.3, 0.1)).reshape(-1, 2)
    places[12] += (0.6 * 0.02 * sigmas, -0.8 * 0.02 * sigmas)
    found = fit_drift(mjd, channel, places, np.full(40, 0.02))
    moved = np.abs(found.start - _line(np.array([1.0]), (0.3, 0.1))[:, 0]).max()
    assert (1e-3 < moved < 0.1) if held else moved < 1e-9


def test_a_great_jump_does_not_hide_a_small_one() -> None:
    hours = np.linspace(0, 2, 20)
    mjd, channel = _rows(hours)
    places = _line(hours, (0.3, 0.1)).reshape(-1, 2)
    places[19] += (20.0, 0.0)
    places[18] += (0.14, 0.0)
    found = fit_drift(mjd, channel, places, np.full(40, 0.02))
    np.testing.assert_allclose(found.slope, (0.3, 0.1), atol=1e-9)


@pytest.mark.parametrize("size", [0.2, 3.0])
def test_errors_grow_with_what_the_line_leaves_but_never_shrink(size: float) -> None:
    """Frames of one minute: each field's weighted mean; four numbers of each axis are left over."""
    mjd = np.full(6, _DAY)
    channel = np.array([0, 0, 0, 1, 1, 1])
    sure = np.array([0.02, 0.04, 0.05, 0.03, 0.02, 0.06])
    off = size * 0.02 * np.array([[1, 0], [-1, 2], [0, -1], [2, 1], [-1, -1], [0, 1]])
    weights = 1.0 / sure**2
    means = [np.average(off[channel == c], axis=0, weights=weights[channel == c]) for c in (0, 1)]
    rest = off - np.array(means)[channel]
    found = fit_drift(mjd, channel, _START[channel] + off, sure)
    np.testing.assert_allclose(found.start, _START + means, atol=1e-12)
    excess = max(1.0, ((rest / sure[:, None]) ** 2).sum() / 8)
    assert bool(excess > 1) is (size > 1)
    wanted = [np.sqrt(excess / weights[channel == c].sum()) for c in (0, 1)]
    assert found._replace(floor=0.0).error(mjd[:1])[:, 0] == pytest.approx(wanted, rel=1e-9)
    assert found.floor == pytest.approx(_weighted(sure))
    beyond = (rest**2).sum() / 8 - (sure**2).mean()
    assert found.wander == pytest.approx(np.sqrt(max(beyond, 0.0)), rel=1e-9)


def test_the_line_takes_a_number_of_its_own() -> None:
    """Three frames a field over two hours: six less two places and a slope are left over."""
    hours = np.array([0.0, 1.0, 2.0])
    mjd, channel = _rows(hours)
    bent = np.array([[1.0, 0.0], [-2.0, 0.0], [1.0, 0.0]] * 2)
    found = fit_drift(mjd, channel, _line(hours, (0.3, 0.1)).reshape(-1, 2) + 0.1 * bent, np.full(6, 0.01))
    np.testing.assert_allclose(found.slope, (0.3, 0.1), atol=1e-9)
    assert found.wander == pytest.approx(np.sqrt(0.12 / 2 / 3 - 1e-4), rel=1e-9)
    scale = 0.12 / 1e-4 / 2 / 3
    quiet = found._replace(floor=0.0)
    assert quiet.error(mjd[1:2])[:, 0] == pytest.approx([0.01 * np.sqrt(scale / 3)] * 2, rel=1e-9)
    at_the_end = 0.01 * np.sqrt(scale * (1 / 3 + 1 / 4))
    assert quiet.error(mjd[:1])[:, 0] == pytest.approx([at_the_end] * 2, rel=1e-9)


@pytest.mark.parametrize(("times", "held"), [(6.0, True), (9.0, False)])
def test_scatter_beyond_the_errors_widens_the_limit_of_a_jump(times: float, held: bool) -> None:  # noqa: FBT001
    """All stand 0.1 px to either side, so that 5 x 1.4826 x 0.1 px is the limit."""
    hours = np.linspace(0, 2, 40)
    mjd, channel = _rows(hours)
    places = _line(hours, (0.0, 0.0)).reshape(-1, 2)
    places[:, 0] += 0.1 * np.where(np.arange(80) % 2, 1, -1)
    places[20] += (0.1, 0.1 * times)
    found = fit_drift(mjd, channel, places, np.full(80, 1e-6))
    assert bool(abs(found.start[0, 1] - _START[0, 1]) > 0.005) is held


def test_a_field_whose_frames_contradict_each_other_keeps_them_all() -> None:
    hours = np.linspace(0, 2, 20)
    places = np.concatenate([_START[0] + np.zeros((20, 2)), _START[1] + np.array([[1.0, 0.0], [-1.0, 0.0]])])
    mjd = _DAY + np.append(hours, [1.0, 1.0]) / 24
    found = fit_drift(mjd, np.repeat([0, 1], [20, 2]), places, np.full(22, 0.02))
    np.testing.assert_allclose(found.start, _START, atol=1e-9)
    assert found.wander == pytest.approx(np.sqrt(2.0 / 2 / 19 - 0.02**2), rel=1e-6)


def test_one_number_left_over_tells_a_wander() -> None:
    places = np.array([[0.1, 0.0], [-0.1, 0.0], [5.0, 5.0]])
    found = fit_drift(np.full(3, _DAY), np.array([0, 0, 1]), places, np.full(3, 0.03))
    assert found.wander == pytest.approx(np.sqrt(0.02 / 2 - 0.03**2), rel=1e-6)


def test_a_frame_whose_fit_went_wrong_does_not_set_the_floor() -> None:
    mjd, channel = _rows(np.array([0.0, 1.0]))
    places = _line(np.array([0.0, 1.0]), (0.0, 0.0)).reshape(-1, 2)
    found = fit_drift(mjd, channel, places, np.array([0.01, 0.7, 0.01, 0.01]))
    assert found.floor == pytest.approx(0.01 * np.sqrt(4 / 3), rel=1e-3)


@pytest.mark.parametrize(
    ("hours", "shares"), [((0.0,), (1, 1)), ((0.0, 2.0), (1, 0.5)), ((0.0, 1.0, 2.0), (5 / 6, 1 / 3))]
)
def test_channels_wander_together_and_count_once(
    hours: tuple[float, ...], shares: tuple[float, float]
) -> None:
    """Share of the wander's variance in the line at its first time and in its middle, by the textbook."""
    times = np.array(hours)
    mjd, channel = _rows(times)
    found = fit_drift(mjd, channel, _line(times, (0.1, 0.0)).reshape(-1, 2), np.full(len(mjd), 1e-6))
    asked = _DAY + np.array([0.0, times.mean()]) / 24
    np.testing.assert_allclose(found.error(asked, 0.02)[1] ** 2, 0.02**2 * np.array(shares), rtol=1e-4)


def test_errors_hold_a_star_that_wanders_during_the_few_frames() -> None:
    rng, hours = np.random.default_rng(5), np.array([0.0, 1.5])
    mjd, channel = _rows(hours)
    asked, pulls = _DAY + np.array([0.0, 0.75, 1.5]) / 24, []
    for _ in range(300):
        both = 0.02 * rng.normal(size=(1, 2, 2))  # the same in both channels
        own = 0.01 * rng.normal(size=(2, 2, 2))
        found = fit_drift(
            mjd, channel, (_line(hours, (0.3, 0.1)) + both + own).reshape(-1, 2), np.full(4, 0.01)
        )
        off = found.at(asked) - _line(np.array([0.0, 0.75, 1.5]), (0.3, 0.1))
        pulls.append(off / found.error(asked, 0.02)[..., None])
    assert 0.8 < np.sqrt(np.mean(np.square(pulls))) < 1.1
