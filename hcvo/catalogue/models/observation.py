"""Observations: one per arm and start of an observing block."""

from django.db import models

from hcvo.catalogue.models.rights import Guarded
from hcvo.catalogue.models.target import Target

__all__ = ["Observation", "Programme"]


class Programme(models.Model):
    """An observing programme."""

    programme = models.TextField(primary_key=True, help_text="e.g. 0104.C-0418(A)")
    title = models.TextField(default="")
    pi = models.TextField(default="", help_text="principal investigator")

    class Meta:
        db_table = "programme"

    def __str__(self) -> str:
        return self.programme


class Observation(Guarded):
    """One observing sequence: all frames of one arm in one execution of one OB."""

    obs_id = models.TextField(unique=True, help_text="name that all its products share")
    group_key = models.TextField(
        unique=True, help_text="instrument, arm, OB and its start: what groups frames"
    )
    target = models.ForeignKey(Target, on_delete=models.PROTECT, related_name="observations")
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, null=True)
    object_name = models.TextField(default="", help_text="target as the PI named it")
    facility = models.TextField(help_text="telescope, e.g. VLT UT3")
    instrument = models.TextField()
    arm = models.TextField(default="")
    night = models.DateField(help_text="local date at which the night began")
    filter = models.TextField(default="")
    coronagraph = models.TextField(default="")
    derotator_mode = models.TextField(default="")
    technique = models.TextField(default="")
    ob_id = models.BigIntegerField(null=True)
    t_min = models.FloatField(help_text="MJD, UTC, start of its first frame")
    t_max = models.FloatField(help_text="MJD, UTC, end of its last frame")
    t_exptime = models.FloatField(default=0.0, help_text="s, sum over its science frames")
    n_frames = models.IntegerField(default=0, help_text="raw files")
    n_science = models.IntegerField(default=0, help_text="raw files of its science frames")
    s_ra = models.FloatField(null=True, help_text="deg, ICRS, star at the epoch of observation")
    s_dec = models.FloatField(null=True, help_text="deg, ICRS, star at the epoch of observation")

    class Meta:
        db_table = "observation"
        indexes = (
            models.Index(fields=("night",), name="observation_night"),
            models.Index(fields=("t_min",), name="observation_t_min"),
            models.Index(fields=("ob_id",), name="observation_ob_id"),
        )

    def __str__(self) -> str:
        return self.obs_id
