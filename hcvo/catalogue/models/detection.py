"""Candidate companions found in reduced images."""

from django.db import models

from hcvo.catalogue.models.product import Product
from hcvo.catalogue.models.rights import Guarded

__all__ = ["Detection"]


class Detection(Guarded):
    """One candidate in one channel of one reduction."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="detections")
    candidate = models.IntegerField(help_text="number within its list, from 1")
    channel = models.SmallIntegerField(help_text="from 0; -1: channels combined")
    em_mid = models.FloatField(null=True, help_text="m")
    sep_mas = models.FloatField(help_text="mas")
    sep_err = models.FloatField(null=True, help_text="mas")
    pa = models.FloatField(help_text="deg, from ICRS north to east")
    pa_err = models.FloatField(null=True, help_text="deg")
    ra = models.FloatField(null=True, help_text="deg, ICRS")
    dec = models.FloatField(null=True, help_text="deg, ICRS")
    x = models.FloatField(help_text="pixel, from 0")
    y = models.FloatField(help_text="pixel, from 0")
    contrast = models.FloatField(null=True)
    contrast_err = models.FloatField(null=True)
    dmag = models.FloatField(null=True, help_text="mag")
    dmag_err = models.FloatField(null=True, help_text="mag")
    snr = models.FloatField(help_text="t statistic of Mawet et al. 2014, eq. 9")
    significance = models.FloatField(help_text="its Gaussian equivalent")
    false_rate = models.FloatField(
        null=True, help_text="false positives an image at this significance or above, angles mirrored"
    )
    false_rate_max = models.FloatField(null=True, help_text="its upper limit, 95 % confidence")
    n_injections = models.IntegerField(default=0, help_text="injections the errors rest on")
    neg_sep = models.FloatField(null=True, help_text="mas, by a negative companion")
    neg_pa = models.FloatField(null=True, help_text="deg, by a negative companion")
    neg_contrast = models.FloatField(null=True, help_text="by a negative companion")
    neg_differs = models.BooleanField(default=False, help_text="more than 3 errors off the fit")

    class Meta:
        db_table = "detection"
        constraints = (
            models.UniqueConstraint(fields=("product", "candidate", "channel"), name="detection_once"),
        )
        indexes = (models.Index(fields=("significance",), name="detection_significance"),)

    def __str__(self) -> str:
        return f"{self.candidate} at {self.sep_mas:.0f} mas"
