"""``hcvo reduce``: a folder of raw frames, or observations of the catalogue."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import click
from rich.console import Console
from rich.markup import escape

from hcvo.centre.level2_choice import choice_options, chosen
from hcvo.centre.show import show_summary
from hcvo.config import load_settings
from hcvo.model.frame import RawFrame
from reduce import plan_report
from reduce.associate import Plan, plan
from reduce.engine import Level
from reduce.folder import read_folder, reduce_folder
from reduce.night_conditions import draw_conditions
from reduce.selection import Choice

__all__ = ["reduce"]


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
@choice_options
@click.option(
    "--plan",
    "show_plan",
    is_flag=True,
    help="Run nothing; show for each sequence which calibrations were chosen, at which match level, which "
    "were rejected and why, and what is missing.",
)
@click.option("--json", "as_json", is_flag=True, help="With --plan: print it as JSON.")
@click.option(
    "--conditions",
    type=click.Path(file_okay=False, path_type=Path),
    help="Run nothing; draw the adaptive optics' conditions of each night into this folder.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processes for the files of a sequence, and of level 2 side by side; the products are the same "
    "on any number.",
)
@click.option(
    "--cluster",
    default="",
    metavar="ADDRESS",
    help="Dask scheduler, tcp://host:port, whose workers do level 2; they see the same folders.",
)
@click.option("--dry-run", is_flag=True, help="Show what would run, run nothing, write nothing.")
def reduce(  # noqa: PLR0913 - one for each option
    *,
    folder: Path | None,
    out: Path | None,
    night: datetime | None,
    target: str | None,
    until: Literal["level1", "level2"],
    algorithms: str | None,
    preset: str | None,
    references: tuple[Path, ...],
    set_: tuple[str, ...],
    show_plan: bool,
    as_json: bool,
    conditions: Path | None,
    workers: int,
    cluster: str,
    dry_run: bool,
) -> None:
    """Reduce raw frames to level 1 cubes and level 2 images, contrast curves and candidates.

    With FOLDER and --out no database is used. Without FOLDER the frames come from the catalogue by
    --night, --target or both, and the products go into the store and the catalogue. What ran before with
    the same version, parameters and inputs is not run again. Exit code 1 when something was refused or
    failed.

    What a sequence should have and has not is entered into the catalogue (hci.missing_calibration) whenever
    it is planned from there, also with --plan; --dry-run writes nothing.
    """
    if as_json and not show_plan:
        raise click.UsageError("--json goes with --plan")
    if conditions is not None and (show_plan or dry_run):
        raise click.UsageError("--conditions goes without --plan and --dry-run")
    shown = _Shown(plan=show_plan, as_json=as_json, dry_run=dry_run, conditions=conditions)
    choice = chosen(algorithms, preset, set_, references)
    if folder is None:
        if out is not None:
            raise click.UsageError("--out goes with FOLDER; products of the catalogue go into its store")
        if night is None and target is None:
            raise click.UsageError("give FOLDER, or --night or --target to take frames from the catalogue")
        _from_catalogue(night, target, until, choice, (workers, cluster), shown)
    else:
        if night is not None:
            raise click.UsageError("--night goes with the catalogue; leave out FOLDER")
        _from_folder(folder, out, target, until, choice, (workers, cluster), shown)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What is shown in place of a reduction."""

    plan: bool
    as_json: bool
    dry_run: bool
    conditions: Path | None

    def __bool__(self) -> bool:
        return self.plan or self.dry_run


def _from_folder(
    folder: Path,
    out: Path | None,
    target: str | None,
    until: Level,
    choice: Choice,
    means: tuple[int, str],
    shown: _Shown,
) -> None:
    if shown or shown.conditions:
        frames, bad = read_folder(folder, leave_out=out or folder / "none", checksums=False)
        if shown.conditions:
            _draw(frames, bad, shown.conditions)
        else:
            _show(plan(frames, target), bad, shown)
        return
    if out is None:
        raise click.UsageError("give --out: the folder in which products go")
    show_summary(
        reduce_folder(
            folder,
            out,
            target=target,
            until=until,
            choice=choice,
            workers=means[0],
            cluster=means[1],
        )
    )


def _from_catalogue(
    night: datetime | None,
    target: str | None,
    until: Level,
    choice: Choice,
    means: tuple[int, str],
    shown: _Shown,
) -> None:
    from hcvo.centre import reduction  # noqa: PLC0415 - a folder is reduced with no Django imported

    settings = load_settings()
    request = reduction.Request(night.date() if night else None, target, until, choice, *means)
    if shown.conditions:
        _draw(reduction.frames_of(settings, request), [], shown.conditions)
    elif shown:
        _show(reduction.plan_catalogue(settings, request, enter=not shown.dry_run), [], shown)
    else:
        show_summary(reduction.reduce_catalogue(settings, request))


def _draw(frames: Sequence[RawFrame], bad: Sequence[str], folder: Path) -> None:
    """Pictures of the nights; 1 when a file could not be read."""
    for path in draw_conditions(frames, folder):
        click.echo(path)
    for reason in bad:
        click.echo(f"refused {reason}")
    sys.exit(1 if bad else 0)


def _show(made: Plan, bad: list[str], shown: _Shown) -> None:
    """Print a plan, and end the program: 1 when something is refused."""
    if shown.as_json:
        click.echo(json.dumps(plan_report.as_json(made, bad), indent=1))
    else:
        _print(made, bad, plan_report.as_lines(made) if shown.plan else _task_lines(made))
    sys.exit(0 if made.tasks and not made.refusals and not bad else 1)


def _task_lines(made: Plan) -> Iterator[str]:
    for task in made.tasks:
        inputs = ", ".join(f"{len(used)} {role}" for role, used in task.inputs.items())
        yield f"{task.key}: {inputs}"


def _print(made: Plan, bad: list[str], lines: Iterable[str]) -> None:
    console = Console()
    for line in lines:
        console.print(escape(line), soft_wrap=True, highlight=False)
    many = f"{len(made.tasks)} processes would run, then level 2 on each cube"
    console.print(f"{many if made.tasks else 'nothing would run'} (dry run)")
    for reason in (*bad, *made.refusals):
        console.print(f"[red]refused[/] {escape(reason)}", soft_wrap=True)
