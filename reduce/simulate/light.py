"""All light that falls on the detector in one integration, in electrons per second."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reduce.simulate.geometry import FrameGeometry
from reduce.simulate.headers import iso
from reduce.simulate.instrument import FIELDS, MICRON_PER_PIXEL, NAXIS1, NAXIS2, PIXEL_MAS, TELESCOPE_M
from reduce.simulate.night import Night
from reduce.simulate.optics import Image
from reduce.simulate.scenario import Event
from reduce.simulate.scene import companions_light, coronagraphic_star, unocculted_star
from reduce.simulate.schedule import Exposure
from reduce.simulate.speckles import Instant

__all__ = ["Light", "add_star", "light_of"]

_LAMP_RATE = 6000.0
"""Electrons per second and pixel of the flat lamp: the longest flat stands at half the full well."""
_JITTER_PX = 0.015
_LEAK = 0.1
"""Share of a tilt that shows as light past the mask: it hides most of it."""
_NOTHING = Event(frame=0)


@dataclass(frozen=True)
class Light:
    """One integration's light, electrons per second, each (1024, 2048), None where there is none.

    Attributes
    ----------
    whole : NDArray[np.float32]
        All of it.
    background : NDArray[np.float32]
        Lamp, thermal light and sky.
    companions : NDArray[np.float32] | None
        Planted sources.
    told : dict[str, Any]
        Truth of the frame.
    """

    whole: Image
    background: Image
    companions: Image | None
    told: dict[str, Any]


def light_of(
    night: Night, exposure: Exposure, geometry: FrameGeometry | None, level: float, event: Event = _NOTHING
) -> Light:
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
    event : Event
        What spoils it.

    Returns
    -------
    Light
        Of the whole detector.
    """
    if exposure.kind == "DARK":
        zero = np.zeros((NAXIS2, NAXIS1), dtype=np.float32)
        return Light(zero, zero, None, {})
    stage = (exposure.stage_um[0] / MICRON_PER_PIXEL, exposure.stage_um[1] / MICRON_PER_PIXEL)
    when = geometry.middle if geometry else exposure.start
    mask = exposure.kind != "FLAT"
    light = night.thermal.light(night.setup.bands, when, level, stage, sky=exposure.on_sky, mask=mask)
    if exposure.kind == "FLAT":
        light += np.float32(_LAMP_RATE * (1.0 + 0.1 * (level - 1.0)))
    if geometry is None or exposure.kind == "SKY":
        return Light(light, light, None, {})
    whole = light.copy()
    companions = np.zeros_like(light)
    told = add_star(night, exposure, geometry, whole, event, companions)
    return Light(whole, light, companions, told)


def add_star(
    night: Night,
    exposure: Exposure,
    geometry: FrameGeometry,
    light: Image,
    event: Event = _NOTHING,
    companions: Image | None = None,
) -> dict[str, Any]:
    """Add star and companions to both fields.

    Parameters
    ----------
    night : Night
        What was drawn.
    exposure : Exposure
        The file.
    geometry : FrameGeometry
        Of this integration.
    light : Image
        (1024, 2048), changed in place.
    event : Event
        What spoils it.
    companions : Image | None
        (1024, 2048), changed in place: the companions alone.

    Returns
    -------
    dict[str, Any]
        Truth of the frame.
    """
    turbulence = night.turbulence(geometry, event)
    jitter = _JITTER_PX * night.noise.standard_normal(2) + event.jump_px
    offset = night.flux_offset if exposure.kind == "FLUX" else (0.0, 0.0)
    stars = night.place.at(exposure, geometry.middle, (float(jitter[0]), float(jitter[1])), offset)
    night.wavefront.age(exposure.period_s)
    instant = _tilted(night, night.wavefront.instant(turbulence), event)
    bare = exposure.kind == "FLUX" or not night.block.occulted
    spots = exposure.kind == "CENTER" or night.options.scenario.waffle_on
    for channel, (one, band) in enumerate(zip(FIELDS, night.setup.bands, strict=True)):
        part = slice(one.x_offset, one.x_offset + NAXIS2)
        strength = np.float32(
            night.peak[channel] * night.setup.densities[channel].transmission(exposure.density)
        )
        star = stars[channel]
        if bare:
            image = unocculted_star(night.optics, band, star, turbulence)
        else:
            waffle = night.block.waffle if spots else ""
            image = coronagraphic_star(
                night.optics, night.wavefront, instant, band, star, exposure.realdit_s, waffle
            )
        if exposure.kind != "FLUX":
            trails = geometry.trails[channel]
            planets = companions_light(night.optics, band, star, trails, turbulence, occulted=not bare)
            image += planets
            if companions is not None:
                companions[:, part] += planets * strength
        light[:, part] += image * strength
    r0, wind, strehl, clear = night.atmosphere.at(geometry.middle)
    return {
        "mid_utc": iso(geometry.middle),
        "star": [list(each) for each in stars],
        "parallactic_deg": geometry.parallactic,
        "derotator_error_deg": geometry.derotator_error,
        "angle_deg": geometry.angle,
        "icrs_rotation_deg": geometry.icrs_rotation,
        "brightness": turbulence.peak,
        "strehl": strehl * event.strehl,
        "jump_px": list(event.jump_px),
        "ao": {"r0_m": r0, "wind_m_s": wind, "strehl": strehl * event.strehl, "transparency": clear},
    }


def _tilted(night: Night, instant: Instant, event: Event) -> Instant:
    """A jump of the star tilts the wavefront: some light passes the mask."""
    if event.jump_px == (0.0, 0.0):
        return instant
    metres = TELESCOPE_M * night.optics.coordinate
    x, y = (_LEAK * each * PIXEL_MAS / 206_264_806.0 * metres * 1e6 for each in event.jump_px)
    tilt = (x[None, :] + y[:, None]).astype(np.float32)
    return replace(instant, low_order=instant.low_order + tilt)
