"""Which way exposure times and neutral densities enter the star's flux, and what its error holds."""

from pathlib import Path

import numpy as np
import pytest

from reduce.exposure import read_exposure
from reduce.instruments.sphere_irdis import channels_of
from reduce.recipes.flux_planes import _middles, _without_surroundings
from reduce.recipes.ird_flux_psf import _Channel, _error, _ratio
from tests.reduce.raw_files import irdis_cards, write_raw


@pytest.mark.parametrize("channel", [0, 1])
def test_the_star_is_as_bright_as_the_science_frames_would_see_it(tmp_path: Path, channel: int) -> None:
    h23 = channels_of("DB_H23")[channel]
    flux, science = (
        read_exposure(
            write_raw(
                tmp_path,
                irdis_cards(
                    start=start,
                    dit=dit,
                    ESO_INS4_FILT2_NAME=density,
                    ESO_DET_SEQ1_REALDIT=real,
                ),
            )
        )
        for start, dit, real, density in (
            ("2018-04-21T03:00:00.000", 2.0, 2.5, "ND_2.0"),
            ("2018-04-21T03:30:00.000", 32.0, 30.0, "ND_1.0"),
        )
    )
    assert _ratio(h23, flux, science) == pytest.approx(12.0 * h23.nd[0] / h23.nd[1])
    assert _ratio(h23, science, flux) == pytest.approx(h23.nd[1] / h23.nd[0] / 12.0)
    assert _ratio(h23, flux, flux) == 1.0


def _measured(*files: list[float]) -> _Channel:
    numbers = np.repeat(np.arange(len(files)), [len(one) for one in files])
    return _Channel(np.zeros((3, 3)), 4.0, np.concatenate(files), numbers, np.ones(numbers.size, bool))


def test_the_error_of_one_file_is_that_of_its_mean_and_the_wander() -> None:
    planes = [10.0, 12.0, 11.0, 15.0]
    of_mean = np.std(planes, ddof=1) / 2
    assert _error(_measured(planes), 1e-9) == pytest.approx(of_mean)
    assert _error(_measured(planes), 0.1) == pytest.approx(np.hypot(of_mean, 1.2))
    assert _error(_measured([10.0]), 0.03) == pytest.approx(0.3)


def test_files_that_differ_tell_how_steady_the_star_was() -> None:
    between = np.sqrt(8.0 / 3)  # one degree of freedom of their own, two of what is expected
    assert _error(_measured([10.0, 10.0], [14.0, 14.0]), 1e-9) == pytest.approx(between)
    assert _error(_measured([10.0], [14.0]), 1e-9) == pytest.approx(between)
    assert _error(_measured([10.0], [14.0]), 0.1) == pytest.approx(np.sqrt((2 * 1.2**2 + 8.0) / 3))
    assert _error(_measured([12.0], [12.0], [12.0]), 0.1) == pytest.approx(np.sqrt(2 * 1.2**2 / 4))
    both = _error(_measured([9.5, 10.5], [12.5, 15.5]), 1e-9)
    assert both == pytest.approx(np.hypot(between, np.sqrt((0.5 + 4.5) / 2 / 4)))


def test_the_error_of_two_files_covers_a_star_that_wanders() -> None:
    rng = np.random.default_rng(5)
    truth, off = 100.0, []
    for _ in range(4000):
        files = truth * (1 + 0.03 * rng.standard_normal(2))
        off.append((files.mean() - truth) / _error(_measured(*[[f] for f in files]), 0.03))
    assert 0.6 < np.std(off) < 1.0
    assert np.mean(np.abs(off) > 3) < 2e-3


def test_the_surroundings_are_the_outermost_fifth_of_the_radius() -> None:
    y, x = np.indices((21, 21)) - 10
    ring = (x**2 + y**2 >= 64) & (x**2 + y**2 <= 100)
    for seed in range(6):
        stamp = np.random.default_rng(seed).normal(size=(21, 21)).astype(np.float32) ** 3
        np.testing.assert_allclose(_without_surroundings(stamp), stamp - np.median(stamp[ring]), atol=1e-6)
        stamp[10, 0] = stamp[2, 15] = np.nan
        wanted = stamp[10, 10] - np.nanmedian(stamp[ring])
        assert _without_surroundings(stamp)[10, 10] == pytest.approx(wanted, abs=1e-6)


def test_planes_have_their_middles_even_where_the_header_s_times_do_not_fit(tmp_path: Path) -> None:
    early = irdis_cards(ndit=2, dit=16.0, ESO_DET_FRAM_UTC="2018-04-21T03:26:49.634")
    exposure = read_exposure(write_raw(tmp_path, early))
    seconds = (np.array(_middles(exposure, 2)) - exposure.frame.mjd_obs) * 86400.0
    assert seconds == pytest.approx([5.0, 15.0], abs=2e-3)
    told = irdis_cards(start="2018-04-21T04:00:00.000", ndit=2, dit=16.0, ESO_DET_SEQ1_REALDIT=15.0)
    exposure = read_exposure(write_raw(tmp_path, told))
    seconds = (np.array(_middles(exposure, 2)) - exposure.frame.mjd_obs) * 86400.0
    assert seconds == pytest.approx([7.7, 24.7], abs=2e-3)
