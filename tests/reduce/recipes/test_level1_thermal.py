"""The recipe `ird_level1` in K: the coronagraph's glow moves with the dither and is taken off where it is."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time
from scipy import ndimage

from hcvo.model.product import ProductKind
from reduce.product_file import Column, table_hdu
from reduce.recipe import SourceFile
from reduce.recipes.ird_level1 import RECIPE, Level1Parameters
from tests.reduce.raw_files import irdis_cards, write_raw
from tests.reduce.recipes.blank_masters import DETECTOR, FIELD_PX, blank_masters
from tests.reduce.recipes.facts import FACTS
from tests.reduce.recipes.folder_job import FolderJob

_STARS = ((484.0, 521.0), (487.0, 507.0))
_DITHERS = ((0.0, 0.0), (8.0, -6.0))  # px
_GLOW = 300.0
_MJD = Time("2018-04-21T03:00:00", scale="utc").mjd


def _sky(dither: tuple[float, float]) -> np.ndarray:
    """Pedestal, thermal light on the field but its lowest rows, glow about the mask."""
    image = np.full(DETECTOR, 12.0)
    rows, columns = np.mgrid[:FIELD_PX, :FIELD_PX]
    for field, star in enumerate(_STARS):
        r = np.hypot(columns - star[0] - dither[0], rows - star[1] - dither[1])
        light = 600.0 + 0.05 * columns + _GLOW * np.exp(-0.5 * (r / 35.0) ** 2)
        image[:, field * FIELD_PX : (field + 1) * FIELD_PX] += np.where(rows < 30, 0.0, light)
    return image


def _centres(path: Path) -> SourceFile:
    columns: list[Column] = [
        ("DP_ID", "64A", "", ["C"] * 2),
        ("ROLE", "8A", "", ["center"] * 2),
        ("PLANE", "J", "", [0, 0]),
        ("PLANES", "J", "", [1, 1]),
        ("MJD_MID", "D", "d", [_MJD] * 2),
        ("CHANNEL", "J", "", [0, 1]),
        ("METHOD", "8A", "", ["waffle"] * 2),
        ("KEPT", "L", "", [True] * 2),
        ("X", "D", "pix", [x for x, _ in _STARS]),
        ("Y", "D", "pix", [y for _, y in _STARS]),
        ("ERROR", "D", "pix", [0.01] * 2),
        ("DITHER_X", "D", "pix", [0.0] * 2),
        ("DITHER_Y", "D", "pix", [0.0] * 2),
        ("ORIENT", "1A", "", ["x"] * 2),
    ]
    fits.HDUList([fits.PrimaryHDU(), table_hdu("CENTRES", columns)]).writeto(path)
    return SourceFile(path, "", "centres")


@pytest.fixture(scope="module")
def cube(tmp_path_factory: pytest.TempPathFactory) -> Iterator[np.ndarray]:
    folder = tmp_path_factory.mktemp("thermal")
    rng = np.random.default_rng(9)
    files = blank_masters(folder, replace(FACTS, filter="DB_K12"), _sky((0.0, 0.0)))
    files["science"] = []
    for number, dither in enumerate(_DITHERS):
        cards = irdis_cards(
            "OBJECT",
            f"2018-04-21T03:{10 * number:02d}:00.000",
            ndit=1,
            ESO_INS_COMB_IFLT="DB_K12",
            ESO_INS_COMB_ICOR="N_ALC_Ks",
            ESO_INS1_PAC_X=18.0 * dither[0],
            ESO_INS1_PAC_Y=18.0 * dither[1],
        )
        plane = 1.01 * _sky(dither) + rng.normal(0.0, 3.0, DETECTOR)
        path = write_raw(folder, cards, plane[None])
        files["science"].append(SourceFile(path, "", path.stem))
    files |= {"centres": [_centres(folder / "centres")], "observation": files["science"][:1]}
    job = FolderJob(folder, 1)
    RECIPE.run(files, Level1Parameters(size_px=101), job)
    with fits.open(job.made[ProductKind.CUBE].path, memmap=False) as hdus:
        yield np.asarray(hdus[0].data)


@pytest.mark.parametrize("channel", [0, 1])
@pytest.mark.parametrize("plane", [0, 1])
def test_the_glow_is_taken_off_where_the_dither_put_it(cube: np.ndarray, channel: int, plane: int) -> None:
    """Left where the sky frame had it, it would leave 50 adu and more on either side of the mask."""
    left = ndimage.gaussian_filter(cube[channel, plane], 3.0)
    assert np.abs(left).max() < 0.03 * _GLOW
