"""Real servers for tests: a private throwaway site, beside whatever else runs on the machine."""

import importlib
import importlib.util
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hcvo.catalogue import setup
from hcvo.config import Settings, load_settings
from hcvo.site import ports, postgres
from hcvo.site.account import server_account


@contextmanager
def throwaway_settings() -> Iterator[Settings]:
    """Settings of a site in a short path of its own, on free ports; its folder goes at the end."""
    state = Path(tempfile.mkdtemp(prefix="hcvo-test-", dir="/tmp"))
    settings = load_settings(
        state=state,
        database={"port": ports.free_port()},
        dachs={"port": ports.free_port(), "authority": "org.hcvo.test"},
    )
    account = server_account(settings)
    account.own(state, 0o755)
    for folder in (settings.logs, settings.store, settings.staging, settings.raw):
        account.folder(folder)
    try:
        yield settings
    finally:
        shutil.rmtree(state, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_site() -> Iterator[Settings]:
    """Settings of a running private PostgreSQL cluster with the catalogue's schema and views."""
    with throwaway_settings() as settings:
        account = server_account(settings)
        try:
            postgres.create_cluster(settings, account)
            postgres.start(settings, account)
            setup.migrate(settings)
            if importlib.util.find_spec("hcvo.catalogue.publish"):
                importlib.import_module("hcvo.catalogue.publish").apply_views(settings)
            yield settings
        finally:
            postgres.stop(settings, account)
