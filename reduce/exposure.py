"""One raw file as a level 1 recipe sees it: typed facts of its header, and its planes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from hcvo.errors import HeaderError, InputError
from hcvo.headers.packed import unpacked
from hcvo.model.frame import CardValue, RawFrame
from reduce.classify import read_frame

__all__ = [
    "Exposure",
    "Pointing",
    "Site",
    "only_numbers",
    "read_exposure",
    "read_out",
    "read_parts",
    "read_planes",
    "whole_detector",
]

_EQUINOX = 2000.0
_DETECTOR = (1024, 2048)  # (y, x), both fields


@dataclass(frozen=True, slots=True)
class Site:
    """The telescope: geodetic latitude and longitude (east positive), degrees; height, m."""

    latitude_deg: float
    longitude_deg: float
    height_m: float


@dataclass(frozen=True, slots=True)
class Pointing:
    """Where a science frame looks.

    Attributes
    ----------
    ra_of_date_deg, dec_of_date_deg : float
        ``INS4 DROT2 RA/DEC``: apparent place of date.
    ra_icrs_deg, dec_icrs_deg : float
        ``TEL TARG ALPHA/DELTA``: mean place, equinox 2000.
    pm_ra_arcsec, pm_dec_arcsec : float
        ``TEL TARG PMA/PMD``, arcsec a year; PMA is taken as motion on the sky (cos dec in it).
    altitude_deg : float
        ``TEL ALT`` at the start.
    derotator_begin_deg, position_angle_deg : float
        ``INS4 DROT2 BEGIN`` and ``POSANG``.
    epoch_yr : float
        ``TEL TARG EPOCH``: when the star stood at that mean place.
    """

    ra_of_date_deg: float
    dec_of_date_deg: float
    ra_icrs_deg: float
    dec_icrs_deg: float
    pm_ra_arcsec: float
    pm_dec_arcsec: float
    altitude_deg: float
    derotator_begin_deg: float
    position_angle_deg: float
    epoch_yr: float = 2000.0


@dataclass(frozen=True, slots=True)
class Exposure:
    """One raw file without its pixels.

    Attributes
    ----------
    frame : RawFrame
        What the archive knows of it; its checksum is not computed again here.
    real_dit_s : float
        ``DET SEQ1 REALDIT``, else the DIT, s.
    delay_s : float
        ``DET DITDELAY``, s.
    written_mjd : float
        ``DET FRAM UTC``, MJD.
    dither_um : tuple[float, float]
        ``INS1 PAC X``, ``Y``, um.
    waffle : str
        ``OCS WAFFLE ORIENT``; '' where absent.
    """

    frame: RawFrame
    real_dit_s: float
    delay_s: float
    written_mjd: float
    dither_um: tuple[float, float]
    waffle: str

    @property
    def night(self) -> date:
        """Date at which the night began."""
        return self.frame.night

    def site(self) -> Site:
        """The telescope's place, of the header."""
        return Site(*(_number(self.frame, f"ESO TEL {name}") for name in ("GEOLAT", "GEOLON", "GEOELEV")))

    def pointing(self) -> Pointing:
        """Where it looks; only frames on the sky have it.

        Returns
        -------
        Pointing
            Of the header's cards.

        Raises
        ------
        HeaderError
            If a card is missing, the end of the last plane among them, or the place is not of equinox 2000.
        """
        if self.frame.cards.get("ESO DET FRAM UTC") is None:
            raise HeaderError(
                f"{self.frame.path}: ESO DET FRAM UTC is missing, wanted the time its last plane was "
                "written: times and angles of its planes would be wrong; fetch it again",
                self.frame.path,
            )
        number = self._number
        equinox = number("ESO TEL TARG EQUINOX", _EQUINOX)
        if equinox != _EQUINOX:
            raise HeaderError(
                f"{self.frame.path}: ESO TEL TARG EQUINOX is {equinox:g}, wanted {_EQUINOX:g}; "
                "the star's place would be wrong by degrees",
                self.frame.path,
            )
        return Pointing(
            15.0 * unpacked(number("ESO INS4 DROT2 RA")),
            unpacked(number("ESO INS4 DROT2 DEC")),
            15.0 * unpacked(number("ESO TEL TARG ALPHA")),
            unpacked(number("ESO TEL TARG DELTA")),
            number("ESO TEL TARG PMA", 0.0),
            number("ESO TEL TARG PMD", 0.0),
            number("ESO TEL ALT"),
            number("ESO INS4 DROT2 BEGIN"),
            number("ESO INS4 DROT2 POSANG", 0.0),
            number("ESO TEL TARG EPOCH", 2000.0),
        )

    def _number(self, keyword: str, default: float | None = None) -> float:
        return _number(self.frame, keyword, default)


def read_exposure(path: Path) -> Exposure:
    """Parse a raw file's header for a recipe.

    Parameters
    ----------
    path : Path
        A raw file that `reduce.classify.read_raw_frame` accepts.

    Returns
    -------
    Exposure
        Its typed facts.
    """
    frame = read_frame(path, sha256="")
    return Exposure(
        frame,
        _number(frame, "ESO DET SEQ1 REALDIT", frame.dit_s),
        _number(frame, "ESO DET DITDELAY", 0.0),
        frame.mjd_end,
        (_number(frame, "ESO INS1 PAC X", 0.0), _number(frame, "ESO INS1 PAC Y", 0.0)),
        str(frame.cards.get("ESO OCS WAFFLE ORIENT") or "").strip(),
    )


def read_planes(path: Path) -> NDArray[np.float32]:
    """Pixels of a raw file.

    Parameters
    ----------
    path : Path
        Raw file, image in the primary HDU.

    Returns
    -------
    NDArray[np.float32]
        (plane, y, x) adu, native byte order; a single image has one plane.

    Notes
    -----
    InputError if a pixel is not a number, all of a plane are equal, or it is not the whole detector.
    """
    with fits.open(path, memmap=False) as hdus:
        whole_detector(path, hdus[0].shape)
        data = np.asarray(hdus[0].data, dtype=np.float32)
    only_numbers(path, data)
    read_out(path, data)
    return data if data.ndim == 3 else data[None]  # noqa: PLR2004 - (plane, y, x)


def read_parts(path: Path, planes: range, parts: Sequence[tuple[slice, slice]]) -> list[NDArray[np.float32]]:
    """Parts of a raw file's planes, one plane in memory at a time.

    Parameters
    ----------
    path : Path
        Raw file, image in the primary HDU.
    planes : range
        Planes wanted, 0-based.
    parts : Sequence[tuple[slice, slice]]
        (rows, columns) of each part, with start and stop.

    Returns
    -------
    list[NDArray[np.float32]]
        (plane, y, x) adu for each part, native byte order.

    Notes
    -----
    InputError if a pixel of them is not a number, all of a plane are equal, or it is not the whole detector.
    """
    low, high = min(rows.start for rows, _ in parts), max(rows.stop for rows, _ in parts)
    with fits.open(path, memmap=False) as hdus:
        shape, section = hdus[0].shape, hdus[0].section
        whole_detector(path, shape)
        sizes = [
            (len(planes), rows.stop - rows.start, columns.stop - columns.start) for rows, columns in parts
        ]
        read = [np.empty(size, np.float32) for size in sizes]
        for place, number in enumerate(planes):
            band = section[number, low:high] if len(shape) == 3 else section[low:high]  # noqa: PLR2004
            for out, (rows, columns) in zip(read, parts, strict=True):
                out[place] = band[rows.start - low : rows.stop - low, columns]
    only_numbers(path, *read)
    read_out(path, *read)
    return read


def whole_detector(path: Path, shape: tuple[int, ...]) -> None:
    """See that an image is of IRDIS's whole detector.

    Parameters
    ----------
    path : Path
        Its file, for the message.
    shape : tuple[int, ...]
        (y, x) or (plane, y, x).

    Raises
    ------
    InputError
        If it is of another size.
    """
    if len(shape) not in (2, 3) or shape[-2:] != _DETECTOR:
        found = " x ".join(map(str, reversed(shape))) or "no"
        raise InputError(
            f"{path}: an image of {found} px, wanted {_DETECTOR[1]} x {_DETECTOR[0]}, the whole detector; "
            "take it out of the folder",
            path,
        )


def only_numbers(path: Path, *parts: NDArray[np.floating]) -> None:
    """See that every pixel is a number.

    Parameters
    ----------
    path : Path
        Their file, for the message.
    *parts : NDArray[np.floating]
        Pixels.

    Raises
    ------
    InputError
        If one is not.
    """
    unknown = sum(part.size - int(np.isfinite(part).sum()) for part in parts)
    if unknown:
        raise InputError(
            f"{path}: {unknown} pixels are not numbers, wanted none in a raw frame; fetch it again, "
            "or take it out of the folder",
            path,
        )


def read_out(path: Path, *parts: NDArray[np.floating]) -> None:
    """See that the detector was read out: every plane has noise.

    Parameters
    ----------
    path : Path
        Their file, for the message.
    *parts : NDArray[np.floating]
        (y, x) or (plane, y, x).

    Raises
    ------
    InputError
        If all pixels of a plane are equal.
    """
    for part in parts:
        low, high = part.min(axis=(-2, -1)), part.max(axis=(-2, -1))
        if (low == high).any():
            value = float(np.ravel(low)[np.argmax(np.ravel(low == high))])
            raise InputError(
                f"{path}: all pixels of a plane hold the same, {value:g} adu, wanted the detector's noise; "
                "fetch it again, or take it out of the folder",
                path,
            )


def _number(frame: RawFrame, keyword: str, default: float | None = None) -> float:
    cards: Mapping[str, CardValue] = frame.cards
    value = cards.get(keyword, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        found = "missing" if value is None else repr(value)
        raise HeaderError(f"{frame.path}: {keyword} is {found}, wanted a number; fetch it again", frame.path)
    return float(value)
