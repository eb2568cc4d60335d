"""Recipes: one file each; declared inputs, outputs and parameters over kernels.

`REGISTRY` is the one place that lists them; their order is computed.
"""

from reduce.recipe import Recipe
from reduce.recipes import (
    cadi,
    external_cube,
    ird_flux_psf,
    ird_level1,
    ird_master_dark,
    ird_master_flat,
    ird_star_centre,
    loci,
    noadi,
    paco,
    pca,
    pca_annular,
    pca_rdi,
    pca_spectral,
    quality_report,
    radial,
    tloci,
)

__all__ = ["REGISTRY"]

REGISTRY: tuple[Recipe, ...] = (
    ird_master_dark.RECIPE,
    ird_master_flat.RECIPE,
    ird_star_centre.RECIPE,
    ird_flux_psf.RECIPE,
    ird_level1.RECIPE,
    external_cube.RECIPE,
    noadi.RECIPE,
    radial.RECIPE,
    cadi.RECIPE,
    loci.RECIPE,
    paco.RECIPE,
    pca.RECIPE,
    pca_spectral.ASDI,
    pca_spectral.SDI,
    pca_annular.RECIPE,
    pca_rdi.RECIPE,
    tloci.RECIPE,
    quality_report.RECIPE,
)
"""Every recipe that can run."""
