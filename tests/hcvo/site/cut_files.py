"""Product files to be cut: every layout the archive has, each with one bright pixel at a known place."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from hcvo.catalogue.models import Process, Product
from hcvo.config import Settings
from hcvo.headers.wcs import celestial_header
from hcvo.store import sha256_of

__all__ = ["COLLECTION", "SIZE", "SOURCE", "CutFile", "plant_files", "remove_files"]

COLLECTION = "SODA-TEST"
SIZE = 61
SOURCE = (41, 22)
"""x and y of the bright pixel, from 0."""
_SCALE_MAS = 12.25
_WAVELENGTHS_UM = (1.59, 1.67)


@dataclass(frozen=True, slots=True)
class CutFile:
    """A planted file.

    Attributes
    ----------
    path : Path
        Where it lies.
    did : str
        Its identifier.
    hdu : int
        HDU with the array.
    """

    path: Path
    did: str
    hdu: int

    @property
    def wcs(self) -> WCS:
        """Celestial coordinates of its array."""
        return WCS(fits.getheader(self.path, self.hdu), naxis=2)


def plant_files(settings: Settings) -> dict[str, CutFile]:
    """Plant the files; `private` becomes public in ten years, `table` holds no image.

    Parameters
    ----------
    settings : Settings
        A running site.

    Returns
    -------
    dict[str, CutFile]
        Name to file.
    """
    files = {
        "image": [fits.PrimaryHDU(_array(), _header(150.0, -20.0))],
        "seam": [fits.PrimaryHDU(_array(), _header(0.00001, 10.0))],
        "pole": [fits.PrimaryHDU(_array(), _header(40.0, 89.99997))],
        "stack": _stack(),
        "cube": _cube(),
        "ifs": _ifs(),
        "private": _ifs(),
        "table": [fits.PrimaryHDU(), fits.BinTableHDU.from_columns([fits.Column("A", "D", array=[1.0])])],
    }
    return {name: _plant(settings, name, hdus) for name, hdus in files.items()}


def remove_files(settings: Settings) -> None:
    """Take all of them away again."""
    for product in Product.objects.filter(obs_collection=COLLECTION):
        (settings.store / product.accref).unlink(missing_ok=True)
    Product.objects.filter(obs_collection=COLLECTION).delete()
    Process.objects.filter(recipe="soda").delete()


def _array(*planes: int) -> np.ndarray:
    """Noise with the bright pixel; each plane 10 times its number brighter."""
    shape = (*planes, SIZE, SIZE)
    array = np.random.default_rng(7).normal(size=shape)
    array[..., SOURCE[1], SOURCE[0]] = 1000.0
    number = np.arange(int(np.prod(planes, initial=1))).reshape(*planes, 1, 1)
    return (array + 10.0 * number).reshape(shape).astype(np.float32)


def _header(ra: float, dec: float, angle: float = 0.0, extra: tuple[str, ...] = ()) -> fits.Header:
    header = celestial_header(SIZE, _SCALE_MAS, ra, dec, angle_deg=angle, extra_axes=extra)
    header["OBJECT"] = ("HD 1", "target as the PI named it")
    header["PROV1"] = "SPHER.2015-02-03T01:02:03.456"
    header["HIERARCH ESO INS COMB ICOR"] = "N_ALC_YJH_S"
    return header


def _stack() -> list[fits.PrimaryHDU]:
    """Residuals of two channels and their stack."""
    header = _header(150.0, -20.0, extra=("CHANNEL",))
    for number, wavelength in enumerate(_WAVELENGTHS_UM, start=1):
        header[f"WAVLEN{number}"] = (wavelength, "[um] wavelength")
    return [fits.PrimaryHDU(_array(3), header)]


def _cube() -> list[fits.PrimaryHDU | fits.ImageHDU | fits.BinTableHDU | fits.CompImageHDU]:
    """A level 1 cube, (channel, time, y, x), turned on the sky, with its tables and planes of quality."""
    header = _header(150.0, -20.0, angle=47.0, extra=("TIME", "CHANNEL"))
    channels = [
        fits.Column("WAVELENGTH", "D", "um", array=np.array(_WAVELENGTHS_UM)),
        fits.Column("WIDTH", "D", "um", array=[0.05, 0.05]),
    ]
    angles = [fits.Column("ANGLE", "D", "deg", array=np.linspace(0.0, 40.0, 5))]
    quality = np.zeros((2, 5, SIZE, SIZE), np.int16)
    quality[..., SOURCE[1], SOURCE[0]] = 4
    return [
        fits.PrimaryHDU(_array(2, 5), header),
        fits.BinTableHDU.from_columns(angles, name="DEROTATION"),
        fits.BinTableHDU.from_columns(channels, name="CHANNELS"),
        fits.ImageHDU(np.ones((2, 29, 29), np.float32), name="PSF"),
        fits.CompImageHDU(quality, name="QUALITY", compression_type="RICE_1"),
        fits.CompImageHDU(
            _array(2, 5) ** 2,
            name="VARIANCE",
            compression_type="GZIP_2",
            quantize_level=0.0,
            tile_shape=(1, 1, SIZE, SIZE),
        ),
    ]


def _ifs() -> list[fits.PrimaryHDU | fits.ImageHDU]:
    """A cube after ESO's Phase 3 standard: primary HDU empty, DATA, ERROR and QUALITY."""
    primary = fits.PrimaryHDU()
    primary.header["PRODCATG"] = "SCIENCE.CUBE.IFS"
    primary.header["RA"] = 150.0
    header = _header(150.0, -20.0)
    header["WCSAXES"] = 3
    header["CTYPE3"], header["CUNIT3"] = "WAVE", "um"
    header["CRPIX3"], header["CRVAL3"], header["CD3_3"] = 1.0, 1.0, 0.1
    header["HDUCLASS"], header["HDUCLAS1"], header["HDUCLAS2"] = "ESO", "IMAGE", "DATA"
    quality = header.copy()
    quality["HDUCLAS2"] = "QUALITY"
    return [
        primary,
        fits.ImageHDU(_array(6), header, name="DATA"),
        fits.ImageHDU(0.1 * _array(6), header, name="ERROR"),
        fits.ImageHDU(np.zeros((6, SIZE, SIZE), np.int16), quality, name="QUALITY"),
    ]


def _plant(settings: Settings, name: str, hdus: list[fits.PrimaryHDU]) -> CutFile:
    path = settings.store / "Soda" / f"{name}.fits"
    path.parent.mkdir(exist_ok=True)
    fits.HDUList(hdus).writeto(path, checksum=True, overwrite=True)
    now = datetime.now(UTC)
    terms = {"release_time": now + timedelta(days=3650 if name == "private" else -1)}
    process = Process.objects.create(
        recipe="soda",
        version="1",
        digest="3" * 64,
        state="done",
        started=now,
        ended=now,
        host="test",
        **terms,
    )
    accref = str(path.relative_to(settings.store))
    Product.objects.create(
        process=process,
        accref=accref,
        name=f"soda-{name}.fits",
        size=path.stat().st_size,
        sha256=sha256_of(path),
        kind=name,
        algorithm="pca",
        dataproduct_type={"table": "measurements", "image": "image"}.get(name, "cube"),
        dataproduct_subtype=f"hci.{name}",
        calib_level=3,
        obs_collection=COLLECTION,
        obs_id=f"SODA.{name}",
        facility_name="ESO-VLT-U3",
        instrument_name="SPHERE/IFS",
        t_min=58000.0,
        t_max=58000.1,
        t_exptime=1.0,
        night=date(2018, 1, 1),
        ncombine=1,
        dit=1.0,
        match_level=0,
        **terms,
    )
    hdu = 1 if name in {"ifs", "private"} else 0
    return CutFile(path, f"ivo://{settings.dachs.authority}/~?{accref}", hdu)
