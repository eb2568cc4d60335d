"""Where the star stands in every plane, from a table of measurements made by hand."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from hcvo.errors import ReductionError
from reduce.exposure import Exposure, read_exposure
from reduce.instruments.sphere_irdis import STAR_WANDER_PX
from reduce.product_file import table_hdu
from reduce.recipes.star_place import StarPlace, dither_px
from tests.reduce.raw_files import irdis_cards, write_raw

_START = "2018-04-21T03:30:00.000"
_MJD = 58229.0 + 3.5 / 24
_HOUR = 1.0 / 24
_PLACES = {0: (485.0, 520.0), 1: (486.5, 508.25)}


@dataclass(frozen=True)
class Row:
    """What differs from a CENTER file's waffle spots at dither 0; X and Y are given without dither."""

    role: str = "center"
    plane: int = 0
    dither: tuple[float, float] = (0.0, 0.0)
    method: str = "waffle"
    error: float = 0.02
    kept: bool = True
    channels: tuple[int, ...] = (0, 1)


_CENTER = Row()
_NAMES = ("DP_ID", "ROLE", "PLANE", "PLANES", "MJD_MID", "CHANNEL", "METHOD", "KEPT", "X", "Y", "ERROR")
_FORMATS = ("64A", "8A", "J", "J", "D", "J", "8A", "L", "D", "D", "D", "D", "D")


class Table:
    """Rows of CENTRES as they are added."""

    def __init__(self) -> None:
        self.rows: list[tuple[object, ...]] = []

    def add(
        self, name: str, hours: float, shift: tuple[float, float] = (0.0, 0.0), row: Row = _CENTER
    ) -> "Table":
        for channel in row.channels:
            x, y = np.add(_PLACES[channel], shift) + row.dither
            mjd = _MJD + hours * _HOUR
            what = (name, row.role, row.plane, 1, mjd, channel, row.method, row.kept)
            self.rows.append((*what, x, y, row.error, *row.dither))
        return self

    def write(self, folder: Path) -> StarPlace:
        columns = [
            (name, code, "", [row[number] for row in self.rows])
            for number, (name, code) in enumerate(
                zip((*_NAMES, "DITHER_X", "DITHER_Y"), _FORMATS, strict=True)
            )
        ]
        path = folder / "centres.fits"
        fits.HDUList([fits.PrimaryHDU(), table_hdu("CENTRES", columns)]).writeto(path)
        return StarPlace.read(path)


def _exposure(folder: Path, ndit: int = 3, **cards: object) -> Exposure:
    return read_exposure(write_raw(folder, irdis_cards(start=_START, ndit=ndit, **cards)))  # type: ignore[arg-type]


def _truth(*shifts: tuple[float, float]) -> np.ndarray:
    return np.array([[np.add(_PLACES[channel], shift) for shift in shifts] for channel in (0, 1)])


def test_the_star_goes_from_the_first_center_frame_to_the_last(tmp_path: Path) -> None:
    place = Table().add("A", 0.0).add("B", 2.0, (0.6, -0.4)).write(tmp_path)
    found, error, shared = place.at(_exposure(tmp_path), _MJD + _HOUR * np.array([-1.0, 0.5, 2.0]))
    np.testing.assert_allclose(found, _truth((0, 0), (0.15, -0.1), (0.6, -0.4)), atol=1e-6)
    np.testing.assert_allclose(shared, 0.02, rtol=0.5)
    np.testing.assert_allclose(error, np.hypot(shared, STAR_WANDER_PX))


def test_dithers_of_center_and_science_frames_are_taken_off_and_put_on(tmp_path: Path) -> None:
    exposure = _exposure(tmp_path, ESO_INS1_PAC_X=36.0, ESO_INS1_PAC_Y=-9.0)
    assert dither_px(exposure) == (2.0, -0.5)
    place = (
        Table()
        .add("A", 0.0, row=Row(dither=(1.0, 3.0)))
        .add("B", 1.0, row=Row(dither=(-2.0, 0.0)))
        .write(tmp_path)
    )
    found, *_ = place.at(exposure, np.array([_MJD]))
    np.testing.assert_allclose(found, _truth((2.0, -0.5)), atol=1e-9)
    assert place.method(exposure) == "waffle"


def test_only_kept_rows_count(tmp_path: Path) -> None:
    table = Table().add("A", 0.0).add("A", 0.0, (0.4, 0.4), Row(method="halo", kept=False))
    found, *_ = table.write(tmp_path).at(_exposure(tmp_path), np.array([_MJD]))
    np.testing.assert_allclose(found, _truth((0, 0)), atol=1e-9)


def test_with_no_kept_row_the_left_field_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReductionError, match="no star on field 1, wanted one on each"):
        Table().add("A", 0.0, row=Row(kept=False)).write(tmp_path)


@pytest.mark.parametrize("channel", [0, 1])
def test_a_field_without_a_star_is_named(tmp_path: Path, channel: int) -> None:
    with pytest.raises(ReductionError, match=f"no star on field {2 - channel}"):
        Table().add("A", 0.0, row=Row(channels=(channel,))).write(tmp_path)


def test_planes_that_were_measured_follow_the_star_where_it_wanders(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    exposure, table = _exposure(tmp_path), Table()
    wander = 0.3 * rng.normal(size=(40, 2))
    dp_id = exposure.frame.dp_id
    for number, shift in enumerate(wander):
        name, plane = (dp_id, number) if number < 3 else (f"F{number}", 0)
        table.add(name, number / 60, (shift[0], shift[1]), Row("science", plane, method="star"))
    place = table.write(tmp_path)
    found, error, _ = place.at(exposure, _MJD + _HOUR * np.arange(3) / 60)
    assert np.abs(found - _truth(*[(a, b) for a, b in wander[:3]])).max() < 0.02
    assert error == pytest.approx([0.07, 0.07], abs=0.06)
    assert place.method(exposure) == "star"


def test_noise_of_single_planes_is_not_taken_for_motion(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    exposure, table = _exposure(tmp_path), Table()
    for number in range(60):
        a, b = 0.1 * rng.normal(size=2)
        name = exposure.frame.dp_id if number < 3 else f"F{number}"
        table.add(name, number / 60, (a, b), Row("science", min(number, 3) % 3, error=0.1))
    found, *_ = table.write(tmp_path).at(exposure, _MJD + _HOUR * np.arange(3) / 60)
    assert np.abs(found - _truth(*[(0, 0)] * 3)).max() < 0.06


def test_a_plane_that_jumped_is_taken_at_its_word(tmp_path: Path) -> None:
    exposure, table = _exposure(tmp_path), Table()
    for number in range(20):
        name = exposure.frame.dp_id if number < 3 else f"F{number}"
        shift = (1.5, -0.5) if number == 1 else (0.0, 0.0)
        table.add(name, number / 60, shift, Row("science", min(number, 3) % 3))
    found, *_ = table.write(tmp_path).at(exposure, _MJD + _HOUR * np.arange(3) / 60)
    np.testing.assert_allclose(found, _truth((0, 0), (1.5, -0.5), (0, 0)), atol=1e-6)


def test_a_center_file_of_the_same_name_is_not_a_measured_plane(tmp_path: Path) -> None:
    exposure = _exposure(tmp_path)
    place = Table().add(exposure.frame.dp_id, 0.0).add("B", 1.0, (1.0, 0.0)).write(tmp_path)
    found, *_ = place.at(exposure, np.array([_MJD + _HOUR / 2]))
    np.testing.assert_allclose(found, _truth((0.5, 0.0)), atol=1e-6)


@pytest.mark.parametrize(("sigmas", "followed"), [(4.5, False), (5.5, True)])
def test_five_sigma_part_a_jump_from_a_bad_measurement(
    tmp_path: Path,
    sigmas: float,
    followed: bool,  # noqa: FBT001
) -> None:
    exposure, table = _exposure(tmp_path), Table()
    away = np.hypot(0.02, STAR_WANDER_PX) * sigmas
    for number in range(40):
        name = exposure.frame.dp_id if number == 1 else f"F{number}"
        row = Row("science", number, channels=(0,)) if number == 1 else Row("science")
        table.add(name, number / 60, (0.6 * away, 0.8 * away) if number == 1 else (0.0, 0.0), row)
    found, *_ = table.write(tmp_path).at(exposure, _MJD + _HOUR * np.arange(3) / 60)
    off = np.hypot(*(found - _truth((0, 0)))[0, 1])
    half = 0.02**2 / (0.02**2 + STAR_WANDER_PX**2)
    assert off == pytest.approx(away if followed else half * away, abs=1e-6 if followed else 0.01)


def test_where_wander_and_error_are_equal_a_measurement_counts_half(tmp_path: Path) -> None:
    """Of its own error half comes in, and a quarter of the line's, no better than one of them."""
    rng, planes = np.random.default_rng(3), 60
    exposure, table = _exposure(tmp_path, ndit=planes), Table()
    shifts = 0.1 * np.sqrt(2.0) * rng.normal(size=(planes, 2))
    for number, (x, y) in enumerate(shifts):
        table.add(exposure.frame.dp_id, number / 60, (x, y), Row("science", number, error=0.1))
    place = table.write(tmp_path)
    wander = place.drift.wander
    assert wander == pytest.approx(0.1, rel=0.3)
    share = wander**2 / (wander**2 + 0.1**2)
    times = _MJD + _HOUR * np.arange(planes) / 60
    found, error, _ = place.at(exposure, times)
    wanted = (1 - share) * place.drift.at(times) + share * _truth(*[(x, y) for x, y in shifts])
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    hours = np.arange(planes) / 60 - (planes - 1) / 120
    moved = wander**2 * (1 / planes + hours**2 / (hours**2).sum()).mean()  # the line follows the wander
    assert error == pytest.approx([np.sqrt((1 - share) ** 2 * (0.01 + moved) + share * 0.01)] * 2, rel=1e-5)


def test_the_method_is_that_of_the_left_field_and_of_the_file_itself(tmp_path: Path) -> None:
    exposure, table = _exposure(tmp_path), Table()
    table.add("A", 0.0).add("B", 0.1, row=Row("science", method="halo"))
    assert table.write(tmp_path).method(exposure) == "waffle"
    table.add(exposure.frame.dp_id, 0.2, row=Row("science", method="star", channels=(0,)))
    (tmp_path / "centres.fits").unlink()
    assert table.write(tmp_path).method(exposure) == "star"
    table.add(exposure.frame.dp_id, 0.2, row=Row("science", method="halo", channels=(1,)))
    (tmp_path / "centres.fits").unlink()
    assert table.write(tmp_path).method(exposure) == "star"
