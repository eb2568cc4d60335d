"""Which of two products makes their process public; how far an observation's rights go."""

from datetime import UTC, datetime
from typing import Any

import pytest

from hcvo.catalogue.models import (
    Contrast,
    Detection,
    Observation,
    Process,
    ProcessInput,
    Product,
    RawFrame,
)
from hcvo.catalogue.rights import set_rights, share_rights, within_inputs
from hcvo.config import Settings
from tests.hcvo.catalogue import rows

_LONG_AGO, _LATER = datetime(2015, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("closed", "open_"),
    [
        (rows.rights(_LONG_AGO, validated=False), rows.rights(_LATER)),
        (rows.rights(_LONG_AGO, withdrawn=True), rows.rights(_LATER)),
        (rows.rights(_LONG_AGO, withdrawn=True), rows.rights(_LATER, validated=False)),
        (rows.rights(None), rows.rights(_LATER)),
        (rows.rights(_LONG_AGO, workspace="of a user"), rows.rights(None, validated=False, withdrawn=True)),
        (rows.rights(_LATER), rows.rights(_LONG_AGO)),
    ],
)
def test_the_most_public_product_decides(
    catalogue: Settings, closed: dict[str, object], open_: dict[str, object]
) -> None:
    del catalogue
    first, second = rows.family(**closed), rows.family(**open_)
    second.process = first.process
    second.save()
    for products in ([first, second], [second, first]):
        share_rights(first.process, products)
        names = tuple(open_)
        assert Process.objects.values(*names).get(pk=first.process.pk) == open_
        assert ProcessInput.objects.filter(process=first.process).values(*names).first() == open_
    share_rights(first.process, [first])
    assert Process.objects.values(*closed).get(pk=first.process.pk) == closed


_GUARDED: tuple[Any, ...] = (Contrast, Detection, Observation, Process, ProcessInput, Product)


def _columns_of(product: Product) -> dict[str, dict[str, object]]:
    """Rights as they stand on each row of a family; raw frames have their own terms."""
    keys: dict[Any, dict[str, Any]] = {
        Observation: {"pk": product.observation_id},
        Product: {"pk": product.pk},
        Process: {"pk": product.process_id},
        ProcessInput: {"process": product.process_id},
    }
    return {
        model.__name__: model.objects.values(*rows.PUBLIC).get(**keys.get(model, {"product": product.pk}))
        for model in _GUARDED
    }


@pytest.mark.parametrize(
    "change", [{"withdrawn": True}, {"validated": False}, {"release_time": datetime(2031, 1, 1, tzinfo=UTC)}]
)
def test_each_copy_of_an_observations_rights_is_changed(catalogue: Settings, change: dict[str, Any]) -> None:
    del catalogue
    product, untouched = rows.family(**rows.PUBLIC), rows.family(**rows.PUBLIC)
    assert product.observation is not None
    set_rights(product.observation, **change)
    names = [model.__name__ for model in _GUARDED]
    assert _columns_of(product) == dict.fromkeys(names, rows.PUBLIC | change)
    assert _columns_of(untouched) == dict.fromkeys(names, rows.PUBLIC)


_CLOSED = [rows.rights(_LATER), rows.rights(None), rows.rights(_LONG_AGO, validated=False)]
_CLOSED.append(rows.rights(_LONG_AGO, withdrawn=True))


@pytest.mark.parametrize("frame", _CLOSED)
def test_opening_an_observation_opens_nothing_beyond_what_it_was_made_from(
    catalogue: Settings, frame: dict[str, object]
) -> None:
    del catalogue
    product = rows.family(**rows.rights(_LATER, validated=False))
    assert product.observation is not None
    product.observation.frames.update(**frame)
    set_rights(product.observation, release_time=_LONG_AGO, validated=True, withdrawn=False)
    found = _columns_of(product)
    assert found.pop("Observation") == rows.rights(_LONG_AGO)
    assert found == dict.fromkeys(found, frame)


def test_a_product_is_within_its_own_terms_and_all_of_its_inputs(catalogue: Settings) -> None:
    del catalogue
    product, dark = rows.family(**rows.rights(_LONG_AGO)), rows.family(**rows.rights(_LONG_AGO))
    product.process.inputs.create(role="dark", name="d", sha256="1" * 64, product=dark, **rows.PUBLIC)
    own = {**rows.rights(_LONG_AGO), "digest": "kept"}
    assert within_inputs(own, product.process) == own
    for closed in _CLOSED:
        assert within_inputs(own | closed, product.process) == own | closed
        Product.objects.filter(pk=dark.pk).update(**closed)
        assert within_inputs(own, product.process) == own | closed
        Product.objects.filter(pk=dark.pk).update(**rows.rights(_LONG_AGO))
    RawFrame.objects.update(release_time=_LATER)
    Product.objects.filter(pk=dark.pk).update(validated=False)
    assert within_inputs(own, product.process) == own | rows.rights(_LATER, validated=False)


def test_what_is_made_from_a_workspace_leaves_it_unreleased(catalogue: Settings) -> None:
    del catalogue
    product, cube = (
        rows.family(**rows.rights(_LONG_AGO)),
        rows.family(**rows.rights(_LONG_AGO, workspace="w")),
    )
    product.process.inputs.create(role="cube", name="c", sha256="1" * 64, product=cube, **rows.PUBLIC)
    for workspace, released in (("", None), ("another", None), ("w", _LONG_AGO)):
        own = rows.rights(_LONG_AGO, workspace=workspace)
        assert within_inputs(own, product.process) == rows.rights(released, workspace=workspace)
