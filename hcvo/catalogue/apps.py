"""The catalogue as a Django app."""

from django.apps import AppConfig

__all__ = ["CatalogueConfig"]


class CatalogueConfig(AppConfig):
    """Tables of the schema ``archive``."""

    name = "hcvo.catalogue"
    label = "catalogue"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "catalogue of frames, observations, processes and products"
