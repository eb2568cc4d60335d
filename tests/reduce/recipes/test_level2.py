from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import structlog
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from matplotlib import image as png

from hcvo.errors import InputError, ReductionError
from hcvo.headers.level2_tables import read_candidates, read_contrast
from hcvo.headers.page import product_cards
from hcvo.headers.product import read_product_facts
from hcvo.model.product import ProductKind
from reduce.recipe import Recipe
from reduce.recipes import cadi, external_cube, noadi, pca, radial
from reduce.recipes.external_cube import ExternalCubeParameters
from reduce.recipes.level2 import Level2Parameters
from tests.reduce.kernels.planted import FWHM, airy, airy_flux, speckle_sequence, track
from tests.reduce.recipes.folder_job import FolderJob, run

_SIZE, _FRAMES, _SCALE, _STAR = 71, 14, 12.25, 2e6
_PLANTED = ((14.0, 120.0, 700.0), (24.0, 310.0, 500.0))
_ANGLES = np.linspace(60.0, 112.0, _FRAMES)
_RECIPES: dict[str, tuple[Recipe, type[Level2Parameters]]] = {
    "cadi": (cadi.RECIPE, cadi.CadiParameters),
    "pca": (pca.RECIPE, pca.PcaParameters),
}


def _level1(folder: Path, **changes: object) -> Path:
    """Two channels with two companions, the second channel 1.2 times fainter ones."""
    y, x = np.mgrid[-14:15, -14:15]
    channels = []
    for number in range(2):
        cube = speckle_sequence(np.random.default_rng(20 + number), _FRAMES, _SIZE).astype(np.float64)
        for sep, pa, flux in _PLANTED:
            cube += track(_SIZE, sep, pa, _ANGLES) * flux / airy_flux() / 1.2**number
        channels.append(cube)
    arrays = {"cube": np.array(channels), "angles": _ANGLES, "psf": np.array([airy(x, y)] * 2)}
    files = {role: folder / f"{role}.fits" for role in arrays}
    for role, array in arrays.items():
        fits.writeto(files[role], array.astype(np.float32))
    values: dict[str, object] = {
        "pixel_scale_mas": _SCALE,
        "fwhm_px": FWHM,
        "star_flux": _STAR,
        "wavelength_um": (1.59, 1.67),
        "filter": "DB_H23",
        "instrument": "SPHERE",
        "date": "2018-04-21T03:00:00",
        "target": "A star",
        "ra_deg": 190.5,
        "dec_deg": -40.25,
    }
    job = run(external_cube.RECIPE, files, ExternalCubeParameters.model_validate(values | changes), folder)
    return job.made[ProductKind.CUBE].path


@pytest.fixture(scope="module")
def cube(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _level1(tmp_path_factory.mktemp("level1"))


@pytest.fixture(scope="module", params=list(_RECIPES))
def reduced(
    request: pytest.FixtureRequest, cube: Path, tmp_path_factory: pytest.TempPathFactory
) -> FolderJob:
    recipe, parameters = _RECIPES[request.param]
    return run(recipe, {"cube": cube}, parameters(), tmp_path_factory.mktemp("level2"), 7)


def test_every_product_is_made_and_sound(reduced: FolderJob, cube: Path) -> None:
    assert set(reduced.made) == {ProductKind(kind) for kind in _RECIPES["pca"][0].makes}
    for kind, output in reduced.made.items():
        facts = read_product_facts(product_cards(output.path))
        assert facts.kind == kind
        assert facts.level == 3
        assert facts.process_id == 7
        assert facts.provenance == (cube.name,)
        assert output.path.suffix == kind.suffix
        if kind.mime:
            continue
        with fits.open(output.path, checksum=True) as hdus:
            hdus.verify("exception")
            for hdu in hdus:
                assert {"CHECKSUM", "DATASUM"} <= set(hdu.header)
        assert output.preview is not None
        assert output.preview.name == output.path.with_suffix(".png").name
        assert png.imread(output.preview).shape[0] >= 400
    assert reduced.fractions == sorted(reduced.fractions)
    assert not list(reduced.folder.glob(".aside*"))


def test_shapes_and_axes(reduced: FolderJob) -> None:
    shapes = {
        kind: fits.getdata(reduced.made[kind].path).shape
        for kind in (ProductKind.RESIDUAL, ProductKind.IMAGE, ProductKind.SNR, ProductKind.SIGNIFICANCE)
    }
    assert list(shapes.values()) == [(2, _SIZE, _SIZE), (_SIZE, _SIZE), (3, _SIZE, _SIZE), (3, _SIZE, _SIZE)]
    header = fits.getheader(reduced.made[ProductKind.IMAGE].path)
    weights = header["WEIGHT1"], header["WEIGHT2"]
    assert sum(weights) == pytest.approx(1.0)
    residual = fits.getdata(reduced.made[ProductKind.RESIDUAL].path)
    image = fits.getdata(reduced.made[ProductKind.IMAGE].path)
    assert np.allclose(image, weights[0] * residual[0] + weights[1] * residual[1], atol=1e-4, equal_nan=True)


def test_north_is_up_and_candidates_lie_where_their_columns_say(reduced: FolderJob) -> None:
    header = fits.getheader(reduced.made[ProductKind.SIGNIFICANCE].path)
    assert header["CD1_1"] < 0 < header["CD2_2"]
    assert header["CD1_2"] == header["CD2_1"] == 0
    assert header["CRPIX1"] == _SIZE // 2 + 1
    assert not {"CDELT1", "CROTA2", "PC1_1"} & set(header)
    wcs = WCS(header).celestial
    rows = read_candidates(reduced.made[ProductKind.CANDIDATES].path)
    for row in rows:
        ra, dec = wcs.wcs_pix2world([[row.x, row.y]], 0)[0]
        assert (row.ra, row.dec) == pytest.approx((ra, dec), abs=1e-10)
        east = (row.ra - 190.5) * np.cos(np.radians(-40.25)) * 3.6e6
        north = (row.dec + 40.25) * 3.6e6
        assert np.hypot(east, north) == pytest.approx(row.sep, rel=1e-4)
        assert np.degrees(np.arctan2(east, north)) % 360 == pytest.approx(row.pa, abs=0.01)


def test_what_was_planted_is_in_the_list_within_its_errors(reduced: FolderJob) -> None:
    rows = read_candidates(reduced.made[ProductKind.CANDIDATES].path)
    assert {r.candidate for r in rows} == {1, 2}
    assert [r.channel for r in rows] == [-1, 0, 1] * 2
    for sep, pa, flux in _PLANTED:
        near = [r for r in rows if abs(r.sep / _SCALE - sep) < 2]
        assert [r.channel for r in near] == [-1, 0, 1]
        for row in near:
            assert abs(row.sep - sep * _SCALE) < 4 * row.sep_err
            assert abs(row.pa - pa) < 4 * row.pa_err
            assert abs(row.sep - sep * _SCALE) < 0.3 * _SCALE
            assert row.n_injections >= 12
            assert row.significance > 5 or row.channel >= 0
            assert row.channel >= 0 or row.false_rate == 0  # nothing stands as high with mirrored angles
            assert row.false_rate_max > max(2.9, row.false_rate)
            truth = flux / _STAR / (1.2**row.channel if row.channel >= 0 else 1.1)
            assert (
                abs(row.contrast - truth) < max(4 * row.contrast_err, 0.0) + (row.channel < 0) * 0.1 * truth
            )
            assert row.dmag == pytest.approx(-2.5 * np.log10(row.contrast))
            assert row.dmag_err == pytest.approx(1.0857 * row.contrast_err / row.contrast, rel=1e-3)


def test_the_curve_has_every_channel_and_says_how_it_was_made(reduced: FolderJob) -> None:
    rows = read_contrast(reduced.made[ProductKind.CONTRAST].path)
    assert {r.channel for r in rows} == {-1, 0, 1}
    for row in rows:
        assert row.nsigma == 5.0
        assert row.small_sample
        assert row.throughput_corr
        assert not row.coronagraph_corr
    stacked = [r for r in rows if r.channel == -1]
    assert stacked[0].sep == pytest.approx(1.5 * FWHM * _SCALE, rel=1e-6)
    assert np.mean([1.59 < r.wavelength < 1.67 for r in stacked]) == 1.0
    faintest = min(r.contrast for r in stacked)
    found = read_candidates(reduced.made[ProductKind.CANDIDATES].path)
    assert min(r.contrast for r in found) > faintest


def test_text_tables_hold_what_the_fits_tables_hold(reduced: FolderJob) -> None:
    for kind, rows in (
        ("contrast", read_contrast(reduced.made[ProductKind.CONTRAST].path)),
        ("candidates", read_candidates(reduced.made[ProductKind.CANDIDATES].path)),
    ):
        for form, told in (("ecsv", "ascii.ecsv"), ("votable", "votable")):
            table = Table.read(reduced.made[ProductKind(f"{kind}-{form}")].path, format=told)
            assert len(table) == len(rows)
            for name in ("channel", "sep", "contrast", "dmag"):
                found: np.ndarray = np.ma.filled(np.ma.asarray(table[name], float), np.nan)
                np.testing.assert_array_equal(found, [getattr(r, name) for r in rows])


def test_the_image_over_its_throughput_is_that_of_the_curve(reduced: FolderJob) -> None:
    planes, header = fits.getdata(reduced.made[ProductKind.CORRECTED].path, header=True)
    residual = fits.getdata(reduced.made[ProductKind.RESIDUAL].path)
    image = fits.getdata(reduced.made[ProductKind.IMAGE].path)
    rows = read_contrast(reduced.made[ProductKind.CONTRAST].path)
    side = np.arange(_SIZE) - _SIZE // 2
    radius = np.hypot(side[None], side[:, None]) * _SCALE
    assert planes.shape == (3, _SIZE, _SIZE)
    for plane, before, channel in zip(planes, (*residual, image), (0, 1, -1), strict=True):
        own = [r for r in rows if r.channel == channel]
        through = np.interp(radius, [r.sep for r in own], [r.throughput for r in own])
        wanted = np.isfinite(before) & (radius >= header["INNERMAS"]) & (radius <= header["OUTERMAS"])
        np.testing.assert_array_equal(np.isfinite(plane), wanted)
        np.testing.assert_allclose(plane[wanted] * through[wanted], before[wanted], rtol=1e-4)


def test_significance_of_the_map_at_a_candidate_is_above_the_threshold(reduced: FolderJob) -> None:
    plane = fits.getdata(reduced.made[ProductKind.SIGNIFICANCE].path)[-1]
    for row in read_candidates(reduced.made[ProductKind.CANDIDATES].path):
        x, y = round(row.x), round(row.y)
        assert np.nanmax(plane[y - 2 : y + 3, x - 2 : x + 3]) > 5


@pytest.mark.parametrize("kind", [ProductKind.SNR, ProductKind.SIGNIFICANCE])
def test_the_maps_are_blank_where_it_was_not_searched(reduced: FolderJob, kind: ProductKind) -> None:
    planes, header = fits.getdata(reduced.made[kind].path, header=True)
    side = np.arange(_SIZE) - _SIZE // 2
    radius = np.hypot(side[None], side[:, None])
    inside = (radius * _SCALE >= header["INNERMAS"]) & (radius * _SCALE <= header["OUTERMAS"])
    assert np.isnan(planes[:, ~inside]).all()
    assert np.isfinite(planes[:, inside]).all()


def test_without_a_star_flux_there_is_no_contrast_and_it_is_said(tmp_path: Path) -> None:
    path = _level1(tmp_path, star_flux=None)
    with structlog.testing.capture_logs() as logs:
        job = run(cadi.RECIPE, {"cube": path}, cadi.CadiParameters(injections=6), tmp_path, 2)
    assert any("no contrast" in entry["event"] for entry in logs)
    assert ProductKind.CONTRAST not in job.made
    assert ProductKind.CONTRAST_ECSV not in job.made
    assert np.isfinite(fits.getdata(job.made[ProductKind.CORRECTED].path)).any()
    rows = read_candidates(job.made[ProductKind.CANDIDATES].path)
    assert len(rows) == 6
    for row in rows:
        assert np.isnan([row.contrast, row.contrast_err, row.dmag, row.dmag_err]).all()
        assert np.isfinite([row.sep_err, row.pa_err, row.snr]).all()
    assert fits.getheader(job.made[ProductKind.IMAGE].path)["STARKNOW"] is False


def test_systematic_errors_come_on_top(cube: Path, tmp_path: Path) -> None:
    plain, more = (
        read_candidates(
            run(
                cadi.RECIPE,
                {"cube": cube},
                cadi.CadiParameters.model_validate({"injections": 8, "step_fwhm": 5.0, **errors}),
                tmp_path / str(number),
                number,
            )
            .made[ProductKind.CANDIDATES]
            .path
        )
        for number, errors in enumerate(
            [{}, {"centre_error_mas": 3.0, "pixel_scale_error_mas": 0.05, "true_north_error_deg": 0.4}]
        )
    )
    for a, b in zip(plain, more, strict=True):
        assert b.sep == a.sep
        assert b.sep_err**2 - a.sep_err**2 == pytest.approx(9.0 + (0.05 * a.sep / _SCALE) ** 2, rel=1e-3)
        wanted = 0.4**2 + np.degrees(3.0 / a.sep) ** 2
        assert b.pa_err**2 - a.pa_err**2 == pytest.approx(wanted, rel=1e-2)


def test_a_smaller_field_is_cut_out(cube: Path, tmp_path: Path) -> None:
    given = cadi.CadiParameters(outer_mas=200.0, injections=6)
    job = run(cadi.RECIPE, {"cube": cube}, given, tmp_path)
    header = fits.getheader(job.made[ProductKind.IMAGE].path)
    assert header["NAXIS1"] == 2 * int(np.ceil(200 / _SCALE + 2 * FWHM)) + 1
    assert header["CRPIX1"] == header["NAXIS1"] // 2 + 1
    assert max(r.sep for r in read_candidates(job.made[ProductKind.CANDIDATES].path)) < 200


def test_the_same_input_gives_the_same_arrays(cube: Path, tmp_path: Path) -> None:
    given = pca.PcaParameters(components=2, injections=4, step_fwhm=4.0)
    first, second = (run(pca.RECIPE, {"cube": cube}, given, tmp_path / str(k), 3).made for k in range(2))
    for kind, output in first.items():
        if kind.mime:
            assert output.path.read_bytes() == second[kind].path.read_bytes()
            continue
        with fits.open(output.path) as one, fits.open(second[kind].path) as other:
            for a, b in zip(one, other, strict=True):
                assert a.data is None or a.data.tobytes() == b.data.tobytes()


def test_components_are_recorded(cube: Path, tmp_path: Path) -> None:
    given = pca.PcaParameters(injections=4, step_fwhm=6.0)
    header = fits.getheader(run(pca.RECIPE, {"cube": cube}, given, tmp_path).made[ProductKind.IMAGE].path)
    assert 1 <= header["NCOMP"] <= _FRAMES // 3
    assert header["NCOMPAUT"] is True


def test_more_components_than_frames_are_refused(cube: Path, tmp_path: Path) -> None:
    with pytest.raises(ReductionError, match="14 components of 14 frames leave nothing; wanted at most 13"):
        run(pca.RECIPE, {"cube": cube}, pca.PcaParameters(components=14), tmp_path)


def test_a_field_without_rings_is_refused(cube: Path, tmp_path: Path) -> None:
    with pytest.raises(ReductionError, match="wanted more than the inner"):
        run(cadi.RECIPE, {"cube": cube}, cadi.CadiParameters(outer_mas=60.0), tmp_path)


def test_a_file_that_is_no_cube_of_ours_is_named(cube: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.fits"
    fits.writeto(other, np.zeros((3, 3)))
    with pytest.raises(InputError, match=r"other\.fits"):
        run(cadi.RECIPE, {"cube": other}, cadi.CadiParameters(), tmp_path)
    with fits.open(cube) as hdus:
        hdus["DEROTATION"].data["ANGLE"][3] = np.nan
        hdus.writeto(tmp_path / "broken.fits")
    with pytest.raises(ReductionError, match="14 derotation angles, 13 finite; wanted 14"):
        run(cadi.RECIPE, {"cube": tmp_path / "broken.fits"}, cadi.CadiParameters(), tmp_path)


def _changed(cube: Path, folder: Path, angles: np.ndarray) -> Path:
    """The cube with other angles, cut to as many frames."""
    with fits.open(cube) as hdus:
        hdus[0].data = hdus[0].data[:, : len(angles)]
        table = hdus["DEROTATION"]
        table.data = table.data[: len(angles)]
        table.data["ANGLE"] = angles - table.data["ICRS_ROTATION"]
        hdus.writeto(folder / cube.name)
    return folder / cube.name


@pytest.mark.parametrize("name", list(_RECIPES))
@pytest.mark.parametrize(
    ("angles", "words"),
    [
        (np.full(_FRAMES, 33.0), r"turns by 0\.00 deg, 0\.0 px .* wanted at least 1 FWHM, 4\.0 px"),
        (np.linspace(0.0, 5.0, _FRAMES), r"turns by 5\.00 deg, 2\.7 px"),
        (np.resize([179.0, -179.0], _FRAMES), r"turns by 2\.00 deg"),
        (np.array([0.0, 40.0]), r"2 frame\(s\), wanted at least 3"),
        (np.array([40.0]), "1 frame"),
    ],
)
def test_a_sequence_without_rotation_or_frames_is_refused(
    cube: Path, tmp_path: Path, name: str, angles: np.ndarray, words: str
) -> None:
    recipe, parameters = _RECIPES[name]
    given = parameters.model_validate({"components": 1} if name == "pca" and len(angles) > 1 else {})
    with pytest.raises(ReductionError, match=words):
        run(recipe, {"cube": _changed(cube, tmp_path, angles)}, given, tmp_path)


def _edited(cube: Path, folder: Path, change: Callable[[fits.HDUList], None]) -> Path:
    with fits.open(cube) as hdus:
        change(hdus)
        hdus.writeto(folder / cube.name)
    return folder / cube.name


def test_frames_without_numbers_are_left_out_and_told(cube: Path, tmp_path: Path) -> None:
    def gap(hdus: fits.HDUList) -> None:
        hdus[0].data[1, 3] = np.nan  # in one channel
        hdus[0].data[:, 9] = np.nan

    path = _edited(cube, tmp_path, gap)
    given = cadi.CadiParameters(max_candidates=0, step_fwhm=6.0)
    with structlog.testing.capture_logs() as logs:
        made = run(cadi.RECIPE, {"cube": path}, given, tmp_path).made
    assert [entry["frames"] for entry in logs if "without any number" in entry["event"]] == [2]
    residual, header = fits.getdata(made[ProductKind.RESIDUAL].path, header=True)
    assert header["NFREMPTY"] == 2
    kept = np.delete(np.arange(_FRAMES), [3, 9])
    (tmp_path / "less").mkdir()

    def less(hdus: fits.HDUList) -> None:
        hdus[0].data = hdus[0].data[:, kept]
        hdus["DEROTATION"].data = hdus["DEROTATION"].data[kept]

    whole = run(cadi.RECIPE, {"cube": _edited(cube, tmp_path / "less", less)}, given, tmp_path / "2").made
    np.testing.assert_array_equal(residual, fits.getdata(whole[ProductKind.RESIDUAL].path))

    def nothing(hdus: fits.HDUList) -> None:
        hdus[0].data[0, ::2], hdus[0].data[1, 1::2] = np.nan, np.nan

    (tmp_path / "none").mkdir()
    with pytest.raises(ReductionError, match="none of 14 frames holds a number in every channel"):
        run(cadi.RECIPE, {"cube": _edited(cube, tmp_path / "none", nothing)}, given, tmp_path)


@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_a_channel_that_saw_nothing_is_left_out_and_named(cube: Path, tmp_path: Path, value: float) -> None:
    def dead(hdus: fits.HDUList) -> None:
        hdus[0].data[0] = value

    given = cadi.CadiParameters(max_candidates=0, step_fwhm=6.0)
    with structlog.testing.capture_logs() as logs:
        made = run(cadi.RECIPE, {"cube": _edited(cube, tmp_path, dead)}, given, tmp_path).made
    assert [e["channels"] for e in logs if "saw nothing" in e["event"]] == [("1.59 um",)]
    residual, header = fits.getdata(made[ProductKind.RESIDUAL].path, header=True)
    assert residual.shape[0] == 1
    assert (header["NCHDEAD"], header["DEADCH1"], header["CHNAME1"]) == (1, "1.59 um", "1.67 um")
    assert header["WEIGHT1"] == 1.0
    assert np.isfinite([r.contrast for r in read_contrast(made[ProductKind.CONTRAST].path)]).all()

    def nothing(hdus: fits.HDUList) -> None:
        hdus[0].data[:] = value

    (tmp_path / "none").mkdir()
    with pytest.raises(ReductionError, match=r"no channel \(1.59 um, 1.67 um\) holds anything but"):
        run(cadi.RECIPE, {"cube": _edited(cube, tmp_path / "none", nothing)}, given, tmp_path)


def test_one_frame_is_searched_by_what_needs_no_turn(cube: Path, tmp_path: Path) -> None:
    path = _changed(cube, tmp_path, np.array([40.0]))
    given = noadi.RECIPE.parameters.model_validate({"threshold": 2.0, "step_fwhm": 6.0, "injections": 3})
    rows = read_candidates(
        run(noadi.RECIPE, {"cube": path}, given, tmp_path).made[ProductKind.CANDIDATES].path
    )
    assert rows


def test_faint_candidates_are_listed_with_their_rate_and_left_in_the_data(cube: Path, tmp_path: Path) -> None:
    given = cadi.CadiParameters(threshold=2.2, step_fwhm=6.0, injections=3, branches=1, max_candidates=6)
    made = run(cadi.RECIPE, {"cube": cube}, given, tmp_path).made
    rows = read_candidates(made[ProductKind.CANDIDATES].path)
    faint = [row for row in rows if row.channel == -1 and row.significance < 5]
    assert faint
    assert all(np.isnan(row.neg_sep) and not row.neg_differs for row in faint)  # they are left in the scene
    assert all(row.false_rate >= 0 and row.false_rate_max > row.false_rate for row in rows)


def test_a_psf_off_its_middle_is_refused(cube: Path, tmp_path: Path) -> None:
    def roll(hdus: fits.HDUList) -> None:
        hdus["PSF"].data = np.roll(hdus["PSF"].data, 1, axis=2)

    with pytest.raises(
        ReductionError, match=r"PSF of channel 1.59 um stands at \(15.00, 14.00\), wanted within 0.5"
    ):
        run(cadi.RECIPE, {"cube": _edited(cube, tmp_path, roll)}, cadi.CadiParameters(), tmp_path)


@pytest.mark.parametrize("recipe", [noadi.RECIPE, radial.RECIPE])
def test_what_lives_on_no_rotation_takes_a_still_sequence(cube: Path, tmp_path: Path, recipe: Recipe) -> None:
    given = {"max_candidates": 0, "step_fwhm": 6.0}
    for number, angles in enumerate((np.full(_FRAMES, 33.0), np.array([40.0]))):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = _changed(cube, folder, angles)
        made = run(recipe, {"cube": path}, recipe.parameters.model_validate(given), folder).made
        assert ProductKind.SIGNIFICANCE in made
        rows = read_contrast(made[ProductKind.CONTRAST].path)
        assert np.isfinite([r.throughput for r in rows]).all()
        if recipe is noadi.RECIPE:
            assert [r.throughput for r in rows] == pytest.approx(np.ones(len(rows)), abs=0.05)


def test_search_and_curve_begin_outside_the_mask(cube: Path, tmp_path: Path) -> None:
    """The cube tells how wide it is; one that does not has none."""
    starts = []
    for number, cards in enumerate(({"MASKRAD": 92.5}, {})):
        folder = tmp_path / str(number)
        folder.mkdir()
        with fits.open(cube) as hdus:
            hdus[0].header.update(cards)
            hdus.writeto(folder / cube.name)
        given = cadi.CadiParameters(injections=4, step_fwhm=6.0)
        made = run(cadi.RECIPE, {"cube": folder / cube.name}, given, folder).made
        first = min(row.sep for row in read_contrast(made[ProductKind.CONTRAST].path))
        assert fits.getheader(made[ProductKind.IMAGE].path)["INNERMAS"] == pytest.approx(first)
        starts.append(first)
    assert starts == pytest.approx([92.5, 1.5 * FWHM * _SCALE])


def test_rotation_within_a_frame_is_warned_of(cube: Path, tmp_path: Path) -> None:
    """Four degrees a frame are 2.2 px at the edge of 31.7 px."""
    for number, (step, warned) in enumerate(((4.0, True), (1.5, False))):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = _changed(cube, folder, step * np.arange(_FRAMES))
        with fits.open(path) as hdus:
            assert "SMEAR" not in hdus["DEROTATION"].data.names
        with structlog.testing.capture_logs() as logs:
            run(cadi.RECIPE, {"cube": path}, cadi.CadiParameters(injections=4, step_fwhm=6.0), folder)
        assert any("rotation within a frame" in entry["event"] for entry in logs) is warned


def test_a_fit_that_leaves_much_gives_no_contrast_and_is_told_of(tmp_path: Path) -> None:
    """A source three times as wide as the PSF, at 22 px."""
    path = _level1(tmp_path)
    side = np.arange(_SIZE) - _SIZE // 2
    with fits.open(path, mode="update") as hdus:
        for angle, frame in zip(_ANGLES, range(_FRAMES), strict=True):
            turn = np.radians(250.0 - angle)
            spot = np.hypot(side[None] + 22 * np.sin(turn), side[:, None] - 22 * np.cos(turn))
            hdus[0].data[:, frame] += (400 * np.exp(-4 * np.log(2) * spot**2 / 144)).astype(np.float32)
    with structlog.testing.capture_logs() as logs:
        made = run(cadi.RECIPE, {"cube": path}, cadi.CadiParameters(step_fwhm=6.0), tmp_path).made
    rows = read_candidates(made[ProductKind.CANDIDATES].path)
    poor = {e["number"] for e in logs if e["event"].startswith("candidate without a good fit")}
    assert poor
    for row in rows:
        numbers = [row.contrast, row.contrast_err, row.dmag, row.dmag_err, row.sep_err, row.pa_err]
        assert np.isnan(numbers).all() == (row.candidate in poor)


def test_known_companions_are_no_noise(cube: Path, tmp_path: Path) -> None:
    """Nothing is searched for: what was planted is noise unless it is known."""
    given = {"max_candidates": 0, "step_fwhm": 2.0}
    known = tuple((sep * _SCALE, pa) for sep, pa, _ in _PLANTED)
    curves, levels, cards = [], [], []
    y, x = np.indices((_SIZE, _SIZE)) - _SIZE // 2
    (sep, pa, _), angle = _PLANTED[0], np.arctan2(-x, y)
    across = (np.abs(np.hypot(x, y) - sep) < 1) & (np.cos(angle - np.radians(pa)) < 0)
    for number, places in enumerate(((), known)):
        job = run(
            cadi.RECIPE,
            {"cube": cube},
            cadi.CadiParameters.model_validate(given | {"known": places}),
            tmp_path / str(number),
        )
        curves.append([r for r in read_contrast(job.made[ProductKind.CONTRAST].path) if r.channel == -1])
        plane, header = fits.getdata(job.made[ProductKind.SNR].path, header=True)
        cards.append(header["NKNOWN"])
        levels.append(np.nanmean(np.abs(plane[-1][across])))
    assert cards == [0, 2]
    assert levels[1] > 1.3 * levels[0]
    near = [number for number, r in enumerate(curves[0]) if abs(r.sep / _SCALE - 14) <= FWHM]
    assert near
    for number in near:
        assert curves[1][number].contrast < 0.7 * curves[0][number].contrast


def test_where_the_turn_within_frames_is_told_injections_are_drawn_out(tmp_path: Path, cube: Path) -> None:
    """Throughput far out falls by what the arc takes out of an aperture; without it there is a warning."""
    through, warned = [], []
    for number, smear in enumerate((None, 0.0, 6.0)):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = _changed(cube, folder, 4.0 * np.arange(_FRAMES))
        if smear is not None:
            with fits.open(path) as hdus:
                table = hdus["DEROTATION"]
                column = fits.Column("SMEAR", "D", "deg", array=np.full(_FRAMES, smear))
                hdus["DEROTATION"] = fits.BinTableHDU.from_columns(
                    [*table.columns, column], name="DEROTATION", header=None
                )
                hdus.writeto(path, overwrite=True)
        given = cadi.CadiParameters(max_candidates=0, step_fwhm=5.0, combine="mean")
        with structlog.testing.capture_logs() as logs:
            made = run(cadi.RECIPE, {"cube": path}, given, folder).made
        warned.append(any("rotation within a frame" in entry["event"] for entry in logs))
        last = [r for r in read_contrast(made[ProductKind.CONTRAST].path) if r.channel == -1][-1]
        through.append(last.throughput)
        assert fits.getheader(made[ProductKind.IMAGE].path)["SMEARED"] is (smear is not None)
    assert warned == [True, False, False]
    assert through[1] == pytest.approx(through[0], rel=1e-6)
    assert through[2] < 0.95 * through[1]
