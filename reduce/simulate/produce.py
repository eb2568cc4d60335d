"""Write a whole raw night: file by file light, detector, header, FITS; telemetry; truth."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import get_body
from astropy.time import Time

from hcvo.errors import ConfigError
from hcvo.store import write_aside
from reduce.simulate.cosmics import cosmic_rays
from reduce.simulate.damage import damage_last
from reduce.simulate.geometry import FrameGeometry, frame_geometry
from reduce.simulate.headers import Conditions, FileSky, archive_name, iso, raw_header
from reduce.simulate.instrument import FULL_WELL_ADU, GAIN, NAXIS1, NAXIS2, Filter
from reduce.simulate.light import light_of
from reduce.simulate.night import DEMO_COMPANIONS, DEMO_TARGET, Night
from reduce.simulate.optics import Image
from reduce.simulate.rawfile import write_raw
from reduce.simulate.scenario import Event
from reduce.simulate.scene import aperture_flux, fwhm_pixels, growth_curve
from reduce.simulate.schedule import Exposure, Options
from reduce.simulate.sky import Companion, Target, local_sky
from reduce.simulate.sparta import telemetry, telemetry_name
from reduce.simulate.speckles import coronagraph_transmission
from reduce.simulate.truth import describe, judge_frames, write_truth
from reduce.simulate.truth_maps import TruthMaps

__all__ = ["conditions", "file_sky", "simulate_night"]

_SKY_OFFSET_DEG = 0.0105
"""In right ascension, for SKY."""


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

    Raises
    ------
    ConfigError
        If the folder holds raw files of another night.
    """
    night = Night(options, target, companions, setup)
    if others := _foreign_files(folder, night):
        raise ConfigError(
            f"{folder} holds {len(others)} raw files of another night, {others[0]} first; "
            "wanted an empty folder: give another --out"
        )
    truth = {**describe(options.seed, target, companions, setup), **_truth_of_light(night)}
    camera = _Camera(night, folder)
    entries = []
    previous = night.plan[0].start
    for index, exposure in enumerate(night.plan):
        if exposure.on_sky:
            night.wavefront.age((exposure.start - previous).total_seconds())
            previous = exposure.end
        entries.append(camera.write(exposure))
        progress((index + 1) / (len(night.plan) + 1))
    name, tables = telemetry(
        night.atmosphere, target.name, night.block.number, night.readings, camera.openings
    )
    with write_aside(folder / name) as aside:
        tables.writeto(aside, overwrite=True)
    judge_frames(entries)
    truth |= {"telemetry": name, "files": entries}
    if options.scenario.damage:
        truth["damage"] = damage_last(folder, entries, options.scenario.damage)
    path = write_truth(folder, truth, night.detector, camera.maps)
    progress(1.0)
    return path


def _foreign_files(folder: Path, night: Night) -> list[str]:
    """Raw files in a folder that are not this night's; the same night may be written again."""
    ours = {archive_name(each) for each in night.plan} | {telemetry_name(night.atmosphere)}
    return sorted(path.name for path in folder.glob("SPHER.*.fits") if path.name not in ours)


def _truth_of_light(night: Night) -> dict[str, Any]:
    science = next(each for each in night.plan if each.kind == "OBJECT")
    fwhm = [fwhm_pixels(night.optics, band) for band in night.setup.bands]
    flux = [
        peak * aperture_flux(night.optics, band, width) * science.realdit_s / GAIN
        for peak, band, width in zip(night.peak, night.setup.bands, fwhm, strict=True)
    ]
    diameters = np.arange(1.5, 14.01, 0.05)
    scale = [peak * science.realdit_s / GAIN for peak in night.peak]
    curves = [growth_curve(night.optics, band, diameters) for band in night.setup.bands]
    separations = np.array([each.separation_mas for each in night.companions])
    return {
        "light": {
            "fwhm_px": fwhm,
            "aperture": "diameter 1 fwhm_px",
            "science_dit_s": science.realdit_s,
            "star_flux": flux,
            "star_flux_curve": {
                "diameter_px": diameters.tolist(),
                "dit_s": science.realdit_s,
                "flux": [(curve * one).tolist() for curve, one in zip(curves, scale, strict=True)],
            },
            "coronagraph_transmission": coronagraph_transmission(separations).tolist(),
        },
        "sequence": {
            "ob_id": night.block.number,
            "waffle_orient": night.block.waffle,
            "star_at_stage_zero": [list(each) for each in night.place.base],
            "flux_offset_px": list(night.flux_offset),
            "derotator_lag_deg": night.derotator.lag_deg,
        },
    }


class _Camera:
    """Exposes and writes raw files one after another, and keeps what only the truth may know."""

    def __init__(self, night: Night, folder: Path) -> None:
        self._night, self._folder = night, folder
        self._hits = np.random.default_rng([night.options.seed, 1912])
        self._science = count()
        self.openings: list[tuple[datetime, datetime, float]] = []
        self.maps = TruthMaps() if night.options.scenario.name else None

    def write(self, exposure: Exposure) -> dict[str, Any]:
        """Expose and write one raw file; return its truth."""
        night = self._night
        sky = file_sky(night, exposure) if exposure.on_sky else None
        weather = conditions(night, exposure)
        header = raw_header(exposure, night.setup, night.block, sky, weather, night.readings)
        name = archive_name(exposure)
        level = float(1.0 + 0.01 * night.noise.standard_normal())
        cube = np.empty((exposure.ndit, NAXIS2, NAXIS1), dtype=np.float32)
        frames = []
        for index, one in enumerate(_geometries(night, exposure)):
            cube[index], told = self._expose((name, index), exposure, one, level)
            frames.append({"frame": index, **told})
        write_raw(self._folder / name, header, cube, iso(exposure.end, 0))
        return {
            "file": name,
            "kind": exposure.kind,
            "dit_s": exposure.realdit_s,
            "nd": exposure.density,
            "frames": frames,
        }

    def _expose(
        self, where: tuple[str, int], exposure: Exposure, geometry: FrameGeometry | None, level: float
    ) -> tuple[Image, dict[str, Any]]:
        """One integration as read, adu, and its truth."""
        night = self._night
        science = exposure.kind == "OBJECT"
        event = night.options.scenario.event(next(self._science)) if science else Event(frame=0)
        light = light_of(night, exposure, geometry, level, event)
        frame = night.detector.read(light.whole, exposure.realdit_s, night.noise)
        if not science or self.maps is None:
            return frame, light.told
        if event.strehl < 1.0:
            start, middle, *_, end = exposure.instants(where[1], 101)
            self.openings.append((start - (middle - start), end, event.strehl))
        hits = cosmic_rays(night.options.scenario.cosmics, self._hits)
        np.add.at(frame, (hits[:, 1].astype(int), hits[:, 0].astype(int)), hits[:, 2].astype(np.float32))
        np.clip(frame, None, np.float32(FULL_WELL_ADU), out=frame)
        self.maps.take(where, exposure, light, frame, hits)
        return frame, light.told


def _geometries(night: Night, exposure: Exposure) -> Sequence[FrameGeometry | None]:
    """One an integration; None off the sky."""
    if not exposure.on_sky:
        return [None] * exposure.ndit
    return frame_geometry(exposure, night.target, night.companions, night.derotator, night.block.tracking)


def file_sky(night: Night, exposure: Exposure) -> FileSky:
    """Pointing cards of a file."""
    target = night.target
    if exposure.kind == "SKY":
        target = replace(target, ra_deg=target.ra_deg + _SKY_OFFSET_DEG)
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


def conditions(night: Night, exposure: Exposure) -> Conditions:
    """Seeing and coherence time as the observatory's monitors see them."""
    start, end = (night.atmosphere.at(each) for each in (exposure.start, exposure.end))
    seeing = [round(0.98 * 500e-9 / each[0] * 206265.0, 2) for each in (start, end)]
    return Conditions((seeing[0], seeing[1]), round(0.314 * start[0] / start[1], 4))
