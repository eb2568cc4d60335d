"""Reduce a folder of raw frames without any database."""

from dataclasses import replace
from pathlib import Path

from hcvo.errors import InputError
from hcvo.model.frame import RawFrame
from hcvo.store import sha256_of
from reduce.classify import read_frame, read_raw_frame
from reduce.engine import Level, Summary, reduce_frames
from reduce.file_recorder import FileRecorder, only_one
from reduce.folder_files import find_files
from reduce.selection import Choice

__all__ = ["Summary", "read_folder", "reduce_folder"]


def reduce_folder(
    folder: Path,
    out: Path,
    *,
    target: str | None = None,
    until: Level = "level2",
    choice: Choice | None = None,
    progress: bool = True,
    workers: int = 1,
    cluster: str = "",
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
    choice : Choice | None
        Algorithms and parameters; None takes the defaults.
    progress : bool
        Show a progress bar where standard error is a terminal.
    workers : int
        Processes that a recipe may use for its files, and level 2 processes side by side; products do not
        depend on it.
    cluster : str
        Address of a Dask scheduler for the processes of level 2; '' keeps them on this machine.

    Returns
    -------
    Summary
        Counts, products and refusals, bad files among them.

    Raises
    ------
    InputError
        If the folder does not exist, or lies in `out`.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder, wanted one with raw FITS files")
    if folder.resolve().is_relative_to(out.resolve()):
        raise InputError(
            f"products would go into {out}, which holds the raw files' folder {folder}; "
            "wanted a folder beside or below it"
        )
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
            choice=choice,
            progress=progress,
            workers=workers,
            cluster=cluster,
        )
    return replace(summary, refusals=(*bad, *summary.refusals))


def read_folder(folder: Path, leave_out: Path, *, checksums: bool = True) -> tuple[list[RawFrame], list[str]]:
    """Read every FITS file of a folder and those below, links followed.

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
    files, bad = find_files(folder, leave_out)
    for path in files:
        try:
            frame = read_raw_frame(path) if checksums else read_frame(path, sha256="")
        except InputError as error:
            bad.append(str(error))
        except OSError as error:
            bad.append(f"{path}: cannot be read ({error.strerror or error}); left out")
        else:
            known = frames.setdefault(frame.dp_id, frame)
            if not _same(known, frame):
                bad.append(
                    f"{path}: {frame.dp_id} is also {known.path} with other content, wanted one file of "
                    "that name; this one is left out: remove the one that is wrong"
                )
    return list(frames.values()), bad


def _same(known: RawFrame, frame: RawFrame) -> bool:
    """Whether two files are one frame; a plan has no checksums and reads those of the few that need it."""
    if known is frame:
        return True
    if known.size != frame.size:
        return False
    return (known.sha256 or sha256_of(known.path)) == (frame.sha256 or sha256_of(frame.path))
