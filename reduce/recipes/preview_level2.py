"""Pictures of level 2: images with the companions marked, and the contrast curve."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hcvo.headers.level2_tables import CandidateRow, ContrastRow
from reduce.kernels.channels import noise_level

__all__ = ["candidates_figure", "contrast_figure", "image_figure", "image_limits", "significance_limits"]

_STACK = -1
_DEEP, _HIGH, _HIGHEST = (
    -5.0,
    10.0,
    25.0,
)  # sigmas: noise is dark, what is worth a look is not, planets differ
_BRIGHT = 15.0  # of the noise, from which an image is white


def significance_limits(image: NDArray[np.floating]) -> tuple[float, float]:
    """Darkest and brightest value of a map of sigmas: -5, and the highest there is, from 10 to 25.

    Parameters
    ----------
    image : NDArray[np.floating]
        (y, x); NaN = no data.

    Returns
    -------
    tuple[float, float]
        For `image_figure`.
    """
    finite = image[np.isfinite(image)]
    highest = float(finite.max()) if finite.size else 0.0
    return _DEEP, min(max(_HIGH, highest), _HIGHEST)


def image_limits(image: NDArray[np.floating]) -> tuple[float, float]:
    """Darkest and brightest value of an image: 5 times the noise below its median, 15 times above.

    Parameters
    ----------
    image : NDArray[np.floating]
        (y, x); NaN = no data.

    Returns
    -------
    tuple[float, float]
        For `image_figure`; the noise is the robust deviation of all pixels.
    """
    finite = image[np.isfinite(image)]
    if not finite.size:
        return 0.0, 1.0
    middle, noise = float(np.median(finite)), noise_level(image)
    if noise == 0.0:
        return float(finite.min()), float(finite.max())
    return middle + _DEEP * noise, middle + _BRIGHT * noise


def image_figure(
    image: NDArray[np.floating],
    scale_mas: float,
    rows: Sequence[CandidateRow],
    title: str,
    label: str,
    limits: tuple[float, float],
) -> Figure:
    """Picture of an image, north up and east left, candidates in circles.

    Parameters
    ----------
    image : NDArray[np.floating]
        (y, x), star at n//2; NaN = no data.
    scale_mas : float
        mas a pixel.
    rows : Sequence[CandidateRow]
        Candidates; the rows of the stack are marked.
    title : str
        Above.
    label : str
        At the colour bar.
    limits : tuple[float, float]
        Values drawn darkest and brightest.

    Returns
    -------
    Figure
        Ready to be saved.
    """
    figure = Figure(figsize=(7.0, 6.0), layout="constrained")
    axes = figure.subplots()
    half = image.shape[0] / 2 * scale_mas / 1000
    low, high = limits
    shown = axes.imshow(
        image, origin="lower", extent=(half, -half, -half, half), cmap="inferno", vmin=low, vmax=high
    )
    figure.colorbar(shown, ax=axes, label=label, extend="both")
    axes.plot(0, 0, marker="+", color="white", markersize=8)
    axes.set(xlabel="east (arcsec)", ylabel="north (arcsec)", title=title)
    _mark(axes, rows, half)
    return figure


def candidates_figure(
    significance: NDArray[np.floating], scale_mas: float, rows: Sequence[CandidateRow], title: str
) -> Figure:
    """Picture of the significance map with a line of words on each candidate.

    Parameters
    ----------
    significance : NDArray[np.floating]
        (y, x) of the stack.
    scale_mas : float
        mas a pixel.
    rows : Sequence[CandidateRow]
        Candidates.
    title : str
        Above.

    Returns
    -------
    Figure
        Ready to be saved.
    """
    limits = significance_limits(significance)
    figure = image_figure(significance, scale_mas, rows, title, "significance, channels combined", limits)
    lines = [
        f"{r.candidate}: {r.sep:.1f} ± {r.sep_err:.1f} mas, {r.pa:.2f} ± {r.pa_err:.2f}°, "
        f"Δm {r.dmag:.2f} ± {r.dmag_err:.2f}, {r.significance:.1f} sigma"
        for r in rows
        if r.channel == _STACK
    ]
    text = "\n".join(lines) or "no candidate"
    figure.supxlabel(text, fontsize=8)
    return figure


def contrast_figure(
    rows: Sequence[ContrastRow], candidates: Sequence[CandidateRow], names: Mapping[int, str], title: str
) -> Figure:
    """Picture of the contrast curves, candidates as points.

    Parameters
    ----------
    rows : Sequence[ContrastRow]
        Curves.
    candidates : Sequence[CandidateRow]
        Candidates.
    names : Mapping[int, str]
        Of the channels, -1 for the stack.
    title : str
        Above.

    Returns
    -------
    Figure
        Ready to be saved.
    """
    figure = Figure(figsize=(7.0, 5.0), layout="constrained")
    axes = figure.subplots()
    for channel in sorted({r.channel for r in rows}):
        curve = [r for r in rows if r.channel == channel]
        axes.plot([r.sep / 1000 for r in curve], [r.contrast for r in curve], label=names[channel])
    for r in candidates:
        if r.channel == _STACK and np.isfinite(r.contrast):
            error = r.contrast_err if np.isfinite(r.contrast_err) else 0.0
            axes.errorbar(r.sep / 1000, r.contrast, yerr=error, fmt="o", color="black", markersize=4)
    axes.set_yscale("log")
    axes.set(xlabel="separation (arcsec)", ylabel="5 sigma contrast", title=title)
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()
    return figure


def _mark(axes: Axes, rows: Sequence[CandidateRow], half: float) -> None:
    for row in rows:
        if row.channel != _STACK:
            continue
        east = row.sep / 1000 * np.sin(np.radians(row.pa))
        north = row.sep / 1000 * np.cos(np.radians(row.pa))
        axes.plot(east, north, "o", markersize=16, markerfacecolor="none", markeredgecolor="cyan")
        axes.annotate(str(row.candidate), (east - 0.04 * half, north + 0.04 * half), color="cyan")
