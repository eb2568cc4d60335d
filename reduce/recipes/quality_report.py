"""The quality page of an observation: one self-contained HTML file with figures and numbers."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from hcvo.headers.page import cards_in_page
from hcvo.headers.product import product_header
from hcvo.headers.quality import QualityNumber, read_qc
from hcvo.model.product import ProductFacts, ProductKind
from reduce.product_file import read_facts
from reduce.recipe import Consume, Job, Parameters, Recipe, SourceFile
from reduce.recipes import quality_figures as draw

__all__ = ["RECIPE", "QualityParameters"]

_NAME = "quality_report"
_PLANES = 32  # of the cube whose median is shown
_LEVELS = ("calibration plan", "certifiable", "probably good", "at risk")
_STYLE = """
body { font: 15px/1.45 sans-serif; max-width: 62rem; margin: 1.5rem auto; padding: 0 1rem; color: #222; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; border-bottom: 1px solid #ccc; }
img { max-width: 100%; } table { border-collapse: collapse; font-size: 0.85rem; }
td, th { padding: 0.15rem 0.7rem 0.15rem 0; text-align: left; border-bottom: 1px solid #eee; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
.warn { background: #fde8e8; border-left: 4px solid #d62728; padding: 0.5rem 0.8rem; }
pre { font-size: 0.75rem; overflow-x: auto; }
"""


class QualityParameters(Parameters):
    """It has none."""


@dataclass(frozen=True, slots=True)
class _Cube:
    """What the page shows of a level 1 cube."""

    facts: ProductFacts
    header: fits.Header
    middle: NDArray[np.float32]
    psf: NDArray[np.float32]
    channels: fits.FITS_rec
    rows: Mapping[str, NDArray[Any]] | None
    centres: Mapping[str, NDArray[Any]] | None
    fluxes: Mapping[str, NDArray[Any]] | None
    air: Mapping[str, NDArray[Any]] | None


def _run(files: Mapping[str, Sequence[SourceFile]], parameters: Parameters, job: Job) -> None:
    assert isinstance(parameters, QualityParameters)
    source = files["cube"][0]
    cube = _read(source)
    facts = replace(
        cube.facts,
        kind=ProductKind.QUALITY,
        level=2,
        axes="",
        unit="",
        process_id=job.process_id,
        recipe=_NAME,
        recipe_version=job.version,
        provenance=(source.name,),
    )
    path = job.path_for(facts)
    header = product_header(facts)
    for card in cube.header.cards:
        if card.keyword.startswith("HCVO QC "):
            header[f"HIERARCH {card.keyword}"] = (card.value, card.comment)
    path.write_text(_page(cube, facts, header), encoding="utf-8")
    job.done(facts, path)


def _median(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Over the planes (channel, plane, y, x); NaN where none has data."""
    empty = np.asarray(np.isnan(planes).all(axis=1), dtype=np.bool_)
    middle = np.nanmedian(np.where(empty[:, None], 0, planes), axis=1)
    return np.where(empty, np.nan, middle).astype(np.float32)


def _read(source: SourceFile) -> _Cube:
    with fits.open(source.path) as hdus:
        step = max(hdus[0].data.shape[1] // _PLANES, 1)
        middle = _median(np.asarray(hdus[0].data[:, ::step], np.float32))
        rows = _table(hdus, "FRAMES")
        if rows is not None:
            rows = dict(_table(hdus, "DEROTATION") or {}) | dict(rows)
        return _Cube(
            read_facts(source.path),
            hdus[0].header.copy(),
            middle,
            np.array(hdus["PSF"].data, np.float32),
            hdus["CHANNELS"].data.copy(),
            rows,
            _table(hdus, "CENTRES"),
            _table(hdus, "FLUXES"),
            _table(hdus, "ATMOSPHERE"),
        )


def _table(hdus: fits.HDUList, name: str) -> dict[str, NDArray[Any]] | None:
    if name not in hdus:
        return None
    data = hdus[name].data
    return {column: np.array(data[column]) for column in data.names}


def _page(cube: _Cube, facts: ProductFacts, header: fits.Header) -> str:
    title = f"{facts.target_name or facts.obs_id}, {facts.filter}, night {facts.night}"
    names = [str(name) for name in cube.channels["NAME"]]
    parts = [
        f"<h1>Quality of {html.escape(title)}</h1>",
        _summary(facts),
        *_warnings(cube, facts),
        _section("Median frame", draw.images(cube.middle, names)),
        *_frames(cube),
        _section("PSF and flux", draw.psf(cube.psf, cube.channels["FWHM"], names, cube.fluxes)),
        *_air(cube),
        "<h2>Numbers</h2>",
        _numbers(read_qc(cube.header)),
        *_rejected(cube),
        "<h2>Cards</h2>",
        cards_in_page(header),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>Quality of {html.escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _summary(facts: ProductFacts) -> str:
    level = facts.match_level
    words = _LEVELS[level] if 0 <= level < len(_LEVELS) else "unknown"
    rows = (
        ("Observation", facts.obs_id),
        ("Instrument", f"{facts.instrument} {facts.arm}, {facts.filter}, {facts.coronagraph}"),
        ("Tracking", facts.derotator_mode),
        ("Cube", facts.provenance[0]),
        ("Exposure", f"{facts.exptime_s:.0f} s in integrations of {facts.dit_s:g} s"),
        ("Field rotation", "" if facts.field_rotation_deg is None else f"{facts.field_rotation_deg:.2f} deg"),
        ("Calibrations", f"match level {level}: {words}"),
    )
    cells = "".join(f"<tr><th>{name}</th><td>{html.escape(value)}</td></tr>" for name, value in rows if value)
    return f"<table>{cells}</table>"


def _warnings(cube: _Cube, facts: ProductFacts) -> list[str]:
    found = []
    if facts.match_level >= len(_LEVELS) - 1:
        found.append("A calibration is missing or fits badly: use with care.")
    if cube.header.get("HCVO QC FRAMES WARNING"):
        found.append("More planes are bad than may be rejected: the least bad are kept.")
    if cube.header.get("HCVO QC CENTRE OK", True) is False:
        found.append(
            "The star's place is in doubt: it is uncertain by more than 0.7 px, or spots or methods "
            "contradict each other (table CENTRES)."
        )
    if "halo" in str(cube.header.get("HCVO QC CENTRE METHOD", "")).split(","):
        found.append("The star was placed by its halo: no spots, no star to see on some field.")
    if not np.isfinite(cube.channels["STAR_FLUX"]).all():
        found.append("No FLUX frames: the star's flux is unknown, the PSF is computed.")
    if cube.rows is None:
        found.append("The cube has no table of its planes' quality.")
    return [f'<p class="warn">{text}</p>' for text in found]


def _frames(cube: _Cube) -> list[str]:
    if cube.rows is None:
        return []
    scale = cube.facts.pixel_scale_mas or np.nan
    return [
        _section("Centring", draw.centring(cube.rows, cube.centres, scale)),
        _section("Choice of planes", draw.frames(cube.rows)),
        _section("Background", draw.background(cube.rows)),
    ]


def _air(cube: _Cube) -> list[str]:
    if cube.air is None:
        return ["<h2>AO conditions</h2><p>No telemetry of the adaptive optics for this night.</p>"]
    return [_section("AO conditions", draw.air(cube.air, cube.facts.mjd_start, cube.facts.mjd_end))]


def _rejected(cube: _Cube) -> list[str]:
    """Planes that something speaks against."""
    if cube.rows is None:
        return []
    told = [number for number, reason in enumerate(cube.rows["REASON"]) if str(reason).strip()]
    if not told:
        return ["<h2>Rejected planes</h2><p>None.</p>"]
    lines = "".join(
        f"<tr><td class=n>{number}</td><td>{html.escape(str(cube.rows['DP_ID'][number]))}</td>"
        f"<td class=n>{cube.rows['PLANE'][number]}</td>"
        f"<td>{'kept' if cube.rows['KEPT'][number] else 'rejected'}</td>"
        f"<td>{html.escape(str(cube.rows['REASON'][number]))}</td></tr>"
        for number in told
    )
    head = "<tr><th>plane</th><th>raw file</th><th>plane of it</th><th></th><th>why</th></tr>"
    return [f"<h2>Rejected planes</h2><table>{head}{lines}</table>"]


def _numbers(numbers: Sequence[QualityNumber]) -> str:
    lines = "".join(
        f"<tr><th>{html.escape(one.name)}</th><td class=n>{html.escape(one.text)}</td>"
        f"<td>{html.escape(one.unit)}</td><td>{html.escape(one.meaning)}</td></tr>"
        for one in numbers
    )
    return f"<table>{lines}</table>"


def _section(title: str, picture: str) -> str:
    return f'<h2>{title}</h2>\n<img alt="{title}" src="{picture}">'


RECIPE = Recipe(
    name=_NAME,
    consumes=(Consume("cube", frozenset({"cube"}), maximum=1),),
    makes=frozenset({"quality"}),
    parameters=QualityParameters,
    run=_run,
)
