"""`make clean` stops the servers and removes what the site made; what users put beside it stays."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from hcvo.config import CHECKOUT, load_settings
from hcvo.site import postgres
from hcvo.site.account import server_account
from hcvo.site.processes import session_members, working_in
from hcvo.site.up import make_folders
from tests.fixtures_site import throwaway_settings


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout without build/venv: only what clean needs."""
    (tmp_path / "checkout" / "etc").mkdir(parents=True)
    shutil.copy(CHECKOUT / "etc" / "clean.sh", tmp_path / "checkout" / "etc")
    return tmp_path / "checkout"


def clean(checkout: Path, state: Path) -> str:
    done = subprocess.run(
        [checkout / "etc" / "clean.sh"],
        env=os.environ | {"HCVO_STATE": str(state), "HCVO_CONFIG": "/nonexistent"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout


def test_running_servers_are_stopped_and_removed_without_the_venv(checkout: Path) -> None:
    with throwaway_settings() as settings:
        account = server_account(settings)
        postgres.create_cluster(settings, account)
        postgres.start(settings, account)
        # DaCHS takes half a minute to make; what counts is its session and its pid file.
        log = settings.logs / "dachs.log"
        program = ["/bin/sh", "-c", "sleep 600 & sleep 601"]
        server = account.start(program, cwd=settings.state, env={}, log=log)
        account.write(settings.sockets / "dachs-1.pid", server.text)
        assert f"clean: removed {settings.state}\n" in clean(checkout, settings.state)
        assert session_members(server.session) == []
        assert working_in(settings.postgres_data) == []
        assert not settings.state.exists()


def test_what_others_put_into_a_state_folder_stays(checkout: Path, tmp_path: Path) -> None:
    settings = load_settings(state=tmp_path / "state")
    make_folders(settings, server_account(settings))
    (settings.state / "thesis.tex").write_text("mine")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "observed.fits").write_text("mine")
    (settings.state / "truth").symlink_to(elsewhere)
    assert "what else lies there stays" in clean(checkout, settings.state)
    assert [path.name for path in settings.state.iterdir()] == ["thesis.tex"]
    assert (elsewhere / "observed.fits").exists()


def test_a_folder_no_site_made_is_left_alone(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "mine" / "raw").mkdir(parents=True)
    (tmp_path / "mine" / "postgres").mkdir()
    (tmp_path / "mine" / "postgres" / "hcvo.conf").touch()
    assert "stays: it has no .hcvo-site" in clean(checkout, tmp_path / "mine")
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["postgres", "raw"]
