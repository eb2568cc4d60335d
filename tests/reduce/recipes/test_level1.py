"""Raw frames of a planted night to the level 1 cube: every number of the cube against what was planted."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

from hcvo.errors import InputError, ReductionError
from hcvo.headers.product import read_product_facts
from hcvo.model.product import ProductKind
from hcvo.model.quality import Quality
from reduce.folder import Summary, reduce_folder
from reduce.kernels import photometry
from reduce.kernels.aperture import aperture_flux
from reduce.recipe import SourceFile
from reduce.recipes import ird_level1
from reduce.recipes.level1_cube import read_level1
from reduce.selection import Choice
from tests.reduce.planted_night import PlantedNight
from tests.reduce.recipes.folder_job import FolderJob, source


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
            choice=Choice(parameters=parameters or {}),
            progress=False,
            **options,  # type: ignore[arg-type]
        )

    @property
    def images(self) -> list[Path]:
        return [path for path in self.summary.products if path.suffix == ".fits"]

    def path(self, kind: str) -> Path:
        (path,) = [p for p in self.images if f"_{kind}_" in p.name]
        return path

    def product(self, kind: str) -> fits.HDUList:
        return fits.open(self.path(kind), memmap=False)


@pytest.fixture(scope="module")
def reduced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reduced]:
    folder = tmp_path_factory.mktemp("night")
    yield Reduced(folder)
    shutil.rmtree(folder)


def _cube(reduced: Reduced) -> NDArray[np.float32]:
    with reduced.product("cube") as hdus:
        return np.asarray(hdus[0].data)


def test_everything_ran_and_the_bad_file_is_named(reduced: Reduced) -> None:
    assert (reduced.summary.done, reduced.summary.failed) == (7, 0)
    (refusal,) = reduced.summary.refusals
    assert "junk.fits" in refusal
    assert all(path.with_suffix(".png").is_file() for path in reduced.images)


def test_running_again_makes_nothing_new(reduced: Reduced) -> None:
    before = sorted(path for path in reduced.out.rglob("*") if path.is_file())
    again = reduced.reduce()
    assert (again.done, again.reused, again.products) == (0, 7, reduced.summary.products)
    assert sorted(path for path in reduced.out.rglob("*") if path.is_file()) == before


def test_other_targets_are_left_alone(reduced: Reduced) -> None:
    assert reduced.reduce(target="planted_1").reused == 7
    assert "'HD 9'" in reduced.reduce(target="HD 9").refusals[-1]


def test_the_star_is_found_between_the_spots(reduced: Reduced) -> None:
    with reduced.product("centres") as hdus:
        table = hdus["CENTRES"].data
        table = table[table["KEPT"]]
        assert list(table["METHOD"]) == ["waffle", "waffle"]
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
    for path in reduced.images:
        with fits.open(
            path, checksum=True, disable_image_compression=True
        ) as hdus:  # a wrong checksum would warn, and a warning fails
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


def _inputs(reduced: Reduced) -> dict[str, list[SourceFile]]:
    """Files of ird_level1 as the engine gave them."""
    made = {kind: [source(reduced.path(kind))] for kind in ("centres", "psf", "flat")}
    (sky,) = [p for p in reduced.images if fits.getval(p, "PRODKIND") == "dark" and _is_sky(p)]
    raw = [path for path in sorted(reduced.raw.glob("SPHER*.fits")) if _kind(path) == "OBJECT"]
    science = [SourceFile(path, "", path.stem) for path in raw]
    return made | {"background": [source(sky)], "science": science, "observation": science[:1]}


def _is_sky(path: Path) -> bool:
    return str(fits.getval(path, "RAWCLASS")) == "IRD_SKY_BG_RAW"


def _kind(path: Path) -> str:
    return str(fits.getval(path, "HIERARCH ESO DPR TYPE"))


def _again(reduced: Reduced, folder: Path, workers: int = 1, **parameters: object) -> FolderJob:
    job = FolderJob(folder, 77)
    job.workers = workers
    files = _inputs(reduced)
    without = parameters.pop("without", ())
    assert isinstance(without, tuple)
    for role in without:
        files.pop(role)
    given = ird_level1.Level1Parameters.model_validate({"size_px": 201} | parameters)
    ird_level1.RECIPE.run(files, given, job)
    return job


def test_two_processes_make_the_same_arrays(reduced: Reduced, tmp_path: Path) -> None:
    job = _again(reduced, tmp_path, workers=2)
    with reduced.product("cube") as one, fits.open(job.made[ProductKind.CUBE].path) as other:
        assert [hdu.name for hdu in one] == [hdu.name for hdu in other]
        for hdu in one:
            assert np.asarray(hdu.data).tobytes() == np.asarray(other[hdu.name].data).tobytes()
    assert [path for path in tmp_path.iterdir() if path.suffix not in (".fits", ".png")] == []


def test_raw_pixels_stay_available(reduced: Reduced, tmp_path: Path) -> None:
    """The calibrated pixels hold the companion where FRAMES and the corner say."""
    job = _again(reduced, tmp_path, raw_pixels=True)
    truth = reduced.truth
    with fits.open(job.made[ProductKind.PIXELS].path) as hdus:
        header, frames, planes = hdus[0].header, hdus["FRAMES"].data, hdus[0].data
        assert header["PRODKIND"] == "pixels"
        assert planes.shape[:2] == hdus["VARIANCE"].data.shape[:2] == (2, 6)
        for channel, fwhm in enumerate(truth.fwhm):
            for part in (slice(0, 3), slice(3, 6)):
                star = [frames[axis][part][0][channel] for axis in ("STAR_X", "STAR_Y")]
                x = star[0] + truth.companion_offset[0] - header[f"CORNERX{channel + 1}"]
                y = star[1] + truth.companion_offset[1] / 1.0062 - header[f"CORNERY{channel + 1}"]
                image = np.nan_to_num(planes[channel, part].mean(axis=0))
                found = photometry.fit_star(image, (round(x), round(y)), fwhm)
                assert (found.x, found.y) == pytest.approx((x, y), abs=0.06)


def test_without_flux_frames_there_is_a_cube_with_unknown_flux(reduced: Reduced, tmp_path: Path) -> None:
    job = _again(reduced, tmp_path, without=("psf",))
    level1 = read_level1(source(job.made[ProductKind.CUBE].path))
    assert all(np.isnan(channel.star_flux) for channel in level1.channels)
    for image, channel in zip(level1.psf, level1.channels, strict=True):
        assert aperture_flux(image, channel.fwhm_px, 31, 31) == pytest.approx(1.0, abs=1e-4)
        assert photometry.half_maximum_width(image) == pytest.approx(channel.fwhm_px, rel=0.02)


def test_the_variance_is_the_scatter_of_the_planes(reduced: Reduced) -> None:
    """Of planted noise; the noise map rests on 6 skies."""
    with reduced.product("cube") as hdus:
        cube, variance = np.asarray(hdus[0].data), np.asarray(hdus["VARIANCE"].data)
        measured = np.asarray(hdus["QUALITY"].data) == 0
    files = (2, 2, 3, 201, 201)  # channel, file, plane: planes of one file have one dither
    scatter = cube.reshape(files).var(axis=2, ddof=1)
    told = variance.reshape(files).mean(axis=2)
    good = measured.reshape(files).all(axis=2)
    for channel in range(2):
        here = good[channel]
        assert scatter[channel][here].mean() == pytest.approx(told[channel][here].mean(), rel=0.1)


def test_quality_knows_the_bad_pixels(reduced: Reduced) -> None:
    """Planted: 0.8 % of all pixels, each seen by the four places around it."""
    with reduced.product("cube") as hdus:
        flags = np.asarray(hdus["QUALITY"].data)
    assert ((flags & Quality.BAD) > 0).mean() == pytest.approx(4 * 0.008, rel=0.15)
    assert ((flags & Quality.COSMIC) > 0).mean() < 2e-3
    assert not (flags & (Quality.SATURATED | Quality.NO_DATA)).any()


def test_level_2_reads_the_planes_kept(reduced: Reduced, tmp_path: Path) -> None:
    path = tmp_path / reduced.path("cube").name
    shutil.copy(reduced.path("cube"), path)
    with fits.open(path, mode="update") as hdus:
        hdus["FRAMES"].data["KEPT"] = [True, False, True, True, False, True]
        wanted = np.asarray(hdus[0].data)[:, [0, 2, 3, 5]]
        angles = (hdus["DEROTATION"].data["ANGLE"] + hdus["DEROTATION"].data["ICRS_ROTATION"])[[0, 2, 3, 5]]
    level1 = read_level1(source(path))
    np.testing.assert_array_equal(level1.cube, wanted)
    np.testing.assert_array_equal(level1.angles_deg, angles)
    with fits.open(path, mode="update") as hdus:
        hdus["FRAMES"].data["KEPT"] = False
    with pytest.raises(ReductionError, match="none of 6 planes was kept"):
        read_level1(source(path))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a folder"):
        reduce_folder(tmp_path / "no", tmp_path / "out")
