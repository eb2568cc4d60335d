"""Truth with many pixels: light, background, hits and detector of a scenario, as FITS files."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from hcvo.store import write_aside
from reduce.simulate.detector import Detector
from reduce.simulate.instrument import FIELDS, FULL_WELL_ADU, GAIN, NAXIS2
from reduce.simulate.light import Light
from reduce.simulate.schedule import Exposure

__all__ = ["BLOCK_PX", "TruthMaps"]

BLOCK_PX = 16
"""The background is smooth: it is kept as means of blocks."""
_HALF = 220


@dataclass
class TruthMaps:
    """Grows integration by integration of the science; every list has one entry an integration."""

    planes: list[tuple[str, int]] = field(default_factory=list)
    corners: list[NDArray[np.int32]] = field(default_factory=list)
    stars: list[NDArray[np.float32]] = field(default_factory=list)
    companions: list[NDArray[np.float32]] = field(default_factory=list)
    backgrounds: list[NDArray[np.float32]] = field(default_factory=list)
    hits: list[NDArray[np.float64]] = field(default_factory=list)
    saturated: list[NDArray[np.intp]] = field(default_factory=list)

    def take(
        self,
        where: tuple[str, int],
        exposure: Exposure,
        light: Light,
        frame: NDArray[np.float32],
        hits: NDArray[np.float64],
    ) -> None:
        """Keep what one science integration holds.

        Parameters
        ----------
        where : tuple[str, int]
            File name and plane.
        exposure : Exposure
            The file.
        light : Light
            Electrons per second.
        frame : NDArray[np.float32]
            As read, adu, (1024, 2048).
        hits : NDArray[np.float64]
            Cosmic rays, (pixel, 3).
        """
        assert light.companions is not None
        to_adu = np.float32(exposure.realdit_s / GAIN)
        corners, stars, companions = [], [], []
        for one, (x, y) in zip(FIELDS, light.told["star"], strict=True):
            left, low = round(x) - _HALF, round(y) - _HALF
            rows = slice(low, low + 2 * _HALF + 1)
            columns = slice(one.x_offset + left, one.x_offset + left + 2 * _HALF + 1)
            others = light.companions[rows, columns]
            corners.append((left, low))
            companions.append(others * to_adu)
            stars.append((light.whole[rows, columns] - light.background[rows, columns] - others) * to_adu)
        self.planes.append(where)
        self.corners.append(np.array(corners, dtype=np.int32))
        self.stars.append(np.stack(stars))
        self.companions.append(np.stack(companions))
        self.backgrounds.append(_blocks(light.background * to_adu))
        self.hits.append(hits)
        self.saturated.append(np.argwhere(frame >= FULL_WELL_ADU))

    def write(self, folder: Path, detector: Detector) -> dict[str, str]:
        """Write truth_*.fits; return what is in which."""
        names, numbers = [name for name, _ in self.planes], [number for _, number in self.planes]
        places = [
            ("FILE", "64A", names),
            ("PLANE", "J", numbers),
            ("CORNER", "4J", np.stack(self.corners).reshape(-1, 4)),
        ]
        light = [
            _image("STAR", np.stack(self.stars), "adu: plane, channel, y, x; response 1, no background"),
            _image("COMPANIONS", np.stack(self.companions), "adu: plane, channel, y, x"),
            _table("PLANES", places),
        ]
        background = [
            _image("BACKGROUND", np.stack(self.backgrounds), f"adu: plane, y, x; means of {BLOCK_PX} px"),
            _table("PLANES", places),
        ]
        chip = [
            _image("RESPONSE", detector.response, "1 = median of the lit field"),
            _image("DARK", detector.dark, "electron/s"),
            _image("LOSS", detector.loss, "share of the electrons lost at half the full well"),
            _image("BAD", detector.bad, "0 good, else a code of truth.json"),
        ]
        pixels = [_table("COSMICS", self._pixels(self.hits)), _table("SATURATED", self._pixels(self._full()))]
        made = {"light": light, "background": background, "detector": chip, "pixels": pixels}
        for name, hdus in made.items():
            with write_aside(folder / f"truth_{name}.fits") as aside:
                fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(aside, overwrite=True)
        return {name: f"truth_{name}.fits" for name in made}

    def _full(self) -> list[NDArray[np.float64]]:
        return [np.c_[places[:, ::-1], np.full(len(places), FULL_WELL_ADU)] for places in self.saturated]

    def _pixels(self, found: list[NDArray[np.float64]]) -> list[tuple[str, str, object]]:
        counts = [len(each) for each in found]
        every = np.concatenate([np.zeros((0, 3)), *found])
        names, numbers = [name for name, _ in self.planes], [number for _, number in self.planes]
        return [
            ("FILE", "64A", np.repeat(names, counts)),
            ("PLANE", "J", np.repeat(numbers, counts)),
            ("X", "J", every[:, 0]),
            ("Y", "J", every[:, 1]),
            ("ADU", "E", every[:, 2]),
        ]


def _blocks(image: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = (side // BLOCK_PX for side in image.shape)
    assert height * BLOCK_PX == NAXIS2
    return np.asarray(image.reshape(height, BLOCK_PX, width, BLOCK_PX).mean(axis=(1, 3)), dtype=np.float32)


def _image(name: str, values: NDArray[np.generic], what: str) -> fits.ImageHDU:
    hdu = fits.ImageHDU(values, name=name)
    hdu.header["COMMENT"] = what
    return hdu


def _table(name: str, columns: list[tuple[str, str, object]]) -> fits.BinTableHDU:
    made = [fits.Column(key, kind, array=np.asarray(values)) for key, kind, values in columns]
    return fits.BinTableHDU.from_columns(made, name=name)
