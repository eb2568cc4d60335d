"""``hcvo demo``: from raw frames to TAP, and the truth beside what was found."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
from astropy.table import Table as AstropyTable
from rich.console import Console
from rich.table import Table

from hcvo.config import Settings, load_settings
from hcvo.report import publish_report
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
from hcvo.site.planted import Pair, compare, pair, read_truth
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
    help="Write all it says there: addresses, query, answer, planted beside found, figures.",
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
    click.echo(f"\nADQL, to {settings.base_url}/tap:\n{query}\n")
    click.echo("\n".join(_rounded(answer).pformat(max_lines=-1, max_width=-1)) + "\n")
    planted = read_truth(night.truth / "truth.json")
    found = {one: found_by(answer, one) for one in METHODS}
    pairs = [(one, each) for one in METHODS for each in pair(planted, found[one], _PIXEL_MAS)]
    console = Console(soft_wrap=True)
    console.print(_beside(pairs))
    rows = [row for one in METHODS for row in compare(one, planted, found[one], _PIXEL_MAS)]
    met = publish_report("demo", rows, console)
    addresses = _addresses(settings, obs_id)
    click.echo("")
    for name, address in addresses.items():
        click.echo(f"{name:<12} {address}")
    if json_path:
        story = {
            "addresses": addresses,
            "query": query,
            "answer": [dict(zip(answer.colnames, row, strict=True)) for row in answer.as_array().tolist()],
            "planted": [asdict(one) for one in planted],
            "found": [{"method": method, **asdict(each)} for method, each in pairs],
            "figures": [asdict(row) for row in rows],
        }
        with write_aside(json_path.absolute()) as aside:
            aside.write_text(json.dumps(story, indent=1) + "\n")
    sys.exit(0 if met else 1)


def _rounded(answer: AstropyTable) -> AstropyTable:
    shown = answer.copy()
    for name in shown.colnames:
        if shown[name].dtype.kind == "f":
            shown[name].format = ".3g" if name.startswith("contrast") else ".2f"
    return shown


def _beside(pairs: Sequence[tuple[str, Pair]]) -> Table:
    """Truth and finding in one line each."""
    table = Table("method", "companion", "planted", "found", "significance", title="planted beside found")
    for method, one in pairs:
        truth, near = one.planted, one.near
        contrasts = ", ".join(f"{value:.2e}" for value in truth.contrast)
        planted = f"{truth.sep_mas:.1f} mas, {truth.pa_deg:.2f} deg, {contrasts}"
        if near is None:
            table.add_row(method, truth.name, planted, "[red]nothing[/]", "")
            continue
        places = f"{near.sep_mas:.1f} ± {near.sep_err:.1f} mas, {near.pa_deg:.2f} ± {near.pa_err:.2f} deg"
        fluxes = ", ".join(f"{c.contrast:.2e} ± {c.contrast_err:.1e}" if c else "-" for c in one.channels)
        table.add_row(method, truth.name, planted, f"{places}, {fluxes}", f"{near.significance:.1f}")
    return table


def _say_steps(settings: Settings, seed: int) -> None:
    raw = settings.raw / f"demo-{seed}"
    click.echo("would run: hcvo site up")
    if not raw.is_dir():
        click.echo(f"would run: hcvo simulate irdis --seed {seed} --out {raw}")
    click.echo(f"would run: hcvo ingest raw {raw} --release now")
    click.echo("would run: hcvo reduce --night ... --target ...")
    click.echo(f"would ask: {settings.base_url}/tap")


def _addresses(settings: Settings, obs_id: str) -> dict[str, str]:
    base = settings.base_url
    return {
        "web": f"{base}/",
        "TAP": f"{base}/tap",
        "SIA2": f"{base}/hci/sia/v2/siap2.xml",
        "cone search": f"{base}/hci/cone/observations/scs.xml",
        "DataLink": f"{base}/hci/dl/links/dlmeta",
        "cut-outs": f"{base}/hci/soda/cutout/dlget",
        "preview": str(preview_of(settings, obs_id)),
    }
