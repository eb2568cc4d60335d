"""What a published view and its columns are: frozen, read from YAML, unknown keys refused."""

import re
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hcvo.errors import ConfigError

__all__ = ["FOLDER", "RULE_OF", "Column", "ForeignKey", "Index", "View", "load_view", "views"]

FOLDER = Path(__file__).with_name("views")
"""One YAML file a view."""

RULE_OF = re.compile(r"\{public (\w+)\}")
"""Where an expression or condition asks whether the row of an alias is public."""

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
SqlType = Literal[
    "text", "smallint", "integer", "bigint", "real", "double precision", "date", "timestamp", "spoly"
]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(_Part):
    """One published column.

    Its SQL expression is cast to its type in the view, so the declaration is what the database has.
    """

    name: Identifier
    sql: str = Field(description="expression over the aliases of `source`")
    type: SqlType
    description: str = Field(min_length=5)
    unit: str = Field(default="", description="VOUnit")
    ucd: str = Field(default="", description="UCD1+")
    utype: str = ""
    xtype: str = Field(default="", description="DALI extended type")
    required: bool = Field(default=False, description="never NULL")
    principal: bool = Field(default=False, description="shown in short answers")
    std: bool = Field(default=False, description="defined by a standard")
    link: bool = Field(default=False, description="an access key that DaCHS shows as an address")
    null: str = Field(default="", description="literal for NULL in binary answers, integers only")


class ForeignKey(_Part):
    """Columns that point to another published view."""

    columns: tuple[Identifier, ...]
    view: Identifier
    refers: tuple[Identifier, ...] = Field(description="the columns pointed to")


class Index(_Part):
    """An index that exists on the base table, told to TAP's users and to the ADQL translator."""

    columns: tuple[Identifier, ...]
    kind: Literal["", "q3c", "spoly"] = ""


class View(_Part):
    """One published view."""

    name: Identifier
    namespace: Literal["hci", "hci_epn"] = Field(default="hci", description="schema it stands in")
    title: str
    description: str = Field(min_length=20)
    source: str = Field(description="FROM clause; ``{public x}`` as in `where`")
    guards: tuple[str, ...] = Field(default=(), description="aliases whose rows must be public")
    where: str = Field(default="", description="condition; ``{public x}``: the row of alias x is public")
    primary: tuple[Identifier, ...]
    foreign: tuple[ForeignKey, ...] = ()
    indexes: tuple[Index, ...] = ()
    stc: str = Field(default="", description="STC-S with column references")
    columns: tuple[Column, ...]

    @property
    def qualified(self) -> str:
        """Name with its schema."""
        return f"{self.namespace}.{self.name}"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [column.name for column in self.columns]
        if doubled := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"columns declared twice: {', '.join(sorted(doubled))}")
        keys = [*(key.columns for key in self.foreign), *(index.columns for index in self.indexes)]
        used = {*self.primary, *(name for key in keys for name in key)}
        if unknown := used.difference(names):
            raise ValueError(f"keys and indexes name columns that are not declared: {sorted(unknown)}")
        if not self.guards and not RULE_OF.search(self.where + self.source):
            raise ValueError("neither guards nor a {public x} in where or source: it would show private rows")
        return self


def load_view(path: Path) -> View:
    """Read one declaration.

    Parameters
    ----------
    path : Path
        A YAML file named as its view.

    Returns
    -------
    View
        The declaration.

    Raises
    ------
    ConfigError
        If a key is unknown or missing, a value impossible, or the file named otherwise.
    """
    try:
        view = View.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (ValidationError, yaml.YAMLError) as error:
        raise ConfigError(f"published view {path.name}: {error}") from error
    if view.name != path.stem:
        raise ConfigError(f"published view {path.name} declares the name {view.name!r}; wanted {path.stem!r}")
    return view


@cache
def views() -> dict[str, View]:
    """Every published view by name; each view stands after those it points to."""
    waiting = {view.name: view for view in map(load_view, sorted(FOLDER.glob("*.yaml")))}
    ordered: dict[str, View] = {}
    while waiting:
        ready = [v for v in waiting.values() if not _targets(v) & (waiting.keys() - {v.name})]
        if not ready:
            raise ConfigError(f"published views point at each other in a ring: {', '.join(waiting)}")
        for view in ready:
            ordered[view.name] = waiting.pop(view.name)
    return ordered


def _targets(view: View) -> set[str]:
    return {key.view for key in view.foreign}
