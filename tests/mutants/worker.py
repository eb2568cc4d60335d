"""Runs tests in forked children of a process that has imported the slow libraries, one order a line.

Started in a copy of the tree as ``python -m tests.mutants.worker``. An order is JSON with ``tests``,
``compiled``, ``cache`` (folder for numba's cache, empty for its usual place), ``limit_s`` and ``log``; the
answer is JSON with ``code`` (pytest's exit code, negative for a signal, null when time ran out) and
``seconds``.
"""

import gc
import importlib
import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from pathlib import Path

import pytest
from numba.core import config as numba_config

_LIBRARIES = (
    "astropy.coordinates",
    "astropy.io.fits",
    "astropy.table",
    "astropy.time",
    "astropy.wcs",
    "django.core.management",
    "django.db.backends.postgresql.base",
    "django.db.models",
    "django.urls",
    "psycopg2",
    "pydantic_settings",
    "rich.progress",
    "scipy.interpolate",
    "scipy.ndimage",
    "scipy.optimize",
    "scipy.signal",
    "scipy.sparse.linalg",
    "scipy.stats",
    "structlog",
    "yaml",
)


def main() -> None:
    """Answer orders until the input ends."""
    sys.dont_write_bytecode = True
    for name in _LIBRARIES:
        importlib.import_module(name)
    gc.freeze()  # what is here by now need not be looked at in the children
    for line in sys.stdin:
        order = json.loads(line)
        began = time.monotonic()
        code = _run(order)
        sys.stdout.write(json.dumps({"code": code, "seconds": time.monotonic() - began}) + "\n")
        sys.stdout.flush()


def _run(order: dict[str, object]) -> int | None:
    child = os.fork()
    if child == 0:
        _test(order)
    watched = os.pidfd_open(child)
    try:
        in_time, _, _ = select.select([watched], [], [], float(str(order["limit_s"])))
        if not in_time:
            os.killpg(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    finally:
        os.close(watched)
    return os.waitstatus_to_exitcode(status) if in_time else None


def _test(order: dict[str, object]) -> None:
    """In the child: become a process group, say everything into the log, run pytest, end."""
    code = 3
    try:
        os.setsid()
        seconds = int(float(str(order["limit_s"]))) + 1  # ends even if nobody is left to end it
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        log = os.open(Path(str(order["log"])), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ["NUMBA_DISABLE_JIT"] = str(int(not order["compiled"]))
        os.environ["NUMBA_CACHE_DIR"] = str(order["cache"])
        numba_config.reload_config()  # type: ignore[no-untyped-call]
        tests = order["tests"]
        assert isinstance(tests, list)
        code = int(pytest.main(["-x", "-q", "--no-header", "-p", "no:cacheprovider", *tests]))
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001 - nothing may unwind into the parent's loop; the code tells
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
