"""The algorithms under test, each as its recipe sets it up: one line for a new one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from reduce.recipe import Job, Recipe
from reduce.recipes import cadi, loci, noadi, paco, pca, pca_annular, radial, tloci
from reduce.recipes.level1_cube import Level1Cube
from reduce.recipes.level2 import Level2Parameters
from reduce.recipes.level2_recipe import Method

__all__ = ["METHODS", "Entry"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One algorithm.

    Attributes
    ----------
    recipe : Recipe
        Its recipe.
    method : Callable[[Level1Cube, Any, Job], Method]
        What sets it up for a cube.
    changes : Mapping[str, object]
        Parameters that make it this algorithm; all others keep their defaults.
    """

    recipe: Recipe
    method: Callable[[Level1Cube, Any, Job], Method]
    changes: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))

    def given(self, **changes: object) -> Level2Parameters:
        """Its parameters, with more changes."""
        made = self.recipe.parameters.model_validate({**self.changes, **changes})
        assert isinstance(made, Level2Parameters)
        return made


METHODS: dict[str, Entry] = {
    "noadi": Entry(noadi.RECIPE, noadi._NoAdi),
    "radial": Entry(radial.RECIPE, radial._Radial),
    "cadi": Entry(cadi.RECIPE, cadi._Cadi),
    "loci": Entry(loci.RECIPE, loci._Loci),
    "tloci": Entry(tloci.RECIPE, tloci._Tloci),
    "pca": Entry(pca.RECIPE, pca._Pca),
    "pca_annular": Entry(pca_annular.RECIPE, pca_annular._AnnularPca),
    "paco": Entry(paco.RECIPE, paco._Paco),
}
