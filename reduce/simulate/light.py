"""All light that falls on the detector in one integration, in electrons per second."""

from typing import Any

import numpy as np

from reduce.simulate.geometry import FrameGeometry
from reduce.simulate.headers import iso
from reduce.simulate.instrument import FIELDS, NAXIS1, NAXIS2
from reduce.simulate.night import Night
from reduce.simulate.optics import Image
from reduce.simulate.scene import companions_light, coronagraphic_star, unocculted_star
from reduce.simulate.schedule import Exposure

__all__ = ["add_star", "light_of"]

_LAMP_RATE = 2450.0
"""Electrons per second and pixel of the flat lamp."""
_JITTER_PX = 0.015


def light_of(
    night: Night, exposure: Exposure, geometry: FrameGeometry | None, level: float
) -> tuple[Image, dict[str, Any]]:
    """Light of one integration.

    Parameters
    ----------
    night : Night
        What was drawn.
    exposure : Exposure
        The file.
    geometry : FrameGeometry | None
        Of this integration; None off the sky.
    level : float
        Brightness of sky or lamp against its mean.

    Returns
    -------
    tuple[Image, dict[str, Any]]
        Electrons per second on the whole detector, (1024, 2048), and the truth of the frame.
    """
    light = np.zeros((NAXIS2, NAXIS1), dtype=np.float32)
    if exposure.kind == "DARK":
        return light, {}
    lamp = _LAMP_RATE * (1.0 + 0.1 * (level - 1.0)) if exposure.kind == "FLAT" else 0.0
    for one, band in zip(FIELDS, night.setup.bands, strict=True):
        sky = band.sky * level if exposure.on_sky else 0.0
        part = slice(one.x_offset, one.x_offset + NAXIS2)
        light[:, part] = night.thermal[:, part] * np.float32(band.thermal) + np.float32(sky + lamp)
    if geometry is None or exposure.kind == "SKY":
        return light, {}
    return light, add_star(night, exposure, geometry, light)


def add_star(night: Night, exposure: Exposure, geometry: FrameGeometry, light: Image) -> dict[str, Any]:
    """Add star and companions to both fields, in place; return the truth of the frame."""
    turbulence = night.turbulence(geometry)
    jitter = _JITTER_PX * night.noise.standard_normal(2)
    offset = night.flux_offset if exposure.kind == "FLUX" else (0.0, 0.0)
    stars = night.place.at(exposure, geometry.middle, (float(jitter[0]), float(jitter[1])), offset)
    night.wavefront.age(exposure.period_s)
    instant = night.wavefront.instant(turbulence)
    for channel, (one, band) in enumerate(zip(FIELDS, night.setup.bands, strict=True)):
        if exposure.kind == "FLUX":
            image = unocculted_star(night.optics, band, stars[channel], turbulence)
        else:
            waffle = night.block.waffle if exposure.kind == "CENTER" else ""
            image = coronagraphic_star(
                night.optics,
                night.wavefront,
                instant,
                band,
                stars[channel],
                exposure.realdit_s,
                waffle,
            )
            image += companions_light(
                night.optics, band, stars[channel], geometry.trails[channel], turbulence
            )
        strength = night.peak[channel] * night.setup.densities[channel].transmission(exposure.density)
        light[:, one.x_offset : one.x_offset + NAXIS2] += image * np.float32(strength)
    r0, wind, strehl, clear = night.atmosphere.at(geometry.middle)
    return {
        "mid_utc": iso(geometry.middle),
        "star": [list(each) for each in stars],
        "parallactic_deg": geometry.parallactic,
        "derotator_error_deg": geometry.derotator_error,
        "angle_deg": geometry.angle,
        "icrs_rotation_deg": geometry.icrs_rotation,
        "brightness": turbulence.peak,
        "ao": {"r0_m": r0, "wind_m_s": wind, "strehl": strehl, "transparency": clear},
    }
