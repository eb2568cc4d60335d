"""Worked ADQL examples: written once, offered as ``/tap/examples``, shown in the page of tables, tested."""

import re
from functools import cache
from pathlib import Path
from typing import Annotated
from xml.sax.saxutils import escape, quoteattr

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from hcvo.errors import ConfigError

__all__ = ["SOURCE", "Example", "examples", "load_examples", "rd_examples"]

SOURCE = Path(__file__).with_name("examples.yaml")
_TABLE = re.compile(r"\b(?:hci|hci_epn|ivoa)\.\w+")


class Example(BaseModel):
    """A question somebody has, in words and in ADQL."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Annotated[str, Field(min_length=5, max_length=60)]
    text: Annotated[str, Field(min_length=20)]
    query: str

    @property
    def tables(self) -> tuple[str, ...]:
        """Tables asked, in the order of their names."""
        return tuple(sorted(set(_TABLE.findall(self.query))))


def load_examples(path: Path) -> tuple[Example, ...]:
    """Read a file of examples.

    Parameters
    ----------
    path : Path
        YAML, a list.

    Returns
    -------
    tuple[Example, ...]
        In the file's order.

    Raises
    ------
    ConfigError
        If a key is unknown or missing, or two have one title.
    """
    try:
        made = TypeAdapter(tuple[Example, ...]).validate_python(
            yaml.safe_load(path.read_text(encoding="utf-8"))
        )
    except (ValidationError, yaml.YAMLError) as error:
        raise ConfigError(f"examples {path.name}: {error}") from error
    titles = [one.title for one in made]
    if doubled := {title for title in titles if titles.count(title) > 1}:
        raise ConfigError(f"examples {path.name}: titles used twice: {', '.join(sorted(doubled))}")
    return made


@cache
def examples() -> tuple[Example, ...]:
    """The archive's examples."""
    return load_examples(SOURCE)


def rd_examples() -> str:
    """Examples as the ``_example`` metas that DaCHS makes /tap/examples of.

    Returns
    -------
    str
        One element an example; the text is reStructuredText, tables are linked.
    """
    return "\n".join(_meta(one) for one in examples())


def _meta(one: Example) -> str:
    asked = ", ".join(f":taptable:`{name}`" for name in one.tables)
    query = "\n".join(f"\t{line}" for line in one.query.rstrip().splitlines())
    text = f"{one.text} Tables: {asked}.\n\n.. tapquery::\n{query}\n"
    return f'<meta name="_example" title={quoteattr(one.title)}>\n{escape(text)}</meta>'
