"""Frames of other stars, from the level 1 cubes that are given as references."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hcvo.errors import ReductionError
from reduce.recipe import Job, SourceFile
from reduce.recipes.level1_cube import Level1Cube, read_level1

__all__ = ["ReferenceFrames", "read_references"]

_SAME_WAVELENGTH = 0.005  # share: speckles 40 FWHM from the star are then a fifth of a FWHM apart
_SAME_SCALE = 0.005  # share: likewise
_APART_DEG = 5 / 3600  # a star nearer than that is the same


@dataclass(frozen=True, slots=True)
class ReferenceFrames:
    """What a library can be made from.

    Attributes
    ----------
    frames : tuple[NDArray[np.float32], ...]
        For each channel of the science cube (frame, y, x), star at n//2.
    names : tuple[str, ...]
        Of the cubes that gave frames.
    """

    frames: tuple[NDArray[np.float32], ...]
    names: tuple[str, ...]


def read_references(
    level1: Level1Cube, references: Sequence[SourceFile], size: int, job: Job
) -> ReferenceFrames:
    """Read reference cubes and cut their frames to those of the science cube.

    Parameters
    ----------
    level1 : Level1Cube
        The science cube.
    references : Sequence[SourceFile]
        Level 1 cubes; those of the same star are left out with a warning.
    size : int
        Side of the frames wanted, pixels, odd.
    job : Job
        For the log.

    Returns
    -------
    ReferenceFrames
        All frames of all cubes.

    Raises
    ------
    ReductionError
        If no cube is left, or one is smaller, has another pixel scale or lacks a wavelength.
    """
    kept: list[list[NDArray[np.float32]]] = [[] for _ in level1.channels]
    names = []
    for source in references:
        other = read_level1(source)
        if _same_star(level1, other):
            job.log.warning("reference left out: it is of the same star", cube=source.name)
            continue
        cut = _cut(level1, other, size)
        for channel, of in zip(kept, _channels_of(level1, other), strict=True):
            channel.append(other.cube[of, :, cut, cut])
        names.append(source.name)
    if not names:
        raise ReductionError(
            f"{level1.name}: {len(references)} reference cubes, none of another star; wanted at least one: "
            "give --references, level 1 cubes of other stars in the same filter"
        )
    return ReferenceFrames(tuple(np.concatenate(frames) for frames in kept), tuple(names))


def _same_star(one: Level1Cube, other: Level1Cube) -> bool:
    if one.facts.target_name == other.facts.target_name:
        return True
    places = [(cube.facts.ra_deg or 0.0, cube.facts.dec_deg or 0.0) for cube in (one, other)]
    along = (places[0][0] - places[1][0] + 180.0) % 360.0 - 180.0
    along *= float(np.cos(np.radians(places[0][1])))
    return float(np.hypot(along, places[0][1] - places[1][1])) < _APART_DEG


def _cut(level1: Level1Cube, other: Level1Cube, size: int) -> slice:
    """Middle part of the reference's frames."""
    middle, half = other.cube.shape[-1] // 2, size // 2
    if middle < half:
        raise ReductionError(
            f"{other.name}: frames of {other.cube.shape[-1]} px, wanted at least {size} as in "
            f"{level1.name}; lower outer_mas or give another reference"
        )
    if abs(other.scale_mas / level1.scale_mas - 1) > _SAME_SCALE:
        raise ReductionError(
            f"{other.name}: {other.scale_mas:g} mas/px, wanted {level1.scale_mas:g} as in {level1.name}"
        )
    return slice(middle - half, middle + half + 1)


def _channels_of(level1: Level1Cube, other: Level1Cube) -> list[int]:
    """For each channel the one of the reference with the same wavelength."""
    theirs = np.array([row.wavelength_um for row in other.channels])
    found = []
    for row in level1.channels:
        apart = np.abs(theirs / row.wavelength_um - 1)
        if not np.nanmin(np.where(np.isfinite(apart), apart, np.inf)) <= _SAME_WAVELENGTH:
            told = ", ".join(f"{w:g}" for w in theirs)
            raise ReductionError(
                f"{other.name}: channels at {told} um, wanted one at {row.wavelength_um:g} um as in "
                f"{level1.name}; give a reference in the same filter"
            )
        found.append(int(np.nanargmin(apart)))
    return found
