from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from hcvo.errors import HeaderError
from hcvo.headers.level2_tables import (
    CandidateRow,
    ContrastRow,
    read_candidates,
    read_contrast,
    table_hdu,
)


def _candidate(number: int) -> CandidateRow:
    values: dict[str, Any] = {
        f.name: {"J": number, "D": number + 0.25, "L": number == 1}[f.metadata["format"]]
        for f in fields(CandidateRow)
    }
    return CandidateRow(**(values | {"contrast": float("nan")}))


def _write(path: Path, hdu: fits.BinTableHDU) -> Path:
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, checksum=True)
    return path


def test_candidates_come_back_as_they_were(tmp_path: Path) -> None:
    rows = [_candidate(1), _candidate(2)]
    path = _write(tmp_path / "c.fits", table_hdu(rows, CandidateRow, "CANDIDATES"))
    back = read_candidates(path)
    assert [str(row) for row in back] == [str(row) for row in rows]
    assert np.isnan(back[0].contrast)


def test_a_curve_comes_back_as_it_was(tmp_path: Path) -> None:
    row = ContrastRow(
        channel=-1,
        wavelength=1.6,
        sep=200.0,
        contrast=1e-5,
        dmag=12.5,
        nsigma=5.0,
        dof=20.0,
        throughput=0.7,
        small_sample=True,
        throughput_corr=True,
        coronagraph_corr=False,
    )
    path = _write(tmp_path / "c.fits", table_hdu([row], ContrastRow, "CONTRAST"))
    assert read_contrast(path) == (row,)


def test_an_empty_list_is_a_table_too(tmp_path: Path) -> None:
    path = _write(tmp_path / "c.fits", table_hdu([], CandidateRow, "CANDIDATES"))
    assert read_candidates(path) == ()


def test_columns_carry_unit_and_meaning() -> None:
    hdu = table_hdu([_candidate(1)], CandidateRow, "CANDIDATES")
    assert hdu.columns["SEP"].unit == "mas"
    assert hdu.columns["PA_ERR"].unit == "deg"
    assert hdu.header["TCOMM1"].startswith("number of the candidate")
    assert len([k for k in hdu.header if k.startswith("TCOMM")]) == len(fields(CandidateRow))


def test_a_table_that_is_not_there_or_lacks_a_column_is_named(tmp_path: Path) -> None:
    path = _write(tmp_path / "c.fits", table_hdu([], CandidateRow, "CANDIDATES"))
    with pytest.raises(HeaderError, match="no extension CONTRAST"):
        read_contrast(path)
    thin = fits.BinTableHDU.from_columns([fits.Column("SEP", "D", array=[1.0])], name="CANDIDATES")
    with pytest.raises(HeaderError, match="lacks the columns CANDIDATE, CHANNEL"):
        read_candidates(_write(tmp_path / "thin.fits", thin))
