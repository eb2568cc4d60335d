"""Results of reductions at once: the rows of single processes, bad files named, kill -9 at any moment."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from click.testing import CliRunner

from hcvo.catalogue.models import Contrast, Process, ProcessInput, Product, RawFrame
from hcvo.centre import ingest_command
from hcvo.config import Settings
from hcvo.headers.page import product_cards, quick_cards
from hcvo.headers.wcs import celestial_header, footprint
from hcvo.model.provenance import Input, ProcessKey
from hcvo.model.release import ReleasePolicy
from ingest import bulk_products
from ingest.bulk_products import ingest_products
from ingest.obscore import describe
from ingest.process_records import read_process_record, record_paths
from ingest.products import Newcomers, StoredFile, load_products
from ingest.report import IngestReport, Outcome
from ingest.resolve import Resolver
from tests.fixtures_catalogue import empty_tables
from tests.ingest import results

_MOMENTS = 3
_PROGRAM = """
import sys
import time
from pathlib import Path
from hcvo.config import Settings
from ingest import bulk_products
bulk_products._BATCH = 40
copy = bulk_products.copy_rows
def copy_slowly(rows):
    copy(rows)
    time.sleep(0.02)  # within the transaction: this is where most kills come
bulk_products.copy_rows = copy_slowly
settings = Settings.model_validate_json(Path(sys.argv[1]).read_text())
print("begun", flush=True)
report = bulk_products.ingest_products([Path(sys.argv[2])], settings)
print(sum(entry.outcome == "refused" for entry in report.entries))
"""


@pytest.fixture
def made(catalogue: Settings, shared_data: Path) -> tuple[Settings, Path]:
    """The site with twelve observations, and the folder of their results below its state folder."""
    folder = catalogue.state / "results"
    subprocess.run(["rm", "-rf", str(folder)], check=True)
    sequences = list(results.real_sequences(shared_data / "phase3", 12, random.Random(3)))
    results.enter_observations(sequences)
    assert results.write_results(folder, sequences, random.Random(4)) == 12 * results.A_SEQUENCE
    return catalogue, folder


def _one_by_one(folder: Path, settings: Settings) -> dict[str, tuple[int, str]]:
    """Rows when each process is entered as the recorder of the archive does."""
    newcomers = Newcomers(Resolver(settings.resolver), ReleasePolicy.DEFAULT)
    for path in record_paths(folder):
        record = read_process_record(path)
        process = Process.objects.create(
            pk=record.process_id, recipe=record.key.recipe, version=record.key.version,
            parameters=record.key.parameters, digest=record.key.digest, state="done", started=record.started,
            ended=record.ended, host=record.host, libraries=record.libraries,
        )  # fmt: skip
        for read in record.key.inputs:
            raw = RawFrame.objects.filter(dp_id=read.name).first()
            product = Product.objects.filter(name=read.name).first()
            assert (raw is None) != (product is None)
            ProcessInput.objects.create(
                process=process, role=read.role, name=read.name, sha256=read.sha256, raw_frame=raw,
                product=product,
            )  # fmt: skip
        files = [
            StoredFile(one.path, str(one.path.relative_to(folder)), one.sha256, one.size, "")
            for one in record.outputs
        ]
        load_products(process, files, newcomers)
    return results.digests()


def _empty_products() -> None:
    Contrast.objects.all().delete()
    ProcessInput.objects.all().delete()
    Product.objects.all().delete()
    Process.objects.all().delete()


def _outcomes(report: IngestReport) -> dict[str, int]:
    return {outcome.value: number for outcome in Outcome if (number := report.count(outcome))}


@pytest.mark.parametrize("workers", [1, 2])
def test_batches_give_the_rows_of_single_processes_and_the_files(
    made: tuple[Settings, Path], monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    settings, folder = made
    RawFrame.objects.filter(dp_id__startswith="SPHER.2019-04").update(
        release_time=datetime(2090, 1, 1, tzinfo=UTC)
    )
    wanted = _one_by_one(folder, settings)
    _empty_products()
    monkeypatch.setattr(bulk_products, "_BATCH", 35)
    report = ingest_products([folder], settings, workers=workers)
    assert _outcomes(report) == {"new": 120}
    assert results.digests() == wanted
    assert wanted["contrast"][0] == 12 * 80
    assert Product.objects.filter(release_time__year=2090).exists()
    for product in Product.objects.all():
        assert (settings.store / product.accref).read_bytes() == (folder / product.accref).read_bytes()
    assert _outcomes(ingest_products([folder], settings)) == {"known": 120}
    assert results.digests() == wanted
    assert Process.objects.create(
        recipe="next", version="1", digest="0", state="done", started=datetime.now(UTC), host="here"
    ).pk > max(int(path.stem) for path in record_paths(folder))


def test_dry_run_reads_all_and_writes_nothing(
    made: tuple[Settings, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, folder = made
    monkeypatch.setattr(ingest_command, "load_settings", lambda: settings)
    run = CliRunner().invoke(ingest_command.ingest, ["products", str(folder), "--dry-run", "--json"])
    assert json.loads(run.stdout)["counts"] == {"new": 120, "known": 0, "refused": 0}
    assert not Product.objects.exists()
    assert not any(settings.store.iterdir())
    run = CliRunner().invoke(ingest_command.ingest, ["products", str(folder), "--json"])
    assert json.loads(run.stdout)["counts"] == {"new": 120, "known": 0, "refused": 0}
    run = CliRunner().invoke(ingest_command.ingest, ["products", str(settings.store)])
    assert "no folder 'processes' in it" in str(run.exception)


def _spoil_content(folder: Path) -> str:
    """A product of process 2 changed after it was made."""
    path = read_process_record(folder / "processes" / "2.json").outputs[0].path
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    return "the file was changed or is damaged"


def _spoil_absence(folder: Path) -> str:
    read_process_record(folder / "processes" / "2.json").outputs[1].path.unlink()
    return "says that it made it, but it is not there"


def _spoil_record(folder: Path) -> str:
    path = folder / "processes" / "2.json"
    path.write_text(path.read_text().replace('"version": "1"', '"version": "2"'))
    return "for its recipe, version, parameters and inputs; was it changed by hand?"


def _spoil_json(folder: Path) -> str:
    (folder / "processes" / "2.json").write_text("{")
    return "no process record"


def _spoil_number(folder: Path) -> str:
    del folder
    Process.objects.create(
        pk=2, recipe="other", version="1", digest="0", state="done", started=datetime.now(UTC), host="here"
    )
    return "process 2 of the catalogue is another one"


def _spoil_input(folder: Path) -> str:
    """What it read is of the catalogue, with another content."""
    path = folder / "processes" / "2.json"
    entry = json.loads(path.read_text())
    entry["inputs"][0]["sha256"] = "0" * 64
    path.write_text(json.dumps(entry | {"digest": _digest(entry)}))
    return "no raw frame or product of the catalogue; ingest it first"


def _digest(entry: dict[str, Any]) -> str:
    inputs = tuple(Input(one["role"], one["sha256"], one["name"]) for one in entry["inputs"])
    return ProcessKey(entry["recipe"], entry["version"], entry["parameters"], inputs).digest


@pytest.mark.parametrize(
    "spoil", [_spoil_content, _spoil_absence, _spoil_record, _spoil_json, _spoil_number, _spoil_input]
)
def test_a_bad_process_is_named_and_the_rest_goes_in(made: tuple[Settings, Path], spoil: object) -> None:
    settings, folder = made
    assert callable(spoil)
    reason = spoil(folder)
    report = ingest_products([folder], settings)
    refused = [entry for entry in report.entries if entry.outcome is Outcome.REFUSED]
    assert any(reason in entry.reason for entry in refused), refused
    assert report.count(Outcome.NEW) == 113  # all but the seven of process 2
    assert not Product.objects.filter(process_id=2).exists()
    assert Process.objects.filter(state="done").exclude(recipe="other").count() == 35


def test_what_was_made_from_a_refused_product_stays_out(made: tuple[Settings, Path]) -> None:
    settings, folder = made
    read_process_record(folder / "processes" / "1.json").outputs[0].path.unlink()
    report = ingest_products([folder], settings)
    assert report.count(Outcome.NEW) == 110
    assert Process.objects.count() == 33


def test_killed_at_random_moments_and_resumed_it_ends_with_the_same_rows(made: tuple[Settings, Path]) -> None:
    settings, folder = made
    wanted = _one_by_one(folder, settings)
    _empty_products()
    (settings.state / "settings.json").write_text(settings.model_dump_json())
    command = [sys.executable, "-c", _PROGRAM, str(settings.state / "settings.json"), str(folder)]
    rng, cut_off = random.Random(8), 0
    for _ in range(_MOMENTS):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(rng.uniform(0.0, 0.4))
            os.kill(process.pid, signal.SIGKILL)
        cut_off += Product.objects.count() < 120
        assert Contrast.objects.count() == 80 * Product.objects.filter(kind="contrast").count()
    assert cut_off
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == ["begun", "0"]
    assert results.digests() == wanted
    stored = {str(path.relative_to(settings.store)) for path in settings.store.rglob("*") if path.is_file()}
    assert stored == set(Product.objects.values_list("accref", flat=True))
    empty_tables()


def test_quick_headers_and_tables_are_those_of_astropy(made: tuple[Settings, Path]) -> None:
    _, folder = made
    for output in (one for path in record_paths(folder) for one in read_process_record(path).outputs):
        quick, slow = quick_cards(output.path), product_cards(output.path)
        assert (quick is None) == any(card.keyword.startswith("HCVO QC") for card in slow.cards)
        if quick is None:
            continue
        assert quick == {card.keyword: card.value for card in slow.cards}
        left, right = describe(output.path, quick), describe(output.path, slow)
        assert left == right


def test_footprints_of_our_own_coordinates_are_those_of_astropy() -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        ra, dec = rng.uniform(0, 360), rng.uniform(-89.5, 89.5)
        header = celestial_header(1025, rng.uniform(7, 30), ra, dec, angle_deg=rng.uniform(0, 360))
        header["NAXIS1"], header["NAXIS2"] = 1025, 1023
        ours = np.array(footprint(header))
        header["LATPOLE"] = dec  # says nothing new, and is not of ours: astropy computes
        assert isinstance(header, fits.Header)
        apart = np.array(footprint(header)) - ours
        apart[:, 0] = (apart[:, 0] + 180) % 360 - 180
        assert np.abs(apart).max() < 1e-9
