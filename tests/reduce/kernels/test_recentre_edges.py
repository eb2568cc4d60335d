"""A planted Gaussian lands on the middle pixel, stretched, its flux kept; the part that is needed."""

import numpy as np
import pytest

from reduce.kernels.recentre import footprint, recentred, resampling


def _gauss(ny: int, nx: int, centre: tuple[float, float], width: tuple[float, float]) -> np.ndarray:
    y, x = np.indices((ny, nx))
    return np.exp(-0.5 * (((x - centre[0]) / width[0]) ** 2 + ((y - centre[1]) / width[1]) ** 2))


@pytest.mark.parametrize("stretch", [(1.0, 1.0), (1.0, 1.2), (1.1, 0.9)])
def test_the_star_comes_to_the_middle_and_offsets_grow(stretch: tuple[float, float]) -> None:
    frame = _gauss(41, 47, (22.3, 17.6), (2.4, 2.4)) + 0.3 * _gauss(41, 47, (27.3, 13.6), (2.4, 2.4))
    found = recentred(frame, (22.3, 17.6), 21, stretch)
    wide = (2.4 * stretch[0], 2.4 * stretch[1])
    wanted = _gauss(21, 21, (10.0, 10.0), wide)
    wanted += 0.3 * _gauss(21, 21, (10.0 + 5.0 * stretch[0], 10.0 - 4.0 * stretch[1]), wide)
    np.testing.assert_allclose(found, wanted / (stretch[0] * stretch[1]), atol=3e-3)
    assert found.dtype == np.float32


def test_outside_the_frame_there_are_no_data() -> None:
    found = recentred(np.ones((15, 17)), (3.0, 11.0), 13, (1.0, 1.0))
    assert np.isnan(found[:, :3]).all()  # columns -3 .. -1
    assert np.isnan(found[10:]).all()  # rows 15 .. 17
    np.testing.assert_allclose(found[:10, 3:], 1.0, atol=1e-6)


@pytest.mark.parametrize("size", [4, 20])
def test_an_even_size_has_no_middle(size: int) -> None:
    with pytest.raises(ValueError, match=f"size is {size} px, wanted an odd number"):
        recentred(np.ones((30, 30)), (15.0, 15.0), size, (1.0, 1.0))


@pytest.mark.parametrize("centre", [(60.4, 55.2), (20.0, 101.7), (100.3, 12.0)])
@pytest.mark.parametrize("stretch", [(1.0, 1.0), (0.5, 2.0), (2.0, 0.5)])
def test_the_part_that_is_needed_gives_the_same(
    centre: tuple[float, float], stretch: tuple[float, float]
) -> None:
    frame = np.random.default_rng(1).normal(size=(111, 121))
    rows, columns = footprint(frame.shape, centre, 21, stretch)
    part = frame[rows, columns]
    moved = (centre[0] - columns.start, centre[1] - rows.start)
    found, wanted = recentred(part, moved, 21, stretch), recentred(frame, centre, 21, stretch)
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(wanted))
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_the_part_that_is_needed_is_small_and_inside() -> None:
    rows, columns = footprint((200, 300), (150.0, 90.0), 21, (1.0, 0.5))
    assert (columns.start, columns.stop) == (126, 175)  # 150 -+ (10.5 + 13)
    assert (rows.start, rows.stop) == (56, 126)  # 90 -+ (21 + 13)
    rows, columns = footprint((60, 50), (5.0, 55.0), 21, (1.0, 1.0))
    assert (columns.start, columns.stop) == (0, 30)
    assert (rows.start, rows.stop) == (31, 60)
    rows, columns = footprint((60, 50), (45.0, 5.0), 21, (1.0, 1.0))
    assert columns.stop == 50
    assert rows.start == 0


def _weights(places: np.ndarray, size: int) -> np.ndarray:
    """(place, pixel) by the letter: sinc under a Kaiser window, 12 px and beta 7; the frame mirrored."""
    out = np.zeros((len(places), size))
    seen = np.pad(np.arange(size), 80, mode="reflect")
    for row, place in zip(out, places, strict=True):
        nearest = np.arange(int(np.floor(place)) - 11, int(np.floor(place)) + 13)
        away = nearest - place
        weight = np.sinc(away) * np.i0(7.0 * np.sqrt(np.clip(1 - (away / 12) ** 2, 0, None)))
        np.add.at(row, seen[nearest + 80], weight / weight.sum())
    return out


@pytest.mark.parametrize(
    ("shape", "centre", "stretch"),
    [
        ((30, 33), (16.37, 14.81), (1.0, 1.0)),
        ((30, 33), (16.37, 14.81), (1.25, 0.9)),
        ((30, 33), (7.0, 22.0), (1.0, 1.0)),  # from edge to edge
        ((18, 19), (9.4, 8.3), (1.1, 1.2)),  # mirrored on both sides
        ((5, 3), (1.3, 2.2), (1.0, 1.0)),  # mirrored several times over
        ((2, 2), (0.25, 0.75), (1.0, 1.0)),
    ],
)
def test_an_image_is_the_sum_of_windowed_sincs(
    shape: tuple[int, int], centre: tuple[float, float], stretch: tuple[float, float]
) -> None:
    frame = np.random.default_rng(1).normal(size=shape)
    rows, columns = (centre[k] + (np.arange(15) - 7) / stretch[k] for k in (1, 0))
    within = ((rows >= 0) & (rows <= shape[0] - 1))[:, None] & (columns >= 0) & (columns <= shape[1] - 1)
    wanted = _weights(rows, shape[0]) @ frame @ _weights(columns, shape[1]).T / (stretch[0] * stretch[1])
    found = resampling(shape, centre, 15, stretch).image(frame)
    np.testing.assert_allclose(found, np.where(within, wanted, np.nan), atol=2e-6)


@pytest.mark.parametrize("stretch", [(1.0, 1.0), (1.25, 0.9)])
def test_variance_and_share_are_sums_over_squared_weights(stretch: tuple[float, float]) -> None:
    rng = np.random.default_rng(2)
    shape, centre = (40, 42), (20.37, 19.81)
    noise, mask = rng.uniform(1.0, 3.0, shape), rng.random(shape) < 0.5
    plan = resampling(shape, centre, 9, stretch)
    y, x = (_weights(centre[k] + (np.arange(9) - 4) / stretch[k], shape[1 - k]) ** 2 for k in (1, 0))
    variance, share = plan.variance(noise), plan.share(mask)
    area = stretch[0] * stretch[1]
    np.testing.assert_allclose(variance, y @ noise @ x.T / area**2, rtol=1e-5)
    np.testing.assert_allclose(share, y @ mask @ x.T / np.outer(y.sum(axis=1), x.sum(axis=1)), atol=2e-6)
    assert variance.dtype == share.dtype == np.float32


@pytest.mark.parametrize(
    ("shape", "centre"),
    [((20, 24), (11.3, 9.6)), ((20, 24), (12.0, 10.0)), ((9, 13), (1.4, 6.2)), ((2, 2), (0, 1))],
)
def test_flags_are_those_of_the_four_pixels_around(
    shape: tuple[int, int], centre: tuple[float, float]
) -> None:
    rng = np.random.default_rng(3)
    flags = (1 << rng.integers(0, 3, shape)).astype(np.uint8) * (rng.random(shape) < 0.4)
    found = resampling(shape, centre, 15, (1.0, 1.0)).flags(flags, outside=8)
    assert found.dtype == np.uint8
    for (j, i), bits in np.ndenumerate(found):
        y, x = centre[1] + j - 7, centre[0] + i - 7
        if 0 <= y <= shape[0] - 1 and 0 <= x <= shape[1] - 1:
            top, left = int(np.floor(y)), int(np.floor(x))
            assert bits == np.bitwise_or.reduce(flags[top : top + 2, left : left + 2], axis=None)
        else:
            assert bits == 8


def test_a_frame_has_two_axes_of_two_pixels_or_more() -> None:
    for shape in ((1, 9), (9, 1), (3, 9, 9), (9,)):
        with pytest.raises(ValueError, match=r"wanted .* of at least 2 pixels a side"):
            resampling(shape, (0.0, 0.0), 5, (1.0, 1.0))
    assert resampling((2, 2), (0.0, 0.0), 5, (1.0, 1.0)).image(np.ones((2, 2)))[2, 2] == pytest.approx(1.0)
