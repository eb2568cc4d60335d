"""A part of ``make test-embargo`` on the site that all tests share."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from hcvo.catalogue.models.rights import Guarded
from hcvo.catalogue.setup import setup_django
from hcvo.config import Settings
from tests.embargo.faults import faulty, guarded_views
from tests.embargo.flags import told_by_flags
from tests.embargo.jobs import add_users, told_of_jobs
from tests.embargo.private_rows import STATES, Family, plant, remove
from tests.embargo.questions import Question
from tests.embargo.release import wrong_at_release
from tests.embargo.routes import Route, listed, routes, tap_tables, unclassified
from tests.embargo.rule import differences
from tests.embargo.sweep import ASKERS, Client, sweep
from tests.embargo.views import of_the_families

_RELEASED = {"release_time": datetime(2020, 1, 1, tzinfo=UTC)}
_ASKED = {"tap", "file", "datalink", "cutout", "image", "old image", "cone", "registry", "record", "closed"}
"""Kinds of routes that are asked here; the make target asks all."""


@pytest.fixture(scope="module")
def tables(live_site: Settings) -> dict[str, Any]:
    """What DaCHS says of its routes."""
    return listed(live_site)


@pytest.fixture(scope="module")
def families(live_site: Settings) -> Iterator[list[Family]]:
    """A public family, one that is private, one that is beside the public one, one that is to come."""
    setup_django(live_site)
    public = plant(live_site, "open", _RELEASED)
    planted = [
        public,
        plant(live_site, "embargoed", STATES["embargoed"]),
        plant(live_site, "besidewithdrawn", STATES["withdrawn"], beside=public),
        plant(live_site, "coming", {"release_time": None}),
    ]
    yield planted
    remove(planted)


def test_somebody_has_said_what_each_route_is(tables: dict[str, Any]) -> None:
    assert unclassified(tables) == []


def test_a_new_route_is_noticed(tables: dict[str, Any]) -> None:
    services = tables["services"] | {"hci/new": {"service": ["form"]}}
    renderers = [*tables["renderers"], "new.xml"]
    changed = tables | {"services": services, "renderers": renderers, "statics": [*tables["statics"], "new"]}
    assert unclassified(changed) == ["new", "hci/new/service/form", "renderer new.xml"]


def test_views_on_private_tables_ask_the_rule(live_site: Settings) -> None:
    asking = guarded_views(live_site)
    assert {"hci.product", "dc.products"} <= set(asking)
    assert [name for name, asks in asking.items() if not asks] == []


def test_the_rule_is_the_rule(live_site: Settings) -> None:
    assert differences(live_site, 1000) == []


def test_nothing_private_is_told(live_site: Settings, tables: dict[str, Any], families: list[Family]) -> None:
    public, *private = families
    asked = [route for route in routes(tables) if route.kind in _ASKED and not _same(route)]
    result = sweep(live_site, asked, tap_tables(tables), private[:2], public, {"anonymous": 1})
    assert [(found.question.method, found.question.path, found.why) for found in result.found] == []
    assert {"tap", "image", "cone"} <= result.public


def _same(route: Route) -> bool:
    """By their short names they are asked already."""
    return route.path.startswith(("__system__/tap/", "__system__/products/p/"))


def test_jobs_are_their_owners(live_site: Settings) -> None:
    add_users(live_site)
    assert list(told_of_jobs(live_site)) == []


def test_a_flag_raised_by_a_private_row_is_not_told(live_site: Settings, families: list[Family]) -> None:
    public, embargoed, *_ = families
    assert told_by_flags(live_site, embargoed, public) == []


def test_a_workspace_is_private_whatever_its_release(live_site: Settings, families: list[Family]) -> None:
    """A public family that a user takes into a workspace is gone from every table."""
    public, *_ = families
    shown = of_the_families(live_site)(public)
    assert len(shown) > 10
    _put(public, "of a user")
    try:
        assert of_the_families(live_site)(public) == {}
    finally:
        _put(public, "")


def _put(family: Family, workspace: str) -> None:
    for model, row in family.rows.items():
        if issubclass(model, Guarded):
            model._default_manager.filter(pk=row.pk).update(workspace=workspace)


@pytest.mark.parametrize("path", ["tap/user_tables", "__system__/tap/run/user_tables"])
def test_no_tables_are_kept_for_users_either(live_site: Settings, path: str) -> None:
    add_users(live_site)
    client = Client(live_site, ASKERS["wrong user"])
    assert client.ask(Question(path)).status == 403
    client.close()


def test_at_the_release_all_is_there(live_site: Settings, families: list[Family]) -> None:
    coming = families[3]
    assert list(wrong_at_release(live_site, coming, of_the_families(live_site)(coming))) == []


@pytest.mark.parametrize("view", ["hci.product", "hci.raw_frame", "hci.process"])
def test_a_view_without_the_rule_is_seen(live_site: Settings, families: list[Family], view: str) -> None:
    public, embargoed, *_ = families
    with faulty(live_site, view):
        result = sweep(
            live_site, [Route("tap", "table of TAP")], [view], [embargoed], public, {"anonymous": 0}
        )
    assert any(embargoed.token in found.why for found in result.found)


def test_files_without_the_rule_are_seen(live_site: Settings, families: list[Family]) -> None:
    public, embargoed, *_ = families
    with faulty(live_site, "dc.products"):
        result = sweep(live_site, [Route("getproduct", "file")], [], [embargoed], public, {"anonymous": 1})
    assert {"tells pixels", "told from one that never was: 200, not 404"} <= {one.why for one in result.found}
