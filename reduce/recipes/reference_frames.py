"""Frames of other stars, from the level 1 cubes that are given as references."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hcvo.errors import ReductionError
from reduce.kernels.resemblance import most_alike, resemblance
from reduce.recipe import Job, SourceFile
from reduce.recipes.level1_cube import Level1Cube, read_level1

__all__ = ["ReferenceFrames", "Science", "read_references"]

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
    likeness : tuple[NDArray[np.float64], ...]
        For each channel (frame,) of `resemblance`.
    names : tuple[str, ...]
        Of the cubes that were compared.
    """

    frames: tuple[NDArray[np.float32], ...]
    likeness: tuple[NDArray[np.float64], ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Science:
    """What reference frames shall look like.

    Attributes
    ----------
    cubes : Sequence[NDArray[np.float32]]
        For each channel (time, y, x), odd, star at n//2.
    mask : NDArray[np.bool_]
        (y, x) pixels compared.
    most : int
        Reference frames kept in each channel.
    """

    cubes: Sequence[NDArray[np.float32]]
    mask: NDArray[np.bool_]
    most: int


@dataclass(frozen=True, slots=True)
class _Kept:
    """The best frames of one channel so far, in the order in which they were read."""

    frames: NDArray[np.float32]
    likeness: NDArray[np.float64]

    def with_frames(self, frames: NDArray[np.float32], likeness: NDArray[np.float64], most: int) -> "_Kept":
        """The best of these and others; of equals the earlier."""
        both, held = np.concatenate([self.likeness, likeness]), len(self.likeness)
        best = np.sort(most_alike(both, most))
        chosen = [self.frames[best[best < held]], frames[best[best >= held] - held]]
        return _Kept(np.concatenate(chosen), both[best])


def read_references(
    level1: Level1Cube, references: Sequence[SourceFile], science: Science, job: Job
) -> ReferenceFrames:
    """Read reference cubes, one at a time, and keep the frames that resemble the science frames most.

    Parameters
    ----------
    level1 : Level1Cube
        The science cube.
    references : Sequence[SourceFile]
        Level 1 cubes; those of the same star, smaller ones, and those of another pixel scale or other
        wavelengths are left out with a warning.
    science : Science
        What they shall look like.
    job : Job
        For the log.

    Returns
    -------
    ReferenceFrames
        Cut to the size of the science frames.

    Raises
    ------
    ReductionError
        If no cube is left, or none of their frames can be compared.
    """
    size = science.cubes[0].shape[-1]
    kept = [_Kept(np.zeros((0, size, size), np.float32), np.zeros(0)) for _ in level1.channels]
    names, unfit = [], []
    for source in references:
        other = read_level1(source)
        why, order = _unfit(level1, other, size), _channels_of(level1, other)
        if why or order is None:
            unfit.append(f"{source.name} {why or _no_wavelength(level1, other)}")
            continue
        middle = other.cube.shape[-1] // 2
        cut = slice(middle - size // 2, middle + size // 2 + 1)
        for number, of in enumerate(order):
            frames = other.cube[of, :, cut, cut]
            likeness = resemblance(science.cubes[number], frames, science.mask)
            kept[number] = kept[number].with_frames(frames, likeness, science.most)
        del other  # before the next is read
        names.append(source.name)
    if unfit:
        job.log.warning("references left out", why=unfit)
    if not names:
        raise ReductionError(
            f"{level1.name}: {len(references)} reference cubes, none that fits; wanted a level 1 cube of "
            f"another star in the same filter, give --references{''.join(f'; {text}' for text in unfit)}"
        )
    for channel, row in zip(kept, level1.channels, strict=True):
        if not channel.likeness.size:
            raise ReductionError(
                f"{level1.name}: no frame of {len(names)} reference cubes has data on half of the pixels "
                f"searched in channel {row.name}; give other --references, or a smaller outer_mas"
            )
    return ReferenceFrames(tuple(k.frames for k in kept), tuple(k.likeness for k in kept), tuple(names))


def _unfit(level1: Level1Cube, other: Level1Cube, size: int) -> str:
    """Why a cube is no reference, in words; '' if it may be one."""
    if _same_star(level1, other):
        return "is of the same star"
    if other.cube.shape[-1] < size:
        return f"has frames of {other.cube.shape[-1]} px, wanted at least {size}: lower outer_mas"
    if abs(other.scale_mas / level1.scale_mas - 1) > _SAME_SCALE:
        return f"has {other.scale_mas:g} mas/px, wanted {level1.scale_mas:g}"
    return ""


def _same_star(one: Level1Cube, other: Level1Cube) -> bool:
    if one.facts.target_name == other.facts.target_name:
        return True
    places = [(cube.facts.ra_deg or 0.0, cube.facts.dec_deg or 0.0) for cube in (one, other)]
    along = (places[0][0] - places[1][0] + 180.0) % 360.0 - 180.0
    along *= float(np.cos(np.radians(places[0][1])))
    return float(np.hypot(along, places[0][1] - places[1][1])) < _APART_DEG


def _channels_of(level1: Level1Cube, other: Level1Cube) -> list[int] | None:
    """For each channel the one of the reference with the same wavelength; None if one has none."""
    theirs = np.array([row.wavelength_um for row in other.channels])
    found = []
    for row in level1.channels:
        apart = np.abs(theirs / row.wavelength_um - 1)
        if not (apart <= _SAME_WAVELENGTH).any():
            return None
        found.append(int(np.nanargmin(apart)))
    return found


def _no_wavelength(level1: Level1Cube, other: Level1Cube) -> str:
    theirs, ours = (", ".join(f"{row.wavelength_um:g}" for row in cube.channels) for cube in (other, level1))
    return f"has channels at {theirs} um, wanted {ours}"
