"""Cubes of other stars that may serve as references: same filter and coronagraph, nearest conditions."""

from collections.abc import Collection, Sequence
from math import inf, log

from django.db.models import Avg

from hcvo.catalogue.models import AoCondition, Product
from hcvo.config import Settings
from hcvo.model.product import ProductKind
from reduce.recipe import SourceFile

__all__ = ["reference_cubes", "reference_sources"]

_MOST = 20
_LOOKED_AT = 200  # nearest in time, of which the conditions are compared


def reference_cubes(cubes: Collection[Product], most: int = _MOST) -> list[Product]:
    """Cubes of other stars that fit one of some cubes.

    Parameters
    ----------
    cubes : Collection[Product]
        Level 1 cubes that want references.
    most : int
        For each of them at most.

    Returns
    -------
    list[Product]
        Level 1 cubes of the same instrument, filter and coronagraph; for each cube the nearest in
        conditions first. Where conditions of either are unknown, the nearest in time come after those known.
        None is public later than the cube: its products would be, too. Each once.
    """
    found: dict[int, Product] = {}
    for cube in cubes:
        for other in _fitting(cube)[:most]:
            found.setdefault(other.pk, other)
    return list(found.values())


def reference_sources(settings: Settings, cubes: Collection[Product]) -> list[SourceFile]:
    """The same as files of the store.

    Parameters
    ----------
    settings : Settings
        The site.
    cubes : Collection[Product]
        Level 1 cubes that want references.

    Returns
    -------
    list[SourceFile]
        As a recipe takes them.
    """
    return [
        SourceFile(settings.store / one.accref, one.sha256, one.name, one.match_level)
        for one in reference_cubes(cubes)
    ]


def _fitting(cube: Product) -> Sequence[Product]:
    others = Product.objects.filter(
        kind=ProductKind.CUBE,
        instrument_name=cube.instrument_name,
        filter=cube.filter,
        coronagraph=cube.coronagraph,
    )
    others = others.filter(validated=True, withdrawn=False)
    if cube.release_time is not None:
        others = others.filter(release_time__lte=cube.release_time)
    others = others.exclude(target=cube.target) if cube.target_id else others.exclude(obs_id=cube.obs_id)
    in_time = sorted(others, key=lambda other: (abs(other.t_min - cube.t_min), other.pk))[:_LOOKED_AT]
    conditions = _conditions(cube)
    return sorted(in_time, key=lambda other: _difference(conditions, _conditions(other)))


def _conditions(cube: Product) -> tuple[float | None, float | None]:
    """Mean seeing and coherence time while a cube was taken."""
    samples = AoCondition.objects.filter(mjd__gte=cube.t_min, mjd__lte=cube.t_max)
    means = samples.aggregate(seeing=Avg("seeing"), tau0=Avg("tau0"))
    return means["seeing"], means["tau0"]


def _difference(one: tuple[float | None, float | None], other: tuple[float | None, float | None]) -> float:
    """Sum of the logarithms' differences; endless where one is unknown."""
    pairs = list(zip(one, other, strict=True))
    if not all(a and b for a, b in pairs):
        return inf
    return sum(abs(log(a / b)) for a, b in pairs if a and b)
