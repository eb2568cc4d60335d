"""IRDIS level 1 cube: clean, centred, undistorted frames with times and angles."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from pydantic import Field, field_validator

from hcvo.errors import ReductionError
from hcvo.model.product import ProductFacts, ProductKind
from reduce.ephemeris import Directions, directions, place_at
from reduce.exposure import Exposure, read_exposure, read_planes
from reduce.instruments import sphere_irdis as irdis
from reduce.kernels.angles import unwrapped
from reduce.kernels.recentre import recentred
from reduce.product_file import Column, image_hdu, table_hdu, write_preview, write_product
from reduce.recipe import Consume, Job, Parameters, Recipe, SourceFile
from reduce.recipes.calibrated import Window, windows
from reduce.recipes.calibration import observation_name, origin_of, science_facts

__all__ = ["RECIPE", "Level1Parameters"]

_NAME = "ird_level1"
_SPLINE_MARGIN_PX = 20.0
_TOUCHED = 0.05  # share of a region without data in a pixel that makes it no data


class Level1Parameters(Parameters):
    """Of the level 1 cube."""

    size_px: int = Field(default=401, ge=51, le=1023, description="side of the cube, odd (px)")

    @field_validator("size_px")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError("wanted an odd number: the star stands on pixel size_px // 2")
        return value


class _Centre(NamedTuple):
    """Star on a field at dither 0, (x, y) px 0-based, and the error of each."""

    x: float
    y: float
    error: float


def _run(files: Mapping[str, Sequence[SourceFile]], parameters: Parameters, job: Job) -> None:
    assert isinstance(parameters, Level1Parameters)
    sources = files["science"]
    exposures = [read_exposure(source.path) for source in sources]
    centres = _centres(files["centres"][0])
    seen = [directions(exposure) for exposure in exposures]
    size = parameters.size_px
    cube = np.empty((len(centres), sum(e.frame.ndit for e in exposures), size, size), dtype=np.float32)
    views = _views(files, exposures, centres, size)
    done = 0
    for exposure, source in zip(exposures, sources, strict=True):
        planes = read_planes(source.path)
        _centred(planes, exposure, centres, views, cube[:, done : done + exposure.frame.ndit])
        done += exposure.frame.ndit
        job.progress(done / cube.shape[1])
    _write(cube, files, exposures, seen, centres, job)


def _centres(source: SourceFile) -> list[_Centre]:
    """Mean over the CENTER frames, each brought to dither 0; the error holds their scatter."""
    with fits.open(source.path, memmap=False) as hdus:
        table = hdus["CENTRES"].data
    found = []
    for channel in range(int(table["CHANNEL"].max()) + 1):
        rows = table[table["CHANNEL"] == channel]
        x, y = rows["X"] - rows["DITHER_X"], rows["Y"] - rows["DITHER_Y"]
        formal = np.sqrt((rows["ERROR"] ** 2).sum()) / len(rows)
        scatter = np.sqrt((x.var(ddof=1) + y.var(ddof=1)) / 2 / len(rows)) if len(rows) > 1 else 0.0
        found.append(_Centre(float(x.mean()), float(y.mean()), float(max(formal, scatter))))
    return found


def _shift(exposure: Exposure) -> tuple[float, float]:
    x, y = exposure.dither_um
    return x / irdis.DITHER_UM_PER_PX, y / irdis.DITHER_UM_PER_PX


def _views(
    files: Mapping[str, Sequence[SourceFile]],
    exposures: Sequence[Exposure],
    centres: Sequence[_Centre],
    size: int,
) -> tuple[Window, ...]:
    """One window a field that serves every dither position."""
    shifts = np.array([_shift(exposure) for exposure in exposures])
    middle = (shifts.min(axis=0) + shifts.max(axis=0)) / 2
    half = size / 2 + _SPLINE_MARGIN_PX + float(np.ptp(shifts, axis=0).max()) / 2
    places = [(centre.x + middle[0], centre.y + middle[1]) for centre in centres]
    return windows(files["background"][0], files["flat"][0], places, half)


def _centred(
    planes: NDArray[np.float32],
    exposure: Exposure,
    centres: Sequence[_Centre],
    views: Sequence[Window],
    out: NDArray[np.float32],
) -> None:
    """Fill (channel, plane, y, x) from the planes of one file."""
    shift = _shift(exposure)
    for channel, (view, centre) in enumerate(zip(views, centres, strict=True)):
        star = (centre.x + shift[0] - view.corner[0], centre.y + shift[1] - view.corner[1])
        stretch, size = (1.0, irdis.ANAMORPHISM_Y), out.shape[-1]
        for number, image in enumerate(view.clean(planes)):
            out[channel, number] = recentred(image, star, size, stretch)
        if view.lost.any():
            touched = recentred(view.lost.astype(np.float32), star, size, stretch) > _TOUCHED
            out[channel][:, touched] = np.nan


def _write(
    cube: NDArray[np.float32],
    files: Mapping[str, Sequence[SourceFile]],
    exposures: Sequence[Exposure],
    seen: Sequence[Directions],
    centres: Sequence[_Centre],
    job: Job,
) -> None:
    if not np.isfinite(cube[:, :, cube.shape[2] // 2, cube.shape[3] // 2]).all():
        raise ReductionError(f"{exposures[0].frame.dp_id}: the star lies outside the detector's field")
    if not files.get("psf"):
        raise ReductionError(f"{exposures[0].frame.dp_id}: no FLUX frames with it, wanted one at least")
    with fits.open(files["psf"][0].path, memmap=False) as hdus:
        psf, channels = np.asarray(hdus[0].data, np.float32), hdus["CHANNELS"].copy()
    rotation = _DerotationTable(exposures, seen, [source.name for source in files["science"]])
    facts = _facts(files, exposures, rotation, float(channels.data["FWHM"].mean()), job)
    path = job.path_for(facts)
    extensions = [
        table_hdu(
            "DEROTATION", rotation.columns(), "level 2 turns by ANGLE + ICRS_ROTATION: PA sky = PA detector +"
        ),
        channels,
        image_hdu("PSF", psf, "", "channel,y,x"),
    ]
    cards = _wcs(facts, cube.shape, rotation.median()) | _quality(
        centres, irdis.astrometry_at(exposures[0].night, facts.filter)
    )
    write_product(path, facts, cube, extensions, cards)
    job.done(facts, path, write_preview(path, np.median(cube[0], axis=0), low=1.0, high=99.5))


class _DerotationTable:
    """Times and angles of all planes, unwrapped over the whole sequence."""

    def __init__(
        self, exposures: Sequence[Exposure], seen: Sequence[Directions], names: Sequence[str]
    ) -> None:
        self._seen = seen
        self._counts = [exposure.frame.ndit for exposure in exposures]
        self._names = names
        self._parang = unwrapped(np.concatenate([one.parang for one in seen]))
        fixed = [one.pupil_offset + one.instrument_offset + one.true_north + one.correction for one in seen]
        self.angle = self._parang + np.repeat(fixed, self._counts)
        self.icrs = np.repeat([one.icrs_rotation for one in seen], self._counts)

    def median(self) -> float:
        """Median of the whole angle to ICRS, degrees."""
        return float(np.median(self.angle + self.icrs))

    def columns(self) -> list[Column]:
        """Columns of the extension DEROTATION."""
        each = [
            np.repeat([getattr(one, name) for one in self._seen], self._counts)
            for name in ("pupil_offset", "instrument_offset", "true_north", "correction")
        ]
        times = [np.concatenate([one.times[part] for one in self._seen]) for part in range(3)]
        return [
            ("DP_ID", "64A", "", np.repeat(self._names, self._counts)),
            ("PLANE", "J", "", np.concatenate([np.arange(count) for count in self._counts])),
            ("MJD_START", "D", "d", times[0]),
            ("MJD_MID", "D", "d", times[1]),
            ("MJD_END", "D", "d", times[2]),
            ("PARANG", "D", "deg", self._parang),
            ("PUPIL_OFFSET", "D", "deg", each[0]),
            ("INSTRUMENT_OFFSET", "D", "deg", each[1]),
            ("TRUE_NORTH", "D", "deg", each[2]),
            ("DEROTATOR_CORRECTION", "D", "deg", each[3]),
            ("ANGLE", "D", "deg", self.angle),
            ("ICRS_ROTATION", "D", "deg", self.icrs),
        ]


def _facts(
    files: Mapping[str, Sequence[SourceFile]],
    exposures: Sequence[Exposure],
    rotation: _DerotationTable,
    fwhm_px: float,
    job: Job,
) -> ProductFacts:
    first = exposures[0]
    scale = irdis.astrometry_at(first.night, first.frame.filter).scale_mas
    ra, dec = place_at(first.pointing(), (first.frame.mjd_obs + exposures[-1].frame.mjd_end) / 2)
    return science_facts(
        job,
        _NAME,
        exposures,
        origin_of(files),
        kind=ProductKind.CUBE,
        level=2,
        algorithm="l1",
        obs_id=observation_name(files),
        ra_deg=ra,
        dec_deg=dec,
        pixel_scale_mas=scale,
        fwhm_mas=fwhm_px * scale,
        field_rotation_deg=float(np.ptp(rotation.angle)),
        axes="channel,time,y,x",
        unit="adu",
    )


def _wcs(facts: ProductFacts, shape: tuple[int, ...], angle_deg: float) -> dict[str, tuple[object, str]]:
    """Detector to sky at the sequence's median angle: east = -x cos + y sin, north = x sin + y cos."""
    assert facts.pixel_scale_mas is not None
    step = facts.pixel_scale_mas / 3.6e6
    cos, sin = step * np.cos(np.radians(angle_deg)), step * np.sin(np.radians(angle_deg))
    where = f"sky at the median derotation angle {angle_deg:.3f} deg"
    return {
        "WCSAXES": (4, "x, y, time, channel"),
        "CTYPE1": ("RA---TAN", where),
        "CTYPE2": ("DEC--TAN", where),
        "CTYPE3": ("PLANE", "time planes, see DEROTATION"),
        "CTYPE4": ("CHANNEL", "see CHANNELS"),
        "CUNIT1": ("deg", ""),
        "CUNIT2": ("deg", ""),
        "CRVAL1": (facts.ra_deg, "star"),
        "CRVAL2": (facts.dec_deg, "star"),
        "CRVAL3": (0.0, ""),
        "CRVAL4": (0.0, ""),
        "CRPIX1": (shape[3] // 2 + 1.0, "star"),
        "CRPIX2": (shape[2] // 2 + 1.0, "star"),
        "CRPIX3": (1.0, ""),
        "CRPIX4": (1.0, ""),
        "CD1_1": (-cos, ""),
        "CD1_2": (sin, ""),
        "CD2_1": (sin, ""),
        "CD2_2": (cos, ""),
        "CD3_3": (1.0, ""),
        "CD4_4": (1.0, ""),
    }


def _quality(centres: Sequence[_Centre], known: irdis.Astrometry) -> dict[str, tuple[object, str]]:
    """Where the star was found, and the errors that no injection shows."""
    error_px = np.sqrt(np.mean([centre.error**2 for centre in centres]))
    cards: dict[str, tuple[object, str]] = {
        "CENTRERR": (float(error_px * known.scale_mas), "[mas] star centre, each axis"),
        "PIXSCERR": (known.scale_err_mas, "[mas/pix] pixel scale"),
        "NORTHERR": (float(np.hypot(known.north_err_deg, irdis.PUPIL_OFFSET_ERR_DEG)), "[deg] true north"),
    }
    for number, centre in enumerate(centres, start=1):
        cards[f"STARX{number}"] = (centre.x, f"[pix] star on field {number}, 0-based, dither 0")
        cards[f"STARY{number}"] = (centre.y, f"[pix] star on field {number}, 0-based, dither 0")
        cards[f"STARERR{number}"] = (centre.error, "[pix] error of each")
    return cards


RECIPE = Recipe(
    name=_NAME,
    consumes=(
        Consume("science", frozenset({"IRD_SCIENCE_DBI_RAW", "IRD_SCIENCE_IMAGING_RAW"})),
        Consume("background", frozenset({"dark"}), maximum=1),
        Consume("flat", frozenset({"flat"}), maximum=1),
        Consume("centres", frozenset({"centres"}), maximum=1),
        Consume("psf", frozenset({"psf"}), minimum=0, maximum=1),
        Consume("sparta", frozenset({"SPH_SPARTA_RAW"}), minimum=0),
        Consume("observation", frozenset({"IRD_SCIENCE_DBI_RAW", "IRD_SCIENCE_IMAGING_RAW"}), maximum=1),
    ),
    makes=frozenset({"cube"}),
    parameters=Level1Parameters,
    run=_run,
)
