"""What ran, on what, with what: enough to run it again."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

__all__ = ["Input", "Output", "ProcessKey", "ProcessRecord", "ProcessState"]


class ProcessState(StrEnum):
    """Life of a process."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, order=True)
class Input:
    """One file a process read: its role in the recipe, checksum, and name (dp_id or file name)."""

    role: str
    sha256: str
    name: str


@dataclass(frozen=True, slots=True)
class Output:
    """One product file a process wrote, still in the folder it was written to."""

    kind: str
    path: Path
    sha256: str
    size: int
    preview: Path | None


@dataclass(frozen=True, slots=True)
class ProcessKey:
    """What makes two processes the same: recipe, version of our code, parameters, inputs."""

    recipe: str
    version: str
    parameters: Mapping[str, object]
    inputs: tuple[Input, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the key in canonical JSON: equal keys, equal digest."""
        text = json.dumps(
            {
                "recipe": self.recipe,
                "version": self.version,
                "parameters": dict(self.parameters),
                "inputs": [(i.role, i.sha256) for i in sorted(self.inputs)],
            },
            sort_keys=True,
        )
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """One run of one recipe."""

    process_id: int
    key: ProcessKey
    state: ProcessState
    started: datetime
    ended: datetime | None
    host: str
    libraries: Mapping[str, str]
    log: Path | None
    outputs: tuple[Output, ...]
    error: str
