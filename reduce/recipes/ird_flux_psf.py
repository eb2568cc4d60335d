"""IRDIS flux calibration: off-axis PSF, its width, and the star's flux at the science DIT and density."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from pydantic import Field

from hcvo.errors import ReductionError
from hcvo.headers.quality import qc_cards
from hcvo.model.product import ProductKind
from reduce.exposure import Exposure, read_exposure
from reduce.instruments import sphere_irdis as irdis
from reduce.kernels import photometry
from reduce.kernels.aperture import aperture_flux
from reduce.product_file import Column, table_hdu, write_preview, write_product
from reduce.recipe import Consume, Job, Parameters, Recipe, SourceFile
from reduce.recipes.calibration import observation_name, origin_of, science_facts
from reduce.recipes.flux_planes import FluxPlane, StampParameters, flux_planes

__all__ = ["RECIPE", "FluxParameters"]

_NAME = "ird_flux_psf"
_WEIGHT = 2.0  # degrees of freedom that the expected wander counts for


class FluxParameters(StampParameters):
    """Of the flux calibration."""

    unsteady: float = Field(
        default=0.4, gt=0, description="a plane whose flux is further from the median is left out (share)"
    )
    wander: float = Field(
        default=0.03,
        gt=0,
        description="share by which adaptive optics let the star's flux wander from FLUX files to science, "
        "where few files cannot tell",
    )
    width_spread: float = Field(
        default=0.005, ge=0, description="FWHM over wavelength differs so much between channels (share)"
    )


class _Channel(NamedTuple):
    """Mean PSF (y, x) adu per FLUX DIT, FWHM px; of each plane: flux adu, file, whether it is kept."""

    psf: NDArray[np.float64]
    fwhm: float
    fluxes: NDArray[np.float64]
    files: NDArray[np.intp]
    kept: NDArray[np.bool_]

    def of_files(self) -> list[NDArray[np.float64]]:
        """Fluxes of the kept planes, file by file."""
        return [self.fluxes[self.kept & (self.files == file)] for file in np.unique(self.files[self.kept])]


def _run(files: Mapping[str, Sequence[SourceFile]], parameters: Parameters, job: Job) -> None:
    assert isinstance(parameters, FluxParameters)
    exposures = [read_exposure(source.path) for source in files["flux"]]
    science = read_exposure(files["science"][0].path)
    channels = irdis.channels_of(exposures[0].frame.filter)
    scale = irdis.astrometry_at(exposures[0].night, exposures[0].frame.filter).scale_mas
    planes = flux_planes(files, exposures, channels, scale, parameters, job)
    measured = _measure(planes, channels, parameters, [source.name for source in files["flux"]])
    ratios = [_ratio(channel, exposures[0], science) for channel in channels]
    facts = science_facts(
        job,
        _NAME,
        exposures,
        origin_of(files),
        kind=ProductKind.PSF,
        level=1,
        algorithm="l1",
        obs_id=observation_name(files),
        pixel_scale_mas=scale,
        fwhm_mas=float(np.mean([m.fwhm for m in measured]) * scale),
        axes="channel,y,x",
        unit="",
    )
    psf = np.stack([photometry.normalised(m.psf, m.fwhm) for m in measured])
    path = job.path_for(facts)
    tables = [
        _channels(channels, measured, ratios, parameters.wander),
        _fluxes(planes, measured, files["flux"], ratios),
    ]
    write_product(path, facts, psf, tables, _cards(measured))
    job.log.info("flux", channels=[(m.fwhm, m.fluxes.tolist()) for m in measured], ratio=ratios)
    job.done(facts, path, write_preview(path, np.log10(np.maximum(psf[0], psf[0].max() * 1e-5))))


def _measure(
    planes: Sequence[Sequence[FluxPlane]],
    channels: Sequence[irdis.Channel],
    parameters: FluxParameters,
    names: Sequence[str],
) -> list[_Channel]:
    """Mean PSF, width and fluxes of each channel; planes far from the median flux are left out."""
    good = [np.array([not plane.trouble for plane in each]) for each in planes]
    for channel, (each, known) in enumerate(zip(planes, good, strict=True)):
        if not known.any():
            name = names[each[0].file]
            raise ReductionError(f"{name}, channel {channel}: no plane shows the star: {each[0].trouble}")
    kept = [_steady(each, known, parameters) for each, known in zip(planes, good, strict=True)]
    psfs = [_mean(each, used) for each, used in zip(planes, kept, strict=True)]
    widths = [photometry.core_width(psf, _noise(psf)) for psf in psfs]
    common = photometry.common_widths(
        widths, [channel.wavelength_um for channel in channels], parameters.width_spread
    )
    measured = []
    for each, used, psf, width in zip(planes, kept, psfs, common, strict=True):
        middle = psf.shape[0] // 2
        flux = [
            np.nan if plane.trouble else aperture_flux(plane.stamp, width.fwhm, middle, middle)
            for plane in each
        ]
        files = np.array([plane.file for plane in each])
        measured.append(_Channel(psf, width.fwhm, np.array(flux), files, used))
    return measured


def _steady(
    planes: Sequence[FluxPlane], known: NDArray[np.bool_], parameters: FluxParameters
) -> NDArray[np.bool_]:
    """Planes whose star is about as bright as in the others: the loop was closed, no cloud passed."""
    wide = 2.0 * photometry.half_maximum_width(_mean(planes, known))
    middle = next(plane.stamp.shape[0] // 2 for plane in planes if not plane.trouble)
    light = np.array([np.nan if p.trouble else aperture_flux(p.stamp, wide, middle, middle) for p in planes])
    ratio = light / np.nanmedian(light)
    return np.asarray(known & (np.abs(np.nan_to_num(ratio) - 1.0) <= parameters.unsteady), dtype=np.bool_)


def _mean(planes: Sequence[FluxPlane], used: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.asarray(np.mean([plane.stamp for plane, use in zip(planes, used, strict=True) if use], axis=0))


def _noise(psf: NDArray[np.float64]) -> float:
    """Scatter of the outermost pixels, adu."""
    half = psf.shape[0] // 2
    y, x = np.ogrid[-half : half + 1, -half : half + 1]
    rest = psf[x**2 + y**2 >= (0.8 * half) ** 2]
    return float(1.4826 * np.median(np.abs(rest - np.median(rest))))


def _channels(
    channels: Sequence[irdis.Channel], measured: Sequence[_Channel], ratios: Sequence[float], wander: float
) -> fits.BinTableHDU:
    pairs = list(zip(measured, ratios, strict=True))
    return table_hdu(
        "CHANNELS",
        [
            ("NAME", "16A", "", [channel.name for channel in channels]),
            ("WAVELENGTH", "D", "um", [channel.wavelength_um for channel in channels]),
            ("WIDTH", "D", "um", [channel.width_um for channel in channels]),
            ("FWHM", "D", "pix", [m.fwhm for m in measured]),
            ("STAR_FLUX", "D", "adu", [m.fluxes[m.kept].mean() * ratio for m, ratio in pairs]),
            ("STAR_FLUX_ERR", "D", "adu", [_error(m, wander) * ratio for m, ratio in pairs]),
        ],
        "STAR_FLUX: star in an aperture of diameter 1 FWHM at the science DIT and neutral density",
    )


def _fluxes(
    planes: Sequence[Sequence[FluxPlane]],
    measured: Sequence[_Channel],
    sources: Sequence[SourceFile],
    ratios: Sequence[float],
) -> fits.BinTableHDU:
    """One row a FLUX plane and channel."""
    rows = [plane for each in planes for plane in each]
    counts = [len(each) for each in planes]
    flux = np.concatenate([m.fluxes * ratio for m, ratio in zip(measured, ratios, strict=True)])
    columns: list[Column] = [
        ("DP_ID", "64A", "", [sources[row.file].name for row in rows]),
        ("PLANE", "J", "", [row.plane for row in rows]),
        ("MJD_MID", "D", "d", [row.mjd for row in rows]),
        ("CHANNEL", "J", "", np.repeat(np.arange(len(planes)), counts)),
        ("FLUX", "D", "adu", flux),
        ("KEPT", "L", "", np.concatenate([m.kept for m in measured])),
    ]
    return table_hdu("FLUXES", columns, "FLUX: as STAR_FLUX, of each plane")


def _cards(measured: Sequence[_Channel]) -> dict[str, tuple[object, str]]:
    """How steady the star was, in the primary header."""
    kept = np.concatenate([m.kept for m in measured])
    values: dict[str, tuple[object, str]] = {
        "FLUX PLANES": (int(kept.sum()), "planes and channels kept"),
        "FLUX LOST": (int((~kept).sum()), "planes and channels left out"),
    }
    for number, one in enumerate(measured, start=1):
        parts, light = one.of_files(), one.fluxes[one.kept]
        if len(parts) > 1:
            change = float(parts[-1].mean() / parts[0].mean() - 1.0)
            values[f"FLUX DRIFT{number}"] = (change, "last file over first, - 1")
        if light.size > 1:
            values[f"FLUX STD{number}"] = (float(light.std(ddof=1) / light.mean()), "scatter over mean")
    return qc_cards(values)


def _ratio(channel: irdis.Channel, flux: Exposure, science: Exposure) -> float:
    """Science over FLUX frames: integration time and transmission of the neutral densities."""
    time = science.real_dit_s / flux.real_dit_s
    return time * channel.transmission(science.frame.nd_filter) / channel.transmission(flux.frame.nd_filter)


def _error(measured: _Channel, wander: float) -> float:
    """How far the star's mean flux of the science may be from that of the FLUX files.

    Scatter of the files' means, tempered by `wander`, for two files hardly tell their own scatter; and of
    the planes within a file.
    """
    by_file = measured.of_files()
    means = np.array([part.mean() for part in by_file])
    planes = sum(part.size for part in by_file)
    expected = (wander * float(np.concatenate(by_file).mean())) ** 2
    between = (_WEIGHT * expected + ((means - means.mean()) ** 2).sum()) / (_WEIGHT + len(means) - 1)
    spread = sum(float(((part - part.mean()) ** 2).sum()) for part in by_file)
    freedom = planes - len(by_file)
    of_mean = spread / freedom / planes if freedom else 0.0
    return float(np.sqrt(between + of_mean))


RECIPE = Recipe(
    name=_NAME,
    consumes=(
        Consume("flux", frozenset({"IRD_FLUX_RAW"})),
        Consume("background", frozenset({"dark"}), maximum=1),
        Consume("flat", frozenset({"flat"}), maximum=1),
        Consume("science", frozenset({"IRD_SCIENCE_DBI_RAW", "IRD_SCIENCE_IMAGING_RAW"}), maximum=1),
        Consume("observation", frozenset({"IRD_SCIENCE_DBI_RAW", "IRD_SCIENCE_IMAGING_RAW"}), maximum=1),
    ),
    makes=frozenset({"psf"}),
    parameters=FluxParameters,
    run=_run,
)
