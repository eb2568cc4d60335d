"""LOCI, T-LOCI and annular PCA as recipes: what was planted, the cards, the warnings, the refusals."""

from pathlib import Path

import numpy as np
import pytest
import structlog
from astropy.io import fits

from hcvo.errors import ReductionError
from hcvo.headers.level2_tables import read_candidates
from hcvo.model.product import ProductKind
from reduce.recipe import Recipe
from reduce.recipes import REGISTRY, external_cube, loci, pca_annular, tloci
from reduce.recipes.external_cube import ExternalCubeParameters
from reduce.recipes.level2 import Level2Parameters
from tests.reduce.kernels.planted import FWHM, airy, airy_flux, speckle_sequence, track
from tests.reduce.recipes.folder_job import run

_SIZE, _FRAMES, _SCALE, _STAR = 61, 14, 12.25, 2e6
_ANGLES = np.linspace(60.0, 112.0, _FRAMES)
_SEP, _PA, _FLUX = 19.0, 120.0, 900.0
_RECIPES: dict[str, tuple[Recipe, type[Level2Parameters]]] = {
    "loci": (loci.RECIPE, loci.LociParameters),
    "tloci": (tloci.RECIPE, tloci.TlociParameters),
    "pca_annular": (pca_annular.RECIPE, pca_annular.AnnularPcaParameters),
}
_QUICK: dict[str, object] = {"injections": 3, "step_fwhm": 6.0, "max_candidates": 1, "branches": 1}


@pytest.fixture(scope="module")
def cube(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("level1")
    y, x = np.mgrid[-14:15, -14:15]
    frames = speckle_sequence(np.random.default_rng(21), _FRAMES, _SIZE).astype(np.float64)
    frames += track(_SIZE, _SEP, _PA, _ANGLES) * _FLUX / airy_flux()
    arrays = {"cube": frames, "angles": _ANGLES, "psf": airy(x, y)}
    files = {role: folder / f"{role}.fits" for role in arrays}
    for role, array in arrays.items():
        fits.writeto(files[role], array.astype(np.float32))
    values = {
        "pixel_scale_mas": _SCALE,
        "fwhm_px": FWHM,
        "star_flux": _STAR,
        "wavelength_um": 1.59,
        "filter": "BB_H",
        "instrument": "SPHERE",
        "date": "2018-04-21T03:00:00",
        "target": "A star",
        "ra_deg": 190.5,
        "dec_deg": -40.25,
    }
    job = run(external_cube.RECIPE, files, ExternalCubeParameters.model_validate(values), folder)
    return job.made[ProductKind.CUBE].path


def _run(name: str, cube: Path, folder: Path, **given: object) -> dict[ProductKind, Path]:
    recipe, parameters = _RECIPES[name]
    job = run(recipe, {"cube": cube}, parameters.model_validate(_QUICK | given), folder, 3)
    return {kind: output.path for kind, output in job.made.items()}


@pytest.mark.parametrize("name", list(_RECIPES))
def test_they_are_made_on_request(name: str) -> None:
    recipe = _RECIPES[name][0]
    assert recipe in REGISTRY
    assert recipe.name == name
    assert recipe.on_request


@pytest.mark.parametrize("name", list(_RECIPES))
def test_what_was_planted_is_found_and_the_settings_stand_in_the_header(
    name: str, cube: Path, tmp_path: Path
) -> None:
    given = {"pca_annular": {"components": 3}}.get(name, {"ridge": 0.02})
    with structlog.testing.capture_logs() as logs:
        made = _run(name, cube, tmp_path, **given, least_references=4)
    rows = [r for r in read_candidates(made[ProductKind.CANDIDATES]) if r.channel == -1]
    near = [r for r in rows if abs(r.sep / _SCALE - _SEP) < 1]
    assert len(near) == 1
    assert near[0].pa == pytest.approx(_PA, abs=1.5)
    assert near[0].contrast == pytest.approx(_FLUX / _STAR, rel=0.15)
    header = fits.getheader(made[ProductKind.RESIDUAL])
    cards = {
        "loci": {"LOCIRIDG": 0.02, "LOCIAREA": 300.0, "LOCIDELT": 0.5, "LOCILEAS": 4, "LOCIASP": 1.0},
        "tloci": {"TLOCRIDG": 0.02, "TLOCLOSS": 0.3, "TLOCGAP": 0.5, "TLOCAREA": 50.0, "TLOCLEAS": 4},
        "pca_annular": {
            "NCOMP": 3,
            "NCOMPAUT": False,
            "PCADELT": 1.0,
            "PCARING": 4.0,
            "PCALEAST": 4,
            "PCAMOST": 100,
        },
    }[name]
    assert {card: header[card] for card in cards} == cards
    relaxed = header[{"loci": "LOCIRELX", "tloci": "TLOCRELX", "pca_annular": "PCARELAX"}[name]]
    said = [entry for entry in logs if "too few references" in entry["event"]]
    assert [entry["out_to_px"] for entry in said] == ([pytest.approx(relaxed, abs=0.06)] if relaxed else [])
    if name == "tloci":
        assert 0.5 * FWHM < header["TLOCDIST"] < FWHM


def test_references_that_are_too_near_are_told_once(cube: Path, tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logs:
        made = _run("loci", cube, tmp_path, separation_fwhm=30.0, max_candidates=0)
    said = [entry for entry in logs if "too few references" in entry["event"]]
    assert len(said) == 1
    header = fits.getheader(made[ProductKind.RESIDUAL])
    assert said[0]["out_to_px"] == pytest.approx(header["LOCIRELX"], abs=0.06)
    assert header["LOCIRELX"] > 25


def test_components_of_rings_are_chosen_by_depth(cube: Path, tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logs:
        made = _run("pca_annular", cube, tmp_path, max_candidates=0)
    tried = next(entry for entry in logs if entry["event"] == "components tried")
    header = fits.getheader(made[ProductKind.RESIDUAL])
    depths = tried["log_noise_over_throughput"]
    assert header["NCOMPAUT"] is True
    assert header["NCOMP"] == tried["tried"][int(np.argmin(depths))]


def test_more_components_than_frames_are_refused(cube: Path, tmp_path: Path) -> None:
    with pytest.raises(ReductionError, match="14 components of 14 frames leave nothing; wanted at most 13"):
        _run("pca_annular", cube, tmp_path, components=14)


def test_a_gap_as_wide_as_the_field_is_refused(cube: Path, tmp_path: Path) -> None:
    with pytest.raises(ReductionError, match="leave no zone beside the ring"):
        _run("tloci", cube, tmp_path, gap_fwhm=9.0)
