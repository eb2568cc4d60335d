from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2.errors
import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class with a small name

from hcvo.catalogue.models import (
    AoCondition,
    Contrast,
    Detection,
    Observation,
    Process,
    ProcessInput,
    Product,
    QualityNumber,
    RawFrame,
    SciencePlane,
)
from hcvo.catalogue.rights import set_rights, share_rights
from hcvo.config import Settings
from hcvo.published.ddl import dc_products_sql
from hcvo.published.declaration import views
from hcvo.site.database import connect
from tests.hcvo.catalogue import rows

NOW = datetime.now(UTC)
SPAN_S = 40 * 365 * 86400
moments = st.none() | st.integers(-SPAN_S, SPAN_S).filter(lambda s: abs(s) > 3600).map(
    lambda seconds: NOW + timedelta(seconds=seconds)
)


Rights = tuple[datetime | None, bool, bool, str]
workspaces = st.sampled_from(["", "", "", "of a user", " "])
some_rights = st.tuples(moments, st.booleans(), st.booleans(), workspaces)


def _public(given: Rights) -> bool:
    release_time, validated, withdrawn, workspace = given
    return release_time is not None and release_time < NOW and validated and not withdrawn and not workspace


def _as_columns(given: Rights) -> dict[str, Any]:
    release_time, validated, withdrawn, workspace = given
    return rows.rights(release_time, validated=validated, withdrawn=withdrawn, workspace=workspace)


def _told(view: str) -> int:
    """Rows of a view; where a row stands for several, how many those are."""
    name = views()[view].qualified
    if view not in _TOTALS:
        return _count(name)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT coalesce(sum({_TOTALS[view]}), 0) FROM {name}")
        return int(cursor.fetchone()[0])


def _count(view: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {view}")
        return int(cursor.fetchone()[0])


@pytest.fixture
def tap(catalogue: Settings) -> Iterator[Cursor]:
    """A cursor of the role in which DaCHS runs its users' queries."""
    session = connect(catalogue, user="untrusted")
    session.autocommit = True
    with session.cursor() as cursor:
        yield cursor
    session.close()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(row=some_rights)
@example(row=(NOW - timedelta(1), True, False, "of a user"))
def test_the_function_is_the_rule(postgres_site: Settings, row: Rights) -> None:
    del postgres_site
    with connection.cursor() as cursor:
        cursor.execute("SELECT archive.is_public(%s, %s, %s, %s)", list(row))
        (public,) = cursor.fetchone()
    assert public is _public(row)


def test_a_row_becomes_public_at_its_release_time(postgres_site: Settings) -> None:
    del postgres_site
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT archive.is_public(now(), true, false, ''),"
            " archive.is_public(now() + interval '1 microsecond', true, false, '')"
        )
        assert cursor.fetchone() == (True, False)


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(guards=st.lists(some_rights, min_size=1, max_size=6))
@example(
    guards=[
        (NOW - timedelta(days=9), True, False, ""),
        (None, True, False, ""),
        (NOW - timedelta(1), True, False, ""),
        (NOW - timedelta(1), True, False, "of a user"),
    ]
)
def test_every_view_shows_public_rows_only(postgres_site: Settings, guards: list[Rights]) -> None:
    with transaction.atomic():
        before = {view: _told(view) for view in views()}
        products = f"({dc_products_sql(postgres_site.store)}) p"
        files = _count(products)
        public = 0
        for one in guards:
            rows.family(**_as_columns(one))
            public += _public(one)
        found = {view: _told(view) - before[view] for view in views()}
        assert found == dict.fromkeys(views(), public) | {
            "prov_entity": 2 * public,  # product and raw frame
            "prov_was_attributed_to": 3 * public,  # both to the PI, the product to the archive
        }
        assert _count(products) - files == 2 * public  # the product and the raw frame
        transaction.set_rollback(True)


_TOTALS = {"recipe": "runs", "data_release": "n_observations"}
"""Views that count rows of others, by the column that does."""

_GUARDED = (
    AoCondition,
    Contrast,
    Detection,
    Observation,
    Process,
    ProcessInput,
    Product,
    QualityNumber,
    RawFrame,
    SciencePlane,
)
_OPEN: Rights = (rows.PUBLIC["release_time"], True, False, "")


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(observation=some_rights, product=some_rights, frame=some_rights)
def test_a_target_is_shown_with_what_is_public_of_it(
    postgres_site: Settings, observation: Rights, product: Rights, frame: Rights
) -> None:
    del postgres_site
    with transaction.atomic():
        of = rows.family(**rows.rights(None))
        assert of.observation is not None
        assert of.target is not None
        Observation.objects.filter(pk=of.observation.pk).update(**_as_columns(observation))
        Product.objects.filter(pk=of.pk).update(**_as_columns(product))
        RawFrame.objects.filter(observation=of.observation).update(**_as_columns(frame))
        shown = [_public(each) for each in (observation, product, frame)]
        with connection.cursor() as cursor:
            cursor.execute("SELECT object_names FROM hci.target WHERE target_id = %s", [of.target.pk])
            found = cursor.fetchall()
        assert found == ([("PI's name" if shown[0] else None,)] if any(shown) else [])
        transaction.set_rollback(True)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(guards=st.dictionaries(st.sampled_from(_GUARDED), some_rights), precursor=some_rights)
def test_no_row_of_a_view_names_a_private_row(
    postgres_site: Settings, guards: dict[Any, Rights], precursor: Rights
) -> None:
    """Rights are drawn for each row on its own.

    A product's own names hold its obs_id; they go with it, and it is at most as public as its observation.
    """
    del postgres_site
    with transaction.atomic():
        product, other = rows.family(**rows.PUBLIC), rows.family(**rows.PUBLIC)
        assert product.observation is not None
        Product.objects.filter(pk=other.pk).update(**_as_columns(precursor))
        ProcessInput.objects.create(
            process=product.process,
            role="dark",
            name=other.name,
            sha256="1" * 64,
            product=other,
            **rows.PUBLIC,
        )
        for model, given_rights in guards.items():
            model.objects.exclude(pk=other.pk).update(**_as_columns(given_rights))
        shown = "".join(_everything(view) for view in views() if view not in {"observation", "product"})
        frame = product.observation.frames.get()
        for row, names in (
            (Product.objects.get(pk=other.pk), (other.accref, other.name, "1" * 64)),
            (Product.objects.get(pk=product.pk), (product.accref,)),
            (frame, (frame.dp_id, frame.accref)),
        ):
            if not _public((row.release_time, row.validated, row.withdrawn, row.workspace)):
                assert not [name for name in names if f'"{name}"' in shown]
        if not _public(guards.get(Observation, _OPEN)):
            assert f'"{product.observation.obs_id}"' not in _everything("raw_frame")
        transaction.set_rollback(True)


def _everything(view: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT coalesce(string_agg(to_jsonb(v)::text, ' '), '') FROM {views()[view].qualified} v"
        )
        return str(cursor.fetchone()[0])


def test_a_target_tells_no_name_of_a_private_observation(catalogue: Settings) -> None:
    del catalogue
    shown, hidden = rows.family(**rows.PUBLIC), rows.family(**rows.rights(None))
    assert hidden.observation is not None
    Observation.objects.filter(pk=hidden.observation.pk).update(
        target=shown.target, object_name="secret survey 7"
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT object_names, to_jsonb(t)::text FROM hci.target t")
        ((names, whole),) = cursor.fetchall()
    assert names == "PI's name"
    assert "secret" not in whole


def test_a_pi_is_named_with_public_observations_only(catalogue: Settings) -> None:
    del catalogue
    shown, hidden = rows.family(**rows.PUBLIC), rows.family(**rows.PUBLIC)
    assert shown.observation is not None
    assert hidden.observation is not None
    assert shown.observation.programme is not None
    Observation.objects.filter(pk=hidden.observation.pk).update(release_time=None)
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM hci.prov_agent WHERE type = 'Person'")
        assert cursor.fetchall() == [(shown.observation.programme.pi,)]
        cursor.execute("SELECT entity, agent FROM hci.prov_was_attributed_to WHERE role <> 'creator'")
        agent = f"ivo://org.hcvo.test/pi?{shown.observation.programme.pk}"
        frame = shown.observation.frames.get().accref
        assert sorted(cursor.fetchall()) == sorted(
            (f"ivo://org.hcvo.test/~?{accref}", agent) for accref in (shown.accref, frame)
        )


def test_closing_the_only_observation_closes_its_target(catalogue: Settings) -> None:
    del catalogue
    observation = rows.family(**rows.PUBLIC).observation
    assert observation is not None
    observation.frames.update(release_time=None)
    assert _count("hci.target") == 1
    set_rights(observation, withdrawn=True)
    assert _count("hci.target") == 0


def test_the_rule_is_inlined_in_the_view_of_targets(tap: Cursor) -> None:
    tap.execute("EXPLAIN SELECT * FROM hci.target")
    assert "is_public" not in "\n".join(line for (line,) in tap.fetchall())


def test_tap_reads_the_views_and_nothing_below(tap: Cursor) -> None:
    rows.family(**rows.PUBLIC)
    tap.execute("SELECT obs_publisher_did, access_estsize FROM hci.product")
    assert tap.fetchall() == [("ivo://org.hcvo.test/~?" + _accref(), 2)]
    for statement in (
        "SELECT * FROM archive.product",
        "DELETE FROM hci.product",
        "SELECT archive.is_public(now(), true, false, '')",
    ):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            tap.execute(statement)


def test_the_rule_is_inlined_for_tap(tap: Cursor) -> None:
    tap.execute("EXPLAIN SELECT * FROM hci.product")
    plan = "\n".join(line for (line,) in tap.fetchall())
    assert "is_public" not in plan
    assert "release_time <= now()" in plan


@pytest.mark.parametrize(
    "condition",
    ["CAST(target_name AS integer) = 1", "1 / (s_xel1 + 1) = 1", "CAST(filter AS double precision) > 0"],
)
def test_an_error_made_on_purpose_tells_nothing_of_private_rows(tap: Cursor, condition: str) -> None:
    rows.family(**rows.rights(None))
    tap.execute(f"SELECT count(*) FROM hci.product WHERE {condition}")
    assert tap.fetchone() == (0,)
    rows.family(**rows.PUBLIC)  # the same condition does fail on a row that may be seen
    with pytest.raises(psycopg2.DataError):
        tap.execute(f"SELECT count(*) FROM hci.product WHERE {condition}")


@pytest.mark.parametrize(
    "change",
    [{"withdrawn": True}, {"validated": False}, {"release_time": NOW + timedelta(days=1)}],
)
def test_closing_an_observation_closes_all_that_came_of_it(
    catalogue: Settings, change: dict[str, Any]
) -> None:
    observation = rows.family(**rows.PUBLIC).observation
    kept = rows.family(**rows.PUBLIC)
    assert observation is not None
    set_rights(observation, **change)
    for view in ("observation", "product", "contrast", "detection", "process", "process_input"):
        assert _count(views()[view].qualified) == 1, view
    assert _count(f"({dc_products_sql(catalogue.store)}) p") == 3  # raw frames have their own terms
    set_rights(observation, withdrawn=False, validated=True, release_time=kept.release_time)
    for view in ("observation", "product", "contrast", "detection", "process", "process_input"):
        assert _count(views()[view].qualified) == 2, view


def test_a_process_is_as_public_as_its_most_public_product(catalogue: Settings) -> None:
    del catalogue
    product = rows.family(**rows.rights(None))
    assert _count("hci.process") == 0
    open_one = rows.family(**rows.PUBLIC)
    open_one.process = product.process
    open_one.save()
    share_rights(product.process, product.process.products.all())
    assert _count("hci.process") == 2
    assert _count("hci.process_input") == 1  # the frame that was read is private still
    RawFrame.objects.update(**rows.PUBLIC)
    assert _count("hci.process_input") == 2


def _accref() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT accref FROM archive.product")
        return str(cursor.fetchone()[0])
