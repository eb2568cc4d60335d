"""One of several things that a job does one after another: its progress is a part of the job's."""

from pathlib import Path

import structlog

from hcvo.model.product import ProductFacts
from hcvo.model.provenance import Output
from reduce.recipe import Job

__all__ = ["PartOfJob"]


class PartOfJob:
    """As `recipe.Job`, for part `number` (from 0) of `count` equal ones."""

    def __init__(self, job: Job, number: int, count: int) -> None:
        self._job, self._number, self._count = job, number, count
        self.process_id, self.version, self.workers = job.process_id, job.version, job.workers
        self.log: structlog.stdlib.BoundLogger = job.log

    def path_for(self, facts: ProductFacts) -> Path:
        """As `recipe.Job.path_for`."""
        return self._job.path_for(facts)

    def done(self, facts: ProductFacts, path: Path, preview: Path | None = None) -> Output:
        """As `recipe.Job.done`."""
        return self._job.done(facts, path, preview)

    def progress(self, fraction: float) -> None:
        """Of this part, 0 to 1."""
        self._job.progress((self._number + fraction) / self._count)
