"""Science frames made clean: background off, flat divided, bad pixels filled, on the part that is needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from reduce.instruments import sphere_irdis
from reduce.kernels import badpixels, fill
from reduce.product_file import read_facts
from reduce.recipe import SourceFile

__all__ = ["Window", "lambda_over_d_px", "windows"]

_LOST_PX = 400  # connected bad pixels that are no longer a blemish: vignetting, the field's edge
_COMMON_WIDTH_PX = 3.3  # lambda/D in H, for a flat in a filter that we do not know


@dataclass(frozen=True, slots=True)
class Window:
    """A part of one field with its calibrations, ready for every frame.

    Attributes
    ----------
    rows, columns : slice
        On the whole detector.
    corner : tuple[int, int]
        (x, y) of its first pixel within the field.
    background, flat : NDArray[np.float32]
        (y, x) adu; response 1 where the pixel is bad.
    noise : NDArray[np.float32]
        (y, x) standard deviation of one plane at the background's level, adu.
    error, flat_error : NDArray[np.float32]
        (y, x) of background and flat: the same in every plane.
    bad : NDArray[np.bool_]
        (y, x), filled from their neighbours.
    lost : NDArray[np.bool_]
        (y, x), whole regions that see no light; kept as they are, they hold no data.
    width : float
        Lambda over D of the flat's filter, px.
    repair : fill.Plan
        Of `bad`, not from what is lost.
    """

    rows: slice
    columns: slice
    corner: tuple[int, int]
    background: NDArray[np.float32]
    flat: NDArray[np.float32]
    noise: NDArray[np.float32]
    error: NDArray[np.float32]
    flat_error: NDArray[np.float32]
    bad: NDArray[np.bool_]
    lost: NDArray[np.bool_]
    width: float
    repair: fill.Plan

    def clean(self, planes: NDArray[np.float32]) -> NDArray[np.float64]:
        """Calibrate the window of each plane.

        Parameters
        ----------
        planes : NDArray[np.float32]
            (plane, y, x) of the whole detector, adu.

        Returns
        -------
        NDArray[np.float64]
            (plane, y, x) of the window, adu, all finite.
        """
        return np.stack([self.filled(plane) for plane in self.flattened(planes)])

    def flattened(self, planes: NDArray[np.float32]) -> NDArray[np.float64]:
        """As `clean`, but bad pixels keep what they have."""
        raw = planes[:, self.rows, self.columns].astype(np.float64)
        return (raw - self.background) / self.flat

    def filled(self, image: NDArray[np.floating]) -> NDArray[np.float64]:
        """Bad pixels of one image (y, x) of the window filled from their neighbours."""
        whole = np.array(image, dtype=np.float64)
        fill.fill(whole[None], self.repair)
        return whole


def windows(
    background: SourceFile, flat: SourceFile, centres: Sequence[tuple[float, float]], half: float
) -> tuple[Window, ...]:
    """Windows around a place in each field.

    Parameters
    ----------
    background : SourceFile
        Master dark, background or sky.
    flat : SourceFile
        Master flat.
    centres : Sequence[tuple[float, float]]
        (x, y) in each field, 0-based.
    half : float
        Half the side, px; cut at the field's edges.

    Returns
    -------
    tuple[Window, ...]
        One a field.
    """
    master, flat_master = _read(background.path), _read(flat.path)
    widths = _widths(flat)
    return tuple(
        _window(master, flat_master, field, *centre, half, widths[field])
        for field, centre in enumerate(centres)
    )


def lambda_over_d_px(wavelength_um: float, scale_mas: float) -> float:
    """Lambda over D in pixels: 3.34 px at 1.59 um."""
    return float(np.degrees(wavelength_um * 1e-6 / sphere_irdis.TELESCOPE_M) * 3.6e6 / scale_mas)


@dataclass(frozen=True, slots=True)
class _Master:
    """A master of the whole detector: plane, its error, bad pixels, noise of one exposure (dark only)."""

    plane: NDArray[np.float32]
    error: NDArray[np.float32]
    bad: NDArray[np.bool_]
    noise: NDArray[np.float32] | None


def _read(path: Path) -> _Master:
    with fits.open(path, memmap=False) as hdus:
        plane, bad = np.asarray(hdus[0].data, np.float32), np.asarray(hdus["BADPIX"].data, bool)
        error = np.asarray(hdus["ERROR"].data, np.float32)
        noise = np.asarray(hdus["NOISE"].data, np.float32) if "NOISE" in hdus else None
    return _Master(plane, error, bad | ~np.isfinite(plane), noise)


def _widths(flat: SourceFile) -> tuple[float, ...]:
    """Lambda over D in each field."""
    facts = read_facts(flat.path)
    channels = sphere_irdis.FILTERS.get(facts.filter)
    if channels is None:
        return (_COMMON_WIDTH_PX,) * 2
    scale = sphere_irdis.astrometry_at(date.fromisoformat(facts.night), facts.filter).scale_mas
    return tuple(lambda_over_d_px(channel.wavelength_um, scale) for channel in channels)


def _window(
    master: _Master, flat: _Master, field: int, x: float, y: float, half: float, width: float
) -> Window:
    size = sphere_irdis.FIELD_PX
    left, right = max(int(x - half), 0), min(int(x + half) + 2, size)
    low, high = max(int(y - half), 0), min(int(y + half) + 2, master.plane.shape[0])
    rows, columns = slice(low, high), slice(field * size + left, field * size + right)
    here = master.bad[rows, columns] | flat.bad[rows, columns]
    lost = badpixels.regions(here, _LOST_PX)
    noise = np.zeros(here.shape, np.float32) if master.noise is None else master.noise[rows, columns]
    return Window(
        rows,
        columns,
        (left, low),
        np.where(here, 0, master.plane[rows, columns]).astype(np.float32),
        np.where(here, 1, flat.plane[rows, columns]).astype(np.float32),
        _finite(noise),
        _finite(master.error[rows, columns]),
        _finite(flat.error[rows, columns]),
        here & ~lost,
        lost,
        width,
        fill.plan_fill(here, width, here & ~lost),
    )


def _finite(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(np.isfinite(values), values, np.float32(0.0))
