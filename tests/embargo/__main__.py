"""``make test-embargo``: on a site of its own, every route, every kind of private row, every asker."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlencode

from rich.console import Console

from hcvo.catalogue.models import Process
from hcvo.catalogue.setup import setup_django
from hcvo.config import Settings
from hcvo.report import Row, publish_report
from hcvo.site.up import bring_up
from tests.embargo.faults import faulty, guarded_views
from tests.embargo.finding import Searcher
from tests.embargo.flags import told_by_flags
from tests.embargo.jobs import add_users, told_of_jobs
from tests.embargo.private_rows import STATES, Family, plant
from tests.embargo.questions import Question
from tests.embargo.release import wrong_at_release
from tests.embargo.routes import Route, listed, routes, tap_tables, unclassified
from tests.embargo.rule import differences
from tests.embargo.sweep import ASKERS, Client, sweep
from tests.embargo.views import of_the_families
from tests.fixtures_site import throwaway_settings

_RIGHTS = 5000
_SHOWN = 12
_MANY = {"anonymous": 2 * len(STATES), "wrong user": 3, "unknown user": 1}
_FEW = {"anonymous": 1, "wrong user": 1, "unknown user": 1}
_ASKED_MUCH = {"tap", "file", "datalink", "cutout", "image", "old image", "cone"}
"""Kinds of routes that everybody asks about `_MANY` families by name; the others about `_FEW`."""
_RELEASED = {"release_time": datetime(2020, 1, 1, tzinfo=UTC)}


def main() -> None:
    """Exit code 0 only if nothing leaks, all of it appears at its release, and planted faults are seen."""
    console = Console()
    with throwaway_settings() as settings:
        bring_up(settings, say=console.print)
        setup_django(settings)
        add_users(settings)
        rows = list(_figures(settings, console))
    sys.exit(0 if publish_report("test-embargo", rows, console) else 1)


def _figures(settings: Settings, console: Console) -> Iterator[Row]:
    tables = listed(settings)
    all_routes = routes(tables)
    new = unclassified(tables)
    yield _none("routes", f"of {len(all_routes)}, nobody has said what they are", new, console)
    public = plant(settings, "open", _RELEASED)
    private = [plant(settings, name, guard) for name, guard in STATES.items()]
    private += [plant(settings, f"beside{name}", guard, beside=public) for name, guard in STATES.items()]
    wrong = [repr(one) for one in differences(settings, _RIGHTS)]
    yield _none("rule", f"of {_RIGHTS} random rights, SQL says otherwise than Python", wrong, console)
    unasked = [name for name, asks in guarded_views(settings).items() if not asks]
    yield _none("views", "on private tables, do not ask the rule", unasked, console)
    yield from _swept(settings, all_routes, tap_tables(tables), private, public, console)
    yield _none("jobs", "of another user, told or touched", list(told_of_jobs(settings)), console)
    yield _none(
        "flags",
        "of stars, raised by private rows, told",
        told_by_flags(settings, private[0], public),
        console,
    )
    views = of_the_families(settings)
    coming = plant(settings, "coming", {"release_time": None})
    yield _none(
        "release", "wrong before or after", list(wrong_at_release(settings, coming, views(coming))), console
    )
    yield from _faults(settings, private[0], public)


def _swept(
    settings: Settings,
    all_routes: list[Route],
    tables: list[str],
    private: list[Family],
    public: Family,
    console: Console,
) -> Iterator[Row]:
    for kind in sorted({route.kind for route in all_routes}):
        of_kind = [route for route in all_routes if route.kind == kind]
        asked = sweep(settings, of_kind, tables, private, public, _MANY if kind in _ASKED_MUCH else _FEW)
        found = [
            f"{one.asker}: {one.question.method} {one.question.path[:150]}: {one.why}" for one in asked.found
        ]
        what = f"{len(of_kind)} routes, {asked.questions} questions, {len(ASKERS)} askers: tell or fail"
        yield _none(kind, what, found, console)
        if kind in ("tap", "image", "cone"):
            yield Row(
                kind, "the public row is seen", str(kind in asked.public), "", "True", ok=kind in asked.public
            )


def _faults(settings: Settings, private: Family, public: Family) -> Iterator[Row]:
    """One question to each view without its rule."""
    client = Client(settings)
    search = Searcher([private])
    for view in guarded_views(settings):
        if view == "dc.last_update":
            continue  # a time, by which no family is known; tests/hcvo/site/test_data_origin.py asks for it
        with faulty(settings, view):
            answers = [client.ask(question).body for question in _to_see(settings, view, private, public)]
        # hci.prov_was_associated_with knows a process by its number alone
        number = f"/process?{private.product.process_id}<".encode()
        seen = any(private.token in search.families_in(answer) or number in answer for answer in answers)
        yield Row(f"planted fault: {view} without the rule", "leak is seen", str(seen), "", "True", ok=seen)
    client.close()


def _to_see(settings: Settings, view: str, private: Family, public: Family) -> Iterator[Question]:
    if view == "dc.products":
        return iter([Question(f"getproduct/{private.product.accref}")])
    if view == "dc.process_logs":
        did = f"ivo://{settings.dachs.authority}/~?{public.product.accref}"
        Process.objects.filter(pk=public.product.process_id).update(release_time=None, log=_log(private))
        return iter([Question("hci/dl/log/dlget?" + urlencode({"ID": did}))])
    adql = {"LANG": "ADQL", "QUERY": f"SELECT * FROM {view}", "FORMAT": "votable/td", "MAXREC": 1000000}
    return iter([Question("tap/sync?" + urlencode(adql))])


def _log(family: Family) -> str:
    process = family.rows[Process]
    assert isinstance(process, Process)
    return process.log


def _none(case: str, quantity: str, wrong: list[str], console: Console) -> Row:
    for line in wrong[:_SHOWN]:
        console.print(f"  {case}: {line}", markup=False)
    return Row(case, quantity, float(len(wrong)), "", "0", ok=not wrong)


if __name__ == "__main__":
    main()
