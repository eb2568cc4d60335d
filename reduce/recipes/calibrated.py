"""Science frames made clean: background off, flat divided, bad pixels filled, on the part that is needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from reduce.instruments import sphere_irdis
from reduce.kernels import badpixels
from reduce.recipe import SourceFile

__all__ = ["Window", "lambda_over_d_px", "windows"]

_LOST_PX = 400  # connected bad pixels that are no longer a blemish: vignetting, the field's edge


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
    bad : NDArray[np.bool_]
        (y, x), filled from their neighbours.
    lost : NDArray[np.bool_]
        (y, x), whole regions that see no light; kept as they are, they hold no data.
    repair : badpixels.Repair
        Of `bad`.
    """

    rows: slice
    columns: slice
    corner: tuple[int, int]
    background: NDArray[np.float32]
    flat: NDArray[np.float32]
    bad: NDArray[np.bool_]
    lost: NDArray[np.bool_]
    repair: badpixels.Repair

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
        return badpixels.repaired(image, self.bad, self.repair)


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
    dark, dark_bad = _read(background.path)
    response, response_bad = _read(flat.path)
    bad = dark_bad | response_bad | ~np.isfinite(response) | ~np.isfinite(dark)
    return tuple(_window(dark, response, bad, field, *centre, half) for field, centre in enumerate(centres))


def lambda_over_d_px(wavelength_um: float, scale_mas: float) -> float:
    """Lambda over D in pixels: 3.34 px at 1.59 um."""
    return float(np.degrees(wavelength_um * 1e-6 / sphere_irdis.TELESCOPE_M) * 3.6e6 / scale_mas)


def _read(path: Path) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    with fits.open(path, memmap=False) as hdus:
        return np.asarray(hdus[0].data, dtype=np.float32), np.asarray(hdus["BADPIX"].data, dtype=bool)


def _window(
    dark: NDArray[np.float32],
    response: NDArray[np.float32],
    bad: NDArray[np.bool_],
    field: int,
    x: float,
    y: float,
    half: float,
) -> Window:
    size = sphere_irdis.FIELD_PX
    left, right = max(int(x - half), 0), min(int(x + half) + 2, size)
    low, high = max(int(y - half), 0), min(int(y + half) + 2, dark.shape[0])
    rows, columns = slice(low, high), slice(field * size + left, field * size + right)
    here = bad[rows, columns]
    lost = badpixels.regions(here, _LOST_PX)
    few = here & ~lost
    return Window(
        rows,
        columns,
        (left, low),
        np.where(here, 0, dark[rows, columns]).astype(np.float32),
        np.where(here, 1, response[rows, columns]).astype(np.float32),
        few,
        lost,
        badpixels.plan_repair(few),
    )
