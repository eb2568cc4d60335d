"""Verdicts on files that differ in one known way."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from numpy.lib.recfunctions import repack_fields
from numpy.typing import NDArray

from hcvo.errors import StoreError
from reduce.same_arrays import Likeness, compare_products

_IMAGE = np.linspace(-3.0, 8.0, 60, dtype=np.float32).reshape(3, 4, 5)
_TABLE = np.array([(1, 2.5, "a"), (2, np.nan, "b")], [("number", "i4"), ("value", "f8"), ("name", "U4")])


def _file(
    path: Path,
    image: NDArray[np.generic] | None = _IMAGE,
    table: NDArray[np.generic] = _TABLE,
    name: str = "TABLE",
    **cards: object,
) -> Path:
    hdus = [fits.PrimaryHDU(image), fits.BinTableHDU(table, name=name)]
    for key, value in cards.items():
        hdus[0].header[key] = value
    fits.HDUList(hdus).writeto(path)
    return path


def _verdicts(tmp_path: Path, **changes: object) -> list[tuple[str, Likeness]]:
    before, after = _file(tmp_path / "a.fits"), _file(tmp_path / "b.fits", **changes)  # type: ignore[arg-type]
    return [(one.hdu, one.likeness) for one in compare_products(before, after)]


def test_other_headers_do_not_matter(tmp_path: Path) -> None:
    same = [("PRIMARY", Likeness.IDENTICAL), ("TABLE", Likeness.IDENTICAL)]
    assert _verdicts(tmp_path, PROCID=17, DATE="2026-12-01") == same


@pytest.mark.parametrize(
    ("apart", "likeness"),
    [(0.0, Likeness.IDENTICAL), (7e-5, Likeness.CLOSE), (9e-5, Likeness.DIFFERENT)],
)
def test_numbers_are_judged_by_the_largest_value(tmp_path: Path, apart: float, likeness: Likeness) -> None:
    image = _IMAGE.copy()
    image[0, 0, 1] += np.float32(apart)
    assert _verdicts(tmp_path, image=image)[0] == ("PRIMARY", likeness)


@pytest.mark.parametrize("other", [_IMAGE[:2], _IMAGE.astype(np.float64), None])
def test_another_shape_or_type_or_nothing_is_different(
    tmp_path: Path, other: NDArray[np.generic] | None
) -> None:
    assert _verdicts(tmp_path, image=other)[0] == ("PRIMARY", Likeness.DIFFERENT)


def test_missing_numbers_must_be_the_same(tmp_path: Path) -> None:
    image = _IMAGE.copy()
    image[1, 2, 3] = np.nan
    assert _verdicts(tmp_path, image=image)[0][1] is Likeness.DIFFERENT


@pytest.mark.parametrize(
    ("column", "value", "likeness"),
    [
        ("number", 3, Likeness.DIFFERENT),
        ("name", "c", Likeness.DIFFERENT),
        ("value", 2.5 * (1 + 5e-6), Likeness.CLOSE),
        ("value", 2.6, Likeness.DIFFERENT),
    ],
)
def test_tables_are_judged_column_by_column(
    tmp_path: Path, column: str, value: object, likeness: Likeness
) -> None:
    table = _TABLE.copy()
    table[column][0] = value
    found = _verdicts(tmp_path, table=table)
    assert found == [("PRIMARY", Likeness.IDENTICAL), ("TABLE", likeness)]


def test_other_columns_and_other_hdus_are_told(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    assert _verdicts(tmp_path, table=repack_fields(_TABLE[["number", "value"]]))[1][1] is Likeness.DIFFERENT
    assert _verdicts(tmp_path / "x", name="OTHER") == [("all", Likeness.DIFFERENT)]


def test_what_is_no_fits_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "b.fits").write_text("nothing")
    with pytest.raises(StoreError, match=r"b\.fits"):
        compare_products(_file(tmp_path / "a.fits"), tmp_path / "b.fits")
