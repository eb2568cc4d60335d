"""Real servers for tests: private throwaway sites, beside whatever else runs on the machine."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hcvo.catalogue.publish import apply_views
from hcvo.catalogue.setup import migrate, setup_django
from hcvo.config import Settings, load_settings
from hcvo.site import ports, postgres
from hcvo.site.account import server_account
from hcvo.site.up import bring_down, bring_up, make_folders
from tests.hcvo.site.archive import Planted, plant


@contextmanager
def throwaway_settings() -> Iterator[Settings]:
    """Settings of a site in a short path of its own, on free ports; stopped and removed at the end."""
    state = Path(tempfile.mkdtemp(prefix="hcvo-test-", dir="/tmp"))
    settings = load_settings(
        state=state,
        database={"port": ports.free_port()},
        dachs={"port": ports.free_port(), "authority": "org.hcvo.test"},
    )
    account = server_account(settings)
    make_folders(settings, account)
    try:
        yield settings
    finally:
        bring_down(settings)
        shutil.rmtree(state, ignore_errors=True)


def _without_waiting(settings: Settings) -> None:
    """Make the cluster, told not to wait for the disk: what it holds need not outlive the machine."""
    account = server_account(settings)
    postgres.create_cluster(settings, account)
    with (settings.postgres_data / "postgresql.auto.conf").open("a") as lines:
        lines.write("fsync = off\n")


@pytest.fixture(scope="session")
def postgres_site() -> Iterator[Settings]:
    """Settings of a running private PostgreSQL cluster with the catalogue's schema and views."""
    with throwaway_settings() as settings:
        _without_waiting(settings)
        postgres.start(settings, server_account(settings))
        migrate(settings)
        apply_views(settings)
        yield settings


@pytest.fixture(scope="session")
def live_site() -> Iterator[Settings]:
    """Settings of a whole running site: cluster, catalogue and DaCHS; empty at first."""
    with throwaway_settings() as settings:
        _without_waiting(settings)
        bring_up(settings)
        yield settings


@pytest.fixture(scope="session")
def planted_once(live_site: Settings) -> Planted:
    """Products, one of them not yet public, in the live site's archive."""
    return plant(live_site)


@pytest.fixture(scope="module")
def planted(planted_once: Planted) -> Planted:
    """Likewise; Django's models are this archive's again, whatever other modules did with them."""
    setup_django(planted_once.settings)
    return planted_once
