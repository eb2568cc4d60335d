"""Companions planted by the simulator and found blind: do the quoted errors cover what is off?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hcvo.headers.level2_tables import CandidateRow
from hcvo.report import Row
from reduce.simulate.instrument import PIXEL_MAS
from reduce.simulate.level1_cube import PointSource, with_companions
from tests.truth.level2_cubes import contrast_law, reduced, scale_of, star_of

__all__ = ["Recovery", "pull_rows", "recover"]

_BANDS = ((3.0, 4.5), (4.5, 7.0), (7.0, 9.5), (9.5, 11.5))  # lambda/D: one companion in each
_BRIGHT = (2.0, 4.0)  # times the 5 sigma contrast
_MEAN, _LEAST, _MOST = 0.2, 0.8, 1.2
_ENOUGH = 200
_FOUND = 0.95


@dataclass(frozen=True, slots=True)
class Recovery:
    """What became of the companions of one cube.

    Attributes
    ----------
    pulls : tuple[tuple[float, float, float], ...]
        (found - planted) / error of flux, separation and PA; NaN where no error was given.
    missed : int
        Companions without a candidate within 1 FWHM.
    false : int
        Candidates that are no companion.
    """

    pulls: tuple[tuple[float, float, float], ...]
    missed: int
    false: int


def recover(name: str, seed: int) -> Recovery:
    """Plant one companion in each band, reduce, compare.

    Parameters
    ----------
    name : str
        Algorithm.
    seed : int
        Of the sequence; other algorithms of one channel get the same, with companions as bright as they need.

    Returns
    -------
    Recovery
        Of this cube.
    """
    rng = np.random.default_rng([seed, 2])
    planted = _companions(name, rng)
    with star_of(name, seed) as star:
        sequence = with_companions(star.sequence, planted, rng)
        made = reduced(sequence, name, star.others, step_fwhm=100.0, negative=False)
    rows = [row for row in made.candidates if row.channel == -1]
    pulls, taken = [], set()
    for source in planted:
        near = [row for row in rows if _distance(row, source) < sequence.fwhm_px[0]]
        if near:
            best = min(near, key=lambda row: _distance(row, source))
            taken.add(best.candidate)
            pulls.append(_pulls(best, source))
    return Recovery(tuple(pulls), len(planted) - len(pulls), len(rows) - len(taken))


def _companions(name: str, rng: np.random.Generator) -> list[PointSource]:
    separation, contrast = contrast_law(name)
    first, made = rng.uniform(0.0, 360.0), []
    for number, (inner, outer) in enumerate(_BANDS):
        place = rng.uniform(inner, outer) * scale_of(name)
        level = np.exp(np.interp(np.log(place), np.log(separation), np.log(contrast)))
        bright = np.exp(rng.uniform(*np.log(_BRIGHT)))
        pa = (first + 90.0 * number + rng.uniform(-30.0, 30.0)) % 360.0
        made.append(PointSource(place, pa, float(level * bright)))
    return made


def _distance(row: CandidateRow, source: PointSource) -> float:
    """Pixels on the sky."""
    turn = np.radians(row.pa - source.pa_deg)
    along = row.sep / PIXEL_MAS
    return float(np.abs(along * np.exp(1j * turn) - source.separation_px))


def _pulls(row: CandidateRow, source: PointSource) -> tuple[float, float, float]:
    turn = (row.pa - source.pa_deg + 180.0) % 360.0 - 180.0
    return (
        (row.contrast - source.contrast) / row.contrast_err,
        (row.sep / PIXEL_MAS - source.separation_px) * PIXEL_MAS / row.sep_err,
        turn / row.pa_err,
    )


def pull_rows(name: str, recoveries: Sequence[Recovery]) -> list[Row]:
    """Mean and standard deviation of the pulls of one algorithm.

    Parameters
    ----------
    name : str
        Algorithm.
    recoveries : Sequence[Recovery]
        Of all its cubes.

    Returns
    -------
    list[Row]
        Two for each of flux, separation and PA; then how many were recovered, and false candidates.
    """
    pulls = np.array([pull for one in recoveries for pull in one.pulls], float).reshape(-1, 3)
    told = pulls[np.isfinite(pulls).all(axis=1)]
    planted = len(pulls) + sum(one.missed for one in recoveries)
    of = f"of {len(told)}"
    rows = []
    for number, quantity in enumerate(("flux", "separation", "PA")):
        if len(told) < 2:
            goal = "two at least"
            rows.append(Row(name, f"{quantity}: pulls", None, of, goal, ok=False))
            continue
        mean, deviation = float(told[:, number].mean()), float(told[:, number].std(ddof=1))
        rows += [
            Row(name, f"{quantity}: mean pull", mean, of, f"|mean| < {_MEAN:g}", ok=abs(mean) < _MEAN),
            Row(
                name,
                f"{quantity}: standard deviation of pulls",
                deviation,
                of,
                f"{_LEAST:g} to {_MOST:g}",
                ok=_LEAST <= deviation <= _MOST,
            ),
        ]
    share = len(told) / planted if planted else None
    enough = share is not None and share >= _FOUND and planted >= _ENOUGH
    false = float(sum(one.false for one in recoveries))
    return [
        *rows,
        Row(
            name,
            "companions found with errors",
            share,
            f"of {planted}",
            f">= {_FOUND:g} of {_ENOUGH}",
            ok=enough,
        ),
        Row(name, "false candidates", false, f"in {len(recoveries)} cubes", "stated", ok=True),
    ]
