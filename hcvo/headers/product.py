"""The header of a product file: facts to cards and back, losing nothing.

Phase 3 names where ESO has one (ESO-044286 v8, section 5), 8-character names of
ours elsewhere; the catalogue loads a product from these cards alone.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from astropy.io import fits

from hcvo.errors import HeaderError
from hcvo.model.product import ProductFacts, ProductKind
from hcvo.model.release import from_mjd

__all__ = ["CARDS", "product_header", "read_product_facts"]

CARDS: dict[str, tuple[str, str]] = {
    "kind": ("PRODKIND", "kind of product"),
    "level": ("PRODLVL", "1 calibration, 2 level 1 cube, 3 level 2 product"),
    "instrument": ("INSTRUME", "instrument"),
    "telescope": ("TELESCOP", "telescope"),
    "arm": ("INSARM", "arm of the instrument"),
    "algorithm": ("ALGORITH", "algorithm"),
    "filter": ("FILTER", "filter combination"),
    "obs_id": ("OBS_ID", "observation of the archive"),
    "target_name": ("OBJECT", "target as the PI named it"),
    "ra_deg": ("RA", "[deg] star, ICRS, at epoch"),
    "dec_deg": ("DEC", "[deg] star, ICRS, at epoch"),
    "programme": ("PROG_ID", "ESO programme"),
    "ob_id": ("OBID1", "observation block"),
    "night": ("NIGHT", "date at which the night began"),
    "mjd_start": ("MJD-OBS", "[d] start of first exposure, UTC"),
    "mjd_end": ("MJD-END", "[d] end of last exposure, UTC"),
    "exptime_s": ("EXPTIME", "[s] total integration kept"),
    "dit_s": ("DIT", "[s] integration time of a frame"),
    "ncombine": ("NCOMBINE", "raw science files combined"),
    "wavelength_min_nm": ("WAVELMIN", "[nm] lower edge"),
    "wavelength_max_nm": ("WAVELMAX", "[nm] upper edge"),
    "pixel_scale_mas": ("PIXSCALE", "[mas] pixel scale"),
    "fwhm_mas": ("FWHM_MAS", "[mas] resolution"),
    "coronagraph": ("CORONAGR", "coronagraph"),
    "derotator_mode": ("DEROMODE", "derotator mode"),
    "technique": ("OBSTECH", "technique of observation"),
    "field_rotation_deg": ("FLDROT", "[deg] field rotation"),
    "match_level": ("MATCHLVL", "worst match level of calibrations"),
    "process_id": ("PROCID", "process that made this file"),
    "recipe": ("RECIPE", "recipe"),
    "recipe_version": ("RECVERS", "version of the recipe's code"),
    "axes": ("AXORDER", "axis order, slowest first"),
    "unit": ("BUNIT", "unit of the array"),
}
"""Field of ProductFacts to (keyword, comment); ``provenance`` becomes PROV1, PROV2 ..."""

_CARD_ROOM = 80 - len("KEYWORD = ") - len(" / ")
_VALUE_WIDTH = 20
_LAST_MJD = 2_000_000  # a date has four digits of a year


def product_header(facts: ProductFacts) -> fits.Header:
    """Write facts as cards.

    Parameters
    ----------
    facts : ProductFacts
        What the file holds.

    Returns
    -------
    fits.Header
        Cards of `CARDS` in order, the fixed ones of Phase 3, PROVi; a fact that is None is left out.
    """
    header = fits.Header()
    header["ORIGIN"] = ("ESO-PARANAL", "observatory")
    header["RADESYS"] = ("ICRS", "celestial frame")
    header["TIMESYS"] = ("UTC", "time scale")
    header["PROCSOFT"] = (f"hcvo {facts.recipe_version}", "software")
    header["REFERENC"] = ("", "no paper yet")
    header["TEXPTIME"] = (facts.exptime_s, "[s] total integration")
    for name, (keyword, comment) in CARDS.items():
        value = getattr(facts, name)
        if value is not None:
            value = str(value) if name == "kind" else value
            room = _CARD_ROOM - max(_VALUE_WIDTH, len(str(value)) + len("''"))
            header[keyword] = (value, comment if len(comment) <= room else "")
    for keyword, mjd in (("DATE-OBS", facts.mjd_start), ("DATE-END", facts.mjd_end)):
        if 0 <= mjd < _LAST_MJD:
            header[keyword] = (_iso(mjd), "the MJD as a date, UTC")
    for number, precursor in enumerate(facts.provenance, start=1):
        header[f"PROV{number}"] = precursor  # no comment: a file name fills the card
    return header


def _iso(mjd: float) -> str:
    return from_mjd(mjd).replace(tzinfo=None).isoformat(timespec="milliseconds")


def read_product_facts(header: Mapping[str, Any]) -> ProductFacts:
    """Read facts back from a primary header.

    Parameters
    ----------
    header : Mapping[str, Any]
        Cards of the primary header of a product file.

    Returns
    -------
    ProductFacts
        Equal to what `product_header` was given.

    Raises
    ------
    HeaderError
        If a card is missing that may not be.
    """
    optional = {f.name for f in fields(ProductFacts) if "None" in str(f.type)}
    values: dict[str, Any] = {}
    for name, (keyword, _) in CARDS.items():
        if keyword not in header and name not in optional:
            raise HeaderError(f"product header: {keyword} is missing; not a product file of hcvo?")
        values[name] = header.get(keyword)
    try:
        values["kind"] = ProductKind(values["kind"])
    except ValueError as error:
        wanted = ", ".join(ProductKind)
        raise HeaderError(f"PRODKIND is {values['kind']!r}, wanted one of {wanted}") from error
    provenance: list[str] = []
    while (keyword := f"PROV{len(provenance) + 1}") in header:
        provenance.append(header[keyword])
    return ProductFacts(**values, provenance=tuple(provenance))
