"""The tables of level 2, candidates and contrast: rows as values, to and from FITS.

Every column is declared once, in the fields of the row: its FITS name, format, unit, meaning and UCD.
"""

from collections.abc import Sequence
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from astropy.io import fits
from astropy.table import Column, Table

from hcvo.errors import HeaderError
from hcvo.headers.plain_cards import plain_cards

__all__ = ["CandidateRow", "ContrastRow", "as_table", "read_candidates", "read_contrast", "table_hdu"]


def _column(form: str, unit: str, meaning: str, ucd: str) -> Any:  # noqa: ANN401 # stands for the field's own type
    return field(metadata={"format": form, "unit": unit, "meaning": meaning, "ucd": ucd})


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateRow:
    """One detection in one channel, or in the stack of channels."""

    candidate: int = _column("J", "", "number of the candidate, from 1", "meta.id")
    channel: int = _column(
        "J", "", "channel from 0; -1 stack; of channels reduced as one 0 is all, 1 ... each", "meta.number"
    )
    wavelength: float = _column("D", "um", "wavelength", "em.wl.central")
    sep: float = _column("D", "mas", "separation, the same fit in all channels", "pos.angDistance")
    sep_err: float = _column("D", "mas", "1 sigma error of SEP", "stat.error;pos.angDistance")
    pa: float = _column("D", "deg", "position angle, ICRS north to east", "pos.posAng")
    pa_err: float = _column("D", "deg", "1 sigma error of PA", "stat.error;pos.posAng")
    ra: float = _column("D", "deg", "right ascension, ICRS", "pos.eq.ra")
    dec: float = _column("D", "deg", "declination, ICRS", "pos.eq.dec")
    x: float = _column("D", "pixel", "place in the image, 0-based", "pos.cartesian.x;instr.det")
    y: float = _column("D", "pixel", "place in the image, 0-based", "pos.cartesian.y;instr.det")
    contrast: float = _column("D", "", "flux over that of the star", "phot.flux;arith.ratio")
    contrast_err: float = _column("D", "", "1 sigma error of CONTRAST", "stat.error;phot.flux;arith.ratio")
    dmag: float = _column("D", "mag", "magnitudes fainter than the star", "phot.mag;arith.diff")
    dmag_err: float = _column("D", "mag", "1 sigma error of DMAG", "stat.error;phot.mag;arith.diff")
    snr: float = _column("D", "", "t statistic, Mawet et al. 2014", "stat.snr")
    significance: float = _column("D", "", "its Gaussian equivalent", "stat.snr")
    false_rate: float = _column(
        "D", "", "false positives an image at SIGNIFICANCE or above, angles mirrored", "stat.value"
    )
    false_rate_max: float = _column(
        "D", "", "upper limit of FALSE_RATE, 95 % confidence", "stat.value;stat.max"
    )
    n_injections: int = _column("J", "", "injections the errors rest on", "meta.number")
    neg_sep: float = _column("D", "mas", "separation by a negative companion", "pos.angDistance")
    neg_pa: float = _column("D", "deg", "position angle by a negative companion", "pos.posAng")
    neg_contrast: float = _column("D", "", "CONTRAST by a negative companion", "phot.flux;arith.ratio")
    neg_differs: bool = _column("L", "", "one of the three is more than 3 errors off the fit", "meta.code")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastRow:
    """One point of a contrast curve."""

    channel: int = _column("J", "", "channel from 0; -1 stack of channels", "meta.number")
    wavelength: float = _column("D", "um", "wavelength", "em.wl.central")
    sep: float = _column("D", "mas", "separation", "pos.angDistance")
    contrast: float = _column("D", "", "detectable flux over that of the star", "phot.flux;arith.ratio")
    dmag: float = _column("D", "mag", "the same in magnitudes", "phot.mag;arith.diff")
    nsigma: float = _column("D", "", "Gaussian sigmas of false-positive rate", "stat.value")
    dof: float = _column("D", "", "degrees of freedom of the noise", "stat.fit.dof")
    throughput: float = _column("D", "", "flux after over before reduction", "phys.transmission")
    small_sample: bool = _column("L", "", "small samples accounted for", "meta.code")
    throughput_corr: bool = _column("L", "", "divided by the throughput", "meta.code")
    coronagraph_corr: bool = _column("L", "", "coronagraph transmission divided out", "meta.code")


_BLOCK = 2880
_END = b"END".ljust(80)
_STORED = {"J": ">i4", "D": ">f8", "L": "S1"}
"""numpy's name for what a format is in the file."""
_Row = TypeVar("_Row", CandidateRow, ContrastRow)


def table_hdu(rows: Sequence[_Row], kind: type[_Row], name: str) -> fits.BinTableHDU:
    """Write rows as a FITS table.

    Parameters
    ----------
    rows : Sequence[_Row]
        In order; may be empty.
    kind : type[_Row]
        `CandidateRow` or `ContrastRow`.
    name : str
        EXTNAME.

    Returns
    -------
    fits.BinTableHDU
        One column a field, upper case, with unit and TCOMM.
    """
    declared = fields(kind)
    columns = [
        fits.Column(
            name=f.name.upper(),
            format=f.metadata["format"],
            unit=f.metadata["unit"] or None,
            array=np.array([getattr(row, f.name) for row in rows], _dtype(f)),
        )
        for f in declared
    ]
    hdu = fits.BinTableHDU.from_columns(columns, name=name)
    for number, f in enumerate(declared, start=1):
        hdu.header[f"TCOMM{number}"] = f.metadata["meaning"]
    return hdu


def as_table(rows: Sequence[_Row], kind: type[_Row]) -> Table:
    """Rows as a table for files of text.

    Parameters
    ----------
    rows : Sequence[_Row]
        In order; may be empty.
    kind : type[_Row]
        `CandidateRow` or `ContrastRow`.

    Returns
    -------
    Table
        One column a field, lower case, with unit, description and UCD.
    """
    return Table(
        [
            Column(
                np.array([getattr(row, f.name) for row in rows], _dtype(f)),
                name=f.name,
                unit=f.metadata["unit"] or None,
                description=f.metadata["meaning"],
                meta={"ucd": f.metadata["ucd"]},
            )
            for f in fields(kind)
        ]
    )


def read_candidates(path: Path) -> tuple[CandidateRow, ...]:
    """Read the candidates of a product file of kind 'candidates'.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    tuple[CandidateRow, ...]
        In the order of the file: each candidate's stack first, then its channels.

    See Also
    --------
    hcvo.errors.HeaderError : raised if the table or a column is missing.
    """
    return _read(path, CandidateRow, "CANDIDATES")


def read_contrast(path: Path) -> tuple[ContrastRow, ...]:
    """Read the curves of a product file of kind 'contrast'.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    tuple[ContrastRow, ...]
        In the order of the file.

    See Also
    --------
    hcvo.errors.HeaderError : raised if the table or a column is missing.
    """
    return _read(path, ContrastRow, "CONTRAST")


def _read(path: Path, kind: type[_Row], name: str) -> tuple[_Row, ...]:
    quick = _quick_columns(path, kind, name)
    if quick is not None:
        return tuple(kind(**dict(zip(quick, row, strict=True))) for row in zip(*quick.values(), strict=True))
    with fits.open(path) as hdus:
        if name not in hdus:
            raise HeaderError(f"{path}: no extension {name}; extensions are {[h.name for h in hdus]}")
        data = hdus[name].data
        missing = [f.name.upper() for f in fields(kind) if f.name.upper() not in data.names]
        if missing:
            raise HeaderError(f"{path}: table {name} lacks the columns {', '.join(missing)}")
        names = [f.name for f in fields(kind)]
        columns = [data[name].tolist() for name in names]  # by rows astropy takes a hundred times as long
        return tuple(kind(**dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True))


def _quick_columns(path: Path, kind: type[_Row], name: str) -> dict[str, list[Any]] | None:
    """Columns of a table as we write it: first extension after no data, each column one of the declared.

    None for any other, which is left to astropy; that takes ten times as long.
    """
    content = path.read_bytes()
    begin = _end_of_header(content, 0)
    primary = plain_cards(content[:begin].decode("ascii", "replace"))
    if primary is None or primary.get("NAXIS") != 0:
        return None
    data = _end_of_header(content, begin)
    cards = plain_cards(content[begin:data].decode("ascii", "replace"))
    declared = fields(kind)
    if cards is None or (cards.get("XTENSION"), cards.get("EXTNAME")) != ("BINTABLE", name):
        return None
    present = [(cards.get(f"TTYPE{n}"), cards.get(f"TFORM{n}")) for n in range(1, len(declared) + 1)]
    plain = not any(keyword.startswith(("TSCAL", "TZERO", "TNULL")) for keyword in cards)
    ours = present == [(f.name.upper(), f.metadata["format"]) for f in declared]
    if not (plain and ours and cards.get("TFIELDS") == len(declared) and cards.get("PCOUNT") == 0):
        return None
    number = cards["NAXIS2"]
    layout = np.dtype([(f.name, _STORED[f.metadata["format"]]) for f in declared])
    if not isinstance(number, int) or len(content) < data + number * layout.itemsize:
        return None
    rows = np.frombuffer(content, layout, number, data)
    logical = {f.name for f in declared if f.metadata["format"] == "L"}
    return {
        f.name: (rows[f.name] == b"T").tolist() if f.name in logical else rows[f.name].tolist()
        for f in declared
    }


def _end_of_header(content: bytes, begin: int) -> int:
    """Where the header ends that begins there: after the block with END; at the end if there is none."""
    for end in range(begin + _BLOCK, len(content) + 1, _BLOCK):
        block = content[end - _BLOCK : end]
        if any(block[at : at + 80] == _END for at in range(0, _BLOCK, 80)):
            return end
    return len(content)


def _dtype(column: Field[Any]) -> type:
    return {"J": np.int32, "D": np.float64, "L": np.bool_}[column.metadata["format"]]
