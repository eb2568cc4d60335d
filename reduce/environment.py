"""Where and with what a process runs: recorded with each, so that it can be repeated."""

import hashlib
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path

import hcvo

__all__ = ["code_version", "host", "libraries"]

_LIBRARIES = ("numpy", "scipy", "numba", "astropy")
_SOURCES = ("kernels", "recipes", "instruments")


def host() -> str:
    """Name of this machine."""
    return platform.node()


@cache
def libraries() -> Mapping[str, str]:
    """Versions of Python and of the libraries that numbers pass through, and the processor's type."""
    found = {name: version(name) for name in _LIBRARIES}
    return {"python": platform.python_version(), **found, "machine": platform.machine()}


@cache
def code_version() -> str:
    """Version of the reduction: the package's, and a digest of the sources that make numbers."""
    top = Path(__file__).parent
    digest = hashlib.sha256()
    for folder in _SOURCES:
        for source in sorted((top / folder).glob("*.py")):
            digest.update(f"{folder}/{source.name}\0".encode() + source.read_bytes())
    return f"{hcvo.__version__}+{digest.hexdigest()[:10]}"
