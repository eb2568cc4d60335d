"""Records of processes as a folder of results has them: ``processes/<id>.json``, read once into values."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from hcvo.errors import InputError
from hcvo.model.provenance import Input, Output, ProcessKey, ProcessRecord, ProcessState

__all__ = ["read_process_record", "record_paths"]

_WHAT_TO_DO = "was it changed by hand? Take it from a copy, or reduce again"


def record_paths(folder: Path) -> list[Path]:
    """Records of a folder of results in the order of their processes: what one made, later ones read.

    Parameters
    ----------
    folder : Path
        As ``hcvo reduce --out`` writes it.

    Returns
    -------
    list[Path]
        By number.
    """
    found = (path for path in (folder / "processes").iterdir() if _is_record(path))
    return sorted(found, key=lambda path: int(path.stem))


def _is_record(path: Path) -> bool:
    return path.suffix == ".json" and path.stem.isdecimal()


def read_process_record(path: Path) -> ProcessRecord:
    """Read the record of one process.

    Parameters
    ----------
    path : Path
        ``<folder>/processes/<id>.json``.

    Returns
    -------
    ProcessRecord
        Its products lie below the folder.

    Raises
    ------
    InputError
        If it cannot be read, lacks something, or its digest is not that of its recipe, version, parameters
        and inputs.
    """
    try:
        entry = json.loads(path.read_text(encoding="utf-8"))
        record = _record(entry, path.parent.parent)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except KeyError as error:
        raise InputError(f"{path}: a process record lacks {error}; {_WHAT_TO_DO}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: no process record ({error}); {_WHAT_TO_DO}") from error
    if entry["digest"] != record.key.digest:
        raise InputError(
            f"{path}: digest {str(entry['digest'])[:12]}..., wanted {record.key.digest[:12]}... for its "
            f"recipe, version, parameters and inputs; {_WHAT_TO_DO}"
        )
    if str(record.process_id) != path.stem:
        raise InputError(f"{path}: it is of process {record.process_id}; {_WHAT_TO_DO}")
    return record


def _record(entry: Mapping[str, Any], folder: Path) -> ProcessRecord:
    inputs = tuple(Input(read["role"], read["sha256"], read["name"]) for read in entry["inputs"])
    return ProcessRecord(
        process_id=int(entry["process_id"]),
        key=ProcessKey(str(entry["recipe"]), str(entry["version"]), dict(entry["parameters"]), inputs),
        state=ProcessState(entry["state"]),
        started=_time(entry["started"]),
        ended=_time(entry["ended"]) if entry["ended"] else None,
        host=str(entry["host"]),
        libraries=dict(entry["libraries"]),
        log=folder / entry["log"] if entry["log"] else None,
        outputs=tuple(_output(item, folder) for item in entry["outputs"]),
        error=str(entry["error"]),
    )


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"time {text!r} without its zone")
    return moment


def _output(item: Mapping[str, Any], folder: Path) -> Output:
    path = folder / item["file"]
    if ".." in Path(item["file"]).parts or Path(item["file"]).is_absolute():
        raise ValueError(f"file {item['file']!r} outside of its folder")
    preview = path.with_suffix(".png") if item["preview"] else None
    return Output(str(item["kind"]), path, str(item["sha256"]), int(item["size"]), preview)
