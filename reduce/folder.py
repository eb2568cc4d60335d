"""Reduce a folder of raw frames without any database."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import structlog

from hcvo.errors import InputError
from hcvo.model.frame import RawFrame
from reduce.classify import read_frame, read_raw_frame
from reduce.engine import Level, Summary, reduce_frames
from reduce.file_recorder import FileRecorder, only_one

__all__ = ["Summary", "read_folder", "reduce_folder"]

_SUFFIXES = (".fits", ".fit", ".fts")


def reduce_folder(
    folder: Path,
    out: Path,
    *,
    target: str | None = None,
    until: Level = "level2",
    parameters: Mapping[str, Mapping[str, object]] | None = None,
    progress: bool = True,
    workers: int = 1,
) -> Summary:
    """Reduce every frame of a folder into another.

    Parameters
    ----------
    folder : Path
        Raw FITS files, searched below too.
    out : Path
        Products by their store names, ``processes/<id>.json``, ``logs/``; running twice reuses everything.
    target : str | None
        Reduce only this target (OBJECT name, case and blanks ignored).
    until : Level
        Last level to make, 'level1' or 'level2'.
    parameters : Mapping[str, Mapping[str, object]] | None
        Recipe name to parameters that differ from the defaults.
    progress : bool
        Show a progress bar where standard error is a terminal.
    workers : int
        Processes that a recipe may use for its files; products do not depend on it.

    Returns
    -------
    Summary
        Counts, products and refusals, bad files among them.

    Raises
    ------
    InputError
        If the folder does not exist.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder, wanted one with raw FITS files")
    with only_one(out):
        recorder = FileRecorder(out)
        recorder.recover()
        frames, bad = read_folder(folder, leave_out=out)
        summary = reduce_frames(
            frames,
            recorder=recorder,
            staging=recorder.staging,
            logs=out / "logs",
            target=target,
            until=until,
            parameters=parameters,
            progress=progress,
            workers=workers,
        )
    return replace(summary, refusals=(*bad, *summary.refusals))


def read_folder(folder: Path, leave_out: Path, *, checksums: bool = True) -> tuple[list[RawFrame], list[str]]:
    """Read every FITS file of a folder and those below.

    Parameters
    ----------
    folder : Path
        Where to look.
    leave_out : Path
        A folder not to look into: our own results may lie below.
    checksums : bool
        Read every byte for its checksum; a plan needs the headers only.

    Returns
    -------
    tuple[list[RawFrame], list[str]]
        The frames, each once; why other files were left out.
    """
    frames: dict[str, RawFrame] = {}
    bad: list[str] = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in _SUFFIXES or not path.is_file() or path.is_relative_to(leave_out):
            continue
        try:
            frame = read_raw_frame(path) if checksums else read_frame(path, sha256="")
        except (InputError, OSError) as error:
            bad.append(str(error))
            structlog.get_logger().warning("left out", file=str(path), why=str(error))
            continue
        known = frames.setdefault(frame.dp_id, frame)
        if (known.sha256, known.size) != (frame.sha256, frame.size):
            bad.append(f"{path}: {frame.dp_id} is also {known.path} with other content; this one is left out")
    return list(frames.values()), bad
