"""From a level 1 cube to findings: the steps every algorithm of level 2 shares."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hcvo.errors import ReductionError
from hcvo.headers.level2_tables import CandidateRow, ContrastRow
from hcvo.headers.wcs import sky_of_offset
from reduce.kernels.candidates import Detection, Found, search
from reduce.kernels.channels import Algorithm, Channel, stack
from reduce.kernels.characterise import Deviations, injected_deviations, spread
from reduce.kernels.contrast import contrast_curve
from reduce.kernels.fit import POOR
from reduce.kernels.inject import prepare_psf
from reduce.kernels.joint import join
from reduce.kernels.snr import significance, snr_map
from reduce.kernels.spectral import channel_images
from reduce.recipe import Job, Parameters
from reduce.recipes.level1_cube import Level1Cube, Systematics

__all__ = ["Level2", "Level2Parameters", "Setting", "run_level2"]

_PSF_REACH = 4.0  # FWHM of the PSF's wings that injections carry
_NSIGMA = 5.0
_SMEAR_FWHM = 0.3  # turn from frame to frame at the outer edge from which injections are too sharp
_FEWEST_FRAMES = 3  # a median of fewer is no estimate of the star


class Level2Parameters(Parameters):
    """Parameters that all algorithms of level 2 share."""

    inner_fwhm: float = Field(
        default=1.5,
        gt=0.5,
        description="smallest separation searched and modelled, FWHM; never inside the coronagraph's mask",
    )
    outer_mas: float | None = Field(
        default=None,
        gt=0,
        description="largest separation, mas; the images are cropped to it; None is the whole",
    )
    combine: str = Field(default="median", pattern="^(median|mean)$", description="combination over time")
    threshold: float = Field(default=5.0, gt=0, description="significance of a candidate, Gaussian sigmas")
    max_candidates: int = Field(default=20, ge=0, description="most companions searched for")
    injections: int = Field(
        default=16, ge=3, description="injected copies behind the errors of each candidate"
    )
    branches: int = Field(default=3, ge=1, description="azimuths of injection at each separation of a curve")
    step_fwhm: float = Field(default=1.0, gt=0, description="step in separation of the contrast curve, FWHM")
    centre_error_mas: float | None = Field(
        default=None,
        ge=0,
        description="systematic error of the star's place, mas; None is the cube's CENTRERR",
    )
    pixel_scale_error_mas: float | None = Field(
        default=None,
        ge=0,
        description="systematic error of the pixel scale, mas/px; None is the cube's PIXSCERR",
    )
    true_north_error_deg: float | None = Field(
        default=None, ge=0, description="systematic error of true north, deg; None is the cube's NORTHERR"
    )


@dataclass(frozen=True, slots=True)
class Setting:
    """What an algorithm is given to set itself up.

    Attributes
    ----------
    channels : Sequence[Channel]
        The data.
    mask : NDArray[np.bool_]
        (y, x) pixels from 1 FWHM inside the inner to 1 FWHM outside the outer separation.
    inner_px, outer_px : float
        Separations searched.
    """

    channels: Sequence[Channel]
    mask: NDArray[np.bool_]
    inner_px: float
    outer_px: float


@dataclass(frozen=True, slots=True)
class Level2:
    """Everything the products of one algorithm hold.

    Attributes
    ----------
    residual : NDArray[np.float32]
        (channel, y, x) adu, north up.
    image : NDArray[np.float32]
        (y, x) weighted mean of the channels, adu.
    snr, significance : NDArray[np.float32]
        (channel + 1, y, x): the channels, then the stack; NaN outside the separations searched.
    weights : NDArray[np.float64]
        (channel,) of the stack.
    contrast : tuple[ContrastRow, ...]
        Empty when no star flux is known.
    candidates : tuple[CandidateRow, ...]
        For each candidate the stack, then the channels.
    inner_mas, outer_mas : float
        Separations searched.
    systematics : Systematics
        What went into the errors.
    """

    residual: NDArray[np.float32]
    image: NDArray[np.float32]
    snr: NDArray[np.float32]
    significance: NDArray[np.float32]
    weights: NDArray[np.float64]
    contrast: tuple[ContrastRow, ...]
    candidates: tuple[CandidateRow, ...]
    inner_mas: float
    outer_mas: float
    systematics: Systematics


def run_level2(
    level1: Level1Cube,
    parameters: Level2Parameters,
    algorithm: Callable[[Setting], Algorithm],
    job: Job,
    *,
    turning: bool = True,
) -> Level2:
    """Subtract the star, search, characterise, and measure the contrast reached.

    Parameters
    ----------
    level1 : Level1Cube
        The data.
    parameters : Level2Parameters
        Of the recipe.
    algorithm : Callable[[Setting], Algorithm]
        Makes the algorithm for this cube.
    job : Job
        For log and progress.
    turning : bool
        The algorithm lives on the turn of the field.

    Returns
    -------
    Level2
        Images and rows.

    Raises
    ------
    ReductionError
        If there are too few frames, too little rotation for what needs it, or the field is too small to
        search.
    """
    fwhm = float(np.mean([c.fwhm_px for c in level1.channels]))
    inner = max(parameters.inner_fwhm * fwhm, level1.mask_mas / level1.scale_mas)
    edge = level1.cube.shape[-1] // 2 - fwhm
    outer = min(edge, (parameters.outer_mas or np.inf) / level1.scale_mas)
    if outer <= inner:
        raise ReductionError(
            f"{level1.name}: {level1.cube.shape[-1]} px leave separations up to {outer:.1f} px, "
            f"wanted more than the inner {inner:.1f} px; enlarge the cube or outer_mas"
        )
    if turning:
        _check_rotation(level1, outer, fwhm)
    _warn_of_smear(level1, outer, fwhm, job)
    channels = _channels(level1, int(np.ceil(outer + 2 * fwhm)))
    mask = _between(channels[0].cube.shape[-1], inner - fwhm, outer + fwhm)
    job.progress(0.05)
    made = algorithm(Setting(channels, mask, inner, outer))
    found = search(
        channels,
        made,
        threshold=parameters.threshold,
        inner=inner,
        outer=outer,
        limit=parameters.max_candidates,
    )
    if found.untried:
        job.log.warning("search ended with peaks left", why=found.untried)
    job.log.info("searched", candidates=len(found.detections), inner_px=inner, outer_px=outer)
    job.progress(0.3)
    systematics = _systematics(level1.systematics, parameters)
    rows = _candidate_rows(level1, found, parameters.injections, systematics, job)
    job.progress(0.7)
    contrast = _contrast_rows(level1, found, (inner, outer), parameters, job)
    job.progress(0.9)
    snr, sigma = _maps(found, (inner, outer))
    return Level2(
        residual=channel_images(channels, found.original),
        image=stack([r.image for r in found.original], found.scene.weights),
        snr=snr,
        significance=sigma,
        weights=found.scene.weights,
        contrast=contrast,
        candidates=rows,
        inner_mas=inner * level1.scale_mas,
        outer_mas=outer * level1.scale_mas,
        systematics=systematics,
    )


def _check_rotation(level1: Level1Cube, outer: float, fwhm: float) -> None:
    """Angular differential imaging lives on companions that move: refuse what would only give numbers."""
    frames = level1.cube.shape[1]
    if frames < _FEWEST_FRAMES:
        raise ReductionError(
            f"{level1.name}: {frames} frame(s), wanted at least {_FEWEST_FRAMES} for angular differential "
            "imaging; add exposures or take back the frame selection"
        )
    span = float(np.ptp(np.unwrap(level1.angles_deg, period=360.0)))
    moved = float(np.radians(span)) * outer
    if moved < fwhm:
        raise ReductionError(
            f"{level1.name}: the field turns by {span:.2f} deg, {moved:.1f} px at the outer edge "
            f"({outer:.0f} px), wanted at least 1 FWHM, {fwhm:.1f} px; angular differential imaging "
            "needs pupil tracking and a longer sequence"
        )


def _warn_of_smear(level1: Level1Cube, outer: float, fwhm: float, job: Job) -> None:
    """Say where injected companions are sharper than real ones, which turn while a frame is exposed."""
    turn = float(np.median(np.abs(np.diff(np.unwrap(level1.angles_deg, period=360.0)))))
    moved = float(np.radians(turn)) * outer
    if moved > _SMEAR_FWHM * fwhm:
        job.log.warning(
            "rotation within a frame is not modelled: far out, companions are smeared, injected ones are not",
            deg_per_frame=round(turn, 3),
            px_at_outer=round(moved, 2),
            from_mas=round(_SMEAR_FWHM * fwhm / float(np.radians(turn)) * level1.scale_mas),
            wanted_px=round(_SMEAR_FWHM * fwhm, 2),
        )


def _channels(level1: Level1Cube, half: int) -> Sequence[Channel]:
    middle = level1.cube.shape[-1] // 2
    kept = slice(max(0, middle - half), middle + min(half, middle) + 1)
    channels = [
        Channel(
            cube=level1.cube[c, :, kept, kept],
            angles_deg=level1.angles_deg,
            psf=prepare_psf(level1.psf[c], int(np.ceil(_PSF_REACH * facts.fwhm_px))),
            fwhm=facts.fwhm_px,
            star_flux=facts.star_flux,
            wavelength_um=facts.wavelength_um,
        )
        for c, facts in enumerate(level1.joined or level1.channels)
    ]
    spectrum = np.array(level1.spectrum) if level1.spectrum else None
    return [join(channels, spectrum)] if level1.joined else channels


def _between(size: int, inner: float, outer: float) -> NDArray[np.bool_]:
    side = np.arange(size) - size // 2
    radius = np.hypot(side[None], side[:, None])
    return np.asarray((radius >= inner) & (radius <= outer))


def _systematics(given: Systematics, parameters: Level2Parameters) -> Systematics:
    def chosen(parameter: float | None, card: float) -> float:
        return card if parameter is None else parameter

    return Systematics(
        chosen(parameters.centre_error_mas, given.centre_mas),
        chosen(parameters.pixel_scale_error_mas, given.pixel_scale_mas),
        chosen(parameters.true_north_error_deg, given.true_north_deg),
    )


def _maps(found: Found, limits: tuple[float, float]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Small-sample statistic and significance where it was searched; noise without the companions."""
    scene, places = found.scene, [(d.companion.x, d.companion.y) for d in found.detections]
    images = [r.image for r in found.original]
    planes = [
        (image, clean.image, channel.fwhm)
        for image, clean, channel in zip(images, scene.reductions, scene.channels, strict=True)
    ]
    planes.append((stack(images, scene.weights), scene.image, scene.fwhm))
    pairs = [snr_map(image, fwhm, noise=clean, excluded=places) for image, clean, fwhm in planes]
    snr = np.stack([p[0] for p in pairs])
    snr[:, ~_between(snr.shape[-1], *limits)] = np.nan
    return snr, significance(snr, np.stack([p[1] for p in pairs])).astype(np.float32)


def _contrast_rows(
    level1: Level1Cube,
    found: Found,
    limits: tuple[float, float],
    parameters: Level2Parameters,
    job: Job,
) -> tuple[ContrastRow, ...]:
    known = [np.isfinite(c.star_flux) for c in level1.channels]
    if not any(known):
        job.log.warning("no contrast: the star's flux is unknown (STAR_FLUX is NaN)", cube=level1.name)
        return ()
    step = parameters.step_fwhm * found.scene.fwhm
    radii = np.arange(limits[0], limits[1] + 1e-9, step)
    companions = [d.companion for d in found.detections]
    points = contrast_curve(found.scene, [float(r) for r in radii], companions, parameters.branches, _NSIGMA)
    return tuple(
        ContrastRow(
            channel=p.channel,
            wavelength=_wavelength(level1, found, p.channel),
            sep=p.radius * level1.scale_mas,
            contrast=p.contrast,
            dmag=_magnitude(p.contrast),
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


def _wavelength(level1: Level1Cube, found: Found, channel: int) -> float:
    values = [c.wavelength_um for c in level1.channels]
    return float(np.dot(found.scene.weights, values)) if channel < 0 else values[channel]


def _magnitude(contrast: float) -> float:
    return float(-2.5 * np.log10(contrast)) if contrast > 0 else float("nan")


def _candidate_rows(
    level1: Level1Cube, found: Found, injections: int, systematics: Systematics, job: Job
) -> tuple[CandidateRow, ...]:
    companions = [d.companion for d in found.detections]
    rows: list[CandidateRow] = []
    for number, detection in enumerate(found.detections, start=1):
        wanted = injections if detection.good else 0  # no error without a fit
        copies = injected_deviations(found.scene, detection.companion, companions, wanted)
        job.log.info(
            "candidate",
            number=number,
            fitted=detection.good,
            snr=detection.snr[-1],
            copies=len(copies.radial),
            copies_failed=copies.failed,
            copies_poor=copies.poor,
        )
        if not detection.good:
            job.log.warning(
                "candidate without a good fit: no contrast and no errors are given",
                number=number,
                converged=detection.fitted,
                left=round(detection.left, 2),
                wanted=f"at most {POOR:g} times the noise, squared",
            )
        rows += _rows_of(level1, found, (number, detection), copies, systematics)
        job.progress(0.3 + 0.4 * number / len(companions))
    return tuple(rows)


def _rows_of(
    level1: Level1Cube,
    found: Found,
    numbered: tuple[int, Detection],
    copies: Deviations,
    systematics: Systematics,
) -> list[CandidateRow]:
    """Rows of one candidate: the stack, then the channels; the place is the same in all."""
    number, detection = numbered
    scale, companion = level1.scale_mas, detection.companion
    cx, cy = found.scene.channels[0].centre
    radial, tangential = (spread(v, copies.independent) for v in (copies.radial, copies.tangential))
    dx, dy = companion.x - cx, companion.y - cy
    fitted = float(np.hypot(dx, dy))
    radius = fitted - np.nan_to_num(radial.bias)
    angle = float(np.arctan2(-dx, dy)) - np.nan_to_num(tangential.bias) / fitted
    centre = systematics.centre_mas / scale
    relative = systematics.pixel_scale_mas / scale
    ra, dec = sky_of_offset(
        level1.facts.ra_deg or 0.0,
        level1.facts.dec_deg or 0.0,
        radius * np.sin(angle) * scale,
        radius * np.cos(angle) * scale,
    )
    pa_err = np.sqrt(
        (tangential.error**2 + centre**2) / radius**2 + np.radians(systematics.true_north_deg) ** 2
    )
    shared = {
        "candidate": number,
        "sep": radius * scale,
        "sep_err": float(np.sqrt(radial.error**2 + centre**2 + (radius * relative) ** 2)) * scale,
        "pa": float(np.degrees(angle)) % 360.0,
        "pa_err": float(np.degrees(pa_err)),
        "ra": ra,
        "dec": dec,
        "x": cx - radius * float(np.sin(angle)),
        "y": cy + radius * float(np.cos(angle)),
        "n_injections": len(copies.radial),
    }
    rows = []
    for channel in (-1, *range(len(level1.channels))):
        contrast, error = _photometry(level1, found, detection, copies, channel)
        rows.append(
            CandidateRow(
                **shared,
                channel=channel,
                wavelength=_wavelength(level1, found, channel),
                contrast=contrast,
                contrast_err=error,
                dmag=_magnitude(contrast),
                dmag_err=2.5 / float(np.log(10)) * error / contrast if contrast > 0 else float("nan"),
                snr=detection.snr[channel],
                significance=detection.significance[channel],
            )
        )
    return rows


def _photometry(
    level1: Level1Cube, found: Found, detection: Detection, copies: Deviations, channel: int
) -> tuple[float, float]:
    """Contrast and its error: bias of the copies taken off, the star's own error added."""
    star = np.array([c.star_flux for c in level1.channels])
    star_error = np.nan_to_num([c.star_flux_err for c in level1.channels])
    flux = np.array(detection.companion.flux)
    share = found.scene.weights if channel < 0 else np.eye(len(star))[channel]
    total, reference = float(share @ flux), float(np.sum(share[share > 0] * star[share > 0]))
    if not detection.good:
        return float("nan"), float("nan")
    relative = spread(copies.flux @ (share * flux) / total, copies.independent)
    contrast = total / reference / (1 + np.nan_to_num(relative.bias))
    star_relative = float(share @ star_error) / reference
    return float(contrast), float(contrast * np.hypot(relative.error, star_relative))
