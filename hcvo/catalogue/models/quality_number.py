"""Numbers of quality control of products, as their headers have them."""

from django.db import models

from hcvo.catalogue.models.product import Product
from hcvo.catalogue.models.rights import Guarded

__all__ = ["QualityNumber"]


class QualityNumber(Guarded):
    """One number or word of one product."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="quality")
    name = models.TextField(help_text="e.g. FRAMES KEPT")
    value = models.FloatField(null=True, help_text="its number; 1 or 0 for yes or no; null for a word")
    text = models.TextField(help_text="as a reader sees it")
    unit = models.TextField(default="")
    meaning = models.TextField(default="")

    class Meta:
        db_table = "quality_number"
        constraints = (models.UniqueConstraint(fields=("product", "name"), name="quality_number_once"),)
        indexes = (models.Index(fields=("name", "value"), name="quality_number_value"),)

    def __str__(self) -> str:
        return f"{self.name} {self.text}"
