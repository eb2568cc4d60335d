"""From a level 1 cube to findings: the steps every algorithm of level 2 shares."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hcvo.errors import ReductionError
from hcvo.headers.level2_tables import CandidateRow, ContrastRow
from reduce.kernels.candidates import Found, search
from reduce.kernels.channels import Algorithm, Channel, stack
from reduce.kernels.false_alarms import false_alarms
from reduce.kernels.inject import Companion, prepare_psf
from reduce.kernels.joint import join
from reduce.kernels.reduction import OwnSnr, product_image
from reduce.kernels.snr import significance, snr_map
from reduce.kernels.spectral import channel_images
from reduce.recipe import Job, Parameters
from reduce.recipes.level1_cube import Level1Cube, Systematics
from reduce.recipes.level2_candidates import candidate_rows, with_false_rates
from reduce.recipes.level2_curve import contrast_rows, corrected_images, curve
from reduce.recipes.level2_negative import with_negatives
from reduce.recipes.level2_spectrum import spectrum_rows

__all__ = ["Level2", "Level2Parameters", "Searched", "Setting", "run_level2", "searched"]

_PSF_REACH = 4.0  # FWHM of the PSF's wings that injections carry
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
    negative: bool = Field(
        default=True,
        description="look for place and flux of each candidate by a negative companion as well; not where "
        "all channels are reduced as one: their spectrum is the second opinion",
    )
    branches: int = Field(default=3, ge=1, description="azimuths of injection at each separation of a curve")
    step_fwhm: float = Field(default=1.0, gt=0, description="step in separation of the contrast curve, FWHM")
    known: tuple[tuple[float, float], ...] = Field(
        default=(),
        description="known companions, separation in mas and position angle in deg each: nothing within "
        "1 FWHM of them is taken for noise, no test companion is put near them",
    )
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
    corrected : NDArray[np.float32]
        (channel + 1, y, x) adu: the channels, then the stack, over their throughputs; NaN outside the
        separations searched and where next to nothing comes through.
    image : NDArray[np.float32]
        (y, x) weighted mean of the channels, adu.
    snr, significance : NDArray[np.float32]
        (channel + 1, y, x): the channels, then the stack; NaN outside the separations searched.
    weights : NDArray[np.float64]
        (channel,) of the stack.
    contrast : tuple[ContrastRow, ...]
        Empty when no star flux is known.
    candidates : tuple[CandidateRow, ...]
        For each candidate the stack, then the channels; of channels reduced as one 0 is all, 1 ... each.
    inner_mas, outer_mas : float
        Separations searched.
    systematics : Systematics
        What went into the errors.
    own_snr : NDArray[np.float32] | None
        (channel, y, x) by the algorithm's own model of the noise; None where it has none.
    """

    residual: NDArray[np.float32]
    corrected: NDArray[np.float32]
    image: NDArray[np.float32]
    snr: NDArray[np.float32]
    significance: NDArray[np.float32]
    weights: NDArray[np.float64]
    contrast: tuple[ContrastRow, ...]
    candidates: tuple[CandidateRow, ...]
    inner_mas: float
    outer_mas: float
    systematics: Systematics
    own_snr: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class Searched:
    """A cube reduced by one algorithm, its companions found.

    Attributes
    ----------
    channels : Sequence[Channel]
        The data.
    found : Found
        Detections and reductions.
    inner_px, outer_px : float
        Separations searched.
    known : Sequence[Companion]
        Companions that were told of, without a flux.
    algorithm : Algorithm
        What reduced them.
    """

    channels: Sequence[Channel]
    found: Found
    inner_px: float
    outer_px: float
    known: Sequence[Companion]
    algorithm: Algorithm


def searched(
    level1: Level1Cube,
    parameters: Level2Parameters,
    algorithm: Callable[[Setting], Algorithm],
    job: Job,
    *,
    turning: bool = True,
) -> Searched:
    """Subtract the star and search for companions.

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
    Searched
        Reductions with and without what was found.

    Raises
    ------
    ReductionError
        If there are too few frames, too little rotation for what needs it, or the field is too small to
        search.
    """
    if level1.empty:
        job.log.warning("frames without any number are left out", frames=level1.empty, cube=level1.name)
    if level1.dead:
        job.log.warning("channels that saw nothing are left out", channels=level1.dead, cube=level1.name)
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
    known = _known(parameters.known, channels[0].centre, level1)
    found = search(
        channels,
        made,
        threshold=parameters.threshold,
        inner=inner,
        outer=outer,
        limit=parameters.max_candidates,
        excluded=[(c.x, c.y) for c in known],
    )
    if found.untried:
        job.log.warning("search ended with peaks left", why=found.untried)
    job.log.info("searched", candidates=len(found.detections), inner_px=inner, outer_px=outer)
    job.progress(0.3)
    return Searched(channels, found, inner, outer, known, made)


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

    See Also
    --------
    searched : a ReductionError of it is raised.
    """
    done = searched(level1, parameters, algorithm, job, turning=turning)
    found, known, limits = done.found, done.known, (done.inner_px, done.outer_px)
    systematics = _systematics(level1.systematics, parameters)
    rows = candidate_rows(level1, found, parameters.injections, systematics, job, known)
    if parameters.negative and not level1.joined:  # as one, bright trials shape the components: no opinion
        rows = with_negatives(rows, found, level1.scale_mas, job)
    spectra = spectrum_rows(level1, found, rows)
    job.progress(0.7)
    points = curve(found, limits, parameters.step_fwhm * found.scene.fwhm, parameters.branches, known)
    job.progress(0.9)
    snr, sigma = _maps(found, limits, known)
    over = corrected_images(found, points)
    over[:, ~_between(over.shape[-1], *limits)] = np.nan
    level2 = Level2(
        residual=channel_images(done.channels, found.original),
        corrected=over,
        image=stack([product_image(r) for r in found.original], found.scene.weights),
        snr=snr,
        significance=sigma,
        own_snr=_own_snr(found, limits),
        weights=found.scene.weights,
        contrast=contrast_rows(level1, found, points, job),
        candidates=rows,
        inner_mas=limits[0] * level1.scale_mas,
        outer_mas=limits[1] * level1.scale_mas,
        systematics=systematics,
    )
    if not rows:
        return level2
    alarms = false_alarms(found.scene, found.companions, done.algorithm, limits)  # last: uses up the scene
    return replace(level2, candidates=_in_order([*with_false_rates(rows, alarms), *spectra]))


def _in_order(rows: Sequence[CandidateRow]) -> tuple[CandidateRow, ...]:
    """Of each candidate the stack, then the channels."""
    return tuple(sorted(rows, key=lambda row: (row.candidate, row.channel)))


def _known(
    places: Sequence[tuple[float, float]], centre: tuple[float, float], level1: Level1Cube
) -> list[Companion]:
    """Known companions in the derotated image, without a flux."""
    nothing = (0.0,) * len(level1.channels)
    return [
        Companion(
            centre[0] - sep / level1.scale_mas * float(np.sin(np.radians(pa))),
            centre[1] + sep / level1.scale_mas * float(np.cos(np.radians(pa))),
            nothing,
        )
        for sep, pa in places
    ]


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
    """Say where injected companions are sharper than real ones, if the turn within frames is unknown."""
    if level1.smear_deg is not None or len(level1.angles_deg) < _FEWEST_FRAMES:
        return
    turn = float(np.median(np.abs(np.diff(np.unwrap(level1.angles_deg, period=360.0)))))
    moved = float(np.radians(turn)) * outer
    if moved > _SMEAR_FWHM * fwhm:
        job.log.warning(
            "rotation within a frame is not modelled (DEROTATION has no SMEAR; external_cube takes "
            "smear_deg or smear_share): far out, companions are smeared, injected ones are not",
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
            smear_deg=level1.smear_deg,
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


def _own_snr(found: Found, limits: tuple[float, float]) -> NDArray[np.float32] | None:
    planes = [r.snr for r in found.original if isinstance(r, OwnSnr)]
    if not planes:
        return None
    snr = np.stack(planes)
    snr[:, ~_between(snr.shape[-1], *limits)] = np.nan
    return snr


def _maps(
    found: Found, limits: tuple[float, float], known: Sequence[Companion]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Small-sample statistic and significance where it was searched; noise without the companions."""
    scene, places = found.scene, [(c.x, c.y) for c in (*found.companions, *known)]
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
