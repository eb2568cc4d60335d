"""Many frames at once: batches, several readers, a bad one in a batch, kill -9 at any moment."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import connection

from hcvo.catalogue.models import Observation, RawFrame
from hcvo.config import Settings
from hcvo.model.frame import RawFrame as Frame
from ingest import raw as raw_module
from ingest.raw import ingest_raw
from ingest.report import Outcome
from reduce.classify import read_raw_frame
from tests.fixtures_catalogue import empty_tables
from tests.ingest import frames

_MOMENTS = 3
_PROGRAM = """
import sys
import time
from pathlib import Path
from hcvo.config import Settings
from ingest import raw
from reduce.classify import read_raw_frame
raw._BATCH = 20
copy = raw.copy_rows
def copy_slowly(rows):
    copy(rows)
    time.sleep(0.15)  # within the transaction: this is where most kills come
raw.copy_rows = copy_slowly
settings = Settings.model_validate_json(Path(sys.argv[1]).read_text())
print("begun", flush=True)
report = raw.ingest_raw(sorted(Path(sys.argv[2]).glob("*.fits")), read_raw_frame, settings)
print(sum(entry.outcome == "refused" for entry in report.entries))
"""


def _night(folder: Path, number: int) -> list[Path]:
    """Science frames of four observations, a dark in five, telemetry in fifty."""
    made = []
    for minute in range(number):
        if minute % 50 == 49:
            made.append(frames.write_telemetry(folder, minute, [0.1, 0.2], [5.0, 6.0]))
            continue
        dark = minute % 5 == 4
        cards = frames.header(
            frames.DARK if dark else frames.SCIENCE, minute, ob_id=None if dark else 1000123 + minute % 4
        )
        made.append(frames.write_frame(folder, cards))
    return made


def _rows() -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table but what depends on the order of arrival: keys, and times of entry."""
    found = {}
    with connection.cursor() as cursor:
        for table in ("target", "programme", "observation", "raw_frame", "ao_condition"):
            gone = " - 'ingested' - 'id' - 'target_id' - 'observation_id' - 'raw_frame_id' - 'programme_id'"
            cursor.execute(f"SELECT (to_jsonb(t){gone})::text FROM archive.{table} t ORDER BY 1")
            found[table] = cursor.fetchall()
    return found


def _alone(paths: Sequence[Path], settings: Settings) -> dict[str, list[tuple[object, ...]]]:
    """Rows when each file comes by itself."""
    for path in paths:
        ingest_raw([path], read_raw_frame, settings)
    rows = _rows()
    empty_tables()
    return rows


@pytest.mark.parametrize("workers", [1, 2])
def test_batches_give_the_rows_of_single_files(
    catalogue: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setattr(raw_module, "_BATCH", 16)
    paths = _night(tmp_path, 60)
    wanted = _alone(paths, catalogue)
    report = ingest_raw(paths, read_raw_frame, catalogue, workers=workers)
    assert report.count(Outcome.NEW) == len(paths)
    assert [entry.path for entry in report.entries] == [str(path) for path in paths]
    assert _rows() == wanted
    assert {row.n_frames for row in Observation.objects.all()} == {12}


def test_one_frame_that_the_database_refuses_keeps_no_other_out(catalogue: Settings, tmp_path: Path) -> None:
    paths = _night(tmp_path, 12)
    bad = paths[7]

    def reader(path: Path) -> Frame:
        frame = read_raw_frame(path)
        return replace(frame, ndit=2**40) if path == bad else frame  # more than its column holds

    twice = frames.write_frame(tmp_path, frames.header(minute=0), "twice.fits")
    report = ingest_raw([*paths, twice], reader, catalogue)
    outcomes = [Outcome.NEW] * 12 + [Outcome.KNOWN]
    outcomes[7] = Outcome.REFUSED
    assert [entry.outcome for entry in report.entries] == outcomes
    assert "the database refuses a value" in report.entries[7].reason
    assert RawFrame.objects.count() == 11


def test_killed_at_random_moments_and_resumed_it_ends_with_the_same_rows(
    catalogue: Settings, tmp_path: Path
) -> None:
    (tmp_path / "raw").mkdir()
    paths = _night(tmp_path / "raw", 120)
    wanted = _alone(paths, catalogue)
    (tmp_path / "settings.json").write_text(catalogue.model_dump_json())
    command = [sys.executable, "-c", _PROGRAM, str(tmp_path / "settings.json"), str(tmp_path / "raw")]
    rng = random.Random(8)
    for _ in range(_MOMENTS):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(rng.uniform(0.0, 0.5))
            os.kill(process.pid, signal.SIGKILL)
        assert RawFrame.objects.count() % 20 == 0  # whole batches
    assert RawFrame.objects.count() < 120
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == ["begun", "0"]
    assert _rows() == wanted
