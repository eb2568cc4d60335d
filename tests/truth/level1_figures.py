"""Figures of one reduced scenario against its truth; a figure that cannot be had is a row that is not ok."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, median_filter, minimum_filter

from hcvo.report import Row
from tests.truth.level1_night import Cube, Night, Truth, matched, resampled
from tests.truth.level1_plain import RINGS, plain_residuals, smooth_rms
from tests.truth.level1_pulls import pulls

__all__ = ["Residuals", "figures", "outlying"]

_WAFFLE_PX, _FALLBACK_PX = 0.1, 0.3
_ANGLE_DEG = 0.01
_PHOTOMETRY = 0.02
_WIDTH = 0.05
_BAD_SHARE = 1e-4
_BACKGROUND = 1 / 3
_COMPANION = 0.01
_RECALL, _FALSE = 0.9, 0.05
_SIGMA = 7.0
_SLOPE = 0.15
"""A star misplaced by so many pixels is judged as centring, not as bad pixels."""
_CORE_PX = 8.0
_FOREIGN = re.compile(
    r"\b(Key|Value|Index|Type|Attribute|FileNotFound|Runtime|ZeroDivision|LinAlg|Assertion|OS|Memory)Error\b"
)

_ALL = (
    ("centring error", f"<= {_WAFFLE_PX:g} px, fallback {_FALLBACK_PX:g} px"),
    ("angle of date", f"<= {_ANGLE_DEG:g} deg"),
    ("star's flux", f"<= {_PHOTOMETRY:g}"),
    ("frame flux", f"<= {_PHOTOMETRY:g}"),
    ("bad frames rejected", f">= {_RECALL:g}"),
    ("good frames rejected", f"<= {_FALSE:g}"),
    ("residual bad pixels", f"<= {_BAD_SHARE:g} of the field"),
    ("background left in K", "<= 1/3 of plain"),
    ("companions' flux", f"<= {_COMPANION:g}"),
)

Plane = NDArray[np.float64]


class Residuals:
    """Cube minus true light, plane by plane: made once, read by several figures."""

    def __init__(self, truth: Truth, cube: Cube) -> None:
        self.cube, self.frames = cube, matched(truth, cube)
        self._truth = truth

    def __iter__(self) -> Iterator[tuple[int, int, Plane, Plane, Plane]]:
        """Time plane, channel, cube minus light, star's light, companions' light: each (y, x), adu."""
        stretch = float(self._truth.told["instrument"]["y_stretch"])
        size = self.cube.images.shape[-1]
        with self._truth.maps("light") as light:
            for time, name in enumerate(self.cube.names):
                number = self._truth.index[name]
                for channel, star in enumerate(self.frames[time]["star"]):
                    corner = self._truth.corners[number, channel]
                    place = (star[0] - corner[0], star[1] - corner[1])
                    lights = [
                        resampled(np.array(light[name].data[number, channel]), place, size, stretch)
                        for name in ("STAR", "COMPANIONS")
                    ]
                    image = self.cube.images[channel, time] - lights[0] - lights[1]
                    yield time, channel, image, lights[0], lights[1]


def figures(night: Night) -> list[Row]:
    """All figures of a scenario.

    Parameters
    ----------
    night : Night
        Reduced.

    Returns
    -------
    list[Row]
        One a figure and cube.
    """
    rows = [_ending(night), _outcome(night)]
    if not night.cubes and not night.scenario.refusal:
        rows += [_missing(night.scenario.name, quantity, "no cube", goal) for quantity, goal in _ALL]
    for cube in night.cubes:
        case = night.scenario.name + (f", DIT {cube.header.get('DIT')}" if len(night.cubes) > 1 else "")
        rows += _tables(night, cube, case)
        rows += _images(night, cube, case)
    return [replace(row, ok=bool(row.ok)) for row in rows]


def _ending(night: Night) -> Row:
    """A foreign exception's name before the reader is as bad as its traceback."""
    case, quantity, goal = night.scenario.name, "end of the program", "no traceback, no unnamed error"
    if "Traceback" in night.said:
        last = next((line for line in reversed(night.said.splitlines()) if line.strip()), "")
        return Row(case, quantity, f"traceback: {last.strip()[:200]}", "", goal, ok=False)
    unnamed = _FOREIGN.search(night.said)
    if unnamed:
        shown = night.said[unnamed.start() : unnamed.start() + 160].replace("\n", " ")
        return Row(case, quantity, f"unnamed error: {shown}", "", goal, ok=False)
    return Row(case, quantity, f"exit code {night.code}", "", goal, ok=True)


def _outcome(night: Night) -> Row:
    """A night gives a cube with its match level; only what the scenario says may be refused, and by name."""
    scenario = night.scenario
    levels = [cube.level for cube in night.cubes]
    words = [f"cube of match level {level}" for level in levels]
    words += [f"refused: {text[:160]}" for text in night.refusals[:2]]
    value = "; ".join(words) or "nothing"
    low_enough = bool(levels) and all(level is not None and level >= scenario.least_level for level in levels)
    goal = f"a cube of match level >= {scenario.least_level}"
    if scenario.lacks:
        goal = f"without {scenario.lacks}: {goal}"
    if not scenario.refusal:
        return Row(scenario.name, "product", value, "", goal, low_enough and not night.refusals)
    named = bool(night.refusals) and all(scenario.refusal in text for text in night.refusals)
    goal += f", or a failure that says '{scenario.refusal}'"
    return Row(scenario.name, "product", value, "", goal, named and (low_enough or not levels))


def _missing(case: str, quantity: str, why: str, goal: str) -> Row:
    return Row(case, quantity, f"not there: {why}", "", goal, ok=False)


def _tables(night: Night, cube: Cube, case: str) -> list[Row]:
    frames = matched(night.truth, cube)
    makers: Sequence[Callable[[], list[Row]]] = (
        lambda: _centring(night, cube, frames, case),
        lambda: pulls(cube, frames, case),
        lambda: _angles(cube, frames, case),
        lambda: _star_flux(night, cube, frames, case),
        lambda: _width(night, cube, case),
        lambda: _frame_flux(cube, frames, case),
        lambda: _rejection(cube, frames, case),
    )
    return [row for make in makers for row in make()]


def _centring(night: Night, cube: Cube, frames: list[dict[str, Any]], case: str) -> list[Row]:
    waffle = night.scenario.waffle_on or "CENTER" in night.scenario.on_sky
    limit = _WAFFLE_PX if waffle else _FALLBACK_PX
    quantity, goal = "centring error, rms of the worse axis", f"<= {limit:g}"
    x, y = cube.column("STAR_X"), cube.column("STAR_Y")
    if x is None or y is None:
        return [_missing(case, quantity, "FRAMES with STAR_X, STAR_Y", goal)]
    true = np.array([frame["star"] for frame in frames])
    off = np.stack([x, y], axis=-1).astype(float) - true
    rms = float(np.sqrt((off[cube.kept] ** 2).mean(axis=0)).max()) if cube.kept.any() else np.nan
    return [Row(case, quantity, rms, "px", goal, ok=rms <= limit)]


def _angles(cube: Cube, frames: list[dict[str, Any]], case: str) -> list[Row]:
    def worst(column: str, told: str) -> float:
        off = cube.derotation[column] - np.array([frame[told] for frame in frames])
        return float(np.abs((off + 180.0) % 360.0 - 180.0).max())

    angle, icrs = worst("ANGLE", "angle_deg"), worst("ICRS_ROTATION", "icrs_rotation_deg")
    return [
        Row(case, "angle of date, largest error", angle, "deg", f"<= {_ANGLE_DEG:g}", angle <= _ANGLE_DEG),
        Row(case, "rotation to ICRS, largest error", icrs, "deg", f"<= {_ANGLE_DEG:g}", icrs <= _ANGLE_DEG),
    ]


def _star_flux(night: Night, cube: Cube, frames: list[dict[str, Any]], case: str) -> list[Row]:
    quantity, goal = "star's flux, relative error of the worse channel", f"<= {_PHOTOMETRY:g}"
    flux = np.asarray(cube.channels["STAR_FLUX"], dtype=float)
    seen = [frame["brightness"] for entry in night.truth.of_kind("FLUX") for frame in entry["frames"]]
    if not seen:
        unknown = bool(np.isnan(flux).all())
        return [
            Row(case, "star's flux", "unknown" if unknown else str(flux), "", "NaN without FLUX", unknown)
        ]
    if not np.isfinite(flux).all():
        return [_missing(case, quantity, "STAR_FLUX is NaN", goal)]
    curve = night.truth.told["light"]["star_flux_curve"]
    densities = night.truth.told["instrument"]["nd_transmission"].get(frames[0]["nd"], [1.0, 1.0])
    scale = np.mean(seen) * frames[0]["dit_s"] / curve["dit_s"]
    true = np.array(
        [
            np.interp(fwhm, curve["diameter_px"], values) * scale * density
            for fwhm, values, density in zip(cube.channels["FWHM"], curve["flux"], densities, strict=True)
        ]
    )
    worst = float(np.abs(flux / true - 1).max())
    return [Row(case, quantity, worst, "", goal, worst <= _PHOTOMETRY)]


def _width(night: Night, cube: Cube, case: str) -> list[Row]:
    """The star's flux is told in an aperture of 1 FWHM: a wrong width would hide a wrong flux."""
    if not night.truth.of_kind("FLUX"):
        return []
    true = np.asarray(night.truth.told["light"]["fwhm_px"], dtype=float)
    off = float(np.abs(np.asarray(cube.channels["FWHM"], dtype=float) / true - 1).max())
    return [Row(case, "FWHM, relative error of the worse channel", off, "", f"<= {_WIDTH:g}", off <= _WIDTH)]


def _frame_flux(cube: Cube, frames: list[dict[str, Any]], case: str) -> list[Row]:
    """FLUX is to show how bright a companion is in each plane, against the median."""
    flux = cube.column("FLUX")
    quantity, goal = "frame flux, rms error", f"<= {_PHOTOMETRY:g}"
    if flux is None:
        return [_missing(case, quantity, "FRAMES with FLUX", goal)]
    true = np.array([[frame["brightness"]] * 2 for frame in frames])
    off = _rms(_relative(flux.astype(float), cube.kept) / _relative(true, cube.kept) - 1, cube.kept)
    return [Row(case, quantity, off, "", goal, off <= _PHOTOMETRY)]


def _relative(values: Plane, kept: NDArray[np.bool_]) -> Plane:
    return np.asarray(values / np.median(values[kept], axis=0))


def _rms(values: Plane, kept: NDArray[np.bool_]) -> float:
    return float(np.sqrt((values[kept] ** 2).mean(axis=0)).max())


def _rejection(cube: Cube, frames: list[dict[str, Any]], case: str) -> list[Row]:
    bad = np.array([frame["bad"] for frame in frames])
    recall_goal, false_goal = f">= {_RECALL:g}", f"<= {_FALSE:g}"
    if cube.column("KEPT") is None:
        return [
            _missing(case, "bad frames rejected", "FRAMES with KEPT", recall_goal),
            _missing(case, "good frames rejected", "FRAMES with KEPT", false_goal),
        ]
    rejected = ~cube.kept
    rows = []
    if bad.any():
        recall = float(rejected[bad].mean())
        rows.append(
            Row(case, "bad frames rejected", recall, f"of {bad.sum()}", recall_goal, recall >= _RECALL)
        )
    false = float(rejected[~bad].mean())
    rows.append(Row(case, "good frames rejected", false, f"of {(~bad).sum()}", false_goal, false <= _FALSE))
    return rows


def _images(night: Night, cube: Cube, case: str) -> list[Row]:
    """What needs the residuals: bad pixels, companions, background in K."""
    size = cube.images.shape[-1]
    y, x = np.mgrid[:size, :size] - size // 2
    radius = np.hypot(y, x)
    kept = cube.kept
    outliers, pixels = 0, 0
    smooth: dict[tuple[int, int], list[float]] = {}
    photometer = _Photometer(night, cube)
    for time, channel, image, star, others in Residuals(night.truth, cube):
        if not kept[time]:
            continue
        wanted = radius > _CORE_PX
        outliers += int((outlying(image, star + others) & wanted).sum())
        pixels += int(wanted.sum())
        smooth[time, channel] = [smooth_rms(image, (size // 2, size // 2), ring) for ring in RINGS]
        photometer.add(time, channel, image, others)
    if not pixels:
        return [_missing(case, "images", "no plane was kept", "some")]
    share = outliers / pixels
    rows = [
        Row(case, "residual bad pixels", share, "of the field", f"<= {_BAD_SHARE:g}", share <= _BAD_SHARE)
    ]
    if "K" in night.scenario.filter:
        rows += _background(night, cube, case, smooth)
    return rows + photometer.rows(case)


def outlying(image: Plane, light: Plane) -> NDArray[np.bool_]:
    """Pixels out of their surroundings' noise; no data counts.

    Parameters
    ----------
    image : NDArray[np.float64]
        (y, x) adu, the true light taken away.
    light : NDArray[np.float64]
        (y, x) adu, the true light: where it is steep, more is allowed.

    Returns
    -------
    NDArray[np.bool_]
        (y, x).
    """
    finite = np.isfinite(image)
    filled = np.where(finite, image, 0.0)
    off = np.abs(filled - median_filter(filled, 7))
    noise = 1.4826 * median_filter(off[::3, ::3], 9)
    noise = np.repeat(np.repeat(noise, 3, axis=0), 3, axis=1)[: image.shape[0], : image.shape[1]]
    slope = maximum_filter(light, 3) - minimum_filter(light, 3)
    return np.asarray((off > _SIGMA * noise + _SLOPE * slope) | ~finite)


def _background(night: Night, cube: Cube, case: str, smooth: dict[tuple[int, int], list[float]]) -> list[Row]:
    source, plain = plain_residuals(night)
    rows = []
    for channel, name in enumerate(cube.channels["NAME"]):
        ours = [values for (_, c), values in smooth.items() if c == channel]
        theirs = [plain[cube.names[time]][channel] for time, c in smooth if c == channel]
        left = np.sqrt(np.mean(np.square(ours), axis=0))
        plainly, practised = np.sqrt(np.mean(np.square(theirs), axis=0))
        for number, (inner, outer) in enumerate(RINGS):
            where = f"background left in {str(name).strip()} at {inner:.0f}-{outer:.0f} px"
            what = f"{where}: {left[number]:.3g} adu"
            ratio = float(left[number] / plainly[number])
            said = f"{what}, plain scaled {source} {plainly[number]:.3g}"
            goal, limit = (
                ("< 1: there is no sky to scale", 1.0) if source == "dark" else ("<= 1/3", _BACKGROUND)
            )
            rows.append(Row(case, said, ratio, "of plain", goal, ratio <= limit))
            ratio = float(left[number] / practised[number])
            said = f"{what}, plain with the starlight in it {practised[number]:.3g}"
            rows.append(Row(case, said, ratio, "of plain", "stated", bool(np.isfinite(ratio))))
    return rows


class _Photometer:
    """Flux of planted companions in the cube against the light that fell on the detector."""

    def __init__(self, night: Night, cube: Cube) -> None:
        self._pixel_mas = float(night.truth.told["instrument"]["pixel_mas"])
        self._fwhm = np.asarray(cube.channels["FWHM"], dtype=float)
        self._frames = matched(night.truth, cube)
        self._companions = night.truth.told["companions"]
        self._sums = np.zeros((len(self._companions), 2, 2))

    def add(self, time: int, channel: int, image: Plane, others: Plane) -> None:
        """One plane: what is left, and what was planted."""
        frame, size = self._frames[time], image.shape[0]
        y, x = np.mgrid[:size, :size] - size // 2
        fwhm = self._fwhm[channel]
        for number, one in enumerate(self._companions):
            turn = np.radians(one["pa_deg"] - frame["angle_deg"] - frame["icrs_rotation_deg"])
            r = one["sep_mas"] / self._pixel_mas
            away = np.hypot(y - r * np.cos(turn), x + r * np.sin(turn))
            aperture, ring = away < 1.5 * fwhm, (away > 2.5 * fwhm) & (away < 5.0 * fwhm)
            left = float((image[aperture] - np.nanmedian(image[ring])).sum())
            self._sums[number, channel] += left, float(others[aperture].sum())

    def rows(self, case: str) -> list[Row]:
        """One row: the worst of all companions and channels."""
        if not len(self._companions):
            return []
        change = self._sums[..., 0] / self._sums[..., 1]
        worst = float(change.flat[np.abs(change).argmax()])
        return [
            Row(
                case,
                "companions' flux, largest relative change",
                worst,
                "",
                f"<= {_COMPANION:g}",
                abs(worst) <= _COMPANION,
            )
        ]
