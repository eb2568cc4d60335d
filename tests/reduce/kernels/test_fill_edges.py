"""Filled pixels by the letter of kriging: weights that solve its equations, thresholds met exactly."""

import numpy as np
import pytest
from numpy.typing import NDArray

from reduce.kernels.fill import SOURCES, WIDE, fill, fill_variance, plan_fill, predictor, sharpen

_LADDER = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
_REACH = 40


def _covariance(square: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Of a Gaussian of FWHM `width` with itself: twice its variance."""
    return np.asarray(np.exp(-square / (2 * 2 * width**2 / (8 * np.log(2)))))


def _kriging(near: NDArray[np.int64], width: float, white: float, drift: int) -> NDArray[np.float64] | None:
    """Weights that minimise the error while 1 (and y, x) come back exactly; None: not possible."""
    apart = ((near[:, None] - near[None]) ** 2).sum(axis=2)
    held = np.column_stack([np.ones(len(near)), near])[:, :drift]
    if np.linalg.matrix_rank(held) < drift:
        return None
    zero = np.zeros((drift, drift))
    matrix = np.block([[_covariance(apart, width) + white * np.eye(len(near)), held], [held.T, zero]])
    right = np.concatenate([_covariance((near**2).sum(axis=1), width), np.eye(drift)[0]])
    return np.asarray(np.linalg.solve(matrix, right)[: len(near)])


def _wanted(
    bad: NDArray[np.bool_],
    width: float,
    place: tuple[int, int],
    loudest: float,
    ladder: tuple[float, ...] = _LADDER,
    most: int = SOURCES,
) -> NDArray[np.float64]:
    """Weights of a map's pixels for one of them: the sharpest that are not louder than wanted."""
    out = np.zeros(bad.shape)
    good = np.argwhere(~bad)
    near = good - place
    good, near = (places[np.abs(near).max(axis=1) <= _REACH] for places in (good, near))
    order = np.lexsort((near[:, 1], near[:, 0], (near**2).sum(axis=1)))[:most]
    found = None
    if len(order) >= 6:
        for white in ladder:
            found = _kriging(near[order], width, white, 3)
            if found is not None and np.linalg.norm(found) <= loudest:
                break
            found = None
    if found is None:
        found = _kriging(near[order], width, _LADDER[-1], 1)
    out[tuple(good[order].T)] = found
    return out


def _planned(
    weights: NDArray[np.float32], sources: NDArray[np.int32], shape: tuple[int, int]
) -> NDArray[np.float64]:
    out = np.zeros(shape)
    np.add.at(out.ravel(), sources, weights)
    return out


def _hold(bad: NDArray[np.bool_], width: float) -> None:
    """Both weights of each bad pixel are kriging's."""
    plan = plan_fill(bad, width)
    assert [divmod(int(place), bad.shape[1]) for place in plan.places] == [tuple(p) for p in np.argwhere(bad)]
    padded = np.pad(bad, 1)
    for k, (y, x) in enumerate(np.argwhere(bad)):
        beside = padded[y : y + 3, x : x + 3].sum() - 1
        bold = _planned(plan.bold[k], plan.sources[k], bad.shape)
        cautious = _planned(plan.weights[k], plan.sources[k], bad.shape)
        np.testing.assert_allclose(bold, _wanted(bad, width, (y, x), 1.2), atol=2e-6)
        np.testing.assert_allclose(cautious, _wanted(bad, width, (y, x), 1.2 / (1 + 0.4 * beside)), atol=2e-6)
        assert plan.choice[k] == (np.abs(bold - cautious).max() > 0)


def _map(*rows: str) -> NDArray[np.bool_]:
    return np.array([[sign == "#" for sign in row] for row in rows])


@pytest.mark.parametrize("width", [2.1, 3.4, 4.5])
def test_a_pixel_alone_in_the_open_at_an_edge_and_in_a_corner(width: float) -> None:
    bad = np.zeros((11, 12), bool)
    bad[5, 6] = bad[0, 0] = bad[10, 5] = bad[4, 11] = bad[9, 0] = True
    _hold(bad, width)


@pytest.mark.parametrize("width", [2.1, 4.5])
def test_pixels_in_clumps(width: float) -> None:
    _hold(
        _map(
            "##........#",
            "#......##..",
            "...........",
            "...#....#..",
            "...##..#...",
            "...##......",
            "..........#",
            ".#.......##",
            "#.....##..#",
        ),
        width,
    )


def test_a_wide_hole_asks_the_nearest_around_it() -> None:
    bad = np.zeros((12, 13), bool)
    bad[3:9, 4:9] = True
    _hold(bad, 3.4)


@pytest.mark.parametrize(
    "rows",
    [
        ("#...#", "#####", "#####"),  # three good, in a line
        ("#....", "#####", "#####"),  # four
        ("...##", "..###", "#####"),  # five, not in a line: still too few for a slope
        ("....#", "..###", "#####"),  # six
        ("......###",),  # six in a line
        ("#", ".", ".", ".", ".", ".", ".", "."),
        ("......", "#####."),
    ],
)
def test_few_good_pixels_give_a_level_and_enough_a_slope(rows: tuple[str, ...]) -> None:
    _hold(_map(*rows), 3.4)


def test_a_pixel_beyond_the_reach_still_has_a_value() -> None:
    bad = np.ones((1, 90), bool)
    bad[0, 3] = bad[0, 89] = False
    image = np.full((1, 1, 90), np.nan, np.float32)
    image[0, 0, 3], image[0, 0, 89] = 5.0, 9.0
    fill(image, plan_fill(bad, 3.4))
    np.testing.assert_array_equal(image[0, 0, :44], 5.0)  # 40 px and less from the first
    np.testing.assert_array_equal(image[0, 0, 44:49], 5.0)  # from none: any good pixel's
    np.testing.assert_array_equal(image[0, 0, 49:], 9.0)
    assert not bad.ravel()[plan_fill(bad, 3.4).sources].any()
    variance = np.full((1, 1, 90), 4.0, np.float32)
    fill_variance(variance, plan_fill(bad, 3.4))
    np.testing.assert_array_equal(variance, 4.0)
    upright = image[0].T[None].copy()
    upright[0, bad.T] = np.nan
    fill(upright, plan_fill(bad.T.copy(), 3.4))
    np.testing.assert_array_equal(upright[0, :, 0], image[0, 0])


def test_the_reach_is_a_square_to_its_corners() -> None:
    bad = np.ones((83, 84), bool)
    bad[1, 1] = bad[81, 81] = bad[0, 0] = bad[41, 82] = bad[82, 41] = bad[41, 0] = bad[0, 41] = False
    middle = np.zeros_like(bad)
    middle[41, 41] = True
    plan = plan_fill(bad, 3.4, middle)
    assert set(plan.sources[0].tolist()) == {1 * 84 + 1, 81 * 84 + 81}
    np.testing.assert_allclose(_planned(plan.weights[0], plan.sources[0], bad.shape)[[1, 81], [1, 81]], 0.5)


def test_all_bad_has_nothing_to_say() -> None:
    with pytest.raises(ValueError, match="all 6 pixels are bad, wanted at least one good"):
        plan_fill(np.ones((2, 3), bool), 3.4)


def test_only_bad_pixels_that_are_wanted() -> None:
    bad, where = np.zeros((9, 9), bool), np.zeros((9, 9), bool)
    bad[2, 2] = bad[6, 6] = True
    where[6] = True
    assert plan_fill(bad, 3.4, where).places.tolist() == [6 * 9 + 6]


def test_values_are_the_weighted_sums_in_each_plane() -> None:
    rng = np.random.default_rng(1)
    bad = _map(".......", "..##...", "..#....", ".......", ".....#.", ".......")
    plan = plan_fill(bad, 3.4)
    planes = rng.normal(size=(3, *bad.shape)).astype(np.float32)
    variance = rng.uniform(1.0, 2.0, planes.shape).astype(np.float32)
    filled, spread = planes.copy(), variance.copy()
    fill(filled, plan)
    fill_variance(spread, plan)
    good = np.flatnonzero(~bad.ravel())
    matrix = np.stack(
        [_planned(w, s, bad.shape).ravel() for w, s in zip(plan.weights, plan.sources, strict=True)]
    )
    for before, after, of, carried in zip(planes, filled, variance, spread, strict=True):
        np.testing.assert_allclose(after[bad], matrix[:, good] @ before.ravel()[good], atol=1e-5)
        np.testing.assert_array_equal(after[~bad], before[~bad])
        np.testing.assert_allclose(carried[bad], matrix[:, good] ** 2 @ of.ravel()[good], rtol=1e-5)
        np.testing.assert_array_equal(carried[~bad], of[~bad])


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("times", [0.99, 1.01])
def test_light_is_followed_where_it_stands_out_of_four_sigma(times: float, sign: int) -> None:
    """The bold weights hold in the plane and the pixel where they differ from the cautious by that much."""
    rng = np.random.default_rng(2)
    bad = _map("#........", ".........", "...##....", "...##....", ".........", ".........")
    plan = plan_fill(bad, 2.1)
    assert plan.choice.tolist() == [False, True, True, True, True]
    plan = plan._replace(clumped=plan.clumped[:0], wide=plan.wide[:0], sharp=plan.sharp[:0])
    bold, cautious = (
        _planned(weights[2], plan.sources[2], bad.shape) for weights in (plan.bold, plan.weights)
    )
    planes = rng.normal(size=(2, *bad.shape))
    variance = rng.uniform(0.5, 2.0, planes.shape)
    step = bold - cautious
    limit = 4.0 * np.sqrt((step**2 * variance).sum(axis=(1, 2)))
    planes *= (np.array([1.0, 0.8]) * sign * times * limit / (step * planes).sum(axis=(1, 2)))[:, None, None]
    found = planes.astype(np.float32)
    fill(found, plan, variance.astype(np.float32))
    sharpen(found, plan, variance.astype(np.float32))
    wanted = bold if times > 1 else cautious
    assert found[0, 2, 4] == pytest.approx((wanted * planes[0]).sum(), rel=1e-4)
    assert found[1, 2, 4] == pytest.approx((cautious * planes[1]).sum(), rel=1e-4)
    assert (bold * planes[1]).sum() != pytest.approx((cautious * planes[1]).sum(), rel=0.01)
    plain = planes.astype(np.float32)
    fill(plain, plan)
    assert found[:, 0, 0].tolist() == plain[:, 0, 0].tolist()
    np.testing.assert_array_equal(found[:, ~bad], plain[:, ~bad])


def test_the_predictor_is_krigings_for_a_pixel_alone() -> None:
    alone = np.zeros((5, 5), bool)
    alone[2, 2] = True
    for width in (2.1, 4.5):
        np.testing.assert_allclose(predictor(width), _wanted(alone, width, (2, 2), 1.2), atol=2e-6)
        assert predictor(width).dtype == np.float32


_FINE = (0.0001, 0.0003, 0.001, 0.003, *_LADDER)


@pytest.mark.parametrize("width", [2.1, 3.4])
def test_the_sharp_weights_of_clumps_are_krigings_too(width: float) -> None:
    bad = _map("#........", ".........", "...##....", "...##....", ".........", ".........", ".........")
    plan = plan_fill(bad, width)
    assert plan.clumped.tolist() == [1, 2, 3, 4]
    for row, k in enumerate(plan.clumped):
        place = divmod(int(plan.places[k]), bad.shape[1])
        sharp = _planned(plan.sharp[row], plan.wide[row], bad.shape)
        np.testing.assert_allclose(sharp, _wanted(bad, width, place, 3.0, _FINE, WIDE), atol=2e-5)
        assert plan.wide[row, :SOURCES].tolist() == plan.sources[k].tolist()


@pytest.mark.parametrize("times", [0.99, 1.01])
def test_light_far_above_noise_is_followed_sharply(times: float) -> None:
    """The sharp weights hold where they differ from the bold by four sigma, whatever the cautious say."""
    rng = np.random.default_rng(4)
    bad = _map(".........", ".........", "...##....", "...##....", ".........", ".........", ".........")
    plan = plan_fill(bad, 2.1)
    plan = plan._replace(choice=np.zeros_like(plan.choice))
    sharp = _planned(plan.sharp[1], plan.wide[1], bad.shape)
    step = sharp - _planned(plan.bold[1], plan.sources[1], bad.shape)
    plane = rng.normal(size=bad.shape)
    variance = rng.uniform(0.5, 2.0, bad.shape)
    plane *= times * 4.0 * np.sqrt((step**2 * variance).sum()) / (step * plane).sum()
    found = plane.astype(np.float32)[None]
    fill(found, plan, variance.astype(np.float32)[None])
    sharpen(found, plan, variance.astype(np.float32)[None])
    wanted = sharp if times > 1 else _planned(plan.weights[1], plan.sources[1], bad.shape)
    assert found[0, 2, 4] == pytest.approx((wanted * plane).sum(), rel=1e-3, abs=1e-3)
