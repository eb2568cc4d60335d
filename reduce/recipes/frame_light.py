"""Light of each plane of a level 1 cube: its halo, the star or what stands for it; where the star stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy import ndimage

from reduce.kernels import frame_choice, frame_quality
from reduce.kernels.frame_star import spot_flux, star_flux
from reduce.sparta import Conditions

__all__ = ["FrameRule", "Light", "Planes", "light_of", "mean_of_channels", "median_of"]

_SURE = 4.0  # a measure may judge when its error is so many times smaller than the limit


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
    saturation : NDArray[np.float64]
        (channel, time): pixels from here on are not linear, adu above that level.
    strehl_power : float | None
        Where the halo is not told from the background (a thermal one, fitted without any master of it) the
        Strehl ratio is telemetry's to this power: (1.6 um / wavelength) squared. None where the halo tells.
    """

    names: Sequence[str]
    mjd_mid: NDArray[np.float64]
    star: NDArray[np.float64]
    star_err: NDArray[np.float64]
    method: Sequence[str]
    background: NDArray[np.float64]
    saturation: NDArray[np.float64]
    strehl_power: float | None = None


class Light(NamedTuple):
    """Of each plane.

    `halo` (channel, time) mean light of the annulus, adu; `star` (channel, time) star's peak, Strehl x
    transparency, over its median; `strehl` (channel, time) of the planes themselves over its median, NaN
    where they do not tell; `width` (time,) px and `asymmetry` (time,) of the halo; `offset` (time,) px of the
    star off its place; `lost` (time,) the pattern around the star is not found; `by` what `star` rests on:
    'star', 'waffle', 'halo', 'halo, sensor' (transparency by the wavefront sensor), 'telemetry, sensor',
    'sensor', 'nothing'.
    """

    halo: NDArray[np.float64]
    star: NDArray[np.float64]
    strehl: NDArray[np.float64]
    width: NDArray[np.float64]
    asymmetry: NDArray[np.float64]
    offset: NDArray[np.float64]
    lost: NDArray[np.bool_]
    by: str

    def evidence(self, air: Conditions, rule: FrameRule) -> frame_choice.Evidence:
        """For and against each plane.

        Parameters
        ----------
        air : Conditions
            At the middle of each plane.
        rule : FrameRule
            Tells the usual Strehl ratio where there is no telemetry.

        Returns
        -------
        frame_choice.Evidence
            Mean over the channels.
        """
        return frame_choice.Evidence(
            mean_of_channels(self.strehl),
            air.strehl / _usual(air, rule),
            self.offset,
            mean_of_channels(self.star),
            self.lost,
            np.asarray(~np.isfinite(self.halo).all(axis=0), dtype=np.bool_),
        )


def light_of(
    cube: Sequence[frame_quality.Frames] | NDArray[np.floating],
    planes: Planes,
    fwhm_px: Sequence[float] | NDArray[np.floating],
    mask_px: float,
    air: Conditions,
    rule: FrameRule,
    spots: Sequence[NDArray[np.floating]] | None,
) -> Light:
    """Measure every plane.

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
    air : Conditions
        At the middle of each plane.
    rule : FrameRule
        Where the annulus lies, and what its measures must be good for.
    spots : Sequence[NDArray[np.floating]] | None
        Where the waffle is on: (x, y) of the four spots off the star in each channel, px.

    Returns
    -------
    Light
        Of each plane.
    """
    measured = [
        frame_quality.measure(one, width, mask_px + rule.inner_fwhm * width, rule.outer_fwhm * width)
        for one, width in zip(cube, fwhm_px, strict=True)
    ]
    seen, by = _seen(cube, planes, fwhm_px, mask_px, spots)
    if seen is not None and (mask_px == 0 or np.isfinite(air.star_adu).any()):
        strehl = _relative(seen / air.star_adu)
    else:
        strehl = _strehls(measured, air, rule)
    if planes.strehl_power is not None:
        strehl[:] = (air.strehl / median_of(air.strehl)) ** planes.strehl_power
    star, words = _starlight(strehl, air) if seen is None else (_relative(seen), by)
    by = words if planes.strehl_power is None else words.replace("halo", "telemetry")
    offset, lost = _offsets(measured, rule)
    return Light(
        np.stack([one.flux for one in measured]),
        star,
        strehl,
        np.mean([one.width for one in measured], axis=0),
        np.mean([one.asymmetry for one in measured], axis=0),
        np.fmax(offset, _jumps(planes)),
        lost,
        by,
    )


def _seen(
    cube: Sequence[frame_quality.Frames] | NDArray[np.floating],
    planes: Planes,
    fwhm_px: Sequence[float] | NDArray[np.floating],
    mask_px: float,
    spots: Sequence[NDArray[np.floating]] | None,
) -> tuple[NDArray[np.float64] | None, str]:
    """(channel, time) light of the star or of its images, the waffle spots; None where it is hidden."""
    if spots is not None:
        each = zip(cube, spots, fwhm_px, strict=True)
        return np.stack([spot_flux(one, where, width) for one, where, width in each]), "waffle"
    if mask_px > 0:
        return None, ""
    pairs = zip(cube, fwhm_px, planes.saturation, strict=True)
    return np.stack([star_flux(one, width, limit) for one, width, limit in pairs]), "star"


def _strehls(
    measured: Sequence[frame_quality.Measured], air: Conditions, rule: FrameRule
) -> NDArray[np.float64]:
    """(channel, time) Strehl by the halo over its median; NaN in a channel whose halo is too faint."""
    usual = _usual(air, rule)
    found = []
    for one in measured:
        error = (1.0 - usual) / usual * median_of(one.noise) / median_of(one.flux)
        strehl = frame_choice.strehl_of_halo(one.flux, air.star_adu, usual)
        found.append(strehl if 0 <= error < rule.strehl_drop / _SURE else np.full(strehl.shape, np.nan))
    return np.stack(found)


def _starlight(image: NDArray[np.float64], air: Conditions) -> tuple[NDArray[np.float64], str]:
    """(channel, time) star's peak over its median: Strehl x transparency, and what it rests on."""
    sensor = air.star_adu / median_of(air.star_adu)
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
    offset = np.hypot(*mean_of_channels(shifts).T)
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


def mean_of_channels(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the channels that have a value.

    Parameters
    ----------
    values : NDArray[np.float64]
        (channel, ...), NaN = unknown.

    Returns
    -------
    NDArray[np.float64]
        (...); NaN where no channel has one.
    """
    known = np.isfinite(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def _usual(air: Conditions, rule: FrameRule) -> float:
    known = median_of(air.strehl)
    return rule.usual_strehl if np.isnan(known) else known


def _relative(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """(channel, time) over each channel's median."""
    return np.stack([each / median_of(each) for each in light])


def median_of(values: NDArray[np.floating]) -> float:
    """Median of the known values.

    Parameters
    ----------
    values : NDArray[np.floating]
        Any shape, NaN = unknown.

    Returns
    -------
    float
        NaN where none is known.
    """
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")
