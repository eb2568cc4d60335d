"""The middle of a cube: for the warm-up of a race, and for jobs too long to be done whole.

Needs nothing but numpy, so that the peers' environment can read it too.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["cropped"]


def cropped(given: Mapping[str, Any], size: int, step: int = 1) -> dict[str, Any]:
    """Cut frames to their middle, and take every `step`-th.

    Parameters
    ----------
    given : Mapping[str, Any]
        A cube of `level2_cubes`.
    size : int
        Side, pixels, odd; 0, or more than there are, leaves all.
    step : int
        1 keeps every frame.

    Returns
    -------
    dict[str, Any]
        The star is still at n//2.
    """
    cube, made = given["cube"], dict(given)
    low = max(0, cube.shape[-1] // 2 - size // 2) if size else 0
    kept = slice(low, cube.shape[-1] - low)
    made["cube"] = np.ascontiguousarray(cube[..., ::step, kept, kept])
    made["angles"] = given["angles"][::step]
    made["places"] = given["places"] - low
    return made
