"""Raw frames enter here: the file is checked, its header parsed once, its class named."""

import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from astropy.io import fits

from hcvo.errors import ForeignFrameError, HeaderError, NotFitsError, TruncatedError
from hcvo.headers.plain_cards import plain_cards
from hcvo.model.frame import CardValue, RawFrame
from hcvo.store import sha256_of
from reduce.instruments import sphere

__all__ = ["cards_of", "read_frame", "read_raw_frame"]

_BLOCK = 2880
_MAX_HEADER_BLOCKS = 1000  # 36,000 cards; a SPHERE header has about 1,000
_MAX_AXIS = 10**12
_MJD_EPOCH = datetime(1858, 11, 17, tzinfo=UTC)
_PRINTABLE = re.compile(rb"[ -~]*")  # FITS 4.0, section 3.3.1: a header holds nothing else
_END = re.compile(rb"\A(?:.{80})*?END {77}", re.DOTALL)
_DP_ID = re.compile(r"[A-Za-z0-9_.:+-]+\Z")
_DATE_TOLERANCE_S = 2.0  # MJD-OBS and DATE-OBS of one header
_YEARS = range(1990, 2101)  # no digital detector before, no VLT after
_MAX_DIT_S = 86400.0
_MAX_NDIT = 2**31 - 1
_MAX_OB_ID = 2**63 - 1  # ESO counts from 100,000
_MAX_TEXT = 250  # characters of a name
_NAMES = ("PROG ID", "START", "TARG NAME")  # of an observing block


def read_raw_frame(path: Path) -> RawFrame:
    """Check, parse and classify one raw file.

    Parameters
    ----------
    path : Path
        A raw FITS file as ESO serves it, not compressed.

    Returns
    -------
    RawFrame
        The frame with every card of its primary header.

    Notes
    -----
    Refusals, each an `hcvo.errors.InputError`: NotFitsError if the file does not begin as FITS does;
    TruncatedError if it ends before its headers say; HeaderError if a card cannot be parsed, is missing
    or contradicts another; ForeignFrameError if it is no raw frame of an instrument and mode we know.
    """
    frame = read_frame(path, sha256="")
    return replace(frame, sha256=sha256_of(path))


def read_frame(path: Path, *, sha256: str) -> RawFrame:
    """As `read_raw_frame`, with a checksum that is known already.

    Parameters
    ----------
    path : Path
        A raw FITS file.
    sha256 : str
        Its checksum; '' where it does not matter.

    Returns
    -------
    RawFrame
        The frame.
    """
    size = path.stat().st_size
    cards = _walk(path, size)
    _refuse_foreign(cards, path)
    _refuse_long_names(cards, path)
    tag = _class_of(cards, path)
    begin, mjd_obs = _start(cards, path)
    dit_s, ndit = _integration(cards, tag, path)
    return RawFrame(
        path=path,
        sha256=sha256,
        size=size,
        dp_id=_dp_id(cards, path),
        instrument=_text(cards, "INSTRUME"),
        arm=_text(cards, "ESO SEQ ARM"),
        frame_class=tag,
        category=_text(cards, "ESO DPR CATG"),
        kind=_text(cards, "ESO DPR TYPE"),
        technique=_text(cards, "ESO DPR TECH"),
        mjd_obs=mjd_obs,
        mjd_end=_end(cards, mjd_obs, dit_s, ndit, path),
        night=_night(begin),
        dit_s=dit_s,
        ndit=ndit,
        filter=_text(cards, "ESO INS COMB IFLT"),
        nd_filter=_text(cards, "ESO INS4 FILT2 NAME"),
        coronagraph=_text(cards, "ESO INS COMB ICOR"),
        derotator_mode=_text(cards, "ESO INS4 DROT2 MODE"),
        readout=_text(cards, "ESO DET READ CURNAME"),
        ob_id=_ob_id(cards, path),
        programme=_text(cards, "ESO OBS PROG ID"),
        target_name=_text(cards, "ESO OBS TARG NAME") or _text(cards, "OBJECT"),
        ra_deg=_angle(cards, "RA", 0.0, 360.0, path),
        dec_deg=_angle(cards, "DEC", -90.0, 90.0, path),
        cards=cards,
    )


def cards_of(header: fits.Header, path: Path) -> dict[str, CardValue]:
    """Every card of a header as keyword and value.

    Parameters
    ----------
    header : fits.Header
        A primary header.
    path : Path
        Its file, for messages.

    Returns
    -------
    dict[str, CardValue]
        ``HIERARCH`` left off; COMMENT and HISTORY joined by line ends; blank cards left out.

    Raises
    ------
    HeaderError
        If a card cannot be parsed.
    """
    cards: dict[str, CardValue] = {}
    for card in header.cards:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                keyword, value = str(card.keyword), card.value
        except (fits.VerifyError, ValueError, UserWarning) as error:
            raise HeaderError(
                f"{path}: the card {card.keyword} cannot be parsed ({error}); fetch it again"
            ) from error
        if keyword in ("", "CONTINUE"):
            continue
        if isinstance(value, fits.card.Undefined):
            value = None
        if isinstance(value, float) and not math.isfinite(value):
            raise HeaderError(f"{path}: {keyword} is {value}, wanted a finite number")
        if keyword in ("COMMENT", "HISTORY") and keyword in cards:
            value = f"{cards[keyword]}\n{value}"
        cards[keyword] = value
    return cards


def _walk(path: Path, size: int) -> dict[str, CardValue]:
    """Cards of the primary header, after seeing that every header and data unit is whole."""
    if size == 0:
        raise NotFitsError(f"{path}: the file is empty, wanted a FITS file")
    offset = 0
    units: list[dict[str, CardValue]] = []
    with path.open("rb") as stream:
        while offset < size:
            stream.seek(offset)
            start = stream.read(8)
            if units and start != b"XTENSION":
                break  # FITS 4.0, section 3.5: special records may follow the last HDU
            if not units and start + stream.read(1) != b"SIMPLE  =":
                raise NotFitsError(
                    f"{path}: begins with {start!r}, wanted b'SIMPLE  ='; not FITS (or packed: unpack it)"
                )
            stream.seek(offset)
            text = _header_text(stream, path)
            cards = plain_cards(text)
            if cards is None:
                cards = cards_of(_parse(text, path), path)
            data = _data_bytes(cards, path)
            wanted = offset + len(text) + data
            if wanted > size:
                raise TruncatedError(
                    f"{path}: {size} bytes found, its headers say {wanted} or more; fetch it again"
                )
            units.append(cards)
            offset += len(text) + -(-data // _BLOCK) * _BLOCK
    return units[0]


def _header_text(stream: BinaryIO, path: Path) -> str:
    blocks: list[str] = []
    while len(blocks) < _MAX_HEADER_BLOCKS:
        block = stream.read(_BLOCK)
        if len(block) < _BLOCK:
            raise TruncatedError(f"{path}: ends inside a header, before its END card; fetch it again")
        if not _PRINTABLE.fullmatch(block):
            raise HeaderError(f"{path}: its header holds bytes that are not printable ASCII; fetch it again")
        blocks.append(block.decode("ascii"))
        if _END.search(block):
            return "".join(blocks)
    raise HeaderError(
        f"{path}: no END card in the first {_MAX_HEADER_BLOCKS * _BLOCK} bytes; not a raw frame"
    )


def _parse(text: str, path: Path) -> fits.Header:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return fits.Header.fromstring(text)
    except (ValueError, OSError, fits.VerifyError, UserWarning) as error:
        raise HeaderError(f"{path}: its header cannot be parsed ({error}); fetch it again") from error


def _data_bytes(cards: Mapping[str, CardValue], path: Path) -> int:
    """Size of the data unit without padding (FITS 4.0, equation 2)."""
    axes = [_size_card(cards, f"NAXIS{n}", path) for n in range(1, _size_card(cards, "NAXIS", path) + 1)]
    bitpix = cards.get("BITPIX")
    if not isinstance(bitpix, int) or bitpix not in (8, 16, 32, 64, -32, -64):
        raise HeaderError(f"{path}: BITPIX is {bitpix!r}, wanted 8, 16, 32, 64, -32 or -64")
    if not axes:
        return 0
    groups = _size_card(cards, "GCOUNT", path, default=1)
    heap = _size_card(cards, "PCOUNT", path, default=0)
    return abs(bitpix) // 8 * groups * (heap + math.prod(axes))


def _size_card(cards: Mapping[str, CardValue], keyword: str, path: Path, default: int | None = None) -> int:
    value = cards.get(keyword)
    value = default if value is None else value
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _MAX_AXIS:
        raise HeaderError(f"{path}: {keyword} is {value!r}, wanted a whole number from 0")
    return value


def _refuse_foreign(cards: Mapping[str, CardValue], path: Path) -> None:
    if "PRODKIND" in cards:
        raise ForeignFrameError(f"{path}: a product (PRODKIND {cards['PRODKIND']!r}), wanted a raw frame")
    instrument = cards.get("INSTRUME")
    if instrument != sphere.INSTRUMENT:
        found = "missing" if instrument is None else repr(instrument)
        raise ForeignFrameError(
            f"{path}: no raw frame of ours: INSTRUME is {found}, wanted {sphere.INSTRUMENT!r}; left out, "
            "take it out of the folder"
        )


def _refuse_long_names(cards: Mapping[str, CardValue], path: Path) -> None:
    """No name is that long; the catalogue could not index it."""
    for keyword in ("ARCFILE", "OBJECT", "TELESCOP", *(f"ESO OBS {name}" for name in _NAMES)):
        if len(text := _text(cards, keyword)) > _MAX_TEXT:
            raise HeaderError(f"{path}: {keyword} has {len(text)} characters, wanted {_MAX_TEXT} at most")


def _class_of(cards: Mapping[str, CardValue], path: Path) -> str:
    names = ("ESO DPR CATG", "ESO DPR TYPE", "ESO DPR TECH", "ESO SEQ ARM", "ESO INS2 COMB IFS")
    values = [_text(cards, name) for name in names]
    if not values[0] or not values[1]:
        raise HeaderError(
            f"{path}: DPR CATG is {values[0]!r}, DPR TYPE {values[1]!r}; both are wanted to know what it is; "
            "fetch it again"
        )
    tag = sphere.tag_of(*values)
    if tag is None:
        found = ", ".join(f"{name[4:]} {value!r}" for name, value in zip(names[:4], values, strict=False))
        raise ForeignFrameError(f"{path}: no rule for {found}; hcvo knows IRDIS, IFS, SPARTA and acquisition")
    return tag


def _text(cards: Mapping[str, CardValue], keyword: str) -> str:
    value = cards.get(keyword)
    return "" if value is None else str(value).strip()


def _number(cards: Mapping[str, CardValue], keyword: str, path: Path) -> float:
    value = cards.get(keyword)
    if isinstance(value, bool) or not isinstance(value, int | float):
        found = "missing" if value is None else repr(value)
        raise HeaderError(f"{path}: {keyword} is {found}, wanted a number; fetch it again")
    return float(value)


def _angle(cards: Mapping[str, CardValue], keyword: str, low: float, high: float, path: Path) -> float | None:
    if cards.get(keyword) is None:
        return None
    value = _number(cards, keyword, path)
    if not low <= value <= high:
        raise HeaderError(f"{path}: {keyword} is {value}, wanted {low} to {high} degrees")
    return value


def _instant(cards: Mapping[str, CardValue], keyword: str, path: Path) -> datetime:
    text = _text(cards, keyword)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        found = repr(text) if text else "missing"
        raise HeaderError(
            f"{path}: {keyword} is {found}, wanted YYYY-MM-DDThh:mm:ss.s; fetch it again"
        ) from error
    if moment.year not in _YEARS:
        raise HeaderError(f"{path}: {keyword} is {text!r}, wanted a year from {_YEARS[0]} to {_YEARS[-1]}")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _start(cards: Mapping[str, CardValue], path: Path) -> tuple[datetime, float]:
    begin = _instant(cards, "DATE-OBS", path)
    mjd_obs = _number(cards, "MJD-OBS", path)
    if abs((begin - _MJD_EPOCH) / timedelta(days=1) - mjd_obs) * 86400.0 > _DATE_TOLERANCE_S:
        raise HeaderError(
            f"{path}: MJD-OBS {mjd_obs} and DATE-OBS {cards['DATE-OBS']} differ by more than "
            f"{_DATE_TOLERANCE_S} s; which is right is not ours to guess"
        )
    return begin, mjd_obs


def _integration(cards: Mapping[str, CardValue], tag: str, path: Path) -> tuple[float, int]:
    """DIT in seconds and NDIT; telemetry has neither."""
    if tag == sphere.TELEMETRY:
        return 0.0, 0
    keyword = "ESO DET SEQ1 DIT" if "ESO DET SEQ1 DIT" in cards else "EXPTIME"
    dit_s = _number(cards, keyword, path)
    if not 0 < dit_s <= _MAX_DIT_S:
        raise HeaderError(f"{path}: {keyword} is {dit_s} s, wanted more than 0 and at most {_MAX_DIT_S:.0f}")
    planes = cards.get("NAXIS3", 1)
    ndit = cards.get("ESO DET NDIT", planes)
    if ndit != planes:
        raise HeaderError(
            f"{path}: DET NDIT is {ndit!r} but NAXIS3 {planes!r}; wanted the same number, a plane for each "
            "integration; fetch it again"
        )
    if not isinstance(ndit, int) or isinstance(ndit, bool) or not 1 <= ndit <= _MAX_NDIT:
        raise HeaderError(f"{path}: DET NDIT is {ndit!r}, wanted a whole number from 1 to {_MAX_NDIT}")
    return dit_s, ndit


def _end(cards: Mapping[str, CardValue], mjd_obs: float, dit_s: float, ndit: int, path: Path) -> float:
    """End of the last integration: the file's own clock where it is given."""
    if "ESO DET FRAM UTC" in cards:
        written = (_instant(cards, "ESO DET FRAM UTC", path) - _MJD_EPOCH) / timedelta(days=1)
        return max(written, mjd_obs)
    return mjd_obs + dit_s * ndit / 86400.0


def _night(begin: datetime) -> date:
    return (begin + timedelta(hours=sphere.UTC_TO_LOCAL_H - 12.0)).date()


def _dp_id(cards: Mapping[str, CardValue], path: Path) -> str:
    name = _text(cards, "ARCFILE").removesuffix(".fits")
    if not _DP_ID.match(name):
        found = repr(name) if name else "missing"
        raise HeaderError(f"{path}: ARCFILE is {found}, wanted ESO's identifier as in SPHER.<date>.fits")
    return name


def _ob_id(cards: Mapping[str, CardValue], path: Path) -> int | None:
    value = cards.get("ESO OBS ID")
    if value is None or (isinstance(value, int) and value <= 0):
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise HeaderError(f"{path}: OBS ID is {value!r}, wanted a whole number")
    if value > _MAX_OB_ID:
        raise HeaderError(f"{path}: OBS ID is {value}, wanted at most {_MAX_OB_ID}")
    return value
