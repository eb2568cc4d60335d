"""Simulated sequences as level 1 cubes, and level 2 run on them as the recipes run it."""

import contextlib
import functools
import logging
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from astropy.io import fits
from numpy.typing import NDArray

from hcvo.model.product import ProductFacts, ProductKind
from hcvo.model.provenance import Output
from reduce.recipe import SourceFile
from reduce.recipes import external_cube
from reduce.recipes.external_cube import ExternalCubeParameters
from reduce.recipes.joint_cube import joined
from reduce.recipes.level1_cube import ChannelFacts, Level1Cube, Systematics
from reduce.recipes.level2 import Level2, Searched, run_level2, searched
from reduce.recipes.level2_recipe import Method
from reduce.simulate.instrument import PIXEL_MAS
from reduce.simulate.level1_cube import (
    PointSource,
    Sequence1,
    SequencePlan,
    lasting_wavefront,
    simulate_sequence,
)
from reduce.simulate.optics import lambda_over_d
from tests.reduce.recipes.facts import FACTS
from tests.reduce.recipes.folder_job import run, source
from tests.truth.level2_algorithms import PLAN, Entry, entry_of

__all__ = [
    "LAMBDA_OVER_D",
    "QuietJob",
    "SetUp",
    "Star",
    "contrast_law",
    "empty_sequence",
    "level1_file",
    "level1_of",
    "place_of",
    "ready",
    "reduced",
    "scale_of",
    "star_of",
]

LAMBDA_OVER_D = lambda_over_d(1.6) / PIXEL_MAS
"""Pixels, at the wavelength of the cubes of one channel."""
_LAW_SEED = 999_983
_OTHERS = 3  # stars seen before the one of interest, where an algorithm wants references


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


@dataclass(frozen=True, slots=True)
class Star:
    """A star without companions, and other stars that the same instrument saw before it."""

    sequence: Sequence1
    others: tuple[SourceFile, ...] = ()


def empty_sequence(seed: int, plan: SequencePlan | None = None, *, speckled: bool = True) -> Sequence1:
    """A star without companions, by the plan that most algorithms share or by another."""
    plan = replace(plan or PLAN, speckled=speckled)
    return simulate_sequence(plan, np.random.default_rng([seed, 1]))


@contextlib.contextmanager
def star_of(name: str, seed: int) -> Iterator[Star]:
    """What an algorithm is tried on: a sequence by its plan, with references if it wants any."""
    entry = entry_of(name)
    if not entry.references:
        yield Star(empty_sequence(seed, entry.plan))
        return
    rng = np.random.default_rng([seed, 1])
    wavefront = lasting_wavefront(rng)
    others = [simulate_sequence(entry.plan, rng, wavefront) for _ in range(_OTHERS)]
    with tempfile.TemporaryDirectory(prefix="hcvo-truth-") as folder:
        files = [level1_file(one, Path(folder), f"other {number}") for number, one in enumerate(others)]
        yield Star(simulate_sequence(entry.plan, rng, wavefront), tuple(map(source, files)))


def scale_of(name: str) -> float:
    """Pixels of one lambda/D, mean over the channels of the algorithm's sequences."""
    return lambda_over_d(float(np.mean(entry_of(name).plan.wavelengths_um))) / PIXEL_MAS


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
        smear_deg=np.full(plan.angles_deg.size, plan.smear_deg) if plan.smear_deg else None,
    )


def level1_file(sequence: Sequence1, folder: Path, name: str) -> Path:
    """The sequence as a level 1 product of a star of that name, each star at another place."""
    inside = folder / name
    inside.mkdir()
    arrays = {"cube": sequence.cube, "angles": sequence.plan.angles_deg, "psf": sequence.psf}
    files = {role: inside / f"{role}.fits" for role in arrays}
    for role, array in arrays.items():
        fits.writeto(files[role], np.asarray(array, np.float32))
    given = ExternalCubeParameters.model_validate(
        {
            "pixel_scale_mas": PIXEL_MAS,
            "fwhm_px": sequence.fwhm_px,
            "star_flux": sequence.star_flux,
            "wavelength_um": sequence.plan.wavelengths_um,
            "filter": "simulated",
            "instrument": "SIMULATED",
            "date": "2020-02-01T04:05:06",
            "target": name,
            "ra_deg": 10.0 + 0.1 * sum(map(ord, name)),
            "dec_deg": -50.0,
        }
    )
    return run(external_cube.RECIPE, files, given, inside).made[ProductKind.CUBE].path


def _set_up(
    sequence: Sequence1, name: str, others: Sequence[SourceFile], changes: dict[str, Any]
) -> tuple[Entry, Level1Cube, Any, Method]:
    entry, level1 = entry_of(name), level1_of(sequence)
    level1 = joined(level1) if entry.joint else level1
    given = entry.given(**changes)
    references = [list(others)] if entry.references else []
    return entry, level1, given, entry.method(level1, given, QuietJob(), *references)


def reduced(
    sequence: Sequence1,
    name: str,
    others: Sequence[SourceFile] = (),
    **parameters: Any,  # noqa: ANN401 - checked by the recipe's parameters
) -> Level2:
    """All of level 2 by one algorithm with its defaults, but for the parameters named."""
    entry, level1, given, method = _set_up(sequence, name, others, parameters)
    return run_level2(level1, given, method, QuietJob(), turning=entry.turning)


def ready(
    sequence: Sequence1,
    name: str,
    **parameters: Any,  # noqa: ANN401 - checked by the recipe's parameters
) -> Searched:
    """The first half of `run_level2`: for measurements of single steps behind it."""
    return SetUp(sequence, name, **parameters).search(sequence)


class SetUp:
    """An algorithm as its recipe sets it up for a sequence; components it chooses there it keeps."""

    def __init__(
        self,
        sequence: Sequence1,
        name: str,
        **parameters: Any,  # noqa: ANN401 - checked by the recipe's parameters
    ) -> None:
        self._entry, _, self._given, self._method = _set_up(sequence, name, (), parameters)

    def search(self, sequence: Sequence1, **changes: float) -> Searched:
        """The first half of `run_level2` on a sequence of the same plan, with changes of the parameters."""
        level1 = level1_of(sequence)
        level1 = joined(level1) if self._entry.joint else level1
        given = self._given.model_copy(update=changes)
        return searched(level1, given, self._method, QuietJob(), turning=self._entry.turning)


@functools.cache
def contrast_law(name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Separations (pixels) and 5 sigma contrasts of one empty sequence: how bright to plant."""
    with star_of(name, _LAW_SEED) as star:
        step = scale_of(name) / float(np.mean(star.sequence.fwhm_px))
        made = reduced(
            star.sequence, name, star.others, inner_fwhm=3 * step, step_fwhm=1.5 * step, negative=False
        )
    points = [(row.sep / PIXEL_MAS, row.contrast) for row in made.contrast if row.channel == -1]
    separation, contrast = np.array([p for p in points if np.isfinite(p[1])]).T
    return separation, contrast


def place_of(source: PointSource, size: int) -> tuple[float, float]:
    """(x, y) in a derotated image of so many pixels."""
    angle = np.radians(source.pa_deg)
    reach = source.separation_px
    return size // 2 - reach * float(np.sin(angle)), size // 2 + reach * float(np.cos(angle))
