"""``hcvo store``: look after the product files."""

import sys

import click
from rich.console import Console
from rich.markup import escape

from hcvo.catalogue.setup import answering
from hcvo.centre.store_check import StoreState, check_store, clean_store
from hcvo.config import load_settings

__all__ = ["store"]


@click.group()
def store() -> None:
    """Look after the product files."""


@store.command()
@click.option("--checksums", is_flag=True, help="Read every file and compare its SHA-256 too.")
@click.option("--remove", is_flag=True, help="Remove orphan files and leftovers, fail dead processes.")
@click.option("--dry-run", is_flag=True, help="With --remove: show what would go, remove nothing.")
def check(*, checksums: bool, remove: bool, dry_run: bool) -> None:
    """Compare store and catalogue.

    Names orphan files, rows without their file, changed files, processes whose program is gone, and
    what they left in the staging folder. Without --remove nothing is changed; rows are never removed.
    Exit code 1 when something is amiss that was not removed.
    """
    settings = load_settings()
    console = Console()
    with answering(settings):
        state = check_store(settings, checksums=checksums)
        _show(state, console)
        if remove and not dry_run and not state.sound:
            clean_store(settings, state)
            state = check_store(settings, checksums=checksums)
            console.print("removed; now:")
            _show(state, console)
    sys.exit(0 if state.sound else 1)


def _show(state: StoreState, console: Console) -> None:
    for label, things in (
        ("orphan file", state.orphans),
        ("row without file", state.missing),
        ("changed file", state.changed),
        ("dead process", state.dead),
        ("left in staging", state.leftovers),
    ):
        for thing in things:
            console.print(f"[red]{label}[/] {escape(str(thing))}", soft_wrap=True)
    if state.sound:
        console.print("store and catalogue agree")
