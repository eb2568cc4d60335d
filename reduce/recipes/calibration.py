"""What every level 1 recipe says of its product: facts from exposures, precursors, match level."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hcvo.model.observation import calibration_id, observation_id
from hcvo.model.product import ProductFacts, ProductKind
from reduce.exposure import Exposure, read_exposure
from reduce.instruments import sphere_irdis
from reduce.product_file import read_facts
from reduce.recipe import Job, SourceFile

__all__ = ["Origin", "calibration_facts", "observation_name", "origin_of", "science_facts"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Names of all inputs, and the worst match level among them and theirs."""

    provenance: tuple[str, ...]
    match_level: int


def origin_of(files: Mapping[str, Sequence[SourceFile]]) -> Origin:
    """Precursors and match level of a product made from these files.

    Parameters
    ----------
    files : Mapping[str, Sequence[SourceFile]]
        Inputs by role; 'observation' only names the observation and is no precursor.

    Returns
    -------
    Origin
        Of all other roles; a product brings the level it was given itself.
    """
    used = [source for role, sources in files.items() if role != "observation" for source in sources]
    levels = [source.match_level for source in used]
    levels += [read_facts(source.path).match_level for source in used if source.name.endswith(".fits")]
    names = dict.fromkeys(source.name for source in used)
    return Origin(tuple(names), max(levels, default=0))


def observation_name(files: Mapping[str, Sequence[SourceFile]]) -> str:
    """Name of the observation: the catalogue's, else from the first science frame, role 'observation'."""
    source = files["observation"][0]
    if source.obs_id:
        return source.obs_id
    first = read_exposure(source.path).frame
    return observation_id(first.instrument, first.arm, first.ob_id, first.mjd_obs)


def calibration_facts(
    job: Job, recipe: str, kind: ProductKind, exposures: Sequence[Exposure], origin: Origin, unit: str
) -> ProductFacts:
    """Facts of a master calibration, which belongs to no target.

    Parameters
    ----------
    job : Job
        The running process.
    recipe : str
        Its recipe's name.
    kind : ProductKind
        Of the product.
    exposures : Sequence[Exposure]
        Raw files combined, in order of time.
    origin : Origin
        Of `origin_of`.
    unit : str
        BUNIT.

    Returns
    -------
    ProductFacts
        With the CALIB name of the first exposure.
    """
    first = exposures[0].frame
    facts = _common(job, recipe, exposures, origin)
    facts |= {"kind": kind, "level": 1, "algorithm": "calib", "axes": "y,x", "unit": unit}
    facts |= {"target_name": "", "programme": "", "ob_id": None}
    facts["obs_id"] = calibration_id(first.instrument, first.arm, first.mjd_obs)
    return ProductFacts(**facts)


def science_facts(
    job: Job,
    recipe: str,
    exposures: Sequence[Exposure],
    origin: Origin,
    **special: Any,  # noqa: ANN401 - the dataclass names them
) -> ProductFacts:
    """Facts of a product of one observation.

    Parameters
    ----------
    job : Job
        The running process.
    recipe : str
        Its recipe's name.
    exposures : Sequence[Exposure]
        Raw files combined, in order of time.
    origin : Origin
        Of `origin_of`.
    **special : Any
        Fields of ProductFacts that the recipe alone knows: kind, level, algorithm, obs_id, axes, unit,
        and where they apply position, scale, resolution and rotation.

    Returns
    -------
    ProductFacts
        Target, programme and block from the first exposure.
    """
    return ProductFacts(**(_common(job, recipe, exposures, origin) | special))


def _common(job: Job, recipe: str, exposures: Sequence[Exposure], origin: Origin) -> dict[str, Any]:
    first = exposures[0].frame
    low, high = _band(first.filter)
    return {
        "instrument": first.instrument,
        "telescope": str(first.cards.get("TELESCOP") or ""),
        "arm": first.arm,
        "filter": first.filter,
        "target_name": first.target_name,
        "programme": first.programme,
        "ob_id": first.ob_id,
        "ra_deg": None,
        "dec_deg": None,
        "night": first.night.isoformat(),
        "mjd_start": first.mjd_obs,
        "mjd_end": exposures[-1].frame.mjd_end,
        "exptime_s": _total(e.frame.dit_s * e.frame.ndit for e in exposures),
        "dit_s": first.dit_s,
        "ncombine": len(exposures),
        "wavelength_min_nm": low,
        "wavelength_max_nm": high,
        "pixel_scale_mas": None,
        "fwhm_mas": None,
        "field_rotation_deg": None,
        "coronagraph": first.coronagraph,
        "derotator_mode": first.derotator_mode,
        "technique": first.technique,
        "match_level": origin.match_level,
        "process_id": job.process_id,
        "recipe": recipe,
        "recipe_version": job.version,
        "provenance": origin.provenance,
    }


def _band(filter_name: str) -> tuple[float | None, float | None]:
    """Edges of all channels, nm; darks are taken with any filter, some of which we do not know."""
    channels = sphere_irdis.FILTERS.get(filter_name)
    if channels is None:
        return None, None
    return (
        min(1000.0 * (c.wavelength_um - c.width_um / 2) for c in channels),
        max(1000.0 * (c.wavelength_um + c.width_um / 2) for c in channels),
    )


def _total(seconds: Iterable[float]) -> float:
    return round(sum(seconds), 6)
