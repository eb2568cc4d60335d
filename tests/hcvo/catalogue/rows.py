"""Rows by hand: what a view shows does not depend on how they came in."""

import itertools
from datetime import date, datetime
from typing import Any

from django.utils import timezone

from hcvo.catalogue.models import (
    AoCondition,
    Contrast,
    Detection,
    MissingCalibration,
    Observation,
    Process,
    ProcessInput,
    Product,
    Programme,
    QualityNumber,
    RawFrame,
    SciencePlane,
    Target,
)
from hcvo.model.sphere import SphericalPolygon

_number = itertools.count(1)
SQUARE = SphericalPolygon(((10.0, -20.0), (10.001, -20.0), (10.001, -19.999), (10.0, -19.999)))


def rights(
    release_time: datetime | None, *, validated: bool = True, withdrawn: bool = False, workspace: str = ""
) -> dict[str, Any]:
    return {
        "release_time": release_time, "validated": validated, "withdrawn": withdrawn, "workspace": workspace
    }  # fmt: skip


PUBLIC = rights(datetime(2020, 1, 1, tzinfo=timezone.get_default_timezone()))


def family(**guard: Any) -> Product:  # noqa: ANN401 - rights, passed on
    """One row of each table, all with the same rights; the product of it."""
    number = next(_number)
    target = Target.objects.create(
        main_name=f"star {number}", pi_names=["PI's name"], ra=10.0, dec=-20.0, source="pointing"
    )
    programme = Programme.objects.create(programme=f"0104.C-{number:04d}(A)", pi=f"investigator {number}")
    observation = Observation.objects.create(
        programme=programme,
        obs_id=f"SPHERE.IRDIS.{number}.2015-02-03T05:10:20", group_key=str(number), target=target,
        facility="VLT UT3", instrument="SPHERE", arm="IRDIS", night=date(2015, 2, 2), t_min=57056.2,
        t_max=57056.3, s_ra=10.0, s_dec=-20.0, object_name="PI's name", **guard,
    )  # fmt: skip
    frame = RawFrame.objects.create(
        dp_id=f"SPHER.{number}", accref=f"raw/SPHER.{number}.fits", sha256="0" * 64, path="/nowhere", size=1,
        observation=observation, instrument="SPHERE", frame_class="IRD_SCIENCE_DBI_RAW", category="SCIENCE",
        kind="OBJECT", technique="IMAGE", mjd_obs=57056.2, mjd_end=57056.3, night=date(2015, 2, 2), dit=1.0,
        ndit=1, cards={}, **guard,
    )  # fmt: skip
    MissingCalibration.objects.create(
        observation=observation, sequence=1, number=1, role="flat", calibration="flat",
        wanted="IRD_FLAT_FIELD_RAW", candidates=0, reason="there is none", dit=1.0, n_files=1,
        planned=timezone.now(),
    )  # fmt: skip
    AoCondition.objects.create(raw_frame=frame, mjd=57056.2, **guard)
    process = Process.objects.create(
        recipe="pca", version="1", digest="0" * 64, state="done", started=timezone.now(), host="here",
        parameters={"components": 5}, **guard,
    )  # fmt: skip
    product = Product.objects.create(
        process=process, observation=observation, target=target, target_name=target.main_name,
        accref=f"2015-02-02/x/file_{number}.fits", name=f"file_{number}.fits", size=2048, sha256="0" * 64,
        preview=f"2015-02-02/x/file_{number}.png", kind="image", algorithm="pca", dataproduct_type="image",
        dataproduct_subtype="hci.image", calib_level=3, obs_collection="SPHERE", obs_id=observation.obs_id,
        facility_name="VLT UT3", instrument_name="SPHERE/IRDIS", s_ra=10.0, s_dec=-20.0, s_fov=0.0014,
        s_region=SQUARE, t_min=57056.2, t_max=57056.3, t_exptime=60.0, em_min=1.5e-6, em_max=1.7e-6,
        night=date(2015, 2, 2), ncombine=1, dit=1.0, match_level=0, **guard,
    )  # fmt: skip
    ProcessInput.objects.create(
        process=process, role="cube", name="x", sha256="0" * 64, raw_frame=frame, **guard
    )
    Contrast.objects.create(
        product=product, channel=0, sep_mas=100.0, contrast=1e-5, nsigma=5.0, small_sample=True,
        throughput_corr=True, coronagraph_corr=False, **guard,
    )  # fmt: skip
    Detection.objects.create(
        product=product, candidate=1, channel=0, sep_mas=400.0, pa=30.0, x=1.0, y=2.0, snr=9.0,
        significance=7.0, **guard,
    )  # fmt: skip
    SciencePlane.objects.create(
        product=product, number=0, dp_id=frame.dp_id, plane=0, t_mid=57056.2, kept=True, **guard
    )
    QualityNumber.objects.create(product=product, name="FRAMES KEPT", value=1.0, text="1", **guard)
    return product
