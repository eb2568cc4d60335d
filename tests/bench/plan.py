"""Time to associate the frames of an archive: what `hcvo reduce --plan` does once it has the index."""

import time

from hcvo.report import Row
from reduce.associate import plan
from tests.reduce.planned_frames import long_index

__all__ = ["plan_rows"]

_FRAMES, _BLOCKS = 10_000, 336
_ROUNDS = 3
_GOAL_S = 2.0


def plan_rows() -> list[Row]:
    """Plan every sequence of an index of 10,000 frames; the best of three rounds.

    Returns
    -------
    list[Row]
        Sequences planned, and seconds for all of them.
    """
    frames = long_index(_BLOCKS)[:_FRAMES]
    seconds = []
    for _ in range(_ROUNDS):
        begin = time.perf_counter()
        made = plan(frames)
        seconds.append(time.perf_counter() - begin)
    case = f"plan of an index of {len(frames)} frames"
    best = min(seconds)
    return [
        Row(case, "sequences", float(len(made.groups)), "", "", ok=True),
        Row(case, "wall time", best, "s", f"< {_GOAL_S:g}", ok=best < _GOAL_S),
    ]
