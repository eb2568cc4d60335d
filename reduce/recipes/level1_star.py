"""The unocculted star that a cube is measured against: from FLUX frames, or a telescope's ideal image."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from hcvo.headers.quality import qc_cards
from reduce.exposure import Exposure
from reduce.instruments import sphere_irdis as irdis
from reduce.kernels import photometry
from reduce.kernels.airy import FWHM, airy
from reduce.product_file import table_hdu
from reduce.recipe import SourceFile
from reduce.recipes.calibrated import lambda_over_d_px
from reduce.sparta import Atmosphere

__all__ = ["Star", "star_of"]

_OBSCURATION = 0.14  # of the telescope's pupil, in diameter
_IDEAL_PX = 63
_UNKNOWN = float("nan")


@dataclass(frozen=True, slots=True)
class Star:
    """The star as the cube's extensions have it.

    Attributes
    ----------
    psf : NDArray[np.float32]
        (channel, y, x), unit flux in the aperture of 1 FWHM.
    channels : fits.BinTableHDU
        CHANNELS; STAR_FLUX is NaN without FLUX frames.
    fluxes : tuple[fits.BinTableHDU, ...]
        FLUXES, where there is one.
    """

    psf: NDArray[np.float32]
    channels: fits.BinTableHDU
    fluxes: tuple[fits.BinTableHDU, ...] = ()

    @property
    def fwhm_px(self) -> NDArray[np.float64]:
        """(channel,)."""
        return np.asarray(self.channels.data["FWHM"], np.float64)

    def cards(
        self, atmosphere: Atmosphere | None, mjd_mid: NDArray[np.float64]
    ) -> dict[str, tuple[object, str]]:
        """How the star of the science compares with that of the FLUX files, by the adaptive optics' word.

        STAR_FLUX is not changed by it: the telemetry's Strehl ratio is an estimate at 1.6 um.

        Parameters
        ----------
        atmosphere : Atmosphere | None
            Telemetry of the night.
        mjd_mid : NDArray[np.float64]
            (time,) of the science planes that are kept.

        Returns
        -------
        dict[str, tuple[object, str]]
            QC card AO FACTOR: mean of Strehl ratio x flux on the sensor, science over FLUX planes; none where
            either is unknown.
        """
        if atmosphere is None or not self.fluxes:
            return {}
        rows = self.fluxes[0].data
        of_flux = _peak(atmosphere, np.asarray(rows["MJD_MID"][rows["KEPT"]], np.float64))
        factor = _peak(atmosphere, mjd_mid) / of_flux
        return qc_cards({"AO FACTOR": (factor, "star: science over FLUX, by SPARTA")})


def star_of(products: Sequence[SourceFile], science: Exposure, scale_mas: float) -> Star:
    """Read the PSF product; without one, an ideal image and no flux.

    Parameters
    ----------
    products : Sequence[SourceFile]
        One of kind 'psf', or none.
    science : Exposure
        The sequence's first file.
    scale_mas : float
        Pixel scale.

    Returns
    -------
    Star
        For the cube.
    """
    if not products:
        return _ideal(irdis.channels_of(science.frame.filter), scale_mas)
    with fits.open(products[0].path, memmap=False) as hdus:
        fluxes = tuple(hdu.copy() for hdu in hdus if hdu.name == "FLUXES")
        return Star(np.asarray(hdus[0].data, np.float32), hdus["CHANNELS"].copy(), fluxes)


def _peak(atmosphere: Atmosphere, mjd: NDArray[np.float64]) -> float:
    """Mean of Strehl ratio x flux on the sensor, adu; NaN where no time has both."""
    air = atmosphere.at(mjd)
    light = air.strehl * air.star_adu
    known = light[np.isfinite(light)]
    return float(known.mean()) if known.size else _UNKNOWN


def _ideal(channels: Sequence[irdis.Channel], scale_mas: float) -> Star:
    units = [lambda_over_d_px(channel.wavelength_um, scale_mas) for channel in channels]
    fwhm = [FWHM * unit for unit in units]
    y, x = np.mgrid[:_IDEAL_PX, :_IDEAL_PX] - _IDEAL_PX // 2
    images = [
        photometry.normalised(airy(np.hypot(x, y), unit, _OBSCURATION), width)
        for unit, width in zip(units, fwhm, strict=True)
    ]
    table = table_hdu(
        "CHANNELS",
        [
            ("NAME", "16A", "", [channel.name for channel in channels]),
            ("WAVELENGTH", "D", "um", [channel.wavelength_um for channel in channels]),
            ("WIDTH", "D", "um", [channel.width_um for channel in channels]),
            ("FWHM", "D", "pix", fwhm),
            ("STAR_FLUX", "D", "adu", [_UNKNOWN] * len(channels)),
            ("STAR_FLUX_ERR", "D", "adu", [_UNKNOWN] * len(channels)),
        ],
        "no FLUX frames: the PSF is a telescope's ideal image, the star's flux is unknown",
    )
    return Star(np.stack(images).astype(np.float32), table)
