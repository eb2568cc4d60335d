"""The recipe `ird_flux_psf` on FLUX frames made by hand: which light, time and filter count."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time

from hcvo.errors import ReductionError
from hcvo.model.product import ProductKind
from reduce.recipe import SourceFile
from reduce.recipes.ird_flux_psf import RECIPE, FluxParameters
from tests.reduce.raw_files import irdis_cards, write_raw
from tests.reduce.recipes.blank_masters import DETECTOR, blank_masters, gaussian
from tests.reduce.recipes.folder_job import FolderJob, source

_PLACES = ((471.4, 536.3), (499.7, 490.2))  # some 20 px off the usual ones
_TOTALS = (2.0e5, 1.2e5)
_WIDTHS = (3.5, 3.7)
_TIMES = ("2018-04-21T03:00:00.000", "2018-04-21T05:00:00.000")
_PLANE = (0.97, 1.01)  # brightness of a file's planes
_FILE = (1.02, 0.99)
_CORE_ADU = 10_000.0  # of the left star the pixels around its peak, of the right one none
_REAL_S, _DELAY_S, _STEP_S = 2.5, 0.2, 3.0
_CURVES = {"H2": (0.11435, 0.011833), "H3": (0.13935, 0.017805)}  # ND_1.0, ND_2.0 over the bands, measured


def _raw(path: Path, role: str) -> SourceFile:
    return SourceFile(path, source(path).sha256, f"{role} {path.stem}")


def _made(
    folder: Path, bright_files: Sequence[float] = _FILE, saturated_adu: float | None = None
) -> fits.HDUList:
    """FLUX behind ND_2.0 at 2.5 s, science behind ND_1.0 at 15 s; DIT cards tell 2 and 16 s.

    The very last plane's left star may have a core of `saturated_adu`.
    """
    rng, files = np.random.default_rng(4), blank_masters(folder)
    common = {"ESO_DET_DITDELAY": _DELAY_S}
    files["flux"] = []
    for start, bright in zip(_TIMES, bright_files, strict=True):
        planes = rng.normal(0.0, 3.0, (2, *DETECTOR)).astype(np.float32)
        for plane, part in zip(planes, _PLANE, strict=True):
            for field, (place, total, fwhm) in enumerate(zip(_PLACES, _TOTALS, _WIDTHS, strict=True)):
                gaussian(plane, field, place, total * part * bright, fwhm)
        if saturated_adu is not None and start == _TIMES[-1]:
            np.maximum(planes[-1], np.where(planes[-1] > _CORE_ADU, saturated_adu, 0.0), out=planes[-1])
        cards = irdis_cards(
            "OBJECT,FLUX",
            start,
            dit=2.0,
            ESO_DET_SEQ1_REALDIT=_REAL_S,
            ESO_INS4_FILT2_NAME="ND_2.0",
            **common,  # type: ignore[arg-type]
        )
        files["flux"].append(_raw(write_raw(folder, cards, planes), "flux"))
    cards = irdis_cards(
        start="2018-04-21T04:00:00.000", ESO_DET_SEQ1_REALDIT=15.0, ESO_INS4_FILT2_NAME="ND_1.0"
    )
    files["science"] = files["observation"] = [_raw(write_raw(folder, cards), "science")]
    job = FolderJob(folder, 1)
    RECIPE.run(files, FluxParameters(), job)
    return fits.open(job.made[ProductKind.PSF].path, memmap=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[fits.HDUList]:
    """Of a night when nothing is wrong."""
    with _made(tmp_path_factory.mktemp("flux")) as hdus:
        yield hdus


def _in_aperture(channel: int) -> float:
    """A plane's light within half its FWHM, pixels being squares; at the science's time and density."""
    fine, middle = 20, 22
    image = np.zeros((45, 45))
    gaussian(image, 0, (middle, middle), _TOTALS[channel], _WIDTHS[channel])
    rows = (np.arange(fine * 45) + 0.5) / fine - 0.5 - middle
    inside = np.hypot(*np.meshgrid(rows, rows)) <= _WIDTHS[channel] / 2
    share = inside.reshape(45, fine, 45, fine).mean(axis=(1, 3))
    name = ("H2", "H3")[channel]
    return float((share * image).sum()) * (15.0 / _REAL_S) * _CURVES[name][0] / _CURVES[name][1]


def test_the_star_is_as_bright_as_the_science_would_see_it(made: fits.HDUList) -> None:
    rows = made["CHANNELS"].data
    assert list(rows["NAME"]) == ["H2", "H3"]
    assert list(rows["WAVELENGTH"]) == [1.586, 1.666]
    mean = np.mean(np.outer(_FILE, _PLANE))
    assert rows["STAR_FLUX"] == pytest.approx([_in_aperture(0) * mean, _in_aperture(1) * mean], rel=5e-3)
    shares = rows["STAR_FLUX_ERR"] / rows["STAR_FLUX"]
    assert np.all((shares > 0.01) & (shares < 0.05))
    assert rows["FWHM"] == pytest.approx(_WIDTHS, rel=0.01)


def test_each_plane_has_its_flux_and_time(made: fits.HDUList) -> None:
    rows = made["FLUXES"].data
    assert [name.split()[0] for name in rows["DP_ID"]] == ["flux"] * 8
    assert [name[-28:] for name in rows["DP_ID"]] == [f"SPHER.{_TIMES[k // 2 % 2]}"[-28:] for k in range(8)]
    assert rows["PLANE"].tolist() == [0, 1] * 4
    assert rows["CHANNEL"].tolist() == [0] * 4 + [1] * 4
    wanted = [
        _in_aperture(channel) * file * plane for channel in (0, 1) for file in _FILE for plane in _PLANE
    ]
    assert rows["FLUX"] == pytest.approx(wanted, rel=5e-3)
    starts = np.repeat([Time(start, scale="utc").mjd for start in _TIMES], 2) * 86400.0
    middles = starts + np.tile([0.0, _STEP_S], 2) + _DELAY_S + _REAL_S / 2
    assert rows["MJD_MID"] * 86400.0 == pytest.approx(np.tile(middles, 2), abs=0.01)


def test_the_star_is_in_the_middle_undistorted_and_of_unit_flux(made: fits.HDUList) -> None:
    for channel, image in enumerate(made[0].data):
        y, x = np.indices(image.shape) - 31
        light = np.where(np.hypot(x, y) < 8, image, 0.0)
        assert [(light * axis).sum() / light.sum() for axis in (x, y)] == pytest.approx([0, 0], abs=0.01)
        width = [np.sqrt((light * axis**2).sum() / light.sum()) for axis in (x, y)]
        assert width[1] / width[0] == pytest.approx(1.0, abs=2e-3)  # 6e-3 on the detector
        assert width[0] * 2.3548 == pytest.approx(_WIDTHS[channel], rel=0.01)
        assert image.sum() == pytest.approx(2.05, rel=0.02)  # square pixels at the aperture's edge


def _star_fluxes(hdus: fits.HDUList) -> np.ndarray:
    return np.asarray(hdus["CHANNELS"].data["STAR_FLUX"])


def test_a_file_without_the_star_is_left_out_and_its_rows_say_so(tmp_path: Path) -> None:
    with _made(tmp_path, (1.02, 0.0)) as hdus:
        rows = hdus["FLUXES"].data
        assert rows["KEPT"].tolist() == [True, True, False, False] * 2
        assert np.isfinite(rows["FLUX"]).tolist() == rows["KEPT"].tolist()
        assert hdus[0].header["HCVO QC FLUX LOST"] == 4
        wanted = [_in_aperture(channel) * 1.02 * np.mean(_PLANE) for channel in (0, 1)]
        assert _star_fluxes(hdus) == pytest.approx(wanted, rel=5e-3)


def test_one_saturated_plane_is_left_out_of_its_channel_alone(tmp_path: Path) -> None:
    with _made(tmp_path, saturated_adu=45_000.0) as hdus:
        assert hdus["FLUXES"].data["KEPT"].tolist() == [True] * 3 + [False] + [True] * 4
        bright = np.outer(_FILE, _PLANE).ravel()
        wanted = [_in_aperture(0) * bright[:3].mean(), _in_aperture(1) * bright.mean()]
        assert _star_fluxes(hdus) == pytest.approx(wanted, rel=5e-3)


def test_without_any_star_the_recipe_fails_by_name(tmp_path: Path) -> None:
    with pytest.raises(
        ReductionError, match=r"flux SPHER\S*, channel 0: no plane shows the star: .* there is no star"
    ):
        _made(tmp_path, (0.0, 0.0))
