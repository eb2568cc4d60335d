"""A cube reduced to level 1 elsewhere becomes a level 1 cube of ours."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, TypeVar

import numpy as np
from astropy.io import fits
from astropy.time import Time
from numpy.typing import NDArray
from pydantic import Field, field_validator

from hcvo.errors import InputError, NotFitsError, ReductionError
from hcvo.headers.product import product_header
from hcvo.headers.wcs import celestial_header
from hcvo.model.names import url_safe
from hcvo.model.product import ProductFacts, ProductKind
from hcvo.store import write_aside
from reduce.kernels.gaps import shifted
from reduce.kernels.psf_shape import saturated_radius
from reduce.product_file import image_hdu, table_hdu, write_preview
from reduce.recipe import Consume, Job, Parameters, Recipe, SourceFile
from reduce.recipes.external_psf import prepared

__all__ = ["RECIPE", "ExternalCubeParameters", "observation_name"]

_T = TypeVar("_T")
_TEXT = r"^[ -~]*$"  # FITS 4.0, section 4.2.1: a card holds printable ASCII
_BY_CHANNEL = ("fwhm_px", "star_flux", "star_flux_error", "wavelength_um", "width_um")
_LEAST_FRAMES = 3
_LEAST_FWHM = 6  # a field smaller than this many FWHM across has no ring to measure noise on


class ExternalCubeParameters(Parameters):
    """What the files themselves do not tell."""

    pixel_scale_mas: float = Field(gt=0, description="pixel scale, mas per pixel")
    fwhm_px: tuple[float, ...] = Field(min_length=1, description="FWHM of each channel, pixels")
    star_flux: tuple[float | None, ...] = Field(
        default=(None,),
        description="star in an aperture of 1 FWHM, adu, each channel; None unknown: no contrast",
    )
    star_flux_error: tuple[Annotated[float, Field(ge=0)] | None, ...] = Field(
        default=(None,), description="1 sigma error of star_flux, adu, each channel; None unknown"
    )
    wavelength_um: tuple[float, ...] = Field(min_length=1, description="wavelength of each channel, um")
    width_um: tuple[float, ...] = Field(default=(0.0,), description="width of each channel, um; 0 unknown")
    filter: str = Field(min_length=1, pattern=_TEXT, description="filter")
    instrument: str = Field(min_length=1, pattern=_TEXT, description="instrument")
    telescope: str = Field(default="", pattern=_TEXT, description="telescope")
    date: str = Field(description="start of the sequence, UTC, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss")
    target: str = Field(min_length=1, pattern=_TEXT, description="name of the star")
    ra_deg: float = Field(ge=0, lt=360, description="star, ICRS, degrees")
    dec_deg: float = Field(ge=-90, le=90, description="star, ICRS, degrees")
    center: tuple[float, float] | None = Field(
        default=None, description="x, y of the star, 0-based pixels; None is the middle (n - 1)/2"
    )
    mask_mas: float = Field(
        default=0.0, ge=0, description="radius of the coronagraph's mask, mas; 0 none; level 2 starts outside"
    )
    dit_s: float = Field(default=0.0, ge=0, description="integration time of a frame, s; 0 unknown")
    smear_deg: tuple[float, ...] = Field(
        default=(),
        description="turn of the field within a frame, its angle half-way, deg: one, or one a frame; empty "
        "unknown",
    )
    smear_share: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="the same as a share of the turn from frame to frame: 1 exposed without a break; None "
        "unknown: companions are injected as sharp as if the field stood still in each frame",
    )
    programme: str = Field(default="", pattern=_TEXT, description="observing programme")
    centre_error_mas: float = Field(
        default=0.0, ge=0, description="error of the star's place, mas; 0 unknown"
    )
    pixel_scale_error_mas: float = Field(
        default=0.0, ge=0, description="error of the pixel scale, mas/px; 0 unknown"
    )
    true_north_error_deg: float = Field(default=0.0, ge=0, description="error of true north, deg; 0 unknown")

    @field_validator(*_BY_CHANNEL, "smear_deg", mode="before")
    @classmethod
    def _one_for_all(cls, value: object) -> object:
        return (value,) if value is None or isinstance(value, int | float) else value


@dataclass(frozen=True, slots=True)
class _External:
    """What the three files hold, checked: cube (channel, time, y, x), angles (time,), psf (channel, y, x).

    `smear_deg` (time,) is by how much the field turned within each frame, None where that is unknown;
    `mask_px` is how far from the star nothing can be seen: mask or saturated core.
    """

    cube: NDArray[np.float32]
    angles_deg: NDArray[np.float64]
    smear_deg: NDArray[np.float64] | None
    psf: NDArray[np.float32]
    mask_px: float


def observation_name(instrument: str, target: str, start: datetime) -> str:
    """Name of an observation with an instrument we do not reduce: ``<INSTRUMENT>.<target slug>.<start>``.

    Both are written as `hcvo.model.names.url_safe` does, '+' as 'p' before a digit: BD+20 5 is BDp20-5.
    """
    slug = url_safe(re.sub(r"[._]+", "-", target)).strip("-") or "star"
    return f"{url_safe(instrument.upper())}.{slug}.{start:%Y-%m-%dT%H:%M:%S}"


def _run(files: Mapping[str, Sequence[SourceFile]], parameters: Parameters, job: Job) -> None:
    assert isinstance(parameters, ExternalCubeParameters)
    cube_file, angle_file, psf_file = (files[role][0] for role in ("cube", "angles", "psf"))
    cube = _cube(cube_file.path)
    _check_channels(parameters, len(cube), cube_file.path)
    angles = _angles(angle_file.path, cube.shape[1])
    external = _External(
        cube=_centred(cube, parameters, cube_file.path, job),
        angles_deg=angles,
        smear_deg=_smear(parameters, angles, cube_file.path),
        psf=_psfs(psf_file.path, parameters, len(cube), job),
        mask_px=_mask(cube, parameters, cube_file.path, job),
    )
    if any(flux is None for flux in _spread(parameters.star_flux, len(cube))):
        job.log.warning(
            "the star's flux is not given: level 2 will state no contrast", target=parameters.target
        )
    facts = _facts(parameters, external, (cube_file.name, angle_file.name, psf_file.name), job)
    _write(external, facts, parameters, job)


def _load(path: Path, what: str) -> NDArray[np.float32]:
    try:
        with fits.open(path, memmap=False) as hdus:
            data = next((h.data for h in hdus if h.is_image and h.data is not None), None)
    except OSError as error:
        raise NotFitsError(f"{path}: {what} is not a FITS file ({error}); give a FITS image") from error
    if data is None:
        raise InputError(f"{path}: {what} holds no image; give a FITS file with one")
    return np.asarray(data, np.float32)


def _cube(path: Path) -> NDArray[np.float32]:
    cube = _load(path, "cube")
    if cube.ndim == 3:  # noqa: PLR2004 # one channel
        cube = cube[None]
    if cube.ndim != 4:  # noqa: PLR2004 - channel, time, y, x
        raise InputError(f"{path}: cube has axes {cube.shape}, wanted (time, y, x) or (channel, time, y, x)")
    if cube.shape[1] < _LEAST_FRAMES:
        raise InputError(f"{path}: cube has {cube.shape[1]} frames, wanted at least {_LEAST_FRAMES}")
    cube[np.isinf(cube)] = np.nan
    empty = np.isnan(cube).all(axis=(2, 3))
    if empty.any():
        channel, frame = np.argwhere(empty)[0]
        raise InputError(
            f"{path}: {int(empty.sum())} frames hold no number at all (the first: channel {channel}, "
            f"frame {frame}); leave them out, with their angles"
        )
    return cube


def _angles(path: Path, frames: int) -> NDArray[np.float64]:
    angles = _load(path, "angle vector").astype(np.float64).squeeze()
    if angles.ndim != 1 or len(angles) != frames:
        raise InputError(f"{path}: angle vector has axes {angles.shape}, wanted ({frames},): one a frame")
    if not np.isfinite(angles).all():
        frame = int(np.flatnonzero(~np.isfinite(angles))[0])
        raise InputError(f"{path}: angle of frame {frame} is {angles[frame]}, wanted a number of degrees")
    return angles


def _smear(
    parameters: ExternalCubeParameters, angles_deg: NDArray[np.float64], path: Path
) -> NDArray[np.float64] | None:
    """Turn of the field within each frame (time,), degrees; None where it is unknown."""
    given, share, frames = parameters.smear_deg, parameters.smear_share, len(angles_deg)
    if given and share is not None:
        raise ReductionError(f"{path}: both smear_deg and smear_share are given, wanted one of them")
    if share is not None:
        return np.asarray(share * np.gradient(np.unwrap(angles_deg, period=360.0)), np.float64)
    if len(given) not in {0, 1, frames}:
        raise ReductionError(
            f"{path}: {len(given)} values of smear_deg for {frames} frames, wanted 1 or {frames}"
        )
    return np.array(_spread(given, frames), np.float64) if given else None


def _psfs(path: Path, parameters: ExternalCubeParameters, channels: int, job: Job) -> NDArray[np.float32]:
    psf = _load(path, "PSF")
    if psf.ndim == 2:  # noqa: PLR2004 # one channel
        psf = psf[None]
    if psf.ndim != 3 or len(psf) != channels:  # noqa: PLR2004 - channel, y, x
        raise InputError(f"{path}: PSF has axes {psf.shape}, wanted (y, x) or ({channels}, y, x)")
    return prepared(psf, _spread(parameters.fwhm_px, channels), path, job)


def _check_channels(parameters: ExternalCubeParameters, channels: int, path: Path) -> None:
    for name in _BY_CHANNEL:
        given = len(getattr(parameters, name))
        if given not in {1, channels}:
            raise ReductionError(
                f"{path}: {given} values of {name} for {channels} channels, wanted 1 or {channels}"
            )


def _spread(values: tuple[_T, ...], channels: int) -> tuple[_T, ...]:
    return values * channels if len(values) == 1 else values


def _centred(
    cube: NDArray[np.float32], parameters: ExternalCubeParameters, path: Path, job: Job
) -> NDArray[np.float32]:
    """Cut (and, where the star lies between pixels, shift) to an odd square with the star at n//2."""
    ny, nx = cube.shape[2:]
    x, y = parameters.center or ((nx - 1) / 2, (ny - 1) / 2)
    half = int(np.floor(min(x, nx - 1 - x, y, ny - 1 - y) + 1e-9))
    wanted = int(np.ceil(_LEAST_FWHM * max(parameters.fwhm_px)))
    if 2 * half + 1 < wanted:
        raise ReductionError(
            f"{path}: {nx} x {ny} px around a star at ({x:g}, {y:g}) leave a square of {2 * half + 1} px, "
            f"wanted at least {wanted} px ({_LEAST_FWHM} FWHM); give a larger cube or another center"
        )
    if parameters.center is None and (nx % 2 == 0 or ny % 2 == 0):
        job.log.warning("even frame, no center given: the star is taken at (n - 1)/2", x=x, y=y)
    if x == int(x) and y == int(y):
        rows, columns = (slice(int(c) - half, int(c) + half + 1) for c in (y, x))
        return np.ascontiguousarray(cube[:, :, rows, columns])
    job.log.info("frames shifted by less than a pixel", x=x, y=y, size=2 * half + 1)
    widths = _spread(parameters.fwhm_px, len(cube))
    return np.stack(
        [
            [shifted(frame, (x, y), 2 * half + 1, width) for frame in channel]
            for channel, width in zip(cube, widths, strict=True)
        ]
    )


def _mask(cube: NDArray[np.float32], parameters: ExternalCubeParameters, path: Path, job: Job) -> float:
    """Radius of the mask, or of the core if it is saturated and wider, pixels."""
    ny, nx = cube.shape[2:]
    centre = parameters.center or ((nx - 1) / 2, (ny - 1) / 2)
    reach = _LEAST_FWHM / 2 * max(parameters.fwhm_px)
    core = max(saturated_radius(channel, centre, reach) for channel in cube)
    mask = parameters.mask_mas / parameters.pixel_scale_mas
    if not core:
        return mask
    job.log.warning(
        "the star's core is saturated: level 2 starts outside it",
        cube=path.name,
        radius_px=round(core, 1),
        starts_px=round(max(mask, core + 1), 1),
    )
    return max(mask, core + 1)


def _start(parameters: ExternalCubeParameters) -> datetime:
    try:
        start = Time(parameters.date, scale="utc").to_datetime(timezone=UTC)
    except ValueError as error:
        raise ReductionError(
            f"date is {parameters.date!r}, wanted YYYY-MM-DD or YYYY-MM-DDThh:mm:ss, UTC"
        ) from error
    assert isinstance(start, datetime)
    return start


def _facts(
    parameters: ExternalCubeParameters, external: _External, precursors: tuple[str, ...], job: Job
) -> ProductFacts:
    start = _start(parameters)
    channels, frames = external.cube.shape[:2]
    seconds = frames * parameters.dit_s
    mjd = float(Time(start).mjd)
    bands = [
        (1000 * (w - d / 2), 1000 * (w + d / 2))
        for w, d in zip(
            _spread(parameters.wavelength_um, channels), _spread(parameters.width_um, channels), strict=True
        )
    ]
    return ProductFacts(
        kind=ProductKind.CUBE,
        level=2,
        instrument=parameters.instrument,
        telescope=parameters.telescope,
        arm="",
        algorithm="l1",
        filter=parameters.filter,
        obs_id=observation_name(parameters.instrument, parameters.target, start),
        target_name=parameters.target,
        ra_deg=parameters.ra_deg,
        dec_deg=parameters.dec_deg,
        programme=parameters.programme,
        ob_id=None,
        night=(start - timedelta(hours=12)).date().isoformat(),
        mjd_start=mjd,
        mjd_end=mjd + seconds / 86400,
        exptime_s=seconds,
        dit_s=parameters.dit_s,
        ncombine=1,
        wavelength_min_nm=min(low for low, _ in bands),
        wavelength_max_nm=max(high for _, high in bands),
        pixel_scale_mas=parameters.pixel_scale_mas,
        fwhm_mas=float(np.mean(parameters.fwhm_px)) * parameters.pixel_scale_mas,
        coronagraph="",
        derotator_mode="",
        technique="IMAGE",
        field_rotation_deg=float(np.ptp(np.unwrap(external.angles_deg, period=360.0))),
        match_level=0,
        process_id=job.process_id,
        recipe="external_cube",
        recipe_version=job.version,
        provenance=precursors,
        axes="channel,time,y,x",
        unit="adu",
    )


def _derotation(external: _External, facts: ProductFacts) -> fits.BinTableHDU:
    frames = len(external.angles_deg)
    unknown = np.full(frames, np.nan)
    begin = facts.mjd_start + np.arange(frames) * facts.dit_s / 86400 if facts.dit_s else unknown
    length = facts.dit_s / 86400
    return table_hdu(
        "DEROTATION",
        [
            ("DP_ID", "1A", "", [""] * frames),
            ("PLANE", "J", "", np.arange(frames, dtype=np.int32)),
            ("MJD_START", "D", "d", begin),
            ("MJD_MID", "D", "d", begin + length / 2),
            ("MJD_END", "D", "d", begin + length),
            *((name, "D", "deg", unknown) for name in ("PARANG", "PUPIL_OFFSET", "INSTRUMENT_OFFSET")),
            *((name, "D", "deg", unknown) for name in ("TRUE_NORTH", "DEROTATOR_CORRECTION")),
            ("ANGLE", "D", "deg", external.angles_deg),
            ("ICRS_ROTATION", "D", "deg", np.zeros(frames)),
            *([] if external.smear_deg is None else [("SMEAR", "D", "deg", external.smear_deg)]),
        ],
        "angles as given with the cube; its parts are not known",
    )


def _channels(parameters: ExternalCubeParameters, channels: int) -> fits.BinTableHDU:
    wavelengths = _spread(parameters.wavelength_um, channels)
    fluxes, errors = (
        [np.nan if value is None else value for value in _spread(values, channels)]
        for values in (parameters.star_flux, parameters.star_flux_error)
    )
    return table_hdu(
        "CHANNELS",
        [
            ("NAME", "16A", "", [f"{w:g} um" for w in wavelengths]),
            ("WAVELENGTH", "D", "um", wavelengths),
            ("WIDTH", "D", "um", _spread(parameters.width_um, channels)),
            ("FWHM", "D", "pixel", _spread(parameters.fwhm_px, channels)),
            ("STAR_FLUX", "D", "adu", fluxes),
            ("STAR_FLUX_ERR", "D", "adu", errors),
        ],
    )


def _write(external: _External, facts: ProductFacts, parameters: ExternalCubeParameters, job: Job) -> None:
    header = product_header(facts)
    median = float(np.median(np.unwrap(external.angles_deg, period=360.0)))
    header.update(
        celestial_header(
            external.cube.shape[-1],
            parameters.pixel_scale_mas,
            parameters.ra_deg,
            parameters.dec_deg,
            angle_deg=median,
            extra_axes=("TIME", "CHANNEL"),
        )
    )
    header["COMMENT"] = "The CD matrix holds at the median derotation angle of the sequence."
    if external.mask_px:
        radius = external.mask_px * parameters.pixel_scale_mas
        header["MASKRAD"] = (radius, "[mas] mask or saturated core")
    for keyword, value, comment in (
        ("CENTRERR", parameters.centre_error_mas, "[mas] error of the star's place"),
        ("PIXSCERR", parameters.pixel_scale_error_mas, "[mas] error of the pixel scale"),
        ("NORTHERR", parameters.true_north_error_deg, "[deg] error of true north"),
    ):
        header[keyword] = (value, comment)
    hdus = fits.HDUList(
        [
            fits.PrimaryHDU(external.cube, header),
            _derotation(external, facts),
            _channels(parameters, len(external.cube)),
            image_hdu("PSF", external.psf, "", "channel,y,x"),
        ]
    )
    path = job.path_for(facts)
    with write_aside(path) as aside:
        hdus.writeto(aside, overwrite=True, checksum=True)
    preview = write_preview(path, np.median(external.cube[0], axis=0))
    job.done(facts, path, preview)


RECIPE = Recipe(
    name="external_cube",
    consumes=(
        Consume("cube", frozenset({"EXTERNAL_CUBE"}), 1, 1),
        Consume("angles", frozenset({"EXTERNAL_ANGLES"}), 1, 1),
        Consume("psf", frozenset({"EXTERNAL_PSF"}), 1, 1),
    ),
    makes=frozenset({ProductKind.CUBE.value}),
    parameters=ExternalCubeParameters,
    run=_run,
)
