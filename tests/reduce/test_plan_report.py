"""Folders of raw files as `hcvo reduce --plan` tells of them: a clear word for every bad night."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import structlog
from click.testing import CliRunner, Result

from hcvo.centre.reduce_command import reduce
from tests.reduce.raw_files import irdis_cards, write_raw


def _name(hour: float) -> str:
    minutes = round(60 * (hour + 3))
    return f"2018-04-21T{minutes // 60:02d}:{minutes % 60:02d}:29.634"


def _write(folder: Path, kind: str, hour: float, **cards: object) -> Path:
    return write_raw(folder, irdis_cards(kind, _name(hour), **cards))  # type: ignore[arg-type]


def _night(folder: Path) -> dict[str, Path]:
    """A night with everything, name to file."""
    folder.mkdir()
    files = {f"flat {n}": _write(folder, "FLAT,LAMP", 8 + n / 10, dit=n + 1.0) for n in range(3)}
    files |= {f"dark {n}": _write(folder, "DARK", 9 + n / 10, dit=n + 1.0) for n in range(3)}
    files["flux"] = _write(folder, "OBJECT,FLUX", 0.2, dit=2.0, ESO_INS4_FILT2_NAME="ND_2.0")
    files["center"] = _write(folder, "OBJECT,CENTER", 0.4, ESO_OCS_WAFFLE_ORIENT="x")
    for n in range(3):
        files[f"science {n}"] = _write(
            folder, "OBJECT", 0.6 + n / 5, ESO_TPL_START="a", ESO_TPL_EXPNO=n + 2, ESO_TPL_NEXP=5
        )
    last = {"ESO_OCS_WAFFLE_ORIENT": "x", "ESO_TPL_START": "a", "ESO_TPL_EXPNO": 5, "ESO_TPL_NEXP": 5}
    files["last center"] = _write(folder, "OBJECT,CENTER", 1.4, **last)
    files["sky"] = _write(folder, "SKY", 1.6)
    files["acquisition"] = _write(folder, "OBJECT", 0.1, ESO_DPR_CATG="ACQUISITION")
    return files


def _plan(folder: Path, *words: str) -> Result:
    """The program's own log lines go elsewhere: to standard error."""
    with structlog.testing.capture_logs():
        result = CliRunner().invoke(reduce, [str(folder), "--plan", *words], env={"COLUMNS": "200"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result


def _json(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_plan(folder, "--json").stdout)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a test's night is written."""
    return tmp_path / "night"


def test_a_whole_night_is_told_with_levels_and_names(folder: Path) -> None:
    files = _night(folder)
    found = _json(folder)
    (group,) = found["groups"]
    assert (group["level"], group["refusal"], group["warnings"], found["refusals"]) == (0, "", [], [])
    assert group["science"] == [files[f"science {n}"].stem for n in range(3)]
    assert (group["planes"], group["filter"], group["dit_s"], group["target"]) == (
        6,
        "DB_H23",
        16.0,
        "PLANTED 1",
    )
    chosen = {one["role"]: one for one in group["chosen"]}
    assert chosen["background"]["files"] == [files["sky"].stem]
    assert chosen["background"]["class"] == "IRD_SKY_BG_RAW"
    assert chosen["center"]["files"] == [files["center"].stem, files["last center"].stem]
    assert chosen["flux background"]["files"] == [files["dark 1"].stem]
    assert [one["role"] for one in group["missing"]] == ["sparta"]
    assert "acquisition" not in json.dumps(found).lower()
    assert {task["recipe"] for task in found["tasks"]} >= {"ird_level1", "ird_master_flat"}
    assert not (folder.parent / "out").exists()


def test_the_same_in_words(folder: Path) -> None:
    files = _night(folder)
    result = _plan(folder)
    assert result.exit_code == 0
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines[0].startswith(
        "SPHERE.IRDIS.4711.2018-04-21T03:36:29 PLANTED 1: DB_H23, 16 s, N_ALC_YJH_S, OPEN"
    )
    assert lines[0].endswith("3 files, 6 planes: match level 0")
    assert f"chosen background: level 0, 1 IRD_SKY_BG_RAW from {files['sky'].stem}, 0.6 h from it" in lines
    assert any(line.startswith("missing sparta: level 0: no telemetry") for line in lines)
    dark = files["dark 0"].stem
    assert any(line.startswith(f"rejected background: 1 IRD_DARK_RAW from {dark}: DIT 1 s") for line in lines)


def _remove(*names: str) -> Callable[[dict[str, Path]], None]:
    def change(files: dict[str, Path]) -> None:
        for name, path in files.items():
            if name in names or name.split()[0] in names:
                path.unlink()

    return change


def _truncate(name: str) -> Callable[[dict[str, Path]], None]:
    def change(files: dict[str, Path]) -> None:
        path = files[name]
        path.write_bytes(path.read_bytes()[:-2880])

    return change


def _again(name: str, kind: str, hour: float, **cards: object) -> Callable[[dict[str, Path]], None]:
    def change(files: dict[str, Path]) -> None:
        files[name].unlink()
        _write(files[name].parent, kind, hour, **cards)

    return change


def _lying(files: dict[str, Path]) -> None:
    path = files["science 1"]
    path.unlink()
    write_raw(path.parent, irdis_cards("OBJECT", _name(0.8), ndit=4), np.zeros((3, 4, 6)))


@pytest.mark.parametrize(
    ("change", "level", "words"),
    [
        (_remove("flat"), None, "no flat for .* wanted IRD_FLAT_FIELD_RAW .*; there is none at all"),
        (_remove("flat 0"), None, "2 files, at least 3"),
        (_remove("center", "last center"), 3, ""),
        (_remove("flux"), 3, ""),
        (_remove("sky"), None, "no background for .*DIT 1 s instead of 16 s"),
        (_again("sky", "SKY", 1.6, dit=8.0), None, "DIT 8 s instead of 16 s"),
        (_again("sky", "SKY", 1.6, ESO_INS_COMB_IFLT="BB_H"), None, "filter 'BB_H' instead of 'DB_H23'"),
        (_again("flat 0", "FLAT,LAMP", 8, ESO_INS_COMB_IFLT="DB_K12"), None, "filter 'DB_K12' instead of"),
        (_again("sky", "DARK", 9.5), 1, ""),
        (_truncate("science 1"), 0, "its headers say .* fetch it again"),
        (_truncate("sky"), None, "its headers say"),
        (_lying, 0, "DET NDIT is 4 but NAXIS3 3"),
        (_remove("science", "last center"), None, "no IRDIS imaging science frames among"),
    ],
)  # fmt: skip
def test_a_bad_night_gives_a_lower_level_or_a_named_refusal(
    folder: Path, change: Callable[[dict[str, Path]], None], level: int | None, words: str
) -> None:
    change(_night(folder))
    result = _plan(folder, "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == (1 if words else 0)
    assert [group["level"] for group in found["groups"]] in ([level], [])
    if words:
        with pytest.raises(AssertionError, match=words):
            raise AssertionError(" | ".join(found["refusals"]))
    else:
        assert found["refusals"] == []


def test_a_truncated_file_leaves_the_others_to_be_reduced(folder: Path) -> None:
    files = _night(folder)
    _truncate("science 1")(files)
    found = _json(folder)
    (group,) = found["groups"]
    assert group["science"] == [files["science 0"].stem, files["science 2"].stem]
    assert any(files["science 1"].name in refusal for refusal in found["refusals"])


def test_a_block_aborted_half_way_is_warned_of(folder: Path) -> None:
    files = _night(folder)
    _remove("science 1", "science 2", "last center")(files)
    found = _json(folder)
    (group,) = found["groups"]
    assert (group["level"], len(group["science"])) == (0, 1)
    (warning,) = group["warnings"]
    assert "exposure 2 of 5 is the last of its template" in warning
    assert "warning" in _plan(folder).stdout


def test_mixed_filters_are_planned_apart(folder: Path) -> None:
    files = _night(folder)
    _again("science 1", "OBJECT", 0.8, ESO_INS_COMB_IFLT="DB_K12")(files)
    levels = {group["filter"]: group["level"] for group in _json(folder)["groups"]}
    assert levels == {"DB_H23": 0, "DB_K12": None}


def test_json_goes_with_a_plan(tmp_path: Path) -> None:
    result = CliRunner().invoke(reduce, [str(tmp_path), "--json"])
    assert (result.exit_code, "--json goes with --plan" in result.stderr) == (2, True)
