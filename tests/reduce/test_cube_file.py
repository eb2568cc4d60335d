"""A cube written piece by piece is the cube; astropy checks its sums and unpacks its tiles."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from hcvo.headers.product import read_product_facts
from reduce.cube_file import CubeWriter, packed
from reduce.fits_checksum import ALL_ONES, encoded, word_sum
from reduce.product_file import image_hdu, table_hdu
from reduce.tiles import packed_flags, packed_floats
from tests.reduce.recipes.facts import FACTS

_SHAPE = (2, 7, 21, 19)


def _write(path: Path, order: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    image = rng.normal(size=_SHAPE).astype(np.float32)
    image[1, 2, :3] = np.nan
    variance = np.exp(rng.normal(size=_SHAPE) * 5).astype(np.float32)
    variance[0, 0, 4, 4] = np.nan
    quality = rng.integers(0, 16, size=_SHAPE).astype(np.uint8)
    writer = CubeWriter(path.parent, "cube", _SHAPE)
    for first, stop in order:
        part = slice(first, stop)
        writer.add(first, packed(image[:, part], variance[:, part], quality[:, part]))
    for planes, wanted in zip(writer.channels(), image, strict=True):
        np.testing.assert_array_equal(np.stack(list(planes)), wanted)
    table = table_hdu("PLANES", [("NUMBER", "J", "", np.arange(7))])
    extensions = [table, image_hdu("PSF", np.ones((2, 5, 5), np.float32), "", "channel,y,x")]
    writer.write(
        path, FACTS, extensions, {"STARX1": (3.5, "[pix] star"), "HIERARCH HCVO QC LOST": (0.25, "share")}
    )
    return image, variance, quality


def test_every_unit_comes_back_and_its_sums_are_right(tmp_path: Path) -> None:
    image, variance, quality = _write(tmp_path / "cube.fits", [(0, 3), (3, 4), (4, 7)])
    with fits.open(tmp_path / "cube.fits", checksum=True) as hdus:  # a wrong sum warns, a warning fails
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "PLANES", "PSF", "VARIANCE", "QUALITY"]
        np.testing.assert_array_equal(hdus[0].data, image)
        assert read_product_facts(hdus[0].header) == FACTS
        assert (hdus[0].header["STARX1"], hdus[0].header["HCVO QC LOST"]) == (3.5, 0.25)
        assert hdus["PLANES"].data["NUMBER"].tolist() == list(range(7))
        np.testing.assert_array_equal(hdus["QUALITY"].data, quality)
        assert hdus["QUALITY"].data.dtype == np.uint8
        bits = {card.keyword: card.value for card in hdus["QUALITY"].header["QBIT*"].cards}
        assert bits == {"QBIT1": "BAD", "QBIT2": "COSMIC", "QBIT4": "SATURATED", "QBIT8": "NO_DATA"}
        assert hdus["VARIANCE"].header["BUNIT"] == "adu2"
        assert hdus["VARIANCE"].header["ROUNDING"] == 1 / 512
        assert {hdus[name].header["AXORDER"] for name in ("VARIANCE", "QUALITY")} == {"channel,time,y,x"}
        found = hdus["VARIANCE"].data
        assert found.dtype.kind == "f"
        np.testing.assert_array_equal(np.isnan(found), np.isnan(variance))
        np.testing.assert_allclose(found, variance, rtol=1 / 512)
    assert b"EXTEND  =                    T" in (tmp_path / "cube.fits").read_bytes()[:2880]
    with fits.open(tmp_path / "cube.fits", disable_image_compression=True, checksum=True) as hdus:
        assert all("CHECKSUM" in hdu.header and "DATASUM" in hdu.header for hdu in hdus)
        hdus.verify("exception")
        for name in ("VARIANCE", "QUALITY"):
            header, tiles = hdus[name].header, hdus[name].data["COMPRESSED_DATA"]
            assert header["TFORM1"] == f"1QB({max(len(tile) for tile in tiles)})"
            assert (header["ZPCOUNT"], header["ZGCOUNT"]) == (0, 1)


def test_the_order_of_files_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    _write(tmp_path / "a" / "cube.fits", [(0, 3), (3, 4), (4, 7)])
    _write(tmp_path / "b" / "cube.fits", [(4, 7), (0, 3), (3, 4)])
    with fits.open(tmp_path / "a" / "cube.fits") as one, fits.open(tmp_path / "b" / "cube.fits") as other:
        for name in (0, "VARIANCE", "QUALITY"):
            np.testing.assert_array_equal(one[name].data, other[name].data)


def test_a_plane_that_is_not_there(tmp_path: Path) -> None:
    planes = CubeWriter(tmp_path, "cube", _SHAPE).channels()[1]
    for key in (7, -1):
        with pytest.raises(IndexError, match=f"plane {key}, there are 7"):
            planes[key]
    assert len(planes) == 7
    assert planes.shape == (7, 21, 19)
    assert not planes[6].any()  # waiting


def test_sums_are_the_standards() -> None:
    assert word_sum(b"\xff\xff\xff\xff\x00\x00\x00\x02") == 2  # ones' complement: the carry comes back
    assert word_sum(b"\x00\x00\x00\x02", before=ALL_ONES) == 2
    assert word_sum(b"\x01") == 0x01000000
    # worked example of appendix J of the standard
    assert encoded(ALL_ONES - 868229149) == "hcHjjc9ghcEghc9g"
    for value in (0, 1, 0xFFFFFFFF, 0x3A3B5C60, 123456789):
        text = encoded(value)
        assert text.isalnum()
        turned = text[1:] + text[:1]
        assert word_sum(bytes(ord(c) - 0x30 for c in turned)) == value or value == ALL_ONES


def _unpacked(tile: bytes) -> np.ndarray:
    """Floats of a tile of GZIP_2: all first bytes, then all second ones."""
    data = np.frombuffer(gzip.decompress(tile), np.uint8).reshape(4, -1)
    return np.ascontiguousarray(data.T).view(">f4").astype(np.float32)[:, 0]


def test_rounding_is_to_the_nearest_of_eight_bits() -> None:
    rng = np.random.default_rng(4)
    values = np.exp(rng.normal(size=(90, 100)) * 5).astype(np.float32)
    found = _unpacked(packed_floats(values)).reshape(values.shape)
    change = found / values - 1.0
    assert 0.95 / 512 < np.abs(change).max() <= 1 / 512
    assert abs(change.mean()) < 4 * change.std() / np.sqrt(change.size)
    mantissa, _ = np.frexp(found)
    np.testing.assert_array_equal(mantissa * 512, np.round(mantissa * 512))
    steps = np.array([[1.0, 1 + 1 / 256, 1 + 0.49 / 256, 1 + 0.51 / 256, -3.0]])
    assert _unpacked(packed_floats(steps)).tolist() == [1.0, 1 + 1 / 256, 1.0, 1 + 1 / 256, -3.0]


def test_rounding_keeps_what_is_not_a_number() -> None:
    odd = np.array([[np.nan, np.inf, -np.inf, 0.0]], np.float32)
    np.testing.assert_array_equal(_unpacked(packed_floats(odd)), odd[0])


def test_flags_are_packed_without_loss_and_the_same_each_time() -> None:
    flags = np.random.default_rng(5).integers(0, 16, (30, 40)).astype(np.uint8)
    assert len(packed_flags(np.zeros((300, 400), np.uint8))) < 1000
    tile = packed_flags(flags)
    assert gzip.decompress(tile) == flags.tobytes()
    assert tile[4:8] == bytes(4)  # no clock in it
    assert tile == packed_flags(flags)
