"""``hcvo metrics``: how well algorithms find companions in one level 1 cube, as tables and a picture."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import structlog
from astropy.io import fits
from astropy.table import Column, Table
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pydantic import ValidationError
from scipy import stats
from threadpoolctl import threadpool_limits

from hcvo.errors import ConfigError, ReductionError
from hcvo.model.product import ProductFacts
from hcvo.model.provenance import Output
from hcvo.store import sha256_of, write_aside
from reduce.environment import code_version
from reduce.foreign_error import in_our_words
from reduce.kernels.channels import reduce_without
from reduce.kernels.fit import Scene
from reduce.kernels.inject import Companion
from reduce.kernels.metrics import Trials, false_positives, limits, trials
from reduce.recipe import Job, SourceFile
from reduce.recipes import REGISTRY
from reduce.recipes.level2 import Searched, searched
from reduce.recipes.level2_recipe import Level2Recipe, Prepared
from reduce.selection import Choice, selected

__all__ = ["Asked", "Metrics", "measure", "write"]

_MULTIPLES = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0)
_THRESHOLDS = tuple(np.arange(1.0, 7.01, 0.25).tolist())
_STEP_FWHM = 2.0  # between separations where none are given


@dataclass(frozen=True, slots=True)
class Asked:
    """What shall be measured.

    Attributes
    ----------
    separations_mas : Sequence[float]
        Where; empty takes steps of 2 FWHM over what is searched.
    fpf : float
        False-positive fraction of the limits.
    injections : int
        Companions at each separation and contrast.
    """

    separations_mas: Sequence[float] = ()
    fpf: float = 2.87e-7
    injections: int = 24


@dataclass(frozen=True, slots=True)
class Metrics:
    """What was measured: one table of limits, one of completeness, one of true and false positives.

    Attributes
    ----------
    limits, completeness, roc : Table
        Algorithms one below the other.
    refused : Mapping[str, str]
        Algorithms that could not be measured on this cube, and why.
    """

    limits: Table
    completeness: Table
    roc: Table
    refused: Mapping[str, str] = field(default_factory=dict)


class _Quiet:
    """A job without products: for the log alone."""

    process_id, workers = 0, 1

    def __init__(self) -> None:
        self.version, self.log = code_version(), structlog.get_logger()

    def path_for(self, facts: ProductFacts) -> Path:
        raise ReductionError(f"metrics make no product, asked for one of kind {facts.kind}")

    def done(self, facts: ProductFacts, path: Path, preview: Path | None = None) -> Output:
        del preview
        raise ReductionError(f"metrics make no product, given {path} of kind {facts.kind}")

    def progress(self, fraction: float) -> None:
        del fraction


@dataclass(frozen=True, slots=True)
class _Measured:
    """One algorithm on one cube."""

    name: str
    scale_mas: float
    limits: Sequence[tuple[float, float, float, float]]  # px, contrast, throughput, degrees of freedom
    trials: Sequence[Trials]
    false: np.ndarray


def measure(
    cube: Path,
    choice: Choice,
    asked: Asked,
    on_algorithm: Callable[[str], object] = lambda _: None,
) -> Metrics:
    """Measure limits, completeness and false positives of algorithms on a cube.

    Parameters
    ----------
    cube : Path
        A level 1 cube of ours; the star's flux must be known.
    choice : Choice
        Algorithms, their parameters, references.
    asked : Asked
        Where, at which false-positive fraction, with how many injections.
    on_algorithm : Callable[[str], object]
        Told the name of each before it starts.

    Returns
    -------
    Metrics
        Companions found in the cube are subtracted first and kept clear of. Where false positives are
        counted only those that were told of are: others found may themselves be false.

    Raises
    ------
    ConfigError
        If a separation, the fraction or a parameter is impossible.
    ReductionError
        If no algorithm can be measured.
    """
    if not 0 < asked.fpf < 0.5 or asked.injections < 1:  # noqa: PLR2004 - a threshold above 0 sigma
        raise ConfigError(
            f"false-positive fraction {asked.fpf:g} and {asked.injections} injections, wanted a fraction "
            "between 0 and 0.5 and at least 1 injection"
        )
    recipes = [r for r in selected(REGISTRY, choice.algorithms) if isinstance(r, Level2Recipe)]
    found: list[_Measured] = []
    refused: dict[str, str] = {}
    for recipe in recipes:
        on_algorithm(recipe.name)
        try:
            with threadpool_limits(limits=1), in_our_words(None):
                found += _measured(recipe, cube, choice, asked)
        except ReductionError as error:
            refused[recipe.name] = str(error)
    if not found:
        raise ReductionError("; ".join(f"{name}: {why}" for name, why in refused.items()))
    threshold = float(stats.norm.isf(asked.fpf))
    return Metrics(
        _limits_table(found, asked.fpf, threshold),
        _completeness_table(found, threshold),
        _roc_table(found),
        refused,
    )


def _measured(recipe: Level2Recipe, cube: Path, choice: Choice, asked: Asked) -> list[_Measured]:
    files = {"cube": [_source(cube)]}
    if recipe.consumes[1:]:
        files["reference"] = [_source(path) for path in choice.references]
    try:
        given = recipe.parameters(**dict(choice.parameters.get(recipe.name, {})))
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"{recipe.name}.{first['loc'][0]} = {first['input']!r}: {first['msg']}") from error
    job = _Quiet()
    return [_of_one(ready, cube, asked, job) for ready in recipe.prepare(files, given, job)]


def _of_one(ready: Prepared, cube: Path, asked: Asked, job: Job) -> _Measured:
    done = searched(ready.level1, ready.parameters, ready.method, job, turning=ready.turning)
    scene = done.found.scene
    if not np.isfinite([c.star_flux for c in scene.channels]).all():
        raise ReductionError(
            f"{cube.name}: the star's flux is unknown, wanted it in every channel: contrasts"
        )
    radii = _radii(done, ready.level1.scale_mas, asked)
    companions: list[Companion] = [*done.found.companions, *done.known]
    threshold = float(stats.norm.isf(asked.fpf))
    points = limits(scene, radii, companions, threshold, ready.parameters.branches)
    tried = [
        trials(scene, p.radius, [m * p.contrast for m in _MULTIPLES], companions, asked.injections)
        for p in points
        if np.isfinite(p.contrast)
    ]
    return _Measured(
        ready.name,
        ready.level1.scale_mas,
        [(p.radius, p.contrast, p.throughput, p.dof) for p in points],
        tried,
        false_positives(_nothing_but_noise(done), done.known, _THRESHOLDS, (done.inner_px, done.outer_px)),
    )


def _nothing_but_noise(done: Searched) -> Scene:
    """Companions that were told of subtracted; every other peak left in, as nobody knows what it is."""
    scene = done.found.scene
    known = [
        d.companion
        for d in done.found.detections
        if any(np.hypot(d.companion.x - c.x, d.companion.y - c.y) <= scene.fwhm for c in done.known)
    ]
    return replace(scene, reductions=reduce_without(scene.channels, known, done.algorithm))


def _source(path: Path) -> SourceFile:
    return SourceFile(path, sha256_of(path), path.name)


def _radii(done: Searched, scale_mas: float, asked: Asked) -> list[float]:
    given = sorted(sep / scale_mas for sep in asked.separations_mas)
    outside = [r * scale_mas for r in given if not done.inner_px <= r <= done.outer_px]
    if outside:
        raise ConfigError(
            f"separations {', '.join(f'{sep:.0f}' for sep in outside)} mas lie outside of what is searched, "
            f"{done.inner_px * scale_mas:.0f} to {done.outer_px * scale_mas:.0f} mas"
        )
    step = _STEP_FWHM * done.found.scene.fwhm
    return given or [float(r) for r in np.arange(done.inner_px, done.outer_px, step)]


def _limits_table(found: Sequence[_Measured], fpf: float, threshold: float) -> Table:
    rows = [
        (one.name, r * one.scale_mas, fpf, threshold, contrast, -2.5 * np.log10(contrast), through, dof)
        for one in found
        for r, contrast, through, dof in one.limits
    ]
    return _table(
        rows,
        ("algorithm", "U16", None, "algorithm"),
        ("sep", "f8", "mas", "separation"),
        ("fpf", "f8", None, "false-positive fraction of one test"),
        ("threshold", "f8", None, "its Gaussian sigmas"),
        ("contrast", "f8", None, "companion over star that stands at the threshold"),
        ("dmag", "f8", "mag", "the same in magnitudes"),
        ("throughput", "f8", None, "flux after over before reduction"),
        ("dof", "f8", None, "degrees of freedom of the t statistic"),
    )


def _completeness_table(found: Sequence[_Measured], threshold: float) -> Table:
    rows = [
        (one.name, t.radius * one.scale_mas, c, share, np.median(s), len(s), t.independent)
        for one in found
        for t in one.trials
        for c, share, s in zip(t.contrast, t.completeness(threshold), t.significance, strict=True)
    ]
    return _table(
        rows,
        ("algorithm", "U16", None, "algorithm"),
        ("sep", "f8", "mas", "separation"),
        ("contrast", "f8", None, "of the injected companions"),
        ("completeness", "f8", None, "share of them above the threshold: true-positive fraction"),
        ("significance", "f8", None, "their median, Gaussian sigmas"),
        ("injections", "i4", None, "companions injected"),
        ("independent", "i4", None, "places among them that do not overlap"),
    )


def _roc_table(found: Sequence[_Measured]) -> Table:
    rows = []
    for one in found:
        for number, multiple in enumerate(_MULTIPLES):
            pooled = np.concatenate([t.significance[number] for t in one.trials] or [np.zeros(0)])
            for threshold, false in zip(_THRESHOLDS, one.false, strict=True):
                share = float(np.mean(pooled >= threshold)) if pooled.size else float("nan")
                rows.append((one.name, multiple, threshold, stats.norm.sf(threshold), share, false))
    return _table(
        rows,
        ("algorithm", "U16", None, "algorithm"),
        ("brightness", "f8", None, "contrast of the companions over the limit at their separation"),
        ("threshold", "f8", None, "Gaussian sigmas"),
        ("fpf", "f8", None, "nominal false-positive fraction of one test"),
        ("tpf", "f8", None, "share of the companions above it, all separations"),
        ("false_positives", "i4", None, "peaks above it where no companion was told of (parameter known)"),
    )


def _table(rows: Sequence[tuple[object, ...]], *declared: tuple[str, str, str | None, str]) -> Table:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(declared)
    return Table(
        [
            Column(np.array(values, form), name=name, unit=unit, description=meaning)
            for values, (name, form, unit, meaning) in zip(columns, declared, strict=True)
        ]
    )


def write(metrics: Metrics, out: Path) -> list[Path]:
    """Write the tables as ECSV and FITS, and a picture of them.

    Parameters
    ----------
    metrics : Metrics
        What was measured.
    out : Path
        Folder; made where it is not there, files of the same names are replaced.

    Returns
    -------
    list[Path]
        limits, completeness, roc as ``.ecsv`` and ``.fits``; ``metrics.png``.
    """
    made = []
    for name in ("limits", "completeness", "roc"):
        table: Table = getattr(metrics, name)
        text, binary = out / f"{name}.ecsv", out / f"{name}.fits"
        with write_aside(text) as aside:
            table.write(aside, format="ascii.ecsv", delimiter=",", overwrite=True)
        with write_aside(binary) as aside:
            hdu = fits.table_to_hdu(table)
            hdu.name = name.upper()
            fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(aside, checksum=True, overwrite=True)
        made += [text, binary]
    with write_aside(out / "metrics.png") as aside:
        _figure(metrics).savefig(aside, dpi=100)
    return [*made, out / "metrics.png"]


def _figure(metrics: Metrics) -> Figure:
    figure = Figure(figsize=(14.0, 4.5), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for name in dict.fromkeys(metrics.limits["algorithm"]):
        own = metrics.limits[metrics.limits["algorithm"] == name]
        left.plot(own["sep"], own["contrast"], marker=".", label=name)
        _completeness_lines(middle, metrics, str(name))
        own = metrics.roc[(metrics.roc["algorithm"] == name) & (metrics.roc["brightness"] == 1.0)]
        right.plot(own["false_positives"], own["tpf"], marker=".", label=name)
    left.set(xlabel="separation (mas)", ylabel="contrast at the false-positive fraction", yscale="log")
    middle.set(xlabel="contrast", ylabel="completeness, each separation", xscale="log", ylim=(-0.03, 1.03))
    right.set(xlabel="false positives an image", ylabel="true positives at the limit", xscale="symlog")
    for axes in (left, middle, right):
        axes.grid(visible=True, alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend()
    return figure


def _completeness_lines(axes: Axes, metrics: Metrics, name: str) -> None:
    own = metrics.completeness[metrics.completeness["algorithm"] == name]
    colour = None
    for number, sep in enumerate(dict.fromkeys(own["sep"])):
        part = own[own["sep"] == sep]
        (line,) = axes.plot(
            part["contrast"], part["completeness"], color=colour, alpha=0.7, label=None if number else name
        )
        colour = line.get_color()
