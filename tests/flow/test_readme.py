"""The examples of README and docs run as printed, against an archive made by the README's own commands."""

import re
from pathlib import Path

import pytest

from hcvo.config import CHECKOUT
from tests.flow.conftest import Reduced
from tests.flow.pages import example_runs

CLIENTS = CHECKOUT / "hcvo" / "published" / "CLIENTS.md"


@pytest.mark.parametrize("section", ["pyvo", "STILTS and TOPCAT", "curl"])
def test_an_example_of_the_readme(reduced: Reduced, tmp_path: Path, section: str) -> None:
    example_runs("README.md", section, reduced, tmp_path)


@pytest.mark.parametrize("section", re.findall(r"^## (.*)$", CLIENTS.read_text(), re.MULTILINE))
def test_an_example_of_a_client(reduced: Reduced, tmp_path: Path, section: str) -> None:
    example_runs("hcvo/published/CLIENTS.md", section, reduced, tmp_path)


def test_no_placeholder_is_left() -> None:
    assert re.findall(r"@[A-Z_]+@", (CHECKOUT / "README.md").read_text()) == []


def test_every_make_target_named_exists() -> None:
    named = set(re.findall(r"`make ([a-z-]+)`", (CHECKOUT / "README.md").read_text()))
    made = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    assert named <= made
