"""``hcvo reproduce``: run the process of a product again and compare."""

import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from hcvo.catalogue.setup import answering, setup_django
from hcvo.centre.reproduce import Reproduced, find_product, reproduce
from hcvo.config import load_settings
from reduce.same_arrays import Likeness

__all__ = ["reproduce_product"]

_COLOURS = {Likeness.IDENTICAL: "green", Likeness.CLOSE: "yellow", Likeness.DIFFERENT: "red"}


@click.command("reproduce")
@click.argument("product")
@click.option(
    "--raw",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with the raw frames, searched below too; without it: from where they were ingested.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the new products, kept; without it they are thrown away.",
)
@click.option(
    "--other-version", is_flag=True, help="Go on where the code is not that which made the product."
)
@click.option("--dry-run", is_flag=True, help="Say what would run, on which files; run nothing.")
def reproduce_product(
    product: str, *, raw: Path | None, out: Path | None, other_version: bool, dry_run: bool
) -> None:
    """Make PRODUCT again and say whether its arrays are bit-identical.

    PRODUCT is its number, access key, file name or identifier. The recipe runs with the recorded parameters
    on the recorded inputs, whose checksums are compared first. Every product of that process is compared,
    HDU by HDU. Exit code 0: all arrays are bit-identical, or, on another processor or with other libraries,
    within 1e-5 of their largest value.
    """
    settings = load_settings()
    setup_django(settings)
    console = Console()
    with answering(settings):
        found = find_product(product)
        process = found.process
        console.print(
            f"process {process.pk}: {process.recipe} {process.version}, {process.inputs.count()} inputs",
            highlight=False,
        )
        if dry_run:
            for read in process.inputs.order_by("role", "name"):
                console.print(f"  {read.role} {escape(read.name)} {read.sha256[:12]}", soft_wrap=True)
            return
        with tempfile.TemporaryDirectory(prefix="hcvo-reproduce-") as scratch:
            done = reproduce(settings, found, out or Path(scratch), raw=raw, other_version=other_version)
    sys.exit(0 if _show(done, console) else 1)


def _show(done: Reproduced, console: Console) -> bool:
    """Print the verdicts; whether the process is reproduced."""
    for line in done.environment:
        console.print(f"[yellow]not as then[/] {escape(line)}", highlight=False)
    likenesses = set()
    for accref, hdus in done.compared.items():
        console.print(escape(accref), soft_wrap=True, highlight=False)
        for hdu in hdus:
            likenesses.add(hdu.likeness)
            colour = _COLOURS[hdu.likeness]
            console.print(
                f"  {escape(hdu.hdu)} [{colour}]{hdu.likeness}[/] {escape(hdu.what)}",
                soft_wrap=True,
                highlight=False,
            )
    allowed = {Likeness.IDENTICAL, Likeness.CLOSE} if done.environment else {Likeness.IDENTICAL}
    same = bool(likenesses) and likenesses <= allowed
    console.print("reproduced" if same else "[red]not reproduced[/]")
    return same
