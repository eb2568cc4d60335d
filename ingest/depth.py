"""Depth and conditions of a process, copied onto each of its products so that searches need no join."""

import math
from collections.abc import Collection, Sequence

import numpy as np
from django.db.models import Avg

from hcvo.catalogue.models import Contrast, Process, Product, SciencePlane

__all__ = ["depth_at", "note_depth"]

_SEPARATIONS_MAS = {
    "contrast_0p1": 100.0,
    "contrast_0p2": 200.0,
    "contrast_0p5": 500.0,
    "contrast_1p0": 1000.0,
}
_NSIGMA = 5.0
_COMBINED = -1
"""Channel of the channels combined."""

_CONDITIONS = ("seeing", "tau0", "strehl")


def note_depth(process: Process, products: Collection[Product]) -> None:
    """Write the contrast reached and the atmosphere on the products of a process.

    Parameters
    ----------
    process : Process
        Its inputs, and what was measured in its products, are in the catalogue.
    products : Collection[Product]
        Its products; reduced calibrations and curves of other thresholds leave NULL.
    """
    facts = {**_depth(products), **_conditions(process, products)}
    if any(value is not None for value in facts.values()):
        Product.objects.filter(pk__in=[product.pk for product in products]).update(**facts)


def depth_at(curve: Sequence[tuple[float, float]], sep_mas: float) -> float | None:
    """Contrast at a separation, interpolated in its logarithm.

    Parameters
    ----------
    curve : Sequence[tuple[float, float]]
        Separations (mas) and contrasts above 0.
    sep_mas : float
        Where, mas.

    Returns
    -------
    float | None
        None outside the curve: a limit is not extrapolated.
    """
    points = sorted(curve)
    if not points or not points[0][0] <= sep_mas <= points[-1][0]:
        return None
    separations, contrasts = zip(*points, strict=True)
    return math.exp(float(np.interp(sep_mas, separations, np.log(contrasts))))


def _depth(products: Collection[Product]) -> dict[str, float | None]:
    rows = Contrast.objects.filter(product__in=products, nsigma=_NSIGMA, contrast__gt=0.0)
    curves: dict[int, list[tuple[float, float]]] = {}
    for channel, sep, contrast in rows.values_list("channel", "sep_mas", "contrast"):
        if contrast is not None:
            curves.setdefault(channel, []).append((sep, contrast))
    if _COMBINED in curves:
        curves = {_COMBINED: curves[_COMBINED]}
    found = {}
    for name, sep in _SEPARATIONS_MAS.items():
        depths = [depth for curve in curves.values() if (depth := depth_at(curve, sep)) is not None]
        found[name] = min(depths, default=None)
    return found


def _conditions(process: Process, products: Collection[Product]) -> dict[str, float | None]:
    """From the planes of its own cube, else of those it read."""
    planes = SciencePlane.objects.filter(product__in=products, kept=True)
    if not planes.exists():
        planes = SciencePlane.objects.filter(product__uses__process=process, kept=True)
    return planes.aggregate(**{name: Avg(name) for name in _CONDITIONS})
