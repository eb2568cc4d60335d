"""Some of the bad requests, on the site of the tests; `make test-hostile` sends all of them."""

import itertools

import pytest

from hcvo.site.database import connect
from tests.hcvo.site.archive import Planted
from tests.hostile.by_hand import SLOW, by_hand
from tests.hostile.drawn import drawn
from tests.hostile.judging import alive, judge, new_jobs, planted_secrets
from tests.hostile.speaking import Request, get, send

_DRAWN, _EACH = 150, 6
"""Requests drawn, and one of so many by hand."""


@pytest.fixture(scope="module")
def secrets(planted: Planted) -> tuple[bytes, ...]:
    del planted
    return planted_secrets()


def _answered(planted: Planted, requests: list[Request], secrets: tuple[bytes, ...]) -> None:
    found = list(judge(planted.settings.dachs.port, requests, secrets))
    assert found
    assert [(one.request.what, one.wrong) for one in found if one.wrong] == []
    assert alive(planted.settings.base_url)


def test_requests_by_hand_are_answered(planted: Planted, secrets: tuple[bytes, ...]) -> None:
    every = by_hand(planted.accref("image"), new_jobs(planted.settings.dachs.port))
    quick = (request for request in every if not any(word in request.what for word in SLOW))
    _answered(planted, list(itertools.islice(quick, 0, None, _EACH)), secrets)


def test_requests_drawn_are_answered(planted: Planted, secrets: tuple[bytes, ...]) -> None:
    _answered(planted, drawn(_DRAWN, planted.accref("image")), secrets)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT COUNT(*) FROM hci.product WHERE 1=CONTAINS(POINT('ICRS', s_ra, s_dec), POLYGON('ICRS', "
        + ", ".join(f"{i / 100}, {i % 9}" for i in range(600)) + "))",
        "SELECT POLYGON('ICRS', t_resolution, s_dec, s_ra, s_dec, s_ra, s_dec) AS a FROM hci.product",
    ],
    ids=["of q3c, by six hundred corners", "of pgSphere, by an unknown corner"],
)  # fmt: skip
def test_faults_of_extensions_are_out_of_reach(
    planted: Planted, secrets: tuple[bytes, ...], query: str
) -> None:
    """Either ended a session of PostgreSQL by a signal, and all others with it."""
    asked = get("a query", "/tap/sync", {"LANG": "ADQL", "FORMAT": "csv", "QUERY": query})
    (found,) = judge(planted.settings.dachs.port, [asked], secrets)
    assert (found.wrong, found.answer.status) == ("", 200)


def test_a_synchronous_query_that_is_destroyed_ends_nothing_else(planted: Planted) -> None:
    """DaCHS signalled all processes of its account, PostgreSQL and itself too."""
    port = planted.settings.dachs.port
    running = next(new_jobs(port))
    session = connect(planted.settings, user="gavoadmin")
    with session, session.cursor() as cursor:
        name = running.rpartition("/")[2]
        cursor.execute("UPDATE tap_schema.tapjobs SET phase = 'EXECUTING', pid = -1 WHERE jobid = %s", [name])
        assert cursor.rowcount == 1
    session.close()
    assert send(port, Request("destroy", running.encode(), b"DELETE")).status is not None
    assert alive(planted.settings.base_url)


@pytest.mark.parametrize(("order", "status"), [("29", 400), ("4 + 25", 400), ("4", 200)])
def test_a_moc_has_a_finest_order(
    planted: Planted, secrets: tuple[bytes, ...], order: str, status: int
) -> None:
    """Finer ones of a hemisphere kept a session of PostgreSQL for ever, deaf to its end."""
    query = f"SELECT TOP 1 MOC({order}, CIRCLE('ICRS', 0, 0, 90)) AS a FROM hci.product"
    asked = get("a MOC", "/tap/sync", {"LANG": "ADQL", "FORMAT": "csv", "QUERY": query})
    (found,) = judge(planted.settings.dachs.port, [asked], secrets)
    assert (found.wrong, found.answer.status) == ("", status)


@pytest.mark.parametrize("method", [b"PUT", b"GET", b"DELETE"])
def test_strangers_keep_no_tables(planted: Planted, method: bytes) -> None:
    kind = ((b"Content-Type", b"application/x-votable+xml"),)
    asked = Request("a table", b"/tap/user_tables/mine", method, kind, b"<VOTABLE/>")
    assert send(planted.settings.dachs.port, asked).status == 403


def test_what_is_judged_can_be_wrong(planted: Planted, secrets: tuple[bytes, ...]) -> None:
    """A status of 500, a word that must not be told, and an answer that takes too long are each seen."""
    asked = get(
        "the tables", "/tap/sync", {"LANG": "ADQL", "QUERY": "SELECT table_name FROM tap_schema.tables"}
    )
    port = planted.settings.dachs.port
    (told,) = judge(port, [asked], (*secrets, b"tap_schema.columns"))
    assert told.wrong == "tells b'tap_schema.columns'"
    (late,) = judge(port, [asked], secrets, limit_s=0.001)
    assert late.wrong.startswith("no end")
    (refused,) = judge(1, [asked], secrets)
    assert refused.wrong.startswith("no connection")
