"""Product files with every fact ObsCore asks for."""

from django.contrib.postgres.indexes import GistIndex
from django.db import models

from hcvo.catalogue.fields import PolygonField, RealField
from hcvo.catalogue.models.observation import Observation
from hcvo.catalogue.models.process import Process
from hcvo.catalogue.models.rights import Guarded
from hcvo.catalogue.models.target import Target

__all__ = ["Product"]


class Product(Guarded):
    """One file of the store; immutable, as its file is."""

    process = models.ForeignKey(Process, on_delete=models.PROTECT, related_name="products")
    observation = models.ForeignKey(Observation, on_delete=models.PROTECT, null=True, related_name="products")
    target = models.ForeignKey(Target, on_delete=models.PROTECT, null=True)
    accref = models.TextField(unique=True, help_text="path below the store")
    name = models.TextField(unique=True, help_text="file name")
    size = models.BigIntegerField(help_text="byte")
    sha256 = models.CharField(max_length=64)
    mime = models.TextField(default="image/fits")
    preview = models.TextField(default="", help_text="accref of its PNG")
    made = models.DateTimeField(auto_now_add=True)

    kind = models.TextField(help_text="cube, residual, snr ...")
    algorithm = models.TextField()
    dataproduct_type = models.TextField()
    dataproduct_subtype = models.TextField()
    calib_level = models.SmallIntegerField()
    obs_collection = models.TextField()
    obs_id = models.TextField(help_text="as in the file's header")
    object_name = models.TextField(default="", help_text="target as the PI named it")
    target_name = models.TextField(default="")
    facility_name = models.TextField()
    instrument_name = models.TextField()

    s_ra = models.FloatField(null=True, help_text="deg, ICRS")
    s_dec = models.FloatField(null=True, help_text="deg, ICRS")
    s_fov = RealField(null=True, help_text="deg, diameter")
    s_region = PolygonField(null=True)
    s_resolution = models.FloatField(null=True, help_text="arcsec")
    s_pixel_scale = models.FloatField(null=True, help_text="arcsec")
    s_xel1 = models.BigIntegerField(default=-1)
    s_xel2 = models.BigIntegerField(default=-1)
    t_min = models.FloatField(help_text="MJD, UTC")
    t_max = models.FloatField(help_text="MJD, UTC")
    t_exptime = models.FloatField(help_text="s")
    t_resolution = models.FloatField(null=True, help_text="s")
    t_xel = models.BigIntegerField(default=-1)
    em_min = RealField(null=True, help_text="m")
    em_max = RealField(null=True, help_text="m")
    em_res_power = models.FloatField(null=True)
    em_xel = models.BigIntegerField(default=-1)
    o_ucd = models.TextField(default="")
    o_unit = models.TextField(default="")
    pol_states = models.TextField(null=True)  # noqa: DJ001 - ObsCore wants NULL for 'no polarimetry'
    pol_xel = models.BigIntegerField(default=0)

    filter = models.TextField(default="")
    coronagraph = models.TextField(default="")
    derotator_mode = models.TextField(default="")
    technique = models.TextField(default="")
    programme = models.TextField(default="")
    ob_id = models.BigIntegerField(null=True)
    night = models.DateField()
    ncombine = models.IntegerField()
    dit = models.FloatField(help_text="s")
    field_rotation = models.FloatField(null=True, help_text="deg")
    match_level = models.SmallIntegerField(help_text="0 calibration plan ... 3 risk")
    contrast_0p1 = models.FloatField(null=True, help_text="5 sigma contrast at 0.1 arcsec")
    contrast_0p2 = models.FloatField(null=True, help_text="5 sigma contrast at 0.2 arcsec")
    contrast_0p5 = models.FloatField(null=True, help_text="5 sigma contrast at 0.5 arcsec")
    contrast_1p0 = models.FloatField(null=True, help_text="5 sigma contrast at 1 arcsec")
    seeing = models.FloatField(null=True, help_text="arcsec, mean over its planes")
    tau0 = models.FloatField(null=True, help_text="s, mean over its planes")
    strehl = models.FloatField(null=True, help_text="at 1.6 um, mean over its planes")
    axes = models.TextField(default="", help_text="slowest first")

    class Meta:
        db_table = "product"
        indexes = (
            models.Index(fields=("obs_id",), name="product_obs_id"),
            models.Index(fields=("t_min",), name="product_t_min"),
            models.Index(fields=("em_min",), name="product_em_min"),
            models.Index(fields=("target_name",), name="product_target_name"),
            models.Index(fields=("kind",), name="product_kind"),
            GistIndex(fields=("s_region",), name="product_s_region"),
        )

    def __str__(self) -> str:
        return self.accref
