"""DaCHS's routes as it lists them itself, and what we say each one is."""

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hcvo.config import Settings
from hcvo.site import dachs
from hcvo.site.account import server_account

__all__ = ["Route", "listed", "routes", "tap_tables", "unclassified"]

_FOLDER = Path(__file__).parent
_CLASSES = tomllib.loads((_FOLDER / "routes.toml").read_text())


@dataclass(frozen=True, slots=True)
class Route:
    """One place that answers.

    Attributes
    ----------
    path : str
        Below the site's address, no slash at either end.
    kind : str
        What it is, as in routes.toml; '' when nobody has said it yet.
    """

    path: str
    kind: str


def listed(settings: Settings) -> dict[str, Any]:
    """What list_routes.py says on a running site."""
    source = (_FOLDER / "list_routes.py").read_text(encoding="utf-8")
    answer = server_account(settings).run(
        [dachs.PYTHON, "-c", source], cwd=settings.dachs_root, env=dachs.environment(settings)
    )
    tables: dict[str, Any] = json.loads(answer)
    return tables


def routes(tables: dict[str, Any]) -> list[Route]:
    """Every route: whole resources, short names, each service with each renderer that answers for it."""
    return list(_routes(tables))


def _routes(tables: dict[str, Any]) -> Iterator[Route]:
    yield Route("", "text")
    for name in tables["statics"]:
        yield Route(name, _kind(name))
    for name, children in tables["children"].items():
        for child in children:
            yield Route(f"{name}/{child}", _kind(f"{name}/{child}"))
    for name in (*tables["mappings"], *tables["redirects"]):
        yield Route(name, _kind(name))
    for descriptor, services in tables["services"].items():
        for service, allowed in services.items():
            for renderer in allowed:
                path = f"{descriptor}/{service}/{renderer}"
                yield Route(path, _kind(path))
            for renderer in tables["any_service"]:
                yield Route(f"{descriptor}/{service}/{renderer}", _CLASSES["any_service"].get(renderer, ""))


def _kind(path: str) -> str:
    return str(_CLASSES["routes"].get(path, ""))


def unclassified(tables: dict[str, Any]) -> list[str]:
    """Routes and renderers of which routes.toml says nothing."""
    new = [route.path for route in routes(tables) if not route.kind]
    known = {*_CLASSES["any_service"], *_CLASSES["renderers"]["known"]}
    return new + [f"renderer {name}" for name in tables["renderers"] if name not in known]


def tap_tables(tables: dict[str, Any]) -> list[str]:
    """Tables that TAP offers."""
    return list(tables["tables"])
