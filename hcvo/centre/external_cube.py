"""A cube reduced elsewhere: into the catalogue as a level 1 product, and on to level 2."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from astropy.time import Time
from pydantic import ValidationError

from hcvo.catalogue.models import Observation
from hcvo.catalogue.setup import answering
from hcvo.centre.catalogue_recorder import CatalogueRecorder
from hcvo.centre.recovery import recover
from hcvo.centre.reduction import level2_of
from hcvo.config import Settings
from hcvo.errors import ConfigError, ResolveError
from hcvo.model.release import DataKind, ReleasePolicy, from_mjd, from_when, release_time, same_terms
from hcvo.store import sha256_of
from ingest.resolve import Resolver
from reduce.engine import Level, Summary
from reduce.process import run_recipe
from reduce.recipe import SourceFile
from reduce.recipes import external_cube
from reduce.selection import Choice

__all__ = ["CubeFiles", "check_parameters", "ingest_cube", "position_of"]


@dataclass(frozen=True, slots=True)
class CubeFiles:
    """The three files of a cube: frames, derotation angles, off-axis PSF."""

    cube: Path
    angles: Path
    psf: Path

    def inputs(self) -> dict[str, list[SourceFile]]:
        """The files as the recipe takes them."""
        files = {"cube": self.cube, "angles": self.angles, "psf": self.psf}
        return {
            role: [SourceFile(path.absolute(), sha256_of(path), path.name)] for role, path in files.items()
        }


def position_of(settings: Settings, target: str, date: str) -> tuple[float, float]:
    """Where a star stood at a date.

    Parameters
    ----------
    settings : Settings
        The site.
    target : str
        Name of the star.
    date : str
        ISO date, UTC.

    Returns
    -------
    tuple[float, float]
        Right ascension and declination, ICRS, degrees.

    Raises
    ------
    ResolveError
        If neither dictionary nor SIMBAD knows the star.
    ConfigError
        If the date is none.
    """
    resolver = Resolver(settings.resolver)
    star = resolver.resolve(target)
    if star is None:
        why = resolver.trouble or "neither the dictionary nor SIMBAD knows it"
        raise ResolveError(f"target {target!r}: {why}; give --ra and --dec")
    try:
        mjd = float(Time(date, scale="utc").mjd)
    except ValueError as error:
        raise ConfigError(f"--date is {date!r}, wanted YYYY-MM-DD or YYYY-MM-DDThh:mm:ss, UTC") from error
    return star.at_mjd(mjd)


def check_parameters(parameters: dict[str, Any]) -> None:
    """Check the facts of a cube without its files.

    Parameters
    ----------
    parameters : dict[str, Any]
        Of the recipe external_cube.

    Raises
    ------
    ConfigError
        If one is missing or impossible.
    """
    try:
        external_cube.ExternalCubeParameters(**parameters)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"external cube, {name} = {first['input']!r}: {first['msg']}") from error


def ingest_cube(
    settings: Settings,
    files: CubeFiles,
    parameters: dict[str, Any],
    *,
    policy: ReleasePolicy,
    until: Level,
    choice: Choice,
    on_progress: Callable[[str, float], None] = lambda _recipe, _fraction: None,
    on_note: Callable[[str], None] = lambda _text: None,
) -> Summary:
    """Enter a cube and reduce it to level 2; what is in already is not made again.

    Parameters
    ----------
    settings : Settings
        The site.
    files : CubeFiles
        Cube, angles and PSF.
    parameters : dict[str, Any]
        Of the recipe external_cube.
    policy : ReleasePolicy
        When the observation becomes public.
    until : Level
        Last level to make.
    choice : Choice
        Algorithms and parameters of level 2.
    on_progress : Callable[[str, float], None]
        Told the recipe and how far it is, 0 to 1.
    on_note : Callable[[str], None]
        Told in words when the observation is there already with other release terms.

    Returns
    -------
    Summary
        Counts, products, refusals.
    """
    with answering(settings):
        recover(settings)
        recorder = CatalogueRecorder(settings, policy)
        run = run_recipe(
            external_cube.RECIPE,
            files.inputs(),
            parameters,
            recorder=recorder,
            staging=settings.staging,
            logs=settings.logs / "processes",
        )
        (cube,) = run.outputs
        _note_terms(cube.path.name, policy, on_note)
        made = Summary(int(not run.reused), int(run.reused), 0, (cube.path,), ())
        if until == "level1":
            return made
        source = SourceFile(cube.path, cube.sha256, cube.path.name)
        after = level2_of(settings, source, choice, recorder, on_progress)
    return Summary(
        made.done + after.done,
        made.reused + after.reused,
        after.failed,
        made.products + after.products,
        after.refusals,
    )


def _note_terms(cube: str, policy: ReleasePolicy, on_note: Callable[[str], None]) -> None:
    observation = Observation.objects.get(products__name=cube)
    asked = release_time(DataKind.SCIENCE, from_mjd(observation.t_min), policy)
    if not same_terms(observation.release_time, asked):
        on_note(
            f"{observation.obs_id} was in the catalogue already and keeps its release terms, public "
            f"{from_when(observation.release_time)}; with --release {policy} a new one would be "
            f"{from_when(asked)}; nothing was changed"
        )
