"""`hcvo simulate`: raw nights with planted companions."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import click
from rich.progress import Progress

from hcvo.errors import ConfigError
from reduce.simulate.instrument import FILTERS
from reduce.simulate.night import DEMO_COMPANIONS, DEMO_TARGET
from reduce.simulate.produce import simulate_night
from reduce.simulate.realism import judge_realism
from reduce.simulate.scenario import Scenario, scenario_named, scenarios
from reduce.simulate.schedule import QUICK, Options, Volume
from reduce.simulate.sky import Companion, Target

__all__ = ["simulate"]

_NIGHT = "2018-04-20"


def _companions(ctx: click.Context, param: click.Parameter, texts: tuple[str, ...]) -> tuple[Companion, ...]:
    """Parse each SEP,PA,CONTRAST[,CONTRAST of the right field]."""
    planted = []
    for text in texts:
        try:
            planted.append(_companion(*(float(part) for part in text.split(","))))
        except (TypeError, ValueError) as error:
            raise click.BadParameter(
                f"{text!r} is not separation (mas), PA (deg), contrast, as in 400,195,5e-6", ctx, param
            ) from error
    return tuple(planted)


def _companion(separation: float, pa: float, left: float, right: float | None = None) -> Companion:
    """The same contrast in both fields unless told otherwise."""
    return Companion(separation, pa, (left, left if right is None else right))


@click.group(invoke_without_command=True)
@click.option("--realism", is_flag=True, help="Judge the default night beside published values and stop.")
@click.pass_context
def simulate(ctx: click.Context, *, realism: bool) -> None:
    """Make raw data as the archive serves them, with known truth."""
    if realism:
        ctx.exit(0 if judge_realism(1, _day(_NIGHT)) else 1)
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@simulate.command()
@click.option(
    "--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Seed of everything random."
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder to write into.")
@click.option("--date", "night", default=_NIGHT, show_default=True, help="Evening of the night, YYYY-MM-DD.")
@click.option("--scenario", help="A night of the table instead; `hcvo simulate scenarios` lists them.")
@click.option("--filter", "setup", type=click.Choice(sorted(FILTERS)), default="DB_H23", show_default=True)
@click.option("--frames", type=click.IntRange(min=1), help="Science integrations in all [48; quick 12].")
@click.option("--ndit", type=click.IntRange(min=1), help="Integrations a science file [6; quick 4].")
@click.option(
    "--companion",
    "companions",
    multiple=True,
    callback=_companions,
    metavar="SEP,PA,CONTRAST",
    help="Plant this one (mas, deg); repeatable.",
)
@click.option("--no-companions", is_flag=True, help="Plant none.")
@click.option("--quick", is_flag=True, help="Few frames and calibrations, for tests.")
@click.option("--realism", is_flag=True, help="Judge this seed's night beside published values instead.")
@click.option("--dry-run", is_flag=True, help="Say what would be written.")
def irdis(  # noqa: PLR0913 - one argument an option
    *,
    seed: int,
    out: Path | None,
    night: str,
    setup: str,
    frames: int | None,
    ndit: int | None,
    companions: tuple[Companion, ...],
    no_companions: bool,
    quick: bool,
    realism: bool,
    dry_run: bool,
    scenario: str | None,
) -> None:
    """Make a SPHERE/IRDIS night, and truth.json beside it."""
    if realism:
        click.get_current_context().exit(0 if judge_realism(seed, _day(night)) else 1)
    if out is None:
        raise click.UsageError("--out DIR is missing: the folder for the night")
    if scenario is not None:
        _from_scenario(scenario_named(scenario), out, dry_run=dry_run)
        return
    options = Options(
        seed=seed,
        night=_day(night),
        frames=frames or (12 if quick else 48),
        ndit=ndit or (4 if quick else 6),
        volume=QUICK if quick else Volume(),
    )
    planted = () if no_companions else companions or DEMO_COMPANIONS
    if dry_run:
        click.echo(f"would write {options.frames} science frames of {DEMO_TARGET.name} in {setup} to {out}")
        for each in planted:
            left, right = each.contrast
            click.echo(f"with {each.separation_mas:g} mas, {each.pa_deg:g} deg, contrast {left:g} {right:g}")
        return
    _simulate(options, setup, out, DEMO_TARGET, planted)


@simulate.command("scenarios")
def list_scenarios() -> None:
    """List the nights that `hcvo simulate irdis --scenario` makes."""
    for name, one in scenarios().items():
        click.echo(f"{name:28} {one.what}")


def _from_scenario(scenario: Scenario, out: Path, *, dry_run: bool) -> None:
    frames = scenario.frames + scenario.second_frames
    if dry_run:
        click.echo(f"would write {frames} science frames to {out}: {scenario.what}")
        return
    volume = Volume(*scenario.volume, scenario.span_s)
    options = Options(
        scenario.seed, scenario.night, scenario.frames, scenario.ndit, scenario.dit_s, volume, scenario
    )
    target = replace(
        DEMO_TARGET,
        dec_deg=scenario.dec_deg or DEMO_TARGET.dec_deg,
        magnitude_h=scenario.magnitude_h or DEMO_TARGET.magnitude_h,
    )
    planted = tuple(Companion(sep, pa, (left, right)) for sep, pa, left, right in scenario.companions)
    _simulate(options, scenario.filter, out, target, planted)


def _simulate(
    options: Options, setup: str, out: Path, target: Target, planted: tuple[Companion, ...]
) -> None:
    with Progress(transient=True) as bar:
        task = bar.add_task("simulating", total=1.0)
        truth = simulate_night(
            options,
            FILTERS[setup],
            out,
            target=target,
            companions=planted,
            progress=lambda share: bar.update(task, completed=share),
        )
    click.echo(f"{sum(1 for _ in out.glob('SPHER.*.fits'))} files of {target.name}; truth in {truth}")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"--date {text!r} is no date; write YYYY-MM-DD") from error
