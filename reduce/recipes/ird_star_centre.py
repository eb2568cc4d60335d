"""IRDIS star centre: by waffle spots, the star itself or its halo; what can run runs, the better is kept."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hcvo.errors import ReductionError
from hcvo.model.product import ProductKind
from reduce.exposure import Exposure, read_exposure, read_planes
from reduce.instruments import sphere_irdis as irdis
from reduce.product_file import table_hdu, write_preview, write_product
from reduce.recipe import Consume, Job, Parameters, Recipe, SourceFile
from reduce.recipes.calibrated import lambda_over_d_px, windows
from reduce.recipes.calibration import Origin, observation_name, origin_of, science_facts
from reduce.recipes.centre_methods import Found, Place, Seeker
from reduce.recipes.centre_table import Row, centre_cards, centre_columns, kept_rows
from reduce.recipes.star_place import dither_px

__all__ = ["RECIPE", "CentreParameters"]

_NAME = "ird_star_centre"
_SCIENCE_TAGS = frozenset({"IRD_SCIENCE_DBI_RAW", "IRD_SCIENCE_IMAGING_RAW"})
_HALO_LAMBDA_D = 25.0
_MARGIN_PX = 16.0
_HALO_LEVEL = 2  # of a star behind a mask that no spots show


class CentreParameters(Parameters):
    """Of the star centre."""

    search_px: int = Field(
        default=30, ge=1, le=100, description="how far from the usual place the star may be"
    )
    clip_sigma: float = Field(default=5.0, gt=0, description="plane values further out are left out (std)")


@dataclass(slots=True)
class _Search:
    """What is known so far: results, and why other tries gave none; CENTER and science are sought apart."""

    job: Job
    center: tuple[Seeker, ...]
    science: tuple[Seeker, ...]
    found: list[Found] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    picture: NDArray[np.float64] | None = None

    def center_file(self, place: Place, planes: Sequence[NDArray[np.float64]]) -> None:
        """A CENTER file: spots, and the symmetry that they share."""
        for seeker, mine in zip(self.center, planes, strict=True):
            self._try(place, seeker, "waffle", partial(seeker.waffle, mine, place))
            self._try(place, seeker, "halo", partial(seeker.halo, mine, place))

    def science_file(self, place: Place, planes: Sequence[NDArray[np.float64]], method: str) -> None:
        """A science file: plane by plane by its sharp light, as a whole by its halo."""
        for seeker, mine in zip(self.science, planes, strict=True):
            if method != "halo":
                for single in _single_planes(place):
                    plane = mine[single.first]
                    self._try(single, seeker, method, partial(_sharp, seeker, plane, single, method))
            self._try(place, seeker, "halo", partial(seeker.halo, mine, place))

    def _try(self, place: Place, seeker: Seeker, method: str, run: Callable[[], Found]) -> None:
        try:
            found = run()
        except ValueError as error:
            self.failed.append(f"{place.name}, field {seeker.channel + 1}, {method}: {error}")
            self.job.log.warning(
                "no centre", file=place.name, channel=seeker.channel, method=method, why=str(error)
            )
        else:
            self.found.append(found)
            told = {"x": found.x, "y": found.y, "error": found.error}
            self.job.log.info("centre", file=place.name, channel=seeker.channel, method=method, **told)
            self._warn(found, place.exposure.waffle)

    def _warn(self, found: Found, header: str) -> None:
        where = {"file": found.place.name, "channel": found.channel}
        if found.used and header and found.orientation != header:
            self.job.log.warning(
                "the spots do not stand as OCS WAFFLE ORIENT says",
                seen=found.orientation,
                told=header,
                **where,
            )
        if 0 < found.used < len(found.spots):
            self.job.log.warning("a spot is out of place and left out", used=found.used, **where)


def _sharp(seeker: Seeker, plane: NDArray[np.float64], place: Place, method: str) -> Found:
    if method == "star":
        return seeker.star(plane, place)
    return seeker.waffle(plane[None], place, scatter=False)


def _single_planes(place: Place) -> Iterator[Place]:
    """Each plane of a file as a place of its own, with its own mid time."""
    frame = place.exposure.frame
    step = (frame.mjd_end - frame.mjd_obs) / place.planes
    for plane in range(place.planes):
        yield place._replace(first=plane, planes=1, mjd_mid=frame.mjd_obs + (plane + 0.5) * step)


def _run(files: Mapping[str, Sequence[SourceFile]], parameters: Parameters, job: Job) -> None:
    assert isinstance(parameters, CentreParameters)
    centers = [(source, read_exposure(source.path)) for source in files.get("center", ())]
    science = [(source, read_exposure(source.path)) for source in files.get("science", ())]
    exposures = [exposure for _, exposure in (centers or science)]
    if not exposures:
        raise ReductionError(
            f"{files['observation'][0].name}: neither CENTER nor science frames to centre on"
        )
    common = _seekers(files, "background", [*centers, *science], parameters)
    own = common
    if files.get("science_background"):
        own = _seekers(files, "science_background", [*centers, *science], parameters)
    search = _Search(job, common, own)
    total = max(len(centers) + len(science), 1)
    for number, (source, exposure) in enumerate(centers, start=1):
        planes = _calibrated(source, search.center, search)
        search.center_file(_whole(source, exposure, "center"), planes)
        job.progress(number / total)
    if science:
        _search_science(science, search, lacking=not any(one.method == "waffle" for one in search.found))
    rows = kept_rows(search.found)
    if {row.found.channel for row in rows if row.kept} != {0, 1}:
        raise ReductionError(
            f"{exposures[0].frame.dp_id}: the star was not found on both fields; "
            + "; ".join(search.failed[:4])
        )
    scale = irdis.astrometry_at(exposures[0].night, exposures[0].frame.filter).scale_mas
    facts = science_facts(
        job,
        _NAME,
        exposures,
        _origin(files, rows),
        kind=ProductKind.CENTRES,
        level=1,
        algorithm="calib",
        obs_id=observation_name(files),
        pixel_scale_mas=scale,
        axes="",
        unit="",
    )
    path = job.path_for(facts)
    cards = centre_cards(rows, len(search.failed))
    table = table_hdu("CENTRES", centre_columns(rows), "star by each method; px 0-based in each field")
    write_product(path, facts, None, [table], cards)
    assert search.picture is not None
    job.done(facts, path, write_preview(path, search.picture, low=20.0, high=99.9))


def _origin(files: Mapping[str, Sequence[SourceFile]], rows: Sequence[Row]) -> Origin:
    """A masked star that on some field only its halo shows is at best probably good, whatever was there."""
    origin = origin_of(files)
    kept = [row.found for row in rows if row.kept]
    sharp = {one.channel for one in kept if one.method != "halo"}
    if sharp >= {one.channel for one in kept} or not irdis.has_mask(kept[0].place.exposure.frame.coronagraph):
        return origin
    return replace(origin, match_level=max(origin.match_level, _HALO_LEVEL))


def _search_science(
    science: Sequence[tuple[SourceFile, Exposure]], search: _Search, *, lacking: bool
) -> None:
    """Without a mask the star shows in every plane, so do spots left on; else only the halo is there."""
    first_source, first = science[0]
    planes = _calibrated(first_source, search.science, search)
    if not irdis.has_mask(first.frame.coronagraph):
        method = "star"
    elif _spots_are_on(planes, first, search.science):
        method = "waffle"
    elif lacking:
        method = "halo"
    else:
        return
    for number, (source, exposure) in enumerate(science):
        planes = planes if number == 0 else _calibrated(source, search.science, search)
        search.science_file(_whole(source, exposure, "science"), planes, method)
        search.job.progress((number + 1) / len(science))


def _spots_are_on(
    planes: Sequence[NDArray[np.float64]], exposure: Exposure, seekers: Sequence[Seeker]
) -> bool:
    """The header does not tell: every real OBJECT frame carries the waffle's cards."""
    seen = {seeker.orientation(mine, exposure) for seeker, mine in zip(seekers, planes, strict=True)}
    return len(seen) == 1 and seen != {""}


def _whole(source: SourceFile, exposure: Exposure, role: str) -> Place:
    frame = exposure.frame
    return Place(exposure, source.name, role, 0, frame.ndit, (frame.mjd_obs + frame.mjd_end) / 2)


def _calibrated(source: SourceFile, seekers: Sequence[Seeker], search: _Search) -> list[NDArray[np.float64]]:
    """(plane, y, x) of each field's window; the first image seen is the product's picture."""
    raw = read_planes(source.path)
    planes = [seeker.calibrated(raw) for seeker in seekers]
    if search.picture is None:
        search.picture = planes[0].mean(axis=0)
    return planes


def _seekers(
    files: Mapping[str, Sequence[SourceFile]],
    role: str,
    sources: Sequence[tuple[SourceFile, Exposure]],
    parameters: CentreParameters,
) -> tuple[Seeker, ...]:
    """One a field, on a window that holds ring and spots at every dither."""
    first = sources[0][1]
    channels = irdis.channels_of(first.frame.filter)
    scale = irdis.astrometry_at(first.night, first.frame.filter).scale_mas
    units = [lambda_over_d_px(channel.wavelength_um, scale) for channel in channels]
    dither = max(float(np.abs(dither_px(exposure)).max()) for _, exposure in sources)
    half = parameters.search_px + _HALO_LAMBDA_D * max(units) + dither + _MARGIN_PX
    views = windows(files[role][0], files["flat"][0], irdis.NEAR_CENTRES, half)
    return tuple(
        Seeker(number, channel, unit, view, parameters.search_px, parameters.clip_sigma)
        for number, (channel, unit, view) in enumerate(zip(channels, units, views, strict=True))
    )


RECIPE = Recipe(
    name=_NAME,
    consumes=(
        Consume("center", frozenset({"IRD_STAR_CENTER_WAFFLE_RAW"}), minimum=0),
        Consume("science", _SCIENCE_TAGS, minimum=0),
        Consume("background", frozenset({"dark"}), maximum=1),
        Consume("science_background", frozenset({"dark"}), minimum=0, maximum=1),
        Consume("flat", frozenset({"flat"}), maximum=1),
        Consume("observation", _SCIENCE_TAGS, maximum=1),
    ),
    makes=frozenset({"centres"}),
    parameters=CentreParameters,
    run=_run,
)
