"""The one program ``hcvo``: nouns, then verbs; each package brings its own."""

import contextlib
import os
import stat
import sys
import tempfile
from importlib.metadata import entry_points
from pathlib import Path
from typing import NoReturn

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
    """Run the program; an error of ours or of the system is one line and exit code 1, never a traceback."""
    _give_numba_a_cache()
    try:
        program()
    except HcvoError as error:
        _fail(str(error))
    except OSError as error:
        _fail(_told(error))


def _fail(line: str) -> NoReturn:
    click.echo(f"hcvo: {line}", err=True)
    sys.exit(1)


def _told(error: OSError) -> str:
    """What the system refused: file and reason, without the number."""
    files = [str(name) for name in (error.filename, error.filename2) if name is not None]
    reason = error.strerror or str(error) or type(error).__name__
    return f"{' -> '.join(files)}: {reason}" if files else str(reason)


def _give_numba_a_cache() -> None:
    """Let compiled kernels be kept where the home folder cannot be written: numba, told nothing, fails there.

    Its cache is code: the folder must be ours alone.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or os.environ.get("HOME") or "/nonexistent")
    if "NUMBA_CACHE_DIR" in os.environ or _writable(home):
        return
    folder = Path(tempfile.gettempdir()) / f"hcvo-numba-{os.geteuid()}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
    os.environ["NUMBA_CACHE_DIR"] = str(folder) if ours else tempfile.mkdtemp(prefix="hcvo-numba-")


def _writable(folder: Path) -> bool:
    """Whether we could write there, the folder or the parents it lacks being made."""
    while not os.access(folder, os.F_OK) and folder != folder.parent:
        folder = folder.parent
    return os.access(folder, os.W_OK | os.X_OK)
