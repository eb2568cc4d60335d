"""The level 1 cube's table of angles and its world coordinates: sums, order, signs."""

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from reduce.ephemeris import Directions
from reduce.exposure import read_exposure
from reduce.kernels.angles import PlaneTimes
from reduce.recipes.level1_sky import DerotationTable, wcs_cards
from reduce.recipes.star_place import dither_px
from tests.reduce.raw_files import irdis_cards, write_raw
from tests.reduce.recipes.facts import FACTS


def _seen(parang: list[float], **changes: float) -> Directions:
    first = 58000.0 + np.arange(len(parang), dtype=np.float64)
    times = PlaneTimes(first, first + 0.1, first + 0.2)
    parts = {
        "pupil_offset": 100.0,
        "instrument_offset": 20.0,
        "true_north": -3.0,
        "correction": 0.5,
        "icrs_rotation": 0.25,
    } | changes
    return Directions(times, np.array(parang), **parts, smear=0.01 * np.array(parang))


def _table(*seen: Directions) -> DerotationTable:
    return DerotationTable(seen, [f"file{number}" for number in range(len(seen))])


def test_the_angle_is_the_sum_of_its_parts_over_all_planes() -> None:
    table = _table(
        _seen([10.0, 11.0, 12.0]),
        _seen([13.0, 14.0], true_north=-4.0, correction=1.5, instrument_offset=21.0, icrs_rotation=0.75),
    )
    columns = {name: np.asarray(values) for name, _, _, values in table.columns()}
    np.testing.assert_allclose(columns["ANGLE"], [127.5, 128.5, 129.5, 131.5, 132.5])
    np.testing.assert_allclose(columns["PARANG"], [10, 11, 12, 13, 14])
    np.testing.assert_allclose(columns["PUPIL_OFFSET"], [100] * 5)
    np.testing.assert_allclose(columns["INSTRUMENT_OFFSET"], [20, 20, 20, 21, 21])
    np.testing.assert_allclose(columns["TRUE_NORTH"], [-3, -3, -3, -4, -4])
    np.testing.assert_allclose(columns["DEROTATOR_CORRECTION"], [0.5, 0.5, 0.5, 1.5, 1.5])
    np.testing.assert_allclose(columns["ICRS_ROTATION"], [0.25, 0.25, 0.25, 0.75, 0.75])
    np.testing.assert_allclose(columns["SMEAR"], [0.1, 0.11, 0.12, 0.13, 0.14])
    np.testing.assert_allclose(columns["MJD_START"], [58000, 58001, 58002, 58000, 58001])
    np.testing.assert_allclose(columns["MJD_MID"] - columns["MJD_START"], 0.1, atol=1e-9)
    np.testing.assert_allclose(columns["MJD_END"] - columns["MJD_START"], 0.2, atol=1e-9)
    assert columns["PLANE"].tolist() == [0, 1, 2, 0, 1]
    assert columns["DP_ID"].tolist() == ["file0"] * 3 + ["file1"] * 2
    assert table.median() == pytest.approx(129.75)
    assert table.median(np.array([True, True, True, False, False])) == pytest.approx(128.75)


def test_angles_run_on_from_file_to_file_past_half_a_turn() -> None:
    table = _table(_seen([170.0, 179.0]), _seen([-176.0, -170.0]))
    np.testing.assert_allclose(table.angle, np.array([170.0, 179.0, 184.0, 190.0]) + 117.5)


def test_the_cubes_coordinates_turn_with_the_median_angle() -> None:
    facts = FACTS
    assert facts.ra_deg is not None
    assert facts.dec_deg is not None
    assert facts.pixel_scale_mas is not None
    header = fits.Header([(key, *card) for key, card in wcs_cards(facts, (2, 5, 41, 51), 35.0).items()])
    star = SkyCoord(facts.ra_deg, facts.dec_deg, unit="deg")
    wcs = WCS(header)
    assert wcs.celestial.pixel_to_world(25, 20).separation(star).mas < 1e-3
    for pa in (0.0, 100.0):
        x, y = 25 - 10 * np.sin(np.radians(pa)), 20 + 10 * np.cos(np.radians(pa))
        place = wcs.celestial.pixel_to_world(x, y)
        assert star.separation(place).mas == pytest.approx(10 * facts.pixel_scale_mas, rel=1e-5)
        assert star.position_angle(place).to_value(u.deg) == pytest.approx(pa + 35.0, abs=1e-3)
    assert wcs.naxis == header["WCSAXES"] == 4
    step = np.hypot(header["CD1_1"], header["CD1_2"])
    assert step == pytest.approx(facts.pixel_scale_mas / 3.6e6, rel=1e-9, abs=0)
    np.testing.assert_allclose(wcs.wcs_pix2world([[25, 20, 3, 1]], 0)[0][2:], [3, 1])
    assert header["CUNIT1"] == header["CUNIT2"] == "deg"


def test_the_dither_moves_the_image_by_a_pixel_in_18_um(tmp_path: Path) -> None:
    cards = irdis_cards(ESO_INS1_PAC_X=36.0, ESO_INS1_PAC_Y=-9.0)
    assert dither_px(read_exposure(write_raw(tmp_path, cards))) == (2.0, -0.5)


def test_cards_tell_how_far_the_angles_can_be_trusted() -> None:
    known = _table(_seen([10.0], parang_off=0.01), _seen([11.0], parang_off=0.04), _seen([12.0])).cards()
    assert known["HIERARCH HCVO QC ANGLE OFF"][0] == pytest.approx(0.04)
    assert known["HIERARCH HCVO QC ANGLE SURE"][0] is True
    field = {"instrument_offset": 0.0, "pupil_offset": 30.0}
    turned = _table(_seen([0.0], **field)).cards()
    assert "HIERARCH HCVO QC ANGLE OFF" not in turned
    assert turned["HIERARCH HCVO QC ANGLE SURE"][0] is False
    assert (
        _table(_seen([0.0], **field | {"pupil_offset": 0.0})).cards()["HIERARCH HCVO QC ANGLE SURE"][0]
        is True
    )
