"""What went in, what was there already, what was refused and why."""

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

__all__ = ["Entry", "IngestReport", "Outcome"]


class Outcome(StrEnum):
    """What became of one file."""

    NEW = "new"
    KNOWN = "known"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: its identifier, class and observation where it has them, the reason where it was refused."""

    path: str
    outcome: Outcome
    dp_id: str = ""
    frame_class: str = ""
    obs_id: str = ""
    reason: str = ""


@dataclass(slots=True)
class IngestReport:
    """Grows while files are ingested.

    Attributes
    ----------
    dry_run : bool
        Nothing was written.
    entries : list[Entry]
        One a file, in the order read.
    notes : list[str]
        What is worth an operator's look: doubtful targets, a resolver off line.
    """

    dry_run: bool = False
    entries: list[Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def count(self, outcome: Outcome) -> int:
        """How many files had this outcome."""
        return sum(entry.outcome is outcome for entry in self.entries)

    @property
    def usable(self) -> bool:
        """At least one file went in or was there already."""
        return any(entry.outcome is not Outcome.REFUSED for entry in self.entries)

    def note(self, text: str) -> None:
        """Add a note once."""
        if text not in self.notes:
            self.notes.append(text)

    def to_json(self) -> str:
        """The whole report as JSON."""
        counts = {outcome.value: self.count(outcome) for outcome in Outcome}
        return json.dumps(
            {
                "dry_run": self.dry_run,
                "counts": counts,
                "files": [asdict(entry) for entry in self.entries],
                "notes": self.notes,
            },
            indent=1,
        )

    def show(self, console: Console) -> None:
        """Print counts by class, then each refused file with its reason, then the notes."""
        table = Table("class", *(outcome.value for outcome in Outcome), title=self._title())
        for frame_class in sorted({entry.frame_class for entry in self.entries}):
            rows = [entry for entry in self.entries if entry.frame_class == frame_class]
            counts = (sum(entry.outcome is outcome for entry in rows) for outcome in Outcome)
            table.add_row(frame_class or "-", *(str(count) for count in counts))
        console.print(table)
        for entry in self.entries:
            if entry.outcome is Outcome.REFUSED:
                console.print(f"[red]refused[/] {escape(Path(entry.path).name)}: {escape(entry.reason)}")
        for note in self.notes:
            console.print(f"[yellow]note[/] {escape(note)}")

    def _title(self) -> str:
        return "would be ingested (dry run)" if self.dry_run else "ingested"
