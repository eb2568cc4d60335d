"""Raw frames, with every card of their headers."""

from django.db import models

from hcvo.catalogue.models.observation import Observation
from hcvo.catalogue.models.rights import Guarded

__all__ = ["RawFrame"]


class RawFrame(Guarded):
    """One raw FITS file."""

    dp_id = models.TextField(unique=True, help_text="ESO's identifier: ARCFILE without .fits")
    accref = models.TextField(unique=True, help_text="access key under which DaCHS serves it")
    sha256 = models.CharField(max_length=64)
    path = models.TextField(help_text="where the file lies, absolute")
    size = models.BigIntegerField(help_text="byte")
    observation = models.ForeignKey(Observation, on_delete=models.PROTECT, null=True, related_name="frames")
    instrument = models.TextField()
    arm = models.TextField(default="")
    frame_class = models.TextField(help_text="tag of the classification rules")
    category = models.TextField()
    kind = models.TextField()
    technique = models.TextField()
    mjd_obs = models.FloatField(help_text="MJD, UTC")
    mjd_end = models.FloatField(help_text="MJD, UTC")
    night = models.DateField()
    dit = models.FloatField(help_text="s")
    ndit = models.IntegerField()
    filter = models.TextField(default="")
    nd_filter = models.TextField(default="")
    coronagraph = models.TextField(default="")
    derotator_mode = models.TextField(default="")
    readout = models.TextField(default="")
    ob_id = models.BigIntegerField(null=True)
    programme = models.TextField(default="")
    object_name = models.TextField(default="", help_text="target as the PI named it")
    ra = models.FloatField(null=True, help_text="deg, ICRS, pointing")
    dec = models.FloatField(null=True, help_text="deg, ICRS, pointing")
    at_eso = models.BooleanField(default=True, help_text="ESO's archive has the file; false when simulated")
    cards = models.JSONField(help_text="every card of the primary header")
    ingested = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "raw_frame"
        indexes = (
            models.Index(fields=("night", "frame_class"), name="raw_frame_night_class"),
            models.Index(fields=("mjd_obs",), name="raw_frame_mjd_obs"),
            models.Index(fields=("sha256",), name="raw_frame_sha256"),
        )

    def __str__(self) -> str:
        return self.dp_id
