import hashlib
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from hcvo.errors import ConfigError
from reduce.simulate.geometry import frame_geometry
from reduce.simulate.instrument import PIXEL_MAS, Y_STRETCH
from reduce.simulate.light import add_star
from reduce.simulate.night import Night
from reduce.simulate.rawfile import _encode, _sum, write_raw
from tests.reduce.simulate.conftest import Written, write_small


def header_of(path: Path) -> fits.Header:
    return fits.Header.fromfile(path)


def test_every_file_is_sound_fits_with_right_checksums(small_night: Written) -> None:
    names = sorted(path.name for path in small_night.folder.glob("SPHER.*.fits"))
    told = [each["file"] for each in small_night.truth["files"]] + [small_night.truth["telemetry"]]
    assert names == sorted(told)
    for name in names:
        with fits.open(small_night.folder / name, checksum=True) as hdus:
            hdus.verify("exception")
            assert hdus[0].header["ARCFILE"] == name
        header = header_of(small_night.folder / name)
        if name != small_night.truth["telemetry"]:
            assert (header["BZERO"], header["BSCALE"], header["EXTEND"]) == (0.0, 1.0, True)
            assert (header["NAXIS1"], header["NAXIS2"], header["BITPIX"]) == (2048, 1024, -32)
            assert abs(header["MJD-OBS"] - _mjd(header["DATE-OBS"])) < 2e-8


def _mjd(text: str) -> float:
    day, _, clock = text.partition("T")
    hours, minutes, seconds = (float(part) for part in clock.split(":"))
    days = (np.datetime64(day) - np.datetime64("1858-11-17")).astype(int)
    return float(days + (hours + minutes / 60 + seconds / 3600) / 24)


def test_checksum_of_any_bytes_is_met(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    for index in range(20):
        cube = rng.normal(size=(1, 3, 5)).astype(np.float32)
        rows = [("SIMPLE", True), ("BITPIX", -32), ("NAXIS", 3), ("NAXIS1", 5), ("NAXIS2", 3), ("NAXIS3", 1)]
        path = tmp_path / f"{index}.fits"
        write_raw(path, fits.Header([*rows, ("SEED", index)]), cube, "2018-01-01T00:00:00")
        with fits.open(path, checksum=True) as hdus:
            np.testing.assert_array_equal(hdus[0].data, cube)
    for value in rng.integers(0, 2**32, 200):
        text = _encode(int(value))
        assert text.isalnum()
        turned = text[1:] + text[0]
        assert _sum(turned.encode(), 0) == (int(value) + 4 * 0x30303030) % 0xFFFFFFFF


def test_classes_of_the_night(small_night: Written) -> None:
    types = {header_of(small_night.path(each))["ESO DPR TYPE"] for each in small_night.truth["files"]}
    assert types == {
        "OBJECT", "OBJECT,CENTER", "OBJECT,FLUX", "SKY", "DARK", "DARK,BACKGROUND", "FLAT,LAMP",
    }  # fmt: skip


def test_parallactic_angle_of_the_header_frames_that_of_the_truth(small_night: Written) -> None:
    for entry in small_night.files("OBJECT"):
        header = header_of(small_night.path(entry))
        start, end = header["ESO TEL PARANG START"], header["ESO TEL PARANG END"]
        angles = [frame["parallactic_deg"] for frame in entry["frames"]]
        assert start < angles[0] <= angles[-1] < end
        middle = start + (end - start) * (0.2 + entry["dit_s"] / 2) / (entry["dit_s"] + 1.038) / len(angles)
        assert angles[0] == pytest.approx(middle, abs=0.02)


def test_derotator_reads_late_in_object_files_only(small_night: Written) -> None:
    for kind, lag in (("OBJECT", 1.0), ("CENTER", 0.0), ("FLUX", 0.0)):
        header = header_of(small_night.path(small_night.files(kind)[0]))
        difference = header["ESO TEL ALT"] - 2 * header["ESO INS4 DROT2 BEGIN"] + 360
        assert difference == pytest.approx(lag, abs=2e-3)


def test_dither_moves_the_star_by_its_microns(small_night: Written) -> None:
    base = small_night.truth["sequence"]["star_at_stage_zero"]
    for entry in small_night.files("OBJECT"):
        header = header_of(small_night.path(entry))
        for frame in entry["frames"]:
            for channel in (0, 1):
                x, y = frame["star"][channel]
                assert x - base[channel][0] == pytest.approx(header["ESO INS1 PAC X"] / 18, abs=0.2)
                assert y - base[channel][1] == pytest.approx(header["ESO INS1 PAC Y"] / 18, abs=0.2)


def test_flux_star_is_where_and_as_bright_as_told(small_night: Written) -> None:
    entry = small_night.files("FLUX")[0]
    data = fits.getdata(small_night.path(entry))[0]
    light = small_night.truth["light"]
    density = small_night.truth["instrument"]["nd_transmission"][entry["nd"]]
    for channel in (0, 1):
        x, y = entry["frames"][0]["star"][channel]
        cut = data[
            round(y) - 12 : round(y) + 13, channel * 1024 + round(x) - 12 : channel * 1024 + round(x) + 13
        ]
        cut = cut - np.median(cut)
        rows, columns = np.mgrid[-12:13, -12:13]
        inside = np.hypot(rows - (y - round(y)), columns - (x - round(x))) < light["fwhm_px"][channel] / 2
        expected = light["star_flux"][channel] * entry["dit_s"] / light["science_dit_s"] * density[channel]
        assert cut[inside].sum() == pytest.approx(expected * entry["frames"][0]["brightness"], rel=0.2)
        assert data[:, channel * 1024 : (channel + 1) * 1024][200:800, 200:800].max() < 52_000


def test_companion_falls_where_the_truth_says(default_plan: Night) -> None:
    """Two exposures that differ in nothing but the companions; place by the documented law."""
    science = next(each for each in default_plan.plan if each.kind == "OBJECT")
    geometry = frame_geometry(science, default_plan.target, default_plan.companions, default_plan.derotator)[
        1
    ]
    twin = deepcopy(default_plan)
    bare, planted = (np.zeros((1024, 2048), dtype=np.float32) for _ in range(2))
    add_star(default_plan, science, replace(geometry, trails=((), ())), bare)
    told = add_star(twin, science, geometry, planted)
    difference = planted - bare
    for companion in default_plan.companions:
        turn = np.radians(companion.pa_deg - told["angle_deg"] - told["icrs_rotation_deg"])
        for channel in (0, 1):
            x = told["star"][channel][0] - companion.separation_mas * np.sin(turn) / PIXEL_MAS
            y = told["star"][channel][1] + companion.separation_mas * np.cos(turn) / PIXEL_MAS / Y_STRETCH
            cut = difference[round(y) - 7 : round(y) + 8, channel * 1024 + round(x) - 7 :][:, :15]
            rows, columns = np.mgrid[-7:8, -7:8]
            weight = cut * (cut > 0.1 * cut.max())
            assert (weight * columns).sum() / weight.sum() == pytest.approx(x - round(x), abs=0.06)
            assert (weight * rows).sum() / weight.sum() == pytest.approx(y - round(y), abs=0.06)


def test_same_seed_same_bytes(small_night: Written, tmp_path: Path) -> None:
    again = write_small(tmp_path / "again")
    assert again.truth == small_night.truth
    for entry in small_night.truth["files"]:
        digests = {hashlib.sha256(each.path(entry).read_bytes()).digest() for each in (again, small_night)}
        assert len(digests) == 1, entry["file"]


def test_another_night_may_not_join_a_folder(small_night: Written) -> None:
    before = sorted(small_night.folder.iterdir())
    with pytest.raises(ConfigError, match="another night"):
        write_small(small_night.folder, seed=4)
    assert sorted(small_night.folder.iterdir()) == before


def test_telemetry_has_its_three_tables(small_night: Written) -> None:
    with fits.open(small_night.folder / small_night.truth["telemetry"]) as hdus:
        assert [hdu.name for hdu in hdus[1:]] == ["VisLoopParams".upper(), "IRLOOPPARAMS", "ATMPERFPARAMS"]
        table = hdus[3].data
        seeing = 0.98 * 500e-9 / table["R0"] * 206265
        assert 0.3 < seeing.min() < seeing.max() < 1.6
        assert (np.diff(table["Sec"]) > 0).all()
        assert hdus[0].header["ESO DPR TYPE"] == "OBJECT,AO"
        assert "ESO SEQ ARM" not in hdus[0].header


def test_bad_pixel_list_is_the_detectors(small_night: Written) -> None:
    told = small_night.truth["bad_pixels"]
    with np.load(small_night.folder / told["file"]) as stored:
        bad = stored["bad"]
    for code, name in told["codes"].items():
        assert told["counts"][name] == (bad == int(code)).sum() > 0
    dark = next(each for each in small_night.files("DARK") if each["dit_s"] > 60)
    counts = fits.getdata(small_night.path(dark))[0]
    hot = next(int(code) for code, name in told["codes"].items() if name == "hot")
    assert np.median(counts[bad == hot]) > 50 * np.median(counts[bad == 0])
