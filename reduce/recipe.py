"""What a recipe is: declared inputs, outputs and parameters, and a function that makes the products.

The engine orders recipes by what they consume and make, gives each its files,
and records the run. A recipe reads files, calls kernels (arrays in, arrays
out) and writes files; it knows no database and no queue.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog
from pydantic import BaseModel, ConfigDict

from hcvo.model.product import ProductFacts
from hcvo.model.provenance import Output, ProcessKey

__all__ = ["Consume", "Job", "Parameters", "Recipe", "Recorder", "SourceFile"]


class Parameters(BaseModel):
    """Base of every recipe's parameters: frozen, typed, unknown names refused.

    Each field has a description with its unit; defaults are the recipe's preset.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class Consume:
    """One input of a recipe.

    Attributes
    ----------
    role : str
        Name under which the recipe finds the files.
    classes : frozenset[str]
        Raw frame tags (``IRD_DARK_RAW``) or product kinds (``cube``) that fit.
    minimum, maximum : int
        How many files; fewer than the minimum is a clear refusal.
    """

    role: str
    classes: frozenset[str]
    minimum: int = 1
    maximum: int = 10_000


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One input file as the engine hands it to a recipe.

    `name` is the dp_id of a raw frame or the file name of a product; `match_level`
    is how well it fits (0 calibration plan ... 3 risk); `obs_id` names the observation of a raw frame
    where a catalogue has given it a name, '' elsewhere.
    """

    path: Path
    sha256: str
    name: str
    match_level: int = 0
    obs_id: str = ""


class Job(Protocol):
    """What a running recipe may ask of the engine."""

    process_id: int
    version: str
    log: structlog.stdlib.BoundLogger
    workers: int
    """Processes that the recipe may use; products do not depend on it."""

    def path_for(self, facts: ProductFacts) -> Path:
        """Path in the staging folder at which to write this product."""

    def done(self, facts: ProductFacts, path: Path, preview: Path | None = None) -> Output:
        """Checksum a written product and report it; its preview lies beside it."""

    def progress(self, fraction: float) -> None:
        """Say how far the recipe is, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One reduction step as data, and the function that does it.

    Attributes
    ----------
    name : str
        ``ird_master_dark``, ``cadi`` ...: stands in headers and in the catalogue.
    consumes : tuple[Consume, ...]
        Inputs, the main one first.
    makes : frozenset[str]
        Kinds of product it writes.
    parameters : type[Parameters]
        Its parameters with defaults, units and meanings.
    run : Callable[[Mapping[str, Sequence[SourceFile]], Parameters, Job], None]
        Files by role, parameters and job; writes each product by `Job.path_for` and `Job.done`.
    on_request : bool
        It lives on products alone and runs only when it is named; else it follows whatever makes them.
    """

    name: str
    consumes: tuple[Consume, ...]
    makes: frozenset[str]
    parameters: type[Parameters]
    run: Callable[[Mapping[str, Sequence[SourceFile]], Parameters, Job], None]
    on_request: bool = False


class Recorder(Protocol):
    """Where the engine keeps what ran: JSON files beside the products, or the catalogue."""

    def find(self, key: ProcessKey) -> Sequence[Output] | None:
        """Outputs of a finished process with this key, or None: nothing is made twice."""

    def begin(self, key: ProcessKey, log: Path | None) -> int:
        """Enter a running process and return its id: an integer, never reused."""

    def finish(self, process_id: int, outputs: Sequence[Output]) -> Sequence[Output]:
        """Make the products visible (files, then rows); return them where they now lie."""

    def fail(self, process_id: int, reason: str) -> None:
        """Record that the process failed and why; its files are gone."""
