"""ASDI and SDI as recipes, on a cube of an integral-field spectrograph and on a pair of channels."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from hcvo.errors import ReductionError
from hcvo.headers.level2_tables import read_candidates, read_contrast
from hcvo.headers.product import read_product_facts
from hcvo.model.product import ProductKind
from reduce.recipes import external_cube, pca_spectral
from reduce.recipes.external_cube import ExternalCubeParameters
from reduce.recipes.pca_spectral import SpectralParameters
from tests.reduce.kernels.planted import airy
from tests.reduce.kernels.planted_spectral import spectral_cube
from tests.reduce.recipes.folder_job import FolderJob, run

_SIZE, _SCALE = 61, 7.46
_SEP, _PA, _CONTRAST = 19.0, 75.0, 2e-3
_STRETCHED = 0.03  # of a flux, lost by stretching there and back: more than noise in one as bright as this


def level1(
    folder: Path, wavelengths: np.ndarray, angles: np.ndarray, star_flux: tuple[float, ...] | None = None
) -> Path:
    """A cube with one companion, through the door for cubes from elsewhere."""
    folder.mkdir(parents=True, exist_ok=True)
    planted = spectral_cube(
        np.random.default_rng(8),
        wavelengths_um=wavelengths,
        angles_deg=angles,
        noise=0.3,
        companions=((_SEP, _PA, _CONTRAST),),
    )
    y, x = np.mgrid[-12:13, -12:13]
    arrays: dict[str, np.ndarray] = {
        "cube": planted.cube,
        "angles": planted.angles_deg,
        "psf": np.array([airy(x, y, fwhm) for fwhm in planted.fwhm]),
    }
    files = {role: folder / f"{role}.fits" for role in arrays}
    for role, array in arrays.items():
        fits.writeto(files[role], array.astype(np.float32))
    values = {
        "pixel_scale_mas": _SCALE,
        "fwhm_px": tuple(planted.fwhm),
        "star_flux": star_flux or tuple(planted.star_flux),
        "wavelength_um": tuple(wavelengths),
        "filter": "OBS_YJ",
        "instrument": "SPHERE",
        "date": "2018-04-21T03:00:00",
        "target": "A star",
        "ra_deg": 190.5,
        "dec_deg": -40.25,
    }
    job = run(external_cube.RECIPE, files, ExternalCubeParameters.model_validate(values), folder)
    return job.made[ProductKind.CUBE].path


@pytest.fixture(scope="module")
def cube(tmp_path_factory: pytest.TempPathFactory) -> Path:
    wavelengths = np.linspace(1.0, 1.35, 7)
    return level1(tmp_path_factory.mktemp("level1"), wavelengths, np.linspace(-20.0, 30.0, 9))


@pytest.fixture(scope="module")
def asdi(cube: Path, tmp_path_factory: pytest.TempPathFactory) -> FolderJob:
    folder = tmp_path_factory.mktemp("asdi")
    return run(pca_spectral.ASDI, {"cube": cube}, SpectralParameters(injections=8), folder, 7)


def test_the_companion_is_found_with_its_contrast(asdi: FolderJob) -> None:
    rows = read_candidates(asdi.made[ProductKind.CANDIDATES].path)
    assert {row.candidate for row in rows} == {1}
    row = rows[0]
    assert abs(row.sep - _SEP * _SCALE) < 4 * row.sep_err
    assert abs(row.pa - _PA) < 4 * row.pa_err
    assert row.contrast == pytest.approx(_CONTRAST, abs=max(4 * row.contrast_err, _STRETCHED * _CONTRAST))
    assert row.contrast_err < 0.1 * _CONTRAST
    assert row.significance > 5


def test_the_spectrum_of_the_companion_has_every_channel(asdi: FolderJob) -> None:
    rows = read_candidates(asdi.made[ProductKind.CANDIDATES].path)
    assert [row.channel for row in rows] == [-1, 0, *range(1, 8)]
    header = fits.getheader(asdi.made[ProductKind.RESIDUAL].path)
    for row in rows[2:]:
        assert row.wavelength == pytest.approx(header[f"JWAVE{row.channel}"])
        assert (row.sep, row.pa, row.n_injections) == (rows[0].sep, rows[0].pa, rows[0].n_injections)
        assert abs(row.contrast - _CONTRAST) < max(4 * row.contrast_err, _STRETCHED * _CONTRAST)
        assert rows[0].contrast_err < row.contrast_err < 0.02 * _CONTRAST
        assert row.dmag_err == pytest.approx(1.0857 * row.contrast_err / row.contrast, rel=1e-3)
        assert 2 < row.significance < row.snr
        assert np.isnan([row.false_rate, row.neg_contrast, row.neg_sep]).all()


def test_the_products_hold_every_channel_and_say_how_they_were_made(asdi: FolderJob) -> None:
    path = asdi.made[ProductKind.RESIDUAL].path
    header = fits.getheader(path)
    assert fits.getdata(path).shape == (7, _SIZE, _SIZE)
    assert fits.getdata(asdi.made[ProductKind.IMAGE].path).shape == (_SIZE, _SIZE)
    assert read_product_facts(header).algorithm == "pca_asdi"
    assert header["NFRAMES"] == 63
    assert header["NCOMP"] in {2, 4, 8, 16}
    assert header["NCOMPAUT"] is True
    assert header["PCAMEAN"] is True
    assert header["WAVEREF"] == pytest.approx(1.0)
    assert [header[f"JWAVE{k}"] for k in (1, 7)] == pytest.approx([1.0, 1.35])
    assert sum(header[f"JWGHT{k}"] for k in range(1, 8)) == pytest.approx(1.0)
    assert header["CHNAME1"] == "7 as one"


def test_the_curve_is_of_contrast_to_the_star(asdi: FolderJob) -> None:
    rows = read_contrast(asdi.made[ProductKind.CONTRAST].path)
    far = [row for row in rows if row.channel == -1 and 15 < row.sep / _SCALE < 23]
    assert far
    assert all(1e-5 < row.contrast < _CONTRAST for row in far)
    assert all(0 < row.throughput < 1 for row in far)


def test_sdi_needs_no_rotation(tmp_path: Path) -> None:
    still = level1(tmp_path / "in", np.array([1.4, 1.9]), np.full(4, 30.0))
    with pytest.raises(ReductionError, match=r"the field turns by 0\.00 deg"):
        run(pca_spectral.ASDI, {"cube": still}, SpectralParameters(), tmp_path / "asdi")
    job = run(pca_spectral.SDI, {"cube": still}, SpectralParameters(injections=3), tmp_path / "sdi")
    rows = read_candidates(job.made[ProductKind.CANDIDATES].path)
    assert abs(rows[0].sep - _SEP * _SCALE) < 0.5 * _SCALE
    header = fits.getheader(job.made[ProductKind.IMAGE].path)
    assert header["NFRAMES"] == 2
    assert header["PCAMEAN"] is False


def test_one_wavelength_is_refused(tmp_path: Path) -> None:
    alike = level1(tmp_path / "in", np.array([1.6, 1.605]), np.linspace(0.0, 40.0, 4))
    for recipe in (pca_spectral.ASDI, pca_spectral.SDI):
        with pytest.raises(ReductionError, match=r"channels at 1.6, 1.605 um; wanted"):
            run(recipe, {"cube": alike}, SpectralParameters(), tmp_path / "out")


@pytest.mark.parametrize("spectrum", [(1.0, 2.0), (1.0,) * 6 + (-1.0,), (0.0,) * 7])
def test_a_spectrum_that_does_not_fit_is_refused(
    cube: Path, tmp_path: Path, spectrum: tuple[float, ...]
) -> None:
    with pytest.raises(ReductionError, match="wanted 7, one a channel"):
        run(pca_spectral.ASDI, {"cube": cube}, SpectralParameters(spectrum=spectrum), tmp_path)


@pytest.mark.parametrize(("recipe", "number", "most"), [("ASDI", 63, 62), ("SDI", 7, 6)])
def test_more_components_than_frames_are_refused(
    cube: Path, tmp_path: Path, recipe: str, number: int, most: int
) -> None:
    with pytest.raises(ReductionError, match=f"wanted at most {most}"):
        run(getattr(pca_spectral, recipe), {"cube": cube}, SpectralParameters(components=number), tmp_path)
