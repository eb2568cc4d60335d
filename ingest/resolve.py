"""Target names to positions: our own dictionary first, then SIMBAD where there is a network."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from astropy.table import Row, Table
from astroquery.simbad import SimbadClass
from pyvo.dal import TAPService
from pyvo.dal.exceptions import DALAccessError

from hcvo.config import CHECKOUT
from hcvo.config import Resolver as ResolverSettings
from hcvo.errors import ConfigError, ResolveError
from hcvo.model.motion import julian_year, position_at
from hcvo.model.names import normalised

__all__ = ["DICTIONARY", "Resolved", "Resolver", "load_dictionary"]

DICTIONARY = CHECKOUT / "etc" / "targets.toml"
_FIELDS = ("ra", "dec", "epoch", "pm_ra", "pm_dec", "parallax")
_BANDS = ("B", "V", "R", "I", "G", "J", "H", "K")
_NUMBERS = ("age", "rv", *(f"mag_{band.lower()}" for band in _BANDS))
_FACTS = ("sp_type", *_NUMBERS)
_KEYS = {"name", "aliases", *_FIELDS, *_FACTS, *(f"{key}_ref" for key in _FACTS)}
_REFERENCES = {"position": "coo_bibcode", "pm": "pm_bibcode", "parallax": "plx_bibcode",
               "sp_type": "sp_bibcode", "rv": "rvz_bibcode"}  # fmt: skip
"""Fact to SIMBAD's column with its reference."""

_STAR = (
    "SELECT basic.oid, basic.main_id, basic.ra, basic.dec, basic.pmra, basic.pmdec, basic.plx_value,"
    " basic.sp_type, basic.rvz_radvel, basic.coo_bibcode, basic.pm_bibcode, basic.plx_bibcode,"
    " basic.sp_bibcode, basic.rvz_bibcode"
    " FROM basic JOIN ident ON ident.oidref = basic.oid"
)


@dataclass(frozen=True, slots=True)
class Resolved:
    """A star that a name led to.

    Attributes
    ----------
    name : str
        Main name.
    names : tuple[str, ...]
        Other names.
    source : str
        'dictionary' or 'simbad'.
    ra, dec : float
        ICRS, degrees, at `epoch` (Julian year).
    pm_ra, pm_dec : float | None
        Proper motion, mas/yr, the first times cos(dec).
    parallax : float | None
        Parallax, mas.
    facts : Mapping[str, float | str]
        What else is known: mag_b ... mag_k (mag), sp_type, age (Myr), rv (km/s).
    references : Mapping[str, str]
        Fact (also position, pm, parallax) to its bibcode.
    """

    name: str
    names: tuple[str, ...]
    source: str
    ra: float
    dec: float
    epoch: float = 2000.0
    pm_ra: float | None = None
    pm_dec: float | None = None
    parallax: float | None = None
    facts: Mapping[str, float | str] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)

    def at_mjd(self, mjd: float) -> tuple[float, float]:
        """Position at a time: (ra, dec), ICRS, degrees."""
        years = julian_year(mjd) - self.epoch
        return position_at(self.ra, self.dec, self.pm_ra or 0.0, self.pm_dec or 0.0, years)


def load_dictionary(path: Path = DICTIONARY) -> dict[str, Resolved]:
    """Read the dictionary.

    Parameters
    ----------
    path : Path
        A TOML file of ``[[target]]`` tables.

    Returns
    -------
    dict[str, Resolved]
        Normalised name or alias to star.

    Raises
    ------
    ConfigError
        If a key is unknown or missing, a fact has no reference, or a name stands for two stars.
    """
    stars: dict[str, Resolved] = {}
    for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("target", []):
        if unknown := entry.keys() - _KEYS:
            raise ConfigError(f"{path}: unknown keys {sorted(unknown)} in {entry.get('name')!r}")
        if missing := {"name", "ra", "dec"} - entry.keys():
            raise ConfigError(f"{path}: {sorted(missing)} missing in {entry.get('name')!r}")
        known = [key for key in _FACTS if key in entry]
        if bare := [key for key in known if not entry.get(f"{key}_ref")]:
            raise ConfigError(f"{path}: {bare} of {entry['name']!r} without reference; add {bare[0]}_ref")
        aliases = tuple(entry.get("aliases", ()))
        place = {key: float(entry[key]) for key in _FIELDS if key in entry}
        star = Resolved(
            entry["name"],
            aliases,
            "dictionary",
            **place,
            facts={key: float(entry[key]) if key in _NUMBERS else str(entry[key]) for key in known},
            references={key: str(entry[f"{key}_ref"]) for key in known},
        )
        for name in (star.name, *aliases):
            if stars.setdefault(normalised(name), star) != star:
                raise ConfigError(f"{path}: the name {name!r} stands for two stars")
    return stars


@dataclass(slots=True)
class Resolver:
    """Looks names up, each once; after SIMBAD failed to answer it is left alone.

    Attributes
    ----------
    settings : ResolverSettings
        Whether to ask SIMBAD, where, how long to wait.
    stars : dict[str, Resolved]
        The dictionary.
    trouble : str
        Why SIMBAD is not asked (any more); '' while it is.
    """

    settings: ResolverSettings
    stars: dict[str, Resolved] = field(default_factory=load_dictionary)
    trouble: str = ""
    _answers: dict[str, Resolved | None] = field(default_factory=dict)

    def resolve(self, name: str) -> Resolved | None:
        """Find a star.

        Parameters
        ----------
        name : str
            As the observer wrote it.

        Returns
        -------
        Resolved | None
            The star; None when neither dictionary nor SIMBAD knows it, or SIMBAD could not be asked.
        """
        key = normalised(name)
        if not key:
            return None
        if key in self.stars:
            return self.stars[key]
        if key not in self._answers:
            self._answers[key] = self._ask(name)
        return self._answers[key]

    def _ask(self, name: str) -> Resolved | None:
        if not self.settings.online:
            self.trouble = "SIMBAD is not asked: resolver.online is false"
        if self.trouble:
            return None
        try:
            return _from_simbad(_Simbad(self.settings), name)
        except (requests.RequestException, DALAccessError) as error:
            address = self.settings.simbad_url or "SIMBAD"
            self.trouble = f"{address} does not answer ({type(error).__name__}); positions from the pointing"
            return None


class _Simbad(SimbadClass):  # type: ignore[misc] # astroquery ships no types
    """Astroquery's client with our address and a limit to its patience."""

    def __init__(self, settings: ResolverSettings) -> None:
        super().__init__()
        self._session = _PatientSession(settings.timeout_s)
        self._address = settings.simbad_url
        self._service: TAPService | None = None

    @property
    def tap(self) -> TAPService:
        """Service to ask: the settings' one, else SIMBAD's own."""
        if not self._address:
            return super().tap
        if self._service is None:
            self._service = TAPService(self._address, session=self._session)
        return self._service


class _PatientSession(requests.Session):
    def __init__(self, timeout_s: float) -> None:
        super().__init__()
        self._timeout_s = timeout_s

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401 - requests' own
        kwargs.setdefault("timeout", self._timeout_s)
        return super().request(*args, **kwargs)


def _from_simbad(simbad: SimbadClass, name: str) -> Resolved | None:
    """Ask as `query_object` does, with proper motion and parallax."""
    wanted = re.sub(r"[\s_]+", " ", name).strip().replace("'", "''")
    rows: Table = simbad.query_tap(f"{_STAR} WHERE ident.id = '{wanted}'")
    if len(rows) == 0:
        return None
    if len(rows) > 1:
        found = ", ".join(str(row["main_id"]) for row in rows)
        raise ResolveError(f"the target name {name!r} leads to {len(rows)} stars in SIMBAD: {found}")
    row = rows[0]
    if row["ra"] is None or _number(row["ra"]) is None:
        return None
    oid = int(row["oid"])
    names = simbad.query_tap(f"SELECT id FROM ident WHERE oidref = {oid}")  # noqa: S608 - a number
    fluxes = simbad.query_tap(f"SELECT filter, flux, bibcode FROM flux WHERE oidref = {oid}")  # noqa: S608 - a number
    facts, references = _facts(row, fluxes)
    return Resolved(
        name=str(row["main_id"]),
        names=tuple(sorted(str(other) for other in names["id"])),
        source="simbad",
        ra=float(row["ra"]),
        dec=float(row["dec"]),
        pm_ra=_number(row["pmra"]),
        pm_dec=_number(row["pmdec"]),
        parallax=_number(row["plx_value"]),
        facts=facts,
        references=references,
    )


def _facts(row: Row, fluxes: Table) -> tuple[dict[str, float | str], dict[str, str]]:
    """What SIMBAD knows of a star beside its place, and where that is from."""
    facts: dict[str, float | str] = {}
    references = {fact: _text(row[column]) for fact, column in _REFERENCES.items()}
    if sp_type := _text(row["sp_type"]):
        facts["sp_type"] = sp_type
    if (velocity := _number(row["rvz_radvel"])) is not None:
        facts["rv"] = velocity
    for line in fluxes:
        band, magnitude = _text(line["filter"]), _number(line["flux"])
        if band in _BANDS and magnitude is not None:
            facts[f"mag_{band.lower()}"] = magnitude
            references[f"mag_{band.lower()}"] = _text(line["bibcode"])
    return facts, {fact: reference for fact, reference in references.items() if reference}


def _text(value: Any) -> str:  # noqa: ANN401 - a cell of an astropy table
    return "" if value is None or getattr(value, "mask", False) else str(value).strip()


def _number(value: Any) -> float | None:  # noqa: ANN401 - a cell of an astropy table
    number = float("nan") if getattr(value, "mask", False) else float(value)
    return None if number != number else number  # noqa: PLR0124 - NaN is not itself
