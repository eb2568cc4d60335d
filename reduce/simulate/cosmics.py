"""Cosmic rays on the detector: points and short tracks."""

import numpy as np
from numpy.typing import NDArray

from reduce.simulate.instrument import NAXIS1, NAXIS2

__all__ = ["cosmic_rays"]

_MEDIAN_ADU = 900.0
_SPREAD = 1.0
_LONGEST = 5


def cosmic_rays(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw the hits of one integration.

    Parameters
    ----------
    count : int
        Number of rays.
    rng : np.random.Generator
        Randomness.

    Returns
    -------
    NDArray[np.float64]
        (pixel, 3): x, y on the whole detector, 0-based, and adu deposited; each pixel once.
    """
    hits: dict[tuple[int, int], float] = {}
    for _ in range(count):
        x, y = rng.uniform(0, NAXIS1), rng.uniform(0, NAXIS2)
        charge = float(rng.lognormal(np.log(_MEDIAN_ADU), _SPREAD))
        turn = rng.uniform(0.0, 2.0 * np.pi)
        length = int(rng.integers(1, _LONGEST + 1))
        for step in range(length):
            place = int(x + step * np.cos(turn)), int(y + step * np.sin(turn))
            if 0 <= place[0] < NAXIS1 and 0 <= place[1] < NAXIS2:
                hits[place] = hits.get(place, 0.0) + charge * float(rng.uniform(0.4, 1.0))
    return np.array([(x, y, adu) for (x, y), adu in hits.items()], dtype=np.float64).reshape(-1, 3)
