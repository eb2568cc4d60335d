"""Products that differ in everything an image search can ask for, by construction."""

from datetime import UTC, date, datetime

import numpy as np

from hcvo.catalogue.models import Process, Product
from hcvo.model.sphere import SphericalPolygon

__all__ = ["COLLECTION", "plant_images", "remove_images"]

COLLECTION = "SIA-TEST"
_RELEASED = {"release_time": datetime(2020, 1, 1, tzinfo=UTC)}
_HALF = 0.5 * 2e-3
_NARROW = {
    "s_ra": 100.0, "s_dec": 20.0, "s_fov": 2e-3, "s_resolution": 0.04, "em_min": 1.5e-6, "em_max": 1.7e-6,
    "em_res_power": 12.0, "t_min": 58000.0, "t_max": 58000.1, "t_exptime": 100.0, "t_resolution": 4.0,
    "pol_states": "/I/", "target_name": "HD 1", "facility_name": "VLT UT3", "instrument_name": "SPHERE/IRDIS",
    "dataproduct_type": "image", "calib_level": 3, "mime": "image/fits", "s_xel1": 61, "s_xel2": 61,
    "s_pixel_scale": 0.01225,
}  # fmt: skip
"""Where another row says nothing else."""
_ROWS: dict[str, dict[str, object]] = {
    "first": {},
    "second": {
        "s_ra": 280.0, "s_dec": -30.0, "s_fov": 4e-3, "s_resolution": 0.07, "em_min": 2.0e-6,
        "em_max": 2.3e-6, "em_res_power": 50.0, "t_min": 59000.0, "t_max": 59000.1,
        "t_exptime": 3600.0, "t_resolution": 64.0,
        "pol_states": "/Q/U/", "target_name": "hd 1", "facility_name": "Gemini South",
        "instrument_name": "GPI", "dataproduct_type": "cube", "calib_level": 2, "mime": "application/fits",
        "obs_collection": f"{COLLECTION}-2",
    },
    "unknown": {
        "s_ra": None, "s_dec": None, "s_fov": None, "s_resolution": None, "em_min": None, "em_max": None,
        "em_res_power": None, "t_resolution": None, "pol_states": None, "target_name": "HD 2",
    },
    "pole": {"s_ra": 30.0, "s_dec": 89.99, "target_name": "HD 3"},
    "seam": {"s_ra": 0.0001, "s_dec": 5.0, "target_name": "HD 4"},
    "table": {"dataproduct_type": "measurements"},
}  # fmt: skip
"""Name to what differs; `table` is no image, and no search may show it."""


def plant_images() -> dict[str, str]:
    """Plant the rows, of one process.

    Returns
    -------
    dict[str, str]
        Name of a row to its access key.
    """
    now = datetime.now(UTC)
    process = Process.objects.create(
        recipe="sia", version="1", digest="1" * 64, state="done", started=now, ended=now, host="test",
        **_RELEASED,
    )  # fmt: skip
    return {name: _plant(name, process, _NARROW | changed) for name, changed in _ROWS.items()}


def remove_images() -> None:
    """Take all of them away again."""
    Product.objects.filter(obs_collection__startswith=COLLECTION).delete()
    Process.objects.filter(recipe="sia").delete()


def _plant(name: str, process: Process, facts: dict[str, object]) -> str:
    ra, dec = facts["s_ra"], facts["s_dec"]
    made = Product.objects.create(
        process=process,
        accref=f"Sia/{name}.fits",
        name=f"{name}.fits",
        size=2880,
        sha256="2" * 64,
        kind="image",
        algorithm="pca",
        dataproduct_subtype="hci.image",
        obs_id=f"SIA.{name}",
        night=date(2018, 1, 1),
        ncombine=1,
        dit=1.0,
        match_level=0,
        s_region=_square(ra, dec) if isinstance(ra, float) and isinstance(dec, float) else None,
        **{"obs_collection": COLLECTION} | facts,
        **_RELEASED,
    )
    return made.accref


def _square(ra: float, dec: float) -> SphericalPolygon:
    width = _HALF / np.cos(np.radians(dec))
    corners = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return SphericalPolygon(tuple(((ra + i * width) % 360, dec + j * _HALF) for i, j in corners))
