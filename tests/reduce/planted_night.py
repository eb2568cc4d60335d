"""A small IRDIS night with analytic stars: what the level 1 recipes must give back is known exactly.

It shares nothing with the simulator: Gaussians on a flat response, no speckles, chosen numbers.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.reduce.raw_files import irdis_cards, write_raw

_SHAPE = (1024, 2048)
_STRETCH = 1.0062


@dataclass
class PlantedNight:
    """Truth of the night; lengths in raw pixels, fluxes in adu per science DIT without density."""

    folder: Path
    centres: tuple[tuple[float, float], ...] = ((483.37, 521.81), (487.62, 506.24))
    fwhm: tuple[float, float] = (3.9, 4.1)
    spot_radius: tuple[float, float] = (45.77, 48.08)
    star_total: float = 4.0e7
    companion_total: float = 4.0e3
    companion_offset: tuple[float, float] = (-50.0, 32.0)
    dithers_um: tuple[tuple[float, float], ...] = ((0.0, 0.0), (36.0, -18.0))
    science_dit: float = 16.0
    science_ndit: int = 3
    flux_dit: float = 2.0
    right_field: float = 0.7  # its response against the left; flats are normalised field by field
    density: tuple[float, float] = (0.011833, 0.017805)
    speckles: int = 0  # of the science: so many pairs, the two of a pair on opposite sides of the star
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(11))

    def write(self) -> None:
        """Write all files of the night."""
        self._response = 1 + 0.03 * self.rng.normal(size=_SHAPE)
        self._response[:, 1024:] *= self.right_field
        self._hot = self.rng.random(_SHAPE) < 0.004
        self._dead = self.rng.random(_SHAPE) < 0.004
        self._dead[:, 1024 - 60 : 1024] = True  # the field's edge sees no light
        minute = 0.0
        for seconds in (2.0, 4.0, 6.0, 8.0):
            lamp = 2500.0 * seconds * np.ones(_SHAPE)
            minute += 2
            self._file("FLAT,LAMP", minute, lamp, seconds, 2)
        for seconds in (self.flux_dit, self.science_dit):
            minute += 2
            self._file("DARK", minute, np.zeros(_SHAPE), seconds, 6)
        sky = np.full(_SHAPE, 40.0)
        stars = [self.star_total * self.flux_dit / self.science_dit * part for part in self.density]
        for brighter in (1.02, 0.98):
            minute += 4
            self._file(
                "OBJECT,FLUX",
                minute,
                brighter * self._points(stars, (30.4, -25.7)),
                self.flux_dit,
                2,
                ESO_INS4_FILT2_NAME="ND_2.0",
            )
        minute += 4
        self._file(
            "OBJECT,CENTER",
            minute,
            sky + self._spots((18.0, 9.0)),
            self.science_dit,
            2,
            ESO_OCS_WAFFLE_ORIENT="x",
            ESO_INS1_PAC_X=18.0,
            ESO_INS1_PAC_Y=9.0,
        )
        for x, y in self.dithers_um:
            minute += 3
            shifted = self._points([self.companion_total] * 2, self.companion_offset, (x, y))
            self._file(
                "OBJECT",
                minute,
                sky + shifted + self._halo((x, y)),
                self.science_dit,
                self.science_ndit,
                ESO_INS1_PAC_X=x,
                ESO_INS1_PAC_Y=y,
            )
            minute += self.science_ndit // 3  # a minute more than they last
        minute += 4
        self._file("SKY", minute, sky, self.science_dit, 6)

    def _points(
        self, totals: list[float], offset: tuple[float, float], dither_um: tuple[float, float] = (0.0, 0.0)
    ) -> NDArray[np.float64]:
        """One point source a field, `offset` px from the star on the sky; y is shorter on the detector."""
        image = np.zeros(_SHAPE)
        for number, (centre, total, fwhm) in enumerate(zip(self.centres, totals, self.fwhm, strict=True)):
            x = centre[0] + dither_um[0] / 18 + offset[0]
            y = centre[1] + dither_um[1] / 18 + offset[1] / _STRETCH
            self._add(image[:, number * 1024 : (number + 1) * 1024], x, y, total, fwhm)
        return image

    def _spots(self, dither_um: tuple[float, float]) -> NDArray[np.float64]:
        image = np.zeros(_SHAPE)
        for angle in (45, 135, 225, 315):
            for number, radius in enumerate(self.spot_radius):
                x = self.centres[number][0] + dither_um[0] / 18 + radius * np.cos(np.radians(angle))
                y = (
                    self.centres[number][1]
                    + dither_um[1] / 18
                    + radius * np.sin(np.radians(angle)) / _STRETCH
                )
                self._add(image[:, number * 1024 : (number + 1) * 1024], x, y, 2.0e4, self.fwhm[number])
        return image

    def _halo(self, dither_um: tuple[float, float]) -> NDArray[np.float64]:
        image, places = np.zeros(_SHAPE), np.random.default_rng(5)
        for _ in range(self.speckles):
            radius, turn, total = (
                places.uniform(15, 140),
                places.uniform(0, 2 * np.pi),
                places.uniform(2e3, 8e3),
            )
            offset = (radius * np.cos(turn), radius * np.sin(turn))
            image += self._points([total] * 2, offset, dither_um)
            image += self._points([total] * 2, (-offset[0], -offset[1]), dither_um)
        return image

    @staticmethod
    def _add(image: NDArray[np.float64], x: float, y: float, total: float, fwhm: float) -> None:
        low, left = int(y) - 30, int(x) - 30
        rows, columns = np.mgrid[low : low + 61, left : left + 61]
        shape = np.exp(-4 * np.log(2) * ((columns - x) ** 2 + ((rows - y) * _STRETCH) ** 2) / fwhm**2)
        image[low : low + 61, left : left + 61] += total * shape / shape.sum()

    def _file(
        self, kind: str, minute: float, light: NDArray[np.float64], dit: float, ndit: int, **cards: object
    ) -> None:
        """One file: light on the response, bias, hot pixels that grow with time, photon and read noise."""
        begin = datetime(2018, 4, 21, 3, 0, tzinfo=UTC) + timedelta(minutes=minute)
        start = begin.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        seen = light * self._response * ~self._dead
        bias = 60.0 + np.where(self._hot, 150.0 * dit, 0.0)
        planes = np.empty((ndit, *_SHAPE), np.float32)
        for plane in planes:
            noise = self.rng.normal(size=_SHAPE, scale=np.sqrt(seen / 1.75 + 9.0))
            plane[:] = seen + bias + noise
        write_raw(self.folder, irdis_cards(kind, start, dit=dit, ndit=ndit, **cards), planes)
