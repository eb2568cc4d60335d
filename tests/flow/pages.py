"""Examples of pages for users: taken out of the page, run as printed, compared with what is printed there."""

import re
import subprocess
import sys
from pathlib import Path

from hcvo.config import CHECKOUT
from tests.flow.conftest import Reduced

__all__ = ["PRINTED", "blocks", "example_runs"]

PRINTED = "http://127.0.0.1:8080"
"""Address of the archive in all pages."""


def blocks(page: str, language: str, section: str) -> list[str]:
    """Code of one language in one section of a page."""
    text = (CHECKOUT / page).read_text()
    part = re.split(rf"^##+ {re.escape(section)}\n", text, flags=re.MULTILINE)[1]
    return re.findall(rf"```{language}\n(.*?)```", re.split(r"^##+ ", part, flags=re.MULTILINE)[0], re.DOTALL)


def example_runs(page: str, section: str, reduced: Reduced, folder: Path) -> None:
    """Run the first example of a section: it succeeds, and prints what the page says."""
    python = blocks(page, "python", section)
    code = (python or blocks(page, "sh", section))[0]
    assert PRINTED in code
    script = folder / "example"
    script.write_text(code.replace(PRINTED, reduced.operator.settings.base_url))
    command = [sys.executable if python else "bash", str(script)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    _has_the_shape(done.stdout, blocks(page, "text", section)[0])


def _has_the_shape(output: str, printed: str) -> None:
    """Same headings, same words: only figures and the order of rows differ on another night."""
    found, wanted = output.strip().splitlines(), printed.strip().splitlines()
    assert found[0].split() == wanted[0].split()
    assert {_words(line) for line in found} == {_words(line) for line in wanted}


def _words(line: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[A-Za-z_\"]{2,}", re.sub(r"\b[0-9.]+\+[0-9a-f]+\b|[0-9.]+E-?[0-9]+", "", line)))
