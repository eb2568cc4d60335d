"""What a reduction did, for people; and parameters as they write them."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import yaml
from rich.console import Console
from rich.markup import escape

from reduce.engine import Summary

__all__ = ["parse_parameters", "set_option", "show_summary"]

set_option = click.option(
    "--set",
    "set_",
    multiple=True,
    metavar="RECIPE.PARAMETER=VALUE",
    help="A parameter that differs from the recipe's default, e.g. pca.components=12; recipe `level2` stands "
    "for every algorithm; @FILE takes the value from a file (YAML, or a table of numbers); can be repeated.",
)


def parse_parameters(texts: Sequence[str]) -> dict[str, dict[str, object]]:
    """Read ``recipe.parameter=value``; values are YAML: numbers, lists, true, text; or a file of it: @path.

    Parameters
    ----------
    texts : Sequence[str]
        As given to ``--set``.

    Returns
    -------
    dict[str, dict[str, object]]
        Recipe name to parameters.

    Raises
    ------
    click.BadParameter
        If a text has another form.
    """
    parameters: dict[str, dict[str, object]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        recipe, dot, parameter = name.partition(".")
        if not (equals and dot and recipe and parameter):
            raise click.BadParameter(f"{text!r}, wanted RECIPE.PARAMETER=VALUE", param_hint="--set")
        try:
            parameters.setdefault(recipe, {})[parameter] = _value(value)
        except (yaml.YAMLError, OSError, ValueError) as error:
            raise click.BadParameter(
                f"{text!r}: the value is no YAML, nor a file of it ({error})", param_hint="--set"
            ) from error
    return parameters


def _value(text: str) -> Any:  # noqa: ANN401 - checked by the recipe's parameters
    """A value as it stands, or out of a file: YAML, or lines of numbers."""
    if not text.startswith("@"):
        return yaml.safe_load(text)
    path = Path(text.removeprefix("@"))
    content = path.read_text(encoding="utf-8")
    if path.suffix in {".yaml", ".yml", ".json"}:
        return yaml.safe_load(content)
    lines = (line.partition("#")[0].replace(",", " ").split() for line in content.splitlines())
    return [[float(number) for number in line] for line in lines if line]


def show_summary(summary: Summary) -> None:
    """Print products, refusals and counts, and end the program: 1 when something was refused or failed."""
    console = Console()
    for path in summary.products:
        console.print(escape(str(path)), soft_wrap=True, highlight=False)
    for reason in summary.refusals:
        console.print(f"[red]refused[/] {escape(reason)}", soft_wrap=True)
    console.print(f"{summary.done} processes done, {summary.reused} reused, {summary.failed} failed")
    sys.exit(0 if not summary.refusals else 1)
