"""beta Pictoris b in real NaCo frames, against what Absil et al. (2013) measured."""

import tempfile
from math import hypot
from pathlib import Path

from hcvo.config import CHECKOUT
from hcvo.errors import HcvoError
from hcvo.headers.level2_tables import CandidateRow, read_candidates
from hcvo.model.product import ProductKind
from hcvo.report import Row
from reduce.recipes import external_cube
from reduce.recipes.external_cube import ExternalCubeParameters
from tests.reduce.recipes.folder_job import run
from tests.truth.level2_algorithms import METHODS

__all__ = ["beta_pictoris"]

_FOLDER = CHECKOUT.parent / "shared" / "data" / "naco_betapic"
_FILES = {
    "cube": _FOLDER / "naco_betapic_cube_cen.fits",
    "angles": _FOLDER / "naco_betapic_derot_angles.fits",
    "psf": _FOLDER / "naco_betapic_psf.fits",
}
_GIVEN = {
    "pixel_scale_mas": 27.19,
    "fwhm_px": 4.80,
    "star_flux": 764939.6,
    "wavelength_um": 3.8,
    "filter": "L_prime",
    "instrument": "NACO",
    "date": "2013-02-01T04:05:06",
    "target": "bet Pic",
    "ra_deg": 86.8212,
    "dec_deg": -51.0665,
}
_FIGURES = (
    ("separation", "mas", 452.0, 15.0, 10.0),
    ("PA", "deg", 211.2, 1.5, 1.3),
    ("dL'", "mag", 8.0, 0.5, 0.16),
)
"""Name, unit, value, how close, error of the published value."""
_SNR = 5.0
_COVERS = 3.0  # errors, ours and the published one together, that a difference may be
_MARGIN_MAS = 60.0  # half the FWHM: that is the planet, another place is not
_REPORTED = ("noadi", "radial", "cadi")  # as they come out


def beta_pictoris(name: str) -> list[Row]:
    """Reduce the real sequence by one algorithm with its defaults.

    Parameters
    ----------
    name : str
        Algorithm.

    Returns
    -------
    list[Row]
        Signal to noise, place and brightness of the planet, each with the difference in errors.
    """
    absent = [path.name for path in _FILES.values() if not path.is_file()]
    stated = name in _REPORTED
    if absent:
        missing = f"no real data at {_FOLDER}: {', '.join(absent)}"
        return [Row(_case(name), missing, None, "", "the files", ok=False)]
    try:
        planet = _planet(name)
    except HcvoError as error:
        return [Row(_case(name), f"not reduced: {error}", None, "", "a planet", ok=stated)]
    if planet is None:
        return [
            Row(
                _case(name),
                "no candidate at the planet's place",
                None,
                "",
                _goal("one", stated=stated),
                ok=stated,
            )
        ]
    return _figures(name, planet, stated=stated)


def _case(name: str) -> str:
    return f"beta Pic b, {name}"


def _goal(goal: str, *, stated: bool) -> str:
    return "stated" if stated else goal


def _planet(name: str) -> CandidateRow | None:
    """Row of the candidate nearest to where the planet was seen, if it is near."""
    entry = METHODS[name]
    with tempfile.TemporaryDirectory(prefix="hcvo-betapic-") as folder:
        given = ExternalCubeParameters.model_validate(_GIVEN)
        level1 = run(external_cube.RECIPE, _FILES, given, Path(folder))
        cube = level1.made[ProductKind.CUBE].path
        level2 = run(entry.recipe, {"cube": cube}, entry.given(), Path(folder), 2)
        rows = [row for row in read_candidates(level2.made[ProductKind.CANDIDATES].path) if row.channel == -1]
    near = [row for row in rows if _off(row) < _MARGIN_MAS]
    return min(near, key=_off, default=None)


def _off(row: CandidateRow) -> float:
    """Distance from the published place, mas."""
    (_, _, separation, *_), (_, _, pa, *_) = _FIGURES[:2]
    turn = (row.pa - pa) * 3.141592653589793 / 180.0
    return hypot(row.sep - separation, turn * separation)


def _figures(name: str, planet: CandidateRow, *, stated: bool) -> list[Row]:
    case = _case(name)
    bright = stated or planet.snr >= _SNR
    rows = [Row(case, "S/N (t statistic)", planet.snr, "", _goal(f">= {_SNR:g}", stated=stated), ok=bright)]
    found = ((planet.sep, planet.sep_err), (planet.pa, planet.pa_err), (planet.dmag, planet.dmag_err))
    for (quantity, unit, true, close, published), (value, error) in zip(_FIGURES, found, strict=True):
        near = stated or abs(value - true) <= close
        rows.append(Row(case, quantity, value, unit, _goal(f"{true:g} +- {close:g}", stated=stated), ok=near))
        goal, what = _goal(f"|pull| <= {_COVERS:g}", stated=stated), f"{quantity}: off / error"
        pull = (value - true) / hypot(error, published)
        covered = stated or abs(pull) <= _COVERS
        rows += [
            Row(case, f"{what} of ours ({error:.3g} {unit}) and theirs", pull, "", goal, ok=covered),
            Row(case, f"{what} of ours alone", (value - true) / error, "", "stated", ok=True),
        ]
    return rows
