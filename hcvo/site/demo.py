"""The demo: a simulated night from raw frames to TAP, by the commands an operator would type.

Each command looks at what is there already, so that a second run asks the same archive in seconds.
"""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pyvo
from astropy.table import Table

from hcvo.config import Settings
from hcvo.errors import SiteError
from hcvo.site.planted import Found

__all__ = [
    "CANDIDATES_QUERY",
    "METHODS",
    "Night",
    "ask",
    "found_by",
    "ingest_night",
    "preview_of",
    "reduce_observation",
    "run_hcvo",
    "simulate_night",
]

METHODS = ("cadi", "pca")
"""Algorithms whose candidates the demo looks at."""

CANDIDATES_QUERY = """\
SELECT method, process_id, candidate, channel, sep_mas, sep_mas_err, pa, pa_err,
       contrast, contrast_err, snr, significance
FROM hci.detection
WHERE obs_id = '{obs_id}'
ORDER BY method, process_id, candidate, channel"""
"""The question the demo ends with."""


@dataclass(frozen=True, slots=True)
class Night:
    """A simulated night: raw frames for the reduction, the truth kept apart from them."""

    raw: Path
    truth: Path


def run_hcvo(*arguments: str, capture: bool = False) -> str:
    """Run one command of this program and show it as typed.

    Parameters
    ----------
    *arguments : str
        Words after ``hcvo``.
    capture : bool
        Return what it prints instead of showing it.

    Returns
    -------
    str
        Its standard output if captured, else ''.

    Raises
    ------
    SiteError
        If it ends with another exit code than 0.
    """
    sys.stdout.write(f"$ hcvo {' '.join(arguments)}\n")
    sys.stdout.flush()
    program = Path(sys.executable).with_name("hcvo")
    done = subprocess.run(  # noqa: S603 - our own program, our own words
        [program, *arguments], check=False, text=True, stdout=subprocess.PIPE if capture else None
    )
    if done.returncode:
        raise SiteError(f"`hcvo {' '.join(arguments)}` ended with exit code {done.returncode}; see above")
    return done.stdout or ""


def simulate_night(settings: Settings, seed: int) -> Night:
    """Simulate a night unless it is there; its truth goes where no reduction looks.

    Parameters
    ----------
    settings : Settings
        Settings of the site.
    seed : int
        Seed of everything random.

    Returns
    -------
    Night
        Where raw frames and truth lie.
    """
    night = Night(settings.raw / f"demo-{seed}", settings.state / "truth" / f"demo-{seed}")
    if night.raw.is_dir():
        return night
    making = settings.raw / f".making-{seed}"
    shutil.rmtree(making, ignore_errors=True)
    run_hcvo("simulate", "irdis", "--seed", str(seed), "--out", str(making))
    shutil.rmtree(night.truth, ignore_errors=True)
    night.truth.mkdir(parents=True)
    for path in making.glob("truth*"):
        path.rename(night.truth / path.name)
    making.rename(night.raw)
    return night


def ingest_night(night: Night) -> str:
    """Enter its raw frames, public at once.

    Parameters
    ----------
    night : Night
        A simulated night.

    Returns
    -------
    str
        The observation its science frames belong to.

    Raises
    ------
    SiteError
        If it has no science frames.
    """
    answer = run_hcvo("ingest", "raw", str(night.raw), "--release", "now", "--json", capture=True)
    report = json.loads(answer)
    sys.stdout.write("  ".join(f"{word}: {count}" for word, count in report["counts"].items()) + "\n")
    for one in report["files"]:
        if one["obs_id"] and "SCIENCE" in one["frame_class"]:
            return str(one["obs_id"])
    raise SiteError(f"{night.raw} has no science frames; remove the folder and run the demo again")


def reduce_observation(settings: Settings, obs_id: str) -> None:
    """Reduce an observation of the catalogue by its night and target, as TAP shows them.

    Parameters
    ----------
    settings : Settings
        Settings of the site.
    obs_id : str
        A public observation.

    Raises
    ------
    SiteError
        If TAP does not show it, or the reduction fails.
    """
    query = f"SELECT night, target_name FROM hci.observation WHERE obs_id = '{obs_id}'"
    answer = ask(settings, query)
    if not len(answer):
        raise SiteError(f"{settings.base_url}/tap does not show {obs_id}, though it was ingested as public")
    night, target = str(answer["night"][0])[:10], str(answer["target_name"][0])
    run_hcvo("reduce", "--night", night, "--target", target)


def ask(settings: Settings, query: str) -> Table:
    """Ask the site's TAP service as any client would.

    Parameters
    ----------
    settings : Settings
        Settings of the site.
    query : str
        ADQL.

    Returns
    -------
    Table
        The answer.

    Raises
    ------
    SiteError
        If the service refuses the query or does not answer.
    """
    try:
        return pyvo.dal.TAPService(f"{settings.base_url}/tap").search(query).to_table()
    except pyvo.dal.DALAccessError as error:
        raise SiteError(f"TAP at {settings.base_url}/tap: {error}; see {settings.logs}") from error


def found_by(answer: Table, method: str) -> list[Found]:
    """Rows of one algorithm's newest run in the answer to `CANDIDATES_QUERY`: the archive keeps every run."""
    rows = answer[[str(one) == method for one in answer["method"]]]
    newest = rows[rows["process_id"] == max(rows["process_id"], default=0)]
    return [Found(*(row[name].item() for name in answer.colnames[2:])) for row in newest]


def preview_of(settings: Settings, obs_id: str) -> Path:
    """PNG of the latest PCA significance map.

    Parameters
    ----------
    settings : Settings
        Settings of the site.
    obs_id : str
        Observation.

    Returns
    -------
    Path
        File in the store.

    Raises
    ------
    SiteError
        If no such map is public.
    """
    query = (
        f"SELECT accref FROM hci.product WHERE obs_id = '{obs_id}' "
        "AND kind = 'significance' AND algorithm = 'pca' ORDER BY process_id DESC"
    )
    answer = ask(settings, query)
    if not len(answer):
        raise SiteError(f"{settings.base_url}/tap shows no significance map of {obs_id}")
    return (settings.store / str(answer["accref"][0])).with_suffix(".png")
