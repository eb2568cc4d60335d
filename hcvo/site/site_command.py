"""`hcvo site`: the servers of this site."""

import sys

import click
from rich.console import Console
from rich.table import Table

from hcvo.config import Settings, load_settings
from hcvo.report import publish_report
from hcvo.site import coverage as coverages
from hcvo.site import hips as finding_layer
from hcvo.site import lint_vo
from hcvo.site.status import Status, status_of
from hcvo.site.up import bring_down, bring_up

__all__ = ["site"]


@click.group()
def site() -> None:
    """Start, stop and look at the site's PostgreSQL and DaCHS."""


@site.command()
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    help="DaCHS servers, behind nginx if more than one.  [default: dachs.processes of the settings]",
)
@click.option("--dry-run", is_flag=True, help="Say what runs now and what would be started; change nothing.")
def up(*, processes: int | None, dry_run: bool) -> None:
    """Bring the site up; return when TAP answers.

    Several processes serve several clients at once: one process works on one request at a time.
    """
    settings = load_settings()
    if processes is not None:
        chosen = settings.dachs.model_copy(update={"processes": processes})
        settings = settings.model_copy(update={"dachs": chosen})
    if dry_run:
        _show(settings, status_of(settings))
        return
    changed = bring_up(settings, say=lambda line: click.echo(f"site: {line}"))
    click.echo(f"site: {'up' if changed else 'up already'}: {settings.base_url}/tap")


@site.command()
@click.option("--dry-run", is_flag=True, help="Say what would be stopped; change nothing.")
def down(*, dry_run: bool) -> None:
    """Stop the site's servers; data stay."""
    settings = load_settings()
    if dry_run:
        _show(settings, status_of(settings))
        return
    stopped = bring_down(settings)
    click.echo(f"site: {'stopped' if stopped else 'nothing was running'}; data stay in {settings.state}")


@site.command()
def status() -> None:
    """Show servers, addresses and settings; exit code 1 unless the site is up."""
    settings = load_settings()
    found = status_of(settings)
    _show(settings, found)
    sys.exit(0 if found.up else 1)


@site.command()
def lint() -> None:
    """Run the Virtual Observatory's validators; starts the site if it is down."""
    settings = load_settings()
    if not status_of(settings).up:
        bring_up(settings, say=lambda line: click.echo(f"site: {line}"))
    sys.exit(0 if publish_report("lint-vo", list(lint_vo.lint(settings))) else 1)


@site.command()
def coverage() -> None:
    """Compute anew where the public data lie, for the registry and as a MOC; best each day.

    Needs the site up. Released data come in, withdrawn data go out; the MOC is at hci/sia/v2/coverage.
    """
    settings = load_settings()
    coverages.refresh(settings)
    click.echo(f"site: coverage computed: {settings.base_url}/{coverages.MOC}")


@site.command()
def hips() -> None:
    """Make the finding layer anew: S/N maps of all public observations as a HiPS; best each day.

    Needs the site up. Released data come in, withdrawn data go out.
    """
    settings = load_settings()
    built = finding_layer.build(settings)
    click.echo(
        f"site: HiPS of {built.maps} maps in {built.tiles} tiles: {settings.base_url}/{finding_layer.ADDRESS}"
    )


def _show(settings: Settings, found: Status) -> None:
    table = Table("what", "state", "where", box=None)
    table.add_row(
        "PostgreSQL", _running(found.postgres), f"127.0.0.1:{settings.database.port}, {settings.sockets}"
    )
    if found.proxy is not None:
        table.add_row("nginx", _running(found.proxy), settings.base_url)
    table.add_row("DaCHS", ", ".join(map(_running, found.dachs)) or "down", settings.base_url)
    table.add_row("TAP", "answers" if found.answers else "silent", f"{settings.base_url}/tap")
    table.add_row(
        "products", "?" if found.products is None else f"{found.products} public", str(settings.store)
    )
    table.add_row("state", "there" if settings.state.exists() else "none yet", str(settings.state))
    table.add_row("logs", "", str(settings.logs))
    Console(soft_wrap=True).print(table)


def _running(pid: int | None) -> str:
    return "down" if pid is None else f"process {pid}"
