"""The recipe of PACO: what was planted is found; its own signal to noise lies beside the common one."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from hcvo.headers.level2_tables import read_candidates, read_contrast
from hcvo.model.product import ProductKind
from reduce.recipes import REGISTRY, cadi, external_cube, paco
from reduce.recipes.external_cube import ExternalCubeParameters
from tests.reduce.kernels.planted import FWHM, airy, airy_flux, sky_pixel, speckle_sequence, track
from tests.reduce.recipes.folder_job import FolderJob, run

_SIZE, _FRAMES, _SEP, _PA, _FLUX, _SCALE = 51, 24, 15.0, 130.0, 1500.0, 12.25


@pytest.fixture(scope="module")
def cube(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, angles = tmp_path_factory.mktemp("level1"), np.linspace(60.0, 125.0, _FRAMES)
    planted = speckle_sequence(np.random.default_rng(3), _FRAMES, _SIZE).astype(np.float64)
    planted += track(_SIZE, _SEP, _PA, angles) * _FLUX / airy_flux()
    y, x = np.mgrid[-14:15, -14:15]
    arrays = {"cube": planted[None], "angles": angles, "psf": airy(x, y)[None]}
    files = {role: folder / f"{role}.fits" for role in arrays}
    for role, array in arrays.items():
        fits.writeto(files[role], array.astype(np.float32))
    values: dict[str, object] = {
        "pixel_scale_mas": _SCALE,
        "fwhm_px": FWHM,
        "star_flux": 2e6,
        "wavelength_um": 1.6,
        "filter": "B_H",
        "instrument": "SPHERE",
        "date": "2018-04-21T03:00:00",
        "target": "A star",
        "ra_deg": 190.5,
        "dec_deg": -40.25,
    }
    job = run(external_cube.RECIPE, files, ExternalCubeParameters.model_validate(values), folder)
    return job.made[ProductKind.CUBE].path


@pytest.fixture(scope="module")
def reduced(cube: Path, tmp_path_factory: pytest.TempPathFactory) -> FolderJob:
    given = paco.PacoParameters(injections=6, branches=2, step_fwhm=2.0, patch_fwhm=0.8)
    return run(paco.RECIPE, {"cube": cube}, given, tmp_path_factory.mktemp("level2"), 2)


def test_it_runs_on_request_only() -> None:
    assert paco.RECIPE in REGISTRY
    assert paco.RECIPE.on_request
    assert paco.PacoParameters().patch_fwhm == pytest.approx(0.85)
    with pytest.raises(ValueError, match="combine"):
        paco.PacoParameters(combine="median")


def test_what_was_planted_is_found(reduced: FolderJob) -> None:
    rows = [r for r in read_candidates(reduced.made[ProductKind.CANDIDATES].path) if r.channel == -1]
    assert len(rows) == 1
    assert rows[0].sep == pytest.approx(_SEP * _SCALE, abs=4 * rows[0].sep_err + 1.0)
    assert rows[0].pa == pytest.approx(_PA, abs=4 * rows[0].pa_err + 0.3)
    assert rows[0].contrast == pytest.approx(_FLUX / 2e6, abs=4 * rows[0].contrast_err)
    assert rows[0].contrast_err < 0.15 * rows[0].contrast
    assert rows[0].significance > 5


def test_a_curve_comes_with_it(reduced: FolderJob) -> None:
    rows = read_contrast(reduced.made[ProductKind.CONTRAST].path)
    assert [r.contrast for r in rows]
    assert all(0 < r.throughput < 1 for r in rows)
    assert any(r.contrast < 5e-4 for r in rows)


def test_its_own_signal_to_noise_lies_beside_the_common_one(reduced: FolderJob) -> None:
    with fits.open(reduced.made[ProductKind.SNR].path, checksum=True) as hdus:
        own = hdus["OWN_SNR"]
        assert own.data.shape == (1, *hdus[0].data.shape[1:])
        for card in ("PATCHFWH", "PATCHPIX"):
            assert card in hdus[0].header
        assert hdus[0].header["PATCHPIX"] == 37
        assert WCS(own.header, naxis=2).wcs.crpix == pytest.approx(WCS(hdus[0].header, naxis=2).wcs.crpix)
        plane, size = own.data[0], own.data.shape[-1]
    x, y = sky_pixel(size, _SEP, _PA)
    peak = plane[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2].max()
    assert peak == np.nanmax(plane)
    assert peak > 5
    rows, columns = np.indices(plane.shape)
    away = np.hypot(columns - x, rows - y) > 10
    assert np.nanstd(plane[away]) == pytest.approx(1.0, abs=0.2)


def test_other_algorithms_have_none(cube: Path, tmp_path: Path) -> None:
    job = run(cadi.RECIPE, {"cube": cube}, cadi.CadiParameters(injections=3, branches=1), tmp_path, 3)
    with fits.open(job.made[ProductKind.SNR].path) as hdus:
        assert "OWN_SNR" not in hdus
