"""``python -m tests.bench.ingest``: many products with provenance into an empty catalogue; killed, resumed.

Tiny products, written into the state folder of a site of their own, with the observing blocks, starts and
positions of the data centre's real ones (../shared/data/phase3): ten products an observation in three
processes, four inputs, one contrast curve of 40 separations in 2 channels, two candidates, one number of
quality control. A row is a row of any table: 10.0 of them come with a product. Times are those of the whole
command, workers' start and reading of files included.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click
from django.db import connection

from hcvo.catalogue.publish import apply_views
from hcvo.catalogue.setup import migrate, setup_django
from hcvo.config import CHECKOUT, Resolver, Settings
from hcvo.report import Row, publish_report
from hcvo.site import postgres
from hcvo.site.account import server_account
from tests.fixtures_site import throwaway_settings
from tests.ingest import results

_PHASE3 = CHECKOUT.parent / "shared" / "data" / "phase3"
_ROWS_PER_S = 5000.0
_PROGRAM = """
import sys
from pathlib import Path
from hcvo.config import Settings
from ingest.bulk_products import ingest_products
from ingest.report import Outcome
if __name__ == "__main__":
    settings = Settings.model_validate_json(Path(sys.argv[1]).read_text())
    report = ingest_products([Path(sys.argv[2])], settings, workers=int(sys.argv[3]))
    print(*(report.count(outcome) for outcome in Outcome))
"""


@click.command()
@click.option("--products", default=100_000, show_default=True, help="Products, a multiple of ten.")
@click.option("--kills", default=20, show_default=True, help="Moments at which it is killed.")
@click.option("--workers", default=2, show_default=True, help="Processes that read files.")
def main(products: int, kills: int, workers: int) -> None:
    """Load undisturbed; empty the tables; load again, killed and resumed; compare every row."""
    with throwaway_settings() as site:
        settings = site.model_copy(update={"resolver": Resolver(online=False)})
        _prepare(settings, products)
        program = settings.state / "program.py"
        program.write_text(_PROGRAM)
        (settings.state / "settings.json").write_text(settings.model_dump_json())
        command = [
            sys.executable, str(program), str(settings.state / "settings.json"),
            str(settings.state / "results"), str(workers),
        ]  # fmt: skip
        begin = time.monotonic()
        new, *_ = _run(command)
        took = time.monotonic() - begin
        wanted = results.digests()
        _empty(settings)
        landed = _killed(command, kills, took)
        known_before = _count()
        _run(command)
        found = results.digests()
    rows = list(_figures(products, new, took, wanted, workers))
    rows += [
        Row("killed", "moments", kills, "", "", ok=True),
        Row("killed", "moments with rows in and rows missing", landed, "", ">= 1", landed >= min(kills, 1)),
        Row("killed", "products in before the last run", known_before, "", "", ok=True),
        *(
            Row(
                "resumed",
                f"rows of {table}",
                found[table][0],
                "",
                f"{number}, the same",
                found[table] == told,
            )
            for table, told in wanted.items()
            for number in [told[0]]
        ),
    ]
    sys.exit(0 if publish_report("bench-ingest", rows) else 1)


def _prepare(settings: Settings, products: int) -> None:
    account = server_account(settings)
    postgres.create_cluster(settings, account)
    postgres.start(settings, account)
    migrate(settings)
    apply_views(settings)
    sequences = list(results.real_sequences(_PHASE3, products // results.A_SEQUENCE, random.Random(1)))
    results.enter_observations(sequences)
    results.write_results(settings.state / "results", sequences, random.Random(2))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _run(command: Sequence[str]) -> list[int]:
    """One undisturbed run: files that were new, known, refused."""
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return [int(word) for word in done.stdout.split()]


def _killed(command: Sequence[str], kills: int, took_s: float) -> int:
    """Start and kill at any moment of what is left; how often some rows were in and others not."""
    rng, landed, whole = random.Random(3), 0, _whole(command)
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT)}
    for _ in range(kills):
        with subprocess.Popen(command, env=environment, start_new_session=True) as process:
            time.sleep(rng.uniform(0.0, took_s * (1.0 - _count() / whole)))
            os.killpg(process.pid, signal.SIGKILL)
        landed += 0 < _count() < whole
    return landed


def _whole(command: Sequence[str]) -> int:
    """Products that shall be there in the end."""
    return results.A_SEQUENCE * len(list((Path(command[3]) / "processes").iterdir())) // 3


def _count() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM archive.product")
        (number,) = cursor.fetchone()
        return int(number)


def _empty(settings: Settings) -> None:
    setup_django(settings)
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE archive.process CASCADE")
    for path in settings.store.iterdir():
        shutil.rmtree(path)


def _figures(
    products: int, new: int, took_s: float, found: dict[str, tuple[int, str]], workers: int
) -> list[Row]:
    total = sum(number for number, _ in found.values())
    speed, case = total / took_s, f"{products} products, {workers} readers"
    return [
        Row(case, "files that went in", new, "", str(products), new == products),
        Row(case, "rows of all tables", total, "", "", ok=True),
        Row(case, "time", took_s, "s", "", ok=True),
        Row(case, "rows a second", speed, "1/s", f">= {_ROWS_PER_S:.0f}", speed >= _ROWS_PER_S),
        Row(case, "products a second", products / took_s, "1/s", "", ok=True),
    ]


if __name__ == "__main__":
    main()
