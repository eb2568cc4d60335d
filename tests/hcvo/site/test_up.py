"""A site comes up from any state, and goes down without a trace of processes."""

import contextlib
import os
import re
import signal
import socket
import time
import urllib.request
from pathlib import Path

import psycopg2
import pytest

from hcvo.config import Settings
from hcvo.errors import SiteError
from hcvo.site import database, ports, postgres, up, web
from hcvo.site.account import server_account
from hcvo.site.processes import session_members, wait_until, working_in
from hcvo.site.status import status_of
from hcvo.site.up import bring_down, bring_up, make_folders
from tests.hcvo.site.archive import Planted


def processes_of(settings: Settings) -> set[int]:
    """Every process of the site, found by session and by working folder."""
    server = web.running(settings).get(1)
    served = session_members(server.session) if server else []
    return {*served, *working_in(settings.postgres_data), *working_in(settings.dachs_root / "state")}


def test_servers_run_as_the_account_and_listen_on_this_machine_only(live_site: Settings) -> None:
    account = server_account(live_site)
    assert account.uid != 0
    assert status_of(live_site).up
    for pid in processes_of(live_site):
        with contextlib.suppress(FileNotFoundError):  # a backend that has just ended
            assert Path(f"/proc/{pid}").stat().st_uid == account.uid
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        address, _, port = line.split()[1].partition(":")
        if int(port, 16) in (live_site.database.port, live_site.dachs.port) and line.split()[3] == "0A":
            assert address == "0100007F"


def test_up_again_changes_nothing_and_is_quick(live_site: Settings) -> None:
    before = processes_of(live_site)
    start = time.monotonic()
    assert bring_up(live_site) is False
    assert time.monotonic() - start < 5.0
    assert web.running(live_site).get(1) is not None
    assert postgres.server_pid(live_site) in before


def test_killed_servers_come_up_again_with_all_data(planted: Planted) -> None:
    settings = planted.settings
    products = database.count_products(settings)
    server = web.running(settings).get(1)
    base = postgres.server_pid(settings)
    assert server is not None
    assert base is not None
    os.kill(server.pid, signal.SIGKILL)
    os.kill(base, signal.SIGKILL)
    assert bring_up(settings) is True
    assert status_of(settings).up
    assert database.count_products(settings) == products > 0
    assert web.answers(settings)


def test_down_leaves_no_process_and_up_brings_all_back(planted: Planted) -> None:
    settings = planted.settings
    products = database.count_products(settings)
    running = processes_of(settings)
    assert bring_down(settings) is True
    assert wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in running), 5.0)
    assert processes_of(settings) == set()
    assert not status_of(settings).up
    assert bring_down(settings) is False
    # A pid file left behind names a process of somebody else.
    (settings.sockets / "dachs-1.pid").write_text(f"{os.getpid()} 1 {os.getpid()}\n", encoding="ascii")
    start = time.monotonic()
    assert bring_up(settings) is True
    assert time.monotonic() - start < 20.0
    assert database.count_products(settings) == products


def test_tables_change_under_published_views_with_one_command_that_states_its_down_time(
    planted: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = planted.settings
    products = database.count_products(settings)

    def change(_: Settings) -> None:
        """PostgreSQL refuses any change of type, even to the same, while a view uses the column."""
        with database.connect(settings) as session, session.cursor() as cursor:
            for column in ("s_ra", "release_time", "accref"):
                cursor.execute(
                    "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attname = %s"
                    " AND attrelid = 'archive.product'::regclass",
                    [column],
                )
                (kind,) = cursor.fetchone() or ("",)
                cursor.execute(f"ALTER TABLE archive.product ALTER COLUMN {column} TYPE {kind}")
        session.close()

    with pytest.raises(psycopg2.Error, match="cannot alter type of a column used by a view"):
        change(settings)
    monkeypatch.setattr(up, "is_behind", lambda _: True)
    monkeypatch.setattr(up, "migrate", change)
    said: list[str] = []
    assert bring_up(settings, say=said.append) is True
    assert re.fullmatch(r"it was down, .* for \d+\.\d s", said[-1])
    assert status_of(settings).up
    assert database.count_products(settings) == products
    query = "SELECT+COUNT(*)+AS+n+FROM+ivoa.obscore"
    address = f"{settings.base_url}/tap/sync?LANG=ADQL&FORMAT=csv&QUERY={query}"
    with urllib.request.urlopen(address, timeout=30) as answer:
        assert int(answer.read().split()[1]) == products
    monkeypatch.undo()
    assert bring_up(settings) is False


def test_a_taken_port_is_told_with_its_holder(live_site: Settings) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(
            SiteError, match=rf"port {port}, wanted for DaCHS, is taken by .*process {os.getpid()}"
        ):
            ports.require_free(port, "DaCHS", "HCVO_DACHS__PORT")
    ports.require_free(ports.free_port(), "DaCHS", "HCVO_DACHS__PORT")
    assert status_of(live_site).up


def test_a_port_taken_by_others_stops_up_before_anything_changes(live_site: Settings) -> None:
    beside = live_site.model_copy(update={"state": Path("/tmp") / f"hcvo-test-{os.getpid()}-beside"})
    with pytest.raises(
        SiteError, match=f"port {live_site.database.port}, wanted for PostgreSQL, is taken by"
    ):
        bring_up(beside)
    assert not beside.state.exists()


def test_a_socket_path_too_long_is_refused_with_the_way_out(live_site: Settings, tmp_path: Path) -> None:
    deep = live_site.model_copy(update={"state": tmp_path / ("x" * 100)})
    with pytest.raises(SiteError, match="at most 107 are allowed; set HCVO_STATE"):
        bring_up(deep)
    assert not deep.state.exists()


@pytest.mark.parametrize("name", ["my site", "site's", "a,b", "50%"])
def test_a_path_that_servers_cannot_carry_is_refused(live_site: Settings, tmp_path: Path, name: str) -> None:
    strange = live_site.model_copy(update={"state": tmp_path / name})
    with pytest.raises(SiteError, match="in its path, which DaCHS's settings cannot carry; set HCVO_STATE"):
        bring_up(strange)
    assert not strange.state.exists()


def test_a_folder_of_other_things_is_left_alone(live_site: Settings, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    before = tmp_path.stat()
    foreign = live_site.model_copy(update={"state": tmp_path})
    with pytest.raises(SiteError, match=r"no state folder of a site: it holds thesis\.tex"):
        make_folders(foreign, server_account(live_site))
    assert (tmp_path.stat().st_uid, tmp_path.stat().st_mode) == (before.st_uid, before.st_mode)


def test_a_root_half_made_is_made_whole(planted: Planted) -> None:
    settings = planted.settings
    (settings.dachs_root / ".initialised").unlink()
    (settings.dachs_root / ".adopted").unlink()
    products = database.count_products(settings)
    assert bring_up(settings) is True
    assert web.answers(settings)
    assert database.count_products(settings) == products
    relation = "SELECT relkind FROM pg_class WHERE oid = to_regclass('dc.products')"
    with database.connect(settings) as session, session.cursor() as cursor:
        cursor.execute(relation)
        assert cursor.fetchone() == ("v",)
    session.close()


def test_other_ports_are_taken_at_the_next_up(planted: Planted) -> None:
    settings = planted.settings
    moved = settings.model_copy(
        update={
            "database": settings.database.model_copy(update={"port": ports.free_port()}),
            "dachs": settings.dachs.model_copy(update={"port": ports.free_port()}),
        }
    )
    assert bring_up(moved) is True
    assert status_of(moved).up
    assert database.count_products(moved) > 0
    assert bring_up(settings) is True
    assert status_of(settings).up


def test_a_moved_state_folder_delivers_its_files(planted: Planted) -> None:
    settings = planted.settings
    moved = settings.model_copy(update={"state": settings.state.with_name(settings.state.name + "-moved")})
    bring_down(settings)
    settings.state.rename(moved.state)
    try:
        assert bring_up(moved) is True
        address = f"{moved.base_url}/getproduct/{planted.accref('image')}"
        with urllib.request.urlopen(address, timeout=30) as answer:
            assert answer.read() == (moved.store / planted.accref("image")).read_bytes()
    finally:
        bring_down(moved)
        moved.state.rename(settings.state)
    assert bring_up(settings) is True
