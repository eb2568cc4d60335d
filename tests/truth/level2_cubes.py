"""Simulated sequences as level 1 cubes, and level 2 set up on them as the recipes set it up."""

import functools
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray

from hcvo.model.product import ProductFacts
from hcvo.model.provenance import Output
from reduce.kernels.channels import Algorithm, Channel
from reduce.recipes import level2
from reduce.recipes.level1_cube import ChannelFacts, Level1Cube, Systematics
from reduce.recipes.level2 import Level2, Setting, run_level2
from reduce.simulate.instrument import PIXEL_MAS
from reduce.simulate.level1_cube import PointSource, Sequence1, SequencePlan, simulate_sequence
from reduce.simulate.optics import lambda_over_d
from tests.reduce.recipes.facts import FACTS
from tests.truth.level2_algorithms import METHODS

__all__ = [
    "LAMBDA_OVER_D",
    "QuietJob",
    "Ready",
    "channels_of",
    "contrast_law",
    "empty_sequence",
    "level1_of",
    "place_of",
    "ready",
    "reduced",
]

LAMBDA_OVER_D = lambda_over_d(1.6) / PIXEL_MAS
"""Pixels."""
_ANGLES = np.linspace(-118.0, -58.0, 32)
_LAW_SEED = 999_983
_INNER = 1.5  # FWHM, the default of level 2


class QuietJob:
    """A job that writes nothing and says nothing."""

    process_id = 1
    version = "truth"
    workers = 1

    def __init__(self) -> None:
        quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
        self.log: structlog.stdlib.BoundLogger = structlog.wrap_logger(None, wrapper_class=quiet)

    def path_for(self, facts: ProductFacts) -> Path:
        raise NotImplementedError(facts.kind)

    def done(self, facts: ProductFacts, path: Path, preview: Path | None = None) -> Output:
        raise NotImplementedError(facts.kind, path, preview)

    def progress(self, fraction: float) -> None:
        """Nobody listens."""


def empty_sequence(seed: int, *, speckled: bool = True) -> Sequence1:
    """A star without companions: 101 pixels, 32 frames, 60 degrees, FWHM 3.9 pixels."""
    return simulate_sequence(SequencePlan(_ANGLES, speckled=speckled), np.random.default_rng([seed, 1]))


def level1_of(sequence: Sequence1) -> Level1Cube:
    """A simulated sequence as level 1 hands it over, without systematic errors."""
    plan = sequence.plan
    measured = zip(plan.wavelengths_um, sequence.fwhm_px, sequence.star_flux, strict=True)
    channels = [ChannelFacts(f"{w:g}", w, 0.05, fwhm, flux, 0.0) for w, fwhm, flux in measured]
    return Level1Cube(
        facts=replace(FACTS, pixel_scale_mas=PIXEL_MAS),
        name="simulated",
        cube=sequence.cube,
        angles_deg=plan.angles_deg,
        psf=sequence.psf,
        channels=tuple(channels),
        systematics=Systematics(),
    )


def reduced(sequence: Sequence1, name: str, **parameters: object) -> Level2:
    """All of level 2 by one algorithm with its defaults, but for the parameters named."""
    entry, level1, job = METHODS[name], level1_of(sequence), QuietJob()
    given = entry.given(**parameters)
    return run_level2(level1, given, entry.method(level1, given, job), job)


@dataclass(frozen=True, slots=True)
class Ready:
    """Channels, the algorithm set up for them, and the separations searched, pixels."""

    channels: Sequence[Channel]
    algorithm: Algorithm
    inner: float
    outer: float


def ready(sequence: Sequence1, name: str) -> Ready:
    """What `run_level2` searches in, for measurements of single steps."""
    entry, level1, job = METHODS[name], level1_of(sequence), QuietJob()
    given, fwhm = entry.given(), sequence.fwhm_px[0]
    inner, outer = _INNER * fwhm, sequence.plan.size // 2 - fwhm
    channels = channels_of(sequence)
    mask = level2._between(channels[0].cube.shape[-1], inner - fwhm, outer + fwhm)
    method = entry.method(level1, given, job)
    return Ready(channels, method(Setting(channels, mask, inner, outer)), inner, outer)


def channels_of(sequence: Sequence1) -> Sequence[Channel]:
    """A sequence as level 2 searches it: whole, but for the pixels at its edge."""
    fwhm = sequence.fwhm_px[0]
    return level2._channels(level1_of(sequence), int(np.ceil(sequence.plan.size // 2 + fwhm)))


@functools.cache
def contrast_law(name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Separations (pixels) and 5 sigma contrasts of one empty sequence: how bright to plant."""
    fwhm = empty_sequence(_LAW_SEED).fwhm_px[0]
    step = LAMBDA_OVER_D / fwhm
    made = reduced(empty_sequence(_LAW_SEED), name, inner_fwhm=3 * step, step_fwhm=1.5 * step)
    points = [(row.sep / PIXEL_MAS, row.contrast) for row in made.contrast if row.channel == -1]
    separation, contrast = np.array([p for p in points if np.isfinite(p[1])]).T
    return separation, contrast


def place_of(source: PointSource, size: int) -> tuple[float, float]:
    """(x, y) in a derotated image of so many pixels."""
    angle = np.radians(source.pa_deg)
    reach = source.separation_px
    return size // 2 - reach * float(np.sin(angle)), size // 2 + reach * float(np.cos(angle))
