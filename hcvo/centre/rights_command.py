"""``hcvo rights``: who may see an observation, and from when on."""

from datetime import UTC, datetime

import click

from hcvo.catalogue.access import Reader
from hcvo.catalogue.rights import prolong as put_off
from hcvo.catalogue.setup import answering, setup_django
from hcvo.config import load_settings

__all__ = ["rights"]


@click.group()
def rights() -> None:
    """Who may see an observation, and from when on."""


@rights.command()
@click.argument("obs_id")
@click.option(
    "--until", required=True, type=click.DateTime(["%Y-%m-%d"]), help="Public from this day on, UTC."
)
@click.option("--pi", default="", help="Account of the PI who asks; without it the operator does.")
@click.option("--dry-run", is_flag=True, help="Say what would change, change nothing.")
def prolong(*, obs_id: str, until: datetime, pi: str, dry_run: bool) -> None:
    """Put off the release of the observation OBS_ID and of all products made from it.

    Only what is still private can be prolonged, by its PI or an operator. Release itself needs no command.
    """
    settings = load_settings()
    reader = Reader(account=pi) if pi else Reader(operator=True)
    with answering(settings):
        setup_django(settings)
        before = put_off(obs_id, until.replace(tzinfo=UTC), reader, dry_run=dry_run)
    said = "would be" if dry_run else "is"
    click.echo(f"{obs_id}: {said} released on {until:%Y-%m-%d} UTC (was {before:%Y-%m-%d})")
