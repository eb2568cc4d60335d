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
    _has_the_shape(done.stdout, _blocks("text", "pyvo")[0])


@pytest.mark.parametrize("section", ["STILTS and TOPCAT", "curl"])
def test_the_shell_commands(reduced: Reduced, section: str) -> None:
    command = _here(_blocks("sh", section)[0], reduced)
    done = subprocess.run(
        ["bash", "-c", command], cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    _has_the_shape(done.stdout, _blocks("text", section)[0])


def test_no_placeholder_is_left() -> None:
    assert re.findall(r"@[A-Z_]+@", (CHECKOUT / "README.md").read_text()) == []


def _has_the_shape(output: str, printed: str) -> None:
    """Same headings, same words: only figures and the order of rows differ on another night."""
    found, wanted = output.strip().splitlines(), printed.strip().splitlines()
    assert found[0].split() == wanted[0].split()
    assert {_words(line) for line in found} == {_words(line) for line in wanted}


def _words(line: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[A-Za-z_\"]{2,}", re.sub(r"\b[0-9.]+\+[0-9a-f]+\b|[0-9.]+E-?[0-9]+", "", line)))


def test_every_make_target_named_exists() -> None:
    named = set(re.findall(r"`make ([a-z-]+)`", (CHECKOUT / "README.md").read_text()))
    made = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    assert named <= made
