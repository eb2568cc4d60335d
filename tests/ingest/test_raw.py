import json
import random
from pathlib import Path

import pytest
from astropy.io import fits
from django.db import connection
from rich.console import Console

from hcvo.catalogue.models import AoCondition, Observation, RawFrame, Target
from hcvo.config import Settings
from hcvo.model.release import ReleasePolicy
from ingest.raw import ingest_raw
from ingest.report import IngestReport, Outcome
from reduce.classify import read_raw_frame
from tests.fixtures_catalogue import empty_tables
from tests.ingest import frames


def _rows() -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, ids and times of entry left out."""
    found = {}
    with connection.cursor() as cursor:
        for table in ("target", "programme", "observation", "raw_frame", "ao_condition"):
            cursor.execute(f"SELECT to_jsonb(t) - 'ingested' FROM archive.{table} t ORDER BY 1")
            found[table] = cursor.fetchall()
    return found


def test_frames_observation_target_and_every_card_go_in(catalogue: Settings, tmp_path: Path) -> None:
    cards = frames.header()
    path = frames.write_frame(tmp_path, cards)
    report = ingest_raw([path], read_raw_frame, catalogue)

    assert report.count(Outcome.NEW) == 1
    frame = RawFrame.objects.get(dp_id=frames.dp_id(0))
    assert frame.frame_class == "IRD_SCIENCE_DBI_RAW"
    for keyword in cards:
        assert frame.cards[keyword] == cards[keyword], keyword
    observation = Observation.objects.get()
    assert observation.obs_id == "SPHERE.IRDIS.1000123.2015-02-03T05:10:20"
    assert (observation.n_frames, observation.n_science, observation.t_exptime) == (1, 1, 12.0)
    assert observation.facility == "VLT UT3"
    assert (observation.target.main_name, observation.target.source) == ("* bet Pic", "dictionary")
    assert report.entries[0].obs_id == observation.obs_id


def test_the_same_file_twice_changes_nothing(catalogue: Settings, tmp_path: Path) -> None:
    paths = [frames.write_frame(tmp_path, frames.header(minute=minute)) for minute in (0, 1)]
    ingest_raw(paths, read_raw_frame, catalogue)
    before = _rows()
    report = ingest_raw(paths, read_raw_frame, catalogue)
    assert [entry.outcome for entry in report.entries] == [Outcome.KNOWN, Outcome.KNOWN]
    assert _rows() == before


def test_the_same_name_with_another_content_is_refused(catalogue: Settings, tmp_path: Path) -> None:
    ingest_raw([frames.write_frame(tmp_path, frames.header())], read_raw_frame, catalogue)
    before = _rows()
    other = frames.write_frame(tmp_path, frames.header(dit=8.0), "other.fits")
    report = ingest_raw([other], read_raw_frame, catalogue)
    assert report.entries[0].outcome is Outcome.REFUSED
    assert "another content" in report.entries[0].reason
    assert _rows() == before


def test_a_moved_file_is_found_at_its_new_place(catalogue: Settings, tmp_path: Path) -> None:
    path = frames.write_frame(tmp_path, frames.header())
    ingest_raw([path], read_raw_frame, catalogue)
    moved = path.rename(tmp_path / "moved.fits")
    ingest_raw([moved], read_raw_frame, catalogue)
    assert RawFrame.objects.get().path == str(moved)


@pytest.mark.parametrize("keep", [0, 2880, 5000])
def test_a_good_copy_takes_the_place_of_a_broken_one(catalogue: Settings, tmp_path: Path, keep: int) -> None:
    path = frames.write_frame(tmp_path, frames.header())
    good = tmp_path / "good.fits"
    good.write_bytes(path.read_bytes())
    ingest_raw([path], read_raw_frame, catalogue)
    ingest_raw([good], read_raw_frame, catalogue)
    assert RawFrame.objects.get().path == str(path)  # both are good: nothing changes
    path.write_bytes(path.read_bytes()[:keep])
    ingest_raw([good], read_raw_frame, catalogue, IngestReport(dry_run=True))
    assert RawFrame.objects.get().path == str(path)
    ingest_raw([good], read_raw_frame, catalogue)
    assert RawFrame.objects.get().path == str(good)


def test_the_report_has_the_names_of_the_end(catalogue: Settings, tmp_path: Path) -> None:
    sequence = (frames.FLUX, frames.CENTER, frames.SCIENCE, frames.DARK)
    paths = [frames.write_frame(tmp_path, frames.header(dpr, minute)) for minute, dpr in enumerate(sequence)]
    report = ingest_raw(paths, read_raw_frame, catalogue)
    name = Observation.objects.get().obs_id
    assert [entry.obs_id for entry in report.entries] == [name, name, name, ""]


def test_each_bad_file_is_named_with_its_reason_and_the_rest_goes_in(
    catalogue: Settings, tmp_path: Path
) -> None:
    good = frames.write_frame(tmp_path, frames.header())
    truncated = frames.write_frame(tmp_path, frames.header(minute=1), "truncated.fits")
    truncated.write_bytes(truncated.read_bytes()[:3000])
    text = tmp_path / "notes.txt"
    text.write_text("seeing was fine\n")
    foreign = frames.write_frame(tmp_path, frames.header(minute=2), "naco.fits")
    fits.setval(foreign, "INSTRUME", value="NAOS+CONICA")
    broken = frames.write_frame(tmp_path, frames.header(minute=3), "broken.fits")
    fits.delval(broken, "MJD-OBS")
    empty = tmp_path / "empty.fits"
    empty.touch()

    bad = {truncated: "headers say", text: "FITS", foreign: "NAOS+CONICA", broken: "MJD-OBS", empty: "empty"}
    report = ingest_raw([*bad, good], read_raw_frame, catalogue)
    for entry, (path, word) in zip(report.entries, bad.items(), strict=False):
        assert entry.outcome is Outcome.REFUSED, path
        assert (entry.path, word in entry.reason) == (str(path), True), entry.reason
    assert report.entries[-1].outcome is Outcome.NEW
    assert RawFrame.objects.count() == 1
    assert report.usable


def test_the_order_of_arrival_does_not_matter(catalogue: Settings, tmp_path: Path) -> None:
    sequence = [frames.FLUX, frames.CENTER, frames.SCIENCE, frames.SCIENCE, frames.DARK]
    paths = [frames.write_frame(tmp_path, frames.header(dpr, minute)) for minute, dpr in enumerate(sequence)]
    generator = random.Random(3)
    ids = set()
    for _ in range(4):
        empty_tables()
        generator.shuffle(paths)
        for path in paths:
            ingest_raw([path], read_raw_frame, catalogue)
        observation = Observation.objects.get()
        ids.add((observation.obs_id, observation.n_frames, observation.n_science, observation.t_exptime))
    assert ids == {("SPHERE.IRDIS.1000123.2015-02-03T05:12:20", 4, 2, 24.0)}
    assert RawFrame.objects.get(frame_class="IRD_DARK_RAW").observation is None


def test_two_arms_and_two_executions_are_observations_of_their_own(
    catalogue: Settings, tmp_path: Path
) -> None:
    again = frames.header(minute=120)
    again["HIERARCH ESO OBS START"] = "2015-02-03T07:00:00"
    ifs = frames.header(("SCIENCE", "OBJECT", "IFU", "IFS"), minute=0.5)
    paths = [frames.write_frame(tmp_path, cards) for cards in (frames.header(), again, ifs)]
    ingest_raw(paths, read_raw_frame, catalogue)
    assert Observation.objects.count() == 3
    assert Target.objects.count() == 1


def test_a_dry_run_reads_everything_and_writes_nothing(catalogue: Settings, tmp_path: Path) -> None:
    path = frames.write_frame(tmp_path, frames.header())
    report = ingest_raw([path], read_raw_frame, catalogue, IngestReport(dry_run=True))
    assert report.count(Outcome.NEW) == 1
    assert RawFrame.objects.count() == Observation.objects.count() == Target.objects.count() == 0


def test_telemetry_becomes_seeing_and_coherence_time(catalogue: Settings, tmp_path: Path) -> None:
    path = frames.write_telemetry(tmp_path, 0.0, [0.1262, 0.0], [10.0, 12.0])
    ingest_raw([path], read_raw_frame, catalogue)
    good, without = AoCondition.objects.order_by("mjd")
    assert good.seeing == pytest.approx(0.98 * 500e-9 / 0.1262 * 206264.806, rel=1e-6)
    assert good.tau0 == pytest.approx(0.314 * 0.1262 / 10.0, rel=1e-6)
    assert good.mjd == pytest.approx(read_raw_frame(path).mjd_obs, abs=2e-8)
    assert (without.seeing, without.tau0) == (None, None)


@pytest.mark.parametrize(
    ("policy", "dark_years", "raw_years", "observation_years"),
    [(ReleasePolicy.DEFAULT, 0, 1, 2), (ReleasePolicy.NOW, 0, 0, 0)],
)
def test_release_terms(
    catalogue: Settings,
    tmp_path: Path,
    policy: ReleasePolicy,
    dark_years: int,
    raw_years: int,
    observation_years: int,
) -> None:
    paths = [
        frames.write_frame(tmp_path, frames.header(dpr, minute))
        for minute, dpr in enumerate((frames.SCIENCE, frames.DARK))
    ]
    ingest_raw(paths, read_raw_frame, catalogue, policy=policy)
    for row, years in (
        (RawFrame.objects.get(kind="DARK"), dark_years),
        (RawFrame.objects.get(kind="OBJECT"), raw_years),
        (Observation.objects.get(), observation_years),
    ):
        assert row.release_time is not None
        waited = (row.release_time - frames.START).total_seconds() / (365.25 * 86400)
        assert waited == pytest.approx(years, abs=1e-4)


@pytest.mark.parametrize("dry_run", [False, True])
def test_known_files_keep_their_terms_and_the_report_says_so(
    catalogue: Settings, tmp_path: Path, *, dry_run: bool
) -> None:
    paths = [frames.write_frame(tmp_path, frames.header(minute=minute)) for minute in (0, 1)]
    paths.append(frames.write_frame(tmp_path, frames.header(frames.DARK, 2)))
    assert not ingest_raw(paths, read_raw_frame, catalogue).notes
    assert not ingest_raw(paths, read_raw_frame, catalogue).notes
    before = _rows()
    report = IngestReport(dry_run=dry_run)
    ingest_raw(paths, read_raw_frame, catalogue, report, policy=ReleasePolicy.NOW)
    (note,) = report.notes
    assert "2 files known already keep their release terms" in note  # the dark is public anyhow
    assert "public from 2016-02-03; with --release now a new file would be from 2015-02-03" in note
    assert (report.usable, _rows()) == (True, before)


def test_a_new_frame_of_a_private_observation_says_that_it_stays_so(
    catalogue: Settings, tmp_path: Path
) -> None:
    ingest_raw([frames.write_frame(tmp_path, frames.header())], read_raw_frame, catalogue)
    later = frames.write_frame(tmp_path, frames.header(minute=5))
    (note,) = ingest_raw([later], read_raw_frame, catalogue, policy=ReleasePolicy.NOW).notes
    observation = Observation.objects.get()
    assert f"{observation.obs_id} keeps its release terms, public from 2017-02-0" in note


@pytest.mark.parametrize(
    ("keyword", "value", "at_eso"),
    [
        ("ESO DET CHIP1 ID", "SIM-Hawaii2RG", False),
        ("ESO DET CHIP1 ID", "ESO-Hawaii2RG", True),
        ("HCVO SIM", True, False),
        ("HCVO SIM", False, True),
    ],
)
def test_simulated_frames_are_known_not_to_be_at_eso(
    catalogue: Settings, tmp_path: Path, keyword: str, value: object, *, at_eso: bool
) -> None:
    cards = frames.header()
    cards[f"HIERARCH {keyword}"] = value
    ingest_raw([frames.write_frame(tmp_path, cards)], read_raw_frame, catalogue)
    assert RawFrame.objects.get().at_eso is at_eso


@pytest.mark.parametrize("category", ["SCIENCE", "CALIB"])
def test_telemetry_is_as_private_as_the_frames_it_was_taken_with(
    catalogue: Settings, tmp_path: Path, category: str
) -> None:
    """ESO files it under either category; it names target and programme."""
    path = frames.write_telemetry(tmp_path, 0.0, [0.1262], [10.0])
    fits.setval(path, "HIERARCH ESO DPR CATG", value=category)
    ingest_raw([path], read_raw_frame, catalogue)
    for row in (RawFrame.objects.get(), AoCondition.objects.get()):
        assert row.release_time is not None
        assert (row.release_time - frames.START).days == 365


def test_report_is_json_and_a_table(catalogue: Settings, tmp_path: Path) -> None:
    (tmp_path / "a[b].txt").write_text("no FITS")
    report = ingest_raw([tmp_path / "a[b].txt"], read_raw_frame, catalogue)
    assert json.loads(report.to_json())["counts"] == {"new": 0, "known": 0, "refused": 1}
    console = Console(record=True, width=200)
    report.show(console)
    assert "a[b].txt" in console.export_text()
    assert not report.usable
