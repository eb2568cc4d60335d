import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from pydantic import ValidationError

from hcvo.errors import ConfigError
from reduce.simulate.damage import damage_last
from reduce.simulate.geometry import Derotator, frame_geometry
from reduce.simulate.instrument import FILTERS, GAIN
from reduce.simulate.night import DEMO_TARGET
from reduce.simulate.produce import simulate_night
from reduce.simulate.scenario import Event, Scenario, scenario_named, scenarios
from reduce.simulate.schedule import Exposure, Options, Volume, plan_night
from reduce.simulate.sky import Companion
from reduce.simulate.truth import judge_frames
from tests.reduce.simulate.conftest import NIGHT, Written

TINY = Scenario(
    name="tiny",
    frames=3,
    ndit=3,
    dit_s=16.0,
    filter="DB_K12",
    on_sky=("OBJECT",),
    morning=(),
    events=(Event(frame=1, strehl=0.4), Event(frame=2, jump_px=(1.5, -1.0))),
    cosmics=30,
    unsteady=True,
    volume=(1, 1, 1, 1, 1, 1, 1),
    span_s=100.0,
)


def options_of(scenario: Scenario) -> Options:
    volume = Volume(*scenario.volume, scenario.span_s)
    return Options(
        scenario.seed, scenario.night, scenario.frames, scenario.ndit, scenario.dit_s, volume, scenario
    )


def planned(scenario: Scenario) -> list[Exposure]:
    rng = np.random.default_rng(1)
    return plan_night(options_of(scenario), DEMO_TARGET, FILTERS[scenario.filter], (1e5, 1e5), rng)


def test_table_has_every_mode() -> None:
    table = scenarios().values()
    assert len(table) >= 12
    assert {each.filter for each in table} >= {
        "DB_Y23",
        "DB_J23",
        "DB_H23",
        "DB_H34",
        "DB_K12",
        "BB_H",
        "NB_CntH",
    }
    assert {each.tracking for each in table} == {"PUPIL", "FIELD"}
    assert {each.occulted for each in table} == {True, False}
    assert {each.night.year < 2016 for each in table} == {True, False}
    assert {each.lacks for each in table} >= {"", "CENTER", "FLUX", "flat"}
    assert {each.damage for each in table} == {"", "truncate", "ndit", "abort"}
    assert all(each.filter in FILTERS for each in table)


@pytest.mark.parametrize("name", scenarios())
def test_plan_holds_what_the_row_says(name: str) -> None:
    scenario = scenario_named(name)
    plan = planned(scenario)
    kinds = Counter(each.kind for each in plan)
    for kind in ("FLUX", "CENTER", "SKY"):
        assert kinds[kind] == scenario.on_sky.count(kind)
    for kind in ("FLAT", "DARK", "BACKGROUND"):
        assert (kinds[kind] > 0) == (kind in scenario.morning)
    science = [each for each in plan if each.kind == "OBJECT"]
    assert sum(each.ndit for each in science) == scenario.frames + scenario.second_frames
    assert all(each.density == scenario.density for each in science)
    for before, after in pairwise(plan):
        assert after.start > before.end


def test_unknown_scenario_and_key_are_refused() -> None:
    with pytest.raises(ConfigError, match="h23-pupil"):
        scenario_named("h23")
    with pytest.raises(ValidationError):
        Scenario.model_validate({"colour": "red"})


def test_field_tracking_leaves_north_at_true_north() -> None:
    exposure = next(each for each in planned(scenario_named("bbh-field")) if each.kind == "OBJECT")
    derotator = Derotator(1.0, 0.0, exposure.start)
    for one in frame_geometry(exposure, DEMO_TARGET, (), derotator, "FIELD"):
        assert one.angle == -1.75
        assert one.derotator_error == 0.0


def test_frames_are_judged_by_the_stated_rule() -> None:
    strehls, jumps = [0.8, 0.82, 0.78, 0.55, 0.6, 0.8], [0.0, 0.0, 0.0, 0.0, 0.0, 1.01]
    frames = [{"strehl": strehl, "jump_px": [jump, 0.0]} for strehl, jump in zip(strehls, jumps, strict=True)]
    judge_frames([{"kind": "OBJECT", "frames": frames}, {"kind": "FLUX", "frames": [{}]}])
    assert [frame["bad"] for frame in frames] == [False, False, False, True, False, True]
    assert "Strehl" in str(frames[3]["why"])
    assert "px" in str(frames[5]["why"])


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("tiny")
    planted = (Companion(900.0, 40.0, (2e-3, 2e-3)),)
    path = simulate_night(options_of(TINY), FILTERS[TINY.filter], folder, companions=planted)
    return Written(folder, json.loads(path.read_text()))


def test_maps_add_up_to_the_raw_frames(tiny: Written) -> None:
    """Raw = response x (star + companions + background) + dark + bias + cosmic rays, within the noise."""
    raw = fits.getdata(tiny.path(tiny.files("OBJECT")[0]))
    with (
        fits.open(tiny.folder / "truth_light.fits") as light,
        fits.open(tiny.folder / "truth_detector.fits") as chip,
        fits.open(tiny.folder / "truth_background.fits") as thermal,
    ):
        for plane, channel in ((0, 0), (1, 1), (2, 0)):
            left, low = light["PLANES"].data["CORNER"][plane].reshape(2, 2)[channel]
            rows, columns = slice(low, low + 441), slice(channel * 1024 + left, channel * 1024 + left + 441)
            warm = np.kron(thermal["BACKGROUND"].data[plane], np.ones((16, 16)))[rows, columns]
            stars = light["STAR"].data[plane, channel] + light["COMPANIONS"].data[plane, channel]
            model = chip["RESPONSE"].data[rows, columns] * (stars + warm)
            good = chip["BAD"].data[rows, columns] == 0
            noise = np.sqrt(np.maximum(model, 0) / GAIN + 50.0)
            off = (raw[plane][rows, columns] - model - 12.0)[good] / noise[good]
            assert abs(np.median(off)) < 0.3
            assert np.percentile(np.abs(off), 68) < 1.5


def test_open_loop_sends_the_light_to_the_seeing_disc(tiny: Written) -> None:
    with fits.open(tiny.folder / "truth_light.fits") as light:
        totals = light["STAR"].data.sum(axis=(2, 3), dtype=float)
        others = light["COMPANIONS"].data.sum(axis=(2, 3), dtype=float)
    flux = np.array(tiny.truth["light"]["star_flux_curve"]["flux"])[:, -1]
    frames = tiny.files("OBJECT")[0]["frames"]
    lost = frames[0]["strehl"] - frames[1]["strehl"]
    gained = (totals[1] - totals[0]) / flux
    assert gained == pytest.approx(lost / frames[0]["strehl"], rel=0.25)
    assert others[1] / others[0] == pytest.approx([frames[1]["strehl"] / frames[0]["strehl"]] * 2, rel=0.03)
    assert [frame["bad"] for frame in frames] == [False, True, True]


def test_jump_moves_the_star(tiny: Written) -> None:
    before, _, after = tiny.files("OBJECT")[0]["frames"]
    moved = np.array(after["star"]) - before["star"]
    assert moved == pytest.approx(np.array([[1.5, -1.0]] * 2), abs=0.1)


def test_cosmic_rays_are_where_the_truth_says(tiny: Written) -> None:
    raw = fits.getdata(tiny.path(tiny.files("OBJECT")[0]))
    hits = fits.getdata(tiny.folder / "truth_pixels.fits", "COSMICS")
    bright = hits[(hits["ADU"] > 2500) & (hits["PLANE"] == 0)]
    assert len(bright) > 3
    for hit in bright:
        x, y = hit["X"], hit["Y"]
        around = raw[0, max(y - 4, 0) : y + 5, max(x - 4, 0) : x + 5]
        assert raw[0, y, x] - np.median(around) > 1000


def test_telemetry_shows_the_open_loop_only(tiny: Written) -> None:
    table = fits.getdata(tiny.folder / tiny.truth["telemetry"], "AtmPerfParams")
    usual = np.median(table["StrehlRatio"])
    assert (table["StrehlRatio"] < 0.7 * usual).sum() <= 2


def test_every_file_says_that_it_is_simulated(small_night: Written) -> None:
    for path in small_night.folder.glob("SPHER.*.fits"):
        assert fits.getheader(path)["HIERARCH HCVO SIM"] is True


@pytest.mark.parametrize(("kind", "planes"), [("truncate", 0), ("ndit", 3), ("abort", 1)])
def test_damage_is_as_told(tiny: Written, tmp_path: Path, kind: str, planes: int) -> None:
    entry = json.loads(json.dumps(tiny.files("OBJECT")[0]))
    path = tmp_path / entry["file"]
    path.write_bytes(tiny.path(entry).read_bytes())
    assert damage_last(tmp_path, [entry], kind) == {"file": entry["file"], "kind": kind}
    assert len(entry["frames"]) == planes
    header = fits.Header.fromfile(path)
    told = (header["NAXIS3"], header["ESO DET NDIT"], path.stat().st_size < tiny.path(entry).stat().st_size)
    assert told == {"truncate": (3, 3, True), "ndit": (3, 6, False), "abort": (1, 3, True)}[kind]
    if kind != "truncate":
        np.testing.assert_array_equal(
            fits.getdata(path)[0], fits.getdata(tiny.path(tiny.files("OBJECT")[0]))[0]
        )
    with pytest.raises(ConfigError, match="truncate, ndit or abort"):
        damage_last(tmp_path, [entry], "lost")


def test_default_night_is_as_before_scenarios() -> None:
    assert Options(seed=1, night=NIGHT).scenario == Scenario()
