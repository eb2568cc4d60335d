"""Which cubes of the catalogue serve as references for another star."""

from datetime import UTC, datetime

import pytest

from hcvo.catalogue.models import AoCondition, Product, RawFrame
from hcvo.centre.references import reference_cubes, reference_sources
from hcvo.config import Settings
from tests.hcvo.catalogue.rows import PUBLIC, family

pytestmark = pytest.mark.usefixtures("catalogue")


def _cube(t_min: float, seeing: float | None = None, **changes: object) -> Product:
    """A level 1 cube of its own star, and what the adaptive optics saw meanwhile."""
    product = family(**PUBLIC)
    values = {"kind": "cube", "t_min": t_min, "t_max": t_min + 0.05, "filter": "DB_H23", "coronagraph": "ALC"}
    for name, value in (values | changes).items():
        setattr(product, name, value)
    product.save()
    if seeing is not None:
        frame = RawFrame.objects.get(observation=product.observation)
        AoCondition.objects.create(
            raw_frame=frame, mjd=t_min + 0.01, seeing=seeing, tau0=0.004 / seeing, **PUBLIC
        )
    return product


def test_the_nearest_in_conditions_come_first_then_the_nearest_in_time() -> None:
    wanted = _cube(58000.0, 0.8)
    poor, near, good = _cube(58010.0, 1.6), _cube(58300.0, 0.85), _cube(57900.0, 0.6)
    later, sooner = _cube(58100.0), _cube(58001.0)
    assert reference_cubes([wanted]) == [near, good, poor, sooner, later]
    assert reference_cubes([wanted], most=2) == [near, good]


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "image"},
        {"filter": "DB_K12"},
        {"coronagraph": ""},
        {"instrument_name": "SPHERE/IFS"},
        {"withdrawn": True},
        {"validated": False},
        {"release_time": datetime(2021, 1, 1, tzinfo=UTC)},
        {"release_time": None},
    ],
)
def test_what_does_not_fit_is_no_reference(changes: dict[str, object]) -> None:
    wanted = _cube(58000.0)
    _cube(58001.0, None, **changes)
    assert reference_cubes([wanted]) == []


def test_the_same_star_is_no_reference() -> None:
    wanted, again = _cube(58000.0), _cube(58001.0)
    again.target = wanted.target
    again.save()
    assert reference_cubes([wanted]) == []


def test_each_comes_once_as_a_file_of_the_store(catalogue: Settings) -> None:
    first, second, other = _cube(58000.0), _cube(58000.5), _cube(58001.0)
    sources = reference_sources(catalogue, [first, second])
    assert [source.name for source in sources] == [second.name, other.name, first.name]
    assert sources[0].path == catalogue.store / second.accref
    assert sources[0].sha256 == second.sha256
