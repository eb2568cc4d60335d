"""The complete header of a raw IRDIS file: facts of the exposure, then cards."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from astropy.io import fits

from reduce.simulate.cards import Fact, hierarch_cards
from reduce.simulate.instrument import GAIN, NAXIS1, NAXIS2, PIXEL_MAS, Filter
from reduce.simulate.schedule import Exposure
from reduce.simulate.sky import LATITUDE_DEG, LONGITUDE_DEG, Target

__all__ = ["Block", "Conditions", "FileSky", "archive_name", "iso", "packed", "raw_header"]

_MJD_ZERO = datetime(1858, 11, 17)  # noqa: DTZ001 - UTC throughout
_ON_SKY = {"ADA": "ADA", "OBS_SKY": "OBS", "OCS_SKY": "OCS", "TEL": "TEL"}
_ALWAYS = {each: each for each in ("AOS", "DET", "DPR", "INS", "INS1", "INS4", "OBS", "OCS", "SEQ", "TPL")}
_TYPES = {
    "CENTER": ("SCIENCE", "OBJECT,CENTER"),
    "FLUX": ("SCIENCE", "OBJECT,FLUX"),
    "OBJECT": ("SCIENCE", "OBJECT"),
    "SKY": ("SCIENCE", "SKY"),
    "DARK": ("CALIB", "DARK"),
    "BACKGROUND": ("CALIB", "DARK,BACKGROUND"),
    "FLAT": ("CALIB", "FLAT,LAMP"),
}
_MASKS = {"N_ALC_YJH_S": ("MASK_ALC_2", "ALC2", 5), "N_ALC_Ks": ("MASK_ALC_3", "ALC3", 6)}
_DENSITY_NUMBERS = {"OPEN": 1, "ND_1.0": 2, "ND_2.0": 3, "ND_3.5": 4}


@dataclass(frozen=True, slots=True)
class Block:
    """The observation block: number, target, programme, waffle, place and name of the mask, tracking."""

    number: int
    target: Target
    programme: str
    start: datetime
    waffle: str
    mask: tuple[float, float]
    coronagraph: str = "N_ALC_YJH_S"
    tracking: str = "PUPIL"

    @property
    def occulted(self) -> bool:
        """Whether the star stands behind a mask."""
        return self.coronagraph != "N_NS_CLEAR"


@dataclass(frozen=True, slots=True)
class FileSky:
    """Where the telescope points during a file: first value at the start, second at the end, degrees."""

    ra_date: float
    dec_date: float
    altitude: tuple[float, float]
    azimuth: float
    parallactic: tuple[float, float]
    sidereal_s: float
    pointing: tuple[float, float]
    derotator: tuple[float, float]
    moon: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Conditions:
    """Seeing (arcsec, start and end) and coherence time (s)."""

    seeing: tuple[float, float]
    tau0_s: float


def iso(when: datetime, digits: int = 4) -> str:
    """ISO time, cut to `digits` decimals of the second."""
    text = when.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{when.microsecond:06d}"[: len(text) + 1 + digits] if digits else text


def packed(angle: float, *, hours: bool) -> float:
    """Degrees as the number HHMMSS.sss or (-)DDMMSS.sss."""
    size = abs(angle) / 15.0 if hours else abs(angle)
    seconds = round(size * 3600.0, 6 if hours else 5)
    minutes, rest = divmod(seconds, 60.0)
    whole, minute = divmod(int(minutes), 60)
    value = round(whole * 10000 + minute * 100 + rest, 6 if hours else 5)
    return value if angle >= 0 else -value


def archive_name(exposure: Exposure) -> str:
    """ESO's name of the file: start rounded to the millisecond."""
    when = exposure.start + timedelta(microseconds=500)
    return f"SPHER.{iso(when, 3)}.fits"


def raw_header(
    exposure: Exposure,
    setup: Filter,
    block: Block,
    sky: FileSky | None,
    conditions: Conditions,
    rng: np.random.Generator,
) -> fits.Header:
    """Header of one raw file, without checksums.

    Parameters
    ----------
    exposure : Exposure
        What was exposed.
    setup : Filter
        Filters in the beam.
    block : Block
        Observation block.
    sky : FileSky | None
        Pointing; None for calibrations with the telescope parked.
    conditions : Conditions
        Weather.
    rng : np.random.Generator
        Sensor readings.

    Returns
    -------
    fits.Header
        Cards in ESO's order.
    """
    facts = {
        **_facts_of_time(exposure),
        **_facts_of_setup(exposure, setup, block),
        **_facts_of_block(exposure, block),
    }
    groups = dict(_ALWAYS)
    if sky is not None:
        facts |= _facts_of_sky(block.target, sky, conditions) | _facts_of_tracking(block)
        groups |= _ON_SKY
    else:
        facts |= _facts_parked()
    if exposure.kind == "FLAT":
        groups["LAMP"] = "INS4"
    header = _primary(exposure, block, sky, facts)
    header.extend(hierarch_cards(groups, facts, rng))
    header["HIERARCH HCVO SIM"] = (True, "simulated by hcvo")
    header["PIXSCAL"] = (PIXEL_MAS, "[mas/pixel] scale of IRDIS")
    header["ARCFILE"] = (archive_name(exposure), "archive file name")
    return header


def _primary(exposure: Exposure, block: Block, sky: FileSky | None, facts: Mapping[str, Fact]) -> fits.Header:
    """Cards before the HIERARCH block."""
    catg, kind = _TYPES[exposure.kind]
    rows: list[tuple[str, Fact, str]] = [
        ("SIMPLE", True, "FITS"),
        ("BITPIX", -32, "bits per value"),
        ("NAXIS", 3, "axes"),
        ("NAXIS1", NAXIS1, "columns"),
        ("NAXIS2", NAXIS2, "rows"),
        ("NAXIS3", exposure.ndit, "integrations"),
        ("EXTEND", True, "extensions allowed"),
        ("BZERO", 0.0, "value = stored x BSCALE + BZERO"),
        ("BSCALE", 1.0, "value = stored x BSCALE + BZERO"),
        ("ORIGIN", "ESO-PARANAL", "simulated by hcvo"),
        ("DATE", iso(exposure.end), "file written"),
        ("TELESCOP", "ESO-VLT-U3", "telescope"),
        ("INSTRUME", "SPHERE", "instrument"),
        ("OBJECT", block.target.name if catg == "SCIENCE" and kind != "SKY" else kind, "target"),
    ]
    if sky is not None:
        rows += [
            ("RA", round(sky.pointing[0], 6), "[deg] pointing, J2000"),
            ("DEC", round(sky.pointing[1], 5), "[deg] pointing, J2000"),
            ("EQUINOX", 2000.0, "FK5"),
            ("RADECSYS", "FK5", "coordinate system"),
        ]
    mjd = (exposure.start - _MJD_ZERO) / timedelta(days=1)
    rows += [
        ("EXPTIME", exposure.dit_s, "[s] integration time"),
        ("MJD-OBS", round(mjd, 8), "start"),
        ("DATE-OBS", facts["date_obs"], "start"),
    ]
    if sky is not None:
        day = exposure.start.replace(hour=0, minute=0, second=0, microsecond=0)
        rows += [
            ("UTC", float(int((exposure.start - day).total_seconds())), "[s] UTC at start"),
            ("LST", round(sky.sidereal_s, 3), "[s] sidereal time at start"),
        ]
    rows += [("PI-COI", "UNKNOWN", "PI")]
    rows += [("OBSERVER", "UNKNOWN", "observer")] if sky is not None else []
    rows += [(f"CTYPE{axis}", "PIXEL", "detector") for axis in (1, 2)]
    rows += [(f"CRPIX{axis}", 0.5, "reference pixel") for axis in (1, 2)]
    rows += [(f"CRVAL{axis}", 1.0, "value there") for axis in (1, 2)]
    rows += [(f"CD{a}_{b}", float(a == b), "matrix") for b in (1, 2) for a in (1, 2)]
    rows += [("ORIGFILE", f"{facts['image_name']}_{exposure.number:04d}.fits", "original name")]
    rows += [("BUNIT", "adu", "unit")]
    rows += [(f"CD{a}_{b}", float(a == b), "matrix") for a, b in ((1, 3), (2, 3), (3, 1), (3, 2), (3, 3))]
    rows += [
        ("CRPIX3", 1.0, "reference"),
        ("CRVAL3", 1.0, "value there"),
        ("CTYPE3", "PIXEL", "integrations"),
    ]
    return fits.Header([fits.Card(*row) for row in rows])


def _facts_of_time(exposure: Exposure) -> dict[str, Fact]:
    template, name, start = exposure.template
    return {
        "date_obs": iso(exposure.start),
        "frame_utc": iso(exposure.end),
        "dit": exposure.dit_s,
        "realdit": exposure.realdit_s,
        "ditdelay": exposure.delay_s,
        "ndit": exposure.ndit,
        "sequence_time": round(exposure.period_s * exposure.ndit - 0.05, 6),
        "exposure_id": exposure.exposure_id,
        "expno": exposure.number,
        "nexp": exposure.total,
        "template": template,
        "template_name": name,
        "template_script": f"{template}.seq",
        "template_start": iso(start, 0),
        "image_name": f"SPHERE_IRDIS_{'OBS' if exposure.on_sky else 'CAL'}{start.timetuple().tm_yday:03d}",
    }


def _facts_of_setup(exposure: Exposure, setup: Filter, block: Block) -> dict[str, Fact]:
    closed = exposure.kind in {"DARK", "BACKGROUND"}
    catg, kind = _TYPES[exposure.kind]
    technique = "IMAGE,DUAL" if setup.is_dual else "IMAGE,CLASSICAL"
    masked = exposure.on_sky and block.occulted
    technique += ",CORONOGRAPHY" if masked else ""
    stop = ("CLOSED", "CLOSED", 2) if exposure.kind == "DARK" else ("MASK_STOP_ALC2", "ST_ALC2", 13)
    mask = _MASKS.get(block.coronagraph, _MASKS["N_ALC_YJH_S"]) if masked else ("OPEN", "OPEN", 1)
    lit = "N_NS_OPAQUE" if closed else "N_NS_CLEAR"
    density = exposure.density
    return {
        "catg": catg,
        "type": kind,
        "tech": technique if exposure.on_sky else "IMAGE",
        "coronagraph": block.coronagraph if exposure.on_sky else lit,
        "filter": setup.name,
        "irdis_mode": "DBI" if setup.is_dual else "CI",
        "wheel_name": setup.wheel[0],
        "wheel_id": setup.wheel[1],
        "wheel_no": setup.wheel[2],
        "dual_name": setup.dual[0],
        "dual_id": setup.dual[1],
        "dual_no": setup.dual[2],
        "stop_id": stop[0],
        "stop_name": stop[1],
        "stop_no": stop[2],
        "mask_id": mask[0],
        "mask_name": mask[1],
        "mask_no": mask[2],
        "nd_name": density,
        "nd_id": density if density == "OPEN" else f"FILT_{density}",
        "nd_no": _DENSITY_NUMBERS[density],
        "dither_x": float(exposure.dither[0]),
        "dither_y": float(exposure.dither[1]),
        "pac_x": exposure.stage_um[0],
        "pac_y": exposure.stage_um[1],
        "shutter": exposure.on_sky,
        "cal": "OBS" if exposure.on_sky else "CALIB",
        "gain": GAIN,
        "spatial_filter": "LARGE",
    }


def _facts_of_block(exposure: Exposure, block: Block) -> dict[str, Fact]:
    on_sky = exposure.on_sky
    return {
        "ob_id": block.number if on_sky else 200_000_000 + block.number % 1000,
        "ob_name": f"{block.target.name.replace(' ', '_')}_IRDIS" if on_sky else "IRDIS calibration",
        "ob_start": iso(block.start if on_sky else exposure.template[2], 0),
        "programme": block.programme if on_sky else "60.A-9999(S)",
        "target": block.target.name,
        "coro_date": iso(block.start - timedelta(hours=9), 0),
        "coro_x": round(block.mask[0] + 1.0, 3),
        "coro_y": round(block.mask[1] + 1.0, 3),
        "waffle_orient": block.waffle,
        "waffle_amplitude": 0.05,
        "loop": "IDLE" if exposure.kind == "SKY" or not on_sky else "CLOSED_LOOP",
        "tilt_loop": "CLOSED_LOOP" if exposure.kind in {"CENTER", "OBJECT"} else "IDLE",
    }


def _facts_of_sky(target: Target, sky: FileSky, conditions: Conditions) -> dict[str, Fact]:
    airmass = [round(1.0 / np.sin(np.radians(each)), 3) for each in sky.altitude]
    return {
        "packed_ra": packed(sky.ra_date, hours=True),
        "packed_dec": packed(sky.dec_date, hours=False),
        "airmass_start": float(airmass[0]),
        "airmass_end": float(airmass[1]),
        "alt": round(sky.altitude[0], 3),
        "az": round(sky.azimuth, 3),
        "parang_start": round(sky.parallactic[0], 3),
        "parang_end": round(sky.parallactic[1], 3),
        "drot_begin": round(sky.derotator[0], 4),
        "drot_end": round(sky.derotator[1], 4),
        "adc_begin": round(sky.altitude[0], 4),
        "adc_end": round(sky.altitude[1], 4),
        "adc_mode": "AUTO",
        "guide_ra": round(sky.pointing[0] + 0.0712, 6),
        "guide_dec": round(sky.pointing[1] - 0.0604, 5),
        "moon_ra": round(sky.moon[0], 6),
        "moon_dec": round(sky.moon[1], 5),
        "targ_alpha": round(packed(target.ra_deg, hours=True), 3),
        "targ_delta": round(packed(target.dec_deg, hours=False), 3),
        "pm_ra": round(target.pm_ra_mas_yr / 1000.0, 6),
        "pm_dec": round(target.pm_dec_mas_yr / 1000.0, 6),
        "parallax": round(target.parallax_mas / 1000.0, 6),
        "latitude": LATITUDE_DEG,
        "longitude": LONGITUDE_DEG,
        "seeing_start": conditions.seeing[0],
        "seeing_end": conditions.seeing[1],
        "tau0": conditions.tau0_s,
    }


def _facts_of_tracking(block: Block) -> dict[str, Fact]:
    pupil = block.tracking == "PUPIL"
    return {"drot_mode": "ELEV" if pupil else "SKY", "rotation": "PUPIL" if pupil else "FIELD"}


def _facts_parked() -> dict[str, Fact]:
    """The common path in the morning: derotator at rest, last coordinates kept."""
    return {
        "packed_ra": 220145.312,
        "packed_dec": -243601.5,
        "drot_begin": -0.0001,
        "drot_end": -0.0001,
        "drot_mode": "STAT",
        "rotation": "FIELD",
        "adc_begin": 0.0,
        "adc_end": 0.0,
        "adc_mode": "STAT",
    }
