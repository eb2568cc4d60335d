"""A raw file's facts when cards are there and when they are not; its planes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time

from hcvo.errors import HeaderError, InputError
from reduce.exposure import Pointing, Site, read_exposure, read_parts, read_planes
from tests.reduce.raw_files import irdis_cards, write_raw


def test_every_card_has_its_place(tmp_path: Path) -> None:
    cards = irdis_cards(
        dit=16.0,
        ESO_DET_SEQ1_REALDIT=15.5,
        ESO_DET_DITDELAY=0.75,
        ESO_INS1_PAC_X=36.0,
        ESO_INS1_PAC_Y=-18.0,
        ESO_OCS_WAFFLE_ORIENT=" x ",
        ESO_INS4_DROT2_POSANG=12.5,
    )
    found = read_exposure(write_raw(tmp_path, cards))
    assert (found.real_dit_s, found.delay_s, found.dither_um, found.waffle) == (
        15.5,
        0.75,
        (36.0, -18.0),
        "x",
    )
    assert found.written_mjd == pytest.approx(Time(cards["ESO DET FRAM UTC"], scale="utc").mjd, abs=1e-9)
    assert found.night == found.frame.night
    assert found.site() == Site(-24.6268, -70.4045, 2648.0)
    hour, degree = 15.0 * (13 + 12 / 60 + 48.5 / 3600), -(37 + 30 / 60 + 12.5 / 3600)
    mean, north = 15.0 * (13 + 11 / 60 + 42.8 / 3600), -(37 + 24 / 60 + 15.0 / 3600)
    wanted = Pointing(hour, degree, mean, north, -0.0314, -0.0182, 62.0, 30.0, 12.5)
    seen = found.pointing()
    for name in Pointing.__slots__:
        assert getattr(seen, name) == pytest.approx(getattr(wanted, name), abs=1e-9), name


def test_cards_that_may_be_absent_have_a_meaning(tmp_path: Path) -> None:
    absent = ("DET SEQ1 REALDIT", "DET DITDELAY", "INS1 PAC X", "INS1 PAC Y", "TEL TARG PMA", "TEL TARG PMD")
    names = (*absent, "INS4 DROT2 POSANG", "OCS WAFFLE ORIENT")
    changes: Any = {f"ESO {name}".replace(" ", "_"): None for name in names}
    found = read_exposure(write_raw(tmp_path, irdis_cards(dit=8.0, **changes)))
    assert (found.real_dit_s, found.delay_s, found.dither_um, found.waffle) == (8.0, 0.0, (0.0, 0.0), "")
    seen = found.pointing()
    assert (seen.pm_ra_arcsec, seen.pm_dec_arcsec, seen.position_angle_deg) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("shape", [(2, 3, 5), (2048,), ()])
def test_an_image_of_another_size_is_named(tmp_path: Path, shape: tuple[int, ...]) -> None:
    fits.PrimaryHDU(np.ones(shape, np.float32) if shape else None).writeto(tmp_path / "raw.fits")
    with pytest.raises(InputError, match=r"raw.fits: an image of (5 x 3 x 2|2048|no) px, wanted 2048 x 1024"):
        read_planes(tmp_path / "raw.fits")
    with pytest.raises(InputError, match="wanted 2048 x 1024"):
        read_parts(tmp_path / "raw.fits", range(1), [(slice(0, 2), slice(0, 2))])


@pytest.mark.parametrize("value", [True, "fast", None])
def test_what_is_no_number_is_named(tmp_path: Path, value: object) -> None:
    path = write_raw(tmp_path, irdis_cards(ESO_TEL_ALT=value))
    with pytest.raises(HeaderError, match=r"ESO TEL ALT is .*, wanted a number"):
        read_exposure(path).pointing()


@pytest.mark.parametrize("shape", [(2, 1024, 2048), (1024, 2048)])
def test_planes_are_those_of_the_primary_array(tmp_path: Path, shape: tuple[int, ...]) -> None:
    data = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    path = tmp_path / "raw.fits"
    other = fits.ImageHDU(np.ones((2, 2), np.float32))
    fits.HDUList([fits.PrimaryHDU(data), other]).writeto(path)
    found = read_planes(path)
    np.testing.assert_array_equal(found, data.reshape(-1, 1024, 2048))
    assert found.dtype == np.dtype("=f4")


def test_pixels_that_are_no_numbers_are_counted(tmp_path: Path) -> None:
    data = np.ones((2, 1024, 2048), np.float32)
    data[0, 1, 2], data[1, 0, 0] = np.nan, np.inf
    fits.writeto(tmp_path / "raw.fits", data)
    with pytest.raises(InputError, match="2 pixels are not numbers"):
        read_planes(tmp_path / "raw.fits")


def test_without_the_end_of_the_last_plane_there_are_no_angles(tmp_path: Path) -> None:
    path = write_raw(tmp_path, irdis_cards(ESO_DET_FRAM_UTC=None))
    with pytest.raises(HeaderError, match=r"ESO DET FRAM UTC is missing.*times and angles"):
        read_exposure(path).pointing()


def test_parts_of_planes_are_cut_where_they_lie(tmp_path: Path) -> None:
    data = np.arange(3 * 1024 * 2048, dtype=np.float32).reshape(3, 1024, 2048) / 7.0
    fits.writeto(tmp_path / "raw.fits", data)
    parts = [(slice(100, 103), slice(5, 9)), (slice(60, 90), slice(2000, 2048))]
    found = read_parts(tmp_path / "raw.fits", range(1, 3), parts)
    for part, (rows, columns) in zip(found, parts, strict=True):
        np.testing.assert_array_equal(part, data[1:3, rows, columns])
        assert part.dtype == np.dtype("=f4")
    fits.writeto(tmp_path / "one.fits", data[0])
    (single,) = read_parts(tmp_path / "one.fits", range(1), parts[:1])
    np.testing.assert_array_equal(single, data[:1, 100:103, 5:9])


def test_a_place_of_the_equinox_2000_is_taken(tmp_path: Path) -> None:
    found = read_exposure(write_raw(tmp_path, irdis_cards(ESO_TEL_TARG_EQUINOX=2000.0)))
    assert found.pointing().epoch_yr == 2000.0
