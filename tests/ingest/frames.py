"""Small raw frames with the cards that the reader and the catalogue look at."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.time import Time

START = datetime(2015, 2, 3, 5, 10, 20, 456000, tzinfo=UTC)
BET_PIC = (86.821210, -51.066165)  # with its proper motion to 2015.1
OB_START = "2015-02-03T04:50:11"

SCIENCE = ("SCIENCE", "OBJECT", "IMAGE,DUAL,CORONOGRAPHY", "IRDIS")
CENTER = ("SCIENCE", "OBJECT,CENTER", "IMAGE,DUAL,CORONOGRAPHY", "IRDIS")
FLUX = ("SCIENCE", "OBJECT,FLUX", "IMAGE,DUAL", "IRDIS")
DARK = ("CALIB", "DARK", "IMAGE", "IRDIS")
SPARTA = ("SCIENCE", "OBJECT,AO", "IMAGE", "")


def dp_id(minute: float) -> str:
    moment = START + timedelta(minutes=minute)
    return "SPHER." + moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]


def header(
    dpr: tuple[str, str, str, str] = SCIENCE,
    minute: float = 0.0,
    *,
    target: str = "beta_Pic",
    pointing: tuple[float, float] | None = BET_PIC,
    ob_id: int | None = 1000123,
    dit: float = 4.0,
    ndit: int = 3,
) -> fits.Header:
    category, kind, technique, arm = dpr
    begin = START + timedelta(minutes=minute)
    cards = fits.Header()
    cards["INSTRUME"] = "SPHERE"
    cards["TELESCOP"] = "ESO-VLT-U3"
    cards["ARCFILE"] = dp_id(minute) + ".fits"
    cards["DATE-OBS"] = begin.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-2]
    cards["MJD-OBS"] = round(float(Time(begin).mjd), 8)
    cards["OBJECT"] = target
    if pointing is not None:
        cards["RA"], cards["DEC"] = pointing
    cards["HIERARCH ESO DPR CATG"] = category
    cards["HIERARCH ESO DPR TYPE"] = kind
    cards["HIERARCH ESO DPR TECH"] = technique
    if arm:
        cards["HIERARCH ESO SEQ ARM"] = arm
    if ob_id is not None:
        cards["HIERARCH ESO OBS ID"] = ob_id
        cards["HIERARCH ESO OBS START"] = OB_START
        cards["HIERARCH ESO OBS PROG ID"] = "095.C-0298(A)"
        cards["HIERARCH ESO OBS TARG NAME"] = target
    cards["HIERARCH ESO DET SEQ1 DIT"] = dit
    cards["HIERARCH ESO DET NDIT"] = ndit
    cards["HIERARCH ESO INS COMB IFLT"] = "DB_H23"
    cards["HIERARCH ESO INS COMB ICOR"] = "N_ALC_YJH_S"
    cards["HIERARCH ESO INS4 DROT2 MODE"] = "ELEV"
    return cards


def write_frame(folder: Path, cards: fits.Header, name: str | None = None) -> Path:
    """Write a frame of 8 by 4 pixels a plane; its name is the dp_id's unless given."""
    path = folder / (name or cards["ARCFILE"].replace(":", "_"))
    planes = cards["HIERARCH ESO DET NDIT"]
    data = np.arange(planes * 32, dtype=np.float32).reshape(planes, 4, 8)
    fits.PrimaryHDU(data, cards).writeto(path)
    return path


def write_telemetry(folder: Path, minute: float, r0_m: list[float], wind_m_s: list[float]) -> Path:
    """Write a SPARTA file with one sample a minute."""
    cards = header(SPARTA, minute)
    begin = (START + timedelta(minutes=minute)).timestamp()
    seconds = [begin + 60.0 * number for number in range(len(r0_m))]
    columns = [
        fits.Column("Sec", "J", array=[int(second) for second in seconds]),
        fits.Column("USec", "J", array=[int(second % 1 * 1e6) for second in seconds]),
        fits.Column("R0", "E", array=r0_m),
        fits.Column("WindSpeed", "E", array=wind_m_s),
        fits.Column("StrehlRatio", "E", array=[0.8] * len(r0_m)),
    ]
    table = fits.BinTableHDU.from_columns(columns, name="AtmPerfParams")
    path = folder / (dp_id(minute).replace(":", "_") + ".fits")
    fits.HDUList([fits.PrimaryHDU(None, cards), table]).writeto(path)
    return path
