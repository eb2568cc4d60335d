"""A job that writes into a folder, for running one recipe without the engine."""

from pathlib import Path

import structlog

from hcvo.model.product import ProductFacts, ProductKind
from hcvo.model.provenance import Output
from hcvo.store import file_name, sha256_of
from reduce.recipe import Parameters, Recipe, SourceFile

__all__ = ["FolderJob", "run", "source"]


class FolderJob:
    """Files by their store names in one folder; what was done is kept by kind."""

    def __init__(self, folder: Path, process_id: int) -> None:
        self.folder, self.process_id, self.version = folder, process_id, "0.1.0"
        self.log: structlog.stdlib.BoundLogger = structlog.get_logger()
        self.made: dict[ProductKind, Output] = {}
        self.fractions: list[float] = []
        self.workers = 1

    def path_for(self, facts: ProductFacts) -> Path:
        return self.folder / file_name(facts)

    def done(self, facts: ProductFacts, path: Path, preview: Path | None = None) -> Output:
        output = Output(facts.kind, path, sha256_of(path), path.stat().st_size, preview)
        self.made[facts.kind] = output
        return output

    def progress(self, fraction: float) -> None:
        self.fractions.append(fraction)


def source(path: Path) -> SourceFile:
    """A file as the engine hands it over."""
    return SourceFile(path, sha256_of(path), path.name)


def run(
    recipe: Recipe, files: dict[str, Path], parameters: Parameters, folder: Path, process_id: int = 1
) -> FolderJob:
    """Run one recipe on one file a role."""
    job = FolderJob(folder, process_id)
    recipe.run({role: [source(path)] for role, path in files.items()}, parameters, job)
    return job
