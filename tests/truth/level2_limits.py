"""Companions exactly as bright as the 5 sigma curve says: are they 5 sigma, and does the search find half?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hcvo.report import Row
from reduce.kernels.aperture import aperture_flux
from reduce.kernels.candidates import search
from reduce.kernels.channels import channel_weights, reduce_without
from reduce.kernels.contrast import contrast_curve, noise_at, threshold_flux, throughput_at
from reduce.kernels.fit import Scene
from reduce.kernels.snr import Rings, prepare_rings, ring_noise, significance
from reduce.simulate.level1_cube import PointSource, Sequence1, with_companions
from tests.truth.level2_cubes import LAMBDA_OVER_D, Ready, channels_of, empty_sequence, place_of, ready

__all__ = ["AtLimit", "at_limit", "azimuth_rows", "limit_rows", "throughputs"]

_SEPARATIONS = (2.0, 3.0, 4.0, 6.0, 8.0, 10.0)  # lambda/D
_TOGETHER = ((0, 2, 4), (1, 3, 5))  # those that share a cube: well apart
_REPEATS = 8
_SEEK_AT = 3.0  # significance down to which the search looks: at 5 half are hidden
_MEDIAN, _HALF = 0.5, 0.1
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
        (separation,) significance that the search gives; 0 where it has no candidate, NaN as above.
    """

    known: NDArray[np.float64]
    sought: NDArray[np.float64]


def at_limit(name: str, seed: int) -> AtLimit:
    """Measure the curve of a sequence, plant companions on it, reduce anew.

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
    made = ready(sequence, name)
    scene = _scene(made)
    points = contrast_curve(scene, [s * LAMBDA_OVER_D for s in _SEPARATIONS])
    contrasts = [point.contrast for point in points if point.channel == -1]
    rings = prepare_rings(scene.image, scene.fwhm)
    known = np.full((_REPEATS, len(_SEPARATIONS)), np.nan)
    sought = np.full(len(_SEPARATIONS), np.nan)
    for repeat in range(_REPEATS):
        for group in _TOGETHER:
            sources = _sources(contrasts, group, rng)
            planted = with_companions(sequence, list(sources.values()), rng)
            image = _image(planted, made)
            for number, source in sources.items():
                known[repeat, number] = _significance(image, rings, source)
            if repeat == 0:
                _seek(planted, name, sources, sought)
    return AtLimit(known, sought)


def _scene(made: Ready) -> Scene:
    reductions = reduce_without(made.channels, (), made.algorithm)
    return Scene(made.channels, reductions, channel_weights(made.channels, reductions))


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


def _image(sequence: Sequence1, made: Ready) -> NDArray[np.float32]:
    """Reduced by the very algorithm that gave the curve."""
    (reduction,) = reduce_without(channels_of(sequence), (), made.algorithm)
    return reduction.image


def _significance(image: NDArray[np.float32], rings: Rings, source: PointSource) -> float:
    """Of what is at the companion's place, against the noise of the image without it."""
    x, y = place_of(source, image.shape[0])
    count, mean, deviation = ring_noise(rings, x, y)
    flux = aperture_flux(image, rings.fwhm, x, y)
    return float(significance((flux - mean) / (deviation * np.sqrt(1 + 1 / count)), count - 1))


def _seek(
    sequence: Sequence1, name: str, sources: dict[int, PointSource], sought: NDArray[np.float64]
) -> None:
    """Search blind, as users do, and note what is found at the companions' places."""
    made = ready(sequence, name)
    found = search(made.channels, made.algorithm, threshold=_SEEK_AT, inner=made.inner, outer=made.outer)
    for number, source in sources.items():
        x, y = place_of(source, found.scene.image.shape[0])
        near = [
            one.significance[-1]
            for one in found.detections
            if np.hypot(one.companion.x - x, one.companion.y - y) < found.scene.fwhm
        ]
        sought[number] = max(near, default=0.0)


def limit_rows(name: str, made: Sequence[AtLimit]) -> list[Row]:
    """Median significance and share above 5.

    Parameters
    ----------
    name : str
        Algorithm.
    made : Sequence[AtLimit]
        Of all its sequences.

    Returns
    -------
    list[Row]
        Each separation for known places; all together for the search, of which there are fewer.
    """
    known = np.concatenate([one.known for one in made])
    sought = np.array([one.sought for one in made])
    rows = []
    for number, separation in enumerate(_SEPARATIONS):
        rows += _judged(name, f"on the curve at {separation:g} lambda/D, place known", known[:, number])
    return rows + _judged(name, "on the curve, as the search finds them", sought.ravel())


def _judged(name: str, what: str, values: NDArray[np.float64]) -> list[Row]:
    there = values[np.isfinite(values)]
    if len(there) < len(values) / 2:
        return [
            Row(
                name,
                f"{what}: curves with a limit",
                float(len(there)),
                f"of {len(values)}",
                "stated",
                ok=True,
            )
        ]
    of, median, share = f"of {len(there)}", float(np.median(there)), float(np.mean(there > 5.0))
    even, half = abs(median - 5.0) <= _MEDIAN, abs(share - 0.5) <= _HALF
    return [
        Row(name, f"{what}: median significance", median, of, f"5 +- {_MEDIAN:g}", ok=even),
        Row(name, f"{what}: share above 5", share, of, f"0.5 +- {_HALF:g}", ok=half),
    ]


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
    scene = _scene(ready(empty_sequence(seed, speckled=False), name))
    rings = prepare_rings(scene.image, scene.fwhm)
    made = []
    for separation in _EVEN_AT:
        radius = separation * LAMBDA_OVER_D
        wanted = threshold_flux(*noise_at(rings, radius))
        ring = [(radius, np.array([azimuth])) for azimuth in _AZIMUTHS]
        made.append([throughput_at(scene, 0, each, wanted, 0.5)[0] for each in ring])
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
