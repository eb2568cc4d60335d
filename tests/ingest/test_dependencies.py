"""What the sources import is declared: nothing is there by another package's grace."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

from hcvo.config import CHECKOUT

_OURS = ("hcvo", "ingest", "reduce")


def _imported() -> set[str]:
    """Top packages that our sources import at any place."""
    found: set[str] = set()
    for package in _OURS:
        for path in (CHECKOUT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    found.update(alias.name.split(".")[0] for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names) - set(_OURS)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_imported_package_is_declared() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {_plain(re.split(r"[^A-Za-z0-9._-]", one)[0]) for one in project["dependencies"]}
    distributions = packages_distributions()
    missing = {
        name for name in _imported() if not declared & {_plain(one) for one in distributions.get(name, [])}
    }
    assert not missing
