"""Level 2 by principal components of the full frame."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hcvo.errors import ReductionError
from hcvo.model.product import ProductKind
from reduce.kernels.pca import reduce_pca
from reduce.kernels.reduction import Algorithm, Reduction
from reduce.recipe import Consume, Job, Parameters, Recipe, SourceFile
from reduce.recipes.level1_cube import read_level1
from reduce.recipes.level2 import Level2Parameters, Setting, run_level2
from reduce.recipes.write_level2 import write_level2

__all__ = ["RECIPE", "PcaParameters", "automatic_components"]


class PcaParameters(Level2Parameters):
    """Parameters of full-frame PCA."""

    components: int | None = Field(
        None, ge=1, description="principal components removed; None is a quarter of the frames, 1 to 10"
    )


def automatic_components(frames: int) -> int:
    """A quarter of the frames, at least 1 and at most 10: few frames leave little beyond the modes."""
    return max(1, min(10, frames // 4))


def _run(files: Mapping[str, Sequence[SourceFile]], parameters: Parameters, job: Job) -> None:
    assert isinstance(parameters, PcaParameters)
    level1 = read_level1(files["cube"][0])
    frames = level1.cube.shape[1]
    components = parameters.components or automatic_components(frames)
    if components >= frames:
        raise ReductionError(
            f"{level1.name}: {components} components of {frames} frames leave nothing; "
            f"wanted at most {frames - 1}, lower 'components'"
        )

    def algorithm(setting: Setting) -> Algorithm:
        def run(cube: NDArray[np.float32], angles_deg: NDArray[np.floating]) -> Reduction:
            return reduce_pca(cube, angles_deg, components, setting.mask, parameters.combine)

        return run

    job.log.info("pca", components=components, frames=frames)
    level2 = run_level2(level1, parameters, algorithm, job)
    own = [
        ("NCOMP", components, "principal components removed"),
        ("NFRAMES", frames, "frames"),
        ("PCAMEAN", True, "temporal mean subtracted first"),
    ]
    write_level2(level1, level2, parameters, job, ("pca", own))


RECIPE = Recipe(
    name="pca",
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
    parameters=PcaParameters,
    run=_run,
)
