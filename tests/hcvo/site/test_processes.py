"""Several DaCHS processes behind nginx: one address, common jobs, limits that say what to do."""

import contextlib
import os
import signal
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from hcvo.config import Settings
from hcvo.site import database, web
from hcvo.site.account import server_account
from hcvo.site.processes import end_session, wait_until
from hcvo.site.status import status_of
from hcvo.site.up import bring_up
from tests.hcvo.site.archive import Planted

_QUICK = "SELECT TOP 3 table_name FROM tap_schema.tables"
_ENDLESS = "SELECT COUNT(*) FROM " + ", ".join(f"tap_schema.columns AS c{number}" for number in range(6))
_CONNECTIONS = 3


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


@pytest.fixture(scope="module")
def several(planted: Planted) -> Iterator[Settings]:
    """The live site with two processes and strict limits; one process again afterwards."""
    settings = planted.settings
    limits = settings.limits.model_copy(update={"answer_s": 2, "connections": _CONNECTIONS, "upload_mb": 1})
    dachs = settings.dachs.model_copy(update={"processes": 2})
    two = settings.model_copy(update={"dachs": dachs, "limits": limits})
    assert bring_up(two) is True
    yield two
    assert bring_up(settings) is True
    assert status_of(settings).proxy is None


def _ask(
    address: str, form: dict[str, str] | None = None, method: str | None = None
) -> tuple[int, str, dict[str, str]]:
    body = urllib.parse.urlencode(form).encode() if form else None
    request = urllib.request.Request(address, data=body, method=method)
    try:
        with urllib.request.build_opener(_Stay).open(request, timeout=30) as answer:
            return answer.status, answer.read().decode(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), dict(error.headers)


def _servers(settings: Settings) -> list[str]:
    """Addresses of the two processes, which clients do not see."""
    return [f"http://127.0.0.1:{web.port_of(settings, number)}" for number in (1, 2)]


def _new_job(settings: Settings, server: str, query: str) -> str:
    """Path of a new job."""
    status, _, headers = _ask(f"{server}/tap/async", {"LANG": "ADQL", "QUERY": query})
    assert status == 303
    assert headers["Location"].startswith(settings.base_url + "/")
    return urllib.parse.urlsplit(headers["Location"]).path


def _reaches(server: str, job: str, phase: str) -> bool:
    return wait_until(lambda: _ask(f"{server}{job}/phase")[1] == phase, 40.0, step_s=0.1)


@contextmanager
def _stopped(settings: Settings) -> Iterator[None]:
    """Both processes hold still: they take requests and say nothing."""
    pids = [server.pid for server in web.running(settings).values()]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_one_address_of_this_machine_stands_for_all(several: Settings) -> None:
    found = status_of(several)
    assert found.up
    assert found.proxy is not None
    assert len(found.dachs) == 2
    assert Path(f"/proc/{found.proxy}").stat().st_uid == server_account(several).uid
    assert bring_up(several) is False
    listening = [
        line.split()[1].partition(":")
        for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
        if line.split()[3] == "0A"
    ]
    ours = [host for host, _, port in listening if int(port, 16) == several.dachs.port]
    assert ours == ["0100007F"]
    for path in ("/tap/capabilities", "/hci/sia/v2/capabilities", "/oai.xml?verb=Identify"):
        text = _ask(several.base_url + path)[1]
        assert several.base_url in text
        assert not any(server in text for server in _servers(several))


def test_head_is_answered(several: Settings, planted: Planted) -> None:
    accref = planted.accref("image")
    for path in (
        f"/getproduct/{accref}",
        f"/hci/soda/cutout/dlget?ID={urllib.parse.quote(planted.did('image'))}",
        "/tap",
        "/tap/capabilities",
        f"/tap/sync?LANG=ADQL&QUERY={urllib.parse.quote(_QUICK)}",
        "/hci/sia/v2/siap2.xml?MAXREC=0",
        "/hci/cone/targets/scs.xml?RA=1&DEC=1&SR=1",
        "/oai.xml?verb=Identify",
    ):
        assert _ask(several.base_url + path, method="HEAD")[:2] == (200, ""), path


def test_a_job_of_one_process_is_run_read_and_deleted_by_the_other(several: Settings) -> None:
    one, other = _servers(several)
    job = _new_job(several, one, _QUICK)
    assert _ask(f"{other}{job}/phase")[1] == "PENDING"
    assert _ask(f"{other}{job}/phase", {"PHASE": "RUN"})[0] == 303
    assert _reaches(one, job, "COMPLETED")
    results = [_ask(f"{server}{job}/results/result")[1] for server in (one, other)]
    assert "<TABLEDATA>" in results[0] or "<BINARY" in results[0]
    assert results[0] == results[1]
    assert _ask(other + job, method="DELETE")[0] == 303
    assert _ask(one + job)[0] == 404


def test_a_running_job_is_aborted_and_deleted_by_the_process_that_did_not_start_it(
    several: Settings,
) -> None:
    one, other = _servers(several)
    for end in ({"PHASE": "ABORT"}, None):
        job = _new_job(several, one, _ENDLESS)
        _ask(f"{other}{job}/phase", {"PHASE": "RUN"})
        assert wait_until(lambda: len(_queries(several)) == 1, 40.0)
        runner = _pid(several, job)
        if end:
            _ask(f"{one}{job}/phase", end)
            assert _reaches(other, job, "ABORTED")
            _ask(one + job, method="DELETE")
        else:
            _ask(one + job, method="DELETE")
        assert _ask(other + job)[0] == 404
        assert wait_until(lambda runner=runner: not Path(f"/proc/{runner}").exists(), 10.0)  # type: ignore[misc]
        assert wait_until(lambda: not _queries(several), 20.0), "the query goes on without its job"


def test_no_more_jobs_run_than_the_site_allows_and_all_come_to_an_end(several: Settings) -> None:
    servers = _servers(several)
    jobs = [_new_job(several, servers[number % 2], _QUICK) for number in range(6)]
    for number, job in enumerate(jobs):
        _ask(f"{servers[(number + 1) % 2]}{job}/phase", {"PHASE": "RUN"})
    most, end = 0, time.monotonic() + 60
    while (left := _phases(several, jobs)) != ["COMPLETED"] * len(jobs):
        assert time.monotonic() < end, left
        most = max(most, left.count("EXECUTING"))
        time.sleep(0.02)
    assert 1 <= most <= 4


def test_synchronous_queries_of_a_killed_process_do_not_stop_the_queue(several: Settings) -> None:
    one, other = _servers(several)
    job = _new_job(several, one, _QUICK)
    with _cursor(several) as ask:
        ask.execute("CREATE TEMP TABLE old AS SELECT * FROM tap_schema.tapjobs WHERE jobid = %s", [_id(job)])
        ask.execute("UPDATE old SET phase = 'EXECUTING', pid = -1")
        ask.execute(
            "INSERT INTO tap_schema.tapjobs SELECT (jsonb_populate_record(old, jsonb_build_object('jobid',"
            " 'left' || number))).* FROM old, generate_series(1, 9) AS number"
        )
    _ask(f"{other}{job}/phase", {"PHASE": "RUN"})
    assert _reaches(one, job, "COMPLETED")
    with _cursor(several) as ask:
        ask.execute("DELETE FROM tap_schema.tapjobs WHERE jobid LIKE 'left%'")


@pytest.mark.parametrize("how", ["abort", "delete"])
def test_a_process_that_took_the_number_of_a_dead_job_lives(several: Settings, how: str) -> None:
    one, other = _servers(several)
    job = _new_job(several, one, _QUICK)
    account = server_account(several)
    innocent = account.start(
        ["/bin/sleep", "600"], cwd=several.state, env={}, log=several.logs / "innocent.log"
    )
    with _cursor(several) as ask:
        ask.execute(
            "UPDATE tap_schema.tapjobs SET phase = 'EXECUTING', pid = %s, starttime = now() WHERE jobid = %s",
            [innocent.pid, _id(job)],
        )
    if how == "abort":
        _ask(f"{other}{job}/phase", {"PHASE": "ABORT"})
        assert _reaches(one, job, "ABORTED")
    _ask(one + job, method="DELETE")
    assert _ask(other + job)[0] == 404
    assert innocent.alive
    end_session(innocent.session)


def test_limits_are_told_with_the_way_on(several: Settings) -> None:
    job = f"{several.base_url}/tap/async"
    large = {"LANG": "ADQL", "QUERY": "x" * 1_100_000}
    for address, form, status, words in (
        (several.base_url, large, 413, "A request may have 1 MB here"),
        (several.base_url, {"LANG": "ADQL", "QUERY": "x" * 600_000}, 413, "may have 500000 bytes here"),
        (_servers(several)[0], large, 413, "A request may have 500000 bytes here"),
    ):
        found, text, _ = _ask(f"{address}/tap/sync", form)
        assert (found, words in text, job in text) == (status, True, True), text
    found, text, _ = _ask(f"{several.base_url}/tap/sync?QUERY={'x' * 20_000}")
    assert (found, job in text) == (414, True)


def test_silence_and_haste_are_told_with_the_way_on(several: Settings) -> None:
    job = f"{several.base_url}/tap/async"
    with _stopped(several):
        status, text, _ = _ask(f"{several.base_url}/tap/availability")
        assert (status, "No answer began within 2 s" in text, job in text) == (504, True, True)
        with ExitStack() as open_ones:
            for _ in range(_CONNECTIONS):
                line = open_ones.enter_context(socket.create_connection(("127.0.0.1", several.dachs.port)))
                line.sendall(b"GET /tap HTTP/1.1\r\nHost: archive\r\n\r\n")
            found = []
            wait_until(lambda: found.append(_ask(several.base_url)) or found[-1][0] == 429, 1.5)  # type: ignore[func-returns-value]
            status, text, headers = found[-1]
            assert (status, "requests at once" in text, job in text) == (429, True, True)
            assert headers["Retry-After"] == "5"
    assert wait_until(lambda: web.answers(several), 30.0)


def test_a_query_out_of_time_is_told_with_the_way_on(several: Settings) -> None:
    one = _servers(several)[0]
    answers: list[tuple[int, str, dict[str, str]]] = []
    thread = threading.Thread(
        target=lambda: answers.append(_ask(f"{one}/tap/sync", {"LANG": "ADQL", "QUERY": _ENDLESS}))
    )
    thread.start()
    assert wait_until(lambda: _cancel(several) and not thread.is_alive(), 30.0, step_s=0.5)
    thread.join()
    status, text, _ = answers[0]
    assert (status, "stopped at its time limit (60 s" in text) == (408, True)
    assert f"{several.base_url}/tap/async" in text


def test_a_killed_process_is_passed_over_and_alone_started_again(several: Settings) -> None:
    before = web.running(several)
    os.kill(before[1].pid, signal.SIGKILL)
    assert wait_until(lambda: not before[1].alive, 5.0)
    assert [_ask(f"{several.base_url}/tap/availability")[0] for _ in range(6)] == [200] * 6
    assert bring_up(several) is True
    after = web.running(several)
    assert after[2] == before[2]
    assert after[1].pid != before[1].pid
    assert all(web.answers(several, web.port_of(several, number)) for number in (1, 2))
    assert [_ask(f"{several.base_url}/tap/availability")[0] for _ in range(6)] == [200] * 6


def test_with_no_process_left_the_address_says_so(several: Settings) -> None:
    for server in web.running(several).values():
        os.kill(server.pid, signal.SIGKILL)
    status, text, headers = _ask(several.base_url)
    assert (status, "are being restarted" in text, headers["Retry-After"]) == (503, True, "10")


def _id(job: str) -> str:
    return job.rpartition("/")[2]


def _pid(settings: Settings, job: str) -> int:
    with _cursor(settings) as ask:
        ask.execute("SELECT pid FROM tap_schema.tapjobs WHERE jobid = %s", [_id(job)])
        (pid,) = ask.fetchone()
        return int(pid)


def _phases(settings: Settings, jobs: list[str]) -> list[str]:
    with _cursor(settings) as ask:
        ask.execute(
            "SELECT phase FROM tap_schema.tapjobs WHERE jobid = ANY(%s)", [[_id(job) for job in jobs]]
        )
        return [phase for (phase,) in ask.fetchall()]


def _queries(settings: Settings) -> list[int]:
    """Backends that work for the role of strangers' queries."""
    with _cursor(settings) as ask:
        ask.execute(
            "SELECT pid FROM pg_stat_activity WHERE usename = 'untrusted' AND state = 'active'"
            " AND leader_pid IS NULL"
        )
        return [pid for (pid,) in ask.fetchall()]


def _cancel(settings: Settings) -> bool:
    """Stop strangers' queries as the time limit does; what is no query yet goes on."""
    with _cursor(settings) as ask:
        ask.execute(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
            " WHERE usename = 'untrusted' AND query LIKE 'FETCH%'"
        )
    return True


@contextmanager
def _cursor(settings: Settings) -> Iterator[Any]:
    with contextlib.closing(database.connect(settings)) as session, session, session.cursor() as ask:
        yield ask
