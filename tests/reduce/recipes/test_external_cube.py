import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import structlog
from astropy.io import fits
from astropy.wcs import WCS
from pydantic import ValidationError

from hcvo.errors import InputError, NotFitsError, ReductionError
from hcvo.headers.level2_tables import CandidateRow, read_candidates
from hcvo.headers.product import read_product_facts
from hcvo.model.product import ProductKind
from reduce.kernels.aperture import aperture_flux
from reduce.recipes import cadi, external_cube, pca
from reduce.recipes.external_cube import ExternalCubeParameters
from reduce.recipes.level1_cube import read_level1
from tests.reduce.kernels.planted import airy, speckle_sequence, track
from tests.reduce.recipes.folder_job import run, source

_FRAMES = 6


def _parameters(**changes: object) -> ExternalCubeParameters:
    values: dict[str, object] = {
        "pixel_scale_mas": 12.0,
        "fwhm_px": 4.0,
        "wavelength_um": 1.6,
        "filter": "H",
        "instrument": "NACO",
        "date": "2013-02-01T04:05:06",
        "target": "bet Pic",
        "ra_deg": 86.82,
        "dec_deg": -51.07,
    }
    return ExternalCubeParameters.model_validate(values | changes)


def _write(folder: Path, **arrays: np.ndarray) -> dict[str, Path]:
    y, x = np.mgrid[-7:8, -7:8]
    given = {
        "cube": speckle_sequence(np.random.default_rng(1), _FRAMES, 41),
        "angles": np.linspace(-118.0, -80.0, _FRAMES).astype(np.float32),
        "psf": (250.0 * airy(x, y)).astype(np.float32),
    } | arrays
    paths = {role: folder / f"{role}.fits" for role in given}
    for role, array in given.items():
        fits.writeto(paths[role], array, overwrite=True)
    return paths


def test_a_cube_becomes_a_level_1_product(tmp_path: Path) -> None:
    files = _write(tmp_path)
    job = run(external_cube.RECIPE, files, _parameters(star_flux=5e5, dit_s=0.2), tmp_path / "out")
    output = job.made[ProductKind.CUBE]
    assert output.preview is not None
    assert output.preview.stat().st_size > 500
    assert output.path.name.startswith("NACO.bet-Pic.2013-02-01T04-05-06_H_l1_cube_1")
    with fits.open(output.path, checksum=True) as hdus:
        hdus.verify("exception")
        facts = read_product_facts(hdus[0].header)
        assert hdus[0].data.shape == (1, _FRAMES, 41, 41)
        assert hdus["DEROTATION"].data["ANGLE"].tolist() == pytest.approx(np.linspace(-118, -80, _FRAMES))
        assert hdus["CHANNELS"].data["STAR_FLUX"][0] == 5e5
        assert aperture_flux(hdus["PSF"].data[0], 4.0, 7, 7) == pytest.approx(1.0, rel=1e-5)
        header = hdus[0].header
        assert not {"CDELT1", "CROTA2", "PC1_1"} & set(header)
        star = WCS(header).celestial.wcs_pix2world([[20.0, 20.0]], 0)[0]
        up = WCS(header).celestial.wcs_pix2world([[20.0, 21.0]], 0)[0]
    assert star == pytest.approx([86.82, -51.07], abs=1e-9)
    pa = np.degrees(np.arctan2((up[0] - star[0]) * np.cos(np.radians(-51.07)), up[1] - star[1]))
    assert pa == pytest.approx(-99.0, abs=0.01)  # the detector's +y at the median angle
    assert facts.obs_id == "NACO.bet-Pic.2013-02-01T04:05:06"
    assert facts.night == "2013-01-31"
    assert facts.field_rotation_deg == pytest.approx(38.0, abs=1e-3)
    assert facts.exptime_s == pytest.approx(1.2)
    assert facts.provenance == ("cube.fits", "angles.fits", "psf.fits")


def test_level_2_reads_back_what_was_written(tmp_path: Path) -> None:
    frames = np.random.default_rng(1).normal(size=(2, _FRAMES, 41, 41)).astype(np.float32)
    files = _write(tmp_path, cube=frames, psf=np.ones((2, 9, 9), np.float32))
    given = _parameters(
        fwhm_px=(4.0, 4.4), wavelength_um=(1.6, 1.7), star_flux=(1e5, None), star_flux_error=(2e3, None)
    )
    job = run(external_cube.RECIPE, files, given, tmp_path)
    level1 = read_level1(source(job.made[ProductKind.CUBE].path))
    assert level1.cube.shape == (2, _FRAMES, 41, 41)
    assert [c.fwhm_px for c in level1.channels] == [4.0, 4.4]
    assert np.isnan(level1.channels[1].star_flux)
    assert level1.channels[0].star_flux_err == 2e3
    assert np.isnan(level1.channels[1].star_flux_err)
    assert level1.scale_mas == 12.0


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, None),
        ({"smear_deg": 0.5}, [0.5] * 6),
        ({"smear_deg": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)}, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]),
        ({"smear_share": 0.0}, [0.0] * 6),
        ({"smear_share": 0.8}, [8.0, 8.0, 8.0, 12.0, 16.0, 16.0]),
    ],
)
def test_the_turn_within_a_frame_reaches_level_2(
    tmp_path: Path, given: dict[str, object], expected: list[float] | None
) -> None:
    angles = np.array([340.0, 350.0, 0.0, 10.0, 30.0, 50.0])  # 10 degrees a frame, then 20, past north
    files = _write(tmp_path, angles=angles.astype(np.float32))
    job = run(external_cube.RECIPE, files, _parameters(**given), tmp_path)
    smear = read_level1(source(job.made[ProductKind.CUBE].path)).smear_deg
    if expected is None:
        assert smear is None
        return
    assert smear is not None
    assert smear.tolist() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"smear_deg": (0.1, 0.2)}, "2 values of smear_deg for 6 frames, wanted 1 or 6"),
        ({"smear_deg": 0.1, "smear_share": 0.5}, "both smear_deg and smear_share are given"),
    ],
)
def test_an_impossible_smear_is_told(tmp_path: Path, given: dict[str, object], words: str) -> None:
    with pytest.raises(ReductionError, match=words):
        run(external_cube.RECIPE, _write(tmp_path), _parameters(**given), tmp_path)


def _found(folder: Path, **errors: object) -> CandidateRow:
    """The planted companion, 18 px (216 mas) from its star, by classical ADI."""
    folder.mkdir()
    angles = np.linspace(-118.0, -40.0, 16)
    cube = speckle_sequence(np.random.default_rng(2), 16, 61) + track(61, 18.0, 40.0, angles) * 900.0
    files = _write(folder, cube=cube.astype(np.float32), angles=angles.astype(np.float32))
    given = _parameters(star_flux=1e6, **errors)
    level1 = run(external_cube.RECIPE, files, given, folder).made[ProductKind.CUBE].path
    job = run(cadi.RECIPE, {"cube": level1}, cadi.RECIPE.parameters(), folder, 2)
    rows = read_candidates(job.made[ProductKind.CANDIDATES].path)
    return next(row for row in rows if row.channel == -1)


def test_errors_of_star_scale_and_north_reach_the_candidate(tmp_path: Path) -> None:
    """Each adds to the square of the error of what it shifts, by how much it shifts it, and to no other."""
    own = _found(tmp_path / "none")
    star = _found(tmp_path / "star", star_flux_error=1e5)
    place = _found(
        tmp_path / "place", centre_error_mas=3.0, pixel_scale_error_mas=0.2, true_north_error_deg=0.5
    )
    assert own.contrast == star.contrast == place.contrast
    assert np.sqrt(star.contrast_err**2 - own.contrast_err**2) == pytest.approx(0.1 * own.contrast, rel=1e-3)
    assert np.sqrt(star.dmag_err**2 - own.dmag_err**2) == pytest.approx(0.10857, rel=1e-3)
    assert (star.sep_err, star.pa_err) == (own.sep_err, own.pa_err)
    assert place.contrast_err == own.contrast_err
    scale = own.sep * 0.2 / 12.0
    assert np.sqrt(place.sep_err**2 - own.sep_err**2) == pytest.approx(np.hypot(3.0, scale), rel=1e-3)
    across = np.degrees(3.0 / own.sep)
    assert np.sqrt(place.pa_err**2 - own.pa_err**2) == pytest.approx(np.hypot(across, 0.5), rel=1e-3)


@pytest.mark.parametrize(("size", "center"), [(40, None), (41, (19.3, 21.6)), (44, (22.0, 19.0))])
def test_the_star_comes_to_the_middle_pixel_of_an_odd_square(
    tmp_path: Path, size: int, center: tuple[float, float] | None
) -> None:
    x0, y0 = center or ((size - 1) / 2, (size - 1) / 2)
    y, x = np.mgrid[:size, :size]
    star = (1000 * airy(x - x0, y - y0)).astype(np.float32)
    files = _write(tmp_path, cube=np.broadcast_to(star, (_FRAMES, size, size)).copy())
    job = run(external_cube.RECIPE, files, _parameters(center=center), tmp_path)
    frame = fits.getdata(job.made[ProductKind.CUBE].path)[0, 2]
    side = frame.shape[0]
    assert side % 2 == 1
    assert side >= 2 * min(x0, y0, size - 1 - x0, size - 1 - y0) - 1
    y, x = np.mgrid[:side, :side] - side // 2
    assert np.abs(frame - 1000 * airy(x, y))[2:-2, 2:-2].max() < 3.0


def test_pixels_without_data_stay_without_and_touch_their_neighbours_only(tmp_path: Path) -> None:
    """A star on a level; one pixel of a frame on its flank is lost, one is infinite, and a corner is dark."""
    y, x = np.mgrid[:61, :61]
    star = (100 + 1000 * airy(x - 30.5, y - 30.5)).astype(np.float32)
    cube = np.broadcast_to(star, (_FRAMES, 61, 61)).copy()
    cube[1, 33, 31], cube[2, 28, 40] = np.nan, np.inf
    cube[3, :20, :20] = np.nan
    given = _parameters(center=(30.5, 30.5))
    job = run(external_cube.RECIPE, _write(tmp_path, cube=cube), given, tmp_path)
    data = fits.getdata(job.made[ProductKind.CUBE].path)[0]
    side = data.shape[-1]
    y, x = np.mgrid[:side, :side] - side // 2
    off = np.abs(data - 100 - 1000 * airy(x, y))
    lost = np.isnan(data)
    assert [int(frame.sum()) for frame in lost] == [0, 4, 4, int(lost[3].sum()), 0, 0]
    assert lost[1][side // 2 + 2 : side // 2 + 4, side // 2 : side // 2 + 2].all()
    assert lost[3][:19, :19].all()
    assert not lost[3][21:].any()
    assert not lost[3][:, 21:].any()
    assert np.nanmax(off[[0, 4, 5]]) < 1.0
    assert np.nanmax(off[1]) < 10.0  # 1 % of the star's peak, a pixel from the hole
    assert np.nanmax(off[[2, 3]]) < 5.0


def test_without_a_star_flux_it_says_that_there_will_be_no_contrast(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logs:
        run(external_cube.RECIPE, _write(tmp_path), _parameters(), tmp_path)
    assert any("no contrast" in entry["event"] for entry in logs)


_STAR = airy(*np.mgrid[-7:8, -7:8]).astype(np.float32)
_BAD: list[tuple[dict[str, np.ndarray], str]] = [
    ({"angles": np.zeros(5, np.float32)}, r"angles.fits: angle vector has axes \(5,\), wanted \(6,\)"),
    ({"angles": np.full(6, np.nan, np.float32)}, "angle of frame 0 is nan, wanted a number"),
    ({"cube": np.ones((41, 41), np.float32)}, r"cube.fits: cube has axes \(41, 41\), wanted \(time, y, x\)"),
    ({"cube": np.ones((2, 41, 41), np.float32)}, "2 frames, wanted at least 3"),
    ({"cube": np.full((6, 41, 41), np.nan, np.float32)}, "6 frames hold no number at all"),
    ({"cube": np.ones((6, 15, 15), np.float32)}, "square of 15 px, wanted at least 24 px"),
    ({"psf": np.ones(9, np.float32)}, r"psf.fits: PSF has axes \(9,\), wanted \(y, x\)"),
    ({"psf": np.ones((8, 8), np.float32)}, r"PSF is 8 x 8 px with the star at .* wanted 6, 1.5 FWHM"),
    ({"psf": np.ones((9, 7), np.float32)}, "PSF is 7 x 9 px"),
    ({"psf": np.minimum(_STAR, 0.5)}, "13 pixels of the PSF .* it is saturated"),
    ({"psf": np.roll(_STAR, 5, 1)}, r"PSF is 15 x 15 px with the star at \(11.9, 7.0\)"),
    ({"psf": np.full((9, 9), np.nan, np.float32)}, "81 pixels that are not numbers"),
    ({"psf": np.zeros((9, 9), np.float32)}, "cannot be normalised"),
]


@pytest.mark.parametrize(("arrays", "message"), _BAD)
def test_what_cannot_be_used_is_named_with_what_was_wanted(
    tmp_path: Path, arrays: dict[str, np.ndarray], message: str
) -> None:
    with pytest.raises((InputError, ReductionError), match=message):
        run(external_cube.RECIPE, _write(tmp_path, **arrays), _parameters(), tmp_path)
    assert not list(tmp_path.glob("*_l1_*"))


def test_a_file_that_is_not_fits_is_named(tmp_path: Path) -> None:
    files = _write(tmp_path)
    files["psf"].write_text("hello")
    with pytest.raises(NotFitsError, match=re.escape(str(files["psf"]))):
        run(external_cube.RECIPE, files, _parameters(), tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"date": "yesterday"}, "date is 'yesterday', wanted"),
        ({"fwhm_px": (4.0, 4.1)}, "2 values of fwhm_px for 1 channels"),
        ({"star_flux_error": (1.0, 2.0)}, "2 values of star_flux_error for 1 channels"),
        ({"center": (3.0, 20.0)}, "square of 7 px"),
    ],
)
def test_parameters_that_do_not_fit_are_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ReductionError, match=message):
        run(external_cube.RECIPE, _write(tmp_path), _parameters(**changes), tmp_path)


def test_an_error_below_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="star_flux_error"):
        _parameters(star_flux_error=-1.0)


def test_beta_pictoris_b_is_where_it_was(shared_data: Path, tmp_path: Path) -> None:
    """Real NaCo data: 452 +- 15 mas, 211.2 +- 1.5 deg (Absil et al. 2013), S/N >= 5."""
    folder = shared_data / "naco_betapic"
    given = _parameters(
        pixel_scale_mas=27.19,
        fwhm_px=4.80,
        star_flux=764939.6,
        wavelength_um=3.8,
        filter="L_prime",
        date="2013-02-01",
        ra_deg=86.8212,
        dec_deg=-51.0665,
    )
    files = {
        "cube": folder / "naco_betapic_cube_cen.fits",
        "angles": folder / "naco_betapic_derot_angles.fits",
        "psf": folder / "naco_betapic_psf.fits",
    }
    cube = run(external_cube.RECIPE, files, given, tmp_path).made[ProductKind.CUBE].path
    job = run(pca.RECIPE, {"cube": cube}, pca.PcaParameters(), tmp_path, 2)
    rows = [r for r in read_candidates(job.made[ProductKind.CANDIDATES].path) if r.channel == -1]
    assert len(rows) == 1
    planet = rows[0]
    assert planet.sep == pytest.approx(452.0, abs=15.0)
    assert planet.pa == pytest.approx(211.2, abs=1.5)
    assert planet.snr >= 5
    assert planet.significance >= 5
    assert 7.3 < planet.dmag < 8.2
    assert 0 < planet.sep_err < 10
    assert 0 < planet.dmag_err < 0.3
    assert planet.n_injections >= 12


@pytest.mark.parametrize(
    ("size", "dx", "dy"), [(25, 0.8, 0.0), (25, 0.0, -3.0), (24, 0.0, 0.0), (25, 0.3, 0.2)]
)
def test_a_psf_off_its_middle_is_moved_there_with_a_warning(
    tmp_path: Path, size: int, dx: float, dy: float
) -> None:
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    files = _write(tmp_path, psf=(80 * airy(x - dx, y - dy)).astype(np.float32))
    with structlog.testing.capture_logs() as logs:
        job = run(external_cube.RECIPE, files, _parameters(), tmp_path / "out")
    moved = max(abs(dx), abs(dy)) > 0.5 or size % 2 == 0
    assert any("PSF was not centred" in entry["event"] for entry in logs) is moved
    with fits.open(job.made[ProductKind.CUBE].path) as hdus:
        (psf,) = hdus["PSF"].data
    side = np.arange(len(psf)) - len(psf) // 2
    truth = airy(side[None] - dx * (not moved), side[:, None] - dy * (not moved))
    assert psf / psf.max() == pytest.approx(truth / truth.max(), abs=5e-3)
    assert aperture_flux(psf, 4.0, len(psf) // 2, len(psf) // 2) == pytest.approx(1.0, rel=1e-3)


def test_a_saturated_core_is_a_mask(tmp_path: Path) -> None:
    y, x = np.mgrid[-20:21, -20:21]
    cube = speckle_sequence(np.random.default_rng(1), _FRAMES, 41) + 1e5 * airy(x, y).astype(np.float32)
    radii: list[float] = []
    for top, given in ((1e9, {}), (3e4, {}), (3e4, {"mask_mas": 60.0}), (1e9, {"mask_mas": 20.0})):
        files = _write(tmp_path, cube=np.minimum(cube, np.float32(top)))
        folder = tmp_path / f"{len(radii)}"
        with structlog.testing.capture_logs() as logs:
            job = run(external_cube.RECIPE, files, _parameters(**given), folder)
        assert any("saturated" in entry["event"] for entry in logs) is (top < 1e5)
        radii.append(read_level1(source(job.made[ProductKind.CUBE].path)).mask_mas / 12.0)
    assert radii[0] == 0.0
    assert 2.2 < radii[1] - 1 < 3.2  # an Airy pattern of FWHM 4 px is 0.3 of its peak at 2.7 px
    assert radii[2:] == pytest.approx([5.0, 20 / 12])
