"""Write a whole raw night: file by file light, detector, header, FITS; telemetry; truth."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import get_body
from astropy.time import Time

from hcvo.errors import ConfigError
from hcvo.store import write_aside
from reduce.simulate.geometry import frame_geometry
from reduce.simulate.headers import Conditions, FileSky, archive_name, iso, raw_header
from reduce.simulate.instrument import GAIN, NAXIS1, NAXIS2, Filter
from reduce.simulate.light import light_of
from reduce.simulate.night import DEMO_COMPANIONS, DEMO_TARGET, Night
from reduce.simulate.rawfile import write_raw
from reduce.simulate.scene import aperture_flux, fwhm_pixels
from reduce.simulate.schedule import Exposure, Options
from reduce.simulate.sky import Companion, Target, local_sky
from reduce.simulate.sparta import telemetry, telemetry_name
from reduce.simulate.speckles import coronagraph_transmission
from reduce.simulate.truth import describe, write_truth

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
    separations = np.array([each.separation_mas for each in night.companions])
    return {
        "light": {
            "fwhm_px": fwhm,
            "aperture": "diameter 1 fwhm_px",
            "science_dit_s": science.realdit_s,
            "star_flux": flux,
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


def _write_file(night: Night, exposure: Exposure, folder: Path) -> dict[str, Any]:
    """Expose and write one raw file; return its truth."""
    sky = file_sky(night, exposure) if exposure.on_sky else None
    header = raw_header(exposure, night.setup, night.block, sky, conditions(night, exposure), night.readings)
    geometry = (
        frame_geometry(exposure, night.target, night.companions, night.derotator)
        if exposure.on_sky
        else [None] * exposure.ndit
    )
    cube = np.empty((exposure.ndit, NAXIS2, NAXIS1), dtype=np.float32)
    frames = []
    level = float(1.0 + 0.01 * night.noise.standard_normal())
    for index, one in enumerate(geometry):
        light, told = light_of(night, exposure, one, level)
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
