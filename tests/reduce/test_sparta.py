"""Telemetry joined in time."""

import re
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray

from reduce.sparta import read_atmosphere
from tests.reduce.telemetry import START, UNIX_MJD, write_telemetry


def _mjd(seconds: list[float]) -> NDArray[np.float64]:
    return UNIX_MJD + (START + np.array(seconds)) / 86400.0


def test_a_plane_has_the_conditions_between_its_neighbouring_samples(tmp_path: Path) -> None:
    atmosphere = read_atmosphere(
        [write_telemetry(tmp_path / "a.fits", np.arange(0.0, 101.0, 25.0) + 0.5)], pytest.fail
    )
    assert atmosphere is not None
    found = atmosphere.at(_mjd([10.0, 60.25]))
    assert found.strehl == pytest.approx([0.81, 0.86025], abs=1e-6)
    assert found.seeing_arcsec == pytest.approx([0.98 * 500e-9 / 0.15 * 206264.8] * 2)
    assert found.tau0_s == pytest.approx([0.314 * 0.15 / 10.0] * 2)
    assert found.wind_m_s == pytest.approx([10.0, 10.0])
    assert found.star_adu == pytest.approx([800.0, 800.0])


def test_far_from_any_sample_nothing_is_known(tmp_path: Path) -> None:
    atmosphere = read_atmosphere(
        [write_telemetry(tmp_path / "a.fits", np.array([0.0, 25.0, 400.0]))], pytest.fail
    )
    assert atmosphere is not None
    found = atmosphere.at(_mjd([-59.5, -60.5, 84.5, 85.5, 339.5, 340.5, 459.5, 460.5])).strehl
    assert np.isfinite(found).tolist() == [True, False, True, False, False, True, True, False]
    assert found[0] == pytest.approx(0.8)


def test_files_may_come_in_any_order_and_overlap(tmp_path: Path) -> None:
    late = write_telemetry(tmp_path / "late.fits", np.array([50.0, 75.0]))
    early = write_telemetry(tmp_path / "early.fits", np.array([0.0, 25.0, 50.0]))
    atmosphere = read_atmosphere([late, early], pytest.fail)
    assert atmosphere is not None
    assert atmosphere.mjd == pytest.approx(_mjd([0.0, 25.0, 50.0, 75.0]), abs=1e-9)
    assert np.all(np.diff(atmosphere.samples.strehl) > 0)


def test_what_sparta_could_not_estimate_is_bridged(tmp_path: Path) -> None:
    path = write_telemetry(tmp_path / "a.fits", np.array([0.0, 25.0, 50.0]))
    with fits.open(path, mode="update") as hdus:
        hdus["AtmPerfParams"].data["StrehlRatio"][1] = 0.0
    atmosphere = read_atmosphere([path], pytest.fail)
    assert atmosphere is not None
    assert atmosphere.at(_mjd([25.0])).strehl == pytest.approx([0.825])


def test_no_telemetry_is_no_fault_and_broken_telemetry_is_named_and_left_out(tmp_path: Path) -> None:
    other = tmp_path / "other.fits"
    fits.PrimaryHDU().writeto(other)
    assert read_atmosphere([], pytest.fail) is None
    assert read_atmosphere([other], pytest.fail) is None
    broken = tmp_path / "broken.fits"
    broken.write_bytes(write_telemetry(tmp_path / "a.fits", np.array([0.0, 25.0])).read_bytes()[:6000])
    told: list[str] = []
    whole = tmp_path / "a.fits"
    assert read_atmosphere([broken], told.append) is None
    alone = read_atmosphere([whole], pytest.fail)
    beside = read_atmosphere([broken, whole], told.append)
    assert alone is not None
    assert beside is not None
    assert np.array_equal(beside.mjd, alone.mjd)
    assert len(told) == 2
    assert all(re.search(r"broken\.fits: .*fetch the file again; left out$", words) for words in told)


def test_one_sample_stands_for_its_minute(tmp_path: Path) -> None:
    atmosphere = read_atmosphere([write_telemetry(tmp_path / "a.fits", np.array([10.0]))], pytest.fail)
    assert atmosphere is not None
    found = atmosphere.at(_mjd([-55.0, 10.0, 65.0])).strehl
    assert found[1] == found[2] == pytest.approx(0.81)
    assert np.isnan(found[0])


def test_the_star_on_the_sensor_is_known_only_near_its_own_samples(tmp_path: Path) -> None:
    path = write_telemetry(tmp_path / "a.fits", np.array([0.0, 25.0, 50.0]))
    with fits.open(path, mode="update") as hdus:
        hdus["VisLoopParams"].data["Sec"] += 84
        hdus["VisLoopParams"].data["Flux_avg"] = [900.0, 950.0, 1000.0]
    atmosphere = read_atmosphere([path], pytest.fail)
    assert atmosphere is not None
    assert np.isfinite(atmosphere.samples.star_adu).tolist() == [False, True, True]
    assert atmosphere.samples.star_adu[1:] == pytest.approx([900.0, 900.0])
    assert np.isfinite(atmosphere.samples.strehl).all()


def test_a_sample_without_a_time_is_left_out(tmp_path: Path) -> None:
    path = write_telemetry(tmp_path / "a.fits", np.array([0.0, 25.0, 50.0]))
    with fits.open(path, memmap=False) as hdus:
        air = Table(hdus["AtmPerfParams"].data)
        air["Sec"] = air["Sec"].astype(float)
        air["Sec"][1] = np.nan
        fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU(air, name="AtmPerfParams")]).writeto(tmp_path / "b")
    atmosphere = read_atmosphere([tmp_path / "b"], pytest.fail)
    assert atmosphere is not None
    assert atmosphere.mjd == pytest.approx(_mjd([0.0, 50.0]), abs=1e-9)
    assert np.isnan(atmosphere.samples.star_adu).all()
