"""Level 2 by classical ADI: temporal median subtracted, derotated, combined."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hcvo.model.product import ProductKind
from reduce.kernels.cadi import reduce_cadi
from reduce.kernels.reduction import Algorithm, Reduction
from reduce.recipe import Consume, Job, Parameters, Recipe, SourceFile
from reduce.recipes.level1_cube import read_level1
from reduce.recipes.level2 import Level2Parameters, Setting, run_level2
from reduce.recipes.write_level2 import write_level2

__all__ = ["RECIPE", "CadiParameters"]


class CadiParameters(Level2Parameters):
    """Parameters of classical ADI."""


def _run(files: Mapping[str, Sequence[SourceFile]], parameters: Parameters, job: Job) -> None:
    assert isinstance(parameters, CadiParameters)
    level1 = read_level1(files["cube"][0])

    def algorithm(_: Setting) -> Algorithm:
        def run(cube: NDArray[np.float32], angles_deg: NDArray[np.floating]) -> Reduction:
            return reduce_cadi(cube, angles_deg, parameters.combine)

        return run

    level2 = run_level2(level1, parameters, algorithm, job)
    write_level2(level1, level2, parameters, job, ("cadi", ()))


RECIPE = Recipe(
    name="cadi",
    consumes=(Consume("cube", frozenset({ProductKind.CUBE.value}), 1, 1),),
    makes=frozenset(
        kind.value
        for kind in (
            ProductKind.RESIDUAL,
            ProductKind.IMAGE,
            ProductKind.SNR,
            ProductKind.SIGNIFICANCE,
            ProductKind.CONTRAST,
            ProductKind.CANDIDATES,
        )
    ),
    parameters=CadiParameters,
    run=_run,
)
