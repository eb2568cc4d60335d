"""What was planted: truth.json and truth_badpix.npz beside the raw files; the reduction never sees them."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from hcvo.store import write_aside
from reduce.simulate.detector import BAD_KINDS, Detector
from reduce.simulate.instrument import GAIN, PIXEL_MAS, PUPIL_OFFSET, TRUE_NORTH, Y_STRETCH, Filter
from reduce.simulate.sky import Companion, Target
from reduce.simulate.truth_maps import TruthMaps

__all__ = ["CONVENTIONS", "describe", "judge_frames", "write_truth"]

_LEAST_STREHL = 0.7
_FARTHEST_PX = 1.0

CONVENTIONS = {
    "pixels": "0-based, x and y inside each 1024 x 1024 field, centre of the first pixel at 0",
    "anamorphism": "a source dx, dy mas off the star along the detector's axes lies dx/pixel_mas, "
    "dy/pixel_mas/y_stretch raw pixels off it",
    "angles": "PA_sky(of date) = PA_detector + angle; PA_sky(ICRS) = PA_detector + angle + icrs_rotation; "
    "PA_detector counts on the sky (anamorphism undone) from +y towards -x; "
    "angle = parallactic + derotator_error + pupil_offset + true_north, at the middle of the integration",
    "dither": "star = place at stage zero + INS1 PAC X, Y / 18 um",
    "contrast": "companion over unocculted star in the same channel; coronagraph_transmission multiplies it",
    "star_flux": "adu of the unocculted star at mean transparency and Strehl, in the aperture, in one "
    "science DIT, without neutral density, flat response 1",
    "brightness": "peak of star and companions in that frame over its mean",
    "bad": "Strehl ratio below 0.7 of the science frames' median, or the star 1 px or more off its course",
    "star_flux_curve": "as star_flux at dit_s, where the anamorphism is undone and the flux kept: sum of "
    "pixels times covered shares in apertures of these diameters (px), the star on a pixel's middle",
}


def write_truth(
    folder: Path, truth: dict[str, Any], detector: Detector, maps: TruthMaps | None = None
) -> Path:
    """Write all truth files.

    Parameters
    ----------
    folder : Path
        Folder of the night.
    truth : dict[str, Any]
        What `describe` and the night gathered.
    detector : Detector
        For its bad pixels.
    maps : TruthMaps | None
        Of a scenario: written as FITS files.

    Returns
    -------
    Path
        truth.json.
    """
    with write_aside(folder / "truth_badpix.npz") as aside, aside.open("wb") as stream:
        np.savez_compressed(stream, bad=detector.bad)
    counts = {name: int((detector.bad == kind).sum()) for kind, name in BAD_KINDS.items()}
    truth = {**truth, "bad_pixels": {"file": "truth_badpix.npz", "codes": BAD_KINDS, "counts": counts}}
    if maps is not None:
        truth["maps"] = maps.write(folder, detector)
    path = folder / "truth.json"
    with write_aside(path) as aside:
        aside.write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    return path


def judge_frames(entries: list[dict[str, Any]]) -> None:
    """Say of each science frame whether it is bad and why, in place, by the rule of `CONVENTIONS`."""
    frames = [frame for entry in entries if entry["kind"] == "OBJECT" for frame in entry["frames"]]
    usual = float(np.median([frame["strehl"] for frame in frames]))
    for frame in frames:
        why = []
        if frame["strehl"] < _LEAST_STREHL * usual:
            why.append(f"Strehl {frame['strehl'] / usual:.2f} of the median")
        jump = float(np.hypot(*frame["jump_px"]))
        if jump >= _FARTHEST_PX:
            why.append(f"star {jump:.2f} px off its course")
        frame |= {"bad": bool(why), "why": "; ".join(why)}


def describe(seed: int, target: Target, companions: tuple[Companion, ...], setup: Filter) -> dict[str, Any]:
    """The part of the truth that holds for the whole night."""
    return {
        "seed": seed,
        "conventions": CONVENTIONS,
        "target": {
            "name": target.name,
            "ra_deg": target.ra_deg,
            "dec_deg": target.dec_deg,
            "epoch": "J2000.0",
            "frame": "ICRS",
            "pm_ra_cosdec_mas_yr": target.pm_ra_mas_yr,
            "pm_dec_mas_yr": target.pm_dec_mas_yr,
            "parallax_mas": target.parallax_mas,
            "magnitude_h": target.magnitude_h,
        },
        "companions": [
            {"sep_mas": each.separation_mas, "pa_deg": each.pa_deg, "contrast": list(each.contrast)}
            for each in companions
        ],
        "instrument": {
            "filter": setup.name,
            "channels": [band.name for band in setup.bands],
            "wavelength_um": [band.wavelength_um for band in setup.bands],
            "pixel_mas": PIXEL_MAS,
            "y_stretch": Y_STRETCH,
            "true_north_deg": TRUE_NORTH,
            "pupil_offset_deg": PUPIL_OFFSET,
            "gain_e_per_adu": GAIN,
            "nd_transmission": {
                name: [density.transmission(name) for density in setup.densities]
                for name in ("ND_1.0", "ND_2.0", "ND_3.5")
            },
        },
    }
