"""Facts of a level 1 cube as a test's starting point."""

from hcvo.model.product import ProductFacts, ProductKind

__all__ = ["FACTS"]

FACTS = ProductFacts(
    kind=ProductKind.CUBE,
    level=2,
    instrument="SPHERE",
    telescope="ESO-VLT-U3",
    arm="IRDIS",
    algorithm="l1",
    filter="DB_H23",
    obs_id="SPHERE.IRDIS.4711.2018-04-21T03:26:29",
    target_name="PLANTED 1",
    ra_deg=197.928,
    dec_deg=-37.404,
    programme="099.C-0001(A)",
    ob_id=4711,
    night="2018-04-20",
    mjd_start=58229.14,
    mjd_end=58229.18,
    exptime_s=3072.0,
    dit_s=32.0,
    ncombine=4,
    wavelength_min_nm=1566.0,
    wavelength_max_nm=1694.0,
    pixel_scale_mas=12.25,
    fwhm_mas=49.0,
    coronagraph="N_ALC_YJH_S",
    derotator_mode="ELEV",
    technique="IMAGE,DUAL,CORONOGRAPHY",
    field_rotation_deg=41.5,
    match_level=0,
    process_id=12,
    recipe="ird_level1",
    recipe_version="0.1.0",
    provenance=("SPHER.2018-04-21T03:26:29.634",),
    axes="channel,time,y,x",
    unit="adu",
)
