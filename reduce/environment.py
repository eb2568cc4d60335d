"""Where and with what a process runs: recorded with each, so that it can be repeated."""

import hashlib
import platform
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path

import hcvo

__all__ = ["code_version", "host", "libraries"]

_LIBRARIES = ("numpy", "scipy", "numba", "astropy")
_CPUINFO = Path("/proc/cpuinfo")
_NOT_NUMBERS = ("simulate",)
"""Folder of this package that no product depends on."""


def host() -> str:
    """Name of this machine."""
    return platform.node()


@cache
def libraries() -> Mapping[str, str]:
    """Versions of Python and of the libraries that numbers pass through, and the processor's type."""
    found = {name: version(name) for name in _LIBRARIES}
    return {
        "python": platform.python_version(),
        **found,
        "machine": platform.machine(),
        "processor": _processor(),
    }


def _processor() -> str:
    """Model of the processor: compiled code and BLAS differ between models of one machine type."""
    try:
        lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    told = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(told, platform.processor() or "unknown")


@cache
def code_version() -> str:
    """Version of the reduction: the package's, and a digest of the sources that make numbers."""
    digest = hashlib.sha256()
    for name, source in sorted(_sources()):
        digest.update(f"{name}\0".encode() + source.read_bytes())
    return f"{hcvo.__version__}+{digest.hexdigest()[:10]}"


def _sources() -> Iterator[tuple[str, Path]]:
    """All of this package but the simulator, and what products are described and written with."""
    here, ours = Path(__file__).parent, Path(hcvo.__file__).parent
    for source in here.rglob("*.py"):
        name = source.relative_to(here)
        if name.parts[0] not in _NOT_NUMBERS:
            yield f"reduce/{name}", source
    for part in ("headers", "model"):
        for source in (ours / part).glob("*.py"):
            yield f"{part}/{source.name}", source
