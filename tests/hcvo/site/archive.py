"""A small archive for tests of the services: one sequence with its products, one of them private."""

import base64
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
from astropy.io import fits

from hcvo.catalogue.models import (
    Contrast,
    Detection,
    Observation,
    Process,
    ProcessInput,
    Product,
    Programme,
    RawFrame,
    Target,
)
from hcvo.catalogue.setup import setup_django
from hcvo.config import Settings
from hcvo.model.sphere import SphericalPolygon
from hcvo.store import sha256_of

__all__ = ["DEC", "RA", "Planted", "plant"]

RA, DEC = 86.82118, -51.06651
OBS_ID = "SPHERE.IRDIS.2000001.2018-04-20T23:59:00"
_NIGHT = date(2018, 4, 20)
_MJD = 58229.0
_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
_SIZES = {"image": (11, 11), "residual": (2, 11, 11), "snr": (3, 11, 11), "cube": (2, 4, 11, 11)}
_MEASURED = ("contrast", "candidates")


@dataclass(frozen=True, slots=True)
class Planted:
    """Kind of product to the path of its file; access keys are paths below the store."""

    settings: Settings
    files: dict[str, Path]
    raw: Path

    def accref(self, kind: str) -> str:
        return str(self.files[kind].relative_to(self.settings.store))

    def did(self, kind: str) -> str:
        return f"ivo://{self.settings.dachs.authority}/~?{self.accref(kind)}"


def plant(settings: Settings) -> Planted:
    """Plant the archive; `embargoed` is an image that becomes public in ten years."""
    setup_django(settings)
    released = {"release_time": datetime(2020, 1, 1, tzinfo=UTC)}
    observation = _observation(released)
    raw = _raw(settings, "SPHER.2018-04-21T00:00:00.000", "SCIENCE", "OBJECT", observation, released)
    dark_raw = _raw(settings, "SPHER.2018-04-21T12:00:00.000", "CALIB", "DARK", None, released)
    RawFrame.objects.filter(pk=dark_raw.pk).update(at_eso=False)  # a simulated one
    files: dict[str, Path] = {}
    making = _process("irdis_dark", released)
    dark = _product(settings, files, "dark", 1, "calib", making, None, released)
    _read(making, "dark", dark_raw, None)
    making = _process("irdis_cube", released)
    cube = _product(settings, files, "cube", 2, "l1", making, observation, released)
    _product(settings, files, "psf", 2, "l1", making, observation, released)
    _read(making, "science", raw, None)
    _read(making, "dark", None, dark)
    making = _process("pca", released)
    for kind in ("residual", "image", "snr", "contrast", "candidates"):
        made = _product(settings, files, kind, 3, "pca", making, observation, released)
        _measure(kind, made, released)
    _read(making, "cube", None, cube)
    later = {"release_time": datetime.now(UTC) + timedelta(days=3650)}
    making = _process("cadi", later)
    _product(settings, files, "embargoed", 3, "cadi", making, observation, later)
    return Planted(settings, files, Path(raw.path))


def _observation(released: dict[str, datetime]) -> Observation:
    target = Target.objects.create(
        main_name="* bet Pic",
        names=["beta Pic", "HD 39060"],
        ra=RA,
        dec=DEC,
        source="dictionary",
        mag_h=3.5,
        sp_type="A6V",
        age=23.0,
        references={"age": "2014MNRAS.445.2169M"},
    )
    programme, _ = Programme.objects.get_or_create(programme="0101.C-0001(A)", title="A planted programme")
    return Observation.objects.create(
        obs_id=OBS_ID,
        group_key="SPHERE IRDIS 2000001",
        target=target,
        programme=programme,
        instrument="SPHERE",
        arm="IRDIS",
        night=_NIGHT,
        filter="DB_H23",
        t_min=_MJD,
        t_max=_MJD + 0.04,
        t_exptime=1536.0,
        n_frames=1,
        n_science=1,
        s_ra=RA,
        s_dec=DEC,
        **released,
    )


def _raw(
    settings: Settings,
    dp_id: str,
    category: str,
    kind: str,
    observation: Observation | None,
    released: dict[str, datetime],
) -> RawFrame:
    path = settings.raw / f"{dp_id}.fits"
    path.write_bytes(_fits((4, 8, 8), kind))
    return RawFrame.objects.create(
        dp_id=dp_id,
        accref=f"raw/{dp_id}.fits",
        path=str(path),
        sha256=sha256_of(path),
        size=path.stat().st_size,
        observation=observation,
        instrument="SPHERE",
        arm="IRDIS",
        frame_class="IRD_SCIENCE_DBI_RAW" if observation else "IRD_DARK_RAW",
        category=category,
        kind=kind,
        technique="IMAGE,DUAL",
        mjd_obs=_MJD,
        mjd_end=_MJD + 0.01,
        night=_NIGHT,
        dit=32.0,
        ndit=4,
        cards={},
        **released,
    )


def _process(recipe: str, released: dict[str, datetime]) -> Process:
    now = datetime.now(UTC)
    return Process.objects.create(
        recipe=recipe,
        parameters={"components": 5} if recipe == "pca" else {},
        version="1",
        digest="0" * 64,
        state="done",
        started=now,
        ended=now,
        host="test",
        **released,
    )


def _read(process: Process, role: str, raw: RawFrame | None, product: Product | None) -> None:
    entity = raw or product
    assert entity is not None
    ProcessInput.objects.create(
        process=process,
        role=role,
        name=raw.dp_id if raw else getattr(product, "name", ""),
        sha256=entity.sha256,
        raw_frame=raw,
        product=product,
        release_time=process.release_time,
    )


def _product(
    settings: Settings,
    files: dict[str, Path],
    kind: str,
    level: int,
    algorithm: str,
    process: Process,
    observation: Observation | None,
    released: dict[str, datetime],
) -> Product:
    name = f"{OBS_ID}_DB_H23_{algorithm}_{kind}_{process.pk}.fits".replace(":", "-")
    path = settings.store / "2018-04-20" / name
    path.parent.mkdir(exist_ok=True)
    sizes = _SIZES.get(kind, (11, 11))
    path.write_bytes(_fits(sizes, kind))
    path.with_suffix(".png").write_bytes(_PNG)
    files[kind] = path
    place = {"s_ra": RA, "s_dec": DEC, "s_fov": 2e-3, "s_region": _square(1e-3)} if observation else {}
    return Product.objects.create(
        process=process,
        observation=observation,
        target=observation.target if observation else None,
        accref=str(path.relative_to(settings.store)),
        name=name,
        size=path.stat().st_size,
        sha256=sha256_of(path),
        preview=str(path.with_suffix(".png").relative_to(settings.store)),
        kind="image" if kind == "embargoed" else kind,
        algorithm=algorithm,
        dataproduct_type="measurements" if kind in _MEASURED else "cube" if len(sizes) > 2 else "image",
        dataproduct_subtype=f"hci.{kind}",
        calib_level=level,
        obs_collection="SPHERE",
        obs_id=OBS_ID,
        target_name="* bet Pic" if observation else "",
        facility_name="ESO-VLT-U3",
        instrument_name="SPHERE/IRDIS",
        s_xel1=11,
        s_xel2=11,
        em_xel=sizes[0] if len(sizes) > 2 else 1,
        t_xel=sizes[1] if len(sizes) > 3 else 1,
        t_min=_MJD,
        t_max=_MJD + 0.04,
        t_exptime=1536.0,
        em_min=1.5e-6,
        em_max=1.7e-6,
        o_ucd="phot.flux;arith.ratio",
        night=_NIGHT,
        ncombine=48,
        dit=32.0,
        match_level=0,
        **place,
        **released,
    )


def _measure(kind: str, product: Product, released: dict[str, datetime]) -> None:
    if kind == "contrast":
        Contrast.objects.create(
            product=product,
            channel=-1,
            em_mid=1.6e-6,
            sep_mas=500.0,
            contrast=1e-5,
            dmag=12.5,
            nsigma=5.0,
            small_sample=True,
            throughput_corr=True,
            coronagraph_corr=False,
            **released,
        )
    if kind == "candidates":
        Detection.objects.create(
            product=product,
            candidate=1,
            channel=-1,
            em_mid=1.6e-6,
            sep_mas=400.0,
            pa=31.0,
            ra=RA,
            dec=DEC,
            x=5.0,
            y=5.0,
            snr=17.0,
            significance=9.0,
            **released,
        )


def _square(half: float) -> SphericalPolygon:
    width = half / np.cos(np.radians(DEC))
    return SphericalPolygon(
        tuple((RA + i * width, DEC + j * half) for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1)))
    )


def _fits(shape: tuple[int, ...], title: str) -> bytes:
    stream = BytesIO()
    hdu = fits.PrimaryHDU(np.zeros(shape, np.float32))
    hdu.header["OBJECT"] = title
    hdu.writeto(stream, checksum=True)
    return stream.getvalue()
