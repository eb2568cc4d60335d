import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import click
import numpy as np
import pytest
from astropy.io import fits
from click.testing import CliRunner

from hcvo.catalogue.models import Detection, Observation, Product, RawFrame
from hcvo.centre.ingest_command import ingest
from hcvo.centre.reduce_command import reduce
from hcvo.centre.show import parse_parameters
from hcvo.centre.store_command import store
from hcvo.config import Settings
from tests.ingest import frames
from tests.reduce.kernels.planted import FWHM, airy, airy_flux, speckle_sequence, track
from tests.reduce.raw_files import irdis_cards, write_raw

SCALE_MAS, STAR_FLUX = 12.25, 2e6
SEP_PX, PA_DEG, FLUX = 14.0, 120.0, 700.0
"""The planted companion: place, and flux in an aperture of 1 FWHM."""
FACTS = {
    "--pixel-scale-mas": f"{SCALE_MAS}", "--fwhm-px": f"{FWHM}", "--star-flux": f"{STAR_FLUX}",
    "--wavelength-um": "3.8", "--width-um": "0.62", "--filter": "L'", "--instrument": "NACO",
    "--telescope": "ESO-VLT-U4", "--date": "2013-02-01", "--target": "beta Pictoris",
}  # fmt: skip


@pytest.fixture
def site(catalogue: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The catalogue, where commands find it."""
    monkeypatch.setenv("HCVO_STATE", str(catalogue.state))
    monkeypatch.setenv("HCVO_DATABASE__PORT", str(catalogue.database.port))
    monkeypatch.setenv("HCVO_DACHS__AUTHORITY", catalogue.dachs.authority)
    monkeypatch.setenv("HCVO_RESOLVER__ONLINE", "false")
    return catalogue


def _cube(folder: Path) -> list[str]:
    """Words of the command that enters a small sequence with one companion."""
    y, x = np.mgrid[-12:13, -12:13]
    angles = np.linspace(60.0, 112.0, 12)
    cube = speckle_sequence(np.random.default_rng(21), 12, 51)
    cube += (track(51, SEP_PX, PA_DEG, angles) * FLUX / airy_flux()).astype(np.float32)
    arrays = {"--cube": cube, "--angles": angles, "--psf": airy(x, y)}
    files = {name: folder / f"{name[2:]}.fits" for name in arrays}
    for name, array in arrays.items():
        fits.writeto(files[name], np.asarray(array, np.float32))
    return ["cube", *(str(word) for pair in (files | FACTS).items() for word in pair)]


def test_ingest_raw_says_what_went_in(site: Settings, tmp_path: Path) -> None:
    del site
    folder = tmp_path / "night" / "below"
    folder.mkdir(parents=True)
    frames.write_frame(folder, frames.header())
    (folder / "notes.txt").write_text("cloudy")
    (folder / ".hidden").write_text("not looked at")
    result = CliRunner().invoke(ingest, ["raw", str(tmp_path), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["counts"] == {"new": 1, "known": 0, "refused": 1}
    again = CliRunner().invoke(ingest, ["raw", str(folder)])
    assert "notes.txt" in again.stdout
    assert RawFrame.objects.count() == 1


def test_ingest_raw_of_nothing_usable_ends_with_1(site: Settings, tmp_path: Path) -> None:
    del site
    (tmp_path / "notes.txt").write_text("cloudy")
    assert CliRunner().invoke(ingest, ["raw", str(tmp_path)]).exit_code == 1


def test_ingest_raw_of_an_empty_folder_says_so(site: Settings, tmp_path: Path) -> None:
    del site
    folder = tmp_path / "nothing"
    folder.mkdir()
    result = CliRunner().invoke(ingest, ["raw", str(folder)], env={"COLUMNS": "300"})
    assert result.exit_code == 1
    assert "nothing: no file in this folder or below" in " ".join(result.stdout.split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give FOLDER, or --night or --target"),
        (["--night", "2015-02-02", "--out", "x"], "--out goes with FOLDER"),
        ([".", "--night", "2015-02-02"], "leave out FOLDER"),
        (["."], "give --out"),
        (["--target", "x", "--set", "pca=3"], "wanted RECIPE.PARAMETER=VALUE"),
    ],
)
def test_reduce_tells_what_is_missing(words: list[str], message: str) -> None:
    result = CliRunner().invoke(reduce, words)
    assert (result.exit_code, message in result.stderr) == (2, True), result.stderr


def test_reduce_of_an_unknown_night_names_it(site: Settings) -> None:
    del site
    result = CliRunner().invoke(reduce, ["--night", "2001-01-01"])
    assert "no observation of night 2001-01-01" in str(result.exception)


def test_reduce_of_an_unknown_target_names_the_others(site: Settings, tmp_path: Path) -> None:
    del site
    frames.write_frame(tmp_path, frames.header())
    CliRunner().invoke(ingest, ["raw", str(tmp_path)])
    result = CliRunner().invoke(reduce, ["--night", "2015-02-02", "--target", "HR 8799", "--dry-run"])
    assert "that night has * bet Pic" in str(result.exception)


def test_reduce_refuses_when_raw_files_are_gone(site: Settings, tmp_path: Path) -> None:
    del site
    path = frames.write_frame(tmp_path, frames.header())
    CliRunner().invoke(ingest, ["raw", str(tmp_path)])
    path.unlink()
    result = CliRunner().invoke(reduce, ["--target", "HD 39060"])
    assert "ingest them again" in str(result.exception)


def test_reducing_a_folder_imports_no_django(tmp_path: Path) -> None:
    write_raw(tmp_path, irdis_cards("DARK"))
    code = (
        "import sys; from hcvo.centre.reduce_command import reduce\n"
        "try: reduce([sys.argv[1], '--out', sys.argv[2], '--dry-run'], standalone_mode=False)\n"
        "except SystemExit: pass\n"
        "print('left out' if 'reduce.associate' not in sys.modules else 'planned', 'modules',"
        " sorted(m for m in sys.modules if m.split('.')[0] in {'django', 'psycopg2'}))"
    )
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), str(tmp_path / "out")],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "no IRDIS imaging science frames" in ended.stdout + ended.stderr  # the folder was read
    assert ended.stdout.endswith("planned modules []\n")


def test_parameters_are_read_as_yaml() -> None:
    assert parse_parameters(["pca.components=12", "pca.mask=[1, 2]", "cadi.combine=mean"]) == {
        "pca": {"components": 12, "mask": [1, 2]},
        "cadi": {"combine": "mean"},
    }


def test_parameters_may_stand_in_a_file(tmp_path: Path) -> None:
    table, words = tmp_path / "known.txt", tmp_path / "known.yaml"
    table.write_text("# separation, angle\n452.0, 211.2\n\n800 12.5  # the other\n")
    words.write_text("[[452, 211.2]]")
    made = parse_parameters([f"level2.known=@{table}", f"pca.known=@{words}"])
    assert made == {"level2": {"known": [[452.0, 211.2], [800.0, 12.5]]}, "pca": {"known": [[452, 211.2]]}}
    for bad in (tmp_path / "none.txt", tmp_path / "odd.txt"):
        (tmp_path / "odd.txt").write_text("here and there")
        with pytest.raises(click.BadParameter, match="nor a file of it"):
            parse_parameters([f"pca.known=@{bad}"])


def test_store_check_removes_only_when_told(site: Settings) -> None:
    orphan = site.store / "2015-02-02" / "x" / "orphan.fits"
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"x")
    found = CliRunner().invoke(store, ["check"])
    assert (found.exit_code, "orphan file" in found.stdout) == (1, True)
    shown = CliRunner().invoke(store, ["check", "--remove", "--dry-run"])
    assert (shown.exit_code, orphan.exists()) == (1, True)
    removed = CliRunner().invoke(store, ["check", "--remove"])
    assert (removed.exit_code, orphan.parent.parent.exists()) == (0, False)


def test_an_external_cube_brings_its_companion(site: Settings, tmp_path: Path) -> None:
    del site
    words = _cube(tmp_path)
    tried = CliRunner().invoke(ingest, [*words, "--dry-run"])
    assert (tried.exit_code, "RA 86.8212" in tried.stdout) == (0, True), tried.output
    assert Observation.objects.count() == 0

    result = CliRunner().invoke(ingest, [*words, "--release", "now"])
    assert result.exit_code == 0, result.output
    observation = Observation.objects.get()
    assert observation.obs_id.startswith("NACO.beta-Pictoris.2013-02-01")
    assert observation.target.main_name == "* bet Pic"
    for algorithm in ("cadi", "pca"):
        (found,) = Detection.objects.filter(channel=-1, product__algorithm=algorithm)
        assert found.sep_err is not None
        assert found.pa_err is not None
        assert found.contrast is not None
        assert found.contrast_err is not None
        assert abs(found.sep_mas - SEP_PX * SCALE_MAS) < min(3 * found.sep_err, 0.3 * SCALE_MAS)
        assert abs(found.pa - PA_DEG) < 3 * found.pa_err
        assert abs(found.contrast - FLUX / STAR_FLUX) < 3 * found.contrast_err
    kinds = dict(Product.objects.filter(algorithm="pca").values_list("kind", "mime"))
    assert {
        kind: kinds[kind] for kind in ("snr", "corrected", "contrast", "contrast-ecsv", "candidates-votable")
    } == {
        "snr": "image/fits",
        "corrected": "image/fits",
        "contrast": "application/fits",
        "contrast-ecsv": "text/csv",
        "candidates-votable": "application/x-votable+xml",
    }
    assert Product.objects.get(kind="contrast-ecsv", algorithm="pca").dataproduct_type == "measurements"
    accref = Product.objects.get(kind="contrast", algorithm="pca").accref
    assert quote(accref) == accref

    again = CliRunner().invoke(reduce, ["--target", "bet Pic"])
    assert "0 processes done, 3 reused" in again.stdout
    assert CliRunner().invoke(store, ["check"]).exit_code == 0


def test_release_of_a_cube_that_is_in_already_is_not_silent(site: Settings, tmp_path: Path) -> None:
    del site
    words = [*_cube(tmp_path), "--until", "level1"]
    first = CliRunner().invoke(ingest, words)
    assert (first.exit_code, "note" in first.stderr) == (0, False), first.output
    before = Observation.objects.get().release_time
    again = CliRunner().invoke(ingest, [*words, "--release", "now"])
    assert again.exit_code == 0
    assert "keeps its release terms, public from 2015-0" in again.stderr
    assert Observation.objects.get().release_time == before


@pytest.mark.parametrize(("option", "value"), [("--filter", "M'"), ("--programme", "60.A-9800(J)")])
def test_a_cube_of_another_observation_does_not_inherit_rights(
    site: Settings, tmp_path: Path, option: str, value: str
) -> None:
    del site
    words = [*_cube(tmp_path), "--until", "level1"]
    assert CliRunner().invoke(ingest, [*words, "--release", "now"]).exit_code == 0
    other = CliRunner().invoke(ingest, [*words, option, value])
    assert f"this cube has {value!r}" in str(other.exception)
    assert Product.objects.count() == 1
    apart = CliRunner().invoke(ingest, [*words, option, value, "--date", "2013-02-01T02:00:00"])
    assert apart.exit_code == 0, apart.output
    assert len(set(Observation.objects.values_list("release_time", flat=True))) == 2


def test_an_external_cube_without_a_star_is_refused(site: Settings, tmp_path: Path) -> None:
    del site
    words = _cube(tmp_path)
    words[words.index("beta Pictoris")] = "no such star"
    result = CliRunner().invoke(ingest, words)
    assert "give --ra and --dec" in str(result.exception)
