"""``hcvo metrics``: detection limits, completeness and false positives of algorithms on a level 1 cube."""

from pathlib import Path

import click

from hcvo.centre.level2_choice import choice_options, chosen
from hcvo.centre.numbers import NUMBERS
from hcvo.errors import ReductionError
from reduce.metrics import Asked, measure, write

__all__ = ["metrics"]


@click.command()
@click.argument("cube", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@choice_options
@click.option(
    "--separations-mas",
    type=NUMBERS,
    default=(),
    help="Where, mas.  [default: steps of 2 FWHM over the field]",
)
@click.option(
    "--fpf", type=float, default=2.87e-7, show_default=True, help="False-positive fraction of the limits."
)
@click.option(
    "--injections",
    type=click.IntRange(min=1),
    default=24,
    show_default=True,
    help="Companions injected at each separation and contrast, one at a time.",
)
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Where the tables go."
)
def metrics(  # noqa: PLR0913 - one for each option
    *,
    cube: Path,
    algorithms: str | None,
    preset: str | None,
    references: tuple[Path, ...],
    set_: tuple[str, ...],
    separations_mas: tuple[float, ...],
    fpf: float,
    injections: int,
    out: Path,
) -> None:
    """Measure how well algorithms find companions in a level 1 CUBE.

    Writes limits (contrast at a fixed false-positive fraction), completeness (share of injected companions
    found, for 0.25 to 3 times the limit) and roc (true positives against false ones, for thresholds of 1 to 7
    sigmas), each as ECSV and FITS, and metrics.png. The test is that of applefy: one aperture against the
    others on its ring, Student's t (Mawet et al. 2014). Known companions of the cube are told with
    --set level2.known=@FILE: every other peak above a threshold is a false positive. An algorithm that
    refuses the cube is named and the others are measured; the program then ends with 1. No database is used.
    """
    choice = chosen(algorithms, preset, set_, references)
    made = measure(
        cube,
        choice,
        Asked(separations_mas, fpf, injections),
        on_algorithm=lambda name: click.echo(f"{name} ...", err=True),
    )
    for path in write(made, out):
        click.echo(path)
    if made.refused:
        told = "; ".join(f"{name}: {why}" for name, why in made.refused.items())
        raise ReductionError(f"not measured, {len(made.refused)} of the algorithms: {told}")
