"""The table of planes and the page that shows it, of a cube with planted faults."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray

from hcvo.headers.frames_table import read_planes_of
from hcvo.headers.page import product_cards
from hcvo.headers.product import read_product_facts
from hcvo.headers.quality import qc_cards, read_qc
from hcvo.model.product import ProductKind
from reduce.product_file import image_hdu, table_hdu, write_product
from reduce.recipes import quality_report
from reduce.recipes.frame_light import FrameRule, Planes
from reduce.recipes.frame_table import FrameTable, frame_table
from reduce.sparta import Atmosphere, Conditions
from tests.reduce.recipes.facts import FACTS
from tests.reduce.recipes.folder_job import run

_COUNT, _SIZE = 10, 121
_MJD: NDArray[np.float64] = np.linspace(58000.0, 58000.0 + 32.0 * (_COUNT - 1) / 86400.0, _COUNT)
_STREHL = 0.87
_OPEN, _AWAY = 3, 6


def _cube(strehl: NDArray[np.float64], clear: NDArray[np.float64]) -> NDArray[np.float32]:
    """(channel, time, y, x): halo of (1 - Strehl) x transparency; in plane `_AWAY` the star is 1.5 px off."""
    rng = np.random.default_rng(8)
    y, x = np.mgrid[-60:61, -60:61].astype(float)
    planes = []
    for time in range(_COUNT):
        radius = np.hypot(x - 1.5 * (time == _AWAY), y)
        halo = 400.0 * clear[time] * (1 - strehl[time]) / (1 - _STREHL)
        planes.append(halo * (np.maximum(radius, 4.0) / 15.0) ** -1.2 + rng.normal(size=x.shape))
    return np.array([planes, planes], np.float32)


def _planes() -> Planes:
    star = np.tile(np.array([480.0, 510.0]), (2, _COUNT, 1))
    names = [f"SPHER.2017-09-04T00-00-0{time // 5}" for time in range(_COUNT)]
    level = np.full((2, _COUNT), 30.0)
    return Planes(names, _MJD, star, np.full(_COUNT, 0.05), ["waffle"] * _COUNT, level, 35000.0 - level)


def _atmosphere(strehl: NDArray[np.float64], clear: NDArray[np.float64]) -> Atmosphere:
    still = np.ones(_COUNT)
    return Atmosphere(_MJD, Conditions(strehl, 0.7 * still, 0.005 * still, 9.0 * still, 820.0 * clear))


def _table(rule: FrameRule | None = None, *, telemetry: bool = True) -> FrameTable:
    strehl, clear = np.full(_COUNT, _STREHL), np.ones(_COUNT)
    strehl[_OPEN], clear[8] = 0.5, 0.8
    air = _atmosphere(np.full(_COUNT, _STREHL), clear) if telemetry else None  # SPARTA misses the open loop
    return frame_table(_cube(strehl, clear), _planes(), (4.0, 4.2), 8.0, air, rule or FrameRule())


def test_planted_faults_are_rejected_with_their_reasons_and_nothing_else() -> None:
    table = _table()
    assert np.flatnonzero(~table.kept).tolist() == [_OPEN, _AWAY]
    assert table.verdict.reasons[_OPEN].startswith("image: Strehl down")
    assert table.verdict.reasons[_AWAY].startswith("centre 1.5 px off")
    assert table.warning == ""
    rows = table.hdu().data
    assert rows["RESIDUAL"][_AWAY] == pytest.approx(1.5, abs=0.1)
    assert rows["FLUX"][8] == pytest.approx([0.8, 0.8], abs=0.02)  # a cloud, by the sensor
    assert rows["SEEING"] == pytest.approx(np.full(_COUNT, 0.7))
    assert rows["STAR_X"].shape == (_COUNT, 2)


def test_the_halo_alone_tells_an_open_loop() -> None:
    table = _table(telemetry=False)
    assert _OPEN in np.flatnonzero(~table.kept)
    assert [hdu.name for hdu in table.hdus()] == ["FRAMES"]
    cards = table.cards()
    assert cards["HIERARCH HCVO QC FLUX BY"][0] == "halo"
    assert "HIERARCH HCVO QC AO SEEING" not in cards


def test_a_rule_that_would_take_too_many_warns() -> None:
    table = _table(FrameRule(most_lost=0.1))
    assert (~table.kept).sum() == 1
    assert "2 of 10" in table.warning
    assert table.cards()["HIERARCH HCVO QC FRAMES WARNING"][0] is True


def test_a_star_that_jumped_is_judged_even_where_it_was_recentred() -> None:
    planes = _planes()
    planes.star[:, 2] += (1.2, 0.0)
    still = np.full(_COUNT, _STREHL)
    cube = _cube(still, np.ones(_COUNT))
    table = frame_table(cube, planes, (4.0, 4.2), 8.0, None, FrameRule())
    assert not table.kept[2]


def test_planes_of_noise_are_all_kept() -> None:
    noise = np.random.default_rng(2).normal(size=(2, _COUNT, _SIZE, _SIZE)).astype(np.float32)
    table = frame_table(noise, _planes(), (4.0, 4.2), 8.0, None, FrameRule())
    assert table.kept.all()
    assert table.light.by == "nothing"


def _cube_file(path: Path, table: FrameTable, **centre: tuple[object, str]) -> Path:
    counts = np.arange(_COUNT)
    derotation = table_hdu(
        "DEROTATION",
        [
            ("DP_ID", "64A", "", list(table.planes.names)),
            ("PLANE", "J", "", counts % 5),
            ("MJD_MID", "D", "d", _MJD),
            ("ANGLE", "D", "deg", 10.0 + counts),
            ("ICRS_ROTATION", "D", "deg", np.full(_COUNT, 0.02)),
            ("SMEAR", "D", "deg", np.full(_COUNT, 0.5)),
        ],
    )
    channels = table_hdu(
        "CHANNELS",
        [
            ("NAME", "16A", "", ["H2", "H3"]),
            ("FWHM", "D", "pix", [4.0, 4.2]),
            ("STAR_FLUX", "D", "adu", [1e6, 1e6]),
        ],
    )
    psf = image_hdu("PSF", np.ones((2, 21, 21), np.float32), "", "channel,y,x")
    facts = replace(FACTS, kind=ProductKind.CUBE, axes="channel,time,y,x")
    data = _cube(np.full(_COUNT, _STREHL), np.ones(_COUNT))
    cards = qc_cards({f"CENTRE {name}": value for name, value in centre.items()})
    write_product(path, facts, data, [derotation, channels, psf, *table.hdus()], table.cards() | cards)
    return path


def test_the_page_is_a_product_with_figures_numbers_and_reasons(tmp_path: Path) -> None:
    cube = _cube_file(tmp_path / "cube.fits", _table())
    job = run(quality_report.RECIPE, {"cube": cube}, quality_report.QualityParameters(), tmp_path)
    page = job.made[ProductKind.QUALITY].path
    assert page.suffix == ".html"
    text = page.read_text(encoding="utf-8")
    for title in ("Centring", "Choice of planes", "Background", "PSF and flux", "AO conditions"):
        assert f"<h2>{title}</h2>\n<img" in text
    assert "centre 1.5 px off" in text
    assert "http" not in text.replace("https://", "").split("<h2>Cards</h2>")[0]  # self-contained
    header = product_cards(page)
    facts = read_product_facts(header)
    assert (facts.kind, facts.provenance, facts.recipe) == (
        ProductKind.QUALITY,
        ("cube.fits",),
        "quality_report",
    )
    with fits.open(cube) as hdus:
        assert read_qc(header) == read_qc(hdus[0].header)


def test_planes_are_read_back_for_the_catalogue(tmp_path: Path) -> None:
    rows = read_planes_of(_cube_file(tmp_path / "cube.fits", _table()))
    assert [row.kept for row in rows] == [time not in (_OPEN, _AWAY) for time in range(_COUNT)]
    assert (rows[7].plane, rows[7].angle, rows[7].smear, rows[7].star_x) == (2, 17.02, 0.5, 480.0)
    assert rows[_AWAY].reason.startswith("centre")
    assert (rows[0].background, rows[0].seeing, rows[0].method) == (30.0, 0.7, "waffle")


@pytest.mark.parametrize(
    ("ok", "method", "said"),
    [(True, "waffle", []), (False, "waffle", ["in doubt"]), (True, "halo,waffle", ["its halo"])],
)
def test_a_star_whose_place_is_in_doubt_is_told_at_the_top_of_the_page(
    tmp_path: Path,
    ok: bool,  # noqa: FBT001
    method: str,
    said: list[str],
) -> None:
    cube = _cube_file(tmp_path / "cube.fits", _table(), OK=(ok, "verdict"), METHOD=(method, "kept"))
    job = run(quality_report.RECIPE, {"cube": cube}, quality_report.QualityParameters(), tmp_path)
    text = job.made[ProductKind.QUALITY].path.read_text(encoding="utf-8")
    warned = [line for line in text.splitlines() if 'class="warn"' in line and "star" in line]
    assert len(warned) == len(said)
    assert all(word in line for word, line in zip(said, warned, strict=True))
