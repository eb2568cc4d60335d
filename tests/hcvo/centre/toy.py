"""A recipe without science: one input, an image with preview and a candidate list as products.

It goes by the name of the one recipe whose products bring their own observation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import Field

from hcvo.config import Settings
from hcvo.headers.level2_tables import CandidateRow, table_hdu
from hcvo.headers.wcs import celestial_header
from hcvo.model.product import ProductFacts, ProductKind
from hcvo.store import sha256_of
from reduce.process import Run, run_recipe
from reduce.product_file import write_preview, write_product
from reduce.recipe import Consume, Job, Parameters, Recipe, Recorder, SourceFile

OBS_ID = "TOY.star.2015-02-03T05:10:20"
RA, DEC = 120.0, -30.0


class ToyParameters(Parameters):
    level: float = Field(1.0, description="value of every pixel")
    fail: bool = Field(default=False, description="stop with an error after the first product")


def facts(kind: ProductKind, process_id: int, version: str, axes: str = "y,x") -> ProductFacts:
    return ProductFacts(
        kind=kind, level=3, instrument="TOY", telescope="ESO-VLT-U3", arm="", algorithm="pca", filter="H",
        obs_id=OBS_ID, target_name="star", ra_deg=RA, dec_deg=DEC, programme="", ob_id=None,
        night="2015-02-02", mjd_start=57056.2, mjd_end=57056.3, exptime_s=60.0, dit_s=4.0, ncombine=3,
        wavelength_min_nm=1500.0, wavelength_max_nm=1700.0, pixel_scale_mas=12.25, fwhm_mas=41.0,
        coronagraph="", derotator_mode="ELEV", technique="IMAGE", field_rotation_deg=30.0, match_level=0,
        process_id=process_id, recipe="external_cube", recipe_version=version, provenance=("raw",), axes=axes,
        unit="adu",
    )  # fmt: skip


def _run(files: Mapping[str, Sequence[SourceFile]], parameters: Parameters, job: Job) -> None:
    assert isinstance(parameters, ToyParameters)
    assert files["raw"]
    image = facts(ProductKind.IMAGE, job.process_id, job.version)
    path = job.path_for(image)
    data = np.full((5, 5), parameters.level, np.float32)
    wcs = celestial_header(5, 12.25, RA, DEC)
    write_product(path, image, data, cards={card.keyword: (card.value, card.comment) for card in wcs.cards})
    job.done(image, path, write_preview(path, data))
    if parameters.fail:
        raise ValueError("asked to fail")
    found = facts(ProductKind.CANDIDATES, job.process_id, job.version, axes="")
    row = CandidateRow(
        candidate=1, channel=-1, wavelength=1.6, sep=400.0, sep_err=1.0, pa=30.0, pa_err=0.2, ra=RA, dec=DEC,
        x=1.0, y=2.0, contrast=1e-5, contrast_err=float("nan"), dmag=12.5, dmag_err=0.1, snr=20.0,
        significance=9.0, false_rate=0.0, false_rate_max=3.0, n_injections=8,
        neg_sep=401.0, neg_pa=30.1, neg_contrast=float("nan"), neg_differs=False,
    )  # fmt: skip
    path = job.path_for(found)
    write_product(path, found, None, [table_hdu([row], CandidateRow, "CANDIDATES")])
    job.done(found, path)


TOY = Recipe(
    name="external_cube",
    consumes=(Consume("raw", frozenset({"RAW"})),),
    makes=frozenset({"image", "candidates"}),
    parameters=ToyParameters,
    run=_run,
)


def run_toy(settings: Settings, recorder: Recorder, source: Path, **parameters: object) -> Run:
    inputs = {"raw": [SourceFile(source, sha256_of(source), source.name)]}
    return run_recipe(
        TOY, inputs, parameters, recorder=recorder, staging=settings.staging, logs=settings.logs / "toy"
    )


def _run_dark(files: Mapping[str, Sequence[SourceFile]], parameters: Parameters, job: Job) -> None:
    del parameters
    assert files["raw"]
    dark = replace(
        facts(ProductKind.DARK, job.process_id, job.version), level=1, algorithm="calib", target_name="",
        obs_id="TOY.CALIB.2015-02-03T05:10:20", recipe="toy_dark", ra_deg=None, dec_deg=None,
    )  # fmt: skip
    path = job.path_for(dark)
    write_product(path, dark, np.zeros((5, 5), np.float32))
    job.done(dark, path)


DARK = replace(TOY, name="toy_dark", makes=frozenset({"dark"}), parameters=Parameters, run=_run_dark)
"""A calibration of no observation."""


def run_dark(settings: Settings, recorder: Recorder, *sources: SourceFile) -> Run:
    return run_recipe(
        DARK, {"raw": sources}, None, recorder=recorder, staging=settings.staging, logs=settings.logs / "toy"
    )
