"""Planes of level 1 cubes: where the star stood, how good each is, whether it was kept."""

from django.db import models

from hcvo.catalogue.models.product import Product
from hcvo.catalogue.models.rights import Guarded

__all__ = ["SciencePlane"]


class SciencePlane(Guarded):
    """One time plane of a cube."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="planes")
    number = models.IntegerField(help_text="along the cube's time axis, from 0")
    dp_id = models.TextField(help_text="raw file")
    plane = models.IntegerField(help_text="plane of the raw file, from 0")
    t_mid = models.FloatField(help_text="MJD, UTC, middle of the integration")
    angle = models.FloatField(null=True, help_text="deg, derotation to the north of ICRS")
    smear = models.FloatField(null=True, help_text="deg, turned during the integration")
    star_x = models.FloatField(null=True, help_text="pixel, from 0, first channel")
    star_y = models.FloatField(null=True, help_text="pixel, from 0, first channel")
    star_err = models.FloatField(null=True, help_text="pixel, each axis")
    method = models.TextField(default="", help_text="how the star was found")
    residual = models.FloatField(null=True, help_text="pixel, wander against the median plane")
    flux = models.FloatField(null=True, help_text="star's light over its median, mean of the channels")
    halo = models.FloatField(null=True, help_text="adu a pixel, mean of the channels")
    halo_width = models.FloatField(null=True, help_text="pixel")
    background = models.FloatField(null=True, help_text="adu, mean of the channels")
    strehl = models.FloatField(null=True, help_text="at 1.6 um, telemetry")
    seeing = models.FloatField(null=True, help_text="arcsec, telemetry")
    tau0 = models.FloatField(null=True, help_text="s, telemetry")
    wind_speed = models.FloatField(null=True, help_text="m/s, telemetry")
    kept = models.BooleanField(help_text="used by level 2")
    reason = models.TextField(default="", help_text="what speaks against it")

    class Meta:
        db_table = "science_plane"
        constraints = (models.UniqueConstraint(fields=("product", "number"), name="science_plane_once"),)
        indexes = (models.Index(fields=("t_mid",), name="science_plane_t_mid"),)

    def __str__(self) -> str:
        return f"{self.dp_id} plane {self.plane}"
