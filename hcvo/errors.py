"""Every error a user of hcvo can meet, in one family.

::

    HcvoError
    ├── ConfigError            settings: unknown key, impossible value
    ├── InputError             a file or row that came from outside
    │   ├── NotFitsError       the file is not FITS
    │   ├── TruncatedError     the file ends before its header says
    │   ├── HeaderError        a card is missing, broken or out of range
    │   └── ForeignFrameError  a sound file of an instrument we do not know
    ├── AssociationError       no acceptable calibration for a task
    ├── ReductionError         a recipe could not make its product
    ├── StoreError             the product store: name taken, file missing, disk full
    ├── CatalogueError         the database refused or contradicts the request
    │   └── ResolveError       a target name leads to no or to several positions
    └── SiteError              servers: port taken, tool missing, did not start

A message gives the thing, the value found, the value wanted and what to do.
"""

from pathlib import Path

__all__ = [
    "AssociationError",
    "CatalogueError",
    "ConfigError",
    "ForeignFrameError",
    "HcvoError",
    "HeaderError",
    "InputError",
    "NotFitsError",
    "ReductionError",
    "ResolveError",
    "SiteError",
    "StoreError",
    "TruncatedError",
]


class HcvoError(Exception):
    """Root of the family; the program prints its text and exits with 1."""


class ConfigError(HcvoError):
    """A setting is unknown or impossible."""


class InputError(HcvoError):
    """A file or row that came from outside cannot be used.

    Parameters
    ----------
    message : str
        As of every error.
    path : Path | None
        The raw file at fault, where a recipe could do without that one file.
    """

    def __init__(self, message: str, path: Path | None = None) -> None:
        super().__init__(message)
        self.path = path


class NotFitsError(InputError):
    """The file is not FITS."""


class TruncatedError(InputError):
    """The file ends before its header says it should."""


class HeaderError(InputError):
    """A card is missing, broken or out of its range."""


class ForeignFrameError(InputError):
    """The file is sound but of an instrument or mode hcvo does not know."""


class AssociationError(HcvoError):
    """No acceptable calibration exists for a task."""


class ReductionError(HcvoError):
    """A recipe could not make its product."""


class StoreError(HcvoError):
    """The product store refused: name taken, file missing or changed, disk full."""


class CatalogueError(HcvoError):
    """The catalogue refused, or contradicts what was asked."""


class ResolveError(CatalogueError):
    """A target name leads to no position, or to several."""


class SiteError(HcvoError):
    """A server of the site is missing, could not start, or stands in the way."""
