"""Figures of the quality page: arrays in, PNG pictures out."""

import base64
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

__all__ = ["air", "background", "centring", "frames", "images", "psf"]

Table = Mapping[str, NDArray[Any]]
_DAY_MIN = 1440.0
_GOOD_MAS = 8.6  # error of the centre that the data centre allows
_MANY = 4.0  # where the largest value is so many times the median, a logarithmic axis shows all
_GOOD, _BAD, _COLOURS = "#1f77b4", "#d62728", ("#1f77b4", "#ff7f0e", "#2ca02c", "#9467bd")


def centring(rows: Table, centres: Table | None, scale_mas: float) -> str:
    """Star in each CENTER frame without its dithering, and its wander from plane to plane."""
    figure, axes = _panels(1 if centres is None else 2)
    minutes, kept = _minutes(rows), rows["KEPT"]
    _marked(axes[-1], minutes, rows["RESIDUAL"], kept)
    axes[-1].errorbar(minutes, np.zeros(minutes.size), rows["STAR_ERR"], fmt="none", ecolor="0.7")
    axes[-1].axhline(_GOOD_MAS / scale_mas, color="0.5", ls="--", lw=0.8, label=f"{_GOOD_MAS} mas")
    axes[-1].set_ylabel("wander against\nthe median frame (px)")
    axes[-1].legend(fontsize=7)
    if centres is not None:
        _centres(axes[0], centres, float(rows["MJD_MID"][0]))
    return _png(figure)


def _centres(axes: Axes, centres: Table, begin: float) -> None:
    """Star at dither 0 minus its mean, of the kept measurements."""
    kept = centres["KEPT"] if "KEPT" in centres else np.ones(centres["X"].size, bool)
    for channel in np.unique(centres["CHANNEL"]):
        here = kept & (centres["CHANNEL"] == channel)
        minutes = (centres["MJD_MID"][here] - begin) * _DAY_MIN
        for name, mark in (("X", "o"), ("Y", "s")):
            place = centres[name][here] - centres[f"DITHER_{name}"][here]
            colour = _COLOURS[(2 * int(channel) + (name == "Y")) % len(_COLOURS)]
            label = f"{name.lower()}, channel {channel}"
            axes.errorbar(
                minutes,
                place - place.mean(),
                centres["ERROR"][here],
                fmt=mark,
                ms=4,
                color=colour,
                label=label,
            )
    axes.set_ylabel("star at dither 0\nminus its mean (px)")
    axes.legend(fontsize=7, ncol=2)


def psf(
    image: NDArray[np.floating], fwhm: NDArray[np.floating], names: list[str], fluxes: Table | None
) -> str:
    """PSF of each channel, its profile, and the star's flux in each FLUX plane."""
    channels = len(image)
    figure = Figure(figsize=(9.0, 2.8 if fluxes is None else 5.4), layout="constrained")
    rows = 1 if fluxes is None else 2
    grid = figure.add_gridspec(rows, channels + 1)
    profile = figure.add_subplot(grid[0, channels])
    for channel in range(channels):
        axes = figure.add_subplot(grid[0, channel])
        peak = float(np.nanmax(image[channel]))
        axes.imshow(
            np.log10(np.clip(image[channel] / peak, 1e-5, None)),
            origin="lower",
            cmap="inferno",
            vmin=-5,
            vmax=0,
        )
        axes.set_title(f"{names[channel]}, FWHM {fwhm[channel]:.2f} px", fontsize=9)
        axes.set_xticks([])
        axes.set_yticks([])
        radius, level = _profile(image[channel] / peak)
        profile.semilogy(radius, np.clip(level, 1e-6, None), color=_COLOURS[channel], label=names[channel])
    profile.set_xlabel("radius (px)")
    profile.set_ylabel("over the peak")
    profile.legend(fontsize=7)
    if fluxes is not None:
        _steadiness(figure.add_subplot(grid[1, :]), fluxes, names)
    return _png(figure)


def background(rows: Table) -> str:
    """Level taken off each plane."""
    figure, axes = _panels(1)
    for channel in range(rows["BACKGROUND"].shape[1]):
        axes[0].plot(
            _minutes(rows),
            rows["BACKGROUND"][:, channel],
            ".-",
            lw=0.6,
            color=_COLOURS[channel],
            label=f"channel {channel}",
        )
    axes[0].set_ylabel("background\ntaken off (adu)")
    axes[0].legend(fontsize=7)
    return _png(figure)


def frames(rows: Table) -> str:
    """What the choice of planes rests on."""
    figure, axes = _panels(3)
    minutes, kept = _minutes(rows), rows["KEPT"]
    halo = rows["HALO"].mean(axis=1)
    if np.isfinite(halo).any():
        halo = halo / np.nanmedian(halo)
    for one, values, label in (
        (axes[0], halo, "light of the halo\nover its median"),
        (axes[1], rows["FLUX"].mean(axis=1), "star's flux\nover its median"),
        (axes[2], rows["HALO_WIDTH"], "radius halving\nthe halo (px)"),
    ):
        _marked(one, minutes, values, kept)
        known = values[np.isfinite(values)]
        if known.size and known.min() > 0 and known.max() > _MANY * np.median(known):
            one.set_yscale("log")
        one.set_ylabel(label)
    axes[0].legend(fontsize=7)
    return _png(figure)


def air(samples: Table, begin: float, end: float) -> str:
    """What the adaptive optics' telemetry of the sequence holds; the science is shaded."""
    figure, axes = _panels(4)
    hours = 24.0 * (samples["MJD"] - np.floor(samples["MJD"][0]))
    for one, (name, label) in zip(
        axes,
        (
            ("SEEING", "seeing\n(arcsec)"),
            ("TAU0", "coherence\ntime (s)"),
            ("STREHL", "Strehl\n(1.6 um)"),
            ("WIND", "wind (m/s)"),
        ),
        strict=True,
    ):
        one.plot(hours, samples[name], ".-", ms=2, lw=0.6, color=_GOOD)
        one.axvspan(*(24.0 * (mjd - np.floor(samples["MJD"][0])) for mjd in (begin, end)), color="0.9")
        one.set_ylabel(label)
    axes[-1].set_xlabel("UTC (hours)")
    return _png(figure)


def images(middle: NDArray[np.floating], names: list[str]) -> str:
    """Median plane of each channel."""
    figure = Figure(figsize=(9.0, 9.0 / max(len(middle), 2)), layout="constrained")
    for channel, (image, name) in enumerate(zip(middle, names, strict=True)):
        axes = figure.add_subplot(1, len(middle), channel + 1)
        low, high = np.nanpercentile(image, [1.0, 99.5])
        shown = np.arcsinh(10 * np.clip((image - low) / max(high - low, 1e-30), 0, 1))
        axes.imshow(shown, origin="lower", cmap="inferno")
        axes.set_title(name, fontsize=9)
        axes.set_xticks([])
        axes.set_yticks([])
    return _png(figure)


def _panels(count: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(9.0, 0.6 + 1.7 * count), layout="constrained")
    axes = figure.subplots(count, 1, sharex=True, squeeze=False)[:, 0]
    axes[-1].set_xlabel("minutes since the first plane")
    return figure, list(axes)


def _minutes(rows: Table) -> NDArray[np.float64]:
    return np.asarray((rows["MJD_MID"] - rows["MJD_MID"][0]) * _DAY_MIN, dtype=np.float64)


def _marked(axes: Axes, x: NDArray[Any], y: NDArray[Any], kept: NDArray[Any]) -> None:
    axes.plot(x[kept], y[kept], ".", ms=4, color=_GOOD, label="kept")
    axes.plot(x[~kept], y[~kept], "x", ms=6, color=_BAD, label="rejected")


def _steadiness(axes: Axes, fluxes: Table, names: list[str]) -> None:
    minutes = (fluxes["MJD_MID"] - fluxes["MJD_MID"].min()) * _DAY_MIN
    for channel, name in enumerate(names):
        here = fluxes["CHANNEL"] == channel
        level = np.nanmean(fluxes["FLUX"][here])
        axes.plot(minutes[here], fluxes["FLUX"][here] / level, "o", ms=4, color=_COLOURS[channel], label=name)
    axes.set_xlabel("minutes since the first FLUX plane")
    axes.set_ylabel("FLUX over its mean")
    axes.legend(fontsize=7)


def _profile(image: NDArray[np.floating]) -> tuple[NDArray[np.int_], NDArray[np.float64]]:
    """Mean of rings one pixel wide."""
    half = image.shape[0] // 2
    y, x = np.ogrid[-half : half + 1, -half : half + 1]
    ring = np.hypot(x, y).round().astype(int)
    total = np.bincount(ring.ravel(), np.nan_to_num(image).ravel())[: half + 1]
    return np.arange(half + 1), total / np.bincount(ring.ravel())[: half + 1]


def _png(figure: Figure) -> str:
    """Address of the picture, the picture itself in it."""
    FigureCanvasAgg(figure)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=80, metadata={"Software": None})
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
