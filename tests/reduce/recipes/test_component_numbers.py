"""Several numbers of components in one run; full-frame PCA with a protection angle."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from pydantic import ValidationError

from hcvo.errors import ReductionError
from hcvo.headers.product import read_product_facts
from hcvo.model.product import ProductFacts, ProductKind
from hcvo.model.provenance import Output
from reduce.kernels.combine import combine
from reduce.kernels.derotate import derotate
from reduce.kernels.pca import gram_matrix
from reduce.recipe import Recipe
from reduce.recipes import external_cube, pca, pca_annular, pca_spectral
from reduce.recipes.component_numbers import ComponentParameters
from reduce.recipes.external_cube import ExternalCubeParameters
from reduce.recipes.level1_cube import read_level1
from tests.reduce.kernels.planted import FWHM, airy, speckle_sequence
from tests.reduce.recipes.folder_job import FolderJob, run, source

_SIZE, _FRAMES, _SCALE = 61, 14, 12.25
_ANGLES = np.linspace(60.0, 112.0, _FRAMES)
_QUICK: dict[str, object] = {"step_fwhm": 6.0, "max_candidates": 0, "branches": 1}


class _AllFiles(FolderJob):
    """Keeps every file, by the algorithm's name and the kind."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, 3)
        self.files: dict[tuple[str, ProductKind], Path] = {}

    def done(self, facts: ProductFacts, path: Path, preview: Path | None = None) -> Output:
        assert (facts.algorithm, facts.kind) not in self.files
        self.files[facts.algorithm, facts.kind] = path
        return super().done(facts, path, preview)


def _run(recipe: Recipe, cube: Path, folder: Path, **given: object) -> _AllFiles:
    job, parameters = _AllFiles(folder), recipe.parameters.model_validate(_QUICK | given)
    recipe.run({"cube": [source(cube)]}, parameters, job)
    return job


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    """Two channels."""
    return np.stack([speckle_sequence(np.random.default_rng(s), _FRAMES, _SIZE) for s in (3, 4)])


@pytest.fixture(scope="module")
def cube(frames: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("level1")
    y, x = np.mgrid[-14:15, -14:15]
    arrays = {"cube": frames, "angles": _ANGLES, "psf": np.array([airy(x, y)] * 2)}
    files = {role: folder / f"{role}.fits" for role in arrays}
    for role, array in arrays.items():
        fits.writeto(files[role], array.astype(np.float32))
    values = {
        "pixel_scale_mas": _SCALE,
        "fwhm_px": FWHM,
        "star_flux": 2e6,
        "wavelength_um": (1.59, 1.89),
        "filter": "DB_H23",
        "instrument": "SPHERE",
        "date": "2018-04-21T03:00:00",
        "target": "A star",
        "ra_deg": 190.5,
        "dec_deg": -40.25,
    }
    job = run(external_cube.RECIPE, files, ExternalCubeParameters.model_validate(values), folder)
    return job.made[ProductKind.CUBE].path


@pytest.mark.parametrize(
    ("recipe", "numbers"),
    [
        (pca.RECIPE, (5, 1)),
        (pca_annular.RECIPE, (2, 4)),
        (pca_spectral.ASDI, (6, 2)),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_each_number_has_the_products_of_a_run_of_its_own(
    recipe: Recipe, numbers: tuple[int, ...], cube: Path, tmp_path: Path
) -> None:
    together = _run(recipe, cube, tmp_path / "all", components=numbers)
    names = {f"{recipe.name}-{number}" for number in numbers}
    assert {name for name, _ in together.files} == names
    assert len(set(together.files.values())) == len(names) * len(recipe.makes)
    assert together.fractions == sorted(together.fractions)
    assert together.fractions[-1] == pytest.approx(0.95)
    for number in numbers:
        alone = _run(recipe, cube, tmp_path / str(number), components=number)
        assert {name for name, _ in alone.files} == {recipe.name}
        for kind in (ProductKind.RESIDUAL, ProductKind.SIGNIFICANCE):
            path = together.files[f"{recipe.name}-{number}", kind]
            header = fits.getheader(path)
            facts = read_product_facts(header)
            assert (facts.algorithm, facts.recipe) == (f"{recipe.name}-{number}", recipe.name)
            assert (header["NCOMP"], header["NCOMPAUT"]) == (number, False)
            one, other = fits.getdata(path), fits.getdata(alone.files[recipe.name, kind])
            if recipe is pca_spectral.ASDI:  # from one decomposition: to rounding
                np.testing.assert_allclose(one, other, rtol=0, atol=1e-4 * np.nanmax(np.abs(other)))
            else:
                np.testing.assert_array_equal(one, other)


def test_a_cube_is_read_and_decomposed_once(
    cube: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = {"read": 0, "products": 0}

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any) -> Any:  # noqa: ANN401 - any function
            calls[name] += 1
            return function(*given)

        return run

    monkeypatch.setattr("reduce.recipes.level2_recipe.read_level1", counted("read", read_level1))
    monkeypatch.setattr("reduce.kernels.pca.gram_matrix", counted("products", gram_matrix))
    _run(pca.RECIPE, cube, tmp_path, components=[1, 2, 3])
    assert calls == {"read": 1, "products": 2}  # two channels


@pytest.mark.parametrize(
    ("given", "told"),
    [([2, 2], "wanted each number once"), ([], "at least 1 item"), ([0, 3], "greater than 0"), (0, "than 0")],
)
def test_numbers_that_make_no_sense_are_refused(given: object, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        ComponentParameters.model_validate({"components": given})


@pytest.mark.parametrize(("given", "numbers"), [(None, ()), (4, (4,)), ([7, 1], (7, 1))])
def test_numbers_asked_for(given: object, numbers: tuple[int, ...]) -> None:
    assert ComponentParameters.model_validate({"components": given}).numbers == numbers


@pytest.mark.parametrize("recipe", [pca.RECIPE, pca_annular.RECIPE])
def test_one_number_too_large_refuses_all(recipe: Recipe, cube: Path, tmp_path: Path) -> None:
    with pytest.raises(ReductionError, match="14 components of 14 frames leave nothing; wanted at most 13"):
        _run(recipe, cube, tmp_path, components=[2, 14, 3])


def _protected(frames: np.ndarray, least_px: float, at_px: float, inside: np.ndarray) -> np.ndarray:
    """Residual of each frame by the three leading singular vectors of those in which a companion moved.

    It lies at `at_px`. The mean over all frames is off first.
    """
    flat = frames.reshape(len(frames), -1).astype(np.float64)
    flat -= flat.mean(axis=0)
    left = np.empty_like(flat)
    for t, angle in enumerate(_ANGLES):
        chord = 2 * at_px * np.sin(np.abs(np.radians(_ANGLES - angle)) / 2)
        modes = np.linalg.svd(flat[chord >= least_px][:, inside.ravel()], full_matrices=False)
        shares = (flat[t, inside.ravel()] @ modes[2][:3].T) / modes[1][:3] @ modes[0][:, :3].T
        left[t] = flat[t] - shares @ flat[chord >= least_px]
    return left.reshape(frames.shape).astype(np.float32)


@pytest.mark.parametrize("at_mas", [None, 250.0])
def test_references_in_which_a_companion_has_not_moved_are_left_out(
    at_mas: float | None, frames: np.ndarray, cube: Path, tmp_path: Path
) -> None:
    given = {"separation_fwhm": 0.9, "protected_mas": at_mas, "least_references": 1, "combine": "mean"}
    job = _run(pca.RECIPE, cube, tmp_path, components=3, **given)
    header = fits.getheader(job.files["pca", ProductKind.RESIDUAL])
    assert (header["PCADELT"], header["PCARELAX"], header["PCAMOST"]) == (0.9, 0.0, 100)
    inner, outer = header["INNERMAS"] / _SCALE - FWHM, header["OUTERMAS"] / _SCALE + FWHM
    y, x = np.indices(frames.shape[2:]) - _SIZE // 2
    inside = (np.hypot(x, y) >= inner) & (np.hypot(x, y) <= outer)
    radius = (inner + outer) / 2 if at_mas is None else at_mas / _SCALE
    for made, channel in zip(fits.getdata(job.files["pca", ProductKind.RESIDUAL]), frames, strict=True):
        truth = combine(derotate(_protected(channel, 0.9 * FWHM, radius, inside), _ANGLES), "mean")
        ring = (np.hypot(x, y) > inner + 2) & (np.hypot(x, y) < outer - 2)
        assert np.nanmax(np.abs(made - truth)[ring]) < 2e-3 * np.nanmax(np.abs(truth[ring]))


def test_without_a_distance_every_frame_is_a_reference(cube: Path, tmp_path: Path) -> None:
    job = _run(pca.RECIPE, cube, tmp_path, components=3)
    header = fits.getheader(job.files["pca", ProductKind.RESIDUAL])
    assert header["PCADELT"] == 0.0
    assert "PCALEAST" not in header
