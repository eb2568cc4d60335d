"""``hcvo ingest``: files into the catalogue."""

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from hcvo.config import load_settings
from hcvo.model.release import ReleasePolicy
from ingest.raw import ingest_raw
from ingest.report import IngestReport
from reduce.classify import read_raw_frame

__all__ = ["ingest"]


@click.group()
def ingest() -> None:
    """Bring files into the catalogue."""


@ingest.command()
@click.argument("places", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--release",
    type=click.Choice([policy.value for policy in ReleasePolicy]),
    default=ReleasePolicy.DEFAULT.value,
    help="When new rows become public: default (calibrations at once, raw frames after one year, products "
    "after two) or now (demo data).",
)
@click.option("--dry-run", is_flag=True, help="Read and check every file, write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def raw(*, places: tuple[Path, ...], release: str, dry_run: bool, as_json: bool) -> None:
    """Enter the raw frames of folders (searched below too) or single files.

    Files stay where they are. A file that cannot be used is named with the reason and the rest goes in;
    a file that is in already changes nothing. Exit code 1 only when no file could be used.
    """
    paths = [path for place in places for path in _files(place)]
    report = IngestReport(dry_run=dry_run)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("raw frames", total=len(paths))
        ingest_raw(
            paths,
            read_raw_frame,
            load_settings(),
            report,
            policy=ReleasePolicy(release),
            advance=lambda: progress.advance(task),
        )
    if as_json:
        click.echo(report.to_json())
    else:
        report.show(Console())
    sys.exit(0 if report.usable else 1)


def _files(place: Path) -> list[Path]:
    """Files of a folder and below in order of their names; hidden ones are left out."""
    if place.is_file():
        return [place]
    below = (path for path in place.rglob("*") if path.is_file())
    return sorted(p for p in below if not any(part.startswith(".") for part in p.relative_to(place).parts))
