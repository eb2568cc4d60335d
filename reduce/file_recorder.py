"""Processes as JSON files beside the products: a recorder that needs no database."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hcvo.errors import ReductionError, StoreError
from hcvo.model.provenance import Output, ProcessKey, ProcessState
from hcvo.store import accref, place, write_aside
from reduce.environment import host, libraries
from reduce.product_file import read_facts

__all__ = ["FileRecorder", "only_one"]

_NEEDED = frozenset({"process_id", "digest", "state", "outputs"})
"""What is read of a record; the rest is for people."""

_KILLED = "its program ended without a word (killed, or the machine went down)"


@contextmanager
def only_one(out: Path) -> Iterator[None]:
    """Hold a folder of results for one program; the kernel lets go when the program ends, however it ends.

    Parameters
    ----------
    out : Path
        The folder; made if absent.

    Yields
    ------
    None
        While it is held.

    Raises
    ------
    ReductionError
        If another program holds it.
    StoreError
        If it cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        held = (out / ".lock").open("w")
    except OSError as error:
        raise StoreError(
            f"cannot write into {out}: {error.strerror or error}; give another folder, or the right to write"
        ) from error
    with held as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ReductionError(
                f"{out} is being written by another hcvo; wait, or take another folder"
            ) from error
        yield


class FileRecorder:
    """Keeps ``processes/<id>.json`` in a folder; a `reduce.recipe.Recorder`.

    The file of a process says 'done' only when all its products stand in their places, so that a
    product without such a file is a leftover; `recover` removes those.

    Parameters
    ----------
    out : Path
        Folder of results, held by `only_one`.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        self._folder = out / "processes"
        self._folder.mkdir(parents=True, exist_ok=True)

    @property
    def staging(self) -> Path:
        """Folder for files being written."""
        return self._out / ".staging"

    def recover(self) -> list[int]:
        """Fail every process that was cut off, and remove what it left.

        Returns
        -------
        list[int]
            Ids of those processes.
        """
        cut_off = [entry for entry in self._entries() if entry["state"] == ProcessState.RUNNING]
        for entry in cut_off:
            self.fail(entry["process_id"], _KILLED)
        shutil.rmtree(self.staging, ignore_errors=True)
        for aside in self._out.rglob(".aside-*"):
            aside.unlink()
        return [entry["process_id"] for entry in cut_off]

    def find(self, key: ProcessKey) -> Sequence[Output] | None:
        """Outputs of a finished process with this key whose files are all there.

        Parameters
        ----------
        key : ProcessKey
            Recipe, version, parameters, inputs.

        Returns
        -------
        Sequence[Output] | None
            Where they lie; None when it has to run.
        """
        for entry in reversed(self._entries()):
            if entry["digest"] == key.digest and entry["state"] == ProcessState.DONE:
                outputs = [self._output(item) for item in entry["outputs"]]
                if all(o.path.is_file() and o.path.stat().st_size == o.size for o in outputs):
                    return outputs
        return None

    def begin(self, key: ProcessKey, log: Path | None) -> int:
        """Enter a running process.

        Parameters
        ----------
        key : ProcessKey
            Recipe, version, parameters, inputs.
        log : Path | None
            Its log file.

        Returns
        -------
        int
            One more than the greatest id used.
        """
        process_id = max((entry["process_id"] for entry in self._entries()), default=0) + 1
        self._write(
            {
                "process_id": process_id,
                "recipe": key.recipe,
                "version": key.version,
                "parameters": dict(key.parameters),
                "inputs": [{"role": i.role, "sha256": i.sha256, "name": i.name} for i in key.inputs],
                "digest": key.digest,
                "state": ProcessState.RUNNING,
                "started": _now(),
                "ended": None,
                "host": host(),
                "libraries": dict(libraries()),
                "log": os.path.relpath(log, self._out) if log else None,
                "outputs": [],
                "error": "",
            }
        )
        return process_id

    def finish(self, process_id: int, outputs: Sequence[Output]) -> Sequence[Output]:
        """Move the products into their places, then say that the process is done.

        Parameters
        ----------
        process_id : int
            A running process.
        outputs : Sequence[Output]
            Its products in the staging folder.

        Returns
        -------
        Sequence[Output]
            The same where they now lie.

        Raises
        ------
        StoreError
            If a product names another process.
        """
        entry = self._read(process_id)
        names = []
        for output in outputs:
            facts = read_facts(output.path)
            if facts.process_id != process_id:
                raise StoreError(f"{output.path}: PROCID is {facts.process_id}, wanted {process_id}")
            names.append(accref(facts))
        entry["outputs"] = [_item(name, output) for name, output in zip(names, outputs, strict=True)]
        self._write(entry)  # what will be there, so that a crash from here on leaves nothing unknown
        for name, output in zip(names, outputs, strict=True):
            if output.preview is not None:
                place(output.preview, (self._out / name).with_suffix(".png"))
            place(output.path, self._out / name)
        self._write(entry | {"state": ProcessState.DONE, "ended": _now()})
        return [self._output(item) for item in entry["outputs"]]

    def fail(self, process_id: int, reason: str) -> None:
        """Record that a process failed, and remove its files.

        Parameters
        ----------
        process_id : int
            A running process.
        reason : str
            What went wrong.
        """
        entry = self._read(process_id)
        for item in entry["outputs"]:
            (self._out / item["file"]).unlink(missing_ok=True)
            (self._out / item["file"]).with_suffix(".png").unlink(missing_ok=True)
        self._write(entry | {"state": ProcessState.FAILED, "ended": _now(), "error": reason, "outputs": []})

    def _entries(self) -> list[dict[str, Any]]:
        numbers = sorted(int(path.stem) for path in self._folder.glob("*.json") if path.stem.isdecimal())
        return [self._read(number) for number in numbers]

    def _read(self, process_id: int) -> dict[str, Any]:
        path = self._folder / f"{process_id}.json"
        try:
            entry: object = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise StoreError(
                f"{path}: not a process record ({error}); move it away and reduce again"
            ) from error
        if not isinstance(entry, dict) or not entry.keys() >= _NEEDED:
            raise StoreError(
                f"{path}: not a process record, wanted one with {', '.join(sorted(_NEEDED))}; "
                "move it away and reduce again"
            )
        return entry

    def _write(self, entry: Mapping[str, Any]) -> None:
        with write_aside(self._folder / f"{entry['process_id']}.json") as aside:
            aside.write_text(json.dumps(entry, indent=1) + "\n", encoding="utf-8")

    def _output(self, item: Mapping[str, Any]) -> Output:
        path = self._out / item["file"]
        preview = path.with_suffix(".png") if item["preview"] else None
        return Output(item["kind"], path, item["sha256"], item["size"], preview)


def _item(name: str, output: Output) -> dict[str, Any]:
    return {
        "kind": output.kind,
        "file": name,
        "sha256": output.sha256,
        "size": output.size,
        "preview": output.preview is not None,
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
