"""Master flat on planted lamps: pixels that are not linear, saturated levels, lamps of one level."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from hcvo.errors import ReductionError
from hcvo.headers.product import product_header
from hcvo.headers.quality import read_qc
from hcvo.model.product import ProductKind
from reduce.recipe import SourceFile
from reduce.recipes import ird_master_flat as recipe
from reduce.simulate.detector import BAD_KINDS, Detector, make_detector
from tests.reduce.raw_files import irdis_cards, write_raw
from tests.reduce.recipes.facts import FACTS
from tests.reduce.recipes.folder_job import FolderJob, source

_SHAPE = (1024, 2048)
_KINDS = {name: kind for kind, name in BAD_KINDS.items()}
_BIAS = 12.0  # adu
_LAMP = 6000.0  # electrons per second


@pytest.fixture(scope="module")
def detector() -> Detector:
    """Its pattern is sharper than a real one's, so that what is lost of it shows."""
    made = make_detector(np.random.default_rng(21))
    return replace(
        made,
        response=np.where(made.response > 0, 1 + 3 * (made.response - 1), 0).clip(0, 1.5).astype(np.float32),
    )


def _lamps(folder: Path, detector: Detector, levels: Sequence[tuple[float, float]]) -> list[SourceFile]:
    """Raw files of so many seconds, and lamp against its usual brightness."""
    rng = np.random.default_rng(8)
    files = []
    for number, (dit_s, bright) in enumerate(levels):
        light = np.full(_SHAPE, _LAMP * bright, dtype=np.float32)
        planes = np.stack([detector.read(light, dit_s, rng) for _ in range(2)])
        cards = irdis_cards("FLAT,LAMP", f"2018-04-21T10:0{number}:00.000", dit=dit_s, ndit=2)
        path = write_raw(folder, cards, planes)
        files.append(SourceFile(path, "", path.stem))
    return files


def _dark(folder: Path, detector: Detector, dit_s: float) -> SourceFile:
    """The master dark as it would be without noise; hot and unstable pixels are known to it."""
    header = product_header(replace(FACTS, kind=ProductKind.DARK, axes="y,x", level=1, dit_s=dit_s))
    plane = detector.bias + detector.dark * np.float32(dit_s / 1.75)
    known = np.isin(detector.bad, (_KINDS["hot"], _KINDS["unstable"])).astype(np.uint8)
    path = folder / f"dark{dit_s:g}.fits"
    fits.HDUList([fits.PrimaryHDU(plane, header), fits.ImageHDU(known, name="BADPIX")]).writeto(path)
    return source(path)


def _made(folder: Path, lamps: list[SourceFile], darks: list[SourceFile]) -> Path:
    job = FolderJob(folder, 1)
    recipe.RECIPE.run({"flat": lamps, "dark": darks}, recipe.FlatParameters(), job)
    return job.made[ProductKind.FLAT].path


def _numbers(path: Path) -> dict[str, float | None]:
    return {number.name: number.value for number in read_qc(fits.getheader(path))}


def test_pixels_that_are_not_linear_have_a_bit_of_their_own(detector: Detector, tmp_path: Path) -> None:
    """Recall of those that lose 6 % or more at half the full well, and false alarms among good pixels."""
    dits = (1.0, 2.0, 4.0, 6.0, 8.0)
    lamps = _lamps(tmp_path, detector, [(dit_s, 1.0) for dit_s in dits])
    path = _made(tmp_path, lamps, [_dark(tmp_path, detector, dit_s) for dit_s in dits])
    bad = fits.getdata(path, "BADPIX")
    lit = detector.response > 0.5
    curved = (detector.bad == _KINDS["not linear"]) & lit
    assert curved.sum() > 500
    flagged = (bad & recipe.NOT_LINEAR) > 0
    assert flagged[curved & (detector.loss > 0.06)].mean() >= 0.99
    assert flagged[curved].mean() >= 0.95
    assert flagged[(detector.bad == 0) & lit].mean() <= 3e-6
    assert (bad[flagged & curved] & recipe.BAD == 0).mean() > 0.9  # they respond as others do
    assert np.isnan(fits.getdata(path)[bad > 0]).all()
    assert _numbers(path)["FLAT NOT LINEAR"] == flagged.sum()
    assert fits.getheader(path, "BADPIX")["COMMENT"] == ["0 good; bits: 1 bad, 2 not linear"]


def test_a_saturated_level_is_left_out(detector: Detector, tmp_path: Path) -> None:
    """The brightest would hold 56 000 adu in a full well of 52 000; the pattern of pixels stays whole."""
    top = 56_000 * 1.75 / _LAMP
    shares = (0.15, 0.3, 0.45, 0.55, 1.0)
    lamps = _lamps(tmp_path, detector, [(top * share, 1.0) for share in shares])
    path = _made(tmp_path, lamps, [])
    good = (detector.bad == 0) & (detector.response > 0.5) & (fits.getdata(path, "BADPIX") == 0)
    assert good.sum() > 0.98 * ((detector.bad == 0) & (detector.response > 0.5)).sum()
    truth, found = detector.response[good].astype(float), fits.getdata(path)[good].astype(float)
    assert np.polyfit(truth, found, 1)[0] == pytest.approx(1.0, abs=0.02)
    header = fits.getheader(path)
    assert header["NLEVELS"] == 4
    numbers = _numbers(path)
    assert (numbers["FLAT LEVELS"], numbers["FLAT SATURATED"]) == (4, 1)
    assert numbers["FLAT BRIGHTEST"] == pytest.approx(0.55 * 56_000 + _BIAS, rel=0.04)
    assert lamps[4].name not in "".join(map(str, header.values()))  # no precursor


def test_too_few_levels_that_are_not_saturated(detector: Detector, tmp_path: Path) -> None:
    lamps = _lamps(tmp_path, detector, [(3.0, 1.0), (6.0, 1.0), (16.0, 1.0)])
    with pytest.raises(ReductionError) as told:
        _made(tmp_path, lamps, [])
    said = str(told.value)
    assert lamps[0].name in said
    assert "wanted 3 different above 0" in said
    assert f"left out for saturation: {lamps[2].name} holds 52000 adu in the median, " in said
    assert "of its pixels more than 35000" in said
    with pytest.raises(ReductionError, match=r"lamp levels \[\] adu, wanted 3 different above 0"):
        _made(tmp_path, lamps[2:], [])


def test_a_lamp_that_drifts_has_no_levels(detector: Detector, tmp_path: Path) -> None:
    lamps = _lamps(tmp_path, detector, [(4.0, 1.0), (4.0, 1.0003), (4.0, 1.0006)])
    with pytest.raises(ReductionError, match="each 10% above the last"):
        _made(tmp_path, lamps, [])
