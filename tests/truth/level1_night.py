"""A scenario simulated, its truth hidden, reduced as a user does; truth and products read for comparison."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from reduce.simulate.scenario import Scenario

__all__ = ["Cube", "Night", "Truth", "make_night", "matched"]

Plane = NDArray[np.float64]


@dataclass(frozen=True)
class Truth:
    """What the simulator wrote beside the raw files."""

    folder: Path
    told: Mapping[str, Any]

    @cached_property
    def planes(self) -> dict[tuple[str, int], dict[str, Any]]:
        """Science integrations by file (no suffix) and plane; each with the file's facts."""
        return {
            (Path(entry["file"]).stem, frame["frame"]): {**frame, "dit_s": entry["dit_s"], "nd": entry["nd"]}
            for entry in self.of_kind("OBJECT")
            for frame in entry["frames"]
        }

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        """Entries of the files of one kind."""
        return [entry for entry in self.told["files"] if entry["kind"] == kind]

    def maps(self, name: str) -> fits.HDUList:
        """A FITS file of the truth, read on demand."""
        return fits.open(self.folder / self.told["maps"][name], memmap=True)

    @cached_property
    def index(self) -> dict[tuple[str, int], int]:
        """Place of each science integration in the maps."""
        with self.maps("light") as hdus:
            table = hdus["PLANES"].data
            return {
                (Path(str(row["FILE"])).stem, int(row["PLANE"])): number for number, row in enumerate(table)
            }

    @cached_property
    def corners(self) -> NDArray[np.int32]:
        """First column and row of the light's windows, (integration, channel, 2)."""
        with self.maps("light") as hdus:
            return np.array(hdus["PLANES"].data["CORNER"], dtype=np.int32).reshape(-1, 2, 2)


@dataclass(frozen=True)
class Cube:
    """A level 1 cube file as its contract says; tables that are not there are None."""

    path: Path
    header: fits.Header
    images: NDArray[np.float32]
    derotation: fits.FITS_rec
    channels: fits.FITS_rec
    frames: fits.FITS_rec | None

    @property
    def level(self) -> int | None:
        """Match level written in the header."""
        value = self.header.get("MATCHLVL")
        return None if value is None else int(value)

    @property
    def names(self) -> list[tuple[str, int]]:
        """File (no suffix) and plane of each time plane."""
        return [
            (str(row["DP_ID"]).strip().removesuffix(".fits"), int(row["PLANE"])) for row in self.derotation
        ]

    @property
    def kept(self) -> NDArray[np.bool_]:
        """(time,); all where nothing judges."""
        if self.frames is None or "KEPT" not in self.frames.names:
            return np.ones(len(self.derotation), dtype=bool)
        return np.asarray(self.frames["KEPT"], dtype=bool)

    def column(self, name: str) -> NDArray[np.generic] | None:
        """Column of FRAMES; None where there is none."""
        if self.frames is None or name not in self.frames.names:
            return None
        return np.asarray(self.frames[name])


@dataclass(frozen=True)
class Night:
    """A scenario after its reduction."""

    scenario: Scenario
    truth: Truth
    raw: Path
    cubes: Sequence[Cube]
    code: int
    said: str

    @property
    def refusals(self) -> list[str]:
        """What the program refused, in its words; its lines may be folded."""
        parts = self.said.replace("\n", " ").split("refused ")[1:]
        return [part.strip() for part in parts]


def make_night(scenario: Scenario, folder: Path) -> Night:
    """Simulate (unless the folder has the night), hide the truth, reduce.

    Parameters
    ----------
    scenario : Scenario
        What to simulate.
    folder : Path
        Holds night/ (truth), raw/ and out/.

    Returns
    -------
    Night
        With the cubes found in out/.
    """
    night, raw, out = folder / "night", folder / "raw", folder / "out"
    if not (night / "truth.json").exists():
        shutil.rmtree(raw, ignore_errors=True)
        _hcvo("simulate", "irdis", "--scenario", scenario.name, "--out", str(night)).check_returncode()
        raw.mkdir(parents=True)
        for path in night.glob("SPHER.*.fits"):
            path.rename(raw / path.name)
    shutil.rmtree(out, ignore_errors=True)
    done = _hcvo("reduce", str(raw), "--out", str(out), "--until", "level1")
    truth = Truth(night, json.loads((night / "truth.json").read_text()))
    logs = "".join(path.read_text(errors="replace") for path in sorted(out.glob("processes/*.json")))
    cubes = [_read(path) for path in sorted(out.rglob("*.fits")) if _is_cube(path)]
    return Night(scenario, truth, raw, cubes, done.returncode, done.stdout + done.stderr + logs)


def matched(truth: Truth, cube: Cube) -> list[dict[str, Any]]:
    """Truth of each time plane of a cube, in its order."""
    return [truth.planes[name] for name in cube.names]


def resampled(window: NDArray[np.floating], place: tuple[float, float], size: int, stretch: float) -> Plane:
    """Light as the cube should hold it: star in the middle, anamorphism undone, flux kept.

    Parameters
    ----------
    window : NDArray[np.floating]
        (y, x), adu in raw pixels.
    place : tuple[float, float]
        Star (x, y) in the window.
    size : int
        Side of the cube.
    stretch : float
        Raw pixels are this much taller than wide on the sky.

    Returns
    -------
    NDArray[np.float64]
        (size, size).
    """
    offsets = np.arange(size) - size // 2
    y, x = np.meshgrid(place[1] + offsets / stretch, place[0] + offsets, indexing="ij")
    return np.asarray(map_coordinates(window.astype(np.float64), [y, x], order=5, mode="nearest") / stretch)


def _hcvo(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("hcvo")
    threads = {"OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "COLUMNS": "4000"}
    return subprocess.run(
        [program, *arguments], check=False, text=True, capture_output=True, env=os.environ | threads
    )


def _is_cube(path: Path) -> bool:
    with fits.open(path) as hdus:
        return "DEROTATION" in hdus


def _read(path: Path) -> Cube:
    with fits.open(path, memmap=False) as hdus:
        return Cube(
            path,
            hdus[0].header,
            np.asarray(hdus[0].data, dtype=np.float32),
            hdus["DEROTATION"].data,
            hdus["CHANNELS"].data,
            hdus["FRAMES"].data if "FRAMES" in hdus else None,
        )
