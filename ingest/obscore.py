"""What ObsCore says of a product file, from its header."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from hcvo.errors import HeaderError
from hcvo.headers.product import read_product_facts
from hcvo.headers.wcs import footprint
from hcvo.model.motion import separation_arcsec
from hcvo.model.product import ProductFacts, ProductKind
from hcvo.model.sphere import SphericalPolygon
from ingest.observations import FACILITIES

__all__ = ["Described", "describe", "obscore_columns"]

_UCDS = {
    ProductKind.DARK: "phot.count;instr.det",
    ProductKind.FLAT: "instr.det.qe",
    ProductKind.CENTRES: "pos.cartesian;instr.det",
    ProductKind.PSF: "instr.det.psf",
    ProductKind.QUALITY: "meta.code.qual",
    ProductKind.SNR: "stat.snr",
    ProductKind.SIGNIFICANCE: "stat.snr",
    ProductKind.CONTRAST: "phot.flux;arith.ratio",
    ProductKind.CONTRAST_ECSV: "phot.flux;arith.ratio",
    ProductKind.CONTRAST_VOTABLE: "phot.flux;arith.ratio",
    ProductKind.CANDIDATES: "phot.flux;arith.ratio",
    ProductKind.CANDIDATES_ECSV: "phot.flux;arith.ratio",
    ProductKind.CANDIDATES_VOTABLE: "phot.flux;arith.ratio",
}
"""UCD of the values, where the unit does not decide."""


@dataclass(frozen=True, slots=True)
class Described:
    """A product file read once: its facts, the length of each named axis, its footprint if it has one."""

    facts: ProductFacts
    lengths: Mapping[str, int]
    region: SphericalPolygon | None


def describe(path: Path, cards: Mapping[str, Any]) -> Described:
    """Read what the catalogue needs from a product file.

    Parameters
    ----------
    path : Path
        A product file written by the engine.
    cards : Mapping[str, Any]
        Its primary header.

    Returns
    -------
    Described
        Facts, axes and footprint.

    Raises
    ------
    HeaderError
        If the file is no product or its axes are not those its header names.
    """
    facts = read_product_facts(cards)
    shape = [cards[f"NAXIS{number}"] for number in range(cards.get("NAXIS", 0), 0, -1)]
    names = [name for name in facts.axes.split(",") if name] if shape else []
    if len(names) != len(shape):
        raise HeaderError(
            f"{path}: AXORDER {facts.axes!r} names {len(names)} axes, the array has {len(shape)}"
        )
    region = SphericalPolygon(footprint(cards)) if shape and "CTYPE1" in cards else None
    return Described(facts, dict(zip(names, shape, strict=True)), region)


def obscore_columns(described: Described, region: SphericalPolygon | None) -> dict[str, Any]:
    """Columns of the product table that follow from the file.

    Parameters
    ----------
    described : Described
        The file.
    region : SphericalPolygon | None
        Its footprint; a table's is that of the images of its process.

    Returns
    -------
    dict[str, Any]
        Column name to value, all but rights, keys and file.
    """
    facts, lengths = described.facts, described.lengths
    return {
        "kind": facts.kind.value,
        "mime": _mime(facts.kind, lengths),
        "algorithm": facts.algorithm,
        "dataproduct_type": _product_type(lengths),
        "dataproduct_subtype": f"hci.{facts.kind}",
        "calib_level": facts.level,
        "obs_collection": facts.instrument,
        "obs_id": facts.obs_id,
        "object_name": facts.target_name,
        "facility_name": FACILITIES.get(facts.telescope, facts.telescope),
        "instrument_name": "/".join(part for part in (facts.instrument, facts.arm) if part),
        "s_ra": facts.ra_deg,
        "s_dec": facts.dec_deg,
        "s_fov": _diameter_deg(region),
        "s_region": region,
        "s_resolution": _thousandth(facts.fwhm_mas),
        "s_pixel_scale": _thousandth(facts.pixel_scale_mas),
        "s_xel1": lengths.get("x", -1),
        "s_xel2": lengths.get("y", -1),
        "t_min": facts.mjd_start,
        "t_max": facts.mjd_end,
        "t_exptime": facts.exptime_s,
        "t_resolution": facts.dit_s if "time" in lengths else facts.exptime_s,
        "t_xel": lengths.get("time", 1) if lengths else -1,
        **_spectral(facts),
        "em_xel": lengths.get("channel", 1) if lengths else -1,
        "o_ucd": _ucd(facts),
        "o_unit": facts.unit,
        "filter": facts.filter,
        "coronagraph": facts.coronagraph,
        "derotator_mode": facts.derotator_mode,
        "technique": facts.technique,
        "programme": facts.programme,
        "ob_id": facts.ob_id,
        "night": date.fromisoformat(facts.night),
        "ncombine": facts.ncombine,
        "dit": facts.dit_s,
        "field_rotation": facts.field_rotation_deg,
        "match_level": facts.match_level,
        "axes": facts.axes,
    }


def _mime(kind: ProductKind, lengths: Mapping[str, int]) -> str:
    return kind.mime or ("image/fits" if lengths else "application/fits")


def _product_type(lengths: Mapping[str, int]) -> str:
    if not lengths:
        return "measurements"
    return "image" if set(lengths) <= {"x", "y"} else "cube"


def _ucd(facts: ProductFacts) -> str:
    if facts.kind in _UCDS:
        return _UCDS[facts.kind]
    return "phot.count" if "adu" in facts.unit.lower() else "phot.flux;arith.ratio"


def _spectral(facts: ProductFacts) -> dict[str, float | None]:
    low, high = facts.wavelength_min_nm, facts.wavelength_max_nm
    if low is None or high is None:
        return {"em_min": None, "em_max": None, "em_res_power": None}
    power = (low + high) / 2 / (high - low) if high > low else None
    return {"em_min": low * 1e-9, "em_max": high * 1e-9, "em_res_power": power}


def _thousandth(value: float | None) -> float | None:
    return None if value is None else value / 1000.0


def _diameter_deg(region: SphericalPolygon | None) -> float | None:
    """Longest distance between two corners."""
    if region is None:
        return None
    corners = region.vertices
    return max(separation_arcsec(*one, *other) for one in corners for other in corners) / 3600.0
