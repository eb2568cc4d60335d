"""Every route of the site's DaCHS, from its own routing tables; for Debian's Python and the site's settings.

Prints JSON: first segments that are resources or names for longer paths, and each service of each descriptor,
of ours and of DaCHS's own, with the renderers that answer for it.
"""

import json
import sys
from pathlib import Path
from typing import Any

from gavo import api, base, svcs
from gavo.svcs import renderers
from gavo.web import root


def descriptors() -> list[str]:
    """Names of all descriptors that an address can lead to: those that are published, and all others."""
    own = Path(base.getConfig("inputsDir"))
    shipped = Path(base.getPathForDistFile("inputs"))
    return sorted(
        {
            path.relative_to(folder).with_suffix("").as_posix()
            for folder in (own, shipped)
            for path in folder.rglob("*.rd")
        }
    )


def answering(service: Any) -> list[str]:
    """Renderers that a service allows itself; those that ask no service come apart."""
    return sorted(service.allowed)


def unasked() -> list[str]:
    """Renderers that answer for any service, whether it wants them or not."""
    found = []
    for name in sorted(renderers.RENDERER_REGISTRY):
        try:
            checked = getattr(svcs.getRenderer(name), "checkedRenderer", True)
        except ImportError:  # soap: its library is gone
            continue
        if not checked:
            found.append(name)
    return found


def services(name: str) -> dict[str, list[str]]:
    """Service to renderers of one descriptor; a descriptor that DaCHS cannot read has none."""
    try:
        found = api.getRD(name)
    except base.RDNotFound:
        return {}
    return {service.id: answering(service) for service in found.services}


def main() -> None:
    tables: dict[str, Any] = {
        "statics": sorted(root.ArchiveService.statics),
        "children": {
            name: sorted(key.decode() for key in found.children)
            for name, found in root.ArchiveService.statics.items()
            if found.children
        },
        "mappings": {name: "/".join(path) for name, path in root.ArchiveService.mappings.items()},
        "redirects": dict(root.ArchiveService.redirects),
        "any_service": unasked(),
        "renderers": sorted(renderers.RENDERER_REGISTRY),
        "services": {name: services(name) for name in descriptors()},
        "tables": [],
    }
    with base.getTableConn() as connection:
        tables["tables"] = [
            row[0] for row in connection.query("SELECT table_name FROM tap_schema.tables ORDER BY 1")
        ]
    json.dump(tables, sys.stdout, indent=1)


main()
