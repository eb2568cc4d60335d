"""A frame with gaps, shifted: what is no number stays none, and its neighbours are what they were."""

import numpy as np
import pytest

from reduce.kernels.gaps import shifted
from reduce.kernels.recentre import recentred

_WIDTH = 3.4
_SIZE = 21
_GAP = (20, 23)


def _slope() -> np.ndarray:
    y, x = np.mgrid[:40, :44]
    return np.asarray(7.0 + 0.5 * x - 0.25 * y, np.float32)


@pytest.mark.parametrize("gap", [1e-3, 0.25, 0.5])
def test_a_pixel_is_lost_where_a_twentieth_of_its_weight_is(gap: float) -> None:
    frame = _slope()
    whole = recentred(frame, (22 + gap, 19.0), _SIZE, (1.0, 1.0))
    frame[_GAP] = np.nan
    found = shifted(frame, (22 + gap, 19.0), _SIZE, _WIDTH)
    assert found.dtype == np.float32
    lost = np.isnan(found)
    share = np.sinc(np.arange(-10, 11) + gap - 1) ** 2  # output column i sees the gap at i - 10 + gap - 1
    assert lost[11].tolist() == (share > 0.05).tolist()
    assert lost[11].sum() == (1 if gap < 0.1 else 2)
    assert lost.sum() == lost[11].sum()
    np.testing.assert_allclose(found[~lost], whole[~lost], atol=1e-4)  # a slope is filled exactly


def test_half_a_pixel_both_ways_takes_four() -> None:
    frame = _slope()
    frame[_GAP] = np.nan
    lost = np.isnan(shifted(frame, (22.5, 19.5), _SIZE, _WIDTH))
    assert np.argwhere(lost).tolist() == [[10, 10], [10, 11], [11, 10], [11, 11]]


def test_a_whole_frame_is_shifted_alone() -> None:
    frame = np.random.default_rng(1).normal(size=(40, 44)).astype(np.float32)
    np.testing.assert_array_equal(
        shifted(frame, (22.3, 19.8), _SIZE, _WIDTH), recentred(frame, (22.3, 19.8), _SIZE, (1.0, 1.0))
    )


def test_what_was_given_is_left_alone_and_a_wide_gap_does_not_spread() -> None:
    """Three pixels into a gap the neighbours still tell the slope; farther in, the nearest one stands."""
    frame = np.full((40, 44), 9.0, np.float32)
    frame[12:26, 24:38] = np.nan
    before = frame.copy()
    found = shifted(frame, (22.3, 19.7), 31, _WIDTH)
    np.testing.assert_array_equal(frame, before)
    lost = np.isnan(found)
    assert lost[15, 25]
    assert not lost[:, :16].any()
    np.testing.assert_allclose(found[~lost], 9.0, rtol=1e-5)


@pytest.mark.parametrize(("away", "error"), [(3, 0.016), (5, 0.0017), (8, 0.00025)])
def test_a_star_beside_a_wide_gap_keeps_its_shape(away: int, error: float) -> None:
    """As a share of its peak, wherever a number is left; its light stood `away` px from the gap."""
    y, x = np.mgrid[:60, :60]
    frame = np.exp(-4 * np.log(2) * ((x - 29 + away) ** 2 + (y - 30.2) ** 2) / 3.5**2).astype(np.float32)
    wanted = recentred(frame, (25.5, 30.0), _SIZE, (1.0, 1.0))
    frame[:, 30:] = np.nan
    found = shifted(frame, (25.5, 30.0), _SIZE, _WIDTH)
    kept = ~np.isnan(found)
    assert kept[:, :13].all()
    assert not kept[:, 13:].any()
    assert np.abs(found - wanted)[kept].max() < error
