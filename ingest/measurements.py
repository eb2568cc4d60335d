"""Contrast curves and candidate lists: tables of product files to rows with the rights of their product."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hcvo.catalogue.models import Contrast, Detection, Product
from hcvo.catalogue.models.rights import GUARD_COLUMNS
from hcvo.headers.level2_tables import CandidateRow, ContrastRow, read_candidates, read_contrast
from hcvo.model.product import ProductKind

__all__ = ["load_measurements"]

_UM = 1e-6
_RENAMED = {"sep": "sep_mas", "wavelength": "em_mid"}
"""Column of the file to column of the catalogue, where they differ."""


def load_measurements(product: Product, path: Path) -> int:
    """Enter the rows of a contrast curve or candidate list; other kinds have none.

    Parameters
    ----------
    product : Product
        Row of the file.
    path : Path
        The file.

    Returns
    -------
    int
        Rows entered.
    """
    if product.kind == ProductKind.CONTRAST:
        points = [Contrast(product=product, **_columns(row, product)) for row in read_contrast(path)]
        return len(Contrast.objects.bulk_create(points))
    if product.kind == ProductKind.CANDIDATES:
        found = [Detection(product=product, **_columns(row, product)) for row in read_candidates(path)]
        return len(Detection.objects.bulk_create(found))
    return 0


def _columns(row: ContrastRow | CandidateRow, product: Product) -> dict[str, Any]:
    values = {_RENAMED.get(name, name): _finite(value) for name, value in asdict(row).items()}
    if values["em_mid"] is not None:
        values["em_mid"] *= _UM
    return values | {name: getattr(product, name) for name in GUARD_COLUMNS}


def _finite(value: Any) -> Any:  # noqa: ANN401 - any cell
    """NaN and infinity stand for 'unknown' and become NULL."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
