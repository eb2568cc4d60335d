"""`hcvo simulate --realism`: figures of a simulated night beside published ones."""

from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hcvo.config import CHECKOUT
from hcvo.errors import InputError
from hcvo.report import Row, publish_report
from reduce.simulate.card_share import card_share, card_types, real_headers
from reduce.simulate.headers import raw_header
from reduce.simulate.instrument import FILTERS
from reduce.simulate.night import DEMO_TARGET, Night
from reduce.simulate.produce import conditions, file_sky
from reduce.simulate.schedule import Options
from reduce.simulate.simple_adi import (
    AdiCube,
    decorrelation,
    five_sigma,
    make_cubes,
    mean_profile,
    median_adi,
    throughput,
)

__all__ = ["SHARED_DATA", "judge_realism"]

SHARED_DATA = CHECKOUT.parent / "shared" / "data"
_SEPARATIONS = (200.0, 500.0, 1000.0)
_SHARE_WANTED = 0.95
_FACTOR = 3.0
_KIND_LIKE = {"OBJECT,CENTER": "CENTER", "OBJECT": "OBJECT", "OBJECT,FLUX": "FLUX", "WAVE,LAMP": "FLAT"}


def judge_realism(seed: int, night_of: date, data: Path = SHARED_DATA) -> bool:
    """Simulate the science frames of a default night and compare.

    Parameters
    ----------
    seed : int
        Seed of the night.
    night_of : date
        Evening of the night.
    data : Path
        Folder of the real data.

    Returns
    -------
    bool
        Whether every figure meets its goal.

    Raises
    ------
    InputError
        If the real data are not there.
    """
    if not data.is_dir():
        raise InputError(
            f"real data to compare with are absent: {data} is no folder; put them beside the checkout"
        )
    night = Night(Options(seed=seed, night=night_of), DEMO_TARGET, (), FILTERS["DB_H23"])
    rows = header_rows(night, data / "raw_headers")
    published = _published(data / "contrast_curves" / "SPHERE_Vigan.txt")
    for name, cube in zip(("H2", "H3"), make_cubes(night, _SEPARATIONS), strict=True):
        rows += _contrast_rows(name, cube, published)
        rows += _speckle_rows(name, cube)
    return publish_report("realism", rows)


def header_rows(night: Night, folder: Path) -> list[Row]:
    """Share of each real header's cards that the like file of ours has."""
    rows = []
    for name, (kind, real) in real_headers(folder).items():
        exposure = next(each for each in night.plan if each.kind == _KIND_LIKE[kind])
        sky = file_sky(night, exposure) if exposure.on_sky else None
        weather = conditions(night, exposure)
        header = raw_header(exposure, night.setup, night.block, sky, weather, night.readings)
        header["CHECKSUM"], header["DATASUM"] = "", ""
        met = card_share(real, card_types(header.tostring()))
        case = f"{kind} {name.removesuffix('.hdr.txt')}"
        enough = met.share >= _SHARE_WANTED
        rows.append(Row(case, "cards with their types", met.share, "", f">= {_SHARE_WANTED}", enough))
    return rows


def _published(path: Path) -> NDArray[np.float64]:
    """Separation (arcsec) and contrast of a published 5 sigma curve in magnitudes, (2, n)."""
    separation, magnitude = np.loadtxt(path, unpack=True)
    return np.array([separation, 10 ** (-0.4 * magnitude)])


def _contrast_rows(name: str, cube: AdiCube, published: NDArray[np.float64]) -> list[Row]:
    raw = np.median(cube.frames, axis=0)
    image = median_adi(cube.frames, cube.angles)
    rows = []
    for separation in _SEPARATIONS:
        case = f"{name} {separation / 1000:.1f} arcsec"
        goal = float(10 ** np.interp(separation / 1000, published[0], np.log10(published[1])))
        before = five_sigma(raw, cube, separation)
        after = five_sigma(image, cube, separation) / throughput(cube, image, separation)
        near = 1 / _FACTOR <= after / goal <= _FACTOR
        gain = before / after
        rows += [
            Row(case, "mean halo", mean_profile(raw, cube, separation), "peak", "stated", ok=True),
            Row(case, "5 sigma raw", before, "star", f"> {goal:.2g} (post-processed)", before > goal),
            Row(case, "5 sigma, median ADI", after, "star", f"{goal:.2g} within {_FACTOR:.0f}x", near),
            Row(case, "gain of ADI", gain, "", "3 to 100", _between(gain, 3.0, 100.0)),
        ]
    return rows


def _speckle_rows(name: str, cube: AdiCube) -> list[Row]:
    """Milli et al. 2016: partial decorrelation over seconds, then several tens of ppm per second."""
    slope, fast = decorrelation(cube, 150.0, 600.0)
    slope_ppm = slope * 1e6
    return [
        Row(name, "linear decorrelation", slope_ppm, "ppm/s", "10 to 100", _between(slope_ppm, 10.0, 100.0)),
        Row(name, "fast decorrelation", fast, "", "0 to 0.3", _between(fast, 0.0, 0.3)),
        Row(name, "1 / linear rate", 1 / slope / 3600 if slope > 0 else None, "h", "stated", slope > 0),
    ]


def _between(value: float, low: float, high: float) -> bool:
    return low <= value <= high
