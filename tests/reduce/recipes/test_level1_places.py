"""The recipe `ird_level1` on frames made by hand: companions come out where and when they were put in."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time

from hcvo.model.product import ProductKind
from reduce.kernels import photometry
from reduce.product_file import Column, table_hdu
from reduce.recipe import SourceFile
from reduce.recipes.ird_level1 import RECIPE, Level1Parameters
from reduce.recipes.level1_cube import read_level1
from tests.reduce.raw_files import irdis_cards, write_raw
from tests.reduce.recipes.blank_masters import DETECTOR, blank_masters, gaussian
from tests.reduce.recipes.folder_job import FolderJob, source
from tests.reduce.telemetry import UNIX_MJD, write_telemetry

_STARS = ((484.3, 521.6), (487.2, 506.7))  # at dither 0, first CENTER file
_OFFSETS = ((-20.3, 12.4), (15.2, 22.6))  # of the companions, px on the sky
_DRIFT = (6.0, -4.0)  # px an hour
_STARTS = ("2018-04-21T03:30:00.000", "2018-04-21T03:45:00.000")
_DITHERS = ((36.0, -18.0), (-54.0, 9.0))  # um; 18 um move the image by a pixel
_NDIT, _DIT_S, _REAL_S, _DELAY_S = 2, 180.0, 178.0, 2.0
_STEP_S = _DIT_S + 1.0
_FIRST = Time("2018-04-21T03:00:00.000", scale="utc").mjd
_SIZE = 101


class _Plane(NamedTuple):
    """Truth of one plane: its middle (MJD), (x, y) px by which the star stands off its first place."""

    middle: float
    shift: tuple[float, float]


def _truth() -> list[_Plane]:
    found = []
    for start, dither in zip(_STARTS, _DITHERS, strict=True):
        for plane in range(_NDIT):
            seconds = plane * _STEP_S + _DELAY_S + _REAL_S / 2
            middle = Time(start, scale="utc").mjd + seconds / 86400.0
            hours = (middle - _FIRST) * 24.0
            shift = [_DRIFT[axis] * hours + dither[axis] / 18.0 for axis in (0, 1)]
            found.append(_Plane(middle, (shift[0], shift[1])))
    return found


def _centres(path: Path) -> SourceFile:
    """Waffle spots in two CENTER files an hour apart, each at a dither of its own."""
    rows = [
        (f"C{hour}", "center", 0, 1, _FIRST + hour / 24, channel, "waffle", True, dither, hour)
        for hour, dither in ((0.0, (2.0, 5.0)), (1.0, (-3.0, 1.0)))
        for channel in (0, 1)
    ]
    names = ("DP_ID", "ROLE", "PLANE", "PLANES", "MJD_MID", "CHANNEL", "METHOD", "KEPT")
    forms = ("64A", "8A", "J", "J", "D", "J", "8A", "L")
    columns: list[Column] = [
        (name, form, "", [row[number] for row in rows])
        for number, (name, form) in enumerate(zip(names, forms, strict=True))
    ]
    for axis, name in enumerate("XY"):
        at = [_STARS[row[5]][axis] + _DRIFT[axis] * row[9] + row[8][axis] for row in rows]
        columns += [(name, "D", "pix", at), (f"DITHER_{name}", "D", "pix", [row[8][axis] for row in rows])]
    columns += [("ERROR", "D", "pix", [0.01] * 4), ("ORIENT", "1A", "", ["x"] * 4)]
    fits.HDUList([fits.PrimaryHDU(), table_hdu("CENTRES", columns)]).writeto(path)
    return SourceFile(path, "", "centres")


@pytest.fixture(scope="module")
def cube(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("level1")
    rng, files = np.random.default_rng(8), blank_masters(folder)
    files["science"], truth = [], _truth()
    for number, (start, dither) in enumerate(zip(_STARTS, _DITHERS, strict=True)):
        planes = rng.normal(0.0, 3.0, (_NDIT, *DETECTOR)).astype(np.float32)
        for plane, at in zip(planes, truth[_NDIT * number :], strict=False):
            for field, (star, offset) in enumerate(zip(_STARS, _OFFSETS, strict=True)):
                x, y = (star[axis] + at.shift[axis] for axis in (0, 1))
                gaussian(plane, field, (x + offset[0], y + offset[1] / 1.0062), 3.0e4 * (1 + field), 3.8)
        cards = irdis_cards(
            "OBJECT",
            start,
            dit=_DIT_S,
            ndit=_NDIT,
            ESO_DET_SEQ1_REALDIT=_REAL_S,
            ESO_DET_DITDELAY=_DELAY_S,
            ESO_INS1_PAC_X=dither[0],
            ESO_INS1_PAC_Y=dither[1],
        )
        path = write_raw(folder, cards, planes)
        files["science"].append(SourceFile(path, "", path.stem))
    unix = int((_FIRST - UNIX_MJD) * 86400)
    telemetry = write_telemetry(folder / "ao.fits", np.arange(1800.0, 3600.0, 25.0), start=unix, first=-1.5)
    files["sparta"] = [SourceFile(telemetry, "", "ao")]
    files |= {"centres": [_centres(folder / "centres")], "observation": files["science"][:1]}
    job = FolderJob(folder, 1)
    RECIPE.run(files, Level1Parameters(size_px=_SIZE), job)
    return job.made[ProductKind.CUBE].path


def test_companions_stand_still_off_the_star_of_their_field(cube: Path) -> None:
    with fits.open(cube, memmap=False) as hdus:
        for channel, (x, y) in enumerate(_OFFSETS):
            for image in hdus[0].data[channel]:
                found = photometry.fit_star(image, (round(50 + x), round(50 + y)), 3.8)
                assert (found.x - 50, found.y - 50) == pytest.approx((x, y), abs=0.02)
                assert found.fwhm == pytest.approx(3.8, rel=0.01)


def test_times_and_places_of_the_planes_are_those_of_the_truth(cube: Path) -> None:
    truth = _truth()
    with fits.open(cube, memmap=False) as hdus:
        rotation, frames, header = hdus["DEROTATION"].data, hdus["FRAMES"].data, hdus[0].header
        middles = [plane.middle * 86400.0 for plane in truth]
        assert rotation["MJD_MID"] * 86400.0 == pytest.approx(middles, abs=0.01)
        spans = (rotation["MJD_END"] - rotation["MJD_START"]) * 86400.0
        assert spans == pytest.approx([_REAL_S] * 4, abs=0.01)
        seconds = [(plane.middle - _FIRST) * 86400.0 for plane in truth]
        assert frames["STREHL"] == pytest.approx(np.array(seconds) * 0.001 - 1.5, abs=1e-4)
        for axis, name in enumerate(("STAR_X", "STAR_Y")):
            wanted = [[star[axis] + plane.shift[axis] for star in _STARS] for plane in truth]
            np.testing.assert_allclose(frames[name], wanted, atol=1e-3)
        hours = np.mean([(plane.middle - _FIRST) * 24.0 for plane in truth])
        for number, star in enumerate(_STARS, start=1):
            at_rest = [star[axis] + _DRIFT[axis] * hours for axis in (0, 1)]
            assert [header[f"STARX{number}"], header[f"STARY{number}"]] == pytest.approx(at_rest, abs=1e-3)


def test_channels_stand_in_the_order_of_the_fields(cube: Path) -> None:
    with fits.open(cube, memmap=False) as hdus:
        rows = hdus["CHANNELS"].data
        assert list(rows["NAME"]) == ["H2", "H3"]
        assert list(rows["WAVELENGTH"]) == [1.586, 1.666]
        assert list(rows["WIDTH"]) == [0.053, 0.055]
        lambda_d = np.degrees(np.array([1.586e-6, 1.666e-6]) / 8.0) * 3.6e6 / 12.255
        assert rows["FWHM"] == pytest.approx(1.03 * lambda_d, rel=1e-3)
        for width, image in zip(rows["FWHM"], hdus["PSF"].data, strict=True):
            assert photometry.half_maximum_width(image) == pytest.approx(width, rel=0.02)


def test_level_2_turns_by_the_sum_of_the_angles(cube: Path) -> None:
    with fits.open(cube, memmap=False) as hdus:
        rows, header = hdus["DEROTATION"].data, hdus[0].header
        parts = ("PARANG", "PUPIL_OFFSET", "INSTRUMENT_OFFSET", "TRUE_NORTH", "DEROTATOR_CORRECTION")
        of_date = np.sum([rows[name] for name in parts], axis=0)
        assert np.all(np.abs(rows["ICRS_ROTATION"]) > 0.01)
        kept = np.asarray(hdus["FRAMES"].data["KEPT"], bool)
        whole = of_date + rows["ICRS_ROTATION"]
        angle = np.degrees(np.arctan2(header["CD1_2"], header["CD2_2"]))
        assert (angle - np.median(whole[kept]) + 180) % 360 - 180 == pytest.approx(0.0, abs=1e-6)
    level1 = read_level1(source(cube))
    assert level1.angles_deg == pytest.approx(whole[kept], abs=1e-9)
