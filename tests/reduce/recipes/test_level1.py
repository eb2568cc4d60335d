"""Raw frames of a planted night to the level 1 cube: every number of the cube against what was planted."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

from hcvo.errors import InputError
from hcvo.headers.product import read_product_facts
from reduce.folder import Summary, reduce_folder
from reduce.kernels import photometry
from reduce.kernels.aperture import aperture_flux
from tests.reduce.planted_night import PlantedNight


class Reduced:
    """The night, its truth, and where its products are."""

    def __init__(self, folder: Path) -> None:
        self.raw, self.out = folder / "raw", folder / "out"
        self.raw.mkdir()
        self.truth = PlantedNight(self.raw)
        self.truth.write()
        (self.raw / "junk.fits").write_bytes(b"not a FITS file")
        self.summary: Summary = self.reduce()

    def reduce(self, **options: object) -> Summary:
        parameters = {"ird_level1": {"size_px": 201}}
        return reduce_folder(
            self.raw,
            self.out,
            until="level1",
            parameters=parameters,
            progress=False,
            **options,  # type: ignore[arg-type]
        )

    def product(self, kind: str) -> fits.HDUList:
        (path,) = [p for p in self.summary.products if f"_{kind}_" in p.name]
        return fits.open(path, memmap=False)


@pytest.fixture(scope="module")
def reduced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reduced]:
    folder = tmp_path_factory.mktemp("night")
    yield Reduced(folder)
    shutil.rmtree(folder)


def _cube(reduced: Reduced) -> NDArray[np.float32]:
    with reduced.product("cube") as hdus:
        return np.asarray(hdus[0].data)


def test_everything_ran_and_the_bad_file_is_named(reduced: Reduced) -> None:
    assert (reduced.summary.done, reduced.summary.failed) == (6, 0)
    (refusal,) = reduced.summary.refusals
    assert "junk.fits" in refusal
    assert all(path.with_suffix(".png").is_file() for path in reduced.summary.products)


def test_running_again_makes_nothing_new(reduced: Reduced) -> None:
    before = sorted(path for path in reduced.out.rglob("*") if path.is_file())
    again = reduced.reduce()
    assert (again.done, again.reused, again.products) == (0, 6, reduced.summary.products)
    assert sorted(path for path in reduced.out.rglob("*") if path.is_file()) == before


def test_other_targets_are_left_alone(reduced: Reduced) -> None:
    assert reduced.reduce(target="planted_1").reused == 6
    assert "'HD 9'" in reduced.reduce(target="HD 9").refusals[-1]


def test_the_star_is_found_between_the_spots(reduced: Reduced) -> None:
    with reduced.product("centres") as hdus:
        table = hdus["CENTRES"].data
        assert list(table["ORIENT"]) == ["x", "x"]
        for row, (x, y), radius in zip(table, reduced.truth.centres, reduced.truth.spot_radius, strict=True):
            assert (row["X"] - 1.0, row["Y"] - 0.5) == pytest.approx((x, y), abs=0.02)
            assert row["ERROR"] < 0.03
            assert row["RADIUS"] == pytest.approx(radius, rel=5e-3)


def test_flux_width_and_shape_of_the_star(reduced: Reduced) -> None:
    with reduced.product("psf") as hdus:
        table, psf = hdus["CHANNELS"].data, hdus[0].data
        assert list(table["NAME"]) == ["H2", "H3"]
        responses = (1.0, reduced.truth.right_field)
        for row, image, fwhm, response in zip(table, psf, reduced.truth.fwhm, responses, strict=True):
            assert row["FWHM"] == pytest.approx(fwhm, rel=0.012)
            ideal = np.exp(-4 * np.log(2) * (np.mgrid[-31:32, -31:32] ** 2).sum(axis=0) / fwhm**2)
            planted = (
                response * reduced.truth.star_total * aperture_flux(ideal, row["FWHM"], 31, 31) / ideal.sum()
            )
            assert row["STAR_FLUX"] == pytest.approx(planted, rel=0.01)
            assert row["STAR_FLUX_ERR"] / row["STAR_FLUX"] == pytest.approx(0.04 / np.sqrt(2), rel=0.1)
            assert aperture_flux(image, row["FWHM"], 31, 31) == pytest.approx(1.0, abs=1e-4)
            assert photometry.fit_star(image, (31, 31), fwhm)[:2] == pytest.approx((31, 31), abs=0.01)


def test_companion_stands_at_its_sky_offset_whatever_the_dither(reduced: Reduced) -> None:
    cube, (dx, dy) = _cube(reduced), reduced.truth.companion_offset
    assert cube.shape == (2, 6, 201, 201)
    for channel, fwhm in zip(cube, reduced.truth.fwhm, strict=True):
        for planes in (channel[:3], channel[3:]):
            found = photometry.fit_star(planes.mean(axis=0), (100 + dx, 100 + dy), fwhm)
            assert (found.x - 100, found.y - 100) == pytest.approx((dx, dy), abs=0.06)


def test_companion_keeps_its_contrast(reduced: Reduced) -> None:
    cube, (dx, dy) = _cube(reduced), reduced.truth.companion_offset
    with reduced.product("cube") as hdus:
        channels = hdus["CHANNELS"].data
    for image, row in zip(cube.mean(axis=1), channels, strict=True):
        contrast = aperture_flux(image, row["FWHM"], 100 + dx, 100 + dy) / row["STAR_FLUX"]
        assert contrast == pytest.approx(reduced.truth.companion_total / reduced.truth.star_total, rel=0.03)


def test_background_is_gone_and_bad_pixels_leave_no_trace(reduced: Reduced) -> None:
    for channel in _cube(reduced):
        mean = channel.mean(axis=0)
        mean[120:145, 40:60] = 0.0  # the companion
        assert abs(np.median(mean)) < 1.0
        assert np.abs(mean).max() < 8 * 1.4826 * np.median(np.abs(mean))


def test_derotation_table(reduced: Reduced) -> None:
    with reduced.product("cube") as hdus:
        table, header = hdus["DEROTATION"].data, hdus[0].header
    parts = ("PARANG", "PUPIL_OFFSET", "INSTRUMENT_OFFSET", "TRUE_NORTH", "DEROTATOR_CORRECTION")
    assert table["ANGLE"] == pytest.approx(sum(table[name] for name in parts), abs=1e-9)
    assert set(table["PUPIL_OFFSET"]) == {135.99}
    assert list(table["PLANE"]) == [0, 1, 2, 0, 1, 2]
    assert len(set(table["DP_ID"])) == 2
    assert np.all(np.diff(table["MJD_MID"]) > 0)
    assert 86400 * (table["MJD_END"] - table["MJD_START"]) == pytest.approx(np.full(6, 16.0), abs=1e-3)
    assert header["FLDROT"] == pytest.approx(np.ptp(table["ANGLE"]))


def test_wcs_puts_the_companion_on_the_sky(reduced: Reduced) -> None:
    """East is at PA 90: PA on the sky = PA on the detector + ANGLE + ICRS_ROTATION, from +y towards -x."""
    with reduced.product("cube") as hdus:
        header, table = hdus[0].header, hdus["DEROTATION"].data
    wcs = WCS(header, fix=False).celestial
    star = wcs.pixel_to_world(100, 100)
    assert (star.ra.deg, star.dec.deg) == pytest.approx((header["RA"], header["DEC"]), abs=1e-9)
    dx, dy = reduced.truth.companion_offset
    companion = wcs.pixel_to_world(100 + dx, 100 + dy)
    turn = np.median(table["ANGLE"] + table["ICRS_ROTATION"])
    expected = (np.degrees(np.arctan2(-dx, dy)) + turn) % 360
    assert star.position_angle(companion).deg == pytest.approx(expected, abs=1e-3)
    assert star.separation(companion).mas == pytest.approx(np.hypot(dx, dy) * 12.255, rel=1e-6)


def test_header_provenance_and_checksums(reduced: Reduced) -> None:
    names = {path.name for path in reduced.summary.products}
    for path in reduced.summary.products:
        with fits.open(path, checksum=True) as hdus:  # a wrong checksum would warn, and a warning fails
            facts = read_product_facts(hdus[0].header)
            assert all("CHECKSUM" in hdu.header and "DATASUM" in hdu.header for hdu in hdus)
        assert path.name.endswith(f"_{facts.kind}_{facts.process_id}.fits")
        assert facts.provenance
        assert all(name in names for name in facts.provenance if name.endswith(".fits"))
    with reduced.product("cube") as hdus:
        facts = read_product_facts(hdus[0].header)
    assert sum(not name.endswith(".fits") for name in facts.provenance) == 2
    assert (facts.level, facts.match_level, facts.unit, facts.axes) == (2, 1, "adu", "channel,time,y,x")
    assert facts.obs_id.startswith("SPHERE.IRDIS.4711.2018-04-21T03:")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a folder"):
        reduce_folder(tmp_path / "no", tmp_path / "out")
