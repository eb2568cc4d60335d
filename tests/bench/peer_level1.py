"""vlt-sphere's array steps of IRDIS on frames it is given; runs in the peer's own environment.

Its pipeline's order and options (IRDIS/ImagingReduction.py): background, flat, fix_badpix and sigma_filter on
the frame, then for each field shift by FFT and scale for the anamorphism, and a mean in the end. Two rows:
whole fields, as its pipeline does; and only the window that the cube needs, which its functions could do too.
"""

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

imutils: Any = importlib.import_module("sphere.utils.imutils")
peak: Any = importlib.import_module("peak")  # beside this file: the peer's environment has not our packages
_STRETCH = (1.0000, 1.0062)


def main() -> None:
    """Read the frames of argv[1], print the figures as JSON."""
    given = np.load(Path(sys.argv[1]))
    size = int(given["size"])
    whole = [(slice(0, 1024), slice(0, 1024)), (slice(0, 1024), slice(1024, 2048))]
    window = [(slice(*part[:2]), slice(*part[2:])) for part in given["windows"].tolist()]
    corners = given["windows"][:, [2, 0]] - [[0, 0], [1024, 0]]
    figures = {
        "whole_s": _timed(given, whole, np.zeros((2, 2)), size),
        "window_s": _timed(given, window, corners, size),
        "error": _error(given["disc"], given["truth"]),
        "peak_mib": peak.peak_mib(),
    }
    print(json.dumps(figures))  # noqa: T201 - the answer to the caller


def _timed(given: Any, parts: list[tuple[slice, slice]], corners: Any, size: int) -> float:  # noqa: ANN401 - of numpy
    """Seconds a raw frame, both fields."""
    begin = time.perf_counter()
    count = len(given["planes"])
    made = [
        [_field(given, number, part, given["stars"][field] - corners[field], size) for number in range(count)]
        for field, part in enumerate(parts)
    ]
    np.mean(made, axis=1)
    return (time.perf_counter() - begin) / count


def _field(given: Any, number: int, part: tuple[slice, slice], star: Any, size: int) -> Any:  # noqa: ANN401 - of numpy
    frame = given["planes"][number][part].astype(float)
    frame -= given["background"][part]
    frame /= given["flat"][part]
    frame = imutils.fix_badpix(frame, given["bad"][part], npix=12, weight=True)
    frame = imutils.sigma_filter(frame, box=7, nsigma=4, iterate=False)
    moved = imutils.shift(frame, (size // 2 - star[0], size // 2 - star[1]), method="fft")
    return imutils.scale(moved[:size, :size], _STRETCH, method="interp")


def _error(discs: Any, truth: Any) -> float:  # noqa: ANN401 - of numpy
    """Largest error over an Airy disc of peak 1, shifted and scaled."""
    worst = 0.0
    middle, size = discs.shape[1] // 2, truth.shape[0]
    for disc, (dx, dy) in zip(discs, ((0.5, 0.5), (0.3, -0.4), (0.25, 0.75)), strict=True):
        moved = imutils.shift(disc.astype(float), (-dx, -dy), method="fft")
        low = middle - size // 2
        made = imutils.scale(moved[low : low + size, low : low + size], _STRETCH, method="interp")
        worst = max(worst, float(np.abs(made - truth).max()))
    return worst


if __name__ == "__main__":
    main()
