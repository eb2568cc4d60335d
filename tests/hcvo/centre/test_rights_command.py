"""A PI prolongs; private files are asked for through one function."""

from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hcvo.catalogue.access import Reader, may_read
from hcvo.catalogue.models import Contrast, Observation, Process, Product
from hcvo.catalogue.rights import prolong
from hcvo.centre.rights_command import rights
from hcvo.config import Settings
from hcvo.errors import CatalogueError
from tests.hcvo.catalogue import rows

SOON = datetime.now(UTC) + timedelta(days=30)
LATER = datetime(2099, 1, 1, tzinfo=UTC)
PI, OTHER, OPERATOR = Reader("pi"), Reader("other"), Reader(operator=True)


def _planted(release_time: datetime | None = SOON) -> str:
    product = rows.family(**rows.rights(release_time), owner="pi")
    assert product.observation is not None
    return product.observation.obs_id


@pytest.mark.usefixtures("catalogue")
@pytest.mark.parametrize("reader", [PI, OPERATOR])
def test_a_release_is_put_off_for_all_that_was_made(reader: Reader) -> None:
    obs_id = _planted()
    assert prolong(obs_id, LATER, reader) == SOON
    for model in (Observation, Product, Process, Contrast):
        assert model.objects.get().release_time == LATER


@pytest.mark.usefixtures("catalogue")
@pytest.mark.parametrize(
    ("release_time", "until", "reader", "why"),
    [
        (SOON, LATER, OTHER, "not yours"),
        (SOON, LATER, Reader(), "not yours"),
        (SOON, SOON - timedelta(days=1), PI, "wanted is a later time"),
        (SOON, SOON, PI, "wanted is a later time"),
        (datetime(2020, 1, 1, tzinfo=UTC), LATER, OPERATOR, "was released on 2020-01-01"),
        (None, LATER, PI, "has no release"),
    ],
)
def test_what_cannot_be_prolonged_stays(
    release_time: datetime | None, until: datetime, reader: Reader, why: str
) -> None:
    obs_id = _planted(release_time)
    with pytest.raises(CatalogueError, match=why):
        prolong(obs_id, until, reader)
    assert Observation.objects.get().release_time == release_time


@pytest.mark.usefixtures("catalogue")
def test_an_observation_without_owner_is_nobodys() -> None:
    product = rows.family(**rows.rights(SOON))
    assert product.observation is not None
    with pytest.raises(CatalogueError, match="not yours"):
        prolong(product.observation.obs_id, LATER, Reader())


def test_the_command(catalogue: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCVO_STATE", str(catalogue.state))
    monkeypatch.setenv("HCVO_DATABASE__PORT", str(catalogue.database.port))
    obs_id = _planted()
    options = ["prolong", obs_id, "--until", "2099-01-01"]
    tried = CliRunner().invoke(rights, [*options, "--dry-run"], catch_exceptions=False)
    assert "would be released on 2099-01-01 UTC" in tried.output
    assert Observation.objects.get().release_time == SOON
    done = CliRunner().invoke(rights, [*options, "--pi", "pi"], catch_exceptions=False)
    assert f"{obs_id}: is released on 2099-01-01 UTC" in done.output
    assert Observation.objects.get().release_time == LATER


_names = st.sampled_from(["", "a", "b"])


@pytest.mark.usefixtures("catalogue")
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    reader=st.builds(Reader, _names, st.frozensets(_names), st.booleans()),
    owner=_names,
    workspace=_names,
    release_time=st.sampled_from([None, SOON, datetime(2020, 1, 1, tzinfo=UTC)]),
    validated=st.booleans(),
    withdrawn=st.booleans(),
)
def test_who_may_read(
    reader: Reader,
    owner: str,
    workspace: str,
    release_time: datetime | None,
    *,
    validated: bool,
    withdrawn: bool,
) -> None:
    product = Product.objects.first() or rows.family(**rows.PUBLIC)
    stale = Product.objects.get(pk=product.pk)
    Product.objects.filter(pk=product.pk).update(
        owner=owner, workspace=workspace, release_time=release_time, validated=validated, withdrawn=withdrawn
    )
    released = release_time is not None and release_time.year == 2020
    public = released and validated and not withdrawn and not workspace
    mine = owner != "" and owner == reader.account
    ours = workspace != "" and workspace in reader.workspaces
    assert may_read(reader, stale) is (public or mine or ours or reader.operator)


@pytest.mark.usefixtures("catalogue")
def test_a_row_that_is_gone_is_nobodys() -> None:
    product = rows.family(**rows.PUBLIC)
    assert may_read(Reader(), product)
    product.pk += 1000
    assert not may_read(OPERATOR, product)
