"""What product files hold in tables and QC cards, as rows with the rights of their product."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

from astropy.io import fits
from django.db.models import Model

from hcvo.catalogue.models import Contrast, Detection, Product, QualityNumber, SciencePlane
from hcvo.catalogue.models.rights import GUARD_COLUMNS
from hcvo.headers.frames_table import PlaneRow, read_planes_of
from hcvo.headers.level2_tables import CandidateRow, ContrastRow, read_candidates, read_contrast
from hcvo.headers.quality import QualityNumber as QcNumber
from hcvo.headers.quality import read_qc
from hcvo.model.product import ProductKind

__all__ = ["Measured", "measurement_rows", "read_measurements"]

_UM = 1e-6
_RENAMED = {"sep": "sep_mas", "wavelength": "em_mid"}
"""Column of the file to column of the catalogue, where they differ."""

_Reader: TypeAlias = Callable[
    [Path], tuple[PlaneRow, ...] | tuple[ContrastRow, ...] | tuple[CandidateRow, ...]
]
_TABLES: dict[ProductKind, _Reader] = {
    ProductKind.CUBE: read_planes_of,
    ProductKind.CONTRAST: read_contrast,
    ProductKind.CANDIDATES: read_candidates,
}


@dataclass(frozen=True, slots=True)
class Measured:
    """What a product file measured: numbers of quality control, and the rows of its table."""

    quality: tuple[QcNumber, ...]
    table: tuple[PlaneRow, ...] | tuple[ContrastRow, ...] | tuple[CandidateRow, ...]


def read_measurements(kind: ProductKind, cards: Mapping[str, Any], path: Path) -> Measured:
    """Read a curve or candidates, the planes of a cube, numbers of quality control.

    Parameters
    ----------
    kind : ProductKind
        What the file holds.
    cards : Mapping[str, Any]
        Its primary header; without numbers of quality control if it has no comments.
    path : Path
        The file.

    Returns
    -------
    Measured
        Nothing for most kinds. A page repeats the numbers of its cube: they count once.
    """
    has_qc = isinstance(cards, fits.Header) and kind != ProductKind.QUALITY
    quality = read_qc(cards) if has_qc else ()
    read = _TABLES.get(kind)
    return Measured(quality, read(path) if read else ())


def measurement_rows(product: Product, measured: Measured) -> list[Model]:
    """Rows of what a product measured, with its rights.

    Parameters
    ----------
    product : Product
        Row of the file; its key is known.
    measured : Measured
        What was read from it.

    Returns
    -------
    list[Model]
        Unsaved.
    """
    rights = {name: getattr(product, name) for name in GUARD_COLUMNS}
    rows: list[Model] = [
        QualityNumber(product=product, **asdict(number), **rights) for number in measured.quality
    ]
    for row in measured.table:
        if isinstance(row, PlaneRow):
            rows.append(SciencePlane(product=product, **asdict(row), **rights))
        else:
            model = Contrast if isinstance(row, ContrastRow) else Detection
            rows.append(model(product=product, **_columns(row), **rights))
    return rows


def _columns(row: ContrastRow | CandidateRow) -> dict[str, Any]:
    values = {_RENAMED.get(name, name): _finite(value) for name, value in asdict(row).items()}
    if values["em_mid"] is not None:
        values["em_mid"] *= _UM
    return values


def _finite(value: Any) -> Any:  # noqa: ANN401 - any cell
    """NaN and infinity stand for 'unknown' and become NULL."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
