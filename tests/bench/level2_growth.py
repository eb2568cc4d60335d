"""How the time of our kernels grows when the number of frames doubles: time goes as frames to a power."""

import math
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from hcvo.report import Row
from tests.bench.level2_cubes import SHAPES, write_cubes
from tests.bench.level2_side import Side

__all__ = ["rows"]

_ROUNDS = 3
_DOUBLED = ("small", "small-twice")
_GROWING = {
    "derotation": "1: frame by frame",
    "cADI": "1 and a little: derotation, and sorting networks that grow as frames log2(frames)^2",
    "PCA": "1 to 2: derotation and median, and products of all pairs of frames",
    "annular PCA": "2 to 4: products of all pairs; for each frame a decomposition of its references, whose "
    "cost grows as their cube, up to 100 of them",
    "LOCI": "2 to 3: products of all pairs, one inverse a zone, and for each frame the frames left out",
    "T-LOCI": "2 to 3: as LOCI",
    "contrast curve": "1 to 2: injections as fits, on the reduction",
    "candidate": "1 to 2: patches of every frame, mixed with every frame",
    "PACO": "1 or less: covariances are sums over frames, their decompositions do not see the frames",
}


def rows(cubes: Path, our_side: Callable[[str, Path, int], Side]) -> list[Row]:
    """Time each job on a cube and on one of twice the frames, one thread.

    Parameters
    ----------
    cubes : Path
        Folder to write them to.
    our_side : Callable[[str, Path, int], Side]
        Makes a side from job, cube and number of threads.

    Returns
    -------
    list[Row]
        The power for each job, with what is to be expected and why.
    """
    write_cubes(cubes, _DOUBLED)
    few, many = (SHAPES[name].frames for name in _DOUBLED)
    made = []
    for job, why in _GROWING.items():
        with ExitStack() as stack:
            sides = [stack.enter_context(our_side(job, cubes / f"{name}.npz", 1)) for name in _DOUBLED]
            for _ in range(_ROUNDS):
                for side in sides:
                    side.turn()
        ended = all(side.seconds for side in sides)
        power = math.log(sides[1].best / sides[0].best) / math.log(many / few) if ended else None
        case = f"{job}, {few} to {many} frames of {SHAPES[_DOUBLED[0]].size} px, expected {why}"
        made.append(Row(case, "power of the number of frames", power, "", "", ok=ended))
    return made
