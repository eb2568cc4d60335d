"""RDI as a recipe: a field that stands still, and cubes of other stars."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from hcvo.errors import ReductionError
from hcvo.headers.level2_tables import read_candidates
from hcvo.headers.product import read_product_facts
from hcvo.model.product import ProductKind
from reduce.recipes import external_cube, pca_rdi
from reduce.recipes.external_cube import ExternalCubeParameters
from reduce.recipes.pca_rdi import RdiParameters
from reduce.recipes.reference_frames import _Kept
from tests.reduce.kernels.planted import FWHM, airy, airy_flux, track
from tests.reduce.kernels.planted_spectral import SpeckleField, speckle_waves
from tests.reduce.recipes.folder_job import FolderJob, run, source

SIZE, SCALE, STAR = 61, 12.25, 1e5
WAVELENGTHS = (1.59, 1.67)


def level1(
    folder: Path,
    name: str,
    frames: int,
    *,
    flux: float = 0.0,
    ra_deg: float = 190.5,
    size: int = SIZE,
    **changes: object,
) -> Path:
    """Two channels of one star; wavefronts of all stars drift in the same three ways."""
    instrument = np.random.default_rng(2)
    rng = np.random.default_rng(sum(map(ord, name)))
    still, drifts = speckle_waves(instrument), np.array([speckle_waves(instrument) for _ in range(3)])
    cube = rng.normal(size=(2, frames, size, size)) * 0.5
    for t in range(frames):
        waves = still + 0.2 * np.tensordot(rng.normal(size=3), drifts, axes=1) + 0.02 * speckle_waves(rng)
        for c, wavelength in enumerate(WAVELENGTHS):
            cube[c, t] += 200.0 * SpeckleField(waves, FWHM).at(size, WAVELENGTHS[0] / wavelength)
    angles = np.full(frames, 25.0)
    cube += flux / airy_flux() * track(size, 9.0, 130.0, angles)
    y, x = np.mgrid[-14:15, -14:15]
    arrays = {"cube": cube, "angles": angles, "psf": np.array([airy(x, y)] * 2)}
    files = {role: folder / name / f"{role}.fits" for role in arrays}
    (folder / name).mkdir()
    for role, array in arrays.items():
        fits.writeto(files[role], array.astype(np.float32))
    values: dict[str, object] = {
        "pixel_scale_mas": SCALE,
        "fwhm_px": FWHM,
        "star_flux": STAR,
        "wavelength_um": WAVELENGTHS,
        "filter": "DB_H23",
        "instrument": "SPHERE",
        "date": "2018-04-21T03:00:00",
        "target": name,
        "ra_deg": ra_deg,
        "dec_deg": -40.25,
    }
    given = ExternalCubeParameters.model_validate(values | changes)
    return run(external_cube.RECIPE, files, given, folder / name).made[ProductKind.CUBE].path


def reduced(
    science: Path, references: list[Path], folder: Path, parameters: RdiParameters | None = None
) -> FolderJob:
    job = FolderJob(folder, 5)
    files = {"cube": [source(science)], "reference": [source(path) for path in references]}
    pca_rdi.RECIPE.run(files, parameters or RdiParameters(injections=4), job)
    return job


@pytest.fixture(scope="module")
def stars(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    folder = tmp_path_factory.mktemp("stars")
    return (
        level1(folder, "Science", 6, flux=400.0),
        level1(folder, "One", 14, ra_deg=20.0),
        level1(folder, "Two", 10, ra_deg=120.0, size=71),
    )


@pytest.fixture(scope="module")
def job(stars: tuple[Path, Path, Path], tmp_path_factory: pytest.TempPathFactory) -> FolderJob:
    return reduced(stars[0], [stars[1], stars[2]], tmp_path_factory.mktemp("rdi"))


def test_a_companion_close_to_the_star_is_found_in_a_field_that_stands_still(job: FolderJob) -> None:
    row = read_candidates(job.made[ProductKind.CANDIDATES].path)[0]
    assert abs(row.sep - 9.0 * SCALE) < 0.3 * SCALE
    assert abs(row.pa - 130.0) < 2.0
    assert row.contrast == pytest.approx(400.0 / STAR, rel=0.1)


def test_the_header_tells_the_library(job: FolderJob, stars: tuple[Path, Path, Path]) -> None:
    header = fits.getheader(job.made[ProductKind.IMAGE].path)
    facts = read_product_facts(header)
    assert facts.algorithm == "pca_rdi"
    assert facts.provenance == tuple(path.name for path in stars)
    assert header["NREFFRM"] == 24
    assert header["NREFCUBE"] == 2
    assert header["NCOMPAUT"] is True
    assert 0.5 < header["REFCOR1"] <= 1
    assert 0.5 < header["REFCOR2"] <= 1


def test_the_frames_that_resemble_most_are_kept(stars: tuple[Path, Path, Path], tmp_path: Path) -> None:
    few = reduced(
        stars[0], [*stars[1:]], tmp_path, RdiParameters(library_frames=5, injections=3, components=3)
    )
    header = fits.getheader(few.made[ProductKind.IMAGE].path)
    assert header["NREFFRM"] == 5
    assert header["NCOMP"] == 3
    assert header["NCOMPAUT"] is False


def test_several_numbers_share_one_library(stars: tuple[Path, Path, Path], tmp_path: Path) -> None:
    both = RdiParameters(components=(4, 2), max_candidates=0, branches=1)
    two = reduced(stars[0], [*stars[1:]], tmp_path, both)
    one = RdiParameters(components=2, max_candidates=0, branches=1)
    alone = reduced(stars[0], [*stars[1:]], tmp_path / "alone", one)
    path = two.made[ProductKind.RESIDUAL].path
    header, other = fits.getheader(path), fits.getheader(alone.made[ProductKind.RESIDUAL].path)
    assert len(list(tmp_path.glob("*_residual_*.fits"))) == 2
    assert header["ALGORITH"] == "pca_rdi-2"
    for card in ("NCOMP", "NREFFRM", "NREFCUBE", "REFCOR1", "REFCOR2"):
        assert header[card] == other[card]
    np.testing.assert_array_equal(fits.getdata(path), fits.getdata(alone.made[ProductKind.RESIDUAL].path))


def test_without_references_it_is_refused(stars: tuple[Path, Path, Path], tmp_path: Path) -> None:
    with pytest.raises(ReductionError, match="0 reference cubes, none that fits"):
        reduced(stars[0], [], tmp_path)


def test_the_star_itself_is_no_reference(stars: tuple[Path, Path, Path], tmp_path: Path) -> None:
    near = level1(tmp_path, "Alias", 4, ra_deg=190.5005)
    with pytest.raises(ReductionError, match=r"2 reference cubes, none that fits.*is of the same star"):
        reduced(stars[0], [stars[0], near], tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"wavelength_um": (1.59, 1.62)}, r"channels at 1\.59, 1\.62 um, wanted 1\.59, 1\.67"),
        ({"pixel_scale_mas": 12.5}, r"12\.5 mas/px, wanted 12\.25"),
        ({"size": 41}, "frames of 41 px, wanted at least"),
    ],
)
def test_a_cube_that_does_not_fit_is_refused(
    stars: tuple[Path, Path, Path], tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    other = level1(tmp_path, "Other", 4, ra_deg=20.0, **changes)  # type: ignore[arg-type] # size among them
    with pytest.raises(ReductionError, match=message):
        reduced(stars[0], [other], tmp_path)


def test_the_best_of_all_cubes_are_kept_in_the_order_read_whatever_the_cubes() -> None:
    rng = np.random.default_rng(1)
    frames, likeness = rng.normal(size=(12, 3, 3)).astype(np.float32), rng.permutation(12) / 12.0
    likeness[[2, 7]] = likeness[9]  # of equals the earlier
    likeness[4] = np.nan
    for parts in ([slice(0, 12)], [slice(0, 1), slice(1, 9), slice(9, 12)]):
        kept = _Kept(np.zeros((0, 3, 3), np.float32), np.zeros(0))
        for part in parts:
            kept = kept.with_frames(frames[part], likeness[part], 5)
        order = sorted((t for t in range(12) if t != 4), key=lambda t: (-likeness[t], t))[:5]
        np.testing.assert_array_equal(kept.frames, frames[sorted(order)])
        np.testing.assert_array_equal(kept.likeness, likeness[sorted(order)])


def test_references_that_share_too_little_of_the_field_are_refused(
    stars: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    with fits.open(stars[1]) as hdus:
        hdus[0].data[..., 28:] = np.nan
        hdus.writeto(tmp_path / stars[1].name)
    with pytest.raises(ReductionError, match=r"no frame of 1 reference cubes .* channel 1.59 um; give other"):
        reduced(stars[0], [tmp_path / stars[1].name], tmp_path)
