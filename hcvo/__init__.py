"""hcvo: the data centre that high-contrast imaging deserves.

This package holds the data model, the catalogue and its publication; `reduce`
holds the reduction engine, `ingest` brings files into the catalogue.
"""

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("hcvo")
