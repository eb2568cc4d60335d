"""Which algorithms of level 2 run."""

import pytest

from hcvo.errors import ConfigError
from hcvo.model.product import ProductKind
from reduce.recipe import Consume, Parameters, Recipe
from reduce.recipes import REGISTRY
from reduce.selection import ALL, algorithms_in, selected


def recipe(name: str, makes: ProductKind, *, on_request: bool) -> Recipe:
    consumes = (Consume("cube", frozenset({"cube"})),)
    return Recipe(name, consumes, frozenset({makes.value}), Parameters, lambda *_: None, on_request)


LEVEL1 = recipe("level1", ProductKind.CUBE, on_request=False)
QUALITY = recipe("quality", ProductKind.QUALITY, on_request=False)
EXTRA = recipe("extra", ProductKind.QUALITY, on_request=True)
PLAIN = recipe("plain", ProductKind.RESIDUAL, on_request=False)
SLOW = recipe("slow", ProductKind.RESIDUAL, on_request=True)
RECIPES = [LEVEL1, SLOW, QUALITY, PLAIN, EXTRA]


@pytest.mark.parametrize(
    ("named", "wanted"),
    [
        (None, [LEVEL1, QUALITY, PLAIN]),
        (["slow"], [LEVEL1, SLOW, QUALITY]),
        (["plain", "slow"], [LEVEL1, SLOW, QUALITY, PLAIN]),
        ([ALL], [LEVEL1, SLOW, QUALITY, PLAIN]),
        (["plain", ALL], [LEVEL1, SLOW, QUALITY, PLAIN]),
    ],
)
def test_names_choose_among_the_algorithms_alone(named: list[str] | None, wanted: list[Recipe]) -> None:
    assert selected(RECIPES, named) == wanted


@pytest.mark.parametrize("named", [["klip"], ["slow", "quality"], []])
def test_what_is_no_algorithm_is_refused_with_those_there_are(named: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"there are slow, plain, or all"):
        selected(RECIPES, named)


def test_without_names_classical_adi_and_principal_components_run() -> None:
    assert algorithms_in(selected(REGISTRY)) == ["cadi", "pca"]
    assert {"cadi", "pca"} <= set(algorithms_in(REGISTRY)) == set(algorithms_in(selected(REGISTRY, [ALL])))
