"""The contrast curve of level 2, and its images corrected for what the star's subtraction takes."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hcvo.headers.level2_tables import ContrastRow
from reduce.kernels.candidates import Found
from reduce.kernels.channels import stack
from reduce.kernels.contrast import CurvePoint, contrast_curve
from reduce.kernels.inject import Companion
from reduce.kernels.reduction import product_image
from reduce.kernels.throughput import corrected
from reduce.recipe import Job
from reduce.recipes.level1_cube import Level1Cube

__all__ = ["contrast_rows", "corrected_images", "curve", "magnitude", "wavelength"]

_NSIGMA = 5.0
_OUTSHINES = 1e30  # adu: stands for a star's flux that is not known; no contrast comes of it


def curve(
    found: Found,
    limits: tuple[float, float],
    step_px: float,
    branches: int,
    known: Sequence[Companion] = (),
) -> list[CurvePoint]:
    """Noise and throughput of each channel and of the stack, with the contrasts they give.

    Parameters
    ----------
    found : Found
        Of the search.
    limits : tuple[float, float]
        Smallest and largest separation, pixels.
    step_px : float
        Between separations.
    branches : int
        Azimuths of injection at each.
    known : Sequence[Companion]
        Places kept clear beside those of what was found.

    Returns
    -------
    list[CurvePoint]
        Channels in turn, then the stack. Where a star's flux is unknown the contrast stands for nothing;
        the throughput holds.
    """
    flux = np.array([c.star_flux for c in found.scene.channels])
    there = np.isfinite(flux)
    instead = float(np.median(flux[there])) if there.any() else _OUTSHINES
    channels = [
        c if np.isfinite(c.star_flux) else replace(c, star_flux=instead) for c in found.scene.channels
    ]
    radii = [float(r) for r in np.arange(limits[0], limits[1] + 1e-9, step_px)]
    places = [*found.companions, *known]
    return contrast_curve(replace(found.scene, channels=channels), radii, places, branches, _NSIGMA)


def contrast_rows(
    level1: Level1Cube, found: Found, points: Sequence[CurvePoint], job: Job
) -> tuple[ContrastRow, ...]:
    """Rows of the contrast curve: channels whose star is known, and the stack when all are.

    Parameters
    ----------
    level1 : Level1Cube
        The data.
    found : Found
        Of the search.
    points : Sequence[CurvePoint]
        Of `curve`.
    job : Job
        For the log.

    Returns
    -------
    tuple[ContrastRow, ...]
        Empty when no star flux is known.
    """
    known = [bool(np.isfinite(c.star_flux)) for c in level1.channels]
    if not any(known):
        job.log.warning("no contrast: the star's flux is unknown (STAR_FLUX is NaN)", cube=level1.name)
    _tell(level1, points, job)
    return tuple(
        ContrastRow(
            channel=p.channel,
            wavelength=wavelength(level1, found, p.channel),
            sep=p.radius * level1.scale_mas,
            contrast=p.contrast,
            dmag=magnitude(p.contrast),
            nsigma=_NSIGMA,
            dof=p.dof,
            throughput=p.throughput,
            small_sample=True,
            throughput_corr=True,
            coronagraph_corr=False,
        )
        for p in points
        if (all(known) if p.channel < 0 else known[p.channel])
    )


def _tell(level1: Level1Cube, points: Sequence[CurvePoint], job: Job) -> None:
    """Points whose throughput rests on fewer azimuths than others, or whose level was not found."""
    most = max((p.azimuths for p in points), default=0)
    for p in points:
        where = {
            "channel": p.channel,
            "sep_mas": round(p.radius * level1.scale_mas, 1),
            "azimuths": p.azimuths,
        }
        if 0 < p.azimuths < most:
            job.log.info("throughput on fewer azimuths: there is no data at the others", **where)
        if p.azimuths and not p.settled:
            job.log.warning("no contrast: no flux injected arrives at the limit of detection", **where)


def corrected_images(found: Found, points: Sequence[CurvePoint]) -> NDArray[np.float32]:
    """Residuals of the channels, then their stack, each over its throughput.

    Parameters
    ----------
    found : Found
        Of the search.
    points : Sequence[CurvePoint]
        Of `curve`.

    Returns
    -------
    NDArray[np.float32]
        (channel + 1, y, x) adu; NaN where next to nothing comes through or it was not measured.
    """
    residual = [product_image(r) for r in found.original]
    images = [*residual, stack(residual, found.scene.weights)]
    out = []
    for channel, image in zip((*range(len(residual)), -1), images, strict=True):
        own = [p for p in points if p.channel == channel]
        radii, through = np.array([p.radius for p in own]), np.array([p.throughput for p in own])
        out.append(corrected(image, radii, through))
    return np.stack(out)


def wavelength(level1: Level1Cube, found: Found, channel: int) -> float:
    """Wavelength of a channel, um; -1: of the stack, the weighted mean."""
    values = [c.wavelength_um for c in level1.channels]
    return float(np.dot(found.scene.weights, values)) if channel < 0 else values[channel]


def magnitude(contrast: float) -> float:
    """Magnitudes fainter than the star; NaN for what is not positive."""
    return float(-2.5 * np.log10(contrast)) if contrast > 0 else float("nan")
