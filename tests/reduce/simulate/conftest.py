"""One small simulated night for all tests of the simulator."""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from reduce.simulate.instrument import FILTERS
from reduce.simulate.night import DEMO_COMPANIONS, DEMO_TARGET, Night
from reduce.simulate.produce import simulate_night
from reduce.simulate.schedule import Options, Volume

NIGHT = date(2018, 4, 20)
SMALL = Volume(center=1, flux=1, sky=1, dark=1, short_dark=1, background=1, flat=1)


@dataclass(frozen=True)
class Written:
    folder: Path
    truth: dict[str, Any]

    def files(self, kind: str) -> list[dict[str, Any]]:
        return [each for each in self.truth["files"] if each["kind"] == kind]

    def path(self, entry: dict[str, Any]) -> Path:
        return self.folder / str(entry["file"])


def write_small(folder: Path, seed: int = 3) -> Written:
    options = Options(seed=seed, night=NIGHT, frames=3, ndit=2, volume=SMALL)
    path = simulate_night(options, FILTERS["DB_H23"], folder)
    return Written(folder, json.loads(path.read_text()))


@pytest.fixture(scope="package")
def small_night(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return write_small(tmp_path_factory.mktemp("night"))


@pytest.fixture(scope="package")
def default_plan() -> Night:
    """A default night, drawn but not exposed."""
    return Night(Options(seed=1, night=NIGHT), DEMO_TARGET, DEMO_COMPANIONS, FILTERS["DB_H23"])
