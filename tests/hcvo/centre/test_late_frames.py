"""A frame that comes in late neither splits its observation nor opens what is made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hcvo.catalogue.frames import frames_for
from hcvo.catalogue.models import Observation, Product
from hcvo.centre.catalogue_recorder import CatalogueRecorder
from hcvo.config import Settings
from hcvo.model.product import ProductKind
from ingest.raw import ingest_raw
from reduce.associate import Plan, Raw, Task
from reduce.classify import read_raw_frame
from reduce.engine import Summary, run_plan
from reduce.product_file import write_product
from reduce.recipe import Consume, Job, Parameters, Recipe, SourceFile
from reduce.recipes.calibration import observation_name
from tests.hcvo.centre import toy
from tests.ingest import frames

OB_ID = 1000123


def _ingest(catalogue: Settings, folder: Path, minute: float) -> None:
    path = frames.write_frame(folder, frames.header(minute=minute))
    assert ingest_raw([path], read_raw_frame, catalogue).usable


def _named(kind: ProductKind, level: int, *, block: int | None = OB_ID) -> Recipe:
    """A recipe that names its product as those of level 1 do."""

    def run(files: Mapping[str, Sequence[SourceFile]], parameters: Parameters, job: Job) -> None:
        del parameters
        made = replace(
            toy.facts(kind, job.process_id, job.version), level=level, obs_id=observation_name(files),
            ob_id=block, recipe="named",
        )  # fmt: skip
        path = job.path_for(made)
        write_product(path, made, np.zeros((5, 5), np.float32))
        job.done(made, path)

    anything = frozenset({"IRD_SCIENCE_DBI_RAW"})
    return Recipe("named", (Consume("observation", anything),), frozenset({str(kind)}), Parameters, run)


def _reduce(catalogue: Settings, recipe: Recipe) -> Summary:
    """Run a recipe on the first science frame the catalogue has."""
    first = frames_for(list(Observation.objects.all()))[0]
    plan = Plan((Task("x", recipe.name, {"observation": (Raw(first),)}),), ())
    return run_plan(
        plan,
        [recipe],
        CatalogueRecorder(catalogue),
        catalogue.staging,
        catalogue.logs / "named",
        progress=False,
    )


@pytest.mark.parametrize(("kind", "level"), [(ProductKind.CENTRES, 1), (ProductKind.CUBE, 2)])
def test_products_before_and_after_are_of_one_observation(
    catalogue: Settings, tmp_path: Path, kind: ProductKind, level: int
) -> None:
    _ingest(catalogue, tmp_path, 5)
    assert not _reduce(catalogue, _named(kind, level)).refusals
    _ingest(catalogue, tmp_path, 0)
    assert not _reduce(catalogue, _named(kind, level)).refusals
    observation = Observation.objects.get()
    assert observation.n_science == 2
    assert Product.objects.count() == 2
    for product in Product.objects.all():
        assert (product.observation, product.obs_id) == (observation, observation.obs_id)
        assert product.release_time == observation.release_time


@pytest.mark.parametrize("level", [1, 2])
def test_a_frame_that_comes_in_while_the_first_product_is_made(
    catalogue: Settings, tmp_path: Path, level: int
) -> None:
    _ingest(catalogue, tmp_path, 5)
    recipe = _named(ProductKind.PSF, level)

    def run(files: Mapping[str, Sequence[SourceFile]], parameters: Parameters, job: Job) -> None:
        _ingest(catalogue, tmp_path, 0)
        recipe.run(files, parameters, job)

    summary = _reduce(catalogue, replace(recipe, run=run))
    assert not summary.refusals
    observation, product = Observation.objects.get(), Product.objects.get()
    assert (product.observation, product.obs_id) == (observation, observation.obs_id)
    assert observation.n_science == 2


@pytest.mark.parametrize(("level", "block"), [(1, OB_ID), (1, None), (2, OB_ID), (2, None)])
def test_a_product_of_a_target_without_its_observation_is_refused(
    catalogue: Settings, tmp_path: Path, level: int, block: int | None
) -> None:
    path = frames.write_frame(tmp_path, frames.header())
    frame = read_raw_frame(path)  # not in the catalogue
    recipe = _named(ProductKind.PSF, level, block=block)
    plan = Plan((Task("x", recipe.name, {"observation": (Raw(frame),)}),), ())
    summary = run_plan(
        plan, [recipe], CatalogueRecorder(catalogue), catalogue.staging, catalogue.logs / "named"
    )
    assert "no observation SPHERE.IRDIS" in summary.refusals[0]
    assert Product.objects.count() == Observation.objects.count() == 0
    assert not [file for file in catalogue.store.rglob("*") if file.is_file()]


def test_two_names_for_one_observation_are_refused(catalogue: Settings, tmp_path: Path) -> None:
    _ingest(catalogue, tmp_path, 5)
    recipe = _named(ProductKind.PSF, 1)

    def run(files: Mapping[str, Sequence[SourceFile]], parameters: Parameters, job: Job) -> None:
        _ingest(catalogue, tmp_path, 0)
        assert not _reduce(catalogue, replace(recipe, name="other")).refusals
        recipe.run(files, parameters, job)

    (refusal,) = _reduce(catalogue, replace(recipe, run=run)).refusals
    assert "reduce again" in refusal
    assert not _reduce(catalogue, recipe).refusals
    assert set(Product.objects.values_list("obs_id", flat=True)) == {Observation.objects.get().obs_id}
