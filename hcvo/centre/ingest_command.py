"""``hcvo ingest``: files into the catalogue."""

import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from hcvo.centre.external_cube import CubeFiles, check_parameters, ingest_cube, position_of
from hcvo.centre.level2_choice import choice_options, chosen
from hcvo.centre.numbers import NUMBERS
from hcvo.centre.show import show_summary
from hcvo.config import load_settings
from hcvo.errors import InputError
from hcvo.model.release import ReleasePolicy
from ingest.bulk_products import ingest_products
from ingest.process_records import record_paths
from ingest.raw import ingest_raw
from ingest.report import IngestReport
from reduce.classify import read_raw_frame
from reduce.engine import Level

__all__ = ["ingest"]


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_RELEASE = click.option(
    "--release",
    type=click.Choice([policy.value for policy in ReleasePolicy]),
    default=ReleasePolicy.DEFAULT.value,
    show_default=True,
    help="When new rows become public: default (calibrations at once, raw frames after one year, products "
    "after two) or now (demo data).",
)


_WORKERS = click.option(
    "--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes that read files."
)


@click.group()
def ingest() -> None:
    """Bring files into the catalogue."""


@ingest.command()
@click.argument("places", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@_RELEASE
@_WORKERS
@click.option("--dry-run", is_flag=True, help="Read and check every file, write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def raw(*, places: tuple[Path, ...], release: str, workers: int, dry_run: bool, as_json: bool) -> None:
    """Enter the raw frames of folders (searched below too) or single files.

    Files stay where they are. A file that cannot be used is named with the reason and the rest goes in;
    a file that is in already changes nothing. Exit code 1 only when no file could be used.
    """
    files = {place: _files(place) for place in places}
    paths = [path for found in files.values() for path in found]
    report = IngestReport(dry_run=dry_run)
    for place in (place for place, found in files.items() if not found):
        report.note(f"{place}: no file in this folder or below; hidden ones are not looked at")
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("raw frames", total=len(paths))
        ingest_raw(
            paths,
            read_raw_frame,
            load_settings(),
            report,
            policy=ReleasePolicy(release),
            workers=workers,
            advance=lambda: progress.advance(task),
        )
    if as_json:
        click.echo(report.to_json())
    else:
        report.show(Console())
    sys.exit(0 if report.usable else 1)


@ingest.command()
@click.argument(
    "folders", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@_RELEASE
@_WORKERS
@click.option("--dry-run", is_flag=True, help="Read and check every file, write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def products(*, folders: tuple[Path, ...], release: str, workers: int, dry_run: bool, as_json: bool) -> None:
    """Enter the results of reductions: folders that `hcvo reduce --out` wrote.

    Products go into the store (one file under two names where it is on the same file system, else a copy),
    their processes with parameters, versions and inputs, curves and candidates into the catalogue, which has
    the raw frames already. Process numbers stay: they stand in the files. A process with a file that cannot
    be used is named with the reason and stays out, the rest goes in; one that is in already changes nothing.
    Exit code 1 only when no file could be used.
    """
    missing = [folder for folder in folders if not (folder / "processes").is_dir()]
    if missing:
        raise InputError(f"{missing[0]}: no folder 'processes' in it, as `hcvo reduce --out` writes it")
    report = IngestReport(dry_run=dry_run)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("processes", total=sum(len(record_paths(folder)) for folder in folders))
        ingest_products(
            folders,
            load_settings(),
            report,
            policy=ReleasePolicy(release),
            workers=workers,
            advance=lambda number: progress.advance(task, number),
        )
    if as_json:
        click.echo(report.to_json())
    else:
        report.show(Console())
    sys.exit(0 if report.usable else 1)


@ingest.command()
@click.option("--cube", required=True, type=_FILE, help="Frames: (time, y, x) or (channel, time, y, x).")
@click.option(
    "--angles", required=True, type=_FILE, help="Derotation angles, degrees: north is at PA + angle."
)
@click.option("--psf", required=True, type=_FILE, help="Off-axis PSF: (y, x) or (channel, y, x).")
@click.option("--pixel-scale-mas", required=True, type=float, help="Pixel scale, mas.")
@click.option("--fwhm-px", required=True, type=NUMBERS, help="FWHM, pixels; one, or one a channel.")
@click.option("--star-flux", type=NUMBERS, help="Star in an aperture of 1 FWHM, adu; without it no contrast.")
@click.option("--star-flux-error", type=NUMBERS, help="Its 1 sigma error, adu; goes into each contrast's.")
@click.option("--wavelength-um", required=True, type=NUMBERS, help="Wavelength, um; one a channel.")
@click.option("--width-um", type=NUMBERS, help="Width of the band, um; one, or one a channel.")
@click.option("--filter", "filter_", required=True, help="Name of the filter.")
@click.option("--instrument", required=True, help="Instrument, e.g. NACO.")
@click.option("--telescope", default="", help="Telescope, e.g. ESO-VLT-U4.")
@click.option("--date", required=True, help="Start of the sequence, UTC, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss.")
@click.option("--target", required=True, help="Name of the star.")
@click.option("--ra", "ra_deg", type=float, help="Star at that date, ICRS, degrees; else by its name.")
@click.option("--dec", "dec_deg", type=float, help="Star at that date, ICRS, degrees; else by its name.")
@click.option("--center", type=NUMBERS, help="x,y of the star, pixels from 0; else the middle.")
@click.option("--mask-mas", type=float, help="Radius of the coronagraph's mask, mas.")
@click.option("--dit-s", type=float, help="Integration time of a frame, s.")
@click.option("--smear-deg", type=NUMBERS, help="Turn of the field in a frame, degrees; one, or one a frame.")
@click.option("--smear-share", type=float, help="The same, as a share of the turn from frame to frame.")
@click.option("--programme", default="", help="Observing programme.")
@click.option("--centre-error-mas", type=float, help="Error of the star's place, mas.")
@click.option("--pixel-scale-error-mas", type=float, help="Error of the pixel scale, mas per pixel.")
@click.option("--true-north-error-deg", type=float, help="Error of true north, degrees.")
@click.option(
    "--until", type=click.Choice(["level1", "level2"]), default="level2", show_default=True,
    help="level1 enters the cube only.",
)  # fmt: skip
@choice_options
@_RELEASE
@click.option("--dry-run", is_flag=True, help="Look the star up and check the options, write nothing.")
def cube(  # noqa: PLR0913 - one argument an option
    *,
    cube: Path,
    angles: Path,
    psf: Path,
    target: str,
    date: str,
    ra_deg: float | None,
    dec_deg: float | None,
    filter_: str,
    until: Level,
    algorithms: str | None,
    preset: str | None,
    references: tuple[Path, ...],
    set_: tuple[str, ...],
    release: str,
    dry_run: bool,
    **facts: Any,  # noqa: ANN401 - checked by the recipe's parameters
) -> None:
    """Enter a cube that was reduced to level 1 elsewhere, and reduce it to level 2.

    Angles follow PA on the sky = PA on the detector + angle. The files stay where they are; the cube
    becomes a level 1 product of the archive. Without --star-flux no contrast is stated.
    """
    choice = chosen(algorithms, preset, set_, references)
    settings = load_settings()
    if ra_deg is None or dec_deg is None:
        ra_deg, dec_deg = position_of(settings, target, date)
    given = {name: value for name, value in facts.items() if value not in (None, "")}
    parameters = given | {
        "target": target, "date": date, "ra_deg": ra_deg, "dec_deg": dec_deg, "filter": filter_
    }  # fmt: skip
    if "star_flux" not in given:
        click.echo("no --star-flux: contrast will not be stated", err=True)
    if dry_run:
        check_parameters(parameters)
        click.echo(f"{target} at RA {ra_deg:.6f}, Dec {dec_deg:.6f}; the cube would be entered (dry run)")
        return
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("external_cube", total=1.0)
        summary = ingest_cube(
            settings,
            CubeFiles(cube, angles, psf),
            parameters,
            policy=ReleasePolicy(release),
            until=until,
            choice=choice,
            on_progress=lambda name, done: progress.update(bar, description=name, completed=done),
            on_note=lambda text: click.echo(f"note: {text}", err=True),
        )
    show_summary(summary)


def _files(place: Path) -> list[Path]:
    """Files of a folder and below in order of their names; hidden ones are left out."""
    if place.is_file():
        return [place]
    below = (path for path in place.rglob("*") if path.is_file())
    return sorted(p for p in below if not any(part.startswith(".") for part in p.relative_to(place).parts))
