"""The star in one image of one field by each method that can run: waffle spots, the star itself, its halo."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reduce.exposure import Exposure
from reduce.instruments import sphere_irdis as irdis
from reduce.kernels import halo, spots, stack, star
from reduce.recipes.calibrated import Window

__all__ = ["Found", "Place", "Seeker"]

_RINGS_LAMBDA_D = ((3.5, 25.0), (3.5, 12.0))
"""Of the halo, tried in turn: past the control ring at 20 lambda/D; where the faint star's light still is."""
_OPEN_RING_LAMBDA_D = (1.5, 8.0)  # without a mask the star's own diffraction is symmetric too
_SPOT_SIGNIFICANCE = 15.0  # spots have 60 and more, speckles 3
_SCATTER_PLANES = 8  # enough for the scatter of a file


class Place(NamedTuple):
    """Which light was measured: file, 'center' or 'science', first plane and how many, mid time (MJD)."""

    exposure: Exposure
    name: str
    role: str
    first: int
    planes: int
    mjd_mid: float


@dataclass(frozen=True, slots=True)
class Found:
    """A star's place by one method, px of the field, 0-based, dither included.

    Attributes
    ----------
    place : Place
        Of which light.
    channel : int
        Field.
    method : str
        'waffle', 'star' or 'halo'.
    x, y : float
        Place, px.
    error_fit, error_scatter : float
        1 sigma of each axis: from the fit; from the scatter between planes (NaN = one plane).
    orientation : str
        Of the spots; '' without.
    radius : float
        Of the spots, px; NaN without.
    mismatch : float
        Chi squared (2 degrees of freedom) of the spots' symmetry; NaN without.
    spots : NDArray[np.float64]
        (4, 2) places of the spots on the field; NaN without.
    used : int
        Spots that the star rests on and that agree; 0 without.
    """

    place: Place
    channel: int
    method: str
    x: float
    y: float
    error_fit: float
    error_scatter: float = float("nan")
    orientation: str = ""
    radius: float = float("nan")
    mismatch: float = float("nan")
    spots: NDArray[np.float64] = field(default_factory=lambda: np.full((4, 2), np.nan))
    used: int = 0

    @property
    def error(self) -> float:
        """1 sigma of each axis: the larger of the two."""
        return float(np.fmax(self.error_fit, self.error_scatter))


@dataclass(frozen=True, slots=True)
class Seeker:
    """Finds the star in one field.

    Attributes
    ----------
    channel : int
        Field.
    band : irdis.Channel
        What it sees.
    unit : float
        Lambda over D, px.
    view : Window
        Part of the field, with its calibrations.
    search_px : int
        How far the star may be from its usual place.
    clip_sigma : float
        For the mean over planes.
    """

    channel: int
    band: irdis.Channel
    unit: float
    view: Window
    search_px: int
    clip_sigma: float

    def mean(self, planes: NDArray[np.float64]) -> NDArray[np.float64]:
        """One image of many planes (plane, y, x) of the window; bad pixels are NaN."""
        if len(planes) == 1:
            return self.known(planes[0])
        middle = np.asarray(stack.clipped_mean(planes, self.clip_sigma).mean, np.float64)
        return self.known(np.where((planes >= irdis.SATURATION_ADU).any(axis=0), np.inf, middle))

    def calibrated(self, raw: NDArray[np.float32]) -> NDArray[np.float64]:
        """(plane, y, x) of the window, clean; a pixel saturated in the raw planes of the detector stays so.

        What the background takes off, most of it in K, must not hide the saturation.
        """
        clean = self.view.clean(raw)
        burnt = raw[:, self.view.rows, self.view.columns] >= irdis.SATURATION_ADU
        return np.where(burnt & ~self.view.bad, np.maximum(clean, irdis.SATURATION_ADU), clean)

    def known(self, image: NDArray[np.float64]) -> NDArray[np.float64]:
        """With NaN where the pixel was filled, sees no light or is saturated: it would pull."""
        unknown = self.view.bad | self.view.lost | (image >= irdis.SATURATION_ADU)
        return np.where(unknown, np.nan, image)

    def orientation(self, planes: NDArray[np.float64], exposure: Exposure) -> str:
        """'+' or 'x' of the spots that stand out in the mean of these planes; '' if none do."""
        image = np.nan_to_num(np.asarray(stack.clipped_mean(planes, self.clip_sigma).mean, np.float64))
        tried = {name: self._coarse(image, name, exposure) for name in ("x", "+")}
        best = max(tried, key=lambda name: tried[name].brightness)
        return best if tried[best].significance >= _SPOT_SIGNIFICANCE else ""

    def waffle(self, planes: NDArray[np.float64], place: Place, *, scatter: bool = True) -> Found:
        """By the four spots.

        Parameters
        ----------
        planes : NDArray[np.float64]
            (plane, y, x) of the window, calibrated.
        place : Place
            What they are.
        scatter : bool
            Measure single planes too, for the scatter between them.

        Returns
        -------
        Found
            The spots' symmetry is its mismatch.

        Raises
        ------
        ValueError
            If no four spots stand out; they may stand otherwise than the header says.
        """
        filled = np.asarray(
            stack.clipped_mean(planes, self.clip_sigma).mean if len(planes) > 1 else planes[0]
        )
        tried = {name: self._coarse(filled, name, place.exposure) for name in ("x", "+")}
        orientation = max(tried, key=lambda name: tried[name].brightness)
        coarse = tried[orientation]
        if coarse.significance < _SPOT_SIGNIFICANCE:
            raise ValueError(
                f"no four spots: the best stand out by {coarse.significance:.1f} sigma, "
                f"wanted {_SPOT_SIGNIFICANCE:g}; are there spots at all?"
            )
        found = self._fit_spots(self.mean(planes), orientation, (coarse.x, coarse.y))
        corner = np.asarray(self.view.corner, np.float64)
        result = Found(
            place,
            self.channel,
            "waffle",
            found.x + corner[0],
            found.y + corner[1],
            found.error,
            orientation=orientation,
            radius=found.radius,
            mismatch=found.mismatch,
            spots=found.places + corner,
            used=int(found.used.sum()),
        )
        return replace(result, error_scatter=self._scatter(planes, orientation, found)) if scatter else result

    def star(self, plane: NDArray[np.float64], place: Place) -> Found:
        """By the unsaturated star itself, in one plane (y, x) of the window."""
        found = star.star_centre(
            np.where(self.view.bad | self.view.lost, np.nan, plane),
            self._near(place.exposure),
            self.search_px,
            self.unit,
            irdis.GAIN_E_PER_ADU,
            irdis.SATURATION_ADU,
        )
        x, y = self.view.corner
        return Found(place, self.channel, "star", found.x + x, found.y + y, found.error)

    def halo(self, planes: NDArray[np.float64], place: Place) -> Found:
        """By the half-turn symmetry of the stray light in the mean of these planes."""
        image, near = self.mean(planes), self._near(place.exposure)
        open_rings = () if irdis.has_mask(place.exposure.frame.coronagraph) else (_OPEN_RING_LAMBDA_D,)
        reasons = []
        for inner, outer in (*open_rings, *_RINGS_LAMBDA_D):
            ring = (inner * self.unit, outer * self.unit)
            try:
                found = halo.halo_centre(image, near, self.search_px, ring, self.unit)
            except ValueError as error:
                reasons.append(str(error))
            else:
                x, y = self.view.corner
                return Found(place, self.channel, "halo", found.x + x, found.y + y, found.error)
        raise ValueError("; ".join(dict.fromkeys(reasons)))

    def _near(self, exposure: Exposure) -> tuple[float, float]:
        x, y = irdis.NEAR_CENTRES[self.channel]
        dither = exposure.dither_um
        return (
            x + dither[0] / irdis.DITHER_UM_PER_PX - self.view.corner[0],
            y + dither[1] / irdis.DITHER_UM_PER_PX - self.view.corner[1],
        )

    def _radius(self) -> float:
        return irdis.WAFFLE_LAMBDA_D * self.unit

    def _offsets(self, orientation: str) -> NDArray[np.float64]:
        """Of the spots as they stand on the detector."""
        return spots.spot_offsets(self._radius(), orientation) / (1.0, irdis.ANAMORPHISM_Y)

    def _coarse(self, image: NDArray[np.floating], orientation: str, exposure: Exposure) -> spots.Coarse:
        offsets = self._offsets(orientation)
        return spots.coarse_centre(image, offsets, self._near(exposure), self.search_px, self.unit)

    def _fit_spots(
        self, image: NDArray[np.float64], orientation: str, centre: tuple[float, float]
    ) -> spots.Spots:
        offsets = self._offsets(orientation)
        spread = self._radius() * self.band.width_um / self.band.wavelength_um
        return spots.fit_spots(image, offsets, centre, self.unit, spread)

    def _scatter(self, planes: NDArray[np.float64], orientation: str, mean: spots.Spots) -> float:
        """Standard error of the mean over the planes; NaN where there are fewer than three."""
        if len(planes) < 3:  # noqa: PLR2004 - two differences say too little
            return float("nan")
        chosen = planes[np.unique(np.linspace(0, len(planes) - 1, _SCATTER_PLANES).round().astype(int))]
        single = [self._fit_spots(self.known(plane), orientation, (mean.x, mean.y)) for plane in chosen]
        return _standard_error([(one.x, one.y) for one in single], len(planes))


def _standard_error(places: Sequence[tuple[float, float]], count: int) -> float:
    """Of the mean over `count` planes, each axis, from the scatter of some."""
    variance = np.var(np.array(places), axis=0, ddof=1).mean()
    return float(np.sqrt(variance / count))
