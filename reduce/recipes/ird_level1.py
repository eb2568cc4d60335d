"""IRDIS level 1 cube: clean, centred, undistorted frames with errors, times, angles and a verdict on each."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from pydantic import Field, field_validator

from hcvo.errors import ReductionError
from hcvo.model.product import ProductFacts, ProductKind
from reduce.cube_file import CubeWriter
from reduce.ephemeris import directions, place_at
from reduce.exposure import Exposure, read_exposure
from reduce.instruments import sphere_irdis as irdis
from reduce.instruments.sphere_irdis_filters import is_thermal
from reduce.kernels.spots import spot_offsets
from reduce.pool import in_turn
from reduce.product_file import image_hdu, table_hdu, write_preview
from reduce.recipe import Consume, Job, Parameters, Recipe, SourceFile
from reduce.recipes.background import halo_ratio
from reduce.recipes.calibrated import lambda_over_d_px
from reduce.recipes.calibration import observation_name, origin_of, science_facts
from reduce.recipes.frame_light import FrameRule, Planes
from reduce.recipes.frame_table import FrameTable, frame_table
from reduce.recipes.level1_planes import Piece, PieceWork, Setup
from reduce.recipes.level1_sky import DerotationTable, wcs_cards
from reduce.recipes.level1_star import Star, star_of
from reduce.recipes.star_place import StarPlace, centre_verdict, dither_px
from reduce.sparta import read_atmosphere

__all__ = ["RECIPE", "Level1Parameters"]

_NAME = "ird_level1"
_MARGIN_PX = 16.0  # that the interpolation needs around the cube
_PREVIEW_PLANES = 64
_TELEMETRY_UM = 1.6  # of SPARTA's Strehl ratio
_PLANES_AT_ONCE = 32  # of one file: cosmic rays are told from what lasts, and memory stays bounded
_SCIENCE = frozenset({"IRD_SCIENCE_DBI_RAW", "IRD_SCIENCE_IMAGING_RAW"})

_Files = Mapping[str, Sequence[SourceFile]]
_Cards = dict[str, tuple[object, str]]


class Level1Parameters(Parameters):
    """Of the level 1 cube."""

    size_px: int = Field(default=401, ge=51, le=1023, description="side of the cube, odd (px)")
    raw_pixels: bool = Field(default=False, description="also write the calibrated planes before resampling")
    frames: FrameRule = Field(default=FrameRule(), description="which planes are rejected")

    @field_validator("size_px")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError("wanted an odd number: the star stands on pixel size_px // 2")
        return value


@dataclass(frozen=True, slots=True)
class _Sequence:
    """What headers and centres tell of all files, in order of time, before a pixel is read.

    `places` (channel, time, 2) px of the field; `errors` (time,) px; `shared_error` that part of them which
    does not average out, px; `methods` (time,); `verdict` of the centres' product on itself.
    """

    sources: Sequence[SourceFile]
    exposures: Sequence[Exposure]
    rotation: DerotationTable
    centres: fits.BinTableHDU
    places: NDArray[np.float64]
    errors: NDArray[np.float64]
    shared_error: float
    methods: Sequence[str]
    verdict: _Cards

    @property
    def counts(self) -> list[int]:
        """Planes of each file."""
        return [exposure.frame.ndit for exposure in self.exposures]

    @property
    def first(self) -> Exposure:
        """The earliest file."""
        return self.exposures[0]

    @property
    def astrometry(self) -> irdis.Astrometry:
        """Plate scale and true north."""
        return irdis.astrometry_at(self.first.night, self.first.frame.filter)

    def of_each_plane(self, values: Sequence[float]) -> NDArray[np.float64]:
        """(time,) from one value a file."""
        return np.repeat(np.asarray(values, np.float64), self.counts)


def _run(files: _Files, parameters: Parameters, job: Job) -> None:
    assert isinstance(parameters, Level1Parameters)
    sequence = _sequence(files)
    mask = sequence.first.frame.coronagraph
    if not irdis.knows_mask(mask):
        job.log.warning(
            "mask", coronagraph=mask, taken_mas=irdis.mask_radius_mas(mask), why="its size is unknown"
        )
    star = star_of(files.get("psf", ()), sequence.first, sequence.astrometry.scale_mas)
    facts = _facts(files, sequence, star, job)
    path = job.path_for(facts)
    setup = _setup(files, sequence, star, parameters)
    with tempfile.TemporaryDirectory(prefix=".planes-", dir=path.parent) as scratch:
        cube, pixels, background = _planes(setup, sequence, Path(scratch), job)
        frames = _judged(files, sequence, cube, background, star, parameters, job)
        if frames.warning:
            job.log.warning("frames", warning=frames.warning)
        facts = _of_kept(facts, sequence, frames.kept)
        angle = sequence.rotation.median(frames.kept if frames.kept.any() else None)
        _write(cube, path, facts, wcs_cards(facts, cube.shape, angle), sequence, star, frames, job)
        if pixels is not None:
            apart = replace(facts, kind=ProductKind.PIXELS)
            _write(pixels, job.path_for(apart), apart, _corners(setup), sequence, star, frames, job)


def _sequence(files: _Files) -> _Sequence:
    pairs = [(read_exposure(source.path), source) for source in files["science"]]
    pairs.sort(key=lambda pair: (pair[0].frame.mjd_obs, pair[1].name))
    exposures, sources = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    seen = [directions(exposure) for exposure in exposures]
    with fits.open(files["centres"][0].path, memmap=False) as hdus:
        centres, verdict = hdus["CENTRES"].copy(), centre_verdict(hdus[0].header)
    star = StarPlace.read(files["centres"][0].path)
    found = [star.at(exposure, one.times.middle) for exposure, one in zip(exposures, seen, strict=True)]
    counts = [exposure.frame.ndit for exposure in exposures]
    words = [star.method(exposure) for exposure in exposures]
    return _Sequence(
        sources,
        exposures,
        DerotationTable(seen, [source.name for source in sources]),
        centres,
        np.concatenate([one.places for one in found], axis=1),
        np.repeat([float(np.sqrt(np.mean(one.error**2))) for one in found], counts),
        float(np.sqrt(np.average([np.mean(one.shared**2) for one in found], weights=counts))),
        [word for word, count in zip(words, counts, strict=True) for _ in range(count)],
        verdict,
    )


def _setup(files: _Files, sequence: _Sequence, star: Star, parameters: Level1Parameters) -> Setup:
    """Windows that serve every dither position."""
    low, high = sequence.places.min(axis=1), sequence.places.max(axis=1)
    reach = parameters.size_px / 2 + _MARGIN_PX
    wavelengths = [channel.wavelength_um for channel in irdis.channels_of(sequence.first.frame.filter)]
    return Setup(
        tuple(_pieces(sequence)),
        files["background"][0],
        files["flat"][0],
        tuple((float(x), float(y)) for x, y in (low + high) / 2),
        reach + float((high - low).max()) / 2,
        parameters.size_px,
        parameters.raw_pixels,
        halo_ratio(star.channels.data["STAR_FLUX"], wavelengths),
    )


def _pieces(sequence: _Sequence) -> Iterator[Piece]:
    """Each file in as many parts as memory asks for, of about the same number of planes."""
    stops = np.cumsum(sequence.counts)[:-1]
    places = np.split(sequence.places, stops, axis=1)
    for source, exposure, star in zip(sequence.sources, sequence.exposures, places, strict=True):
        count = exposure.frame.ndit
        for part in np.array_split(np.arange(count), -(-count // _PLANES_AT_ONCE)):
            planes = range(int(part[0]), int(part[-1]) + 1)
            yield Piece(source.path, planes, star[:, part], dither_px(exposure))


def _planes(
    setup: Setup, sequence: _Sequence, scratch: Path, job: Job
) -> tuple[CubeWriter, CubeWriter | None, NDArray[np.float64]]:
    """Every piece's planes, on any number of processes; and the background taken off, (channel, time)."""
    channels, total, size = len(sequence.places), sum(sequence.counts), setup.size_px
    cube = CubeWriter(scratch, "cube", (channels, total, size, size))
    shape = (channels, total, *setup.window_px())
    pixels = CubeWriter(scratch, "pixels", shape) if setup.raw_pixels else None
    background = np.empty((channels, total))
    first = 0
    work = in_turn(PieceWork, setup, len(setup.pieces), job.workers)
    for made, piece in zip(work, setup.pieces, strict=True):
        count = len(piece.planes)
        cube.add(first, made.cube)
        if pixels is not None and made.pixels is not None:
            pixels.add(first, made.pixels)
        background[:, first : first + count] = made.background
        first += count
        job.progress(0.9 * first / total)
    return cube, pixels, background


def _judged(
    files: _Files,
    sequence: _Sequence,
    cube: CubeWriter,
    background: NDArray[np.float64],
    star: Star,
    parameters: Level1Parameters,
    job: Job,
) -> FrameTable:
    rotation = sequence.rotation
    planes = Planes(
        rotation.names,
        rotation.mjd_mid,
        sequence.places,
        sequence.errors,
        sequence.methods,
        background,
        irdis.SATURATION_ADU - background,
        _strehl_power(files, sequence),
    )
    mask_px = irdis.mask_radius_mas(sequence.first.frame.coronagraph) / sequence.astrometry.scale_mas
    telemetry = [source.path for source in files.get("sparta", ())]
    atmosphere = read_atmosphere(telemetry, lambda words: job.log.warning("telemetry", warning=words))
    spots = _spots(sequence)
    try:
        return frame_table(
            cube.channels(), planes, star.fwhm_px, mask_px, atmosphere, parameters.frames, spots
        )
    except ValueError as error:
        raise ReductionError(
            f"{sequence.first.frame.dp_id} ...: size_px = {parameters.size_px}: {error}; take a larger one"
        ) from error


def _strehl_power(files: _Files, sequence: _Sequence) -> float | None:
    """In thermal bands a dark does not show what lies behind the halo: then telemetry, at 1.6 um, tells."""
    name = sequence.first.frame.filter
    if not is_thermal(name) or fits.getval(files["background"][0].path, "RAWCLASS") != "IRD_DARK_RAW":
        return None
    wavelengths = [channel.wavelength_um for channel in irdis.channels_of(name)]
    return float((_TELEMETRY_UM / np.mean(wavelengths)) ** 2)


def _spots(sequence: _Sequence) -> list[NDArray[np.float64]] | None:
    """Where the waffle spots stand off the star in each channel, px, if the waffle stayed on."""
    rows = sequence.centres.data
    on = rows[rows["KEPT"] & (rows["ROLE"] == "science") & (rows["METHOD"] == "waffle")]
    if not len(on):
        return None
    channels = irdis.channels_of(sequence.first.frame.filter)
    scale = sequence.astrometry.scale_mas
    radii = [irdis.WAFFLE_LAMBDA_D * lambda_over_d_px(each.wavelength_um, scale) for each in channels]
    return [spot_offsets(radius, str(on["ORIENT"][0])) for radius in radii]


def _write(
    writer: CubeWriter,
    path: Path,
    facts: ProductFacts,
    cards: _Cards,
    sequence: _Sequence,
    star: Star,
    frames: FrameTable,
    job: Job,
) -> None:
    """One product with all tables, copies of the centres and fluxes among them: it can be judged alone."""
    comment = "level 2 turns by ANGLE + ICRS_ROTATION: PA sky = PA detector +"
    tables = [
        table_hdu("DEROTATION", sequence.rotation.columns(), comment),
        star.channels,
        image_hdu("PSF", star.psf, "", "channel,y,x"),
        *frames.hdus(),
        sequence.centres,
        *star.fluxes,
    ]
    cards |= star.cards(frames.atmosphere, sequence.rotation.mjd_mid[frames.kept])
    writer.write(path, facts, tables, cards | _errors(sequence) | sequence.verdict | frames.cards())
    shown = np.flatnonzero(frames.kept if frames.kept.any() else ~frames.kept)
    planes = writer.channels()[0]
    some = [planes[int(number)] for number in shown[:: -(-len(shown) // _PREVIEW_PLANES)]]
    job.done(facts, path, write_preview(path, np.median(np.stack(some), axis=0), low=1.0, high=99.5))


def _facts(files: _Files, sequence: _Sequence, star: Star, job: Job) -> ProductFacts:
    first, last = sequence.first, sequence.exposures[-1]
    scale = sequence.astrometry.scale_mas
    ra, dec = place_at(first.pointing(), (first.frame.mjd_obs + last.frame.mjd_end) / 2)
    return science_facts(
        job,
        _NAME,
        sequence.exposures,
        origin_of(files),
        kind=ProductKind.CUBE,
        level=2,
        algorithm="l1",
        obs_id=observation_name(files),
        ra_deg=ra,
        dec_deg=dec,
        pixel_scale_mas=scale,
        fwhm_mas=float(star.fwhm_px.mean()) * scale,
        field_rotation_deg=float(np.ptp(sequence.rotation.angle)),
        axes="channel,time,y,x",
        unit="adu",
    )


def _of_kept(facts: ProductFacts, sequence: _Sequence, kept: NDArray[np.bool_]) -> ProductFacts:
    """Integration and rotation of the planes kept."""
    seconds = sequence.of_each_plane([exposure.frame.dit_s for exposure in sequence.exposures])
    angle = sequence.rotation.angle[kept]
    turned = float(np.ptp(angle)) if angle.size else 0.0
    return replace(facts, exptime_s=round(float(seconds[kept].sum()), 6), field_rotation_deg=turned)


def _errors(sequence: _Sequence) -> _Cards:
    """Where the star was found, and the errors that no injection shows."""
    known = sequence.astrometry
    pupil = 0.0 if sequence.first.frame.derotator_mode == "SKY" else irdis.PUPIL_OFFSET_ERR_DEG
    north = float(np.hypot(known.north_err_deg, pupil))
    cards: _Cards = {
        "CENTRERR": (sequence.shared_error * known.scale_mas, "[mas] star centre, each axis"),
        "PIXSCERR": (known.scale_err_mas, "[mas/pix] pixel scale"),
        "NORTHERR": (north, "[deg] true north"),
        "MASKRAD": (
            irdis.mask_radius_mas(sequence.first.frame.coronagraph),
            "[mas] mask's radius, 0 for none",
        ),
    }
    moved = np.repeat([dither_px(exposure) for exposure in sequence.exposures], sequence.counts, axis=0)
    still = (sequence.places - moved).mean(axis=1)
    for number, (x, y) in enumerate(still, start=1):
        cards[f"STARX{number}"] = (float(x), f"[pix] star on field {number}, 0-based, dither 0")
        cards[f"STARY{number}"] = (float(y), f"[pix] star on field {number}, 0-based, dither 0")
    return cards | sequence.rotation.cards()


def _corners(setup: Setup) -> _Cards:
    """Where the pixels lie on their fields: the star is at FRAMES' place less this."""
    cards: _Cards = {}
    for number, view in enumerate(setup.views(), start=1):
        cards[f"CORNERX{number}"] = (view.corner[0], f"[pix] first column on field {number}, 0-based")
        cards[f"CORNERY{number}"] = (view.corner[1], f"[pix] first row on field {number}, 0-based")
    return cards


RECIPE = Recipe(
    name=_NAME,
    consumes=(
        Consume("science", _SCIENCE),
        Consume("background", frozenset({"dark"}), maximum=1),
        Consume("flat", frozenset({"flat"}), maximum=1),
        Consume("centres", frozenset({"centres"}), maximum=1),
        Consume("psf", frozenset({"psf"}), minimum=0, maximum=1),
        Consume("sparta", frozenset({"SPH_SPARTA_RAW"}), minimum=0),
        Consume("observation", _SCIENCE, maximum=1),
    ),
    makes=frozenset({"cube", "pixels"}),
    parameters=Level1Parameters,
    run=_run,
)
