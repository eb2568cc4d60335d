"""Contrast curves: one row per reduction, channel and separation."""

from django.db import models

from hcvo.catalogue.models.product import Product
from hcvo.catalogue.models.rights import Guarded

__all__ = ["Contrast"]


class Contrast(Guarded):
    """One point of a contrast curve."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="contrasts")
    channel = models.SmallIntegerField(help_text="from 0; -1: channels combined")
    em_mid = models.FloatField(null=True, help_text="m")
    sep_mas = models.FloatField(help_text="mas")
    contrast = models.FloatField(null=True, help_text="companion over star in the same channel")
    dmag = models.FloatField(null=True, help_text="mag")
    nsigma = models.FloatField()
    dof = models.FloatField(null=True, help_text="degrees of freedom of the t statistic")
    throughput = models.FloatField(null=True)
    small_sample = models.BooleanField(help_text="corrected for small samples (Mawet et al. 2014)")
    throughput_corr = models.BooleanField(help_text="corrected for self-subtraction")
    coronagraph_corr = models.BooleanField(help_text="corrected for the coronagraph's transmission")

    class Meta:
        db_table = "contrast"
        constraints = (
            models.UniqueConstraint(fields=("product", "channel", "sep_mas"), name="contrast_once"),
        )
        indexes = (models.Index(fields=("sep_mas", "contrast"), name="contrast_sep"),)

    def __str__(self) -> str:
        return f"{self.sep_mas:.0f} mas: {self.contrast}"
