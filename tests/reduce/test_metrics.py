"""`hcvo metrics` on a small cube: tables, picture, refusals."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from click.testing import CliRunner
from scipy import stats

from hcvo.centre.metrics_command import metrics
from hcvo.errors import ConfigError, ReductionError
from hcvo.model.product import ProductKind
from reduce.metrics import Asked, measure
from reduce.recipes import external_cube
from reduce.recipes.external_cube import ExternalCubeParameters
from reduce.selection import Choice
from tests.reduce.kernels.planted import FWHM, airy, airy_flux, speckle_sequence, track
from tests.reduce.recipes.folder_job import run

_SIZE, _FRAMES, _SCALE = 61, 10, 10.0
_ANGLES = np.linspace(0.0, 70.0, _FRAMES)


def _level1(folder: Path, star_flux: float | None = 2e6) -> Path:
    y, x = np.mgrid[-12:13, -12:13]
    cube = speckle_sequence(np.random.default_rng(5), _FRAMES, _SIZE)
    cube += (track(_SIZE, 14.0, 120.0, _ANGLES) * 900 / airy_flux()).astype(np.float32)
    arrays = {"cube": cube, "angles": _ANGLES, "psf": airy(x, y)}
    for role, array in arrays.items():
        fits.writeto(folder / f"{role}.fits", np.asarray(array, np.float32))
    given = ExternalCubeParameters(
        pixel_scale_mas=_SCALE,
        fwhm_px=(FWHM,),
        star_flux=(star_flux,),
        wavelength_um=(1.6,),
        filter="H",
        instrument="NACO",
        date="2013-02-01",
        target="A star",
        ra_deg=10.0,
        dec_deg=-20.0,
    )
    files = {role: folder / f"{role}.fits" for role in arrays}
    return run(external_cube.RECIPE, files, given, folder).made[ProductKind.CUBE].path


def test_the_command_writes_every_table(tmp_path: Path) -> None:
    words = [str(_level1(tmp_path)), "--algorithms", "noadi,cadi", "--separations-mas", "220,140",
             "--fpf", "1e-3", "--injections", "6", "--set", "level2.known=[[140, 120]]",
             "--out", str(tmp_path / "out")]  # fmt: skip
    result = CliRunner().invoke(metrics, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert result.stdout.split()[-7:] == [
        str(tmp_path / "out" / name)
        for name in ("limits.ecsv", "limits.fits", "completeness.ecsv", "completeness.fits", "roc.ecsv",
                     "roc.fits", "metrics.png")
    ]  # fmt: skip
    limits = Table.read(tmp_path / "out" / "limits.ecsv", format="ascii.ecsv")
    assert list(limits["algorithm"]) == ["noadi", "noadi", "cadi", "cadi"]
    assert list(limits["sep"]) == [140.0, 220.0] * 2
    assert str(limits["sep"].unit) == "mas"
    assert limits["threshold"] == pytest.approx(np.full(4, stats.norm.isf(1e-3)))
    assert limits["dmag"] == pytest.approx(-2.5 * np.log10(limits["contrast"]))
    assert (limits["contrast"][2:] < limits["contrast"][:2]).all()  # the star subtracted goes deeper
    complete = Table.read(tmp_path / "out" / "completeness.fits")
    own = complete[(complete["algorithm"] == "cadi") & (complete["sep"] == 220.0)]
    assert len(own) == 8
    assert own["contrast"] / limits["contrast"][3] == pytest.approx([0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3])
    assert (np.diff(own["completeness"]) >= 0).all()
    assert own["completeness"][-1] == 1.0
    assert (own["injections"] == 6).all()
    roc = Table.read(tmp_path / "out" / "roc.ecsv", format="ascii.ecsv")
    own = roc[(roc["algorithm"] == "cadi") & (roc["brightness"] == 1.0)]
    assert (np.diff(own["threshold"]) > 0).all()
    assert (np.diff(own["tpf"]) <= 0).all()
    assert (np.diff(own["false_positives"]) <= 0).all()
    assert own["fpf"] == pytest.approx(stats.norm.sf(own["threshold"]))
    assert own["false_positives"][-1] == 0  # the companion in the data is none
    assert (tmp_path / "out" / "metrics.png").stat().st_size > 10_000


def test_a_peak_that_nobody_told_of_is_a_false_positive(tmp_path: Path) -> None:
    cube, counts = _level1(tmp_path), []
    for known in ((), ((140.0, 120.0),)):
        choice = Choice(["cadi"], {"cadi": {"known": known, "threshold": 5.0}})
        roc = measure(cube, choice, Asked([220.0], 1e-3, 1)).roc
        own = roc[roc["brightness"] == 1.0]
        counts.append(dict(zip(own["threshold"].tolist(), own["false_positives"].tolist(), strict=True)))
    untold, told = counts
    assert untold[5.0] == 1  # found by the search, at more than 5 sigmas: may be noise for all we know
    assert told[5.0] == 0


def test_what_the_search_finds_in_noise_stays_false(tmp_path: Path) -> None:
    cube, counts = _level1(tmp_path), []
    for threshold in (5.0, 3.0):
        parameters = {"threshold": threshold, "known": ((140.0, 120.0),), "max_candidates": 30}
        roc = measure(cube, Choice(["cadi"], {"cadi": parameters}), Asked([220.0], 1e-3, 1)).roc
        own = roc[(roc["brightness"] == 1.0) & (roc["threshold"] == 2.0)]
        counts.append(int(own["false_positives"][0]))
    assert counts[0] > 0
    assert counts[1] == counts[0]  # a low threshold of the search takes none of them away


def test_an_algorithm_that_refuses_leaves_the_others_their_tables(tmp_path: Path) -> None:
    words = [str(_level1(tmp_path)), "--algorithms", "noadi,pca_asdi,pca_rdi", "--separations-mas", "220",
             "--injections", "1", "--out", str(tmp_path / "out")]  # fmt: skip
    result = CliRunner().invoke(metrics, words)
    assert result.exit_code == 1
    assert isinstance(result.exception, ReductionError)
    assert "not measured, 2 of the algorithms: pca_" in str(result.exception)
    assert "pca_asdi: " in str(result.exception)
    assert "pca_rdi: cube" not in str(result.exception)
    assert "wanted a level 1 cube of another star" in str(result.exception)
    limits = Table.read(tmp_path / "out" / "limits.ecsv", format="ascii.ecsv")
    assert list(limits["algorithm"]) == ["noadi"]
    with pytest.raises(ReductionError, match=r"^pca_rdi: .*wanted a level 1 cube of another star"):
        measure(next(tmp_path.rglob("*_cube_*.fits")), Choice(["pca_rdi"]), Asked())


@pytest.mark.parametrize(
    ("asked", "choice", "words"),
    [
        (Asked(fpf=0.0), Choice(), "false-positive fraction 0 and 24 injections, wanted"),
        (Asked(fpf=0.6), Choice(), "fraction 0.6"),
        (Asked(injections=0), Choice(), "and 0 injections"),
        (
            Asked([20.0, 150.0]),
            Choice(["cadi"]),
            "separations 20 mas lie outside of .* 60 to 260",
        ),
        (Asked(), Choice(["klip"]), "'klip'; there are"),
        (Asked(), Choice(["pca"], {"pca": {"components": -1}}), "pca.components = -1"),
    ],
)
def test_what_cannot_be_measured_is_told(tmp_path: Path, asked: Asked, choice: Choice, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        measure(_level1(tmp_path), choice, asked)


def test_without_a_star_flux_there_are_no_contrasts(tmp_path: Path) -> None:
    with pytest.raises(ReductionError, match="star's flux is unknown"):
        measure(_level1(tmp_path, None), Choice(["noadi"]), Asked())
