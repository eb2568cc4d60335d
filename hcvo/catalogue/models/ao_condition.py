"""What the adaptive optics saw."""

from django.db import models

from hcvo.catalogue.models.raw_frame import RawFrame
from hcvo.catalogue.models.rights import Guarded

__all__ = ["AoCondition"]


class AoCondition(Guarded):
    """One sample of SPARTA's atmospheric telemetry."""

    raw_frame = models.ForeignKey(RawFrame, on_delete=models.CASCADE, related_name="ao_conditions")
    mjd = models.FloatField(help_text="MJD, UTC")
    r0 = models.FloatField(null=True, help_text="m, at 500 nm")
    wind_speed = models.FloatField(null=True, help_text="m/s")
    seeing = models.FloatField(null=True, help_text="arcsec, 0.98 * 500 nm / r0")
    tau0 = models.FloatField(null=True, help_text="s, 0.314 r0 / wind speed")
    strehl = models.FloatField(null=True, help_text="at 1.6 um")

    class Meta:
        db_table = "ao_condition"
        constraints = (models.UniqueConstraint(fields=("raw_frame", "mjd"), name="ao_condition_once"),)
        indexes = (models.Index(fields=("mjd",), name="ao_condition_mjd"),)

    def __str__(self) -> str:
        return f"MJD {self.mjd:.5f}"
