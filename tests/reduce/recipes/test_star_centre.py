"""The recipe `ird_star_centre` on sequences made by hand: which method runs on what, and what is kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time
from scipy import ndimage
from structlog.testing import capture_logs

from hcvo.errors import ReductionError
from hcvo.headers.quality import read_qc
from hcvo.model.product import ProductKind
from reduce.exposure import read_exposure
from reduce.kernels.angles import plane_times
from reduce.product_file import read_facts
from reduce.recipe import SourceFile
from reduce.recipes.ird_star_centre import RECIPE, CentreParameters
from reduce.recipes.star_place import StarPlace
from tests.reduce.raw_files import irdis_cards, write_raw
from tests.reduce.recipes.blank_masters import blank_masters
from tests.reduce.recipes.folder_job import FolderJob, source

_SHAPE = (1024, 2048)
_STARS = ((483.4, 521.8), (487.6, 506.2))
_RADII = (45.77, 48.08)
_HALF = 160


@dataclass
class Sequence:
    """Raw files with known stars, and masters that change nothing."""

    folder: Path
    files: dict[str, list[SourceFile]] = field(default_factory=lambda: {"center": [], "science": []})
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(3))
    level: int = -1
    sky: dict[str, float] = field(default_factory=lambda: {"center": 0.0, "science": 0.0})

    def __post_init__(self) -> None:
        self.files |= blank_masters(self.folder)

    def add(
        self, role: str, minute: int, light: str, shift: tuple[float, float] = (0.0, 0.0), **cards: object
    ) -> Path:
        """One file of two planes of 'spots', 'star', 'halo' or 'nothing', the star moved by `shift`."""
        kind = "OBJECT,CENTER" if role == "center" else "OBJECT"
        start = f"2018-04-21T03:{minute:02d}:00.000"
        ours = irdis_cards(kind, start, **{"ESO_OCS_WAFFLE_ORIENT": "x"} | cards)  # type: ignore[arg-type]
        planes = np.full((2, *_SHAPE), self.sky[role], np.float32)
        dither = [float(str(ours[f"ESO INS1 PAC {axis}"])) / 18.0 for axis in "XY"]
        for number, star in enumerate(_STARS):
            x, y = (star[axis] + shift[axis] + dither[axis] for axis in (0, 1))
            left, low = int(x) - _HALF, int(y) - _HALF
            part = (
                slice(low, low + 2 * _HALF),
                slice(number * 1024 + left, number * 1024 + left + 2 * _HALF),
            )
            image = self._image(light, (x - left, y - low), _RADII[number])
            for plane in planes:
                plane[part] += image + self.rng.normal(0.0, 3.0, image.shape)
        raw = source(write_raw(self.folder, ours, planes))
        self.files[role].append(SourceFile(raw.path, raw.sha256, str(ours["ARCFILE"]).removesuffix(".fits")))
        return raw.path

    def _image(self, light: str, star: tuple[float, float], radius: float) -> np.ndarray:
        rows, columns = np.indices((2 * _HALF, 2 * _HALF))
        x, y = columns - star[0], rows - star[1]
        if light == "star":
            return np.asarray(20_000.0 * np.exp(-0.5 * (x**2 + y**2) / 1.6**2))
        if light == "nothing":
            return np.zeros_like(x)
        image = self._stray(star)
        if light == "spots":
            for angle in np.radians([45, 135, 225, 315]):
                dx, dy = x - radius * np.cos(angle), y - radius * np.sin(angle)
                image = image + 8000.0 * np.exp(-0.5 * (dx**2 + dy**2) / 1.6**2)
        return image

    def _stray(self, star: tuple[float, float]) -> np.ndarray:
        side = 2 * _HALF - 1
        field_ = ndimage.gaussian_filter(self.rng.normal(size=(side, side)), 1.5, mode="wrap")
        turned = field_[::-1, ::-1]
        even = ((field_ + turned) + 0.3 * (field_ - turned)) ** 2
        image = np.zeros((side + 1, side + 1))
        image[:side, :side] = 80.0 * even / even.mean()
        shift = (star[1] - side // 2, star[0] - side // 2)
        return np.asarray(np.fft.ifft2(ndimage.fourier_shift(np.fft.fft2(image), shift)).real)

    def run(self, search_px: int = 20) -> tuple[fits.FITS_rec, Mapping[str, str], StarPlace]:
        job = FolderJob(self.folder, 1)
        first = (self.files["science"] or self.files["center"])[0]
        RECIPE.run(self.files | {"observation": [first]}, CentreParameters(search_px=search_px), job)
        path = job.made[ProductKind.CENTRES].path
        self.level = read_facts(path).match_level
        header = fits.getheader(path)
        qc = {number.name: number.text for number in read_qc(header)}
        return fits.getdata(path, "CENTRES"), qc, StarPlace.read(path)


def _off(place: StarPlace, raw: SourceFile, shift: tuple[float, float]) -> float:
    """Largest error of the star in a file's planes, px."""
    exposure = read_exposure(raw.path)
    frame = exposure.frame
    times = plane_times(frame.mjd_obs, exposure.written_mjd, frame.ndit, frame.dit_s, 0.2)
    found = place.at(exposure, times.middle).places
    dither = np.array(exposure.dither_um) / 18.0
    truth = np.array(_STARS)[:, None] + shift + dither
    return float(np.abs(found - truth).max())


def test_center_frames_give_line_and_both_methods(tmp_path: Path) -> None:
    sequence = Sequence(tmp_path)
    sequence.add("center", 0, "spots", ESO_INS1_PAC_X=36.0)
    sequence.add("center", 40, "spots", (0.4, -0.2), ESO_INS1_PAC_Y=-54.0)
    sequence.add("science", 20, "halo", (0.2, -0.1), ESO_INS1_PAC_X=-18.0)
    table, qc, place = sequence.run()
    assert sorted(table["METHOD"]) == ["halo"] * 4 + ["waffle"] * 4
    assert set(table["METHOD"][table["KEPT"]]) == {"waffle"}
    assert set(table["ROLE"]) == {"center"}
    assert sequence.level == 0
    assert (qc["CENTRE METHOD"], qc["CENTRE FAILED"]) == ("waffle", "0")
    assert set(table["ORIENT"][table["KEPT"]]) == {"x"}
    assert bool(np.all(table["QC_ERROR"] & table["QC_SPOTS"]))
    assert _off(place, sequence.files["science"][0], (0.2, -0.1)) < 0.05


def test_spots_left_on_are_followed_plane_by_plane_though_no_header_tells(tmp_path: Path) -> None:
    sequence = Sequence(tmp_path)
    sequence.add("center", 0, "spots")
    sequence.add("science", 10, "spots", (0.3, 0.1))
    sequence.add("science", 20, "spots", (1.9, -0.6))
    table, _, place = sequence.run()
    kept = table[table["KEPT"] & (table["ROLE"] == "science")]
    assert set(kept["METHOD"]) == {"waffle"}
    assert sorted(kept["PLANE"]) == [0, 0, 0, 0, 1, 1, 1, 1]
    assert _off(place, sequence.files["science"][0], (0.3, 0.1)) < 0.1
    assert _off(place, sequence.files["science"][1], (1.9, -0.6)) < 0.1


def test_without_center_frames_the_halo_is_measured(tmp_path: Path) -> None:
    sequence = Sequence(tmp_path)
    sequence.add("science", 10, "halo", ESO_INS1_PAC_X=36.0)
    sequence.add("science", 20, "halo", ESO_INS1_PAC_Y=36.0)
    table, qc, place = sequence.run()
    assert set(table["METHOD"]) == {"halo"}
    assert qc["CENTRE METHOD"] == "halo"
    for raw in sequence.files["science"]:
        assert _off(place, raw, (0.0, 0.0)) < 0.3


def test_without_a_mask_the_star_itself_is_measured(tmp_path: Path) -> None:
    sequence = Sequence(tmp_path)
    sequence.add("science", 10, "star", ESO_INS_COMB_ICOR="N_NS_CLEAR")
    sequence.add("science", 20, "star", (0.7, 0.2), ESO_INS_COMB_ICOR="N_NS_CLEAR")
    table, _, place = sequence.run()
    kept = table[table["KEPT"]]
    assert set(kept["METHOD"]) == {"star"}
    assert np.all(kept["ERROR"] < 0.02)
    minutes = (kept["MJD_MID"] - Time("2018-04-21T03:00:00", scale="utc").mjd) * 1440.0
    wanted = [file + (plane + 0.5) * 17.0 / 60.0 for file, plane in ((10, 0), (10, 1), (20, 0), (20, 1))]
    assert sorted(minutes) == pytest.approx(np.repeat(wanted, 2), abs=1e-3)
    assert _off(place, sequence.files["science"][1], (0.7, 0.2)) < 0.03


def test_center_frames_without_spots_leave_it_to_the_science(tmp_path: Path) -> None:
    sequence = Sequence(tmp_path)
    sequence.add("center", 0, "halo")
    sequence.add("science", 20, "halo")
    table, qc, place = sequence.run()
    assert set(table["METHOD"]) == {"halo"}
    assert sequence.level == 2  # of a masked star, though there were CENTER frames
    assert set(table["ROLE"]) == {"center", "science"}
    assert qc["CENTRE FAILED"] == "2"
    assert _off(place, sequence.files["science"][0], (0.0, 0.0)) < 0.3


def test_no_star_at_all_is_a_named_failure(tmp_path: Path) -> None:
    sequence = Sequence(tmp_path)
    sequence.add("science", 10, "nothing")
    with pytest.raises(ReductionError, match=r"not found on both fields; SPHER.*field 1, halo"):
        sequence.run()


def test_nothing_to_centre_on_is_named(tmp_path: Path) -> None:
    sequence = Sequence(tmp_path)
    job = FolderJob(tmp_path, 1)
    dark = sequence.files["background"]
    with pytest.raises(ReductionError, match="neither CENTER nor science frames"):
        RECIPE.run(sequence.files | {"observation": dark}, CentreParameters(), job)


def test_the_star_is_sought_where_the_dither_put_it_on_its_own_field(tmp_path: Path) -> None:
    """It stands 2 px off the usual place of its field; 6 px about that are searched."""
    sequence = Sequence(tmp_path)
    sequence.add("center", 0, "spots", ESO_INS1_PAC_X=90.0, ESO_INS1_PAC_Y=270.0)
    table, _, place = sequence.run(search_px=6)
    kept = table[table["KEPT"]]
    assert list(kept["METHOD"]) == ["waffle", "waffle"]
    assert list(kept["DITHER_X"]) == [5.0, 5.0]
    assert list(kept["DITHER_Y"]) == [15.0, 15.0]
    seconds = (kept["MJD_MID"] - Time("2018-04-21T03:00:00", scale="utc").mjd) * 86400.0
    assert seconds == pytest.approx([17.0, 17.0], abs=0.01)
    assert _off(place, sequence.files["center"][0], (0.0, 0.0)) < 0.05


def test_an_orientation_that_the_header_tells_wrong_loses_no_spots(tmp_path: Path) -> None:
    sequence = Sequence(tmp_path)
    raw = sequence.add("center", 0, "spots", ESO_OCS_WAFFLE_ORIENT="+")
    assert read_exposure(raw).waffle == "+"
    with capture_logs() as logs:
        table, _, place = sequence.run()
    kept = table[table["KEPT"]]
    assert (set(kept["METHOD"]), set(kept["ORIENT"]), set(kept["SPOTS_USED"])) == ({"waffle"}, {"x"}, {4})
    assert [log["seen"] for log in logs if "ORIENT" in log["event"]] == ["x", "x"]
    assert _off(place, sequence.files["center"][0], (0.0, 0.0)) < 0.05


def test_planes_of_center_and_science_have_their_own_backgrounds(tmp_path: Path) -> None:
    """On science planes the sky of the CENTER files would leave a star's worth of light behind."""
    sequence = Sequence(tmp_path, sky={"center": 2_000.0, "science": 16_000.0})
    rows, columns = np.mgrid[:1024, :2048]
    shape = 1.0 + 0.5 * np.sin(columns / 2.1) * np.sin(rows / 1.9)
    for number, role in enumerate(("background", "science_background")):
        folder = tmp_path / role
        folder.mkdir()
        level = (2_000.0, 16_000.0)[number]
        sequence.files[role] = blank_masters(folder, sky=level * shape)["background"]
    for role, light in (("center", "nothing"), ("science", "spots")):
        path = sequence.add(role, 10 if role == "center" else 20, light)
        with fits.open(path, mode="update") as hdus:
            hdus[0].data += (sequence.sky[role] * (shape - 1.0)).astype(hdus[0].data.dtype)
    table, _, place = sequence.run()
    assert list(table["METHOD"][table["ROLE"] == "science"]).count("waffle") == 4
    assert _off(place, sequence.files["science"][0], (0.0, 0.0)) < 0.1


def test_saturation_is_told_before_the_background_is_off(tmp_path: Path) -> None:
    """A well of 40 000 adu, 12 000 of them sky: flat-topped spots of 28 000 are no longer trusted."""
    sequence = Sequence(tmp_path, sky={"center": 0.0, "science": 0.0})
    sky = np.full(_SHAPE, 12_000.0)
    folder = tmp_path / "sky"
    folder.mkdir()
    sequence.files["background"] = blank_masters(folder, sky=sky)["background"]
    path = sequence.add("science", 10, "star", ESO_INS_COMB_ICOR="N_NS_CLEAR")
    with fits.open(path, mode="update") as hdus:
        hdus[0].data = np.minimum(hdus[0].data * 2.5 + 12_000.0, 36_000.0).astype(np.float32)
        top = hdus[0].data[0].max()
        hdus[0].data[:, :, 480:484] = np.where(
            hdus[0].data[:, :, 480:484] >= top, top + 9_000.0, hdus[0].data[:, :, 480:484]
        )  # what a burnt pixel reads is no light: here more on the left
    table, _, place = sequence.run()
    assert set(table["METHOD"][table["KEPT"]]) == {"star"}
    assert _off(place, sequence.files["science"][0], (0.0, 0.0)) < 0.1
