"""Stars and what they are called."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

__all__ = ["PositionSource", "Target"]


class PositionSource(models.TextChoices):
    """Where a target's position comes from."""

    DICTIONARY = "dictionary", "own dictionary"
    SIMBAD = "simbad", "SIMBAD"
    POINTING = "pointing", "telescope pointing"


class Target(models.Model):
    """One star; it has no rights of its own: it is shown with what is public of it."""

    main_name = models.TextField(help_text="name of the dictionary or SIMBAD; the PI's where unresolved")
    names = ArrayField(models.TextField(), default=list, help_text="other names")
    pi_names = ArrayField(models.TextField(), default=list, help_text="names observers gave it")
    ra = models.FloatField(help_text="deg, ICRS at `epoch`")
    dec = models.FloatField(help_text="deg, ICRS at `epoch`")
    epoch = models.FloatField(default=2000.0, help_text="Julian year of the position")
    pm_ra = models.FloatField(null=True, help_text="mas/yr, times cos(dec)")
    pm_dec = models.FloatField(null=True, help_text="mas/yr")
    parallax = models.FloatField(null=True, help_text="mas")
    mag_b = models.FloatField(null=True, help_text="mag, Vega")
    mag_v = models.FloatField(null=True, help_text="mag, Vega")
    mag_r = models.FloatField(null=True, help_text="mag, Vega")
    mag_i = models.FloatField(null=True, help_text="mag, Vega")
    mag_g = models.FloatField(null=True, help_text="mag, Gaia G")
    mag_j = models.FloatField(null=True, help_text="mag, Vega")
    mag_h = models.FloatField(null=True, help_text="mag, Vega")
    mag_k = models.FloatField(null=True, help_text="mag, Vega")
    sp_type = models.TextField(default="", help_text="spectral type")
    age = models.FloatField(null=True, help_text="Myr")
    rv = models.FloatField(null=True, help_text="km/s, radial velocity")
    references = models.JSONField(default=dict, help_text="fact (position, pm, mag_b ...) to its bibcode")
    source = models.TextField(choices=PositionSource.choices)
    pointing_offset = models.FloatField(null=True, help_text="arcsec, pointing to catalogue position")
    flag = models.TextField(default="", help_text="what is doubtful about the identification")

    class Meta:
        db_table = "target"
        constraints = (
            models.UniqueConstraint(
                fields=("main_name",),
                condition=~models.Q(source="pointing"),
                name="target_main_name_resolved",
            ),
        )
        indexes = (
            models.Index(fields=("main_name",), name="target_main_name"),
            GinIndex(fields=("pi_names",), name="target_pi_names"),
        )

    def __str__(self) -> str:
        return self.main_name
