"""``hcvo reduce``: a folder of raw frames, or observations of the catalogue."""

import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Literal

import click
from rich.console import Console
from rich.markup import escape

from hcvo.centre.show import parse_parameters, set_option, show_summary
from hcvo.config import CHECKOUT, load_settings
from reduce.associate import Plan, plan
from reduce.engine import Level
from reduce.folder import read_folder, reduce_folder
from reduce.presets import with_presets

__all__ = ["reduce"]

_Parameters = Mapping[str, Mapping[str, object]]


@click.command()
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="With FOLDER: where products go."
)
@click.option("--night", type=click.DateTime(["%Y-%m-%d"]), help="Local date at which the night began.")
@click.option("--target", help="Only this star; any of its names.")
@click.option(
    "--until",
    type=click.Choice(["level1", "level2"]),
    default="level2",
    show_default=True,
    help="Last level to make.",
)
@set_option
@click.option("--dry-run", is_flag=True, help="Show what would run, run nothing.")
def reduce(
    *,
    folder: Path | None,
    out: Path | None,
    night: datetime | None,
    target: str | None,
    until: Literal["level1", "level2"],
    set_: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Reduce raw frames to level 1 cubes and level 2 images, contrast curves and candidates.

    With FOLDER and --out no database is used. Without FOLDER the frames come from the catalogue by
    --night, --target or both, and the products go into the store and the catalogue. What ran before with
    the same version, parameters and inputs is not run again. Exit code 1 when something was refused or
    failed.
    """
    parameters = with_presets(parse_parameters(set_), CHECKOUT / "etc" / "recipes")
    if folder is None:
        if out is not None:
            raise click.UsageError("--out goes with FOLDER; products of the catalogue go into its store")
        if night is None and target is None:
            raise click.UsageError("give FOLDER, or --night or --target to take frames from the catalogue")
        _from_catalogue(night, target, until, parameters, dry_run=dry_run)
    else:
        if night is not None:
            raise click.UsageError("--night goes with the catalogue; leave out FOLDER")
        _from_folder(folder, out, target, until, parameters, dry_run=dry_run)


def _from_folder(
    folder: Path,
    out: Path | None,
    target: str | None,
    until: Level,
    parameters: _Parameters,
    *,
    dry_run: bool,
) -> None:
    if dry_run:
        frames, bad = read_folder(folder, leave_out=out or folder / "none")
        _show_plan(plan(frames, target), bad)
        return
    if out is None:
        raise click.UsageError("give --out: the folder in which products go")
    show_summary(reduce_folder(folder, out, target=target, until=until, parameters=parameters))


def _from_catalogue(
    night: datetime | None, target: str | None, until: Level, parameters: _Parameters, *, dry_run: bool
) -> None:
    from hcvo.centre import reduction  # noqa: PLC0415 - a folder is reduced with no Django imported

    settings = load_settings()
    request = reduction.Request(night.date() if night else None, target, until, parameters)
    if dry_run:
        _show_plan(reduction.plan_catalogue(settings, request), [])
    else:
        show_summary(reduction.reduce_catalogue(settings, request))


def _show_plan(made: Plan, bad: list[str]) -> None:
    console = Console()
    for task in made.tasks:
        inputs = ", ".join(f"{len(used)} {role}" for role, used in task.inputs.items())
        console.print(f"{escape(task.key)}: {inputs}", soft_wrap=True, highlight=False)
    console.print(f"{len(made.tasks)} processes would run, then level 2 on each cube (dry run)")
    for reason in (*bad, *made.refusals):
        console.print(f"[red]refused[/] {escape(reason)}", soft_wrap=True)
    sys.exit(0 if made.tasks and not made.refusals else 1)
