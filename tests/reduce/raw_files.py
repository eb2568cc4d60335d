"""Raw files for tests: real headers with sparse pixels, and small headers with what a case needs."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.time import Time

_BLOCK = 2880
_SITE = {"ESO TEL GEOLAT": -24.6268, "ESO TEL GEOLON": -70.4045, "ESO TEL GEOELEV": 2648.0}


def real_raw(text: Path, folder: Path) -> Path:
    """A header as ESO serves it, and the data unit it announces, sparse on disk."""
    lines = text.read_text(encoding="ascii").splitlines()
    # ESO's text writes long HIERARCH cards with blanks that the file has no room for
    cards = [line if len(line) <= 80 else line.replace(" = ", "=", 1).removesuffix(" /") for line in lines]
    raw = "".join(card[:80].ljust(80) for card in cards if card.strip() != "END") + "END".ljust(80)
    header = raw.ljust(-(-len(raw) // _BLOCK) * _BLOCK).encode("ascii")
    axes = {
        line[:6]: int(line[10:].split("/")[0])
        for line in lines
        if line.startswith("NAXIS") and line[5].isdigit()
    }
    size = 4 * int(np.prod(list(axes.values())))
    path = folder / text.name.replace(".hdr.txt", ".fits")
    path.write_bytes(header)
    os.truncate(path, len(header) + -(-size // _BLOCK) * _BLOCK)
    return path


def irdis_cards(
    kind: str = "OBJECT",
    start: str = "2018-04-21T03:26:29.634",
    *,
    dit: float = 16.0,
    ndit: int = 2,
    **changes: object,
) -> dict[str, object]:
    """Cards of an IRDIS frame; a change names a keyword with '_' for blanks, None drops it."""
    begin = datetime.fromisoformat(start).replace(tzinfo=UTC)
    end = begin + timedelta(seconds=ndit * (dit + 1.0))
    calibration = kind in ("DARK", "DARK,BACKGROUND", "FLAT,LAMP")
    cards: dict[str, object] = {
        "TELESCOP": "ESO-VLT-U3",
        "INSTRUME": "SPHERE",
        "OBJECT": kind if calibration else "PLANTED 1",
        "DATE-OBS": start,
        "MJD-OBS": round(Time(start, scale="utc").mjd, 8),
        "EXPTIME": dit,
        "ESO DPR CATG": "CALIB" if calibration else "SCIENCE",
        "ESO DPR TYPE": kind,
        "ESO DPR TECH": "IMAGE" if calibration else "IMAGE,DUAL,CORONOGRAPHY",
        "ESO SEQ ARM": "IRDIS",
        "ESO DET SEQ1 DIT": dit,
        "ESO DET SEQ1 REALDIT": dit,
        "ESO DET DITDELAY": 0.2,
        "ESO DET NDIT": ndit,
        "ESO DET FRAM UTC": end.strftime("%Y-%m-%dT%H:%M:%S.%f"),
        "ESO DET READ CURNAME": "Nondest",
        "ESO INS COMB IFLT": "DB_H23",
        "ESO INS COMB ICOR": "N_ALC_YJH_S",
        "ESO INS4 FILT2 NAME": "OPEN",
        "ESO INS4 DROT2 MODE": "STAT" if calibration else "ELEV",
        "ESO INS1 PAC X": 0.0,
        "ESO INS1 PAC Y": 0.0,
        "ESO OBS ID": 99 if calibration else 4711,
        "ESO OBS PROG ID": "099.C-0001(A)",
        "ARCFILE": f"SPHER.{start}.fits",
    }
    if not calibration:
        cards |= {
            "RA": 197.928,
            "DEC": -37.404,
            "ESO OBS TARG NAME": "PLANTED 1",
            **_SITE,
            "ESO INS4 DROT2 RA": 131248.5,
            "ESO INS4 DROT2 DEC": -373012.5,
            "ESO INS4 DROT2 BEGIN": 30.0,
            "ESO INS4 DROT2 POSANG": 0.0,
            "ESO TEL ALT": 62.0,
            "ESO TEL TARG ALPHA": 131142.8,
            "ESO TEL TARG DELTA": -372415.0,
            "ESO TEL TARG PMA": -0.0314,
            "ESO TEL TARG PMD": -0.0182,
        }
    cards |= {key.replace("_", " "): value for key, value in changes.items()}
    return {key: value for key, value in cards.items() if value is not None}


def write_raw(folder: Path, cards: dict[str, object], data: np.ndarray | None = None) -> Path:
    """Write a raw file named as ESO names it; without data, 4 x 6 pixels a plane."""
    planes = int(str(cards.get("ESO DET NDIT", 1)))
    pixels = np.zeros((planes, 4, 6), np.float32) if data is None else data.astype(np.float32)
    hdu = fits.PrimaryHDU(pixels)
    for key, value in cards.items():
        hdu.header[f"HIERARCH {key}" if key.startswith("ESO ") else key] = value
    path = folder / str(cards.get("ARCFILE", "no_name.fits"))
    hdu.writeto(path)
    return path
