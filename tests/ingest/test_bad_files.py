"""One bad file never ends the ingest: it is refused by name, and the rest goes in."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hcvo.catalogue.models import AoCondition, RawFrame
from hcvo.config import Settings
from ingest.raw import ingest_raw
from ingest.report import IngestReport, Outcome
from reduce.classify import read_raw_frame
from tests.fixtures_catalogue import empty_tables
from tests.ingest import frames

_SPARTA = ("Sec", "USec", "R0", "WindSpeed", "StrehlRatio")


def _refused(catalogue: Settings, folder: Path, bad: Path) -> IngestReport:
    """Ingest a bad file before a good one."""
    good = frames.write_frame(folder, frames.header(minute=7))
    report = ingest_raw([bad, good], read_raw_frame, catalogue)
    assert [entry.outcome for entry in report.entries] == [Outcome.REFUSED, Outcome.NEW]
    assert RawFrame.objects.count() == 1
    return report


@pytest.mark.parametrize(
    ("keyword", "value", "word"),
    [
        ("HIERARCH ESO OBS ID", 2**63, "OBS ID"),
        ("DATE-OBS", "9999-12-31T23:59:59", "year"),
        ("HIERARCH ESO OBS PROG ID", "x" * 5000, "5000 characters"),
    ],
)
def test_a_card_out_of_range(
    catalogue: Settings, tmp_path: Path, keyword: str, value: object, word: str
) -> None:
    cards = frames.header()
    cards[keyword] = value
    report = _refused(catalogue, tmp_path, frames.write_frame(tmp_path, cards))
    assert word in report.entries[0].reason


def test_a_name_that_is_no_text(catalogue: Settings, tmp_path: Path) -> None:
    path = frames.write_frame(tmp_path, frames.header())
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xe9.fits"))
    path.rename(odd)
    report = _refused(catalogue, tmp_path, odd)
    assert report.entries[0].path.endswith(r"\xe9.fits")
    assert "rename" in report.entries[0].reason


def _telemetry(folder: Path, table: Any) -> Path:  # noqa: ANN401 - any HDU
    path = folder / "sparta.fits"
    fits.HDUList([fits.PrimaryHDU(None, frames.header(frames.SPARTA)), table]).writeto(path)
    return path


@pytest.mark.parametrize(
    "table",
    [
        fits.BinTableHDU.from_columns(
            [fits.Column(n, "8A", array=["x"]) for n in _SPARTA], name="AtmPerfParams"
        ),
        fits.BinTableHDU.from_columns(
            [fits.Column(n, "2E", array=[[1, 2]]) for n in _SPARTA], name="AtmPerfParams"
        ),
        fits.BinTableHDU.from_columns([fits.Column("Sec", "J", array=[1])], name="AtmPerfParams"),
        fits.ImageHDU(np.zeros((2, 2), np.float32), name="AtmPerfParams"),
        fits.ImageHDU(name="AtmPerfParams"),
    ],
    ids=["text", "vectors", "one column", "image", "nothing"],
)
def test_telemetry_that_is_none(catalogue: Settings, tmp_path: Path, table: Any) -> None:  # noqa: ANN401
    report = _refused(catalogue, tmp_path, _telemetry(tmp_path, table))
    assert "AtmPerfParams" in report.entries[0].reason


def test_samples_without_a_time_are_left_out(catalogue: Settings, tmp_path: Path) -> None:
    columns = [fits.Column(name, "D", array=[1.0, np.nan, np.inf, -np.inf]) for name in _SPARTA]
    table = fits.BinTableHDU.from_columns(columns, name="AtmPerfParams")
    report = ingest_raw([_telemetry(tmp_path, table)], read_raw_frame, catalogue)
    assert report.entries[0].outcome is Outcome.NEW
    assert AoCondition.objects.count() == 1


_numbers = (
    st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False, width=32)
    | st.sampled_from([2**31, 2**63, 1e300, -1e300, 1e-300, 0, True])
)
_texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60) | st.sampled_from(
    ["9999-12-31T23:59:59", "0001-01-01", "2015-02-03T05:10:20+23:59", "x" * 3000]
)
_KEYWORDS = (
    "ARCFILE", "DATE-OBS", "MJD-OBS", "OBJECT", "RA", "DEC", "TELESCOP", "EXPTIME",
    *(f"HIERARCH ESO {name}" for name in (
        "DPR CATG", "DPR TECH", "SEQ ARM", "OBS ID", "OBS START", "OBS PROG ID", "OBS TARG NAME",
        "OBS PI-COI NAME", "DET SEQ1 DIT", "DET FRAM UTC", "INS COMB IFLT", "INS4 DROT2 MODE",
        "TEL TARG ALPHA", "TEL TARG DELTA", "TEL TARG PMA", "TEL TARG PMD", "DET CHIP1 ID",
    )),
)  # fmt: skip


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(changes=st.dictionaries(st.sampled_from(_KEYWORDS), _numbers | _texts, min_size=1, max_size=4))
def test_whatever_the_cards_say_the_rest_goes_in(
    catalogue: Settings, tmp_path: Path, changes: dict[str, object]
) -> None:
    empty_tables()
    for old in tmp_path.iterdir():
        old.unlink()
    cards = frames.header()
    bad = frames.write_frame(tmp_path, cards, "bad.fits")
    with fits.open(bad, mode="update", output_verify="ignore") as units:
        units[0].header.update(changes)
    good = frames.write_frame(tmp_path, frames.header(minute=7))
    report = ingest_raw([bad, good], read_raw_frame, catalogue)
    assert report.entries[0].outcome is Outcome.NEW or report.entries[0].reason
    assert report.entries[1].outcome is Outcome.NEW
