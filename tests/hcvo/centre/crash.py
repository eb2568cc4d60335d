"""Runs the toy recipe and is killed at a chosen point: ``python -m tests.hcvo.centre.crash POINT FILE``."""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from hcvo.centre import catalogue_recorder
from hcvo.config import load_settings
from tests.hcvo.centre import toy

POINTS = ("first file", "last file", "before rows", "among rows", "after rows")


def _die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _after(call: Callable[..., object], times: int) -> Callable[..., object]:
    """The function itself, and death after so many calls."""
    calls = iter(range(1, times + 1))

    def wrapped(*args: object, **kwargs: object) -> object:
        result = call(*args, **kwargs)
        if next(calls) == times:
            _die()
        return result

    return wrapped


def main(point: str, source: Path) -> None:
    place, load = catalogue_recorder.__dict__["place"], catalogue_recorder.__dict__["load_products"]
    module, name, fault = {
        "first file": (catalogue_recorder, "place", _after(place, 1)),
        "last file": (catalogue_recorder, "place", _after(place, 3)),
        "before rows": (catalogue_recorder, "load_products", _die),
        "among rows": (catalogue_recorder, "load_products", _after(load, 1)),
        "after rows": (shutil, "rmtree", _die),
    }[point]
    setattr(module, name, fault)
    settings = load_settings()
    toy.run_toy(settings, catalogue_recorder.CatalogueRecorder(settings), source)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
