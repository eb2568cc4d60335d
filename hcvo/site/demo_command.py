"""``hcvo demo``: from raw frames to TAP, and the truth beside what was found."""

import sys
from pathlib import Path

import click
from rich.console import Console

from hcvo.config import Settings, load_settings
from hcvo.report import publish_report, report_path
from hcvo.site.demo import (
    CANDIDATES_QUERY,
    METHODS,
    ask,
    found_by,
    ingest_night,
    preview_of,
    reduce_observation,
    run_hcvo,
    simulate_night,
)
from hcvo.site.planted import compare, read_truth
from hcvo.store import write_aside

__all__ = ["demo"]

_PIXEL_MAS = 12.255


@click.command()
@click.option(
    "--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Seed of the simulated night."
)
@click.option(
    "--json",
    "json_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the comparison there too (always in build/reports/demo.json).",
)
@click.option("--dry-run", is_flag=True, help="Print the commands it would run, run none.")
def demo(*, seed: int, json_path: Path | None, dry_run: bool) -> None:
    """Simulate a night, reduce it, publish it, and ask TAP for what was planted.

    Exit code 0 only if every planted companion was found within its error and nothing else was. The
    site stays up; `hcvo site down` stops it.
    """
    settings = load_settings()
    if dry_run:
        _say_steps(settings, seed)
        return
    run_hcvo("site", "up")
    night = simulate_night(settings, seed)
    obs_id = ingest_night(night)
    reduce_observation(settings, obs_id)
    query = CANDIDATES_QUERY.format(obs_id=obs_id)
    answer = ask(settings, query)
    _show_answer(settings, query, answer.pformat(max_lines=-1, max_width=-1))
    planted = read_truth(night.truth / "truth.json")
    rows = [row for one in METHODS for row in compare(one, planted, found_by(answer, one), _PIXEL_MAS)]
    met = publish_report("demo", rows, Console(soft_wrap=True))
    if json_path:
        with write_aside(json_path.absolute()) as aside:
            aside.write_bytes(report_path("demo").read_bytes())
    _show_addresses(settings, obs_id)
    sys.exit(0 if met else 1)


def _say_steps(settings: Settings, seed: int) -> None:
    raw = settings.raw / f"demo-{seed}"
    click.echo("would run: hcvo site up")
    if not raw.is_dir():
        click.echo(f"would run: hcvo simulate irdis --seed {seed} --out {raw}")
    click.echo(f"would run: hcvo ingest raw {raw} --release now")
    click.echo("would run: hcvo reduce --night ... --target ...")
    click.echo(f"would ask: {settings.base_url}/tap")


def _show_answer(settings: Settings, query: str, lines: list[str]) -> None:
    click.echo(f"\nADQL, to {settings.base_url}/tap:\n{query}\n")
    click.echo("\n".join(lines) + "\n")


def _show_addresses(settings: Settings, obs_id: str) -> None:
    base = settings.base_url
    click.echo(f"\nTAP       {base}/tap")
    click.echo(f"SIA2      {base}/hci/q/sia/siap2.xml")
    click.echo(f"web       {base}/")
    click.echo(f"preview   {preview_of(settings, obs_id)}")
