"""Fixtures for every test."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

pytest_plugins = ["tests.fixtures_site", "tests.fixtures_catalogue"]

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def _nothing_of_the_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Without HCVO_* of the environment and without etc/hcvo.toml: a site set up here changes no test."""
    empty = tmp_path_factory.mktemp("settings") / "hcvo.toml"
    empty.touch()
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.upper().startswith("HCVO_")]:
            patch.delenv(name)
        patch.setenv("HCVO_CONFIG", str(empty))
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real on-sky data beside the checkout; skips where it is absent."""
    if not _SHARED.is_dir():
        pytest.skip(f"real data not here: {_SHARED} is absent")
    return _SHARED


_WANTING = pytest.StashKey[set[str]]()
_RAN = pytest.StashKey[set[str]]()


def pytest_configure(config: pytest.Config) -> None:
    os.environ["OMP_NUM_THREADS"] = "1"  # of kernels and BLAS, here and in the programs tests start
    config.stash[_WANTING] = set()
    config.stash[_RAN] = set()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Remember which tests want the real data."""
    config.stash[_WANTING].update(
        item.nodeid for item in items if "shared_data" in getattr(item, "fixturenames", ())
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    del call
    report = yield
    if report.when == "call" and not report.skipped:
        item.config.stash[_RAN].add(item.nodeid)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI, a test of the real data that did not run is a failure when the data are there."""
    ran = session.config.stash[_RAN]
    missing = session.config.stash[_WANTING].difference(ran)
    if os.environ.get("CI") and _SHARED.is_dir() and missing and not session.config.option.collectonly:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        assert reporter is not None
        reporter.write_line("real data present, but these tests did not run:", red=True)
        for name in sorted(missing):
            reporter.write_line(f"  {name}", red=True)
