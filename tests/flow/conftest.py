"""A site on which the whole line has run, by the program's own commands."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hcvo.config import Settings
from hcvo.site.demo import ask
from tests.fixtures_site import throwaway_settings

SEED = 7
TARGET = "HCVO SIM 1"
NIGHT = "2018-04-20"


@dataclass(frozen=True)
class Operator:
    """Someone at a shell of this site."""

    settings: Settings

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HCVO_")}
        return kept | {
            "HCVO_CONFIG": os.environ["HCVO_CONFIG"],
            "HCVO_STATE": str(self.settings.state),
            "HCVO_DATABASE__PORT": str(self.settings.database.port),
            "HCVO_DACHS__PORT": str(self.settings.dachs.port),
            "HCVO_DACHS__AUTHORITY": self.settings.dachs.authority,
            "HCVO_RESOLVER__ONLINE": "false",
            "OPENBLAS_NUM_THREADS": "1",
        }

    def start(self, *words: str) -> subprocess.Popen[str]:
        program = Path(sys.executable).with_name("hcvo")
        return subprocess.Popen(
            [program, *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *words: str, code: int = 0) -> str:
        with self.start(*words) as process:
            output, _ = process.communicate(timeout=600)
        assert process.returncode == code, f"hcvo {' '.join(words)}:\n{output}"
        assert "Traceback" not in output
        return output


@dataclass(frozen=True)
class Reduced:
    """The site, its operator, and the truth of the night that was reduced."""

    operator: Operator
    truth: Path
    raw: Path
    ingested: str
    reduced: str
    last_process: int


@pytest.fixture(scope="session")
def reduced() -> Iterator[Reduced]:
    """A quick simulated night, two bad files among its frames, from raw to TAP."""
    with throwaway_settings() as settings:
        operator = Operator(settings)
        operator.run("site", "up")
        raw, truth = settings.raw / "night", settings.state / "truth"
        operator.run("simulate", "irdis", "--quick", "--seed", str(SEED), "--out", str(raw))
        truth.mkdir()
        for path in raw.glob("truth*"):
            path.rename(truth / path.name)
        (raw / "notes.txt").write_text("not a frame\n")
        whole = min(raw.glob("SPHER.*.fits")).read_bytes()
        (raw / "SPHER.2018-04-21T12:00:00.000.fits").write_bytes(whole[: len(whole) // 2])
        ingested = operator.run("ingest", "raw", str(raw), "--release", "now")
        done = operator.run("reduce", "--night", NIGHT, "--target", TARGET)
        operator.run("site", "hips")
        last = ask(settings, "SELECT max(process_id) AS n FROM hci.process")["n"][0]
        yield Reduced(operator, truth / "truth.json", raw, ingested, done, int(last))
