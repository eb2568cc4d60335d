"""The README's examples run as printed, against an archive made by the README's own commands."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from hcvo.config import CHECKOUT
from tests.flow.conftest import Reduced

_PRINTED = "http://127.0.0.1:8080"


def _blocks(language: str, section: str) -> list[str]:
    text = (CHECKOUT / "README.md").read_text()
    part = text.partition(f"### {section}\n")[2].partition("\n### ")[0]
    return re.findall(rf"```{language}\n(.*?)```", part, re.DOTALL)


def _here(block: str, reduced: Reduced) -> str:
    assert _PRINTED in block
    return block.replace(_PRINTED, reduced.operator.settings.base_url)


def test_the_pyvo_script(reduced: Reduced, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(_here(_blocks("python", "pyvo")[0], reduced))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for wanted in ("HCVO SIM 1", "cadi", "snr", "significance"):
        assert wanted in done.stdout


@pytest.mark.parametrize(
    ("section", "wanted"), [("STILTS and TOPCAT", '"HCVO SIM 1" pca'), ("curl", "\nird_level1,")]
)
def test_the_shell_commands(reduced: Reduced, section: str, wanted: str) -> None:
    command = _here(_blocks("sh", section)[0], reduced)
    done = subprocess.run(
        ["bash", "-c", command], cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert wanted in done.stdout


def test_every_make_target_named_exists() -> None:
    named = set(re.findall(r"`make ([a-z-]+)`", (CHECKOUT / "README.md").read_text()))
    made = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    assert named <= made
