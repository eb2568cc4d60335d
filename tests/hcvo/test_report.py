"""A report is ok only if it has rows and each is."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from hcvo import report
from hcvo.report import Row, publish_report

_MET = Row("seed 1", "separation", 1.25, "mas", "<= 3", ok=True)
_MISSED = Row("seed 2", "separation", None, "mas", "<= 3", ok=False)


@pytest.fixture(autouse=True)
def _own_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "CHECKOUT", tmp_path)


@pytest.mark.parametrize(
    ("rows", "wanted"), [([_MET], True), ([_MET, _MISSED], False), ([], False), ([_MISSED], False)]
)
def test_verdict(rows: list[Row], *, wanted: bool) -> None:
    assert publish_report("x", rows, Console(file=StringIO())) is wanted


def test_table_and_json_say_the_same(tmp_path: Path) -> None:
    text = StringIO()
    publish_report("truth-x", [_MET, _MISSED], Console(file=text, width=120))
    assert "1 of 2 met" in text.getvalue()
    rows = json.loads((tmp_path / "build/reports/truth-x.json").read_text())
    assert [row["ok"] for row in rows] == [True, False]
    assert rows[1]["value"] is None
