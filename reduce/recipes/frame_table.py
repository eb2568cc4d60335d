"""The table FRAMES of a level 1 cube: quality of each plane, and whether it is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy import ndimage

from hcvo.headers.quality import qc_cards
from reduce.kernels import frame_choice, frame_quality
from reduce.product_file import Column, table_hdu
from reduce.sparta import Atmosphere, Conditions

__all__ = ["ATMOSPHERE", "EXTENSION", "FrameRule", "FrameTable", "Planes", "frame_table"]

EXTENSION = "FRAMES"
ATMOSPHERE = "ATMOSPHERE"
_SURE = 4.0  # a measure may judge when its error is so many times smaller than the limit
_REASON_LENGTH = 48


class FrameRule(BaseModel):
    """Which planes are rejected: the rule's numbers, all against the sequence's own median."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    strehl_drop: float = Field(
        default=0.22, gt=0, lt=1, description="a plane that loses more of the Strehl ratio is bad (share)"
    )
    centre_px: float = Field(
        default=0.75, gt=0, description="a plane whose star stands further off is bad (px)"
    )
    faintest: float = Field(
        default=0.5, ge=0, lt=1, description="a plane with less of the star's light is bad (share)"
    )
    most_lost: float = Field(
        default=0.5, ge=0, le=1, description="share of the planes that may be rejected without a warning"
    )
    inner_fwhm: float = Field(
        default=2.0, ge=0, description="the annulus begins so many FWHM outside the mask (FWHM)"
    )
    outer_fwhm: float = Field(default=28.0, gt=4, description="and ends at this radius (FWHM)")
    usual_strehl: float = Field(
        default=0.8, gt=0, lt=1, description="the sequence's Strehl ratio where no telemetry tells it"
    )


@dataclass(frozen=True, slots=True)
class Planes:
    """What level 1 knows of its planes before it looks at them.

    Attributes
    ----------
    names : Sequence[str]
        dp_id of each plane's file, (time,).
    mjd_mid : NDArray[np.float64]
        (time,).
    star : NDArray[np.float64]
        (channel, time, 2): (x, y) on the field, px 0-based, dithering included.
    star_err : NDArray[np.float64]
        (time,) px, each axis.
    method : Sequence[str]
        How the star was found, (time,): 'waffle', 'star', 'halo'.
    background : NDArray[np.float64]
        (channel, time) level taken off, adu.
    """

    names: Sequence[str]
    mjd_mid: NDArray[np.float64]
    star: NDArray[np.float64]
    star_err: NDArray[np.float64]
    method: Sequence[str]
    background: NDArray[np.float64]


class _Light(NamedTuple):
    """Of all channels: halo and spots (channel, time) as measured, star's flux over its median, width px."""

    halo: NDArray[np.float64]
    star: NDArray[np.float64]
    width: NDArray[np.float64]
    asymmetry: NDArray[np.float64]
    offset: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FrameTable:
    """Quality of each plane, and what was decided.

    Attributes
    ----------
    planes : Planes
        As given.
    light : _Light
        As measured.
    air : Conditions
        At the middle of each plane.
    verdict : frame_choice.Verdict
        Kept or rejected, and why.
    photometry : str
        What FLUX rests on: 'waffle', 'halo', 'halo, sensor' (transparency by the wavefront sensor) ...
    atmosphere : Atmosphere | None
        All samples of the telemetry.
    """

    planes: Planes
    light: _Light
    air: Conditions
    verdict: frame_choice.Verdict
    photometry: str
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
        halo = self.light.halo[0] / _median(self.light.halo[0])
        values: Mapping[str, tuple[object, str]] = {
            "FRAMES ALL": (int(rejected.size), "planes"),
            "FRAMES KEPT": (int(self.kept.sum()), "planes kept"),
            "FRAMES REJECTED": (int(rejected.sum()), "planes rejected"),
            "FRAMES LOST": (float(rejected.mean()), "share of the planes rejected"),
            "FRAMES WARNING": (bool(self.warning), "more bad planes than may be rejected"),
            "FLUX BY": (self.photometry, "what the planes' FLUX rests on"),
            "FLUX SCATTER": (
                _spread(_mean(self.light.star)[self.kept]),
                "robust scatter of FLUX, kept",
            ),
            "HALO SCATTER": (_spread(halo[self.kept]), "robust scatter of the halo, kept"),
            "HALO WIDTH": (_median(self.light.width), "[pix] radius that halves the halo"),
            "HALO WIND": (_median(self.light.asymmetry), "cos 2(angle) of the halo over its mean"),
            "FRAMES WANDER": (_rms(self.light.offset[self.kept]), "[pix] rms wander of the star, kept"),
            "AO STREHL": (_median(self.air.strehl), "median Strehl ratio, 1.6 um, SPARTA"),
            "AO SEEING": (_median(self.air.seeing_arcsec), "[arcsec] median seeing, 500 nm, SPARTA"),
            "AO TAU0": (_median(self.air.tau0_s), "[s] median coherence time, 500 nm, SPARTA"),
            "AO WIND": (_median(self.air.wind_m_s), "[m/s] median wind, SPARTA"),
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
    measured = [
        frame_quality.measure(one, width, mask_px + rule.inner_fwhm * width, rule.outer_fwhm * width)
        for one, width in zip(cube, fwhm_px, strict=True)
    ]
    air = _conditions(atmosphere, planes.mjd_mid)
    halo = np.stack([one.flux for one in measured])
    image = _strehls(measured, air, rule)
    star, by = _starlight(image, air)
    if spots is not None:
        in_spots = [
            frame_quality.spot_flux(one, where, width)
            for one, where, width in zip(cube, spots, fwhm_px, strict=True)
        ]
        star, by = _relative(np.stack(in_spots)), "waffle"
    offset, lost = _offsets(measured, rule)
    offset = np.fmax(offset, _jumps(planes))
    light = _Light(
        halo,
        star,
        np.mean([one.width for one in measured], axis=0),
        np.mean([one.asymmetry for one in measured], axis=0),
        offset,
    )
    evidence = frame_choice.Evidence(
        _mean(image),
        air.strehl / _usual(air, rule),
        offset,
        _mean(star),
        lost,
        np.asarray(~np.isfinite(halo).all(axis=0), dtype=np.bool_),
    )
    limits = frame_choice.Limits(rule.strehl_drop, rule.centre_px, rule.faintest, rule.most_lost)
    return FrameTable(planes, light, air, frame_choice.judge(evidence, limits), by, atmosphere)


def _strehls(
    measured: Sequence[frame_quality.Measured], air: Conditions, rule: FrameRule
) -> NDArray[np.float64]:
    """(channel, time) Strehl by the halo over its median; NaN in a channel whose halo is too faint."""
    usual = _usual(air, rule)
    found = []
    for one in measured:
        error = (1.0 - usual) / usual * _median(one.noise) / _median(one.flux)
        strehl = frame_choice.strehl_of_halo(one.flux, air.star_adu, usual)
        found.append(strehl if 0 <= error < rule.strehl_drop / _SURE else np.full(strehl.shape, np.nan))
    return np.stack(found)


def _starlight(image: NDArray[np.float64], air: Conditions) -> tuple[NDArray[np.float64], str]:
    """(channel, time) star's peak over its median: Strehl x transparency, and what it rests on."""
    sensor = air.star_adu / _median(air.star_adu)
    words = ["halo"] if np.isfinite(image).any() else []
    if np.isfinite(sensor).any():
        words.append("sensor")
    known = np.where(np.isfinite(image), image, 1.0) * np.nan_to_num(sensor, nan=1.0)
    return (_relative(known) if words else np.full(image.shape, np.nan)), ", ".join(words) or "nothing"


def _offsets(
    measured: Sequence[frame_quality.Measured], rule: FrameRule
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Star's way off its place, px, by the channels that can tell; and where they do not find it."""
    telling = [one for one in measured if np.median(one.shift_error) < rule.centre_px / _SURE]
    if not telling:
        nothing = measured[0].flux.shape
        return np.full(nothing, np.nan), np.zeros(nothing, dtype=np.bool_)
    shifts = np.stack([one.shift for one in telling])
    offset = np.hypot(*_mean(shifts).T)
    return offset, np.isnan(offset)


def _jumps(planes: Planes) -> NDArray[np.float64]:
    """How far each plane's star stands from its neighbours' in the file, px: off the mask, even recentred."""
    middle = planes.star.mean(axis=0)
    names = np.asarray(planes.names)
    far = np.full(names.size, np.nan)
    for name in np.unique(names):
        here = names == name
        if here.sum() > 2:  # noqa: PLR2004 - two planes do not tell which of them jumped
            rest = middle[here] - ndimage.median_filter(middle[here], size=(5, 1), mode="nearest")
            far[here] = np.hypot(*rest.T)
    return np.where(far > 0, far, np.nan)


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the channels that have a value; NaN where none has."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def _usual(air: Conditions, rule: FrameRule) -> float:
    known = _median(air.strehl)
    return rule.usual_strehl if np.isnan(known) else known


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
    return atmosphere.at(mjd)


def _relative(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """(channel, time) over each channel's median."""
    return np.stack([each / _median(each) for each in light])


def _median(values: NDArray[np.floating]) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")


def _spread(values: NDArray[np.floating]) -> float:
    """Standard deviation of a Gaussian with the same median deviation."""
    return 1.4826 * _median(np.abs(values - _median(values)))


def _rms(values: NDArray[np.floating]) -> float:
    known = values[np.isfinite(values)]
    return float(np.sqrt(np.mean(known**2))) if known.size else float("nan")
