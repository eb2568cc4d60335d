"""Make a whole raw night: plan, then file by file light, detector, header, FITS."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import get_body
from astropy.time import Time

from hcvo.store import write_aside
from reduce.simulate.detector import Detector, make_detector
from reduce.simulate.geometry import (
    DEROTATOR_REPAIRED,
    Derotator,
    FrameGeometry,
    StarPlace,
    draw_star_place,
    frame_geometry,
)
from reduce.simulate.headers import Block, Conditions, FileSky, archive_name, iso, raw_header
from reduce.simulate.instrument import FIELDS, GAIN, NAXIS1, NAXIS2, Filter
from reduce.simulate.optics import Image, Optics, make_optics
from reduce.simulate.rawfile import write_raw
from reduce.simulate.scene import (
    aperture_flux,
    companions_light,
    coronagraph_transmission,
    coronagraphic_star,
    fwhm_pixels,
    star_peak,
    unocculted_star,
)
from reduce.simulate.schedule import Exposure, Options, plan_night
from reduce.simulate.sky import Companion, Target, local_sky
from reduce.simulate.sparta import Atmosphere, make_atmosphere, telemetry
from reduce.simulate.speckles import Turbulence, Wavefront
from reduce.simulate.truth import describe, write_truth

__all__ = ["DEMO_COMPANIONS", "DEMO_TARGET", "simulate_night"]

DEMO_TARGET = Target("HCVO SIM 1", 197.92833, -37.40417, -31.4, -18.2, 9.1, 5.2)
"""An invented star; there is nothing at its place."""
DEMO_COMPANIONS = (
    Companion(200.0, 62.0, (3.4e-5, 4.0e-5)),
    Companion(400.0, 195.0, (6.0e-6, 7.2e-6)),
    Companion(800.0, 310.0, (2.6e-6, 3.2e-6)),
)
_LAMP_RATE = 2450.0
"""Electrons per second and pixel of the flat lamp."""
_FLUX_OFFSET = (33.0, -27.0)
"""Pixels by which the star is moved off the mask for FLUX."""
_JITTER_PX = 0.015


@dataclass
class Night:
    """Everything drawn once for a night.

    Attributes
    ----------
    options : Options
        What was asked.
    target : Target
        The star.
    companions : tuple[Companion, ...]
        Planted sources.
    setup : Filter
        Filters.
    """

    options: Options
    target: Target
    companions: tuple[Companion, ...]
    setup: Filter
    optics: Optics = field(init=False)
    plan: list[Exposure] = field(init=False)
    detector: Detector = field(init=False)
    wavefront: Wavefront = field(init=False)
    atmosphere: Atmosphere = field(init=False)
    place: StarPlace = field(init=False)
    derotator: Derotator = field(init=False)
    block: Block = field(init=False)
    peak: tuple[float, float] = field(init=False)
    thermal: Image = field(init=False)
    flux_offset: tuple[float, float] = field(init=False)
    noise: np.random.Generator = field(init=False)
    readings: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        streams = [np.random.default_rng(each) for each in np.random.SeedSequence(self.options.seed).spawn(8)]
        drawn, weather, chip, lasting, pattern, self.noise, self.readings, pointing = streams
        self.optics = make_optics()
        left, right = (star_peak(self.optics, band, self.target.magnitude_h) for band in self.setup.bands)
        self.peak = (left, right)
        self.plan = plan_night(self.options, self.target, self.setup, self.peak, drawn)
        self.detector = make_detector(chip)
        self.wavefront = Wavefront(self.optics, lasting)
        sky = [each for each in self.plan if each.on_sky]
        self.atmosphere = make_atmosphere(sky[0].start - timedelta(seconds=60), sky[-1].end, weather)
        self.place = draw_star_place(sky[0].start, pointing)
        offset = _FLUX_OFFSET + pointing.uniform(-1, 1, 2)
        self.flux_offset = (float(offset[0]), float(offset[1]))
        early = sky[0].start < DEROTATOR_REPAIRED
        lag = float(pointing.uniform(0.6, 1.6) * pointing.choice([-1, 1])) if early else 0.0
        self.derotator = Derotator(lag, float(pointing.normal(0.0, 0.1)) if early else 0.0, sky[0].start)
        self.thermal = _illumination(pattern)
        self.block = Block(
            number=3_000_000 + self.options.seed,
            target=self.target,
            programme="0101.C-9999(S)",
            start=sky[0].template[2] - timedelta(minutes=11),
            waffle="+" if self.options.seed % 2 else "x",
            mask=self.place.base[0],
        )

    def turbulence(self, geometry: FrameGeometry) -> Turbulence:
        """State of the atmosphere at the middle of an integration."""
        _, _, strehl, clear = self.atmosphere.at(geometry.middle)
        mean = self.atmosphere.mean_strehl
        return Turbulence(strehl / mean * clear, (1 - strehl) / (1 - mean) * clear, clear)


def simulate_night(
    options: Options,
    setup: Filter,
    folder: Path,
    *,
    target: Target = DEMO_TARGET,
    companions: tuple[Companion, ...] = DEMO_COMPANIONS,
    progress: Callable[[float], None] = lambda _: None,
) -> Path:
    """Write a night's raw files, its telemetry and its truth.

    Parameters
    ----------
    options : Options
        Seed, date, numbers.
    setup : Filter
        Filter combination.
    folder : Path
        Where to write; made if absent.
    target : Target
        The star.
    companions : tuple[Companion, ...]
        Planted sources.
    progress : Callable[[float], None]
        Told the finished share.

    Returns
    -------
    Path
        The truth file.
    """
    night = Night(options, target, companions, setup)
    truth = {**describe(options.seed, target, companions, setup), **_truth_of_light(night)}
    entries = []
    previous = night.plan[0].start
    for index, exposure in enumerate(night.plan):
        if exposure.on_sky:
            night.wavefront.age((exposure.start - previous).total_seconds())
            previous = exposure.end
        entries.append(_write_file(night, exposure, folder))
        progress((index + 1) / (len(night.plan) + 1))
    name, tables = telemetry(night.atmosphere, target.name, night.block.number, night.readings)
    with write_aside(folder / name) as aside:
        tables.writeto(aside, overwrite=True)
    truth |= {"telemetry": name, "files": entries}
    path = write_truth(folder, truth, night.detector)
    progress(1.0)
    return path


def _truth_of_light(night: Night) -> dict[str, Any]:
    science = next(each for each in night.plan if each.kind == "OBJECT")
    fwhm = [fwhm_pixels(night.optics, band) for band in night.setup.bands]
    flux = [
        peak * aperture_flux(night.optics, band, width) * science.realdit_s / GAIN
        for peak, band, width in zip(night.peak, night.setup.bands, fwhm, strict=True)
    ]
    transmission = [coronagraph_transmission(each.separation_mas) for each in night.companions]
    return {
        "light": {
            "fwhm_px": fwhm,
            "aperture": "diameter 1 fwhm_px",
            "science_dit_s": science.realdit_s,
            "star_flux": flux,
            "coronagraph_transmission": transmission,
        },
        "sequence": {
            "ob_id": night.block.number,
            "waffle_orient": night.block.waffle,
            "star_at_stage_zero": [list(each) for each in night.place.base],
            "flux_offset_px": list(night.flux_offset),
            "derotator_lag_deg": night.derotator.lag_deg,
        },
    }


def _write_file(night: Night, exposure: Exposure, folder: Path) -> dict[str, Any]:
    """Expose and write one raw file; return its truth."""
    sky = _file_sky(night, exposure) if exposure.on_sky else None
    header = raw_header(exposure, night.setup, night.block, sky, _conditions(night, exposure), night.readings)
    geometry = (
        frame_geometry(exposure, night.target, night.companions, night.derotator)
        if exposure.on_sky
        else [None] * exposure.ndit
    )
    cube = np.empty((exposure.ndit, NAXIS2, NAXIS1), dtype=np.float32)
    frames = []
    level = float(1.0 + 0.01 * night.noise.standard_normal())
    for index, one in enumerate(geometry):
        light, told = _light(night, exposure, one, level)
        cube[index] = night.detector.read(light, exposure.realdit_s, night.noise)
        frames.append({"frame": index, **told})
    name = archive_name(exposure)
    write_raw(folder / name, header, cube, iso(exposure.end, 0))
    return {
        "file": name,
        "kind": exposure.kind,
        "dit_s": exposure.realdit_s,
        "nd": exposure.density,
        "frames": frames,
    }


def _light(
    night: Night, exposure: Exposure, geometry: FrameGeometry | None, level: float
) -> tuple[Image, dict[str, Any]]:
    """Electrons per second on the whole detector in one integration, and its truth."""
    light = np.zeros((NAXIS2, NAXIS1), dtype=np.float32)
    if exposure.kind == "DARK":
        return light, {}
    lamp = _LAMP_RATE * (1.0 + 0.001 * (level - 1.0)) if exposure.kind == "FLAT" else 0.0
    for one, band in zip(FIELDS, night.setup.bands, strict=True):
        sky = band.sky * level if exposure.on_sky else 0.0
        part = slice(one.x_offset, one.x_offset + NAXIS2)
        light[:, part] = night.thermal[:, part] * np.float32(band.thermal) + np.float32(sky + lamp)
    if geometry is None or exposure.kind == "SKY":
        return light, {}
    return light, _add_star(night, exposure, geometry, light)


def _add_star(night: Night, exposure: Exposure, geometry: FrameGeometry, light: Image) -> dict[str, Any]:
    """Add star and companions to both fields, in place; return the truth of the frame."""
    turbulence = night.turbulence(geometry)
    jitter = _JITTER_PX * night.noise.standard_normal(2)
    offset = night.flux_offset if exposure.kind == "FLUX" else (0.0, 0.0)
    stars = night.place.at(exposure, geometry.middle, (float(jitter[0]), float(jitter[1])), offset)
    night.wavefront.age(exposure.period_s)
    fast = night.wavefront.fast()
    for channel, (one, band) in enumerate(zip(FIELDS, night.setup.bands, strict=True)):
        if exposure.kind == "FLUX":
            image = unocculted_star(night.optics, band, stars[channel], turbulence)
        else:
            waffle = night.block.waffle if exposure.kind == "CENTER" else ""
            image = coronagraphic_star(
                night.optics,
                night.wavefront,
                fast,
                band,
                stars[channel],
                exposure.realdit_s,
                turbulence,
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


def _file_sky(night: Night, exposure: Exposure) -> FileSky:
    """Pointing cards of a file."""
    target = night.target
    if exposure.kind == "SKY":
        target = Target(
            target.name,
            target.ra_deg + 0.0105,
            target.dec_deg,
            target.pm_ra_mas_yr,
            target.pm_dec_mas_yr,
            target.parallax_mas,
            target.magnitude_h,
        )
    pointing = local_sky(target, [exposure.start, exposure.end])
    when = Time(exposure.start, scale="utc")
    moon = get_body("moon", when, ephemeris="builtin").icrs
    lag = night.derotator.lag(exposure)
    derotator = [180.0 + (float(each) - lag) / 2.0 for each in pointing.altitude]
    return FileSky(
        ra_date=float(pointing.ra_date[0]),
        dec_date=float(pointing.dec_date[0]),
        altitude=(float(pointing.altitude[0]), float(pointing.altitude[1])),
        azimuth=float(pointing.azimuth[0]),
        parallactic=(float(pointing.parallactic[0]), float(pointing.parallactic[1])),
        sidereal_s=float(pointing.sidereal_s[0]),
        pointing=(target.ra_deg, target.dec_deg),
        derotator=(derotator[0], derotator[1]),
        moon=(float(moon.ra.to_value(u.deg)), float(moon.dec.to_value(u.deg))),
    )


def _conditions(night: Night, exposure: Exposure) -> Conditions:
    """Seeing and coherence time as the observatory's monitors see them."""
    start, end = (night.atmosphere.at(each) for each in (exposure.start, exposure.end))
    seeing = [round(0.98 * 500e-9 / each[0] * 206265.0, 2) for each in (start, end)]
    return Conditions((seeing[0], seeing[1]), round(0.314 * start[0] / start[1], 4))


def _illumination(rng: np.random.Generator) -> Image:
    """Smooth pattern of the instrument's own glow, mean 1, (1024, 2048)."""
    y, x = np.mgrid[-1 : 1 : 1j * NAXIS2, -1 : 1 : 1j * NAXIS2]
    parts = []
    for _ in FIELDS:
        a, b, c = rng.normal(0.0, 0.06, 3)
        parts.append(1.0 + a * x + b * y + c * (x**2 + y**2 - 2.0 / 3.0))
    return np.concatenate(parts, axis=1).astype(np.float32)
