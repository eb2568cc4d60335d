"""Level 2 by principal components of the full frame."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hcvo.errors import ReductionError
from hcvo.model.product import ProductKind
from reduce.kernels.components import choose_components, component_grid
from reduce.kernels.pca import reduce_pca
from reduce.kernels.reduction import Algorithm, Reduction
from reduce.recipe import Consume, Job, Parameters, Recipe, SourceFile
from reduce.recipes.level1_cube import read_level1
from reduce.recipes.level2 import Level2Parameters, Setting, run_level2
from reduce.recipes.write_level2 import Card, write_level2

__all__ = ["RECIPE", "PcaParameters"]


class PcaParameters(Level2Parameters):
    """Parameters of full-frame PCA."""

    components: int | None = Field(
        default=None,
        ge=1,
        description="principal components removed; None tries up to a third of the frames, takes the deepest",
    )


class _Pca:
    """PCA with the number of components asked for, or chosen on the middle channel."""

    def __init__(self, parameters: PcaParameters, job: Job) -> None:
        self.parameters, self.job = parameters, job
        self.components = parameters.components or 0

    def __call__(self, setting: Setting) -> Algorithm:
        if not self.components:
            self.components = self._chosen(setting)
        self.job.log.info("pca", components=self.components, asked=self.parameters.components)

        def run(cube: NDArray[np.float32], angles_deg: NDArray[np.floating]) -> Reduction:
            return reduce_pca(cube, angles_deg, self.components, setting.mask, self.parameters.combine)

        return run

    def _chosen(self, setting: Setting) -> int:
        channel = setting.channels[len(setting.channels) // 2]
        first = reduce_pca(channel.cube, channel.angles_deg, 1, setting.mask, self.parameters.combine)
        grid = component_grid(len(channel.cube))
        choice = choose_components(channel, first, grid, (setting.inner_px, setting.outer_px))
        depths = [round(depth, 3) for depth in choice.depth]
        self.job.log.info("components tried", tried=choice.tried, log_noise_over_throughput=depths)
        return choice.best


def _run(files: Mapping[str, Sequence[SourceFile]], parameters: Parameters, job: Job) -> None:
    assert isinstance(parameters, PcaParameters)
    level1 = read_level1(files["cube"][0])
    frames = level1.cube.shape[1]
    if (parameters.components or 0) >= frames:
        raise ReductionError(
            f"{level1.name}: {parameters.components} components of {frames} frames leave nothing; "
            f"wanted at most {frames - 1}, lower 'components'"
        )
    pca = _Pca(parameters, job)
    level2 = run_level2(level1, parameters, pca, job)
    own: list[Card] = [
        ("NCOMP", pca.components, "principal components removed"),
        ("NCOMPAUT", parameters.components is None, "their number chosen by depth"),
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
