"""The product files of level 2, with their previews."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from astropy.io import fits
from astropy.table import Table
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hcvo.headers.level2_tables import CandidateRow, ContrastRow, as_table, table_hdu
from hcvo.headers.product import product_header
from hcvo.headers.text_tables import write_text_table
from hcvo.headers.wcs import celestial_header
from hcvo.model.product import ProductFacts, ProductKind
from hcvo.store import write_aside
from reduce.recipe import Job
from reduce.recipes.level1_cube import Level1Cube
from reduce.recipes.level2 import Level2, Level2Parameters
from reduce.recipes.preview_level2 import (
    candidates_figure,
    contrast_figure,
    image_figure,
    image_limits,
    significance_limits,
)

__all__ = ["Card", "write_level2"]

Card = tuple[str, str | int | float | bool, str]
"""Keyword, value, comment."""


@dataclass(frozen=True, slots=True)
class _Product:
    """One file to write, an image of the sky or a table, with its picture; a table also becomes text."""

    kind: ProductKind
    axes: str
    unit: str
    image: NDArray[np.float32] | None
    table: fits.BinTableHDU | None
    figure: Figure
    texts: tuple[ProductKind, ...] = ()
    rows: Table | None = None
    own: NDArray[np.float32] | None = None  # the algorithm's own map beside the image: extension OWN_SNR


def write_level2(
    level1: Level1Cube,
    level2: Level2,
    parameters: Level2Parameters,
    job: Job,
    named: tuple[str, str, Sequence[Card]],
) -> None:
    """Write every product of one run of one algorithm.

    Parameters
    ----------
    level1 : Level1Cube
        What was reduced.
    level2 : Level2
        What came out.
    parameters : Level2Parameters
        What was asked.
    job : Job
        Gives paths, takes the finished files.
    named : tuple[str, str, Sequence[Card]]
        Name of the recipe, of the algorithm (of several settings in one run each has its own), and its
        cards.
    """
    recipe, algorithm, own = named
    facts = replace(
        level1.facts,
        level=3,
        algorithm=algorithm,
        process_id=job.process_id,
        recipe=recipe,
        recipe_version=job.version,
        provenance=(level1.name, *level1.beside),
    )
    cards = [*own, *_cards(level1, level2, parameters)]
    for product in _products(level1, level2, algorithm):
        _write(product, facts, level1, cards, job)


def _products(level1: Level1Cube, level2: Level2, algorithm: str) -> list[_Product]:
    title = f"{level1.facts.target_name}  {level1.facts.filter}  {algorithm}"
    scale, rows = level1.scale_mas, level2.candidates
    whole = "channels combined" if len(level1.channels) > 1 else "one channel"

    def sky(kind: ProductKind, axes: str, unit: str, planes: NDArray[np.float32]) -> _Product:
        shown = level2.image if kind in {ProductKind.RESIDUAL, ProductKind.IMAGE} else planes[-1]
        label = f"{kind} ({unit}), {whole}" if unit else f"{kind}, {whole}"
        limits = image_limits(shown) if unit else significance_limits(shown)
        return _Product(
            kind, axes, unit, planes, None, image_figure(shown, scale, rows, title, label, limits)
        )

    products = [
        sky(ProductKind.RESIDUAL, "channel,y,x", "adu", level2.residual),
        sky(ProductKind.IMAGE, "y,x", "adu", level2.image),
        sky(ProductKind.CORRECTED, "channel,y,x", "adu", level2.corrected),
        replace(sky(ProductKind.SNR, "channel,y,x", "", level2.snr), own=level2.own_snr),
        sky(ProductKind.SIGNIFICANCE, "channel,y,x", "", level2.significance),
    ]
    if level2.contrast:
        names = {c: level1.channels[c].name for c in range(len(level1.channels))} | {-1: "combined"}
        products.append(
            _Product(
                ProductKind.CONTRAST,
                "row",
                "",
                None,
                table_hdu(level2.contrast, ContrastRow, "CONTRAST"),
                contrast_figure(level2.contrast, rows, names, title),
                (ProductKind.CONTRAST_ECSV, ProductKind.CONTRAST_VOTABLE),
                as_table(level2.contrast, ContrastRow),
            )
        )
    products.append(
        _Product(
            ProductKind.CANDIDATES,
            "row",
            "",
            None,
            table_hdu(rows, CandidateRow, "CANDIDATES"),
            candidates_figure(level2.significance[-1], scale, rows, title),
            (ProductKind.CANDIDATES_ECSV, ProductKind.CANDIDATES_VOTABLE),
            as_table(rows, CandidateRow),
        )
    )
    return products


def _write(
    product: _Product, facts: ProductFacts, level1: Level1Cube, cards: Sequence[Card], job: Job
) -> None:
    facts = replace(facts, kind=product.kind, axes=product.axes, unit=product.unit)
    header = _header(facts, level1, product.image, cards)
    hdus = fits.HDUList([fits.PrimaryHDU(product.image, header)])
    if product.own is not None:
        hdus.append(fits.ImageHDU(product.own, _sky_header(facts, level1, product.own), name="OWN_SNR"))
    if product.table is not None:
        hdus.append(product.table)
    path = job.path_for(facts)
    with write_aside(path) as aside:
        hdus.writeto(aside, overwrite=True, checksum=True)
    preview = path.with_suffix(".png")
    with write_aside(preview) as aside:
        product.figure.savefig(aside, dpi=100)
    job.done(facts, path, preview)
    for kind in product.texts:
        assert product.rows is not None
        same = replace(facts, kind=kind)
        path = job.path_for(same)
        with write_aside(path) as aside:
            write_text_table(product.rows, _header(same, level1, None, cards), aside)
        job.done(same, path)


def _header(
    facts: ProductFacts, level1: Level1Cube, image: NDArray[np.float32] | None, cards: Sequence[Card]
) -> fits.Header:
    header = product_header(facts)
    if image is not None:
        header.update(_sky_header(facts, level1, image))
    for keyword, value, comment in cards:
        header[keyword] = (value, comment)
    return header


def _sky_header(facts: ProductFacts, level1: Level1Cube, image: NDArray[np.float32]) -> fits.Header:
    planes = ("CHANNEL",) if image.ndim > 2 else ()  # noqa: PLR2004 # planes above an image
    ra, dec = facts.ra_deg or 0.0, facts.dec_deg or 0.0
    return celestial_header(image.shape[-1], level1.scale_mas, ra, dec, extra_axes=planes)


def _cards(level1: Level1Cube, level2: Level2, parameters: Level2Parameters) -> list[Card]:
    """What was asked and found, in cards of 8 letters."""
    systematics = level2.systematics
    cards: list[Card] = [
        ("COMBTIME", parameters.combine, "combination over time"),
        ("INNERMAS", level2.inner_mas, "[mas] smallest separation searched"),
        ("OUTERMAS", level2.outer_mas, "[mas] largest separation searched"),
        ("THRESHLD", parameters.threshold, "significance of a candidate"),
        ("NINJECT", parameters.injections, "injections asked for errors"),
        ("NBRANCH", parameters.branches, "azimuths of the contrast curve"),
        ("NKNOWN", len(parameters.known), "known companions kept out of the noise"),
        ("NCAND", len({row.candidate for row in level2.candidates}), "candidates found"),
        ("STARKNOW", bool(level2.contrast), "star flux known, contrasts given"),
        ("CENTRERR", systematics.centre_mas, "[mas] star's place, in errors; 0 none"),
        ("PIXSCERR", systematics.pixel_scale_mas, "[mas] pixel scale, in errors; 0 none"),
        ("NORTHERR", systematics.true_north_deg, "[deg] true north, in errors; 0 none"),
        ("NFREMPTY", level1.empty, "frames left out that hold no number"),
        ("NCHDEAD", len(level1.dead), "channels left out that saw nothing, DEADCHi"),
        *((f"DEADCH{n}", name, "channel left out") for n, name in enumerate(level1.dead, 1)),
        ("SMEARED", level1.smear_deg is not None, "injections drawn out along their arcs"),
        ("STACKING", "weighted mean", "of channels, weights WEIGHTi"),
    ]
    for number, (channel, weight) in enumerate(zip(level1.channels, level2.weights, strict=True), start=1):
        cards.append((f"CHNAME{number}", channel.name, "name of the channel"))
        cards.append((f"WAVLEN{number}", channel.wavelength_um, "[um] wavelength"))
        cards.append((f"WEIGHT{number}", float(weight), "weight in the stack"))
        if np.isfinite(channel.star_flux):
            cards.append((f"STARFX{number}", channel.star_flux, "[adu] star in 1 FWHM"))
        if np.isfinite(channel.star_flux_err):
            cards.append((f"STARER{number}", channel.star_flux_err, "[adu] its error, in those of contrasts"))
    return cards
