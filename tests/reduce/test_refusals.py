"""Bad nights through the whole of level 1: a product with its level written on it, or a failure by name."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import structlog
from astropy.io import fits
from click.testing import CliRunner

from hcvo.centre.reduce_command import reduce
from hcvo.headers.product import read_product_facts
from hcvo.model.product import ProductFacts, ProductKind
from tests.reduce.planted_night import PlantedNight
from tests.reduce.raw_files import irdis_cards, write_raw

_SMALL = ("--until", "level1", "--set", "ird_level1.size_px=101")
_SCIENCE, _SKY = "OBJECT", "SKY"
_LEVEL = 1  # of the whole night: its flats have no darks of their DITs


class Night:
    """The files of a planted night by what they are."""

    def __init__(self, raw: Path) -> None:
        self.raw = raw
        self.files: dict[str, list[Path]] = {}
        for path in sorted(raw.glob("*.fits")):
            self.files.setdefault(fits.getval(path, "HIERARCH ESO DPR TYPE"), []).append(path)

    def path(self, kind: str, number: int = 0) -> Path:
        return self.files[kind][number]

    def without(self, *kinds: str) -> None:
        for kind in kinds:
            for path in self.files[kind]:
                path.unlink()

    def rewrite(self, kind: str, number: int = 0, data: np.ndarray | None = None, **cards: object) -> None:
        """Write a file anew, other links to it stay as they are; a card named with '_' for blanks."""
        path = self.path(kind, number)
        with fits.open(path, memmap=False) as hdus:
            header, planes = hdus[0].header, hdus[0].data
        for name, value in cards.items():
            header[f"HIERARCH {name}".replace("_", " ") if name.startswith("ESO") else name] = value
        path.unlink()
        fits.PrimaryHDU(planes if data is None else data, header).writeto(path)

    def planes(self, kind: str, number: int = 0) -> np.ndarray:
        return np.asarray(fits.getdata(self.path(kind, number)), np.float32)

    def cut(self, kind: str, number: int = 0) -> None:
        """The last part of the file's bytes is lost."""
        content = self.path(kind, number).read_bytes()
        self.path(kind, number).unlink()
        self.path(kind, number).write_bytes(content[: len(content) * 2 // 3])


@dataclass
class Ended:
    """How a reduction ended: exit code, words, warnings of sequences, new products by kind, folder."""

    code: int
    words: str
    warnings: list[str]
    products: dict[str, list[ProductFacts]]
    out: Path

    def cube(self) -> fits.HDUList:
        (path,) = self.out.rglob("*_cube_*.fits")
        return fits.open(path, memmap=False)


def _reduce(raw: Path, out: Path) -> Ended:
    before = set(out.rglob("*.fits"))
    with structlog.testing.capture_logs() as lines:
        result = CliRunner().invoke(reduce, [str(raw), "--out", str(out), *_SMALL], env={"COLUMNS": "200"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert not re.search(r"Traceback|[A-Z]\w*Error\b|Errno", result.output)
    _nothing_half_made(out)
    products: dict[str, list[ProductFacts]] = {}
    for path in set(out.rglob("*.fits")) - before:
        facts = read_product_facts(fits.getheader(path))
        products.setdefault(str(facts.kind), []).append(facts)
    warnings = [line["warning"] for line in lines if line["event"] == "sequence"]
    return Ended(result.exit_code, " ".join(result.output.split()), warnings, products, out)


def _nothing_half_made(out: Path) -> None:
    """Every product belongs to a process that is done, every file is whole, nothing else lies about."""
    records = [json.loads(path.read_text()) for path in (out / "processes").glob("*.json")]
    assert {record["state"] for record in records} <= {"done", "failed"}
    made = {out / item["file"] for record in records for item in record["outputs"]}
    assert {path for path in out.rglob("*") if path.suffix in (".fits", ".html")} == made
    assert not list((out / ".staging").glob("*/*"))
    assert not list(out.rglob(".aside-*"))
    for path in made:
        if path.suffix == ".fits":
            with fits.open(path, checksum=True) as hdus:  # a wrong checksum warns, and a warning fails
                hdus.verify("exception")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """The night when nothing is wrong, and its products: masters are not made again for each bad night."""
    folder = tmp_path_factory.mktemp("whole")
    raw, out = folder / "raw", folder / "out"
    raw.mkdir()
    PlantedNight(raw, speckles=150).write()
    ended = _reduce(raw, out)
    assert ended.code == 0, ended.words
    assert [facts.match_level for facts in ended.products["cube"]] == [_LEVEL]
    yield raw, out
    shutil.rmtree(folder)


@pytest.fixture
def night(whole: tuple[Path, Path], tmp_path: Path) -> Night:
    """A copy of the night, to be spoilt."""
    shutil.copytree(whole[0], tmp_path / "raw", copy_function=os.link)
    return Night(tmp_path / "raw")


@pytest.fixture
def out(whole: tuple[Path, Path], tmp_path: Path) -> Path:
    """The whole night's masters, without what was made of its observing block."""
    place = tmp_path / "out"
    shutil.copytree(whole[1], place, copy_function=os.link)
    for path in (place / "processes").glob("*.json"):
        record = json.loads(path.read_text())
        if any(item["kind"] not in ("dark", "flat") for item in record["outputs"]):
            path.unlink()
            for item in record["outputs"]:
                for each in (place / item["file"], (place / item["file"]).with_suffix(".png")):
                    each.unlink(missing_ok=True)
    return place


def _lie(night: Night) -> None:
    night.rewrite(_SCIENCE, 1, ESO_DET_NDIT=6)


def _abort(night: Night) -> None:
    """Half of the last file was written, and nothing after it."""
    night.rewrite(_SCIENCE, 1, night.planes(_SCIENCE, 1)[:1], ESO_TPL_START="a", ESO_TPL_EXPNO=3)
    night.rewrite(_SCIENCE, 0, ESO_TPL_START="a", ESO_TPL_EXPNO=2, ESO_TPL_NEXP=9)


def _wrong_dit(night: Night) -> None:
    night.without(_SKY)
    for number in range(len(night.files["DARK"])):
        night.rewrite("DARK", number, ESO_DET_SEQ1_DIT=3.0, EXPTIME=3.0)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda night: night.without("FLAT,LAMP"), "no flat for .*wanted IRD_FLAT_FIELD_RAW .*none at all"),
        (_wrong_dit, "no background for .*DIT 16 s.*IRD_DARK_RAW from .* rejected: DIT 3 s instead of 16 s"),
        (lambda night: night.without(_SCIENCE), "no IRDIS imaging science frames among 10 frames"),
    ],
)
def test_what_cannot_be_reduced_is_refused_by_name(
    night: Night, out: Path, spoil: Callable[[Night], None], words: str
) -> None:
    spoil(night)
    ended = _reduce(night.raw, out)
    assert (ended.code, ended.products) == (1, {})
    assert re.search(f"refused {words}", ended.words)
    assert "0 processes done, 0 reused, 0 failed" in ended.words


@pytest.mark.parametrize(
    ("kind", "role"), [("OBJECT,CENTER", "star centre"), ("OBJECT,FLUX", "flux calibration")]
)
def test_a_product_made_without_says_so(night: Night, out: Path, kind: str, role: str) -> None:
    night.without(kind)
    ended = _reduce(night.raw, out)
    assert ended.code == 0, (role, ended.words)
    (cube,) = ended.products["cube"]
    assert cube.match_level == 3
    with ended.cube() as hdus:
        methods, fluxes = set(hdus["FRAMES"].data["METHOD"]), hdus["CHANNELS"].data["STAR_FLUX"]
    if kind == "OBJECT,CENTER":
        assert methods == {"halo"}
        assert [facts.match_level for facts in ended.products["centres"]] == [3]
    else:
        assert np.isnan(fluxes).all()
        assert "psf" not in ended.products


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda night: night.cut(_SCIENCE, 1), r"bytes found, its headers say \d+ or more; fetch it again"),
        (_lie, "DET NDIT is 6 but NAXIS3 3; wanted the same number"),
        (_abort, "DET NDIT is 3 but NAXIS3 1; wanted the same number"),
    ],
)
def test_a_science_file_that_is_bad_is_named_and_the_others_are_reduced(
    night: Night, out: Path, spoil: Callable[[Night], None], words: str
) -> None:
    spoil(night)
    ended = _reduce(night.raw, out)
    assert ended.code == 1
    assert re.search(rf"refused \S+{night.path(_SCIENCE, 1).name}: .*{words}", ended.words)
    (cube,) = ended.products["cube"]
    assert (cube.match_level, cube.ncombine) == (_LEVEL, 1)
    with ended.cube() as hdus:
        assert set(hdus["DEROTATION"].data["DP_ID"]) == {night.path(_SCIENCE).stem}
    told = f"{night.path(_SCIENCE).stem}: exposure 2 of 9 is the last of its template: it was aborted"
    assert [warning.startswith(told) for warning in ended.warnings] == [True] * (spoil is _abort)


def _not_numbers(night: Night, kind: str = _SKY, number: int = 0) -> None:
    planes = night.planes(kind, number)
    planes[1] = np.nan
    night.rewrite(kind, number, planes)


def _small(night: Night, kind: str, number: int = 0) -> None:
    night.rewrite(kind, number, night.planes(kind, number)[:, :512])


def _blank(night: Night, kind: str, number: int = 0) -> None:
    night.rewrite(kind, number, np.full_like(night.planes(kind, number), 60.0))


def _all(spoil: Callable[[Night, str, int], None], kind: str) -> Callable[[Night], None]:
    def each(night: Night) -> None:
        for number in range(len(night.files[kind])):
            spoil(night, kind, number)

    return each


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_not_numbers, r"ird_master_dark IRD_SKY_BG_RAW .*\.fits: \d+ pixels are not numbers"),
        (
            lambda night: night.rewrite(_SKY, 0, np.full_like(night.planes(_SKY), 65535.0)),
            "ird_master_dark IRD_SKY_BG_RAW .*a plane holds 65535 adu in the median, wanted less than 35000",
        ),
        (
            _all(_small, _SCIENCE),
            r"ird_star_centre .*\.fits: an image of 2048 x 512 x 3 px, wanted 2048 x 1024",
        ),
    ],
)
def test_what_a_recipe_cannot_do_without_stops_what_depends_on_it_by_name(
    night: Night, out: Path, spoil: Callable[[Night], None], words: str
) -> None:
    spoil(night)
    ended = _reduce(night.raw, out)
    assert (ended.code, "cube" in ended.products) == (1, False)
    assert re.search(f"refused {words}", ended.words)
    assert re.search("refused ird_level1 .*: not run, because this failed: ", ended.words)
    assert str(ProductKind.QUALITY) not in ended.products


@pytest.mark.parametrize("spoil", [_not_numbers, _small, _blank])
@pytest.mark.parametrize("kind", [_SCIENCE, "OBJECT,FLUX"])
def test_one_file_whose_pixels_are_bad_is_named_and_the_others_are_used(
    night: Night, out: Path, kind: str, spoil: Callable[[Night, str, int], None]
) -> None:
    spoil(night, kind, 1)
    ended = _reduce(night.raw, out)
    assert ended.code == 1
    assert re.search(rf"refused \S+{night.path(kind, 1).name}: .*; left out", ended.words)
    (cube,) = ended.products["cube"]
    assert (cube.match_level, cube.ncombine) == (_LEVEL, 1 if kind == _SCIENCE else 2)
    product = "cube" if kind == _SCIENCE else "psf"
    (made,) = ended.products[product]
    assert night.path(kind).stem in made.provenance
    assert night.path(kind, 1).stem not in made.provenance
    assert list(ended.out.rglob("*.html"))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_all(_blank, "OBJECT,FLUX"), "ird_flux_psf .*all pixels of a plane hold the same, 60 adu"),
        (_all(_small, "OBJECT,CENTER"), "ird_star_centre .*an image of 2048 x 512 x 2 px"),
    ],
)
def test_when_no_file_of_a_kind_can_be_used_the_cube_is_made_as_without(
    night: Night, out: Path, spoil: Callable[[Night], None], words: str
) -> None:
    spoil(night)
    ended = _reduce(night.raw, out)
    assert ended.code == 1
    assert re.search(f"refused {words}", ended.words)
    assert "not run, because" not in ended.words
    (cube,) = ended.products["cube"]
    assert cube.match_level == 3
    with ended.cube() as hdus:
        methods, fluxes = set(hdus["FRAMES"].data["METHOD"]), hdus["CHANNELS"].data["STAR_FLUX"]
    if "flux" in words:
        assert np.isnan(fluxes).all()
        assert "psf" not in ended.products
    else:
        assert methods == {"halo"}
        assert np.isfinite(fluxes).all()


def test_broken_telemetry_is_a_warning_that_names_it(night: Night, out: Path) -> None:
    start = datetime.fromisoformat(fits.getval(night.path(_SCIENCE), "DATE-OBS")) - timedelta(seconds=20)
    begun = start.isoformat(timespec="milliseconds")
    cards = irdis_cards("OBJECT,AO", begun, ESO_SEQ_ARM="SPARTA", ESO_DPR_TECH="IMAGE")
    path = write_raw(night.raw, cards)
    table = fits.BinTableHDU.from_columns([fits.Column("Sec", "J", array=[1, 2])], name="AtmPerfParams")
    fits.HDUList([fits.PrimaryHDU(header=fits.getheader(path)), table]).writeto(path, overwrite=True)
    ended = _reduce(night.raw, out)
    assert ended.code == 0, ended.words
    (cube,) = ended.products["cube"]
    assert cube.match_level == _LEVEL
    told = [line for log in (out / "logs").glob("ird_level1-*") for line in log.read_text().splitlines()]
    assert any(f"{path.name}: AtmPerfParams is no table" in line and "left out" in line for line in told)


def test_both_observing_blocks_of_a_folder_are_reduced(night: Night, out: Path) -> None:
    """An hour later another star: only its own files differ."""
    for kind in (_SCIENCE, "OBJECT,CENTER", "OBJECT,FLUX"):
        for number in range(len(night.files[kind])):
            _an_hour_later(night, kind, number)
    ended = _reduce(night.raw, out)
    assert ended.code == 0, ended.words
    assert {(one.target_name, one.match_level) for one in ended.products["cube"]} == {
        ("PLANTED 1", _LEVEL),
        ("OTHER 2", _LEVEL),
    }
    assert len(ended.products["psf"]) == len(ended.products["centres"]) == 2


def _an_hour_later(night: Night, kind: str, number: int) -> None:
    with fits.open(night.path(kind, number), memmap=False) as hdus:
        header, planes = hdus[0].header, hdus[0].data
    start = datetime.fromisoformat(header["DATE-OBS"]) + timedelta(hours=1)
    end = datetime.fromisoformat(header["ESO DET FRAM UTC"]) + timedelta(hours=1)
    name = f"SPHER.{start.isoformat(timespec='milliseconds')}.fits"
    header["DATE-OBS"], header["MJD-OBS"] = start.isoformat(), header["MJD-OBS"] + 1 / 24
    header["ESO DET FRAM UTC"], header["ARCFILE"] = end.isoformat(), name
    header["OBJECT"] = header["ESO OBS TARG NAME"] = "OTHER 2"
    header["ESO OBS ID"] = 5000
    fits.PrimaryHDU(planes, header).writeto(night.raw / name)
