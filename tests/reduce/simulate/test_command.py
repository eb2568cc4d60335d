from pathlib import Path

import pytest
from click.testing import CliRunner

from hcvo.errors import ConfigError, InputError
from reduce.simulate.command import simulate
from reduce.simulate.realism import judge_realism
from tests.reduce.simulate.conftest import NIGHT


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(simulate, arguments)
    if isinstance(result.exception, ConfigError):
        raise result.exception
    return result.exit_code, result.output


def test_dry_run_writes_nothing(tmp_path: Path) -> None:
    code, said = run("irdis", "--out", str(tmp_path / "n"), "--dry-run", "--filter", "DB_K12")
    assert code == 0
    assert "DB_K12" in said
    assert not (tmp_path / "n").exists()


def test_folder_must_be_named() -> None:
    code, said = run("irdis")
    assert code == 2
    assert "--out" in said


@pytest.mark.parametrize("text", ["400", "a,b,c", "400,10,1e-5,1e-5,1e-5"])
def test_companion_not_understood_is_told_how_to_write_it(text: str) -> None:
    code, said = run("irdis", "--out", "n", "--dry-run", "--companion", text)
    assert code == 2
    assert "400,195,5e-6" in said


def test_bad_date_is_named() -> None:
    with pytest.raises(ConfigError, match="YYYY-MM-DD"):
        run("irdis", "--out", "n", "--date", "20.4.2018")


def test_own_companions_replace_the_demos(tmp_path: Path) -> None:
    wanted = ("--companion", "450,120,1e-4", "--companion", "900,10,2e-5,3e-5")
    _, said = run("irdis", "--dry-run", "--out", str(tmp_path), *wanted)
    assert "450 mas, 120 deg, contrast 0.0001 0.0001" in said
    assert "900 mas, 10 deg, contrast 2e-05 3e-05" in said
    assert "200 mas" not in said
    assert "mas" not in run("irdis", "--dry-run", "--out", str(tmp_path), "--no-companions")[1]


def test_realism_without_real_data_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="absent"):
        judge_realism(1, NIGHT, tmp_path / "none")
