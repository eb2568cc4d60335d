"""The one program ``hcvo``: nouns, then verbs; each package brings its own."""

import sys
from importlib.metadata import entry_points

import click

from hcvo import __version__, log
from hcvo.errors import HcvoError

__all__ = ["main"]


class _Commands(click.Group):
    """Subcommands by entry point, imported only when one is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(point.name for point in entry_points(group="hcvo.commands"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        for point in entry_points(group="hcvo.commands", name=cmd_name):
            command: click.Command = point.load()
            return command
        return None


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hcvo")
@click.option("--verbose", is_flag=True, help="Show debug lines.")
def program(*, verbose: bool) -> None:
    """Reduce, archive and publish high-contrast imaging."""
    log.configure(verbose=verbose)


def main() -> None:
    """Run the program; an error of ours is one line and exit code 1, never a traceback."""
    try:
        program()
    except HcvoError as error:
        click.echo(f"hcvo: {error}", err=True)
        sys.exit(1)
