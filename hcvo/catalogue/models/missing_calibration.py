"""Calibrations that an observation's plan wanted and that are not there."""

from django.db import models

from hcvo.catalogue.models.observation import Observation

__all__ = ["MissingCalibration"]


class MissingCalibration(models.Model):
    """One calibration that one sequence lacks, as last planned; it is as public as its observation."""

    observation = models.ForeignKey(
        Observation, on_delete=models.CASCADE, related_name="missing_calibrations"
    )
    sequence = models.SmallIntegerField(help_text="which of the observation's sequences, by time, from 1")
    number = models.SmallIntegerField(help_text="among those of the sequence, from 1")
    role = models.TextField(help_text="what for, e.g. background")
    calibration = models.TextField(help_text="the same in words")
    wanted = models.TextField(help_text="classes of frames that would serve, best first")
    level = models.SmallIntegerField(null=True, help_text="match level reached without it; null: refused")
    candidates = models.IntegerField(help_text="groups of those classes that were looked at")
    differs = models.TextField(default="", help_text="in what the nearest of them do not fit")
    reason = models.TextField(help_text="in words, with the names of frames, which may be private")
    filter = models.TextField(default="")
    nd_filter = models.TextField(default="")
    coronagraph = models.TextField(default="")
    dit = models.FloatField(help_text="s, of the frames it would calibrate")
    n_files = models.IntegerField(help_text="science files of the sequence")
    planned = models.DateTimeField(help_text="when it was found missing")

    class Meta:
        db_table = "missing_calibration"
        constraints = (
            models.UniqueConstraint(
                fields=("observation", "sequence", "number"), name="missing_calibration_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.role} of {self.observation_id}"
