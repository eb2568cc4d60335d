"""A row of every table of the catalogue, by the tables' own columns: new ones come in by themselves.

Texts carry the token of their family, numbers of double precision are drawn from a family's own sequence:
either is found in an answer wherever it comes from.
"""

import io
import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from PIL import Image, PngImagePlugin

from hcvo.catalogue.fields import PolygonField, RealField
from hcvo.catalogue.models import Process, ProcessInput, Product, RawFrame
from hcvo.catalogue.models.rights import GUARD_COLUMNS, Guarded
from hcvo.config import Settings
from hcvo.headers.wcs import celestial_header
from hcvo.model.sphere import SphericalPolygon
from hcvo.store import sha256_of

__all__ = ["STATES", "Family", "plant", "remove"]

_PAST = datetime(2020, 1, 1, tzinfo=UTC)
_SIZE = 41
STATES: dict[str, dict[str, Any]] = {
    "embargoed": {"release_time": datetime.now(UTC) + timedelta(days=3650)},
    "never": {"release_time": None},
    "unvalidated": {"release_time": _PAST, "validated": False},
    "withdrawn": {"release_time": _PAST, "withdrawn": True},
    "workspace": {"release_time": _PAST, "workspace": "zq-workspace", "owner": "zq-owner"},
}
"""Name of each way not to be public to its guard columns."""


@dataclass(slots=True)
class Family:
    """One row of every table, all with the same rights.

    Attributes
    ----------
    token : str
        In every text of it, and in its files.
    ra, dec : float
        Where it lies, deg.
    rows : dict[type[models.Model], models.Model]
        Its rows.
    numbers : list[float]
        Its numbers of double precision.
    files : list[Path]
        Its files.
    light : float
        Value of every pixel of its image.
    """

    token: str
    ra: float
    dec: float
    light: float
    rows: dict[type[models.Model], models.Model] = field(default_factory=dict)
    numbers: list[float] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)

    @property
    def product(self) -> Product:
        """Its image."""
        found = self.rows[Product]
        assert isinstance(found, Product)
        return found

    @property
    def frame(self) -> RawFrame:
        """Its raw frame."""
        found = self.rows[RawFrame]
        assert isinstance(found, RawFrame)
        return found

    @property
    def pixels(self) -> bytes:
        """Four pixels of its image, as FITS has them."""
        return struct.pack(">f", self.light) * 4


def plant(settings: Settings, name: str, guard: Mapping[str, Any], beside: Family | None = None) -> Family:
    """Plant a family.

    Parameters
    ----------
    settings : Settings
        A site whose cluster runs.
    name : str
        What its token is made of.
    guard : Mapping[str, Any]
        Its rights.
    beside : Family | None
        A public family: this one's product is then of the same process, observation and target, and
        the public process says that it read this one's frame and product.

    Returns
    -------
    Family
        With its files written.
    """
    number = zlib.crc32(name.encode())
    token = f"Zq{name}{number:08x}"
    draw = np.random.default_rng(number)
    family = Family(token, *_place(draw), light=round(float(draw.uniform(1e5, 9e5)), 3))
    with transaction.atomic():
        for model in _ordered():
            family.rows[model] = _row(settings, family, model, guard, draw)
        if beside is not None:
            _put_beside(family, beside)
    return family


def remove(families: list[Family]) -> None:
    """Take rows and files of families away."""
    with transaction.atomic():
        ProcessInput.objects.filter(name__startswith="Zq").delete()
        for model in reversed(_ordered()):
            keys = [one.rows[model].pk for one in families]
            # As the database has it: Django's own cascade would look at rows that go anyway.
            model._base_manager.filter(pk__in=keys)._raw_delete("default")
    for path in [path for one in families for path in one.files]:
        path.unlink(missing_ok=True)


def _place(draw: np.random.Generator) -> tuple[float, float]:
    return round(float(draw.uniform(200, 250)), 9), round(float(draw.uniform(-70, -40)), 9)


def _ordered() -> list[type[models.Model]]:
    """Tables of the catalogue, those pointed to before those that point."""
    left = sorted(apps.get_app_config("catalogue").get_models(), key=lambda model: model.__name__)
    ordered: list[type[models.Model]] = []
    while left:
        ready = [model for model in left if not _pointed_to(model) & set(left) - {model}]
        assert ready, f"{left} point to each other"
        ordered += ready
        left = [model for model in left if model not in ready]
    return ordered


def _pointed_to(model: type[models.Model]) -> set[type[models.Model]]:
    if model is Process:
        return set()
    return {found.related_model for found in model._meta.fields if isinstance(found, models.ForeignKey)}


def _row(
    settings: Settings,
    family: Family,
    model: type[models.Model],
    guard: Mapping[str, Any],
    draw: np.random.Generator,
) -> models.Model:
    values: dict[str, Any] = dict(guard) if issubclass(model, Guarded) else {}
    values |= _given(settings, family, model)
    for column in model._meta.concrete_fields:
        if column.name not in values and column.name not in GUARD_COLUMNS and not column.auto_created:
            values[column.name] = _value(family, model, column, draw)
    return model._default_manager.create(**values)


def _given(settings: Settings, family: Family, model: type[models.Model]) -> dict[str, Any]:
    """What must be so that the services take the row for what it is."""
    if model is Product:
        return _image(settings, family)
    if model is RawFrame:
        return _frame(settings, family)
    return _process(settings, family) if model is Process else {}


_NAMES = {"obs_id": "obs", "dp_id": "raw", "main_name": "star", "target_name": "star"}
"""Columns by which rows of different tables know each other."""


def _value(
    family: Family, model: type[models.Model], column: "models.Field[Any, Any]", draw: np.random.Generator
) -> Any:  # noqa: ANN401 - as many types as columns
    if column.choices:
        return column.choices[0][0]
    if isinstance(column, models.ForeignKey):
        return family.rows.get(column.related_model)
    simple = _SIMPLE.get(type(column))
    if simple is not None:
        return simple(family)
    if isinstance(column, models.FloatField):
        value = _number(family, column, draw)
        if not isinstance(column, RealField):
            family.numbers.append(value)
        return value
    if isinstance(column, models.IntegerField):
        return int(draw.integers(1, 9))
    assert isinstance(column, models.TextField | models.CharField), f"{model.__name__}.{column.name}"
    name = _NAMES.get(column.name, f"{model.__name__}-{column.name}")
    return f"{family.token}-{name}"[: column.max_length]


_SIMPLE: dict[type, Any] = {
    ArrayField: lambda family: [f"{family.token}-array"],
    PolygonField: lambda family: _square(family.ra, family.dec),
    models.DateField: lambda _: date(1987, 2, 23),
    models.DateTimeField: lambda _: datetime(1987, 2, 23, tzinfo=UTC),
    models.BooleanField: lambda _: True,
    models.JSONField: lambda family: {family.token: family.token},
}


def _number(family: Family, column: "models.Field[Any, Any]", draw: np.random.Generator) -> float:
    near = {"ra": family.ra, "s_ra": family.ra, "dec": family.dec, "s_dec": family.dec}
    wanted = {"s_fov": 1e-3, "em_min": 1.5e-6, "em_max": 1.7e-6}
    return near.get(column.name) or wanted.get(column.name) or round(float(draw.uniform(11, 89)), 9)


def _square(ra: float, dec: float) -> SphericalPolygon:
    half = 5e-4
    corners = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return SphericalPolygon(
        tuple((ra + i * half / np.cos(np.radians(dec)), dec + j * half) for i, j in corners)
    )


def _image(settings: Settings, family: Family) -> dict[str, Any]:
    path = settings.store / "Zq" / f"{family.token}.fits"
    path.parent.mkdir(exist_ok=True)
    header = celestial_header(_SIZE, 12.25, family.ra, family.dec)
    header["OBJECT"] = f"{family.token}-card"
    pixels = np.full((_SIZE, _SIZE), family.light, np.float32)
    fits.PrimaryHDU(pixels, header).writeto(path, checksum=True, overwrite=True)
    preview = path.with_suffix(".png")
    preview.write_bytes(_png(family))
    family.files += [path, preview]
    return {
        "accref": str(path.relative_to(settings.store)), "name": path.name, "size": path.stat().st_size,
        "sha256": sha256_of(path), "preview": str(preview.relative_to(settings.store)), "mime": "image/fits",
        "kind": "image", "dataproduct_type": "image", "calib_level": 3, "pol_states": "/I/",
    }  # fmt: skip


def _png(family: Family) -> bytes:
    told = PngImagePlugin.PngInfo()
    told.add_text("Title", f"{family.token}-preview")
    stream = io.BytesIO()
    Image.new("RGB", (16, 16), (13, 17, 19)).save(stream, "PNG", pnginfo=told)
    return stream.getvalue()


def _frame(settings: Settings, family: Family) -> dict[str, Any]:
    path = settings.raw / f"{family.token}-raw.fits"
    hdu = fits.PrimaryHDU(np.full((8, 8), family.light, np.float32))
    hdu.header["OBJECT"] = f"{family.token}-card"
    hdu.writeto(path, checksum=True, overwrite=True)
    family.files.append(path)
    return {
        "dp_id": f"{family.token}-raw", "accref": f"raw/{path.name}", "path": str(path),
        "size": path.stat().st_size, "sha256": sha256_of(path),
    }  # fmt: skip


def _process(settings: Settings, family: Family) -> dict[str, Any]:
    path = settings.logs / "processes" / f"{family.token}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"event": "done", "note": f"{family.token}-log"}) + "\n")
    family.files.append(path)
    return {"state": "done", "log": str(path)}


def _put_beside(family: Family, public: Family) -> None:
    """Tie a private product to all that is public of its neighbour, whose process says that it read it."""
    process = public.product.process
    Product.objects.filter(pk=family.product.pk).update(
        process=process,
        observation=public.product.observation,
        target=public.product.target,
        obs_id=public.product.obs_id,
        target_name=public.product.target_name,
    )
    open_to_all = {name: getattr(process, name) for name in GUARD_COLUMNS}
    for role, found in (("cube", {"product": family.product}), ("science", {"raw_frame": family.frame})):
        ProcessInput.objects.create(
            process=process, role=role, name=f"{family.token}-{role}", sha256="0" * 64, **found, **open_to_all
        )
