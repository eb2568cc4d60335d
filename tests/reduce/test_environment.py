"""The version of the reduction changes with every source that makes numbers, and with no other."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hcvo.config import CHECKOUT
from reduce.environment import libraries


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("copy")
    for package in ("hcvo", "reduce"):
        shutil.copytree(CHECKOUT / package, top / package, ignore=shutil.ignore_patterns("__pycache__"))
    return top


def _version(top: Path) -> str:
    script = "from reduce.environment import code_version; print(code_version())"
    done = subprocess.run([sys.executable, "-c", script], cwd=top, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("source", "matters"),
    [
        ("reduce/kernels/angles.py", True),
        ("reduce/recipes/pca.py", True),
        ("reduce/ephemeris.py", True),
        ("reduce/exposure.py", True),
        ("hcvo/headers/wcs.py", True),
        ("hcvo/model/frame.py", True),
        ("reduce/simulate/optics.py", False),
        ("hcvo/errors.py", False),
    ],
)
def test_a_changed_source(copy: Path, source: str, *, matters: bool) -> None:
    before = _version(copy)
    path = copy / source
    text = path.read_text()
    path.write_text(text + "\n# changed\n")
    try:
        assert (_version(copy) != before) is matters
    finally:
        path.write_text(text)


def test_the_processor_is_told_by_its_model() -> None:
    told = libraries()
    assert {"python", "numpy", "scipy", "numba", "astropy", "machine", "processor"} == set(told)
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    assert told["processor"] in names or not names
