"""What more channels and other stars bring: ASDI beside ADI on an IFS, RDI near the star."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from hcvo.headers.level2_tables import read_contrast
from hcvo.model.product import ProductKind
from hcvo.report import Row
from reduce.recipe import Recipe
from reduce.recipes import pca, pca_rdi, pca_spectral
from reduce.simulate.level1_cube import (
    PointSource,
    SequencePlan,
    lasting_wavefront,
    simulate_sequence,
    with_companions,
)
from reduce.simulate.optics import aperture_sum, lambda_over_d
from tests.reduce.recipes.folder_job import FolderJob, run, source
from tests.truth.level2_cubes import LAMBDA_OVER_D, level1_file, place_of

__all__ = ["asdi_gains", "asdi_rows", "rdi_rows", "rdi_throughputs"]

_IFS = tuple(np.linspace(0.96, 1.34, 39)[::4].tolist())
_TURNS = np.linspace(-118.0, -78.0, 16)
_SIZE = 91
_GAIN_AT = (3.0, 6.0, 10.0)  # lambda/D of the middle channel
_REFERENCES = 4
_STAR = 2.0  # lambda/D
_LEAST = 0.8
_CONTRAST = 2.0e-5  # well above the noise: the modes are other stars', not the companion's
_AZIMUTHS = (50.0, 85.0, 170.0, 205.0, 290.0, 325.0)  # deg; the recipe looks at 25, 145 and 265


def asdi_gains(seed: int) -> NDArray[np.float64]:
    """5 sigma contrast by ADI over that by ASDI, of the mean over channels.

    Parameters
    ----------
    seed : int
        Of the sequence.

    Returns
    -------
    NDArray[np.float64]
        (separation,).
    """
    plan = SequencePlan(_TURNS, _SIZE, _IFS)
    sequence = simulate_sequence(plan, np.random.default_rng([seed, 6]))
    with tempfile.TemporaryDirectory(prefix="hcvo-asdi-") as name:
        folder = Path(name)
        cube = level1_file(sequence, folder, "star")
        curves = [_curve(one, cube, folder) for one in (pca.RECIPE, pca_spectral.ASDI)]
    return np.array(np.divide(*curves))


def _curve(recipe: Recipe, cube: Path, folder: Path) -> NDArray[np.float64]:
    """Contrast of the stack at the separations asked for."""
    job = run(recipe, {"cube": cube}, recipe.parameters(), folder, len(recipe.name))
    rows = [row for row in read_contrast(job.made[ProductKind.CONTRAST].path) if row.channel == -1]
    points = np.array([(row.sep, row.contrast) for row in rows if np.isfinite(row.contrast)])
    wanted = np.array(_GAIN_AT) * lambda_over_d(_IFS[len(_IFS) // 2])
    return np.asarray(np.exp(np.interp(wanted, points[:, 0], np.log(points[:, 1]))))


def asdi_rows(made: Sequence[NDArray[np.float64]]) -> list[Row]:
    """Median gains over sequences.

    Parameters
    ----------
    made : Sequence[NDArray[np.float64]]
        `asdi_gains` of each.

    Returns
    -------
    list[Row]
        One a separation, stated.
    """
    gains, of = np.median(np.array(made), axis=0), f"of {len(made)}"
    return [
        Row("pca_asdi", f"contrast of ADI over ASDI at {at:g} lambda/D", float(gain), of, "stated", ok=True)
        for at, gain in zip(_GAIN_AT, gains, strict=True)
    ]


def rdi_throughputs(seed: int) -> NDArray[np.float64]:
    """Share of planted companions that RDI leaves at 2 lambda/D, the same instrument having seen other stars.

    Companions stand in the frames before anything looks at them: the frames of the library that resemble
    the science frames, and the number of modes (which the recipe chooses by a throughput of its own, at three
    azimuths), are chosen anew for each cube with a companion in it. What is measured is the difference to
    the reduction of the same frames without it, with choices of its own.

    Parameters
    ----------
    seed : int
        Of the sequences.

    Returns
    -------
    NDArray[np.float64]
        (azimuth,): what the image gains in the aperture by a companion of known flux, over that flux; at none
        of the azimuths at which the recipe looks.
    """
    rng = np.random.default_rng([seed, 7])
    plan, wavefront = SequencePlan(_TURNS, _SIZE), lasting_wavefront(rng)
    others = [simulate_sequence(plan, rng, wavefront) for _ in range(_REFERENCES)]
    empty = simulate_sequence(plan, rng, wavefront)
    with tempfile.TemporaryDirectory(prefix="hcvo-rdi-") as name:
        folder = Path(name)
        references = [level1_file(one, folder, f"other {k}") for k, one in enumerate(others)]
        before = _rdi_image(level1_file(empty, folder, "empty"), references, folder)
        through = []
        for pa in _AZIMUTHS:
            planted = PointSource(_STAR * LAMBDA_OVER_D, pa, _CONTRAST)
            cube = level1_file(with_companions(empty, [planted], rng), folder, f"planted {pa:g}")
            gained = _rdi_image(cube, references, folder) - before
            flux = aperture_sum(gained, *place_of(planted, len(gained)), empty.fwhm_px[0])
            through.append(flux / (_CONTRAST * empty.star_flux[0]))
    return np.array(through)


def _rdi_image(cube: Path, references: Sequence[Path], folder: Path) -> NDArray[np.float32]:
    files = {"cube": [source(cube)], "reference": [source(path) for path in references]}
    job = FolderJob(folder, sum(map(ord, cube.name)))
    pca_rdi.RECIPE.run(files, pca_rdi.RECIPE.parameters(), job)
    return np.asarray(fits.getdata(job.made[ProductKind.IMAGE].path), np.float32)


def rdi_rows(made: Sequence[NDArray[np.float64]]) -> list[Row]:
    """Throughput near the star.

    Parameters
    ----------
    made : Sequence[NDArray[np.float64]]
        `rdi_throughputs` of each sequence.

    Returns
    -------
    list[Row]
        Its mean.
    """
    values = np.concatenate(made)
    mean, error = float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
    quantity = f"throughput of planted companions at {_STAR:g} lambda/D"
    return [Row("pca_rdi", quantity, mean, f"+- {error:.3f}", f">= {_LEAST:g}", ok=mean >= _LEAST)]
