"""What product files hold in tables and QC cards, as rows with the rights of their product."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hcvo.catalogue.models import Contrast, Detection, Product, QualityNumber, SciencePlane
from hcvo.catalogue.models.rights import GUARD_COLUMNS
from hcvo.headers.frames_table import read_planes_of
from hcvo.headers.level2_tables import CandidateRow, ContrastRow, read_candidates, read_contrast
from hcvo.headers.page import product_cards
from hcvo.headers.quality import read_qc
from hcvo.model.product import ProductKind

__all__ = ["load_measurements"]

_UM = 1e-6
_RENAMED = {"sep": "sep_mas", "wavelength": "em_mid"}
"""Column of the file to column of the catalogue, where they differ."""


def load_measurements(product: Product, path: Path) -> int:
    """Enter what a product measured: curve or candidates, the planes of a cube, numbers of quality control.

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
    rights = {name: getattr(product, name) for name in GUARD_COLUMNS}
    return _load_quality(product, path, rights) + _load_tables(product, path, rights)


def _load_quality(product: Product, path: Path, rights: dict[str, Any]) -> int:
    """A page repeats the numbers of its cube: they count once."""
    if product.kind == ProductKind.QUALITY:
        return 0
    numbers = read_qc(product_cards(path))
    rows = [QualityNumber(product=product, **asdict(number), **rights) for number in numbers]
    return len(QualityNumber.objects.bulk_create(rows))


def _load_tables(product: Product, path: Path, rights: dict[str, Any]) -> int:
    if product.kind == ProductKind.CUBE:
        planes = [SciencePlane(product=product, **asdict(row), **rights) for row in read_planes_of(path)]
        return len(SciencePlane.objects.bulk_create(planes))
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
