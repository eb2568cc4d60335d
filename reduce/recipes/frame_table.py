"""The table FRAMES of a level 1 cube: quality of each plane, and whether it is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from hcvo.headers.quality import qc_cards
from reduce.kernels import frame_choice, frame_quality
from reduce.kernels.samples import smoothed
from reduce.product_file import Column, table_hdu
from reduce.recipes.frame_light import FrameRule, Light, Planes, light_of, mean_of_channels, median_of
from reduce.sparta import Atmosphere, Conditions

__all__ = ["ATMOSPHERE", "EXTENSION", "FrameTable", "frame_table"]

EXTENSION = "FRAMES"
ATMOSPHERE = "ATMOSPHERE"
_REASON_LENGTH = 48


@dataclass(frozen=True, slots=True)
class FrameTable:
    """Quality of each plane, and what was decided.

    Attributes
    ----------
    planes : Planes
        As given.
    light : Light
        As measured.
    air : Conditions
        At the middle of each plane.
    verdict : frame_choice.Verdict
        Kept or rejected, and why.
    atmosphere : Atmosphere | None
        All samples of the telemetry.
    """

    planes: Planes
    light: Light
    air: Conditions
    verdict: frame_choice.Verdict
    atmosphere: Atmosphere | None = None

    @property
    def kept(self) -> NDArray[np.bool_]:
        """(time,)."""
        return self.verdict.kept

    @property
    def warning(self) -> str:
        """'' where all is well."""
        return self.verdict.warning

    def hdu(self) -> fits.BinTableHDU:
        """The extension FRAMES, one row a plane."""
        return table_hdu(EXTENSION, self._columns(), "quality of each plane; only KEPT planes are used")

    def hdus(self) -> list[fits.BinTableHDU]:
        """FRAMES and, where there is telemetry, ATMOSPHERE: every sample of it."""
        if self.atmosphere is None:
            return [self.hdu()]
        return [self.hdu(), _atmosphere_hdu(self.atmosphere)]

    def cards(self) -> dict[str, tuple[object, str]]:
        """QC numbers of the sequence for the primary header; what is unknown is left out."""
        rejected = ~self.kept
        halo = self.light.halo[0] / median_of(self.light.halo[0])
        values: Mapping[str, tuple[object, str]] = {
            "FRAMES ALL": (int(rejected.size), "planes"),
            "FRAMES KEPT": (int(self.kept.sum()), "planes kept"),
            "FRAMES REJECTED": (int(rejected.sum()), "planes rejected"),
            "FRAMES LOST": (float(rejected.mean()), "share of the planes rejected"),
            "FRAMES WARNING": (bool(self.warning), "more bad planes than may be rejected"),
            "FLUX BY": (self.light.by, "what the planes' FLUX rests on"),
            "FLUX SCATTER": (
                _spread(mean_of_channels(self.light.star)[self.kept]),
                "robust scatter of FLUX, kept",
            ),
            "HALO SCATTER": (_spread(halo[self.kept]), "robust scatter of the halo, kept"),
            "HALO WIDTH": (median_of(self.light.width), "[pix] radius that halves the halo"),
            "HALO WIND": (median_of(self.light.asymmetry), "cos 2(angle) of the halo over its mean"),
            "FRAMES WANDER": (_rms(self.light.offset[self.kept]), "[pix] rms wander of the star, kept"),
            "AO STREHL": (median_of(self.air.strehl), "median Strehl ratio, 1.6 um, SPARTA"),
            "AO SEEING": (median_of(self.air.seeing_arcsec), "[arcsec] median seeing, 500 nm, SPARTA"),
            "AO TAU0": (median_of(self.air.tau0_s), "[s] median coherence time, 500 nm, SPARTA"),
            "AO WIND": (median_of(self.air.wind_m_s), "[m/s] median wind, SPARTA"),
        }
        return qc_cards(values)

    def _columns(self) -> list[Column]:
        channels, planes = self.planes.star.shape[0], self.planes
        many = f"{channels}D"
        return [
            ("STAR_X", many, "pix", planes.star[:, :, 0].T),
            ("STAR_Y", many, "pix", planes.star[:, :, 1].T),
            ("STAR_ERR", "D", "pix", planes.star_err),
            ("METHOD", "8A", "", list(planes.method)),
            ("BACKGROUND", many, "adu", planes.background.T),
            ("FLUX", many, "", self.light.star.T),
            ("HALO", many, "adu", self.light.halo.T),
            ("HALO_WIDTH", "D", "pix", self.light.width),
            ("ASYMMETRY", "D", "", self.light.asymmetry),
            ("RESIDUAL", "D", "pix", self.light.offset),
            ("STREHL", "D", "", self.air.strehl),
            ("SEEING", "D", "arcsec", self.air.seeing_arcsec),
            ("TAU0", "D", "s", self.air.tau0_s),
            ("WIND", "D", "m/s", self.air.wind_m_s),
            ("KEPT", "L", "", self.kept),
            ("REASON", f"{_REASON_LENGTH}A", "", list(self.verdict.reasons)),
        ]


def frame_table(
    cube: Sequence[frame_quality.Frames] | NDArray[np.floating],
    planes: Planes,
    fwhm_px: Sequence[float] | NDArray[np.floating],
    mask_px: float,
    atmosphere: Atmosphere | None,
    rule: FrameRule,
    spots: Sequence[NDArray[np.floating]] | None = None,
) -> FrameTable:
    """Measure every plane of a cube and decide which are kept.

    Parameters
    ----------
    cube : Sequence[frame_quality.Frames] | NDArray[np.floating]
        (channel, time, y, x), star on pixel size // 2; read one plane at a time.
    planes : Planes
        What is known of its planes.
    fwhm_px : Sequence[float] | NDArray[np.floating]
        (channel,).
    mask_px : float
        Radius of the coronagraph's mask, px; 0 without.
    atmosphere : Atmosphere | None
        Of `reduce.sparta.read_atmosphere`.
    rule : FrameRule
        What makes a plane bad.
    spots : Sequence[NDArray[np.floating]] | None
        Where the waffle is on: (x, y) of the four spots off the star in each channel, px.

    Returns
    -------
    FrameTable
        For the file, its header, and whoever must know which planes are kept.
    """
    air = _conditions(atmosphere, planes.mjd_mid)
    light = light_of(cube, planes, fwhm_px, mask_px, air, rule, spots)
    limits = frame_choice.Limits(rule.strehl_drop, rule.centre_px, rule.faintest, rule.most_lost)
    verdict = frame_choice.judge(light.evidence(air, rule), limits)
    return FrameTable(planes, light, air, verdict, atmosphere)


def _atmosphere_hdu(atmosphere: Atmosphere) -> fits.BinTableHDU:
    strehl, seeing, tau0, wind, star = atmosphere.samples
    columns: list[Column] = [
        ("MJD", "D", "d", atmosphere.mjd),
        ("STREHL", "D", "", strehl),
        ("SEEING", "D", "arcsec", seeing),
        ("TAU0", "D", "s", tau0),
        ("WIND", "D", "m/s", wind),
        ("STAR", "D", "adu", star),
    ]
    return table_hdu(
        ATMOSPHERE, columns, "SPARTA: Strehl at 1.6 um, seeing and tau0 at 500 nm, star on sensor"
    )


def _conditions(atmosphere: Atmosphere | None, mjd: NDArray[np.float64]) -> Conditions:
    if atmosphere is None:
        return Conditions(*(np.full(mjd.shape, np.nan) for _ in Conditions._fields))
    samples = atmosphere.samples
    calm = samples._replace(star_adu=smoothed(samples.star_adu))  # the sensor's noise is no transparency
    return Atmosphere(atmosphere.mjd, calm).at(mjd)


def _spread(values: NDArray[np.floating]) -> float:
    """Standard deviation of a Gaussian with the same median deviation."""
    return 1.4826 * median_of(np.abs(values - median_of(values)))


def _rms(values: NDArray[np.floating]) -> float:
    known = values[np.isfinite(values)]
    return float(np.sqrt(np.mean(known**2))) if known.size else float("nan")
