"""The algorithms under test, each as its recipe sets it up: one line for a new one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from reduce.recipe import Recipe
from reduce.recipes import cadi, loci, noadi, paco, pca, pca_annular, pca_rdi, pca_spectral, radial, tloci
from reduce.recipes.level2 import Level2Parameters
from reduce.recipes.level2_recipe import Method
from reduce.simulate.level1_cube import SequencePlan

__all__ = ["METHODS", "PLAN", "STRATEGIES", "Entry", "entry_of"]

PLAN = SequencePlan(np.linspace(-118.0, -58.0, 24), 91)
"""91 pixels, 24 frames, 60 degrees, FWHM 3.9 pixels: an hour for all algorithms on two cores."""
_SMEARED = replace(PLAN, smear_deg=60 / 23)
"""Exposures without gaps between them: companions are drawn out by up to 1.8 pixels."""
_H23 = SequencePlan(PLAN.angles_deg[::2], PLAN.size, (1.593, 1.667))
_IFS = SequencePlan(np.linspace(-118.0, -78.0, 12), 67, tuple(np.linspace(0.96, 1.34, 4)))


@dataclass(frozen=True, slots=True)
class Entry:
    """One algorithm.

    Attributes
    ----------
    recipe : Recipe
        Its recipe.
    method : Callable[..., Method]
        What sets it up: for a cube, with parameters and a job; `references` adds files of other stars.
    changes : Mapping[str, object]
        Parameters that make it this algorithm; all others keep their defaults.
    plan : SequencePlan
        Of the sequences it is tried on.
    joint : bool
        It takes all channels as one.
    references : bool
        It is given sequences of other stars.
    turning : bool
        It lives on the turn of the field.
    """

    recipe: Recipe
    method: Callable[..., Method]
    changes: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    plan: SequencePlan = PLAN
    joint: bool = False
    references: bool = False
    turning: bool = True

    def given(self, **changes: Any) -> Level2Parameters:  # noqa: ANN401 - checked by the recipe's parameters
        """Its parameters, with more changes."""
        made = self.recipe.parameters.model_validate({**self.changes, **changes})
        assert isinstance(made, Level2Parameters)
        return made


METHODS: dict[str, Entry] = {
    "noadi": Entry(noadi.RECIPE, noadi._NoAdi, turning=False),
    "radial": Entry(radial.RECIPE, radial._Radial, turning=False),
    "cadi": Entry(cadi.RECIPE, cadi._Cadi, plan=_SMEARED),
    "loci": Entry(loci.RECIPE, loci._Loci),
    "tloci": Entry(tloci.RECIPE, tloci._Tloci),
    "pca": Entry(pca.RECIPE, pca._Pca),
    "pca_annular": Entry(pca_annular.RECIPE, pca_annular._AnnularPca),
    "paco": Entry(paco.RECIPE, paco._Paco),
}
STRATEGIES: dict[str, Entry] = {
    "pca_sdi": Entry(pca_spectral.SDI, pca_spectral._sdi, plan=_H23, joint=True, turning=False),
    "pca_asdi": Entry(pca_spectral.ASDI, pca_spectral._asdi, plan=_IFS, joint=True),
    "pca_rdi": Entry(pca_rdi.RECIPE, pca_rdi._Rdi, references=True, turning=False),
}


def entry_of(name: str) -> Entry:
    """An algorithm or strategy by its name."""
    return METHODS[name] if name in METHODS else STRATEGIES[name]
