"""Cut-outs: what is asked for and its place on the sky, whatever the layout of the file."""

import urllib.parse
from collections.abc import Iterator
from io import BytesIO

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from pyvo.dal.adhoc import DatalinkResults

from tests.hcvo.site.archive import Planted
from tests.hcvo.site.asking import Answer, ask
from tests.hcvo.site.cut_files import SIZE, SOURCE, CutFile, plant_files, remove_files

pytestmark = pytest.mark.filterwarnings("ignore::astropy.wcs.FITSFixedWarning")

PIXEL_DEG = 12.25 / 3.6e6
IMAGES = ("image", "stack", "cube", "ifs", "seam", "pole")
SHAPES = ("CIRCLE", "POLYGON", "POS CIRCLE", "POS POLYGON", "POS RANGE")


@pytest.fixture(scope="module")
def files(planted: Planted) -> Iterator[dict[str, CutFile]]:
    remove_files(planted.settings)
    yield plant_files(planted.settings)
    remove_files(planted.settings)


class Cutter:
    """The service, asked for one file."""

    def __init__(self, base_url: str) -> None:
        self.url = f"{base_url}/hci/soda/cutout/dlget"

    def answer(self, file: CutFile, **parameters: object) -> Answer:
        return ask(f"{self.url}?" + urllib.parse.urlencode({"ID": file.did} | parameters, doseq=True))

    def cut(self, file: CutFile, **parameters: object) -> fits.HDUList:
        answer = self.answer(file, **parameters)
        assert answer.status == 200, answer.body
        assert answer.headers["content-type"] == "image/fits"
        hdus = fits.open(BytesIO(answer.body), checksum=True)
        hdus.verify("exception")
        return hdus


@pytest.fixture(scope="module")
def cutter(planted: Planted) -> Cutter:
    return Cutter(planted.settings.base_url)


def source_of(file: CutFile) -> SkyCoord:
    return file.wcs.pixel_to_world(*SOURCE)


def asked(shape: str, centre: SkyCoord, half_px: float) -> dict[str, str]:
    """Parameters for a region around a place."""
    half, dec = half_px * PIXEL_DEG * u.deg, centre.dec.deg
    if shape.endswith("CIRCLE"):
        numbers = [centre.ra.deg, dec, half.value]
    elif shape.endswith("POLYGON"):
        corners = centre.directional_offset_by([45, 135, 225, 315] * u.deg, half * np.sqrt(2))
        numbers = list(np.transpose([corners.ra.deg, corners.dec.deg]).ravel())
    else:
        width = half.value / np.cos(np.radians(dec))
        low, high = centre.ra.deg - width, centre.ra.deg + width
        if low < 0 or high > 360:
            low, high = 0, 360
        numbers = [low, high, max(dec - half.value, -90), min(dec + half.value, 90)]
    text = " ".join(f"{number:.12f}" for number in numbers)
    return {"POS": f"{shape[4:]} {text}"} if shape.startswith("POS ") else {shape: text}


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_source_stays_where_it_is_on_the_sky(
    files: dict[str, CutFile], cutter: Cutter, name: str, shape: str
) -> None:
    file = files[name]
    truth = source_of(file)
    with cutter.cut(file, **asked(shape, truth, 5.0)) as hdus:
        data, header = hdus[file.hdu].data, hdus[file.hdu].header
        plane = data.reshape(-1, *data.shape[-2:])[-1]
        y, x = np.unravel_index(np.argmax(plane), plane.shape)
        assert WCS(header, naxis=2).pixel_to_world(x, y).separation(truth).to_value(u.uas) < 1
        whole = fits.getdata(file.path, file.hdu)
        assert data.shape[:-2] == whole.shape[:-2]
        across = 360 if shape == "POS RANGE" and name in {"seam", "pole"} else 11 * np.sqrt(2) + 3
        assert all(11 <= side <= min(across, SIZE) for side in data.shape[-2:])


def test_all_that_a_region_touches_is_there(files: dict[str, CutFile], cutter: Cutter) -> None:
    """Random regions, over the edges too, against each pixel's own place."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:SIZE, :SIZE]
    for _ in range(12):
        file = files[rng.choice(IMAGES)]
        centre = file.wcs.pixel_to_world(*rng.uniform(-3, SIZE + 3, 2))
        radius = rng.uniform(3.5, 20.0)
        inside = file.wcs.pixel_to_world(x, y).separation(centre).deg <= radius * PIXEL_DEG
        whole = fits.getdata(file.path, file.hdu)
        rows, columns = np.nonzero(inside.any(axis=1))[0], np.nonzero(inside.any(axis=0))[0]
        with cutter.cut(file, **asked("CIRCLE", centre, radius)) as hdus:
            header, data = hdus[file.hdu].header, hdus[file.hdu].data
            shift = fits.getheader(file.path, file.hdu)
            x0, y0 = (round(shift[f"CRPIX{i}"] - header[f"CRPIX{i}"]) for i in (1, 2))
            height, width = data.shape[-2:]
            assert np.array_equal(data, whole[..., y0 : y0 + height, x0 : x0 + width])
            assert y0 <= rows[0] <= rows[-1] < y0 + height <= rows[-1] + 3
            assert x0 <= columns[0] <= columns[-1] < x0 + width <= columns[-1] + 3


@pytest.mark.parametrize("name", ["image", "stack", "cube", "ifs"])
def test_every_card_is_kept(files: dict[str, CutFile], cutter: Cutter, name: str) -> None:
    file = files[name]
    changed = {"NAXIS1", "NAXIS2", "CRPIX1", "CRPIX2", "CHECKSUM", "DATASUM", "HISTORY"}
    with cutter.cut(file, **asked("CIRCLE", source_of(file), 5.0)) as hdus, fits.open(file.path) as whole:
        assert [hdu.name for hdu in hdus] == [hdu.name for hdu in whole]
        for cut, hdu in zip(hdus, whole, strict=True):
            kept = {key: hdu.header[key] for key in hdu.header if key not in changed}
            assert {key: cut.header[key] for key in kept} == kept
        assert "axis 1 37 to 47" in str(hdus[file.hdu].header["HISTORY"])


def test_what_lies_on_the_same_pixels_is_cut_alike_and_the_rest_stays(
    files: dict[str, CutFile], cutter: Cutter
) -> None:
    for name, others in (("ifs", ("ERROR", "QUALITY")), ("cube", ("QUALITY", "VARIANCE"))):
        file = files[name]
        with cutter.cut(file, **asked("CIRCLE", source_of(file), 5.0)) as hdus:
            for other in others:
                assert hdus[other].data.shape == hdus[file.hdu].data.shape
    region = asked("CIRCLE", source_of(files["cube"]), 5.0)
    with cutter.cut(files["cube"], BAND="1.65e-6 1.7e-6", **region) as hdus:
        assert np.array_equal(hdus["VARIANCE"].data, hdus[0].data ** 2)
        assert hdus["QUALITY"].data.shape == hdus[0].data.shape
    with cutter.cut(files["cube"], **region) as hdus:
        assert (hdus["QUALITY"].data == 4).sum(axis=(-2, -1)).tolist() == [[1] * 5] * 2
        assert hdus["PSF"].data.shape == (2, 29, 29)
        assert len(hdus["DEROTATION"].data) == 5


@pytest.mark.parametrize(
    ("name", "band", "planes"),
    [
        ("ifs", "1.18e-6 1.32e-6", [2, 3]),
        ("ifs", "1.22e-6 1.22e-6", [2]),
        ("ifs", "-Inf 1.06e-6", [0, 1]),
        ("ifs", "1.38e-6 +Inf", [4, 5]),
        ("ifs", "-Inf +Inf", [0, 1, 2, 3, 4, 5]),
        ("stack", "1.6e-6 1.7e-6", [1]),
        ("cube", "1.6e-6 1.61e-6", [0]),
        ("cube", "1.65e-6 1.7e-6", [1]),
    ],
)
def test_band(files: dict[str, CutFile], cutter: Cutter, name: str, band: str, planes: list[int]) -> None:
    file = files[name]
    with cutter.cut(file, BAND=band) as hdus, fits.open(file.path) as whole:
        assert np.array_equal(hdus[file.hdu].data, whole[file.hdu].data[planes[0] : planes[-1] + 1])
        axis = hdus[file.hdu].header["NAXIS"]
        moved = whole[file.hdu].header[f"CRPIX{axis}"] - hdus[file.hdu].header[f"CRPIX{axis}"]
        assert moved == planes[0]
        if name == "ifs":
            assert hdus["ERROR"].data.shape == hdus["DATA"].data.shape
            wavelengths = WCS(hdus["DATA"].header).spectral.pixel_to_world(np.arange(len(planes)))
            assert wavelengths.to_value("um") == pytest.approx([1.0 + 0.1 * plane for plane in planes])


def test_region_and_band_together(files: dict[str, CutFile], cutter: Cutter) -> None:
    file = files["ifs"]
    with cutter.cut(file, BAND="1.18e-6 1.32e-6", **asked("CIRCLE", source_of(file), 5.0)) as hdus:
        assert hdus["DATA"].data.shape == (2, 11, 11)
        assert hdus["DATA"].data.max() == 1000.0 + 30.0


def test_without_a_region_the_file_comes_whole(files: dict[str, CutFile], cutter: Cutter) -> None:
    assert cutter.answer(files["ifs"]).body == files["ifs"].path.read_bytes()


def test_head_of_a_cut_out_ends(files: dict[str, CutFile], cutter: Cutter) -> None:
    file = files["ifs"]
    for parameters in ({}, asked("CIRCLE", source_of(file), 5.0), {"CIRCLE": "10 10 0.001"}, {"BAND": "red"}):
        query = urllib.parse.urlencode({"ID": file.did} | parameters)
        head, get = ask(f"{cutter.url}?{query}", "HEAD"), ask(f"{cutter.url}?{query}")
        assert (head.status, head.body) == (get.status, b"")
        assert head.headers.get("content-type") == get.headers.get("content-type")


@pytest.mark.parametrize(
    "parameters",
    [
        {"CIRCLE": "10 10 0.001"},
        {"CIRCLE": "330 20 1"},  # the other side of the sky
        {"POLYGON": "151 -20 151 -21 152 -21"},
        {"POS": "RANGE 0 360 0 1"},
        {"BAND": "3e-6 4e-6"},
    ],
)
def test_no_pixel_is_no_content(
    files: dict[str, CutFile], cutter: Cutter, parameters: dict[str, str]
) -> None:
    answer = cutter.answer(files["ifs"], **parameters)
    assert (answer.status, answer.body) == (204, b"")


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        (
            {"POS": "SQUARE 1 2 3"},
            "UsageError: Field POS: found 'SQUARE 1.0 2.0 3.0', wanted CIRCLE ra dec radius",
        ),
        ({"POS": "CIRCLE 1 2"}, "wanted CIRCLE ra dec radius"),
        ({"POS": "CIRCLE 1 2 x"}, "wanted CIRCLE"),
        ({"POS": "CIRCLE 1 2 NaN"}, "wanted CIRCLE"),
        ({"POS": "RANGE 2 1 0 1"}, "wanted CIRCLE"),
        ({"POS": ""}, None),
        ({"CIRCLE": "150 -120 1"}, "wanted CIRCLE"),
        ({"CIRCLE": "1 2 3 4"}, "CIRCLE"),
        ({"POLYGON": "1 2 3"}, "POLYGON"),
        ({"POLYGON": "330 20 331 20 331 21"}, "corners near the image"),
        ({"CIRCLE": "150 -20 1", "POS": "CIRCLE 150 -20 1"}, "one of POS, CIRCLE, POLYGON"),
        ({"CIRCLE": ["150 -20 1", "150 -20 2"]}, "MultiValuedParamNotSupported"),
        ({"BAND": "2e-6 1e-6"}, "two wavelengths"),
        ({"BAND": "NaN 1e-6"}, "two wavelengths"),
        ({"BAND": "red"}, "BAND"),
        ({"COLOUR": "red"}, "not accepted"),
    ],
)
def test_what_cannot_be_is_refused(
    files: dict[str, CutFile], cutter: Cutter, parameters: dict[str, str], said: str | None
) -> None:
    answer = cutter.answer(files["ifs"], **parameters)
    if said is None:  # an empty parameter is none
        assert answer.status == 200
        return
    assert answer.status == 422
    assert said in answer.body.decode()


@pytest.mark.parametrize("parameters", [{}, {"CIRCLE": "150 -20 0.001"}, {"BAND": "1e-6 2e-6"}])
def test_what_is_not_public_is_not_known(
    files: dict[str, CutFile], cutter: Cutter, parameters: dict[str, str]
) -> None:
    for did in (files["private"].did, files["ifs"].did + "x", "ivo://elsewhere/~?x", "a\0b"):
        answer = cutter.answer(CutFile(files["ifs"].path, did, 0), **parameters)
        assert answer.status == 404
        assert b"SIMPLE" not in answer.body


def test_a_table_and_two_files_at_once_are_refused(files: dict[str, CutFile], cutter: Cutter) -> None:
    answer = cutter.answer(files["table"], CIRCLE="150 -20 1")
    assert answer.status == 422
    assert b"no image and no cube" in answer.body
    both = ask(
        f"{cutter.url}?" + urllib.parse.urlencode({"ID": [files["ifs"].did, files["cube"].did]}, doseq=True)
    )
    assert both.status == 422
    assert b"MultiValuedParamNotSupported" in both.body


def test_pyvo_finds_the_service_by_datalink_and_cuts(planted: Planted, files: dict[str, CutFile]) -> None:
    file = files["ifs"]
    query = urllib.parse.urlencode({"ID": file.did})
    links = DatalinkResults.from_result_url(f"{planted.settings.base_url}/hci/dl/links/dlmeta?{query}")
    truth = source_of(file)
    (link,) = (link for link in links if link.semantics == "#cutout")
    stream = link.processed(
        circle=(truth.ra, truth.dec, 5 * PIXEL_DEG * u.deg), band=(1.18, 1.32) * u.um, id=file.did
    )
    with fits.open(BytesIO(stream.read())) as hdus:
        assert hdus["DATA"].data.shape == (2, 11, 11)
        assert hdus["DATA"].data.max() == 1030.0


def test_datalink_says_what_can_be_cut(planted: Planted, files: dict[str, CutFile]) -> None:
    for name, wanted in (("ifs", True), ("image", True), ("table", False)):
        query = urllib.parse.urlencode({"ID": files[name].did})
        answer = ask(f"{planted.settings.base_url}/hci/dl/links/dlmeta?{query}").body
        assert (b"#cutout" in answer) is wanted
        assert (b'name="BAND"' in answer) is (name == "ifs")
