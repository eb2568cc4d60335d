"""kill -9 of the reduction, of PostgreSQL, of DaCHS; then the same commands: all there, nothing twice."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from hcvo.catalogue.models import Process, Product
from hcvo.catalogue.setup import setup_django
from hcvo.site.demo import ask
from hcvo.site.status import status_of
from tests.flow.conftest import NIGHT, TARGET, Operator, Reduced

_DETECTIONS = "SELECT count(*) AS n FROM hci.detection"


def test_kill_everything_then_the_same_commands(reduced: Reduced) -> None:
    operator = reduced.operator
    words = (
        "reduce",
        "--night",
        NIGHT,
        "--target",
        TARGET,
        "--set",
        "pca.components=4",
        "--set",
        "cadi.branches=2",
    )
    before = _everything(operator)
    with operator.start(*words) as process:
        _wait_for_staged_file(operator, process.pid)
        os.kill(process.pid, signal.SIGKILL)
    _kill_servers(operator)
    operator.run("site", "up")
    operator.run(*words)

    operator.run("store", "check", "--checksums")
    after = _everything(operator)
    assert before < after
    _one_done_process_a_key(operator)
    new = after - before
    assert {name.split("_")[-2] for name in new} == {
        name.split("_")[-2] for name in before if "_pca_" in name
    }
    assert not list(operator.settings.staging.rglob("*.fits"))
    assert ask(operator.settings, _DETECTIONS)["n"][0] > 0


def _everything(operator: Operator) -> set[str]:
    return {path.name for path in _products(operator)}


def _products(operator: Operator) -> set[Path]:
    store = operator.settings.store
    return {path for ending in ("fits", "html", "ecsv", "vot") for path in store.rglob(f"*.{ending}")}


def _wait_for_staged_file(operator: Operator, pid: int) -> None:
    """Wait until the reduction is in the middle of writing."""
    end = time.monotonic() + 400
    while not any(_staged(operator)):
        assert time.monotonic() < end, "the reduction never wrote a file"
        assert Path(f"/proc/{pid}").exists(), "the reduction ended before it could be killed"
        time.sleep(0.01)


def _staged(operator: Operator) -> Iterator[Path]:
    for path in operator.settings.staging.rglob("*"):
        if path.is_file():
            yield path


def _kill_servers(operator: Operator) -> None:
    found = status_of(operator.settings)
    for pid in (found.postgres, *found.dachs):
        assert pid is not None
        os.kill(pid, signal.SIGKILL)


def _one_done_process_a_key(operator: Operator) -> None:
    setup_django(operator.settings)
    done = list(Process.objects.filter(state="done").values_list("digest", flat=True))
    assert len(done) == len(set(done))
    assert not Process.objects.filter(state="running").exists()
    accrefs = set(Product.objects.values_list("accref", flat=True))
    files = {str(path.relative_to(operator.settings.store)) for path in _products(operator)}
    assert accrefs == files
