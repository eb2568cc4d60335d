"""Companions exactly as bright as the 5 sigma curve says: are they 5 sigma, and does the search find half?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hcvo.report import Row
from reduce.kernels.aperture import aperture_flux
from reduce.kernels.contrast import CurvePoint, noise_at, threshold_flux, throughput_at
from reduce.kernels.fit import Scene
from reduce.kernels.reduction import product_image
from reduce.kernels.snr import Rings, prepare_rings, ring_noise, significance
from reduce.kernels.throughput import OPAQUE
from reduce.recipes.level2 import Searched
from reduce.recipes.level2_curve import curve
from reduce.simulate.level1_cube import PointSource, with_companions
from tests.truth.level2_algorithms import entry_of
from tests.truth.level2_cubes import LAMBDA_OVER_D, SetUp, empty_sequence, place_of, ready

__all__ = ["REPEATS", "AtLimit", "at_limit", "azimuth_rows", "limit_rows", "throughputs"]

REPEATS = 4
"""Companions at each separation of one sequence."""
_SEPARATIONS = (2.0, 3.0, 4.0, 6.0, 8.0, 10.0)  # lambda/D
_TOGETHER = ((0,), (1,), (2, 4), (3, 5))  # in one cube: near the star one is so bright that it shapes modes
_MEDIAN, _HALF, _FEWEST = 0.5, 0.1, 100
_SEEK_AT = 5.0 - _MEDIAN  # significance down to which the search looks: what it misses is lower
_AZIMUTHS = np.radians(np.arange(0.0, 360.0, 30.0))
_EVEN = 0.05
_EVEN_AT = (3.0, 6.0, 10.0)


@dataclass(frozen=True, slots=True)
class AtLimit:
    """Companions at the limit in one sequence.

    Attributes
    ----------
    known : NDArray[np.float64]
        (repeat, separation) significance at the companion's place against the noise without it; NaN where
        the curve has no limit.
    sought : NDArray[np.float64]
        (repeat, separation) significance that the blind search gives; 0 where it has no candidate above
        4.5 sigmas within 1 FWHM of the companion, NaN as above.
    throughput : NDArray[np.float64]
        (separation,) of the curve.
    """

    known: NDArray[np.float64]
    sought: NDArray[np.float64]
    throughput: NDArray[np.float64]


def at_limit(name: str, seed: int) -> AtLimit:
    """Search a sequence, take its curve, plant companions on it, search anew, all as the recipe does.

    What the algorithm chose for the curve, as the number of components, it keeps: with another it would have
    another curve, and a companion at 2 lambda/D outshines what the choice goes by.

    Parameters
    ----------
    name : str
        Algorithm.
    seed : int
        Of the sequence.

    Returns
    -------
    AtLimit
        What they are found to be.
    """
    rng, sequence = np.random.default_rng([seed, 5]), empty_sequence(seed)
    algorithm = SetUp(sequence, name)
    made = algorithm.search(sequence)
    points = _curve(made, name)
    scene = made.found.scene
    places = [(one.companion.x, one.companion.y) for one in made.found.detections]
    rings = prepare_rings(product_image(scene.reductions[0]), scene.fwhm, places)
    known, sought = np.full((2, REPEATS, len(_SEPARATIONS)), np.nan)
    for repeat in range(REPEATS):
        for group in _TOGETHER:
            sources = _sources([point.contrast for point in points], group, rng)
            planted = with_companions(sequence, list(sources.values()), rng)
            blind = algorithm.search(planted, threshold=_SEEK_AT)
            image = product_image(made.algorithm(blind.channels[0]))  # by what gave the curve
            for number, source in sources.items():
                known[repeat, number] = _significance(image, rings, source)
                sought[repeat, number] = _sought(blind, source)
    return AtLimit(known, sought, np.array([point.throughput for point in points]))


def _curve(made: Searched, name: str) -> list[CurvePoint]:
    """The curve of the stack at the separations, by the function that makes it for `run_level2`."""
    limits = (_SEPARATIONS[0] * LAMBDA_OVER_D, _SEPARATIONS[-1] * LAMBDA_OVER_D)
    points = curve(made.found, limits, LAMBDA_OVER_D, entry_of(name).given().branches)
    stack = [point for point in points if point.channel == -1]
    return [
        min(stack, key=lambda point: abs(point.radius - separation * LAMBDA_OVER_D))
        for separation in _SEPARATIONS
    ]


def _sources(
    contrasts: Sequence[float], group: Sequence[int], rng: np.random.Generator
) -> dict[int, PointSource]:
    """A companion at each separation that has a limit, at any position angle."""
    angles = rng.uniform(0.0, 360.0, len(group))
    return {
        number: PointSource(_SEPARATIONS[number] * LAMBDA_OVER_D, float(angle), contrasts[number])
        for number, angle in zip(group, angles, strict=True)
        if np.isfinite(contrasts[number])
    }


def _significance(image: NDArray[np.float32], rings: Rings, source: PointSource) -> float:
    """Of what is at the companion's place, against the noise of the image without it."""
    x, y = place_of(source, image.shape[0])
    count, mean, deviation = ring_noise(rings, x, y)
    flux = aperture_flux(image, rings.fwhm, x, y)
    return float(significance((flux - mean) / (deviation * np.sqrt(1 + 1 / count)), count - 1))


def _sought(blind: Searched, source: PointSource) -> float:
    """Of the candidate nearest to the companion, as the search rates it; 0 without one."""
    found = blind.found
    x, y = place_of(source, found.scene.image.shape[0])
    near = [
        one.significance[-1]
        for one in found.detections
        if np.hypot(one.companion.x - x, one.companion.y - y) < found.scene.fwhm
    ]
    return max(near, default=0.0)


def limit_rows(name: str, made: Sequence[AtLimit]) -> list[Row]:
    """Median significance and share above 5 at each separation, found blind; then with the place known.

    Parameters
    ----------
    name : str
        Algorithm.
    made : Sequence[AtLimit]
        Of all its sequences.

    Returns
    -------
    list[Row]
        Two a separation and way of looking. Without a value where most curves have no limit.
    """
    through = np.array([one.throughput for one in made])
    rows = []
    for what, values in (
        ("found blind", np.concatenate([one.sought for one in made])),
        ("place known", np.concatenate([one.known for one in made])),
    ):
        for number, separation in enumerate(_SEPARATIONS):
            title = f"on the curve at {separation:g} lambda/D, {what}"
            rows += _judged(name, title, values[:, number], through[:, number])
    return rows


def _judged(name: str, what: str, values: NDArray[np.float64], through: NDArray[np.float64]) -> list[Row]:
    titles = (f"{what}: median significance", f"{what}: share above 5")
    goals = (f"5 +- {_MEDIAN:g}", f"0.5 +- {_HALF:g}")
    there = values[np.isfinite(values)]
    if len(there) < len(values) / 2:
        why = _why_none(len(values) - len(there), len(values), through)
        return [
            Row(name, title, None, why, goal, ok=False) for title, goal in zip(titles, goals, strict=True)
        ]
    of = f"of {len(there)}" + ("" if len(there) == len(values) else f", {len(values)} planned")
    median, share, enough = float(np.median(there)), float(np.mean(there > 5.0)), len(there) >= _FEWEST / 2
    errors = (
        1.25 / np.sqrt(len(there)),
        0.5 / np.sqrt(len(there)),
    )  # of a median of unit Gaussians, of a half
    even, half = abs(median - 5.0) <= _MEDIAN, abs(share - 0.5) <= _HALF
    return [
        Row(name, title, value, f"+- {error:.2f} {of}", goal, ok=near and enough)
        for title, goal, value, error, near in zip(
            titles, goals, (median or "not found", share), errors, (even, half), strict=True
        )
    ]


def _why_none(without: int, planned: int, through: NDArray[np.float64]) -> str:
    typical = float(np.nanmedian(through)) if np.isfinite(through).any() else float("nan")
    reason = f"wanted {OPAQUE:g}" if not typical >= OPAQUE else "a companion there would outshine the star"
    return f"no limit for {without} of {planned}: throughput {typical:.2g}, {reason}"


def throughputs(name: str, seed: int) -> NDArray[np.float64]:
    """Throughput at the limit by azimuth in a symmetric halo without speckles.

    Parameters
    ----------
    name : str
        Algorithm.
    seed : int
        Of the sequence.

    Returns
    -------
    NDArray[np.float64]
        (separation, azimuth).
    """
    scene: Scene = ready(empty_sequence(seed, speckled=False), name).found.scene
    rings = prepare_rings(scene.image, scene.fwhm)
    made = []
    for separation in _EVEN_AT:
        radius = separation * LAMBDA_OVER_D
        wanted = threshold_flux(*noise_at(rings, radius))
        ring = [(radius, np.array([azimuth])) for azimuth in _AZIMUTHS]
        made.append([throughput_at(scene, 0, each, wanted, 0.5).own for each in ring])
    return np.array(made)


def azimuth_rows(name: str, made: Sequence[NDArray[np.float64]]) -> list[Row]:
    """Largest departure of the throughput from its mean over azimuth.

    Parameters
    ----------
    name : str
        Algorithm.
    made : Sequence[NDArray[np.float64]]
        `throughputs` of many sequences: noise that shapes single values is averaged out.

    Returns
    -------
    list[Row]
        One a separation, with the error of the means beside it.
    """
    values = np.array(made)
    mean, error = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))
    rows = []
    for number, separation in enumerate(_EVEN_AT):
        whole = float(mean[number].mean())
        off = float(np.max(np.abs(mean[number] / whole - 1)))
        quantity = f"throughput {whole:.3f} at {separation:g} lambda/D: largest departure over azimuth"
        unit = f"+- {float(error[number].mean()) / whole:.3f}"
        rows.append(Row(name, quantity, off, unit, f"<= {_EVEN:g}", ok=off <= _EVEN))
    return rows
